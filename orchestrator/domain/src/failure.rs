//! What can go wrong: whose fault it is, whether trying again may help, what happened and what to do.

use serde::{Deserialize, Serialize};

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// What was asked for can't be done as it was asked.
    Request,
    /// The room or page that was to be recorded.
    Room,
    /// Where the recording was to go.
    Destination,
    /// The machine that records, or Wallflower itself.
    Platform,
}

/// What kind of thing went wrong. Fault, retryability, exit code and label all follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The request contradicts itself or asks for the impossible.
    BadRequest,
    /// The room does not let us in with these credentials.
    RoomRefused,
    /// The room or page can't be reached.
    RoomUnreachable,
    /// The page answered, but with an error, or said that it failed.
    PageFailed,
    /// The page did not say `ready` in time.
    NoStartSignal,
    /// The page's main thread stopped answering.
    PageHung,
    /// The output can't be written.
    DestinationUnwritable,
    /// No space is left for the recording.
    DiskFull,
    /// The store for uploads does not take them: wrong credentials, no such bucket, not allowed.
    UploadRefused,
    /// The store for uploads can't be reached, or fails.
    UploadFailed,
    /// A program that the agent needs is not installed.
    ProgramMissing,
    /// Browser, display, sound server or encoder did not start, or died.
    ProgramDied,
    /// The agent vanished without a word.
    AgentLost,
    /// A mistake of ours.
    Internal,
}

impl FailureKind {
    /// Whose fault this is.
    pub fn fault(self) -> Fault {
        match self {
            Self::BadRequest | Self::RoomRefused | Self::UploadRefused => Fault::Request,
            Self::RoomUnreachable | Self::PageFailed | Self::NoStartSignal | Self::PageHung => Fault::Room,
            Self::DestinationUnwritable | Self::DiskFull | Self::UploadFailed => Fault::Destination,
            Self::ProgramMissing | Self::ProgramDied | Self::AgentLost | Self::Internal => Fault::Platform,
        }
    }

    /// Whether the same request may succeed when it is tried again unchanged.
    pub fn retryable(self) -> bool {
        match self {
            Self::RoomUnreachable
            | Self::NoStartSignal
            | Self::PageHung
            | Self::DiskFull
            | Self::UploadFailed
            | Self::ProgramDied
            | Self::AgentLost => true,
            Self::BadRequest
            | Self::RoomRefused
            | Self::PageFailed
            | Self::DestinationUnwritable
            | Self::UploadRefused
            | Self::ProgramMissing
            | Self::Internal => false,
        }
    }
}

impl Fault {
    /// Exit code of a command that ends with this fault.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Platform => 1,
            Self::Request => 2,
            Self::Room => 3,
            Self::Destination => 4,
        }
    }
}

/// What the page had to say for itself when it failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PageEvidence {
    /// The last lines of its console, oldest first.
    pub console: Vec<String>,
    /// Requests that failed, with the reason. Query strings are cut: they may hold tokens.
    pub failed_requests: Vec<String>,
    /// Path of a picture of the display.
    pub screenshot: Option<String>,
}

/// Something went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "FailureDetail"))]
pub struct Failure {
    /// What kind of thing.
    pub kind: FailureKind,
    /// One sentence for a person: what happened, and what to do.
    pub message: String,
    /// What the page said, when it is about the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Box<PageEvidence>>,
}

impl Failure {
    /// A failure without evidence.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), evidence: None }
    }

    /// The same failure with what the page said.
    pub fn with_evidence(self, evidence: PageEvidence) -> Self {
        Self { evidence: Some(Box::new(evidence)), ..self }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        self.kind.fault()
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

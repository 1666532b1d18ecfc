//! What comes of an upload.

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::timeline::Upload;

/// A file that is where it was to be uploaded to, and was found to be whole there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uploaded {
    /// Where; without secrets.
    pub url: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal digits, computed while it was read here.
    pub sha256: String,
    /// How the store's copy was compared with ours.
    pub verified_by: VerifiedBy,
}

impl From<&Uploaded> for Upload {
    fn from(uploaded: &Uploaded) -> Self {
        Self {
            url: uploaded.url.clone(),
            bytes: uploaded.bytes,
            checksum: Some(format!("sha256:{}", uploaded.sha256)),
            verified: true,
        }
    }
}

/// How a store's copy was found to be equal to ours, beyond its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifiedBy {
    /// The store's entity tag is the MD5 of the content, or of its parts' MD5s.
    EntityTag,
    /// The store computed each part's SHA-256 itself, and they are ours.
    PartChecksums,
    /// The store's copy was read back, and its SHA-256 is ours.
    ReadBack,
}

impl std::fmt::Display for VerifiedBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::EntityTag => "verified by its entity tag",
            Self::PartChecksums => "verified by its parts' checksums",
            Self::ReadBack => "verified by reading it back",
        })
    }
}

/// How one file's way to one destination goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadReport {
    /// The destination, as it was asked for.
    pub destination: String,
    /// Name of the file.
    pub name: String,
    /// How it goes.
    pub state: UploadState,
}

/// How an upload goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum UploadState {
    /// It waits for its turn, with others.
    Queued {
        /// How many wait.
        files: usize,
    },
    /// So much of it is there.
    Sending {
        /// Bytes that the store has.
        sent: u64,
        /// Size of the file.
        bytes: u64,
    },
    /// The store does not answer as it should; it is tried again.
    Retrying {
        /// What happened, as a sentence.
        reason: String,
    },
    /// It is there.
    Done {
        /// What.
        uploaded: Uploaded,
    },
    /// It was given up for now. The file is kept.
    Failed {
        /// Why.
        failure: Failure,
    },
}

//! Between a running recording and whoever controls it from the same machine, over the recording's control socket.
//!
//! ```text
//! client ── ControlRequest, one line of JSON ──▶ wallflower record
//!        ◀── Answer, one line of JSON ──────────
//! ```
//!
//! As many requests as one likes over one connection, answered in their order. An order is answered once it has taken effect:
//!
//! ```text
//! {"request":"status"}                                         {"ok":{"id":"0192…","state":"recording","version":3,…}}
//! {"request":"status","after_version":3}                       … once the version is higher, or a while later as it is
//! {"request":"do","command":{"command":"pause","mode":"cut"}}  {"ok":{"id":"0192…"}}
//! {"request":"do","command":{"command":"add_stream","url":…}}  {"ok":{"id":"0192…","stream":"s2"}}
//! {"request":"do","command":{"command":"resume"}}              {"error":{"kind":"bad_request","message":"…"}}
//! ```

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, FailureKind};
use crate::look::LookChange;
use crate::output::Output;
use crate::recording::Recording;
use crate::wire::agent::{AgentCommand, AgentEvent, PauseMode, Progress, StreamReport, StreamState};

/// A longer line is no request.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;
/// A longer line is no answer.
pub const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Markers and streams of the past are forgotten beyond this.
const REMEMBERED: usize = 100;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum ControlRequest {
    /// How the recording is: answered by a [`Status`].
    Status {
        /// Wait for a version after this one, for a while.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after_version: Option<u64>,
    },
    /// Order something: answered by [`Done`].
    Do {
        /// What. A stream gets its id from whoever answers.
        command: AgentCommand,
    },
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer<T> {
    /// What was asked for.
    Ok(T),
    /// Why there is none.
    Error(Failure),
}

impl<T> From<Result<T, Failure>> for Answer<T> {
    fn from(result: Result<T, Failure>) -> Self {
        match result {
            Ok(what) => Self::Ok(what),
            Err(failure) => Self::Error(failure),
        }
    }
}

impl<T> From<Answer<T>> for Result<T, Failure> {
    fn from(answer: Answer<T>) -> Self {
        match answer {
            Answer::Ok(what) => Ok(what),
            Answer::Error(failure) => Err(failure),
        }
    }
}

/// An order has taken effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Id of the recording.
    pub id: String,
    /// Id of the stream that was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
}

/// A recording that runs, as far as others may know: no secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Id, state, version, and how it ended.
    #[serde(flatten)]
    pub recording: Recording,
    /// What is recorded.
    pub room: String,
    /// Where it goes.
    pub outputs: Vec<Output>,
    /// Absolute path of the directory in which it is kept until everything is delivered.
    pub spool: String,
    /// Process id of the command that owns it.
    pub process: u32,
    /// When that began, in microseconds since 1970 UTC.
    pub launched_unix_us: i64,
    /// Address of its metrics, if it serves them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<String>,
    /// What has happened.
    #[serde(flatten)]
    pub course: Course,
}

/// What has happened in a recording, from its agents' events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// When the first frame was captured, in microseconds since 1970 UTC.
    pub first_frame_unix_us: Option<i64>,
    /// How it is paused.
    pub paused: Option<PauseMode>,
    /// Silence is recorded.
    pub muted: bool,
    /// How the capture goes; counted over all agents.
    pub progress: Option<Progress>,
    /// How often something died or hung.
    pub interruptions: u32,
    /// Seconds in which nothing could be captured; about, until the recording is delivered.
    pub gap_s: f64,
    /// Live streams as they were last heard of, in the order in which they were asked for.
    pub streams: Vec<StreamReport>,
    /// Markers, oldest first.
    pub markers: Vec<Marker>,
    /// How the look was changed, but for the theme.
    #[serde(default, skip_serializing_if = "LookChange::is_empty")]
    pub look: LookChange,
    /// What agents before this one counted.
    #[serde(default)]
    before: Progress,
    /// When media was last heard of, in microseconds since 1970 UTC.
    #[serde(default)]
    last_media_unix_us: Option<i64>,
}

/// A marker on the timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Marker {
    /// Its title.
    pub label: String,
    /// Where, in seconds of media.
    pub media_s: f64,
}

impl Course {
    /// Takes in what an agent has said. `now_unix_us` is the time, in microseconds since 1970 UTC.
    pub fn hear(&mut self, event: &AgentEvent, now_unix_us: i64) {
        match event {
            AgentEvent::Started { first_frame_unix_us, .. } => {
                self.first_frame_unix_us.get_or_insert(*first_frame_unix_us);
                if let Some(last) = self.last_media_unix_us {
                    self.gap_s += seconds(first_frame_unix_us.saturating_sub(last).max(0));
                }
                self.last_media_unix_us = Some(*first_frame_unix_us);
            }
            AgentEvent::Progress { progress } => {
                self.last_media_unix_us = Some(now_unix_us);
                self.progress = Some(in_the_whole(self.before, *progress));
            }
            AgentEvent::Interrupted { failure } => {
                self.interruptions += 1;
                if failure.kind == FailureKind::AgentLost {
                    self.before = self.progress.unwrap_or_default();
                }
            }
            AgentEvent::Paused { mode } => self.paused = Some(*mode),
            AgentEvent::Resumed => self.paused = None,
            AgentEvent::Muted { muted } => self.muted = *muted,
            AgentEvent::Marked { label, media_s } => {
                self.markers.push(Marker { label: label.clone(), media_s: *media_s });
                if self.markers.len() > REMEMBERED {
                    self.markers.remove(0);
                }
            }
            AgentEvent::Stream { stream } => self.stream(stream),
            AgentEvent::Looks { change } => {
                self.look.then(change);
                self.look.theme = None;
            }
            AgentEvent::Finished { delivery: Some(delivery), .. } => {
                self.gap_s = delivery.gaps.iter().map(|gap| gap.length_s).sum();
            }
            AgentEvent::Stopping { .. }
            | AgentEvent::Finalizing
            | AgentEvent::Joining
            | AgentEvent::Alive
            | AgentEvent::Answered { .. }
            | AgentEvent::Frozen { .. }
            | AgentEvent::Upload { .. }
            | AgentEvent::Room { .. }
            | AgentEvent::Warning { .. }
            | AgentEvent::Finished { delivery: None, .. } => {}
        }
    }

    /// Live streams that go somewhere, and streams that are wanted.
    pub fn streams_live_and_wanted(&self) -> (usize, usize) {
        let count = |is: fn(StreamState) -> bool| self.streams.iter().filter(|stream| is(stream.state)).count();
        (count(|state| state == StreamState::Live), count(|state| state != StreamState::Ended))
    }

    fn stream(&mut self, report: &StreamReport) {
        match self.streams.iter_mut().find(|known| known.id == report.id) {
            Some(known) => known.clone_from(report),
            None => self.streams.push(report.clone()),
        }
        if self.streams.len() > REMEMBERED
            && let Some(past) = self.streams.iter().position(|stream| stream.state == StreamState::Ended)
        {
            self.streams.remove(past);
        }
    }
}

/// Each agent counts from zero.
fn in_the_whole(before: Progress, own: Progress) -> Progress {
    Progress {
        frames: before.frames + own.frames,
        dropped: before.dropped + own.dropped,
        duplicated: before.duplicated + own.duplicated,
        unique: before.unique + own.unique,
        bytes: before.bytes + own.bytes,
        ..own
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a recording are far below 2^52")]
fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::EndReason;

    fn progress(media_s: f64, frames: u64) -> AgentEvent {
        AgentEvent::Progress { progress: Progress { media_s, frames, bytes: frames * 10, ..Progress::default() } }
    }

    fn started(first_frame_unix_us: i64) -> AgentEvent {
        AgentEvent::Started { attempt: 1, first_frame_unix_us, start_latency_ms: 0 }
    }

    fn stream(id: &str, state: StreamState) -> AgentEvent {
        AgentEvent::Stream {
            stream: StreamReport {
                id: id.to_owned(),
                address: "rtmp://host/app/****".to_owned(),
                state,
                sent_s: 0.0,
                bytes: 0,
                missed_s: 0.0,
                retries: 0,
                trouble: None,
            },
        }
    }

    #[test]
    fn requests_and_answers_are_the_words_of_the_agent() {
        let request = r#"{"request":"do","command":{"command":"pause","mode":"hold"}}"#;
        let parsed: ControlRequest = serde_json::from_str(request).expect("valid");
        assert_eq!(parsed, ControlRequest::Do { command: AgentCommand::Pause { mode: PauseMode::Hold } });
        assert_eq!(serde_json::to_string(&parsed).expect("JSON"), request);
        let status: ControlRequest = serde_json::from_str(r#"{"request":"status"}"#).expect("valid");
        assert_eq!(status, ControlRequest::Status { after_version: None });
        assert!(serde_json::from_str::<ControlRequest>(r#"{"request":"status","after":3}"#).is_err());
        let answer = Answer::Ok(Done { id: "r".into(), stream: Some("s2".into()) });
        assert_eq!(serde_json::to_string(&answer).expect("JSON"), r#"{"ok":{"id":"r","stream":"s2"}}"#);
        let refused: Answer<Done> = Answer::Error(Failure::new(FailureKind::BadRequest, "No."));
        let text = serde_json::to_string(&refused).expect("JSON");
        assert_eq!(text, r#"{"error":{"kind":"bad_request","message":"No."}}"#);
    }

    #[test]
    fn a_status_survives_the_way_over_the_socket() {
        let mut course = Course::default();
        for event in [started(5), progress(1.0, 30), stream("s1", StreamState::Live)] {
            course.hear(&event, 1_000_005);
        }
        let status = Status {
            recording: Recording::new("r"),
            room: "demo:lobby".into(),
            outputs: vec![Output::File { path: "/a.mp4".into() }],
            spool: "/.a".into(),
            process: 7,
            launched_unix_us: 1,
            metrics: Some("http://127.0.0.1:9464/metrics".into()),
            course: Course { before: Progress::default(), last_media_unix_us: None, ..course },
        };
        let text = serde_json::to_string(&status).expect("JSON");
        assert!(text.starts_with(r#"{"id":"r","state":"starting","version":1"#), "{text}");
        assert_eq!(serde_json::from_str::<Status>(&text).expect("valid"), status);
    }

    fn interrupted(kind: FailureKind) -> AgentEvent {
        AgentEvent::Interrupted { failure: Failure::new(kind, "x") }
    }

    #[test]
    fn frames_are_counted_over_all_agents() {
        let mut course = Course::default();
        let mut total_after = |event: AgentEvent| {
            course.hear(&event, 0);
            course.progress.map(|whole| (whole.frames, whole.bytes))
        };
        assert_eq!(total_after(progress(1.0, 30)), Some((30, 300)));
        // The agent itself goes on counting.
        assert_eq!(total_after(interrupted(FailureKind::ProgramDied)), Some((30, 300)));
        assert_eq!(total_after(progress(2.0, 60)), Some((60, 600)));
        assert_eq!(total_after(interrupted(FailureKind::AgentLost)), Some((60, 600)));
        assert_eq!(total_after(progress(3.0, 70)), Some((130, 1300)));
        assert_eq!(total_after(interrupted(FailureKind::AgentLost)), Some((130, 1300)));
        assert_eq!(total_after(progress(4.0, 5)), Some((135, 1350)));
    }

    #[test]
    fn a_gap_lasts_from_the_last_media_to_the_next_first_frame() {
        let mut course = Course::default();
        let second = 1_000_000;
        course.hear(&started(0), second / 2);
        course.hear(&progress(10.0, 300), 10 * second);
        course.hear(&interrupted(FailureKind::ProgramDied), 11 * second);
        course.hear(&started(13 * second), 14 * second);
        assert_eq!((course.interruptions, course.gap_s, course.first_frame_unix_us), (1, 3.0, Some(0)));
        // An attempt that dies before it tells of any media.
        course.hear(&interrupted(FailureKind::ProgramDied), 14 * second);
        course.hear(&started(15 * second), 16 * second);
        assert_eq!((course.interruptions, course.gap_s), (2, 5.0));
        let delivery = serde_json::json!({
            "outputs": [], "manifest": null, "duration_s": 1.0, "frames": 30, "usage": null,
            "gaps": [{"at_s": 10.0, "length_s": 4.5, "reason": "x"}],
        });
        let delivery = serde_json::from_value(delivery).expect("valid");
        let end = EndReason::Stopped;
        course.hear(&AgentEvent::Finished { end, failure: None, delivery: Some(delivery) }, 20 * second);
        assert_eq!(course.gap_s, 4.5, "the delivery knows it exactly");
    }

    #[test]
    fn what_live_control_does_is_kept_and_bounded() {
        let mut course = Course::default();
        course.hear(&AgentEvent::Paused { mode: PauseMode::Hold }, 0);
        course.hear(&AgentEvent::Muted { muted: true }, 0);
        assert_eq!((course.paused, course.muted), (Some(PauseMode::Hold), true));
        course.hear(&AgentEvent::Resumed, 0);
        assert_eq!(course.paused, None);
        course.hear(&stream("s0", StreamState::Waiting), 0);
        course.hear(&stream("live", StreamState::Live), 0);
        for number in 1..300_u32 {
            course.hear(&stream(&format!("s{number}"), StreamState::Ended), 0);
            course.hear(&AgentEvent::Marked { label: format!("m{number}"), media_s: f64::from(number) }, 0);
        }
        assert_eq!(course.streams_live_and_wanted(), (1, 2));
        assert_eq!((course.streams.len(), course.markers.len()), (100, 100));
        assert_eq!(course.markers.last().expect("there are some").label, "m299");
    }
}

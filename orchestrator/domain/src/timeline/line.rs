//! One line of `events.jsonl`.

use serde::{Deserialize, Serialize};

use crate::layout::Layout;
use crate::look::LookChange;
use crate::recording::EndReason;
use crate::wire::agent::{PauseMode, StreamState};
use crate::wire::page::RoomEvent;

/// One thing that happened: a line of JSON such as `{"media_s":12.5,"unix_us":1700000012500000,"event":"muted"}`.
///
/// Lines are appended and flushed as things happen, in the order in which they do. What was being written when the writer was killed
/// is a line that [`read`] leaves out; whoever writes on begins with a newline when the file does not end with one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Seconds from the recording's first frame; absent before there is one. By the wall clock while recording, and by the finished
    /// file in what is delivered: see [`super::Timeline`].
    pub media_s: Option<f64>,
    /// Microseconds since 1970 UTC, by the clock that stamps the frames.
    pub unix_us: i64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// The line as JSON, without a newline at its end or anywhere else.
impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| std::fmt::Error)?)
    }
}

/// Every whole line of a file, and how many there are that can't be read: one for each time the writer was killed while writing.
pub fn read(text: &str) -> (Vec<Line>, usize) {
    let written = text.lines().filter(|line| !line.trim().is_empty());
    let mut unreadable = 0;
    let lines = written.filter_map(|line| serde_json::from_str(line).map_err(|_| unreadable += 1).ok()).collect();
    (lines, unreadable)
}

/// What can happen. The first nine are [`RoomEvent`] under the same names; the others are the recorder's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A participant came, or was there already when the page joined. After an interruption the next page says it of everybody
    /// again.
    ParticipantJoined {
        /// Who.
        identity: String,
        /// Display name.
        name: String,
    },
    /// A participant went.
    ParticipantLeft {
        /// Who.
        identity: String,
    },
    /// Somebody else speaks now, or nobody.
    SpeakerChanged {
        /// Who; absent in silence.
        identity: Option<String>,
    },
    /// A line of chat.
    Chat {
        /// Who; absent when the room does not say.
        identity: Option<String>,
        /// Display name at that time.
        name: String,
        /// The line.
        text: String,
    },
    /// An emoji reaction.
    Reaction {
        /// Who; absent when the room does not say.
        identity: Option<String>,
        /// Display name at that time.
        name: String,
        /// The emoji.
        emoji: String,
    },
    /// A screen share began.
    ScreenShareStarted {
        /// Who shares.
        identity: String,
    },
    /// A screen share ended.
    ScreenShareStopped {
        /// Who shared.
        identity: String,
    },
    /// The connection to the room was lost and the page tries to restore it.
    Reconnecting,
    /// The connection to the room is back.
    Reconnected,

    /// The recording's first frame was captured.
    RecordingStarted,
    /// An attempt's first frame was captured.
    AttemptStarted {
        /// Counts up from 1.
        number: u32,
    },
    /// Something died or hung, and the page with it. An agent that goes on with what another left says this first, with the time of
    /// the last that is known of the other.
    Interrupted {
        /// Why: a sentence.
        reason: String,
    },
    /// The recording was paused.
    Paused {
        /// What becomes of the pause in the file.
        mode: PauseMode,
    },
    /// The pause is over.
    Resumed,
    /// The recording's sound was switched off.
    Muted,
    /// The recording's sound was switched on again.
    Unmuted,
    /// Somebody marked this moment; it becomes a chapter.
    Marker {
        /// What for.
        label: String,
    },
    /// The tiles were arranged in another way.
    LayoutChanged {
        /// How.
        layout: Layout,
    },
    /// The room was shown in another way, beside how tiles were arranged.
    LookChanged {
        /// What changed. Images are left out.
        change: Box<LookChange>,
    },
    /// A stream's state changed.
    Stream {
        /// Which: text without secrets, such as `rtmp://host/app/****`.
        name: String,
        /// What it is now.
        state: StreamState,
    },
    /// Something a person should know, that did not end the recording.
    Warning {
        /// One sentence.
        message: String,
    },
    /// The page did not answer for a while and came back by itself; what it showed stood still. Noted when it is over.
    Frozen {
        /// How long, in seconds.
        length_s: f64,
    },
    /// The recording ended.
    RecordingEnded {
        /// Why.
        reason: EndReason,
    },
}

impl Event {
    /// What people say. It is not kept while the recording is paused: a pause is off the record.
    pub fn is_said(&self) -> bool {
        matches!(self, Self::Chat { .. } | Self::Reaction { .. })
    }
}

impl From<RoomEvent> for Event {
    fn from(event: RoomEvent) -> Self {
        match event {
            RoomEvent::ParticipantJoined { identity, name } => Self::ParticipantJoined { identity, name },
            RoomEvent::ParticipantLeft { identity } => Self::ParticipantLeft { identity },
            RoomEvent::SpeakerChanged { identity } => Self::SpeakerChanged { identity },
            RoomEvent::Chat { identity, name, text } => Self::Chat { identity, name, text },
            RoomEvent::Reaction { identity, name, emoji } => Self::Reaction { identity, name, emoji },
            RoomEvent::ScreenShareStarted { identity } => Self::ScreenShareStarted { identity },
            RoomEvent::ScreenShareStopped { identity } => Self::ScreenShareStopped { identity },
            RoomEvent::Reconnecting => Self::Reconnecting,
            RoomEvent::Reconnected => Self::Reconnected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(event: Event) -> Line {
        Line { media_s: Some(12.5), unix_us: 1_700_000_012_500_000, event }
    }

    #[test]
    fn a_line_is_flat_json() {
        let cases = [
            (Event::Muted, r#""event":"muted""#),
            (Event::Paused { mode: PauseMode::Cut }, r#""event":"paused","mode":"cut""#),
            (Event::AttemptStarted { number: 2 }, r#""event":"attempt_started","number":2"#),
            (
                Event::LayoutChanged { layout: Layout::SingleSpeaker },
                r#""event":"layout_changed","layout":"single-speaker""#,
            ),
            (
                Event::Stream { name: "rtmp://h/app/****".into(), state: StreamState::Waiting },
                r#""event":"stream","name":"rtmp://h/app/****","state":"waiting""#,
            ),
            (Event::SpeakerChanged { identity: None }, r#""event":"speaker_changed","identity":null"#),
            (Event::RecordingEnded { reason: EndReason::Stopped }, r#""event":"recording_ended","reason":"stopped""#),
        ];
        for (event, json) in cases {
            let line = line(event);
            assert_eq!(line.to_string(), format!(r#"{{"media_s":12.5,"unix_us":1700000012500000,{json}}}"#));
            assert_eq!(serde_json::from_str::<Line>(&line.to_string()).expect("own text"), line);
        }
    }

    #[test]
    fn a_line_before_the_first_frame_has_no_media_time() {
        let line = Line { media_s: None, ..line(Event::Reconnecting) };
        assert_eq!(line.to_string(), r#"{"media_s":null,"unix_us":1700000012500000,"event":"reconnecting"}"#);
        assert_eq!(serde_json::from_str::<Line>(&line.to_string()).expect("own text"), line);
    }

    #[test]
    fn what_a_page_tells_keeps_its_names() {
        let (identity, name) = ("a".to_owned(), "Ada".to_owned());
        for told in [
            RoomEvent::ParticipantJoined { identity: identity.clone(), name: name.clone() },
            RoomEvent::ParticipantLeft { identity: identity.clone() },
            RoomEvent::SpeakerChanged { identity: Some(identity.clone()) },
            RoomEvent::Chat { identity: None, name: name.clone(), text: "hello".into() },
            RoomEvent::Reaction { identity: Some(identity.clone()), name, emoji: "👍".into() },
            RoomEvent::ScreenShareStarted { identity: identity.clone() },
            RoomEvent::ScreenShareStopped { identity },
            RoomEvent::Reconnecting,
            RoomEvent::Reconnected,
        ] {
            let mut from_page = serde_json::to_value(&told).expect("serializable");
            let fields = from_page.as_object_mut().expect("an object");
            let kind = fields.remove("kind").expect("tagged");
            fields.insert("event".into(), kind);
            assert_eq!(serde_json::to_value(Event::from(told)).expect("serializable"), from_page);
        }
    }

    #[test]
    fn a_line_that_was_cut_by_a_kill_is_left_out_and_counted() {
        let (one, other) = (line(Event::Muted), line(Event::Unmuted));
        let text = format!("{one}\n{}\n\n{other}\n{{\"media_s\":1", &one.to_string()[..20]);
        assert_eq!(read(&text), (vec![one, other], 2));
        assert_eq!(read(""), (vec![], 0));
    }

    proptest! {
        #[test]
        fn whatever_is_said_stays_on_its_line(name in "\\PC{0,20}|[\\x00-\\x20]{0,5}", text in any::<String>(), unix_us in any::<i64>()) {
            let said = Line { media_s: None, unix_us, event: Event::Chat { identity: None, name, text } };
            let text = said.to_string();
            prop_assert!(!text.contains(['\n', '\r']));
            prop_assert_eq!(read(&text), (vec![said], 0));
        }
    }
}

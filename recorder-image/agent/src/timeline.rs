//! The timeline: what happens in a recording, a line each, with the kernel before the next thing happens.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use wallflower_domain::look::LookChange;
use wallflower_domain::timeline::{Event, Line};
use wallflower_domain::wire::agent::{AgentEvent, StreamState};

use crate::clock::Moment;

/// Writes `events.jsonl`.
pub(crate) struct TimelineFile {
    file: File,
    /// Media time zero.
    began: Option<Moment>,
    streams: Vec<(String, StreamState)>,
}

impl TimelineFile {
    /// Goes on with the file that an earlier agent left, or begins one.
    pub(crate) fn open(path: &Path, began: Option<Moment>) -> io::Result<Self> {
        let mut file = File::options().create(true).read(true).append(true).open(path)?;
        if file.seek(SeekFrom::End(-1)).is_ok() {
            let mut last = [0];
            file.read_exact(&mut last)?;
            if last != [b'\n'] {
                file.write_all(b"\n")?;
            }
        }
        Ok(Self { file, began, streams: Vec::new() })
    }

    /// Notes what is told, as far as it belongs on the timeline.
    pub(crate) fn note(&mut self, event: &AgentEvent) -> io::Result<()> {
        let mut at = Moment::now();
        if let AgentEvent::Started { first_frame_unix_us, .. } = event {
            at = Moment::at_unix_us(*first_frame_unix_us);
            if self.began.is_none() {
                self.began = Some(at.clone());
                self.write(Event::RecordingStarted, &at)?;
            }
        }
        if let AgentEvent::Looks { change } = event {
            let (layout, rest) = look_lines(change);
            return layout.into_iter().chain(rest).try_for_each(|event| self.write(event, &at));
        }
        match self.line_of(event) {
            Some(event) => self.write(event, &at),
            None => Ok(()),
        }
    }

    fn line_of(&mut self, event: &AgentEvent) -> Option<Event> {
        Some(match event {
            AgentEvent::Started { attempt, .. } => Event::AttemptStarted { number: *attempt },
            AgentEvent::Interrupted { failure } => Event::Interrupted { reason: failure.message.clone() },
            AgentEvent::Paused { mode } => Event::Paused { mode: *mode },
            AgentEvent::Resumed => Event::Resumed,
            AgentEvent::Muted { muted: true } => Event::Muted,
            AgentEvent::Muted { muted: false } => Event::Unmuted,
            AgentEvent::Marked { label, .. } => Event::Marker { label: label.clone() },
            AgentEvent::Room { room_event } => room_event.clone().into(),
            AgentEvent::Warning { message } => Event::Warning { message: message.clone() },
            AgentEvent::Frozen { length_s } => Event::Frozen { length_s: *length_s },
            AgentEvent::Stopping { reason } => Event::RecordingEnded { reason: *reason },
            AgentEvent::Stream { stream } => {
                let known = self.streams.iter_mut().find(|(id, _)| *id == stream.id);
                match known {
                    // A second has passed.
                    Some((_, state)) if *state == stream.state => return None,
                    Some((_, state)) => *state = stream.state,
                    None => self.streams.push((stream.id.clone(), stream.state)),
                }
                Event::Stream { name: stream.address.clone(), state: stream.state }
            }
            AgentEvent::Joining
            | AgentEvent::Alive
            | AgentEvent::Answered { .. }
            | AgentEvent::Progress { .. }
            | AgentEvent::Finalizing
            | AgentEvent::Upload { .. }
            // These have lines of their own.
            | AgentEvent::Looks { .. }
            | AgentEvent::Finished { .. } => return None,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "microseconds of a recording are far below 2^52")]
    fn write(&mut self, event: Event, at: &Moment) -> io::Result<()> {
        let media_us = self.began.as_ref().map(|began| began.until(at));
        // A wall clock that was set in the meantime does not move what happens.
        let unix_us = self.began.as_ref().zip(media_us).map_or(at.unix_us, |(began, us)| began.unix_us + us);
        let line = Line { media_s: media_us.map(|us| (us / 1000) as f64 / 1000.0), unix_us, event };
        self.file.write_all(format!("{line}\n").as_bytes())
    }
}

/// The arrangement, and all else that has changed.
fn look_lines(change: &LookChange) -> (Option<Event>, Option<Event>) {
    let mut rest = LookChange { layout: None, ..change.clone() };
    rest.theme.iter_mut().flat_map(|patch| patch.values_mut()).for_each(leave_images_out);
    let layout = change.layout.map(|layout| Event::LayoutChanged { layout });
    (layout, (!rest.is_empty()).then(|| Event::LookChanged { change: Box::new(rest) }))
}

fn leave_images_out(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) if text.starts_with("data:") => *text = "data:…".to_owned(),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(leave_images_out),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wallflower_domain::timeline::read;

    #[test]
    fn the_next_agent_writes_on_after_a_line_that_was_cut() {
        let folder = tempfile::tempdir().expect("temp dir");
        let path = folder.path().join("events.jsonl");
        let mut timeline = TimelineFile::open(&path, None).expect("opened");
        timeline.note(&AgentEvent::Resumed).expect("written");
        timeline
            .note(&AgentEvent::Started {
                attempt: 1,
                first_frame_unix_us: crate::clock::unix_us(),
                start_latency_ms: 0,
            })
            .expect("written");
        timeline.file.write_all(b"{\"media_s\":").expect("written");
        let began = timeline.began.clone();
        let mut timeline = TimelineFile::open(&path, began).expect("opened");
        timeline.note(&AgentEvent::Alive).expect("ignored");
        timeline.note(&AgentEvent::Resumed).expect("written");
        let (lines, unreadable) = read(&std::fs::read_to_string(&path).expect("there"));
        assert_eq!((lines.len(), unreadable), (4, 1));
        assert_eq!((lines[0].media_s, lines[1].event.clone()), (None, Event::RecordingStarted));
        assert!(lines[3].media_s.is_some_and(|at| (0.0..3600.0).contains(&at)), "{lines:?}");
    }
}

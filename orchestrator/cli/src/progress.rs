//! What a person sees while a recording runs: one line that is kept up to date, or plain lines when nobody watches a terminal.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use wallflower_domain::wire::agent::{AgentEvent, Progress};
use wallflower_domain::wire::page::RoomEvent;

/// Without a terminal a line of progress appears this often.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// Shows an agent's events.
pub(crate) enum View {
    /// One line of JSON each, on stdout.
    Json,
    /// For a person, on stderr.
    Person(Box<PersonView>),
    /// Nowhere.
    Silent,
}

impl View {
    pub(crate) fn new(json: bool) -> Self {
        if json { Self::Json } else { Self::Person(Box::new(PersonView::new())) }
    }

    pub(crate) fn show(&mut self, event: &AgentEvent) {
        match self {
            // What only tells a driver that the agent is there, or answers it.
            Self::Json if matches!(event, AgentEvent::Alive | AgentEvent::Answered { .. }) => {}
            Self::Json => match serde_json::to_string(event) {
                Ok(line) => println!("{line}"),
                Err(error) => tracing::error!(%error, "an event can't be written as JSON"),
            },
            Self::Person(view) => view.show(event),
            Self::Silent => {}
        }
    }

    /// A line for a person, above the progress.
    pub(crate) fn say(&self, text: &str) {
        if let Self::Person(view) = self {
            view.say(text);
        }
    }

    /// Takes the progress line away.
    pub(crate) fn close(&self) {
        if let Self::Person(view) = self {
            view.bar.finish_and_clear();
        }
    }
}

pub(crate) struct PersonView {
    bar: ProgressBar,
    plain: bool,
    last_plain: Option<Instant>,
    people: BTreeSet<String>,
}

impl PersonView {
    fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner:.red} {msg}") {
            bar.set_style(style.tick_strings(&["●", "●", "●", "○", " "]));
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        bar.set_message("starting");
        Self { bar, plain: !std::io::stderr().is_terminal(), last_plain: None, people: BTreeSet::new() }
    }

    fn say(&self, text: &str) {
        if self.plain {
            eprintln!("{text}");
        } else {
            self.bar.println(text);
        }
    }

    fn show(&mut self, event: &AgentEvent) {
        match event {
            AgentEvent::Joining => self.phase("joining"),
            AgentEvent::Started { .. } => self.phase("recording"),
            AgentEvent::Interrupted { failure } => {
                let why = failure.message.trim_end_matches('.');
                self.say(&format!("interrupted: {why}; starting again"));
                self.bar.set_message("interrupted");
            }
            AgentEvent::Progress { progress } => self.progress(*progress),
            AgentEvent::Room { room_event } => self.room(room_event),
            AgentEvent::Warning { message } => self.say(&format!("warning: {message}")),
            AgentEvent::Paused { .. } => self.phase("paused"),
            AgentEvent::Resumed => self.phase("recording"),
            AgentEvent::Muted { muted: true } => self.say("the recording is muted"),
            AgentEvent::Muted { muted: false } => self.say("the recording has sound again"),
            AgentEvent::Marked { label, media_s } => self.say(&format!("marked {}: {label}", clock(*media_s))),
            AgentEvent::Frozen { length_s } => {
                self.say(&format!("the page answers again; its picture stood still for {length_s:.1} s"));
            }
            AgentEvent::Stream { .. } | AgentEvent::Alive | AgentEvent::Answered { .. } => {}
            AgentEvent::Stopping { .. } => self.phase("stopping"),
            AgentEvent::Finalizing => self.phase("finalizing"),
            AgentEvent::Finished { .. } => {}
        }
    }

    fn phase(&self, phase: &'static str) {
        self.bar.set_message(phase);
        if self.plain {
            eprintln!("{phase}");
        }
    }

    fn room(&mut self, event: &RoomEvent) {
        match event {
            RoomEvent::ParticipantJoined { identity, .. } => {
                self.people.insert(identity.clone());
            }
            RoomEvent::ParticipantLeft { identity } => {
                self.people.remove(identity);
            }
            RoomEvent::Reconnecting => self.say("the connection to the room is lost; reconnecting"),
            RoomEvent::Reconnected => self.say("the connection to the room is back"),
            _ => {}
        }
    }

    fn progress(&mut self, progress: Progress) {
        let line = line(progress, self.people.len());
        if !self.plain {
            self.bar.set_message(line);
        } else if self.last_plain.is_none_or(|last| last.elapsed() >= PLAIN_INTERVAL) {
            self.last_plain = Some(Instant::now());
            eprintln!("{line}");
        }
    }
}

fn line(progress: Progress, people: usize) -> String {
    let in_room = match people {
        0 => String::new(),
        1 => "  ·  1 person".to_owned(),
        people => format!("  ·  {people} people"),
    };
    format!(
        "REC {}  ·  {:.1} fps  ·  speed {:.2}x  ·  dropped {}  ·  {}{in_room}",
        clock(progress.media_s),
        progress.fps,
        progress.speed,
        progress.dropped,
        HumanBytes(progress.bytes),
    )
}

/// `1:02:03.4`, without hours when there are none.
pub(crate) fn clock(seconds: f64) -> String {
    let tenths = (seconds.max(0.0) * 10.0).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and far below 2^64")]
    let tenths = tenths as u64;
    let (hours, minutes, rest) = (tenths / 36_000, tenths / 600 % 60, tenths % 600);
    let (seconds, tenth) = (rest / 10, rest % 10);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}.{tenth}")
    } else {
        format!("{minutes:02}:{seconds:02}.{tenth}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_time_rate_speed_drops_size_and_people() {
        let progress = Progress {
            media_s: 72.34,
            frames: 2170,
            fps: 29.97,
            speed: 1.0,
            dropped: 3,
            duplicated: 0,
            bytes: 5_242_880,
            ..Progress::default()
        };
        assert_eq!(
            line(progress, 4),
            "REC 01:12.3  ·  30.0 fps  ·  speed 1.00x  ·  dropped 3  ·  5.00 MiB  ·  4 people"
        );
    }

    #[test]
    fn hours_show_only_when_there_are_some() {
        assert_eq!((clock(59.96).as_str(), clock(3723.0).as_str()), ("01:00.0", "1:02:03.0"));
    }
}

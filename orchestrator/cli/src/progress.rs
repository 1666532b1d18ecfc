//! What a person sees while a recording runs: one line that is kept up to date, or plain lines when nobody watches a terminal.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use wallflower_domain::wire::agent::{AgentEvent, Progress, StreamReport, StreamState};
use wallflower_domain::wire::control::Course;
use wallflower_domain::wire::page::RoomEvent;

use crate::words;

/// Without a terminal a line of progress appears this often.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);
/// The line of progress has no more columns than this, nor than the terminal.
const MAX_COLUMNS: usize = 100;
/// Of these, for the spinner.
const SPINNER_COLUMNS: usize = 2;
/// Unique frames are counted over so many reports of progress: two seconds.
const UNIQUE_OVER: usize = 4;

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

    /// `course` is what has happened, this event included.
    pub(crate) fn show(&mut self, event: &AgentEvent, course: &Course) {
        match self {
            // What only tells a driver that the agent is there, or answers it.
            Self::Json if matches!(event, AgentEvent::Alive | AgentEvent::Answered { .. }) => {}
            Self::Json => match serde_json::to_string(event) {
                Ok(line) => words::to_stdout(line),
                Err(error) => tracing::error!(%error, "an event can't be written as JSON"),
            },
            Self::Person(view) => view.show(event, course),
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
    /// What was said last of each stream.
    streams: BTreeMap<String, StreamNews>,
    unique: UniqueShare,
    ending: bool,
}

impl PersonView {
    fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner:.red} {msg}") {
            bar.set_style(style.tick_strings(&["●", "●", "●", "○", " "]));
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        bar.set_message("starting");
        Self {
            bar,
            plain: !std::io::stderr().is_terminal(),
            last_plain: None,
            people: BTreeSet::new(),
            streams: BTreeMap::new(),
            unique: UniqueShare::default(),
            ending: false,
        }
    }

    fn say(&self, text: &str) {
        if self.plain {
            words::to_stderr(text);
        } else {
            self.bar.println(text);
        }
    }

    fn show(&mut self, event: &AgentEvent, course: &Course) {
        match event {
            AgentEvent::Joining => self.phase("joining"),
            AgentEvent::Started { .. } => self.phase("recording"),
            AgentEvent::Interrupted { failure } => {
                let why = failure.message.trim_end_matches('.');
                self.say(&format!("interrupted: {why}; starting again"));
                self.bar.set_message("interrupted");
            }
            AgentEvent::Progress { progress } => self.progress(*progress, course),
            AgentEvent::Room { room_event } => self.room(room_event),
            AgentEvent::Warning { message } => self.say(&format!("warning: {message}")),
            AgentEvent::Paused { .. } => self.phase("paused"),
            AgentEvent::Resumed => self.phase("recording"),
            AgentEvent::Muted { muted: true } => self.say("the recording is muted"),
            AgentEvent::Muted { muted: false } => self.say("the recording has sound again"),
            AgentEvent::Looks { change } => self.say(&match change.layout {
                Some(layout) => format!("the layout is {layout}"),
                None => "the look has changed".to_owned(),
            }),
            AgentEvent::Marked { label, media_s } => self.say(&format!("marked {}: {label}", clock(*media_s))),
            AgentEvent::Frozen { length_s } => {
                self.say(&format!("the page answers again; its picture stood still for {length_s:.1} s"));
            }
            AgentEvent::Stream { stream } => self.stream(stream),
            AgentEvent::Alive | AgentEvent::Answered { .. } => {}
            AgentEvent::Stopping { .. } => self.end("stopping"),
            AgentEvent::Finalizing => self.end("finalizing"),
            AgentEvent::Upload { upload } => self.bar.set_message(format!("uploading {}", upload.name)),
            AgentEvent::Finished { .. } => {}
        }
    }

    /// From here on there is no more progress to be shown.
    fn end(&mut self, phase: &'static str) {
        self.ending = true;
        self.phase(phase);
    }

    fn phase(&self, phase: &'static str) {
        self.bar.set_message(phase);
        if self.plain {
            words::to_stderr(phase);
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

    /// Says what has changed for a person; not each try.
    fn stream(&mut self, report: &StreamReport) {
        let Some(news) = StreamNews::of(report) else { return };
        if self.streams.get(&report.id) == Some(&news) {
            return;
        }
        let before = self.streams.insert(report.id.clone(), news.clone());
        self.say(&news.sentence(report, before.as_ref()));
    }

    fn progress(&mut self, progress: Progress, course: &Course) {
        let unique = self.unique.take(progress);
        if self.ending {
            return;
        }
        if !self.plain {
            let columns = usize::from(Term::stderr().size().1).min(MAX_COLUMNS);
            self.bar.set_message(line(course, unique, self.people.len(), columns.saturating_sub(SPINNER_COLUMNS)));
        } else if self.last_plain.is_none_or(|last| last.elapsed() >= PLAIN_INTERVAL) {
            self.last_plain = Some(Instant::now());
            words::to_stderr(line(course, unique, self.people.len(), MAX_COLUMNS));
        }
    }
}

/// What a person is told of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
enum StreamNews {
    Live,
    Away { trouble: Option<String> },
    Ended,
}

impl StreamNews {
    /// None while a connection is being made: that tells nothing yet.
    fn of(report: &StreamReport) -> Option<Self> {
        match report.state {
            StreamState::Connecting => None,
            StreamState::Live => Some(Self::Live),
            StreamState::Waiting => Some(Self::Away { trouble: report.trouble.clone() }),
            StreamState::Ended => Some(Self::Ended),
        }
    }

    fn sentence(&self, report: &StreamReport, before: Option<&Self>) -> String {
        let StreamReport { id, address, sent_s, missed_s, .. } = report;
        match (self, before) {
            (Self::Live, Some(Self::Away { .. })) => {
                format!("stream {id} is live again, {missed_s:.1} s missed: {address}")
            }
            (Self::Live, _) => format!("stream {id} is live: {address}"),
            (Self::Away { trouble }, _) => {
                let why = trouble.as_deref().map(|trouble| format!(": {}", trouble.trim_end_matches('.')));
                format!("stream {id} ({address}) is away{}; trying again", why.unwrap_or_default())
            }
            (Self::Ended, _) => {
                format!("stream {id} ({address}) has ended, {} sent, {missed_s:.1} s missed", clock(*sent_s))
            }
        }
    }
}

/// How many of the last frames show something new.
#[derive(Default)]
struct UniqueShare(VecDeque<(u64, u64)>);

impl UniqueShare {
    /// In percent; none before there is anything to compare with. Counts that go back are another agent's.
    fn take(&mut self, progress: Progress) -> Option<u64> {
        let now = (progress.frames, progress.unique);
        if self.0.back().is_some_and(|last| now.0 < last.0 || now.1 < last.1) {
            self.0.clear();
        }
        self.0.push_back(now);
        if self.0.len() > UNIQUE_OVER + 1 {
            self.0.pop_front();
        }
        let first = self.0.front()?;
        ((now.1 - first.1) * 100).checked_div(now.0 - first.0)
    }
}

/// A part of the line, and how soon it goes when there is no room: higher ones first.
struct Part(u8, String);

/// The line in at most so many columns: first the parts draw closer, then the least important ones go.
fn line(course: &Course, unique: Option<u64>, people: usize, columns: usize) -> String {
    let mut parts = parts(course, unique, people);
    loop {
        for separator in ["  ·  ", " · "] {
            let texts: Vec<&str> = parts.iter().map(|Part(_, text)| text.as_str()).collect();
            let line = texts.join(separator);
            if line.chars().count() <= columns {
                return line;
            }
        }
        let least = parts.iter().map(|Part(rank, _)| *rank).max().unwrap_or_default();
        if least == 0 {
            return parts.into_iter().next().map(|Part(_, text)| text).unwrap_or_default();
        }
        parts.retain(|Part(rank, _)| *rank < least);
    }
}

fn parts(course: &Course, unique: Option<u64>, people: usize) -> Vec<Part> {
    let progress = course.progress.unwrap_or_default();
    let word = if course.paused.is_some() { "PAUSED" } else { "REC" };
    let mut parts = vec![Part(0, format!("{word} {}", clock(progress.media_s)))];
    if course.muted {
        parts.push(Part(1, "muted".to_owned()));
    }
    parts.push(Part(3, format!("{:.1} fps", progress.fps)));
    // Of a card that stands still there is nothing to be told.
    if let Some(unique) = unique.filter(|_| course.paused.is_none()) {
        parts.push(Part(7, format!("unique {unique}%")));
    }
    parts.push(Part(4, format!("speed {:.2}x", progress.speed)));
    parts.push(Part(2, format!("dropped {}", progress.dropped)));
    parts.push(Part(5, HumanBytes(progress.bytes).to_string()));
    match people {
        0 => {}
        1 => parts.push(Part(6, "1 person".to_owned())),
        people => parts.push(Part(6, format!("{people} people"))),
    }
    parts.extend(streams(course).map(|text| Part(1, text)));
    parts
}

fn streams(course: &Course) -> Option<String> {
    match course.streams_live_and_wanted() {
        (_, 0) => None,
        (0, _) => Some("no stream live".to_owned()),
        (1, 1) => Some("1 stream live".to_owned()),
        (live, wanted) if live == wanted => Some(format!("{live} streams live")),
        (live, wanted) => Some(format!("{live} of {wanted} streams live")),
    }
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
    use wallflower_domain::wire::agent::PauseMode;

    const PROGRESS: Progress = Progress {
        media_s: 72.34,
        frames: 2170,
        fps: 29.97,
        speed: 1.0,
        dropped: 3,
        duplicated: 0,
        unique: 2100,
        queue: 0,
        av_skew_s: 0.0,
        bytes: 5_242_880,
    };

    fn course(events: &[AgentEvent]) -> Course {
        let mut course = Course::default();
        course.hear(&AgentEvent::Progress { progress: PROGRESS }, 0);
        for event in events {
            course.hear(event, 0);
        }
        course
    }

    fn report(id: &str, state: StreamState) -> StreamReport {
        StreamReport {
            id: id.into(),
            address: "rtmp://live.example.org/app/****".into(),
            state,
            sent_s: 70.0,
            bytes: 1,
            missed_s: 2.25,
            retries: 0,
            trouble: (state == StreamState::Waiting).then(|| "The server refused the connection.".into()),
        }
    }

    fn stream(id: &str, state: StreamState) -> AgentEvent {
        AgentEvent::Stream { stream: report(id, state) }
    }

    #[test]
    fn the_line_tells_what_matters_and_fits() {
        let two = [stream("s1", StreamState::Live), stream("s2", StreamState::Live)];
        let one_of_two = [stream("s1", StreamState::Live), stream("s2", StreamState::Waiting)];
        let away = [stream("s1", StreamState::Connecting)];
        let removed = [stream("s1", StreamState::Live), stream("s2", StreamState::Ended)];
        let paused = [AgentEvent::Paused { mode: PauseMode::Cut }, AgentEvent::Muted { muted: true }];
        let mut everything = one_of_two.to_vec();
        everything.push(AgentEvent::Muted { muted: true });
        for (events, people, columns, expected) in [
            (
                &[][..],
                4,
                98,
                "REC 01:12.3  ·  30.0 fps  ·  unique 96%  ·  speed 1.00x  ·  dropped 3  ·  5.00 MiB  ·  4 people",
            ),
            (&[], 4, 78, "REC 01:12.3 · 30.0 fps · speed 1.00x · dropped 3 · 5.00 MiB · 4 people"),
            (&[], 1, 60, "REC 01:12.3 · 30.0 fps · speed 1.00x · dropped 3 · 5.00 MiB"),
            (&[], 0, 20, "REC 01:12.3"),
            (&[], 0, 5, "REC 01:12.3"),
            (&two, 4, 98, "REC 01:12.3 · 30.0 fps · speed 1.00x · dropped 3 · 5.00 MiB · 4 people · 2 streams live"),
            (&one_of_two, 0, 60, "REC 01:12.3 · 30.0 fps · dropped 3 · 1 of 2 streams live"),
            (&away, 0, 98, "REC 01:12.3 · 30.0 fps · unique 96% · speed 1.00x · dropped 3 · 5.00 MiB · no stream live"),
            (&removed, 0, 40, "REC 01:12.3 · dropped 3 · 1 stream live"),
            (&paused, 0, 98, "PAUSED 01:12.3  ·  muted  ·  30.0 fps  ·  speed 1.00x  ·  dropped 3  ·  5.00 MiB"),
            (
                &everything,
                12,
                98,
                "REC 01:12.3 · muted · 30.0 fps · speed 1.00x · dropped 3 · 5.00 MiB · 1 of 2 streams live",
            ),
        ] {
            let line = line(&course(events), Some(96), people, columns);
            assert_eq!(line, expected);
            assert!(line.chars().count() <= columns.max(11), "{line}");
        }
    }

    #[test]
    fn the_longest_line_fits_into_a_hundred_columns() {
        let mut course = course(&[AgentEvent::Muted { muted: true }, AgentEvent::Paused { mode: PauseMode::Hold }]);
        for number in 0..20 {
            course.hear(&stream(&format!("s{number}"), StreamState::Waiting), 0);
        }
        course.hear(&stream("s5", StreamState::Live), 0);
        let progress =
            Progress { media_s: 86_399.9, frames: 1 << 40, dropped: 1 << 40, bytes: u64::MAX, speed: 99.0, ..PROGRESS };
        course.hear(&AgentEvent::Progress { progress }, 0);
        let line = line(&course, Some(100), 25, MAX_COLUMNS - SPINNER_COLUMNS);
        assert!(line.starts_with("PAUSED 23:59:59.9") && line.ends_with("1 of 20 streams live"), "{line}");
        assert!(line.chars().count() <= 98, "{line}");
    }

    #[test]
    fn unique_frames_are_those_of_the_last_two_seconds() {
        let mut share = UniqueShare::default();
        let mut after = |frames, unique| share.take(Progress { frames, unique, ..PROGRESS });
        assert_eq!(after(15, 15), None, "there is nothing to compare with");
        assert_eq!(after(30, 15), Some(0));
        assert_eq!(after(45, 30), Some(50));
        for frames in [60, 75, 90] {
            after(frames, frames - 15);
        }
        assert_eq!(after(105, 90), Some(100), "what was before the last two seconds is forgotten");
        assert_eq!(after(10, 10), None, "another agent counts from zero");
    }

    #[test]
    fn a_stream_s_trouble_is_told_once_and_so_is_its_end() {
        let mut told: Vec<String> = Vec::new();
        let mut before: Option<StreamNews> = None;
        for state in [
            StreamState::Connecting,
            StreamState::Live,
            StreamState::Live,
            StreamState::Waiting,
            StreamState::Connecting,
            StreamState::Waiting,
            StreamState::Connecting,
            StreamState::Live,
            StreamState::Ended,
        ] {
            let report = report("s1", state);
            if let Some(news) = StreamNews::of(&report).filter(|news| before.as_ref() != Some(news)) {
                told.push(news.sentence(&report, before.as_ref()));
                before = Some(news);
            }
        }
        assert_eq!(
            told,
            [
                "stream s1 is live: rtmp://live.example.org/app/****",
                "stream s1 (rtmp://live.example.org/app/****) is away: The server refused the connection; trying again",
                "stream s1 is live again, 2.2 s missed: rtmp://live.example.org/app/****",
                "stream s1 (rtmp://live.example.org/app/****) has ended, 01:10.0 sent, 2.2 s missed",
            ]
        );
    }

    #[test]
    fn hours_show_only_when_there_are_some() {
        assert_eq!((clock(59.96).as_str(), clock(3723.0).as_str()), ("01:00.0", "1:02:03.0"));
    }
}

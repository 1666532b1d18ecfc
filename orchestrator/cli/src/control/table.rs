//! Running recordings, as a person reads them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use indicatif::HumanBytes;
use wallflower_domain::output::Output;
use wallflower_domain::recording::State;
use wallflower_domain::wire::agent::{PauseMode, Progress, StreamReport, StreamState};
use wallflower_domain::wire::control::Status;

use super::client::Found;
use crate::progress::clock;

/// The end of an id tells recordings apart; its beginning is the time.
const ID_CHARACTERS: usize = 8;

/// A line for each, under a line of titles.
pub(super) fn list(found: &[Found]) -> Vec<String> {
    aligned(["ID", "STATE", "TIME", "ROOM", "FILE"], found.iter().map(row).collect())
}

/// The rows under their titles, each column as wide as its widest cell.
pub(crate) fn aligned<const N: usize>(titles: [&str; N], mut rows: Vec<[String; N]>) -> Vec<String> {
    rows.insert(0, titles.map(str::to_owned));
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn row(Found { id, status }: &Found) -> [String; 5] {
    let short = short(id).to_owned();
    match status {
        Ok(status) => [short, state(status), time(status), status.room.clone(), places(status)],
        Err(_) => [short.as_str(), "does not answer", "", "", ""].map(str::to_owned),
    }
}

/// Enough of an id to name it by.
pub(crate) fn short(id: &str) -> &str {
    let start = id.len().saturating_sub(ID_CHARACTERS);
    id.get(start..).unwrap_or(id)
}

/// Everything about one.
pub(super) fn show(status: &Status) -> Vec<String> {
    let course = &status.course;
    let mut lines = vec![
        field("id", &status.recording.id),
        field("state", &state(status)),
        field("room", &status.room),
        field("file", &places(status)),
        field("launched", &utc(status.launched_unix_us)),
    ];
    if let Some(first_frame) = course.first_frame_unix_us {
        lines.push(field("recording", &format!("since {}", utc(first_frame))));
    }
    if let Some(progress) = &course.progress {
        lines.push(field("media", &media(progress)));
        lines.push(field("frames", &frames(progress)));
    }
    if course.interruptions > 0 {
        let times = counted(course.interruptions.into(), "interruption");
        lines.push(field("gaps", &format!("{times}, {:.1} s in which nothing could be captured", course.gap_s)));
    }
    lines.extend(titled("streams", course.streams.iter().map(stream)));
    lines.extend(titled(
        "markers",
        course.markers.iter().map(|marker| format!("{}  {}", clock(marker.media_s), marker.label)),
    ));
    if let Some(address) = &status.metrics {
        lines.push(field("metrics", address));
    }
    lines
}

pub(crate) fn field(title: &str, text: &str) -> String {
    format!("{title:<10} {text}")
}

/// The title stands before the first of them.
pub(crate) fn titled(title: &str, texts: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    texts.enumerate().map(move |(index, text)| field(if index == 0 { title } else { "" }, &text))
}

fn state(status: &Status) -> String {
    state_words(status.recording.state, status.course.paused, status.course.muted)
}

/// In one word, or a few: `recording`, `paused (hold), muted`.
pub(crate) fn state_words(state: State, paused: Option<PauseMode>, muted: bool) -> String {
    let mut text = state_name(state);
    if let Some(mode) = paused.filter(|_| state == State::Paused) {
        text.push_str(&format!(" ({mode})"));
    }
    if muted && state.is_under_way() {
        text.push_str(", muted");
    }
    text
}

/// As it is written everywhere.
pub(crate) fn state_name(state: State) -> String {
    let name = serde_json::to_value(state).ok();
    name.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

fn time(status: &Status) -> String {
    status.course.progress.map(|progress| clock(progress.media_s)).unwrap_or_default()
}

fn places(status: &Status) -> String {
    let paths = status.outputs.iter().filter_map(Output::path);
    paths.map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

pub(crate) fn media(progress: &Progress) -> String {
    format!(
        "{}, {}, {:.1} fps, speed {:.2}x",
        clock(progress.media_s),
        HumanBytes(progress.bytes),
        progress.fps,
        progress.speed
    )
}

pub(crate) fn frames(progress: &Progress) -> String {
    format!(
        "{}: {} unique, {} dropped, {} duplicated; queue {}, A/V skew {:+.3} s",
        progress.frames, progress.unique, progress.dropped, progress.duplicated, progress.queue, progress.av_skew_s
    )
}

pub(crate) fn stream(report: &StreamReport) -> String {
    let state = match report.state {
        StreamState::Connecting => "connecting",
        StreamState::Live => "live",
        StreamState::Waiting => "waiting",
        StreamState::Ended => "ended",
    };
    let mut text = format!(
        "{:<3} {state:<10}  {}  sent {}, {}, missed {:.1} s",
        report.id,
        report.address,
        clock(report.sent_s),
        HumanBytes(report.bytes),
        report.missed_s
    );
    if report.retries > 0 {
        text.push_str(&format!(", {}", counted(report.retries.into(), "lost connection")));
    }
    if let Some(trouble) = report.trouble.as_ref().filter(|_| report.state != StreamState::Live) {
        text.push_str(&format!(": {trouble}"));
    }
    text
}

pub(crate) fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn utc(unix_us: i64) -> String {
    let since = Duration::from_micros(u64::try_from(unix_us).unwrap_or_default());
    let time: SystemTime = UNIX_EPOCH + since;
    humantime::format_rfc3339_seconds(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wallflower_domain::failure::{Failure, FailureKind};
    use wallflower_domain::recording::Recording;
    use wallflower_domain::wire::agent::AgentEvent;
    use wallflower_domain::wire::control::Course;

    fn status() -> Status {
        let mut course = Course::default();
        let stream = |id: &str, state, trouble: Option<&str>| AgentEvent::Stream {
            stream: StreamReport {
                id: id.into(),
                address: "rtmp://live.example.org/app/****".into(),
                state,
                sent_s: 70.0,
                bytes: 3 << 20,
                missed_s: 2.25,
                retries: u32::from(trouble.is_some()),
                trouble: trouble.map(str::to_owned),
            },
        };
        for event in [
            AgentEvent::Started { attempt: 1, first_frame_unix_us: 1_700_000_001_000_000, start_latency_ms: 900 },
            AgentEvent::Progress {
                progress: Progress {
                    media_s: 72.34,
                    frames: 2170,
                    fps: 29.97,
                    speed: 1.0,
                    unique: 2100,
                    bytes: 5 << 20,
                    av_skew_s: -0.0125,
                    ..Progress::default()
                },
            },
            AgentEvent::Paused { mode: PauseMode::Hold },
            AgentEvent::Muted { muted: true },
            AgentEvent::Marked { label: "Questions".into(), media_s: 61.0 },
            stream("s1", StreamState::Live, None),
            stream("s2", StreamState::Waiting, Some("The server refused the connection.")),
        ] {
            course.hear(&event, 0);
        }
        Status {
            recording: Recording { state: State::Paused, ..Recording::new("0192f3c47a2b7c1d8e9f0123456789ab") },
            room: "demo:lobby".into(),
            outputs: vec![Output::File { path: "/srv/a.mp4".into() }],
            spool: "/srv/.a".into(),
            process: 7,
            launched_unix_us: 1_700_000_000_000_000,
            metrics: Some("http://127.0.0.1:9464/metrics".into()),
            course,
        }
    }

    #[test]
    fn a_list_has_aligned_columns_and_names_those_that_do_not_answer() {
        let failure = Failure::new(FailureKind::AgentLost, "x");
        let found = [
            Found { id: "0192f3c47a2b7c1d8e9f0123456789ab".into(), status: Ok(status()) },
            Found { id: "0192f3c47a2b7c1d8e9f0123456789cd".into(), status: Err(failure) },
        ];
        assert_eq!(
            list(&found),
            [
                "ID        STATE                 TIME     ROOM        FILE",
                "456789ab  paused (hold), muted  01:12.3  demo:lobby  /srv/a.mp4",
                "456789cd  does not answer",
            ]
        );
    }

    #[test]
    fn everything_about_one_recording_is_shown() {
        assert_eq!(
            show(&status()),
            [
                "id         0192f3c47a2b7c1d8e9f0123456789ab",
                "state      paused (hold), muted",
                "room       demo:lobby",
                "file       /srv/a.mp4",
                "launched   2023-11-14T22:13:20Z",
                "recording  since 2023-11-14T22:13:21Z",
                "media      01:12.3, 5.00 MiB, 30.0 fps, speed 1.00x",
                "frames     2170: 2100 unique, 0 dropped, 0 duplicated; queue 0, A/V skew -0.013 s",
                "streams    s1  live        rtmp://live.example.org/app/****  sent 01:10.0, 3.00 MiB, missed 2.2 s",
                "           s2  waiting     rtmp://live.example.org/app/****  sent 01:10.0, 3.00 MiB, missed 2.2 s, \
                 1 lost connection: The server refused the connection.",
                "markers    01:01.0  Questions",
                "metrics    http://127.0.0.1:9464/metrics",
            ]
        );
    }
}

//! A running recording as Prometheus reads it, in the OpenMetrics text format.
//!
//! Counters begin at zero with the recording, and are counted over all of its agents. A stream's begin again with each agent, which
//! is what Prometheus expects of counters.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, EncodeMetric,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use wallflower_domain::output::Output;
use wallflower_domain::recording::State;
use wallflower_domain::wire::agent::{StreamReport, StreamState, Usage};
use wallflower_domain::wire::control::Status;

/// Media type of what [`render`] makes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const PREFIX: &str = "wallflower";

const STATES: [(State, &str); 10] = [
    (State::Starting, "starting"),
    (State::Joining, "joining"),
    (State::Recording, "recording"),
    (State::Paused, "paused"),
    (State::Interrupted, "interrupted"),
    (State::Stopping, "stopping"),
    (State::Finalizing, "finalizing"),
    (State::Completed, "completed"),
    (State::Failed, "failed"),
    (State::Aborted, "aborted"),
];

const STREAM_STATES: [(StreamState, &str); 4] = [
    (StreamState::Connecting, "connecting"),
    (StreamState::Live, "live"),
    (StreamState::Waiting, "waiting"),
    (StreamState::Ended, "ended"),
];

/// All metrics of one recording.
///
/// # Errors
///
/// Only those of formatting, which a `String` takes without fail.
pub fn render(status: &Status) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(Exposition(status.clone())));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Exposition(Status);

impl Collector for Exposition {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut sheet = Sheet(encoder);
        let Self(status) = self;
        recording(&mut sheet, status)?;
        capture(&mut sheet, status)?;
        if !status.course.streams.is_empty() {
            streams(&mut sheet, &status.course.streams)?;
        }
        match status.recording.delivery.as_ref().and_then(|delivery| delivery.usage) {
            Some(known) => usage(&mut sheet, known),
            None => Ok(()),
        }
    }
}

fn recording(sheet: &mut Sheet, status: &Status) -> fmt::Result {
    let paths = status.outputs.iter().filter_map(Output::path);
    let files: Vec<String> = paths.map(|path| path.display().to_string()).collect();
    let labels = [("id", status.recording.id.clone()), ("room", status.room.clone()), ("file", files.join(", "))];
    let info = Info::new(labels);
    info.encode(sheet.0.encode_descriptor("recording", "What is recorded", None, MetricType::Info)?)?;
    let now = status.recording.state;
    let states = STATES.map(|(state, name)| ([("state", name)], u32::from(state == now)));
    sheet.gauges("recording_state", "Where the recording is in its life", None, &states)?;
    let course = &status.course;
    if let Some(first_frame) = course.first_frame_unix_us {
        #[expect(clippy::cast_precision_loss, reason = "microseconds of this century are below 2^53")]
        let seconds = first_frame as f64 / 1e6;
        let help = "When the first frame was captured, since 1970 UTC";
        sheet.gauge("recording_first_frame_timestamp", help, Some(Unit::Seconds), seconds)?;
    }
    sheet.gauge("recording_muted", "Silence is recorded", None, u32::from(course.muted))?;
    let interruptions = u64::from(course.interruptions);
    sheet.counter("recording_interruptions", "Times that something died or hung", None, interruptions)?;
    sheet.counter("recording_gap", "Time in which nothing could be captured", Some(Unit::Seconds), course.gap_s)
}

fn capture(sheet: &mut Sheet, status: &Status) -> fmt::Result {
    let progress = status.course.progress.unwrap_or_default();
    sheet.counter("recording_media", "Length of the media", Some(Unit::Seconds), progress.media_s)?;
    sheet.counter("recording_frames", "Frames encoded", None, progress.frames)?;
    let help = "Frames that show something else than the frame before";
    sheet.counter("recording_unique_frames", help, None, progress.unique)?;
    sheet.counter("recording_dropped_frames", "Frames captured but not encoded", None, progress.dropped)?;
    let help = "Frames repeated because none came in time";
    sheet.counter("recording_duplicated_frames", help, None, progress.duplicated)?;
    sheet.counter("recording_written", "Media written to disk", Some(Unit::Bytes), progress.bytes)?;
    if status.course.progress.is_none() {
        return Ok(());
    }
    sheet.gauge("recording_frames_per_second", "Frames encoded a second, of late", None, progress.fps)?;
    let help = "Media time over wall time; below 1 the encoder falls behind";
    sheet.gauge("recording_speed_ratio", help, None, progress.speed)?;
    let help = "Fragments of half a second that wait to be written to disk";
    sheet.gauge("recording_queued_fragments", help, None, progress.queue)?;
    let help = "By how much the sound reaches further than the picture";
    sheet.gauge("recording_av_skew", help, Some(Unit::Seconds), progress.av_skew_s)
}

fn streams(sheet: &mut Sheet, streams: &[StreamReport]) -> fmt::Result {
    let states: Vec<_> = streams
        .iter()
        .flat_map(|stream| {
            STREAM_STATES.map(|(state, name)| {
                let [id, address] = labels(stream);
                ([id, address, ("state", name)], u32::from(state == stream.state))
            })
        })
        .collect();
    sheet.gauges("stream_state", "Where the live stream is", None, &states)?;
    let sent: Vec<_> = streams.iter().map(|stream| (labels(stream), stream.sent_s)).collect();
    sheet.counters("stream_sent", "Media that was sent", Some(Unit::Seconds), &sent)?;
    let bytes: Vec<_> = streams.iter().map(|stream| (labels(stream), stream.bytes)).collect();
    sheet.counters("stream_sent", "Media that was sent", Some(Unit::Bytes), &bytes)?;
    let missed: Vec<_> = streams.iter().map(|stream| (labels(stream), stream.missed_s)).collect();
    sheet.counters("stream_missed", "Media that was not sent", Some(Unit::Seconds), &missed)?;
    let retries: Vec<_> = streams.iter().map(|stream| (labels(stream), u64::from(stream.retries))).collect();
    sheet.counters("stream_retries", "Connections that were lost or refused", None, &retries)
}

fn labels(stream: &StreamReport) -> [(&str, &str); 2] {
    [("stream", &stream.id), ("address", &stream.address)]
}

fn usage(sheet: &mut Sheet, usage: Usage) -> fmt::Result {
    let cores = [
        ([("process", "encoder")], usage.encoder_cores),
        ([("process", "display")], usage.display_cores),
        ([("process", "audio")], usage.audio_cores),
        ([("process", "browser")], usage.browser_cores),
        ([("process", "agent")], usage.agent_cores),
    ];
    sheet.gauges("recording_cpu_cores", "Processor time over wall time of a recording that is over", None, &cores)?;
    let help = "Proportional set size of all processes at the end of the recording";
    sheet.gauge("recording_memory_pss", help, Some(Unit::Bytes), usage.pss_bytes)
}

struct Sheet<'a>(DescriptorEncoder<'a>);

impl Sheet<'_> {
    fn counter<V: EncodeCounterValue>(&mut self, name: &str, help: &str, unit: Option<Unit>, value: V) -> fmt::Result {
        let metric = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Counter)?;
        ConstCounter::new(value).encode(metric)
    }

    fn gauge<V: EncodeGaugeValue>(&mut self, name: &str, help: &str, unit: Option<Unit>, value: V) -> fmt::Result {
        let metric = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
        ConstGauge::new(value).encode(metric)
    }

    fn counters<L: EncodeLabelSet, V: EncodeCounterValue + Copy>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        series: &[(L, V)],
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Counter)?;
        for (labels, value) in series {
            ConstCounter::new(*value).encode(family.encode_family(labels)?)?;
        }
        Ok(())
    }

    fn gauges<L: EncodeLabelSet, V: EncodeGaugeValue + Copy>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        series: &[(L, V)],
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
        for (labels, value) in series {
            ConstGauge::new(*value).encode(family.encode_family(labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};
    use wallflower_domain::recording::Recording;
    use wallflower_domain::wire::agent::{AgentEvent, Progress};
    use wallflower_domain::wire::control::Course;

    fn status() -> Status {
        let mut course = Course::default();
        let stream = |id: &str, state| AgentEvent::Stream {
            stream: StreamReport {
                id: id.into(),
                address: "rtmp://live.example.org/app/****".into(),
                state,
                sent_s: 70.5,
                bytes: 3000,
                missed_s: 2.25,
                retries: 2,
                trouble: None,
            },
        };
        let progress = Progress {
            media_s: 72.5,
            frames: 2170,
            unique: 2100,
            fps: 29.97,
            speed: 1.0,
            queue: 1,
            ..Progress::default()
        };
        for event in [
            AgentEvent::Started { attempt: 1, first_frame_unix_us: 1_700_000_001_500_000, start_latency_ms: 900 },
            AgentEvent::Progress { progress: Progress { av_skew_s: -0.0125, bytes: 5000, ..progress } },
            stream("s1", StreamState::Live),
            stream("s2", StreamState::Waiting),
        ] {
            course.hear(&event, 0);
        }
        let delivery = serde_json::json!({
            "outputs": [], "manifest": null, "duration_s": 1.0, "frames": 30, "gaps": [],
            "usage": {"encoder_cores": 0.25, "display_cores": 0.1, "audio_cores": 0.0, "browser_cores": 0.5, "agent_cores": 0.05, "pss_bytes": 4096},
        });
        Status {
            recording: Recording {
                state: State::Finalizing,
                delivery: Some(serde_json::from_value(delivery).expect("valid")),
                ..Recording::new("0192")
            },
            room: "https://example.org/a\"b\\".into(),
            outputs: vec![Output::File { path: "/srv/a.mp4".into() }],
            spool: "/srv/.a".into(),
            process: 7,
            launched_unix_us: 1_700_000_000_000_000,
            metrics: None,
            course,
        }
    }

    /// Samples by name and labels, once the text is known to obey the rules of the format: a family is declared once, before its
    /// samples, which stand together; counters end in `_total`, units are the end of names, no sample occurs twice, `# EOF` is last.
    fn samples(text: &str) -> BTreeMap<String, f64> {
        let mut kinds: BTreeMap<String, String> = BTreeMap::new();
        let mut family = String::new();
        let mut samples = BTreeMap::new();
        let mut helped = BTreeSet::new();
        let body = text.strip_suffix("# EOF\n").expect("the end is marked");
        for line in body.lines() {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            match words.as_slice() {
                ["#", "HELP", name, help] => {
                    assert!(helped.insert((*name).to_owned()) && !help.is_empty(), "{line}");
                    family = (*name).to_owned();
                }
                ["#", "TYPE", name, kind] => {
                    assert_eq!(*name, family, "{line}");
                    assert!(kinds.insert(family.clone(), (*kind).to_owned()).is_none(), "{line}");
                }
                ["#", "UNIT", name, unit] => assert!(*name == family && name.ends_with(&format!("_{unit}")), "{line}"),
                _ => {
                    let (series, value) = line.rsplit_once(' ').expect("a value");
                    let name = series.split('{').next().expect("a name");
                    let suffix = match kinds[&family].as_str() {
                        "counter" => "_total",
                        "info" => "_info",
                        "gauge" => "",
                        other => panic!("{other} is not of our kinds"),
                    };
                    assert_eq!(name, format!("{family}{suffix}"), "{line}");
                    assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{line}");
                    let value: f64 = value.parse().expect("a number");
                    assert!(samples.insert(series.to_owned(), value).is_none(), "{line}");
                }
            }
        }
        samples
    }

    #[test]
    fn all_that_is_known_is_told_by_the_rules_of_the_format() {
        let text = render(&status()).expect("rendered");
        let samples = samples(&text);
        let s1 = r#"stream="s1",address="rtmp://live.example.org/app/****""#;
        for (series, value) in [
            (r#"wallflower_recording_info{id="0192",room="https://example.org/a\"b\\",file="/srv/a.mp4"}"#, 1.0),
            (r#"wallflower_recording_state{state="finalizing"}"#, 1.0),
            (r#"wallflower_recording_state{state="recording"}"#, 0.0),
            ("wallflower_recording_first_frame_timestamp_seconds", 1_700_000_001.5),
            ("wallflower_recording_media_seconds_total", 72.5),
            ("wallflower_recording_frames_total", 2170.0),
            ("wallflower_recording_unique_frames_total", 2100.0),
            ("wallflower_recording_dropped_frames_total", 0.0),
            ("wallflower_recording_duplicated_frames_total", 0.0),
            ("wallflower_recording_written_bytes_total", 5000.0),
            ("wallflower_recording_frames_per_second", 29.97),
            ("wallflower_recording_speed_ratio", 1.0),
            ("wallflower_recording_queued_fragments", 1.0),
            ("wallflower_recording_av_skew_seconds", -0.0125),
            ("wallflower_recording_interruptions_total", 0.0),
            ("wallflower_recording_gap_seconds_total", 0.0),
            ("wallflower_recording_muted", 0.0),
            (&format!(r#"wallflower_stream_state{{{s1},state="live"}}"#), 1.0),
            (&format!(r#"wallflower_stream_state{{{s1},state="waiting"}}"#), 0.0),
            (&format!("wallflower_stream_sent_seconds_total{{{s1}}}"), 70.5),
            (&format!("wallflower_stream_sent_bytes_total{{{s1}}}"), 3000.0),
            (&format!("wallflower_stream_missed_seconds_total{{{s1}}}"), 2.25),
            (&format!("wallflower_stream_retries_total{{{s1}}}"), 2.0),
            (r#"wallflower_recording_cpu_cores{process="browser"}"#, 0.5),
            (r#"wallflower_recording_cpu_cores{process="agent"}"#, 0.05),
            ("wallflower_recording_memory_pss_bytes", 4096.0),
        ] {
            assert_eq!(samples.get(series), Some(&value), "{series} in {text}");
        }
        for family in ["wallflower_recording_state", "wallflower_stream_state{stream=\"s2\""] {
            let set: f64 =
                samples.iter().filter(|(series, _)| series.starts_with(family)).map(|(_, value)| value).sum();
            assert_eq!(set, 1.0, "one state at a time: {text}");
        }
    }

    #[test]
    fn every_name_is_documented_and_nothing_else() {
        let names = |text: &str, before: &str| -> BTreeSet<String> {
            let of_line = |line: &str| line.strip_prefix(before)?.split([' ', '`']).next().map(str::to_owned);
            text.lines().filter_map(of_line).collect()
        };
        let document = include_str!("../../../docs/metrics.md");
        let (_, chapter) = document.split_once("## `wallflower record --metrics`").expect("a chapter");
        let text = render(&status()).expect("rendered");
        assert_eq!(names(&text, "# TYPE "), names(chapter, "| `"));
    }

    #[test]
    fn what_is_not_known_yet_is_left_out_and_counters_begin_at_zero() {
        let status = Status { course: Course::default(), recording: Recording::new("r"), ..status() };
        let text = render(&status).expect("rendered");
        let samples = samples(&text);
        assert_eq!(samples["wallflower_recording_frames_total"], 0.0);
        for unknown in ["wallflower_recording_speed_ratio", "wallflower_stream", "cpu_cores", "first_frame"] {
            assert!(!text.contains(unknown), "{unknown} in {text}");
        }
    }
}

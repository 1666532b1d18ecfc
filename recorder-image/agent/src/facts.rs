//! What a media file holds, by its packets.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use wallflower_domain::encoding::VideoCodec;
use wallflower_domain::failure::{Failure, FailureKind};

use crate::child::{self, LineSink};
use crate::ffmpeg::{self, Ffmpeg};

/// What ffprobe found, with every packet counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct MediaFacts {
    /// ffprobe's names of the format, such as `matroska,webm`.
    pub(crate) format: String,
    /// Size of the file.
    pub(crate) bytes: u64,
    pub(crate) video: Option<VideoFacts>,
    pub(crate) audio: Option<AudioFacts>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct VideoFacts {
    /// ffprobe's name.
    pub(crate) codec: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Frames a second, on average.
    pub(crate) fps: f64,
    pub(crate) frames: u64,
    /// When the first frame is shown, by the file's clock, in seconds.
    pub(crate) start_s: f64,
    pub(crate) duration_s: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct AudioFacts {
    /// ffprobe's name.
    pub(crate) codec: String,
    /// Samples a second.
    pub(crate) rate: u32,
    pub(crate) channels: u32,
    pub(crate) packets: u64,
    /// When the first sample is heard, by the file's clock, in seconds. Negative when the file holds what a decoder throws away.
    pub(crate) start_s: f64,
    pub(crate) duration_s: f64,
}

impl MediaFacts {
    /// Length of the picture; of the sound when there is no picture.
    pub(crate) fn duration_s(&self) -> f64 {
        let video = self.video.as_ref().map(|video| video.duration_s);
        video.or(self.audio.as_ref().map(|audio| audio.duration_s)).unwrap_or_default()
    }

    /// Where by the file's clock the recording begins: with its first frame, and without a picture at zero.
    pub(crate) fn origin_s(&self) -> f64 {
        self.video.as_ref().map_or(0.0, |video| video.start_s)
    }

    /// Frames of the picture.
    pub(crate) fn frames(&self) -> u64 {
        self.video.as_ref().map_or(0, |video| video.frames)
    }

    /// Fails when a stream that should be there is missing.
    pub(crate) fn demand(&self, picture: bool, sound: bool) -> Result<(), Failure> {
        match (picture && self.video.is_none(), sound && self.audio.is_none()) {
            (true, true) => Err(broken("it has neither picture nor sound")),
            (true, false) => Err(broken("it lacks the picture")),
            (false, true) => Err(broken("it lacks the sound")),
            (false, false) => Ok(()),
        }
    }
}

impl VideoFacts {
    /// The codec, when it is one that recordings have.
    pub(crate) fn video_codec(&self) -> Option<VideoCodec> {
        match self.codec.as_str() {
            "h264" => Some(VideoCodec::H264),
            "hevc" => Some(VideoCodec::H265),
            "vp9" => Some(VideoCodec::Vp9),
            "av1" => Some(VideoCodec::Av1),
            _ => None,
        }
    }
}

fn broken(why: impl std::fmt::Display) -> Failure {
    Failure::new(FailureKind::ProgramDied, format!("The finished file did not pass its check: {why}."))
}

/// Looks at a whole file. Fails when it can't be read, or when a stream in it is empty or has no duration.
pub(crate) async fn facts(ffmpeg: &Ffmpeg, file: &Path) -> Result<MediaFacts, Failure> {
    let mut command = ffmpeg.probe();
    command.args(["-count_packets", "-show_entries"]);
    command.arg(concat!(
        "format=format_name,duration:stream_tags=DURATION:stream=codec_type,codec_name,width,height,avg_frame_rate,",
        "sample_rate,channels,start_time,duration,nb_read_packets"
    ));
    command.args(["-of", "json"]).arg(ffmpeg::file(file));
    let (sender, mut lines) = mpsc::unbounded_channel();
    let on_stdout: LineSink = Box::new(move |line| drop(sender.send(line.to_owned())));
    let (status, tail) = child::run_while_it_works("ffprobe", command, ffmpeg::PATIENCE, on_stdout).await?;
    if !status.success() {
        return Err(broken(tail.last().unwrap_or_else(|| status.to_string())));
    }
    let mut json = String::new();
    while let Ok(line) = lines.try_recv() {
        json.push_str(&line);
    }
    let probe: Probe =
        serde_json::from_str(&json).map_err(|error| broken(format!("ffprobe's answer can't be read: {error}")))?;
    let bytes = fs::metadata(file).map_err(broken)?.len();
    read(probe, bytes)
}

fn read(probe: Probe, bytes: u64) -> Result<MediaFacts, Failure> {
    let stream = |kind: &str| probe.streams.iter().find(|stream| stream.codec_type == kind);
    let start = |stream: &ProbedStream| stream.start_time.parse().unwrap_or(0.0);
    let duration = |stream: &ProbedStream| {
        // Matroska's streams have no duration of their own, but a tag of that name, which is when they end.
        let end = stream.tags.as_ref().and_then(|tags| clock(&tags.duration));
        let tagged = end.map(|end| end - f64::max(start(stream), 0.0));
        let known = stream.duration.parse().ok().or(tagged).or(probe.format.duration.parse().ok());
        known.filter(|seconds: &f64| seconds.is_finite()).ok_or_else(|| broken("its duration is unknown"))
    };
    let packets = |stream: &ProbedStream, what: &str| match stream.nb_read_packets.parse::<u64>() {
        Ok(0) | Err(_) => Err(broken(format!("its {what} is empty"))),
        Ok(packets) => Ok(packets),
    };
    let video = match stream("video") {
        None => None,
        Some(video) => Some(VideoFacts {
            frames: packets(video, "picture")?,
            duration_s: duration(video)?,
            start_s: start(video),
            codec: video.codec_name.clone(),
            width: video.width,
            height: video.height,
            fps: ratio(&video.avg_frame_rate),
        }),
    };
    let audio = match stream("audio") {
        None => None,
        Some(audio) => Some(AudioFacts {
            packets: packets(audio, "sound")?,
            duration_s: duration(audio)?,
            start_s: start(audio),
            codec: audio.codec_name.clone(),
            rate: audio.sample_rate.parse().unwrap_or(0),
            channels: audio.channels,
        }),
    };
    if video.is_none() && audio.is_none() {
        return Err(broken("it has neither picture nor sound"));
    }
    Ok(MediaFacts { format: probe.format.format_name, bytes, video, audio })
}

/// `30/1`; zero when it is not known.
fn ratio(text: &str) -> f64 {
    let parts = text.split_once('/').and_then(|(over, under)| Some((over.parse().ok()?, under.parse().ok()?)));
    parts.map_or(0.0, |(over, under): (f64, f64)| if under > 0.0 { over / under } else { 0.0 })
}

/// `00:01:02.345000000` in seconds.
fn clock(text: &str) -> Option<f64> {
    text.split(':').try_fold(0.0, |seconds, part| Some(seconds * 60.0 + part.parse::<f64>().ok()?))
}

#[derive(Deserialize)]
struct Probe {
    #[serde(default)]
    streams: Vec<ProbedStream>,
    #[serde(default)]
    format: ProbedFormat,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ProbedFormat {
    format_name: String,
    duration: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ProbedStream {
    codec_type: String,
    codec_name: String,
    width: u32,
    height: u32,
    avg_frame_rate: String,
    sample_rate: String,
    channels: u32,
    start_time: String,
    duration: String,
    nb_read_packets: String,
    tags: Option<ProbedTags>,
}

#[derive(Default, Deserialize)]
struct ProbedTags {
    #[serde(default, rename = "DURATION")]
    duration: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(json: &str) -> Result<MediaFacts, Failure> {
        read(serde_json::from_str(json).expect("JSON"), 7)
    }

    #[test]
    fn a_matroska_file_tells_in_tags_when_its_streams_end() {
        let facts = answer(
            r#"{"streams":[
                {"codec_type":"video","codec_name":"vp9","width":1280,"height":720,"avg_frame_rate":"30000/1001",
                 "start_time":"1.250000","nb_read_packets":"180","tags":{"DURATION":"01:00:06.500000000"}},
                {"codec_type":"audio","codec_name":"opus","sample_rate":"48000","channels":2,
                 "start_time":"-0.007000","nb_read_packets":"303"}],
             "format":{"format_name":"matroska,webm","duration":"3606.545000"}}"#,
        )
        .expect("whole");
        assert_eq!((facts.duration_s(), facts.frames(), facts.origin_s()), (3605.25, 180, 1.25));
        let video = facts.video.expect("a picture");
        assert_eq!((video.video_codec(), (video.fps * 100.0).round()), (Some(VideoCodec::Vp9), 2997.0));
        let audio = facts.audio.expect("sound");
        assert_eq!((audio.duration_s, audio.start_s, audio.packets), (3606.545, -0.007, 303));
    }

    #[test]
    fn sound_alone_is_a_whole_file_unless_a_picture_is_demanded() {
        let facts = answer(
            r#"{"streams":[{"codec_type":"audio","codec_name":"pcm_s16le","sample_rate":"48000","channels":2,
                "duration":"6.000000","nb_read_packets":"282"}],"format":{"format_name":"wav","duration":"6.000000"}}"#,
        )
        .expect("whole");
        assert_eq!((facts.duration_s(), facts.frames()), (6.0, 0));
        assert_eq!(facts.demand(false, true), Ok(()));
        let failure = facts.demand(true, true).expect_err("no picture");
        assert_eq!(failure.message, "The finished file did not pass its check: it lacks the picture.");
    }

    #[test]
    fn empty_streams_and_unknown_durations_are_no_whole_file() {
        for (json, why) in [
            (r#"{"streams":[],"format":{}}"#, "neither picture nor sound"),
            (r#"{"streams":[{"codec_type":"video","nb_read_packets":"0","duration":"1"}]}"#, "its picture is empty"),
            (r#"{"streams":[{"codec_type":"audio","duration":"1"}]}"#, "its sound is empty"),
            (r#"{"streams":[{"codec_type":"audio","nb_read_packets":"3","duration":"N/A"}]}"#, "duration is unknown"),
        ] {
            let failure = answer(json).expect_err(why);
            assert!(failure.message.contains(why), "{failure}");
        }
    }

    #[tokio::test]
    async fn what_is_no_media_file_fails_with_ffprobe_s_reason() {
        let folder = tempfile::tempdir().expect("temp dir");
        let file = folder.path().join("notes: of a day.mp4");
        fs::write(&file, "no media").expect("written");
        let failure = facts(&Ffmpeg::find().expect("ffmpeg is installed"), &file).await.expect_err("no media");
        assert!(failure.message.contains("Invalid data") || failure.message.contains("moov"), "{failure}");
    }
}

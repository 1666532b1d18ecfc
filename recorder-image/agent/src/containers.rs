//! From the finished MP4 to the other files that were asked for.
//!
//! ```text
//!                 .mp4 .mkv   .webm                        .m4a    .opus .ogg   .mp3        .flac   .wav
//! picture         copied      copied if VP9 or AV1,        –
//!                             else encoded anew as VP9
//! sound           copied      Opus                         copied  Opus         MP3         FLAC    PCM, 16 bits
//! ```
//!
//! Time in each of them begins with the recording's first frame, whatever lies before it in the MP4: AAC begins with 1024 samples of
//! priming, which some containers can mark as such and others can only play, 21 ms of it.
//!
//! What is not copied costs, in processor time on one core for an hour of 1280x720 at 30 frames a second: `.webm` of H.264 some
//! 10 minutes, compressed sound some 30 seconds.

use std::path::Path;

use serde::Serialize;
use tokio::process::Command;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::output::Container;

use crate::facts::{MediaFacts, facts};
use crate::ffmpeg::{self, Ffmpeg};

/// Sound that is encoded anew may end this much later or earlier, in seconds: codecs work in frames of up to 60 ms.
const SOUND_SLACK_S: f64 = 0.25;

/// A file that was made, as measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Made {
    pub(crate) container: Container,
    pub(crate) facts: MediaFacts,
}

/// Makes a file of the finished MP4 and checks it. `known` is what the MP4 holds. A file that is there is replaced; one that could
/// not be made whole is removed.
pub(crate) async fn make(
    ffmpeg: &Ffmpeg,
    finished: &Path,
    known: &MediaFacts,
    container: Container,
    to: &Path,
) -> Result<Made, Failure> {
    let picture = container.has_picture() && known.video.is_some();
    if known.audio.is_none() && !picture {
        return Err(Failure::new(
            FailureKind::BadRequest,
            format!("{} can't be made: the recording has no sound.", to.display()),
        ));
    }
    let made = made(ffmpeg, finished, known, container, to).await;
    if made.is_err() {
        let _ = std::fs::remove_file(to);
    }
    made
}

async fn made(
    ffmpeg: &Ffmpeg,
    finished: &Path,
    known: &MediaFacts,
    container: Container,
    to: &Path,
) -> Result<Made, Failure> {
    let copies =
        known.video.as_ref().and_then(|video| video.video_codec()).is_some_and(|codec| container.copies(codec));
    let early = container == Container::Webm && known.audio.is_some() && webm_s_opus_is_early(ffmpeg, to).await?;
    let mut command = ffmpeg.command();
    read_from_the_first_frame(&mut command, finished, known);
    command.args(arguments(container, copies, early)).arg(ffmpeg::file(to));
    ffmpeg::run(command).await?;
    let facts = facts(ffmpeg, to).await?;
    check(&facts, known, container)?;
    Ok(Made { container, facts })
}

/// The recording's first frame is at zero on the clock of what ffmpeg reads, and ffmpeg leaves that clock alone.
fn read_from_the_first_frame(command: &mut Command, finished: &Path, known: &MediaFacts) {
    command.args(["-copyts", "-itsoffset", &format!("{:.6}", -known.origin_s()), "-i"]).arg(ffmpeg::file(finished));
    command.args(["-avoid_negative_ts", "disabled"]);
}

/// Whether this ffmpeg writes that part of the sound is to be thrown away, but not that the rest comes as much later. Those before
/// 6.0 do, and move all streams instead, so that the picture is late. Found out by making next to nothing where the file is to be.
async fn webm_s_opus_is_early(ffmpeg: &Ffmpeg, to: &Path) -> Result<bool, Failure> {
    let mut command = ffmpeg.command();
    command.args(["-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo", "-t", "0.1", "-c:a", "libopus"]);
    command.args(["-avoid_negative_ts", "disabled", "-f", "webm"]).arg(ffmpeg::file(to));
    ffmpeg::run(command).await?;
    let start_s = facts(ffmpeg, to).await?.audio.map_or(0.0, |audio| audio.start_s);
    // -0.0065 is right, -0.013 is not; Matroska counts in milliseconds.
    Ok(start_s < -0.01)
}

/// Sound from zero on: what comes before is cut off, what is missing is silence.
const FROM_ZERO: [&str; 2] = ["-af", "aresample=async=1:first_pts=0"];
/// The same, with what is to be thrown away from zero on. libopus puts 312 samples there.
const PRE_SKIP_FROM_ZERO: [&str; 2] = ["-af", "aresample=async=1:first_pts=0,asetpts=PTS+0.0065/TB"];

fn arguments(container: Container, copies: bool, early: bool) -> Vec<&'static str> {
    let mut arguments = Vec::new();
    let mut add = |words: &[&'static str]| arguments.extend_from_slice(words);
    if container.has_picture() {
        add(&["-map", "0:v:0?"]);
    }
    add(&["-map", "0:a:0?", "-map_metadata", "0"]);
    match container {
        Container::Mp4 => add(&["-c", "copy", "-movflags", "+faststart", "-f", "mp4"]),
        // It has no word for priming, so the packet that holds nothing else is left out.
        Container::Mkv => add(&["-c", "copy", "-bsf:a", "noise=drop='lt(pts*tb,-0.015)'", "-f", "matroska"]),
        Container::Webm => {
            if copies {
                add(&["-c:v", "copy"]);
            } else {
                // Realtime speed although there is no hurry: anything else takes hours for an hour on a small machine.
                add(&["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-row-mt", "1"]);
                add(&["-lag-in-frames", "0", "-b:v", "0", "-crf", "28", "-g", "240", "-fps_mode", "passthrough"]);
            }
            add(if early { &PRE_SKIP_FROM_ZERO } else { &FROM_ZERO });
            add(&["-c:a", "libopus", "-b:a", "96k", "-f", "webm"]);
        }
        Container::M4a => add(&["-c:a", "copy", "-movflags", "+faststart", "-f", "ipod"]),
        Container::Opus | Container::Ogg => {
            add(&FROM_ZERO);
            add(&["-c:a", "libopus", "-b:a", "96k", "-f", if container == Container::Opus { "opus" } else { "ogg" }]);
        }
        Container::Mp3 => {
            add(&FROM_ZERO);
            add(&["-c:a", "libmp3lame", "-b:a", "160k", "-f", "mp3"]);
        }
        Container::Flac => {
            add(&FROM_ZERO);
            add(&["-c:a", "flac", "-sample_fmt", "s16", "-f", "flac"]);
        }
        Container::Wav => {
            add(&FROM_ZERO);
            add(&["-c:a", "pcm_s16le", "-rf64", "auto", "-f", "wav"]);
        }
    }
    arguments
}

/// No frame and no sound may be lost on the way.
fn check(facts: &MediaFacts, known: &MediaFacts, container: Container) -> Result<(), Failure> {
    let picture = container.has_picture() && known.video.is_some();
    facts.demand(picture, known.audio.is_some())?;
    let wrong = |what: String| {
        Failure::new(
            FailureKind::ProgramDied,
            format!("The .{container} file did not pass its check: {what}; the recording itself is whole."),
        )
    };
    if picture && facts.frames() != known.frames() {
        return Err(wrong(format!("it has {} of {} frames", facts.frames(), known.frames())));
    }
    if let (Some(sound), Some(known_sound)) = (&facts.audio, &known.audio) {
        let end = |start_s: f64, duration_s: f64| start_s.max(0.0) + duration_s;
        let expected = end(known_sound.start_s - known.origin_s(), known_sound.duration_s);
        let found = end(sound.start_s, sound.duration_s);
        if (found - expected).abs() > SOUND_SLACK_S {
            return Err(wrong(format!("its sound ends at {found:.2} s instead of {expected:.2} s")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;
    use std::process::Output;

    const FPS: f64 = 30.0;
    const SECONDS: u32 = 4;
    /// Most seconds between a flash and its beep.
    const TOGETHER: f64 = 0.005;

    fn ffmpeg() -> Ffmpeg {
        Ffmpeg::find().expect("ffmpeg is installed")
    }

    async fn output(mut command: Command) -> Output {
        let output = command.output().await.expect("ffmpeg starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output
    }

    async fn ffmpeg_with(arguments: &str, from: Option<&Path>, then: &str, to: &Path) {
        let mut command = ffmpeg().command();
        command.args(arguments.split_whitespace());
        if let Some(from) = from {
            command.arg("-i").arg(from);
        }
        output({
            command.args(then.split_whitespace()).arg(to);
            command
        })
        .await;
    }

    /// The picture flashes and the sound beeps for 0.1 s at 0.5 s, 1.5 s, 2.5 s …; encoded as captures are.
    async fn captured(folder: &Path, video: &str, sound_late_s: f64) -> PathBuf {
        let file = folder.join("captured.mp4");
        let flash = "color=black:s=160x90:r=30,drawbox=c=white:t=fill:enable='lt(mod(t+0.5,1),0.1)'";
        let beep = "aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t+0.5,1),0.1)|0':s=48000";
        let mut command = ffmpeg().command();
        command.args(["-f", "lavfi", "-i", flash, "-itsoffset", &sound_late_s.to_string(), "-f", "lavfi", "-i", beep]);
        command.args(["-t", &SECONDS.to_string(), "-pix_fmt", "yuv420p"]).args(video.split_whitespace());
        command.args(["-c:a", "aac", "-b:a", "128k", "-f", "mp4"]);
        command.args(["-movflags", "+frag_keyframe+delay_moov+default_base_moof"]).arg(&file);
        output(command).await;
        file
    }

    const H264: &str = "-c:v libx264 -preset ultrafast -crf 25 -g 60";

    /// The capture with its index in front, its clock moved to where the priming begins: 21 ms before the first frame.
    async fn with_priming_played(captured: &Path) -> PathBuf {
        let file = captured.with_file_name("played.mp4");
        ffmpeg_with("", Some(captured), "-map 0 -c copy -movflags +faststart -f mp4", &file).await;
        file
    }

    /// The same with its clock as it was; an edit list skips the priming.
    async fn with_priming_skipped(captured: &Path) -> PathBuf {
        let file = captured.with_file_name("skipped.mp4");
        let then = "-map 0 -c copy -avoid_negative_ts disabled -movflags +faststart -f mp4";
        ffmpeg_with("-copyts", Some(captured), then, &file).await;
        file
    }

    async fn known(file: &Path) -> MediaFacts {
        facts(&ffmpeg(), file).await.expect("whole")
    }

    async fn make_beside(finished: &Path, container: Container) -> (Made, PathBuf) {
        let to = finished.with_file_name(format!("made.{container}"));
        let made = make(&ffmpeg(), finished, &known(finished).await, container, &to).await;
        (made.unwrap_or_else(|failure| panic!("{container}: {failure}")), to)
    }

    /// When the picture turns white, by the file's own clock.
    async fn flashes(file: &Path) -> Vec<f64> {
        let mut command = ffmpeg().command();
        command.arg("-copyts").arg("-i").arg(file).args(["-map", "0:v", "-vf"]);
        command.arg("signalstats,metadata=mode=print:key=lavfi.signalstats.YAVG:file=-").args(["-f", "null", "-"]);
        let text = String::from_utf8(output(command).await.stdout).expect("text");
        let (mut times, mut time, mut bright) = (Vec::new(), 0.0, false);
        for line in text.lines() {
            if let Some((_, pts)) = line.split_once("pts_time:") {
                time = pts.trim().parse().expect("a time");
            } else if let Some((_, luma)) = line.split_once("YAVG=") {
                let now = luma.parse::<f64>().expect("a number") > 128.0;
                if now && !bright {
                    times.push(time);
                }
                bright = now;
            }
        }
        times
    }

    /// When the tone sets in. A file of sound alone is played from its beginning, whatever its clock says there.
    async fn beeps(file: &Path, alone: bool) -> Vec<f64> {
        let mut command = ffmpeg().command();
        if !alone {
            command.arg("-copyts");
        }
        command.arg("-i").arg(file).args(["-map", "0:a", "-af", "aresample=48000:async=1:first_pts=0,pan=mono|c0=c0"]);
        command.args(["-f", "s16le", "-"]);
        let bytes = output(command).await.stdout;
        let (mut times, mut quiet_from) = (Vec::new(), 0);
        for (index, sample) in bytes.chunks_exact(2).enumerate() {
            let value = i16::from_le_bytes([sample[0], sample[1]]);
            if index >= quiet_from && value.unsigned_abs() > 8192 {
                times.push(index as f64 / 48_000.0);
                quiet_from = index + 24_000;
            }
        }
        times
    }

    fn assert_near(found: &[f64], expected: impl Fn(usize) -> f64, within: f64, what: &str) {
        assert!(found.len() >= 3, "{what}: {found:?}");
        for (index, time) in found.iter().enumerate() {
            assert!((time - expected(index)).abs() <= within, "{what}: {found:?}");
        }
    }

    #[tokio::test]
    async fn every_file_keeps_picture_and_sound_together_from_the_first_frame_on() {
        let folder = tempfile::tempdir().expect("temp dir");
        let captured = captured(folder.path(), H264, 0.0).await;
        for finished in [with_priming_played(&captured).await, with_priming_skipped(&captured).await] {
            for container in Container::ALL {
                let what = format!("{} → {container}", finished.display());
                let (made, file) = make_beside(&finished, container).await;
                let sound = made.facts.audio.as_ref().expect("sound");
                assert_eq!((sound.rate, sound.channels), (48_000, 2), "{what}");
                let picture = made.facts.video.as_ref().map(|video| video.codec.as_str());
                let (picture_codec, sound_codec, format) = contents(container);
                assert_eq!((picture, sound.codec.as_str()), (picture_codec, sound_codec), "{what}");
                assert!(made.facts.format.contains(format), "{what}: {}", made.facts.format);
                // MP3's frames are filled up at both ends.
                assert!((made.facts.duration_s() - f64::from(SECONDS)).abs() < 0.08, "{what}: {:?}", made.facts);
                assert_near(&beeps(&file, !container.has_picture()).await, |nth| 0.5 + nth as f64, TOGETHER, &what);
                if container.has_picture() {
                    let video = made.facts.video.as_ref().expect("a picture");
                    assert_eq!((video.width, video.height, video.fps.round()), (160, 90, FPS), "{what}");
                    assert_eq!((video.frames, video.start_s), (120, 0.0), "{what}");
                    assert_near(&flashes(&file).await, |nth| 0.5 + nth as f64, 0.001, &what);
                }
            }
        }
    }

    /// Picture, sound, and a part of ffprobe's name of the format.
    fn contents(container: Container) -> (Option<&'static str>, &'static str, &'static str) {
        match container {
            Container::Mp4 => (Some("h264"), "aac", "mp4"),
            Container::Mkv => (Some("h264"), "aac", "matroska"),
            Container::Webm => (Some("vp9"), "opus", "webm"),
            Container::M4a => (None, "aac", "m4a"),
            Container::Opus | Container::Ogg => (None, "opus", "ogg"),
            Container::Mp3 => (None, "mp3", "mp3"),
            Container::Flac => (None, "flac", "flac"),
            Container::Wav => (None, "pcm_s16le", "wav"),
        }
    }

    #[tokio::test]
    async fn sound_that_began_late_is_late_in_every_file() {
        let folder = tempfile::tempdir().expect("temp dir");
        let finished = with_priming_skipped(&captured(folder.path(), H264, 0.3).await).await;
        for container in Container::ALL {
            let (_, file) = make_beside(&finished, container).await;
            // Played from its beginning, AAC begins with its priming: that its file begins late is in its clock.
            let alone = !container.has_picture() && container != Container::M4a;
            assert_near(&beeps(&file, alone).await, |nth| 0.8 + nth as f64, TOGETHER, container.extension());
        }
    }

    #[tokio::test]
    async fn a_recording_of_sound_alone_becomes_any_file() {
        let folder = tempfile::tempdir().expect("temp dir");
        let captured = captured(folder.path(), "-vn", 0.0).await;
        let finished = with_priming_skipped(&captured).await;
        for container in Container::ALL {
            let (made, file) = make_beside(&finished, container).await;
            assert_eq!((made.facts.frames(), made.facts.video.is_some()), (0, false), "{container}");
            let alone = !container.has_picture();
            assert_near(&beeps(&file, alone).await, |nth| 0.5 + nth as f64, TOGETHER, container.extension());
        }
    }

    /// A fingerprint of the picture's packets.
    async fn packets_of(file: &Path) -> Vec<u8> {
        let mut command = ffmpeg().command();
        command.arg("-i").arg(file).args(["-map", "0:v", "-c", "copy", "-f", "md5", "-"]);
        output(command).await.stdout
    }

    #[tokio::test]
    async fn pictures_are_copied_wherever_they_can_be() {
        let folder = tempfile::tempdir().expect("temp dir");
        let vp9 = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -lag-in-frames 0 -b:v 0 -crf 30";
        let av1 = "-c:v libaom-av1 -usage realtime -cpu-used 8 -lag-in-frames 0 -b:v 0 -crf 30";
        for (codec, containers) in [
            (H264, &[Container::Mp4, Container::Mkv][..]),
            (vp9, &[Container::Mp4, Container::Mkv, Container::Webm]),
            (av1, &[Container::Mp4, Container::Mkv, Container::Webm]),
        ] {
            let finished = with_priming_played(&captured(folder.path(), codec, 0.0).await).await;
            for container in containers {
                let (_, file) = make_beside(&finished, *container).await;
                assert_eq!(packets_of(&file).await, packets_of(&finished).await, "{codec} → {container}");
                assert_near(&flashes(&file).await, |nth| 0.5 + nth as f64, 0.001, codec);
                assert_near(&beeps(&file, false).await, |nth| 0.5 + nth as f64, TOGETHER, codec);
            }
        }
    }

    #[tokio::test]
    async fn what_is_not_whole_is_not_left_behind() {
        let folder = tempfile::tempdir().expect("temp dir");
        let finished = with_priming_skipped(&captured(folder.path(), H264, 0.0).await).await;
        let known = known(&finished).await;
        let to = folder.path().join("made.mkv");
        let mut promised = known.clone();
        promised.video.as_mut().expect("a picture").frames += 1;
        let failure = make(&ffmpeg(), &finished, &promised, Container::Mkv, &to).await.expect_err("a frame is missing");
        assert!(failure.message.contains("it has 120 of 121 frames"), "{failure}");
        let mut promised = known.clone();
        promised.audio.as_mut().expect("sound").duration_s += 1.0;
        let failure = make(&ffmpeg(), &finished, &promised, Container::Mp3, &to).await.expect_err("sound is missing");
        assert!(failure.message.contains("its sound ends at 4.0"), "{failure}");
        fs::write(&finished, "no media").expect("written");
        make(&ffmpeg(), &finished, &known, Container::Mkv, &to).await.expect_err("can't be read");
        assert!(!to.exists());
    }

    #[tokio::test]
    async fn there_is_no_file_of_sound_without_sound() {
        let folder = tempfile::tempdir().expect("temp dir");
        let captured = captured(folder.path(), H264, 0.0).await;
        let silent = folder.path().join("silent.mp4");
        ffmpeg_with("", Some(&captured), "-map 0:v -c copy -f mp4", &silent).await;
        let facts = known(&silent).await;
        let to = folder.path().join("made.mp3");
        let failure = make(&ffmpeg(), &silent, &facts, Container::Mp3, &to).await.expect_err("no sound");
        assert_eq!((failure.kind, to.exists()), (FailureKind::BadRequest, false));
        let (made, _) = make_beside(&silent, Container::Webm).await;
        assert_eq!((made.facts.frames(), made.facts.audio), (120, None));
    }
}

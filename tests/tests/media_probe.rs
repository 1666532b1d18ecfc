//! The media probe against clips of which everything is known: what it is to find, it finds, and what is wrong, it sees.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use wallflower_tests::media_probe::{Plan, Region, Sync, decode, region, tone};

const WIDTH: usize = 640;
const HEIGHT: usize = 360;
const RATE: f64 = 48_000.0;

/// What a clip is to show and sound.
#[derive(Clone)]
struct Clip {
    fps: u32,
    /// Counter of each frame.
    counts: Vec<u32>,
    /// Onsets of beeps, in seconds.
    beeps: Vec<f64>,
    /// By how much each flash is to come after its beep, in seconds, before it is rounded up to the next frame.
    flash_after: f64,
}

impl Clip {
    /// Six seconds at 30 fps of a 60 Hz counter, with beeps that walk through the frame grid as the page's do.
    fn plain() -> Self {
        let beep = &Plan::get().beep;
        let beeps = (0..5).map(|i| 0.7 + beep.every_seconds * f64::from(i)).collect();
        Self { fps: 30, counts: (0..180).map(|i| 60_000 + 2 * i).collect(), beeps, flash_after: 0.0 }
    }

    fn seconds(&self) -> f64 {
        self.counts.len() as f64 / f64::from(self.fps)
    }

    /// Times of the frames in which flashes are first seen.
    fn flashes(&self) -> Vec<f64> {
        let fps = f64::from(self.fps);
        self.beeps.iter().map(|beep| ((beep + self.flash_after) * fps - 1e-6).ceil() / fps).collect()
    }

    fn picture(&self) -> Vec<u8> {
        let plan = Plan::get();
        let flashes = self.flashes();
        let mut pixels = Vec::new();
        for (i, count) in self.counts.iter().enumerate() {
            let now = i as f64 / f64::from(self.fps);
            let mut frame = vec![0_u8; WIDTH * HEIGHT];
            let mut paint = |left: f64, top: f64, width: f64, height: f64| {
                let along = |fraction: f64, all: usize| (fraction * all as f64).round() as usize;
                for y in along(top, HEIGHT)..along(top + height, HEIGHT) {
                    frame[y * WIDTH + along(left, WIDTH)..y * WIDTH + along(left + width, WIDTH)].fill(255);
                }
            };
            let column = 1.0 / f64::from(plan.columns);
            let gray = (count ^ (count >> 1)) & ((1 << plan.counter.bits) - 1);
            let bits = (0..plan.counter.bits).rev().map(|bit| gray >> bit & 1 == 1);
            let cells = [true, false].into_iter().chain(bits).chain([gray.count_ones() % 2 == 1, true]);
            for (cell, _) in cells.enumerate().filter(|(_, white)| *white) {
                let left = (f64::from(plan.counter.first_column) + cell as f64) * column;
                paint(left, plan.counter.top, column, plan.counter.height);
            }
            if flashes.iter().any(|flash| (flash - 1e-6..flash + plan.flash.seconds).contains(&now)) {
                paint(plan.flash.left, plan.flash.top, plan.flash.width, plan.flash.height);
            }
            pixels.extend(frame);
        }
        pixels
    }

    fn sound(&self) -> Vec<u8> {
        let beep = &Plan::get().beep;
        let sample = |i: usize| {
            let now = i as f64 / RATE;
            let since = self.beeps.iter().map(|onset| now - onset).find(|since| (0.0..beep.seconds).contains(since));
            since.map_or(0.0, |since| beep.amplitude * (std::f64::consts::TAU * beep.hertz * since).cos())
        };
        let count = (self.seconds() * RATE) as usize;
        (0..count).flat_map(|i| (sample(i) as f32).to_le_bytes()).collect()
    }

    /// Encodes it as a recording is encoded. `output` are further options.
    fn write(&self, folder: &TempDir, name: &str, output: &[&str]) -> PathBuf {
        let (picture, sound, file) = (folder.path().join("v"), folder.path().join("a"), folder.path().join(name));
        fs::write(&picture, self.picture()).expect("there is room");
        fs::write(&sound, self.sound()).expect("there is room");
        let (size, fps) = (format!("{WIDTH}x{HEIGHT}"), self.fps.to_string());
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "gray", "-s", &size, "-r", &fps, "-i"]);
        ffmpeg.arg(picture).args(["-f", "f32le", "-ar", "48000", "-ac", "1", "-i"]).arg(sound);
        ffmpeg.args(["-c:v", "libx264", "-preset", "ultrafast", "-crf", "25", "-pix_fmt", "yuv420p"]);
        ffmpeg.args(["-c:a", "aac", "-b:a", "128k", "-ac", "2"]).args(output).arg(&file);
        run(ffmpeg);
        file
    }
}

fn run(mut command: Command) {
    let output = command.stdin(Stdio::null()).output().expect("ffmpeg is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A clip of ffmpeg's own sources.
fn synthesize(folder: &TempDir, picture: &str, sound: &str) -> PathBuf {
    let file = folder.path().join("synthesized.mp4");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-y", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-t", "2"]);
    ffmpeg.args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]).arg(&file);
    run(ffmpeg);
    file
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary directory can be made")
}

fn read(file: &Path) -> Sync {
    Sync::of(file).expect("the clip can be decoded")
}

/// Each flash minus beep as planned, in milliseconds.
fn planned_offsets(clip: &Clip) -> Vec<f64> {
    clip.flashes().iter().zip(&clip.beeps).map(|(flash, beep)| (flash - beep) * 1000.0).collect()
}

#[track_caller]
fn assert_offsets(sync: &Sync, expected: &[f64]) {
    let found: Vec<_> = sync.offsets.pairs.iter().map(|(_, offset)| offset * 1000.0).collect();
    assert_eq!((found.len(), sync.offsets.unpaired), (expected.len(), 0), "{found:?} for {expected:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1.0, "{found:.2} ms for {expected:.2} ms");
    }
}

#[test]
fn a_faithful_clip_reads_as_it_was_planned() {
    let (clip, folder) = (Clip::plain(), folder());
    let sync = read(&clip.write(&folder, "clip.mp4", &[]));
    assert_eq!((sync.counters.frames(), sync.counters.unreadable()), (180, 0));
    assert!((sync.counters.unique() - 1.0).abs() < 1e-9);
    assert_eq!(sync.counters.histogram(), [(2, 179)].into());
    assert!((sync.counters.longest_freeze() - 1.0 / 30.0).abs() < 1e-3);
    assert!((sync.counters.rate() - 60.0).abs() < 0.01);
    assert!((sync.pictures.duration() - 6.0).abs() < 0.001, "{:?}", sync.pictures);
    assert!((sync.sound_duration - 6.0).abs() < 0.03, "{}", sync.sound_duration);
    assert_offsets(&sync, &planned_offsets(&clip));
}

#[test]
fn a_picture_that_is_late_is_measured_to_the_millisecond() {
    let folder = folder();
    for shift_ms in [-60.0, 60.0] {
        let clip = Clip { flash_after: shift_ms / 1000.0, ..Clip::plain() };
        let sync = read(&clip.write(&folder, "clip.mp4", &[]));
        assert_offsets(&sync, &planned_offsets(&clip));
    }
}

#[test]
fn sound_that_is_shifted_by_the_container_alone_is_seen() {
    let (clip, folder) = (Clip::plain(), folder());
    let file = clip.write(&folder, "clip.mp4", &[]);
    let shifted = folder.path().join("shifted.mp4");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-y", "-i"]).arg(&file).args(["-itsoffset", "-0.060", "-i"]).arg(&file);
    ffmpeg.args(["-map", "0:v", "-map", "1:a", "-c", "copy"]).arg(&shifted);
    run(ffmpeg);
    let expected: Vec<_> = planned_offsets(&clip).iter().map(|offset| offset + 60.0).collect();
    let sync = read(&shifted);
    let found = sync.offsets.median_ms();
    let middle = expected.iter().sum::<f64>() / expected.len() as f64;
    assert!((found - middle).abs() < 10.0, "{found} for about {middle}: {expected:?}");
    assert_offsets(&sync, &expected);
}

#[test]
fn frames_that_were_recorded_twice_or_lost_are_counted() {
    let mut clip = Clip::plain();
    for frame in [50, 51, 52, 120] {
        clip.counts[frame] = clip.counts[frame - 1];
    }
    let folder = folder();
    let counters = read(&clip.write(&folder, "clip.mp4", &[])).counters;
    assert_eq!(counters.histogram(), [(0, 4), (2, 173), (4, 1), (8, 1)].into());
    assert!((counters.unique() - 176.0 / 180.0).abs() < 1e-9, "{}", counters.unique());
    assert!((counters.longest_freeze() - 4.0 / 30.0).abs() < 1e-3, "{}", counters.longest_freeze());
}

#[test]
fn the_counter_may_wrap() {
    let folder = folder();
    let clip = Clip { counts: (65_500..65_560).map(|count| count % 65_536).collect(), ..Clip::plain() };
    let clip = Clip { beeps: vec![1.0], ..clip };
    assert_eq!(read(&clip.write(&folder, "clip.mp4", &[])).counters.histogram(), [(1, 59)].into());
}

#[test]
fn a_flash_without_its_beep_is_told() {
    let folder = folder();
    let clip = Clip::plain();
    let file = clip.write(&folder, "clip.mp4", &["-af", "volume=0:enable='between(t,2.5,3.5)'"]);
    let sync = read(&file);
    assert_eq!((sync.offsets.pairs.len(), sync.offsets.unpaired), (clip.beeps.len() - 1, 1));
}

#[test]
fn a_picture_without_counter_is_unreadable() {
    let folder = folder();
    let file = synthesize(&folder, "testsrc2=size=640x360:rate=15", "anullsrc=r=48000");
    let counters = read(&file).counters;
    assert_eq!((counters.frames(), counters.unreadable()), (30, 30));
}

#[test]
fn motion_texture_and_colour_belong_to_their_region() {
    let folder = folder();
    // On the left blue stands still, on the right a test picture moves.
    let picture = "color=blue:size=320x360:rate=15[l];testsrc2=size=320x360:rate=15[r];[l][r]hstack";
    let file = synthesize(&folder, picture, "anullsrc=r=48000");
    let left = region::watch(&file, Region::new(0.0, 0.0, 0.45, 1.0)).expect("decodes");
    let right = region::watch(&file, Region::new(0.55, 0.0, 0.45, 1.0)).expect("decodes");
    assert!(left.moving(0.5) < 0.01 && left.texture < 2.0, "{left:?}");
    assert!(right.moving(0.5) > 0.9 && right.texture > 20.0, "{} {}", right.moving(0.5), right.texture);
    let [red, green, blue] = left.colour;
    assert!(red < 20.0 && green < 20.0 && blue > 230.0, "{:?}", left.colour);
}

#[test]
fn a_tone_is_found_where_it_is_and_nowhere_else() {
    let folder = folder();
    let sound = "aevalsrc='0.25*sin(2*PI*196*t)*gt(t,1)':s=48000";
    let samples = decode::samples(&synthesize(&folder, "color=black:size=64x64:rate=15", sound)).expect("decodes");
    let (before, after) = (samples.between(0.1, 0.9), samples.between(1.1, 1.9));
    assert!((tone::amplitude(after, 196.0) - 0.25).abs() < 0.02, "{}", tone::amplitude(after, 196.0));
    assert!(tone::amplitude(after, 110.0) < 0.005);
    assert!(tone::amplitude(before, 196.0) < 0.005);
    assert!(tone::strongest(&samples.values, 196.0, 0.25) > 0.2);
    assert!((tone::rms(after) - 0.25 / 2_f64.sqrt()).abs() < 0.02);
}

#[test]
fn a_file_that_is_no_recording_is_refused_with_a_sentence() {
    let folder = folder();
    let file = folder.path().join("broken.mp4");
    fs::write(&file, b"this is no MP4").expect("there is room");
    let error = Sync::of(&file).expect_err("nothing can be decoded").to_string();
    assert!(error.contains("broken.mp4"), "{error}");
}

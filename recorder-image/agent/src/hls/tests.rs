use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use wallflower_domain::failure::FailureKind;
use wallflower_domain::wire::agent::{AgentEvent, Job, PauseMode};
use wallflower_tests::harness::my_turn;
use wallflower_tests::harness::player::{Player, Playing, Wish};

use super::{Hls, check, make};
use crate::clock::Moment;
use crate::fragment::tests::encoded;
use crate::fragment::{Cutter, Piece};
use crate::report::Report;
use crate::spool::tests::{job, spooled_at};
use crate::spool::{Spool, Wanted};

const SOON: Duration = Duration::from_secs(120);

fn wanted(recording: &str, overwrite: bool) -> Wanted {
    Wanted::of(&Job { id: recording.to_owned(), overwrite, ..job(Path::new("/a.mp4")) })
}

/// A spool, and a directory for HLS that isn't there yet.
struct Bench {
    folder: tempfile::TempDir,
    spool: Spool,
    began: Moment,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("temp dir");
        let spool = Spool::of(&job(&folder.path().join("a.mp4"))).expect("made");
        Self { folder, spool, began: Moment::now() }
    }

    fn directory(&self) -> PathBuf {
        self.folder.path().join("live")
    }

    /// An attempt of so many seconds, whose first frame was grabbed then.
    async fn attempt(&self, at_s: u32, seconds: u32) {
        spooled_at(&self.spool, self.at(at_s), seconds).await;
    }

    fn at(&self, seconds: u32) -> Moment {
        let us = i64::from(seconds) * 1_000_000;
        let Moment { unix_us, boot_us, boot_id } = self.began.clone();
        Moment { unix_us: unix_us + us, boot_us: boot_us + us, boot_id }
    }

    fn pause(&self, mode: PauseMode, from_s: i64, until_s: i64) {
        self.spool.note_pause(mode, from_s * 1_000_000).expect("noted");
        self.spool.note_resume(until_s * 1_000_000).expect("noted");
    }

    fn start(&self) -> (Hls, mpsc::UnboundedReceiver<AgentEvent>) {
        let (sender, events) = mpsc::unbounded_channel();
        let hls = Hls::start(&self.directory(), &wanted("id", false), self.spool.reader(), Report::new(sender));
        (hls.expect("started"), events)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.directory().join(name)).unwrap_or_default()
    }

    /// The same as fast as it lasts.
    async fn attempt_at_its_pace(&self, at_s: u32, seconds: u32) {
        let begun = self.spool.begin(self.spool.next(), self.at(at_s), 10, Some("Xvfb died."));
        let (attempt, offset, writer) = begun.expect("begun");
        assert_eq!(attempt.frame, u64::from(at_s) * 10);
        let began = tokio::time::Instant::now();
        for piece in Cutter::new(offset).push(&encoded(seconds, 10)).expect("valid") {
            match piece {
                Piece::Init(init) => writer.init(init.bytes).await.expect("open"),
                Piece::Fragment(fragment) => {
                    let lasts = Duration::from_secs_f64(fragment.end_s() - offset.seconds());
                    tokio::time::sleep_until(began + lasts).await;
                    writer.append(Arc::new(fragment)).await.expect("open");
                }
            }
        }
        tokio::task::spawn_blocking(|| writer.close()).await.expect("ran").expect("written");
    }

    /// As the next agent has it.
    fn reopened(self) -> Self {
        let Self { folder, spool, began } = self;
        drop(spool);
        let spool = Spool::of(&job(&folder.path().join("a.mp4"))).expect("opened");
        Self { folder, spool, began }
    }

    fn segment_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.directory()).expect("there").flatten().map(|entry| entry.path());
        let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "m4s")).collect();
        files.sort();
        files
    }

    fn bytes_of_segments(&self) -> u64 {
        self.segment_files().iter().map(|path| fs::metadata(path).expect("there").len()).sum()
    }

    fn modified(&self) -> Vec<SystemTime> {
        let files = self.segment_files();
        files.iter().map(|path| fs::metadata(path).expect("there").modified().expect("known")).collect()
    }

    /// Waits until so many segments are in the playlist.
    async fn listed(&self, segments: usize) -> String {
        let listed = async {
            loop {
                let text = self.text("index.m3u8");
                if text.matches("#EXTINF").count() >= segments {
                    return text;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(SOON, listed).await.unwrap_or_else(|_| panic!("{segments} in {}", self.text("index.m3u8")))
    }
}

/// Frames and seconds of sound that ffmpeg decodes. It has nothing to complain of.
#[track_caller]
fn decoded(playlist: &Path) -> (usize, f64) {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-v", "warning", "-xerror", "-copyts", "-i"])
        .arg(playlist)
        .args(["-map", "0:v", "-fps_mode", "passthrough", "-f", "framecrc", "pipe:1"])
        .output()
        .expect("ffmpeg runs");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{}: {complaints}", playlist.display());
    let frames = String::from_utf8_lossy(&output.stdout).lines().filter(|line| !line.starts_with('#')).count();
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-v", "warning", "-xerror", "-i"])
        .arg(playlist)
        .args(["-map", "0:a", "-ac", "1", "-f", "s16le", "pipe:1"])
        .output()
        .expect("ffmpeg runs");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{}: {complaints}", playlist.display());
    (frames, output.stdout.len() as f64 / 2.0 / 48_000.0)
}

#[tokio::test]
async fn ffmpeg_plays_all_of_a_recording_with_a_gap_and_a_pause() {
    let bench = Bench::new();
    bench.attempt(0, 6).await;
    let (hls, _events) = bench.start();
    let live = bench.listed(3).await;
    // Of the segments 9-11, 11-13, 13-15, 15-17, 17-19 and 19-20, two lie in the pause that is cut.
    bench.pause(PauseMode::Hold, 1, 5);
    bench.pause(PauseMode::Cut, 11, 16);
    bench.attempt(9, 11).await;
    let grown = bench.listed(7).await;
    assert!(grown.starts_with(&live) && live.contains("TYPE:EVENT") && !live.contains("ENDLIST"), "{live}\n{grown}");
    let done = hls.finish().await.expect("made");
    assert_eq!((done.segments, done.duration_s), (7, 13.0));
    assert_eq!(done.bytes, bench.bytes_of_segments());
    let ended = bench.text("index.m3u8");
    assert_eq!(ended, grown.replace("TYPE:EVENT", "TYPE:VOD") + "#EXT-X-ENDLIST\n");
    assert_eq!(ended.matches("#EXT-X-DISCONTINUITY").count(), 2);
    assert!(bench.text("master.m3u8").contains("RESOLUTION=320x180,FRAME-RATE=10.000"));
    for playlist in [&done.playlist, &done.master] {
        let (frames, sound_s) = decoded(playlist);
        assert_eq!(frames, 130, "{}", playlist.display());
        assert!((sound_s - 13.0).abs() < 0.3, "{sound_s}");
    }
}

#[tokio::test]
async fn the_next_agent_goes_on_with_what_is_there() {
    let bench = Bench::new();
    bench.attempt(0, 6).await;
    let (hls, _events) = bench.start();
    let before = bench.listed(3).await;
    drop(hls);
    let written = bench.modified();
    // Killed before the last segment was whole, and its playlist and init section are lost.
    fs::write(bench.directory().join("seg-000003.m4s"), b"half").expect("written");
    fs::remove_file(bench.directory().join("init-001.mp4")).expect("removed");

    let bench = bench.reopened();
    check(&bench.directory(), "id", false).expect("its own");
    bench.attempt(8, 4).await;
    let (hls, _events) = bench.start();
    assert!(bench.listed(5).await.starts_with(&before), "{}", bench.text("index.m3u8"));
    let done = hls.finish().await.expect("made");
    let now = bench.modified();
    assert_eq!(now[..2], written[..2], "what was whole was kept");
    assert_ne!(now[2], written[2]);
    assert_eq!(decoded(&done.playlist).0, 100);
}

#[tokio::test]
async fn it_is_made_from_a_spool_that_a_dead_run_left_as_while_recording() {
    let bench = Bench::new();
    bench.attempt(0, 5).await;
    bench.attempt(7, 3).await;
    let (hls, _events) = bench.start();
    hls.finish().await.expect("made");
    let names = ["index.m3u8", "master.m3u8"].map(|name| bench.text(name));
    fs::remove_dir_all(bench.directory()).expect("removed");
    let bench = bench.reopened();
    let done = make(&bench.directory(), &wanted("id", false), bench.spool.reader()).await.expect("made");
    assert_eq!(names, ["index.m3u8", "master.m3u8"].map(|name| bench.text(name)));
    assert_eq!(decoded(&done.master).0, 80);
}

#[tokio::test]
async fn a_directory_that_can_t_be_written_holds_up_hls_and_is_told_of_once() {
    let bench = Bench::new();
    bench.attempt(0, 2).await;
    let (hls, mut events) = bench.start();
    let before = bench.listed(1).await;
    let aside = bench.folder.path().join("aside");
    fs::rename(bench.directory(), &aside).expect("moved");
    fs::write(bench.directory(), b"in the way").expect("written");
    bench.attempt(2, 5).await;
    let Some(AgentEvent::Warning { message }) = events.recv().await else { panic!("no warning") };
    assert!(message.contains("live") && message.ends_with("the recording goes on."), "{message}");
    fs::remove_file(bench.directory()).expect("removed");
    fs::rename(aside, bench.directory()).expect("moved");
    bench.attempt(7, 2).await;
    assert!(bench.listed(5).await.starts_with(&before));
    let done = hls.finish().await.expect("made");
    assert_eq!(decoded(&done.playlist).0, 90);
    assert!(events.try_recv().is_err(), "it was told of once");
}

#[tokio::test]
async fn what_can_t_be_made_in_the_end_is_a_failure_and_so_is_what_somebody_removed_mended() {
    let bench = Bench::new();
    bench.attempt(0, 4).await;
    let (hls, _events) = bench.start();
    bench.listed(2).await;
    fs::remove_file(bench.directory().join("seg-000001.m4s")).expect("removed");
    let done = hls.finish().await.expect("made");
    assert_eq!(decoded(&done.playlist).0, 40);

    fs::remove_dir_all(bench.directory()).expect("removed");
    fs::write(bench.directory(), b"in the way").expect("written");
    let failure = make(&bench.directory(), &wanted("id", true), bench.spool.reader()).await.expect_err("it is a file");
    assert_eq!(failure.kind, FailureKind::DestinationUnwritable);
}

#[tokio::test]
async fn the_playlist_of_another_recording_is_replaced_only_when_told_to() {
    let (one, other) = (Bench::new(), Bench::new());
    one.attempt(0, 4).await;
    other.attempt(1, 2).await;
    make(&one.directory(), &wanted("one", false), one.spool.reader()).await.expect("made");
    let (whole, spool) = (one.text("index.m3u8"), other.spool.reader());
    let made = make(&one.directory(), &wanted("other", false), spool.clone()).await.map(drop);
    for refused in [check(&one.directory(), "other", false), made] {
        assert_eq!(refused.expect_err("it is in use").kind, FailureKind::BadRequest);
    }
    assert_eq!(one.text("index.m3u8"), whole);
    check(&one.directory(), "other", true).expect("may be replaced");
    let done = make(&one.directory(), &wanted("other", true), spool).await.expect("made");
    assert_eq!(decoded(&done.playlist).0, 20);
    assert!(!one.directory().join("seg-000002.m4s").exists());
}

#[tokio::test]
async fn a_recording_that_was_paused_all_the_time_has_no_playlist() {
    let bench = Bench::new();
    bench.spool.note_pause(PauseMode::Cut, 0).expect("noted");
    bench.attempt(0, 4).await;
    let (hls, mut events) = bench.start();
    let failure = hls.finish().await.expect_err("nothing is left");
    assert!(failure.message.contains("paused all the time"), "{failure}");
    assert_eq!(bench.text("index.m3u8"), "");
    assert!(events.try_recv().is_err());
}

#[tokio::test]
async fn one_that_nobody_finishes_ends_with_its_owner() {
    let bench = Bench::new();
    bench.attempt(0, 2).await;
    let (hls, mut events) = bench.start();
    let text = bench.listed(1).await;
    drop(hls);
    // Its report goes with the thread.
    assert!(tokio::time::timeout(SOON, events.recv()).await.expect("in time").is_none());
    assert_eq!(bench.text("index.m3u8"), text);
}

/// The player's time goes on with what is in the playlist, over gap and cut; the dates that it tells don't.
#[tokio::test(flavor = "multi_thread")]
async fn hls_js_plays_it_while_it_grows_and_afterwards() {
    let _turn = my_turn();
    let bench = Bench::new();
    bench.attempt(0, 8).await;
    let (hls, _events) = bench.start();
    bench.listed(4).await;
    let Some(player) = Player::open(&bench.directory(), Wish::plain("index.m3u8")) else { return };
    // The next attempts come as fast as they are played.
    let start = player.wait_until("plays", SOON, |playing| playing.frames > 0 && playing.time > 0.0);
    assert!(start.live && start.width == 320, "{start:#?}");
    bench.pause(PauseMode::Cut, 14, 18);
    bench.attempt_at_its_pace(10, 8).await;
    bench.attempt_at_its_pace(18, 4).await;
    let grown = player.wait_until("sees it grow, and plays it", SOON, |playing| {
        playing.segments == 8 && playing.time > start.time + 5.0
    });
    assert!(grown.live, "{grown:#?}");
    hls.finish().await.expect("made");
    let played = player.wait_until("plays to the end", SOON, |playing| playing.ended);
    assert!(!played.live && (played.length - 16.0).abs() < 1e-3, "{played:#?}");
    // In the pause there was nothing to be played.
    let stalled = ["bufferStalledError", "bufferNudgeOnStall"];
    assert!(played.errors.iter().all(|error| stalled.contains(&error.details.as_str())), "{played:#?}");
    check_played(&played, &bench);
    drop(player);

    for playlist in ["index.m3u8", "master.m3u8"] {
        let wish = Wish { playlist, from: Some(0.0), rate: 2.0, whole: true };
        let player = Player::open(&bench.directory(), wish).expect("it was there before");
        let played = player.wait_until("plays to the end", SOON, |playing| playing.ended);
        assert!((played.duration - 16.0).abs() < 0.1, "{played:#?}");
        assert!(played.frames >= 150 && played.audio_bytes > 50_000, "{played:#?}");
        // A hole would be sought over; a decoder that has no processor stalls.
        assert!(played.errors.iter().all(|error| stalled.contains(&error.details.as_str())), "{played:#?}");
        check_played(&played, &bench);
    }
}

/// It has played the recording's last moment as that.
#[track_caller]
fn check_played(playing: &Playing, bench: &Bench) {
    assert!(playing.codecs.contains("avc1.42C0") && playing.codecs.contains("mp4a.40.2"), "{playing:#?}");
    let shown_s = playing.playing_date_ms / 1e3 - bench.began.unix_us as f64 / 1e6;
    assert!((shown_s - 22.0).abs() < 0.2, "{shown_s} s: {playing:#?}");
}

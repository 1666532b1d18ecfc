//! JPEGs of a recording, one each N seconds, while it goes on; and two pictures that show all of it, afterwards.
//!
//! ```text
//! spool ─finished segments─▶ DIR/frame-000000s.jpg    the picture at 0 s of the finished file
//!                            DIR/frame-000010s.jpg    … at 10 s: six digits, so that they sort
//! finished file ───────────▶ DIR/thumbnail.jpg, DIR/contact-sheet.jpg
//! ```
//!
//! Each is made by an ffmpeg of its own, which reads one segment up to that picture: its keyframe when N is even and nothing has
//! interrupted the recording. That takes 0.1 s of processor time at 1280x720, and 0.25 s for the segment's last picture. There is never
//! more than one of them, and it yields to everything else on the machine. When they come slower than they are due, the oldest wait
//! until the recording has ended. There is none of a time in which nothing was captured, and what is cut has no time in the file.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio::runtime::Runtime;
use wallflower_domain::failure::{Failure, FailureKind};

use crate::companion::{Companion, Order, Orders};
use crate::delivery::unwritable;
use crate::directory::{self, Directory, Kind};
use crate::ffmpeg::Ffmpeg;
use crate::finisher::{Plan, Source, grid, plan_of, unreadable};
use crate::pictures;
use crate::report::Report;
use crate::spool::{Reader, Wanted};
use crate::workdir::Lasting;

const THUMBNAIL: &str = "thumbnail.jpg";
const CONTACT_SHEET: &str = "contact-sheet.jpg";
/// While recording, more that are due than this wait until the end.
const MOST_DUE: u64 = 3;
/// At the end, those that are still missing after so long are not made. Tests of what is made have more beside them than a recording.
const LONGEST_END: Duration = Duration::from_secs(if cfg!(test) { 600 } else { 30 });
/// By `nice`.
const NICENESS: &str = if cfg!(test) { "0" } else { "15" };

const KIND: Kind = Kind { title: "images", writes: is_ours, matters: is_ours };

fn is_ours(name: &str) -> bool {
    let number = name.strip_prefix("frame-").and_then(|rest| rest.strip_suffix("s.jpg"));
    let is_frame = number.is_some_and(|number| number.len() >= 6 && number.bytes().all(|byte| byte.is_ascii_digit()));
    name == THUMBNAIL || name == CONTACT_SHEET || is_frame
}

fn frame_name(at_s: u64) -> String {
    format!("frame-{at_s:06}s.jpg")
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImagesDelivery {
    /// Images, without thumbnail and contact sheet.
    pub(crate) count: u64,
    /// Of these.
    pub(crate) bytes: u64,
    /// Images that there was no time for.
    pub(crate) missing: u64,
}

/// Which pictures, and what makes them.
pub(crate) struct Wish<'a> {
    pub(crate) directory: &'a Path,
    pub(crate) every_s: u32,
    pub(crate) wanted: &'a Wanted,
    pub(crate) ffmpeg: &'a Path,
    /// Whose processes they become; nobody's when a spool of the dead is finished.
    pub(crate) lasting: Option<Lasting>,
}

/// Fails when images can't be written there, or those of another recording are there and may not be replaced.
pub(crate) fn check(directory: &Path, recording: &str, overwrite: bool) -> Result<(), Failure> {
    directory::check(directory, KIND, recording, overwrite)
}

/// Makes all at once, from a spool that has ended.
pub(crate) async fn make(wish: Wish<'_>, spool: Reader) -> Result<ImagesDelivery, Failure> {
    // What goes wrong is in the result.
    let silent = Report::new(tokio::sync::mpsc::unbounded_channel().0);
    Images::start(wish, spool, silent)?.finish().await
}

/// The two pictures that show all of it, from the finished file.
pub(crate) async fn make_sheets(
    ffmpeg: &Ffmpeg,
    directory: &Path,
    wanted: &Wanted,
    finished: &Path,
    duration_s: f64,
) -> Result<(), Failure> {
    let directory = Directory::take(directory, KIND, &wanted.recording, wanted.overwrite)?;
    pictures::thumbnail(ffmpeg, finished, duration_s, &directory.part(THUMBNAIL)).await?;
    place(&directory, THUMBNAIL)?;
    pictures::make_contact_sheet(ffmpeg, finished, duration_s, &directory.part(CONTACT_SHEET)).await?;
    place(&directory, CONTACT_SHEET)
}

fn place(directory: &Directory, name: &str) -> Result<(), Failure> {
    directory.place(name).map_err(|error| unwritable(&directory.part(name), &error))
}

/// Follows a spool. Dropping it ends what it is about to make.
pub(crate) struct Images(Companion<ImagesDelivery>);

impl Images {
    /// Begins, or goes on with what an agent before this one has made.
    pub(crate) fn start(wish: Wish<'_>, spool: Reader, report: Report) -> Result<Self, Failure> {
        let Wish { directory, every_s, wanted, ffmpeg, lasting } = wish;
        let maker = Maker {
            path: directory.to_owned(),
            every_s: u64::from(every_s.max(1)),
            fps: u64::from(grid(wanted.fps, false)),
            wanted: wanted.clone(),
            ffmpeg: ffmpeg.to_owned(),
            lasting,
            spool,
            report,
            directory: None,
            next: 0,
            in_trouble: false,
        };
        Companion::start("images", directory, |runtime, orders| maker.serve(runtime, orders)).map(Self)
    }

    /// Those that are still missing. The last attempt has ended.
    pub(crate) async fn finish(self) -> Result<ImagesDelivery, Failure> {
        self.0.finish().await
    }
}

struct Maker {
    path: PathBuf,
    every_s: u64,
    fps: u64,
    wanted: Wanted,
    ffmpeg: PathBuf,
    lasting: Option<Lasting>,
    spool: Reader,
    report: Report,
    /// None until it is ours.
    directory: Option<Directory>,
    /// The image that is due next: they are counted from 0.
    next: u64,
    in_trouble: bool,
}

/// A picture of the recording.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shown {
    attempt: u32,
    /// Media time.
    at_s: f64,
}

impl Maker {
    /// Until it is told to finish; then what has become of it.
    fn serve(mut self, runtime: &Runtime, mut orders: Orders) -> Option<Result<ImagesDelivery, Failure>> {
        let mut count = self.spool.segment_count();
        loop {
            runtime.block_on(self.catch_up(&mut orders))?;
            match runtime.block_on(orders.next(&mut count)) {
                Order::GoOn => {}
                Order::Finish => return runtime.block_on(self.end(&mut orders)),
                Order::Leave => return None,
            }
        }
    }

    /// Makes the last of those that have become due. None when nobody wants to know any more.
    async fn catch_up(&mut self, orders: &mut Orders) -> Option<()> {
        // The file is never longer than the recording.
        let reached_s = self.spool.now_us().map_or(0, |now_us| now_us.max(0).unsigned_abs() / 1_000_000);
        if reached_s < self.next * self.every_s {
            return Some(());
        }
        let plan = match plan_of(&self.spool, &self.wanted, None) {
            Ok(plan) => plan,
            Err(error) => {
                self.troubled(&unreadable(self.spool.folder(), &error));
                return Some(());
            }
        };
        let due = self.due(&plan);
        for index in due.saturating_sub(MOST_DUE).max(self.next)..due {
            match orders.unless_left(self.ensure(&plan, index)).await? {
                Ok(()) => self.in_trouble = false,
                Err(failure) => self.troubled(&failure),
            }
            orders.step();
        }
        self.next = self.next.max(due);
        Some(())
    }

    /// How many pictures can be made of what is there.
    fn due(&self, plan: &Plan) -> u64 {
        plan.frames().div_ceil(self.every_s * self.fps)
    }

    /// Once for as long as it lasts: they are tried again in the end.
    fn troubled(&mut self, failure: &Failure) {
        if !std::mem::replace(&mut self.in_trouble, true) {
            self.report.warn(format!("{} The recording goes on without images until that is mended.", failure.message));
        }
    }

    /// Makes an image unless it is there, or there is nothing to be seen.
    async fn ensure(&mut self, plan: &Plan, index: u64) -> Result<(), Failure> {
        let name = frame_name(index * self.every_s);
        let Some(shown) = shown(plan, index * self.every_s * self.fps) else { return Ok(()) };
        let directory = self.take_directory()?;
        if directory.size(&name).is_some() {
            return Ok(());
        }
        let part = directory.part(&name);
        let made = pictures::write(self.command(shown)?, &part).await;
        let placed = made.and_then(|()| place(&directory, &name));
        if placed.is_err() {
            let _ = std::fs::remove_file(part);
        }
        placed
    }

    fn take_directory(&mut self) -> Result<Directory, Failure> {
        let directory = match &self.directory {
            Some(directory) => directory.clone(),
            None => Directory::take(&self.path, KIND, &self.wanted.recording, self.wanted.overwrite)?,
        };
        Ok(self.directory.insert(directory).clone())
    }

    /// Reads a segment up to its picture.
    fn command(&self, shown: Shown) -> Result<Command, Failure> {
        // Into the segment that begins with this picture, not to the end of the one before.
        let within = shown.at_s + 0.5 / self.frames_a_second();
        let input = self.spool.input(shown.attempt, within, within);
        let input = input.map_err(|error| unreadable(self.spool.folder(), &error))?.ok_or_else(|| {
            Failure::new(
                FailureKind::Internal,
                format!("The spool's index lacks attempt {}, which it has.", shown.attempt),
            )
        })?;
        let nice = Path::new("nice");
        let mut command = self.lasting.as_ref().map_or_else(|| Command::new(nice), |lasting| lasting.command(nice));
        command.args(["-n", NICENESS]).arg(&self.ffmpeg).current_dir(self.spool.folder());
        command.args(["-hide_banner", "-nostats", "-nostdin", "-loglevel", "error", "-y"]);
        command.args(["-threads", "1", "-filter_threads", "1", "-i", &input.url, "-map", "0:v"]);
        let before = ((shown.at_s - input.start_s) * self.frames_a_second()).round();
        let colours = pictures::colours(Path::new("a.jpg"));
        command.arg("-vf").arg(format!(r"select=gte(n\,{before}),{colours}"));
        Ok(command)
    }

    #[expect(clippy::cast_precision_loss, reason = "frames of a second")]
    fn frames_a_second(&self) -> f64 {
        self.fps as f64
    }

    /// Makes those that are still missing, as far as there is time for them.
    async fn end(&mut self, orders: &mut Orders) -> Option<Result<ImagesDelivery, Failure>> {
        let began = Instant::now();
        let plan = match plan_of(&self.spool, &self.wanted, None) {
            Ok(plan) => plan,
            Err(error) => return Some(Err(unreadable(self.spool.folder(), &error))),
        };
        let mut failed = None;
        let mut delivery = ImagesDelivery { count: 0, bytes: 0, missing: 0 };
        for index in 0..self.due(&plan) {
            if shown(&plan, index * self.every_s * self.fps).is_none() {
                continue;
            }
            if began.elapsed() < LONGEST_END
                && let Err(failure) = orders.unless_left(self.ensure(&plan, index)).await?
            {
                failed.get_or_insert(failure);
            }
            orders.step();
            match self.directory.as_ref().and_then(|directory| directory.size(&frame_name(index * self.every_s))) {
                Some(bytes) => {
                    delivery.count += 1;
                    delivery.bytes += bytes;
                }
                None => delivery.missing += 1,
            }
        }
        if let Some(failure) = failed {
            return Some(Err(failure));
        }
        if delivery.missing > 0 {
            let ImagesDelivery { count, missing, .. } = delivery;
            let message = format!("{missing} of {} images were not made: this machine was too slow.", count + missing);
            self.report.warn(message);
        }
        Some(Ok(delivery))
    }
}

/// What the file shows at a frame; none when nothing was captured then.
fn shown(plan: &Plan, frame: u64) -> Option<Shown> {
    let mut at = 0;
    let piece = plan.pieces.iter().find(|piece| {
        at += piece.frames;
        frame < at
    })?;
    let Source::Attempt(attempt) = piece.source else { return None };
    Some(Shown { attempt, at_s: plan.seconds(piece.end() - (at - frame)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Arc;

    use tokio::sync::mpsc;
    use wallflower_domain::frame::FrameRate;
    use wallflower_domain::wire::agent::{AgentEvent, Job, PauseMode};

    use crate::clock::Moment;
    use crate::fragment::{Cutter, Piece};
    use crate::programs::Program;
    use crate::spool::Spool;
    use crate::spool::tests::job;

    const SOON: Duration = Duration::from_secs(90);
    const FPS: u32 = 10;
    /// Each frame is brighter than the one before by this.
    const STEP: u8 = 4;

    struct Bench {
        folder: tempfile::TempDir,
        spool: Spool,
        began: Moment,
        ffmpeg: PathBuf,
    }

    impl Bench {
        /// A recording that began a minute ago.
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("temp dir");
            let spool = Spool::of(&job(&folder.path().join("a.mp4"))).expect("made");
            let began = Moment::at_unix_us(crate::clock::unix_us() - 60_000_000);
            Self { folder, spool, began, ffmpeg: Program::Ffmpeg.find().expect("ffmpeg is installed") }
        }

        fn directory(&self) -> PathBuf {
            self.folder.path().join("images %03d: of it")
        }

        /// An attempt of six seconds, each frame of which is told from the others by its grey.
        async fn attempt(&self, at_s: u32) {
            let us = i64::from(at_s) * 1_000_000;
            let Moment { unix_us, boot_us, boot_id } = self.began.clone();
            let at = Moment { unix_us: unix_us + us, boot_us: boot_us + us, boot_id };
            let (_, offset, writer) = self.spool.begin(self.spool.next(), at, FPS, None).expect("begun");
            let mut command = std::process::Command::new(&self.ffmpeg);
            let graph = format!(
                "color=black:s=320x180:r={FPS}:d=6,format=gray,geq=lum='{STEP}*N',format=yuvj420p,scale=out_range=tv,\
                 format=yuv420p"
            );
            command.args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", &graph]);
            command.args(["-f", "lavfi", "-i", "sine=r=48000:d=6", "-c:a", "aac", "-color_range", "tv"]);
            command.args(["-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", "-g", "20"]);
            command.args(["-f", "mp4", "-movflags", "+frag_keyframe+delay_moov+default_base_moof", "pipe:1"]);
            let output = command.output().expect("ffmpeg runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            for piece in Cutter::new(offset).push(&output.stdout).expect("valid") {
                match piece {
                    Piece::Init(init) => writer.init(init.bytes).await.expect("open"),
                    Piece::Fragment(fragment) => writer.append(Arc::new(fragment)).await.expect("open"),
                }
            }
            tokio::task::spawn_blocking(|| writer.close()).await.expect("ran").expect("written");
        }

        fn start(&self, every_s: u32, recording: &str) -> (Images, mpsc::UnboundedReceiver<AgentEvent>) {
            let fps = FrameRate::try_from(FPS).expect("a frame rate");
            let wanted = Wanted::of(&Job { id: recording.to_owned(), fps, ..job(Path::new("/a.mp4")) });
            let (sender, events) = mpsc::unbounded_channel();
            let directory = self.directory();
            let wish = Wish { directory: &directory, every_s, wanted: &wanted, ffmpeg: &self.ffmpeg, lasting: None };
            (Images::start(wish, self.spool.reader(), Report::new(sender)).expect("started"), events)
        }

        /// Seconds and paths of all images.
        fn frames(&self) -> Vec<(u32, PathBuf)> {
            let mut found: Vec<(u32, PathBuf)> = fs::read_dir(self.directory())
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|entry| {
                    let name = entry.file_name().into_string().expect("UTF-8");
                    let second = name.strip_prefix("frame-")?.strip_suffix("s.jpg")?.parse().expect("a number");
                    Some((second, entry.path()))
                })
                .collect();
            found.sort_unstable();
            found
        }

        /// Seconds and greys of all images.
        fn greys(&self) -> Vec<(u32, u8)> {
            self.frames().into_iter().map(|(second, path)| (second, grey(&self.ffmpeg, &path))).collect()
        }

        fn modified(&self, second: u64) -> std::time::SystemTime {
            let file = self.directory().join(frame_name(second));
            fs::metadata(file).expect("there").modified().expect("known")
        }

        /// A program in the stead of ffmpeg.
        fn program(&self, script: &str) -> PathBuf {
            let path = self.folder.path().join("program");
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
            path
        }
    }

    /// Of the pixel in the middle.
    fn grey(ffmpeg: &Path, picture: &Path) -> u8 {
        let mut command = std::process::Command::new(ffmpeg);
        command.args(["-nostdin", "-v", "error", "-f", "mjpeg", "-i"]).arg(crate::ffmpeg::file(picture));
        let output = command.args(["-pix_fmt", "gray", "-f", "rawvideo", "-"]).output().expect("ffmpeg runs");
        assert_eq!(output.stdout.len(), 320 * 180, "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout[90 * 320 + 160]
    }

    #[track_caller]
    fn assert_greys(found: &[(u32, u8)], expected: &[(u32, u8)]) {
        let near = |(a, b): (&(u32, u8), &(u32, u8))| a.0 == b.0 && a.1.abs_diff(b.1) < STEP / 2;
        assert!(found.len() == expected.len() && found.iter().zip(expected).all(near), "{found:?}, not {expected:?}");
    }

    #[tokio::test]
    async fn an_image_shows_what_the_file_shows_at_its_time() {
        let bench = Bench::new();
        bench.attempt(0).await;
        bench.spool.note_pause(PauseMode::Cut, 2_000_000).expect("noted");
        bench.spool.note_resume(4_000_000).expect("noted");
        bench.attempt(9).await;
        let (images, mut events) = bench.start(1, "id");
        let done = images.finish().await.expect("made");
        // Two seconds were cut, and from 4 to 7 there is a slate.
        let expected = [(0, 0), (1, 40), (2, 160), (3, 200), (7, 0), (8, 40), (9, 80), (10, 120), (11, 160), (12, 200)];
        assert_greys(&bench.greys(), &expected);
        assert_eq!((done.count, done.missing), (10, 0));
        assert!(done.bytes > 1000, "{done:?}");
        assert!(events.try_recv().is_err());
        assert_eq!(fs::read_dir(bench.directory()).expect("there").count(), 11, "nothing else is left");
    }

    #[tokio::test]
    async fn they_are_made_while_recording_and_those_that_had_to_wait_afterwards() {
        let bench = Bench::new();
        bench.attempt(0).await;
        let (images, _events) = bench.start(1, "id");
        let until = |count: usize| {
            let bench = &bench;
            let made = async move {
                while bench.frames().len() < count {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            async move { tokio::time::timeout(SOON, made).await.expect("in time") }
        };
        until(3).await;
        assert_greys(&bench.greys(), &[(3, 120), (4, 160), (5, 200)]);
        bench.attempt(6).await;
        // Each segment of two seconds brings two.
        until(6).await;
        assert!(bench.greys().iter().all(|(second, _)| *second >= 3), "{:?}", bench.greys());
        let before = bench.modified(4);
        assert_eq!(images.finish().await.expect("made").count, 12);
        assert_eq!(bench.modified(4), before, "what is there is kept");
        // As the next agent does.
        let (images, _events) = bench.start(1, "id");
        assert_eq!(images.finish().await.expect("made").count, 12);
        assert_eq!(bench.modified(4), before);
    }

    #[tokio::test]
    async fn an_ffmpeg_that_fails_is_told_of_once_and_leaves_nothing() {
        let mut bench = Bench::new();
        bench.attempt(0).await;
        bench.ffmpeg = bench.program("echo 'no such codec' >&2; exit 3");
        let (images, mut events) = bench.start(1, "id");
        let Some(AgentEvent::Warning { message }) = events.recv().await else { panic!("no warning") };
        assert!(message.contains("no such codec") && message.contains("without images"), "{message}");
        let failure = images.finish().await.expect_err("none can be made");
        assert!(failure.message.contains("no such codec"), "{failure}");
        assert!(events.recv().await.is_none(), "it was told of once");
        assert_eq!(fs::read_dir(bench.directory()).expect("there").count(), 1, "only whose it is");
    }

    #[tokio::test]
    async fn one_that_nobody_waits_for_any_more_is_ended() {
        let mut bench = Bench::new();
        bench.attempt(0).await;
        let pid = bench.folder.path().join("pid");
        bench.ffmpeg = bench.program(&format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000", pid.display()));
        let (images, mut events) = bench.start(1, "id");
        let started = async {
            while !pid.exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(SOON, started).await.expect("in time");
        drop(images);
        assert!(tokio::time::timeout(SOON, events.recv()).await.expect("in time").is_none(), "the thread has ended");
        let pid = fs::read_to_string(pid).expect("there");
        let stat = || fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        let ended = async {
            while !stat().is_empty() && !stat().contains(") Z ") {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(SOON, ended).await.expect("what it had started is ended with it");
    }

    #[tokio::test]
    async fn a_finished_file_has_a_thumbnail_and_a_contact_sheet() {
        let bench = Bench::new();
        bench.attempt(0).await;
        let wanted = Wanted::of(&job(Path::new("/a.mp4")));
        let ffmpeg = Ffmpeg::find().expect("ffmpeg is installed");
        make_sheets(&ffmpeg, &bench.directory(), &wanted, &bench.spool.media(1), 6.0).await.expect("made");
        let mut names: Vec<_> =
            fs::read_dir(bench.directory()).expect("there").flatten().map(|e| e.file_name()).collect();
        names.sort();
        assert_eq!(names, [".recording", CONTACT_SHEET, THUMBNAIL]);
        for name in [CONTACT_SHEET, THUMBNAIL] {
            assert_eq!(fs::read(bench.directory().join(name)).expect("there")[..3], [0xff, 0xd8, 0xff]);
        }
        let refused = check(&bench.directory(), "another", false).expect_err("they are there");
        assert!(refused.message.contains("images of another recording"), "{refused}");
        check(&bench.directory(), "another", true).expect("may be replaced");
    }
}

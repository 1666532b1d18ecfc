//! From the spool to what was asked for.
//!
//! ```text
//! SPOOL/…              what was captured
//! SPOOL/finished.mp4   made by the finisher, verified; other containers are made from it, beside it
//! FILE                 by link or rename: complete, or not there at all
//! FILE.manifest.json   with events, chat and chapters: what happened, on the file's clock
//! ```
//!
//! The spool is removed only after everything is in its place, and only when all that was captured is in a file or was left out as asked.
//! When anything fails, what can be delivered is, and the spool stays.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use wallflower_domain::encoding::Encoding;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::output::{Container, Output};
use wallflower_domain::recording::EndReason;
use wallflower_domain::timeline::{Delivered, OutputKind};
use wallflower_domain::wire::agent::{Delivery, Job, Progress, Usage};

use crate::containers;
use crate::digest;
use crate::encoder::{Encoder, Encoders, resolve};
use crate::ffmpeg::Ffmpeg;
use crate::finisher::{self, Finished, Plan};
use crate::observer::free_on;
use crate::placing;
use crate::programs::Programs;
use crate::report::Report;
use crate::sidecars::{self, Sidecars};
use crate::spool::{NotOpened, Spool, Wanted};
use crate::uploads::{Uploads, files_of};
use crate::{hls, images};

/// Where a recording goes, and what is captured until then.
pub(crate) struct Destination {
    pub(crate) wanted: Wanted,
    /// What encodes the pictures, of captures and of slates.
    pub(crate) encoder: Encoder,
    spool: Spool,
}

/// How a recording ended, for what is told of it.
pub(crate) struct Ended {
    pub(crate) end: EndReason,
    pub(crate) failure: Option<Failure>,
    /// When, in microseconds of media time, if that was in a gap.
    pub(crate) until_us: Option<i64>,
    pub(crate) captured: Progress,
    pub(crate) usage: Option<Usage>,
    /// What was made while it was captured: HLS, streams, images.
    pub(crate) live: Vec<Delivered>,
}

impl Ended {
    /// Something that was captured is in none of the files.
    fn falls_short(&mut self, failure: &Failure) {
        self.end = EndReason::Failure;
        self.failure.get_or_insert_with(|| failure.clone());
    }
}

impl Destination {
    /// Checks that the files can be written and opens the spool.
    pub(crate) fn prepare(job: &Job) -> Result<Self, Failure> {
        for output in &job.outputs {
            check(output, job.overwrite)?;
        }
        let folder = Path::new(&job.spool);
        let parent = folder.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent).map_err(|error| unwritable(parent, &error))?;
        // Opening it writes a file: a directory can be made on a full disk, a file with something in it can't.
        match Spool::of(job) {
            Ok(spool) => Self::of(job, spool),
            Err(NotOpened::InUse) => Err(Failure::new(
                FailureKind::DestinationUnwritable,
                format!("{} is in use by another agent.", folder.display()),
            )),
            Err(NotOpened::Broken(error)) => {
                if !crate::spool::has_media(folder) {
                    let _ = fs::remove_dir_all(folder);
                }
                Err(unwritable(parent, &error))
            }
        }
    }

    fn of(job: &Job, spool: Spool) -> Result<Self, Failure> {
        let destination = Self { wanted: Wanted::of(job), encoder: Encoder::default(), spool };
        let room = check_room(&destination.spool, job.watchdog.disk_reserve_bytes);
        if let Err(failure) = room
            && !destination.has_media()
        {
            destination.discard();
            return Err(failure);
        }
        for output in &job.outputs {
            let checked = match output {
                Output::Hls { directory } => hls::check(directory, &job.id, job.overwrite),
                Output::Images { directory, .. } => images::check(directory, &job.id, job.overwrite),
                Output::File { .. } | Output::Audio { .. } | Output::Stream { .. } => Ok(()),
            };
            if let Err(failure) = checked {
                if !destination.has_media() {
                    destination.discard();
                }
                return Err(failure);
            }
        }
        Ok(destination)
    }

    /// Opens what a dead run left.
    pub(crate) fn left_in(folder: &Path) -> Result<Self, Failure> {
        let refused =
            |why: String| Err(Failure::new(FailureKind::DestinationUnwritable, format!("{} {why}", folder.display())));
        match Spool::left_in(folder) {
            Ok((spool, wanted)) => Ok(Self { wanted, encoder: Encoder::default(), spool }),
            Err(NotOpened::InUse) => refused("is still being recorded.".into()),
            Err(NotOpened::Broken(error)) => refused(format!("can't be opened ({error}).")),
        }
    }

    /// Finds what encodes the pictures here. A sentence comes with it when that is not what was asked for. Fails when this machine can't
    /// make what is wanted.
    pub(crate) async fn find_encoder(&mut self, programs: &Programs) -> Result<Option<String>, Failure> {
        let Wanted { encoding, outputs, size, fps, .. } = &self.wanted;
        let ffmpeg = Ffmpeg::alone(programs);
        // What every ffmpeg can do is not asked for: that would take a tenth of a second of every start.
        let plain = |container| matches!(container, Container::Mp4 | Container::Mkv | Container::M4a);
        let containers: Vec<Container> = outputs
            .iter()
            .filter_map(|output| output.container().ok().flatten())
            .filter(|kind| !plain(*kind))
            .collect();
        if !containers.is_empty() {
            let encoders = Encoders::of(&ffmpeg).await?;
            for container in containers {
                encoders.check(container, encoding.codec)?;
            }
        }
        if *encoding == Encoding::default() || self.wanted.sound_only() {
            return Ok(None);
        }
        let (encoder, warning) = resolve(&ffmpeg, *encoding, *size, *fps).await?;
        self.encoder = encoder;
        Ok(warning)
    }

    pub(crate) fn spool(&self) -> &Spool {
        &self.spool
    }

    fn namesake(&self) -> &Path {
        namesake(&self.wanted.outputs).unwrap_or(self.spool.folder())
    }

    /// Where a picture of the display goes when the page fails.
    pub(crate) fn failure_picture(&self) -> PathBuf {
        self.namesake().with_extension("failure.png")
    }

    /// Something was captured.
    pub(crate) fn has_media(&self) -> bool {
        self.spool.has_media()
    }

    /// Removes the spool of a recording that never had media. Where there is some, or may be, it stays.
    pub(crate) fn discard(self) {
        if self.has_media() {
            tracing::warn!(spool = %self.spool.folder().display(), "the spool is kept: something was captured");
            return;
        }
        self.spool.remove();
    }

    /// Leaves the spool where it is, and says where.
    pub(crate) fn keep(self) -> PathBuf {
        self.spool.folder().to_owned()
    }

    /// Makes, verifies and places everything. A failure is told beside what could be delivered all the same; then the spool stays.
    pub(crate) async fn deliver(
        self,
        ffmpeg: &Ffmpeg,
        mut ended: Ended,
        report: &Report,
    ) -> (Option<Delivery>, Option<Failure>) {
        let (plan, left_out) = match self.plan(ended.until_us) {
            Ok(planned) => planned,
            Err(error) => {
                return (None, Some(self.kept(finisher::unreadable(self.spool.folder(), &error))));
            }
        };
        if let Some(failure) = &left_out {
            ended.falls_short(failure);
        }
        let (delivery, shortfall, upload_failure) = match self.make(ffmpeg, &plan, ended, report).await {
            Ok(made) => made,
            Err(failure) => return (None, Some(self.kept(failure))),
        };
        let failure = delivery.outputs.iter().find_map(|output| output.failure.clone());
        match (failure, left_out.or(shortfall)) {
            (Some(failure), _) => (Some(delivery), Some(self.kept(failure))),
            (None, Some(missing)) => (Some(delivery), Some(and(missing, upload_failure))),
            (None, None) => {
                // What could not be uploaded is delivered here, and its ledger says what is left to be done.
                self.spool.remove();
                (Some(delivery), upload_failure)
            }
        }
    }

    /// What the file is to be, and the failure when something that was captured can be no part of it.
    fn plan(&self, until_us: Option<i64>) -> io::Result<(Plan, Option<Failure>)> {
        // A disk that was full may have kept whole fragments out of the index. If it still does, they are told to be left out.
        if let Err(error) = self.spool.mend_index() {
            tracing::warn!(%error, "the spool's index can't be mended");
        }
        let plan = finisher::plan_of(&self.spool, &self.wanted, until_us)?;
        let left_out = self.spool.unaccounted()?;
        Ok((plan, (!left_out.is_empty()).then(|| self.left_out(&left_out))))
    }

    fn left_out(&self, attempts: &[u32]) -> Failure {
        let files: Vec<String> =
            attempts.iter().map(|number| self.spool.media(*number).display().to_string()).collect();
        let message = format!(
            "Part of what was captured can't be read, or nothing tells where it belongs, so that it is in none of the files: {}. The spool is \
             kept for whoever can mend it; remove it when that is not worth while.",
            files.join(", ")
        );
        Failure::new(FailureKind::DestinationUnwritable, message)
    }

    /// What was made, why it is not all that was captured, and why it could not be uploaded.
    async fn make(
        &self,
        ffmpeg: &Ffmpeg,
        plan: &Plan,
        mut ended: Ended,
        report: &Report,
    ) -> Result<(Delivery, Option<Failure>, Option<Failure>), Failure> {
        let sidecars = Sidecars::of(&self.spool, plan);
        let files = self.wanted.outputs.iter().filter(|output| output.container().is_ok_and(|kind| kind.is_some()));
        let files: Vec<&Output> = files.collect();
        let mut outputs = Vec::new();
        let (mut duration_s, mut frames) = (plan.seconds(plan.frames()), plan.frames());
        let (mut live, mut shortfall) = (ended.live.clone(), None);
        let has_images = live.iter().any(|output| output.kind == OutputKind::Images);
        if !files.is_empty() || has_images {
            let chapters = sidecars.write_chapters(self.spool.folder())?;
            let finished =
                finisher::finish(ffmpeg, &self.spool, &self.wanted, &self.encoder, plan, chapters.as_deref()).await?;
            (duration_s, frames) = (finished.facts.duration_s(), finished.facts.frames());
            if let Some(failure) = &finished.shortfall {
                let kept = format!("{} The spool is kept: {}.", failure.message, self.spool.folder().display());
                let failure = Failure { message: kept, ..failure.clone() };
                ended.falls_short(&failure);
                shortfall = Some(failure);
            }
            for output in files {
                outputs.push(self.deliver_file(ffmpeg, &finished, output).await);
            }
            let pictured =
                live.iter_mut().filter(|output| output.kind == OutputKind::Images && output.failure.is_none());
            for output in pictured {
                let directory = PathBuf::from(&output.location);
                let made = images::make_sheets(ffmpeg, &directory, &self.wanted, &finished.path, duration_s);
                output.failure = made.await.err();
            }
            // Nothing else needs it, and the disk may be small.
            let _ = fs::remove_file(&finished.path);
        }
        outputs.extend(live);
        let mut delivery = Delivery {
            outputs,
            manifest: None,
            duration_s,
            frames,
            gaps: plan.gaps.clone(),
            pauses: plan.pauses.clone(),
            usage: ended.usage,
        };
        if !self.wanted.outputs.iter().any(|output| output.path().is_some()) {
            return Ok((delivery, shortfall, None));
        }
        let began_unix_us = self.spool.began().map_or(0, |began| began.unix_us);
        let uploads = Uploads::of(&self.wanted, began_unix_us, report)?;
        let mut failure = None;
        if let Some(uploads) = &uploads {
            failure = self.upload(uploads, &mut delivery).await?;
        }
        let manifest = sidecars
            .manifest(&self.spool, &self.wanted, &ended, &delivery)
            .map_err(|error| finisher::unreadable(self.spool.folder(), &error))?;
        let placed = sidecars.place(self.namesake(), &manifest)?;
        delivery.manifest = placed.first().map(|(path, _)| path.display().to_string());
        if let Some(uploads) = &uploads {
            match failure {
                None => failure = uploads.upload(self.namesake(), &placed).await?.1,
                // A destination that took nothing a moment ago is not waited for again.
                Some(_) => uploads.leave(self.namesake(), &placed).await?,
            }
        }
        let folder = self.namesake().parent().unwrap_or(Path::new("."));
        Ok((delivery, shortfall, failure.map(|failure| not_uploaded_yet(folder, failure))))
    }

    /// Uploads what was made.
    async fn upload(&self, uploads: &Uploads, delivery: &mut Delivery) -> Result<Option<Failure>, Failure> {
        let mut failure = None;
        let made = delivery.outputs.iter_mut();
        for output in made.filter(|output| output.failure.is_none() && output.kind != OutputKind::Stream) {
            let files = files_of(output);
            // What is in a directory may have been uploaded while it came there.
            let location = Path::new(&output.location);
            let beside = if location.is_dir() { location } else { self.namesake() };
            if failure.is_some() {
                uploads.leave(beside, &files).await?;
                continue;
            }
            let (uploaded, trouble) = uploads.upload(beside, &files).await?;
            output.uploads = uploaded.iter().map(Into::into).collect();
            failure = trouble;
        }
        Ok(failure)
    }

    async fn deliver_file(&self, ffmpeg: &Ffmpeg, finished: &Finished, output: &Output) -> Delivered {
        let path = output.path().unwrap_or(Path::new(""));
        let kind = if output.has_picture() { OutputKind::File } else { OutputKind::Audio };
        let nothing = Delivered {
            kind,
            location: path.display().to_string(),
            bytes: 0,
            sha256: None,
            duration_s: None,
            facts: None,
            uploads: Vec::new(),
            failure: None,
        };
        match self.file(ffmpeg, finished, output, path).await {
            Ok(file) => Delivered { kind, ..file },
            Err(failure) => Delivered { failure: Some(failure), ..nothing },
        }
    }

    async fn file(
        &self,
        ffmpeg: &Ffmpeg,
        finished: &Finished,
        output: &Output,
        path: &Path,
    ) -> Result<Delivered, Failure> {
        let container = output.container()?.unwrap_or(Container::Mp4);
        let (made, measured) = if container == finished.container {
            (finished.path.clone(), finished.facts.clone())
        } else {
            let to = self.spool.folder().join(format!("made.{}", container.extension()));
            let made = containers::make(ffmpeg, &finished.path, &finished.facts, container, &to).await?;
            (to, made.facts)
        };
        placing::place(&self.spool, &made, path, &self.wanted)?;
        if made != finished.path {
            let _ = fs::remove_file(&made);
        }
        let (bytes, sha256) = digest::of_file(path).await.map_err(|error| unwritable(path, &error))?;
        Ok(Delivered {
            kind: OutputKind::File,
            location: path.display().to_string(),
            bytes,
            sha256: Some(sha256),
            duration_s: Some(measured.duration_s()),
            facts: Some(sidecars::media_facts(container, &measured)),
            uploads: Vec::new(),
            failure: None,
        })
    }

    pub(crate) fn kept(&self, failure: Failure) -> Failure {
        kept(self.spool.folder(), failure)
    }
}

/// A failure that says also where the media is.
pub(crate) fn kept(spool: &Path, failure: Failure) -> Failure {
    let message = format!(
        "{} What was captured is kept in {}; `wallflower recover` finishes it.",
        failure.message,
        spool.display()
    );
    Failure { message, ..failure }
}

/// The failure of uploads, with what does them later.
pub(crate) fn not_uploaded_yet(folder: &Path, failure: Failure) -> Failure {
    let message =
        format!("{} Everything is kept; `wallflower upload {}` does the rest.", failure.message, folder.display());
    Failure { message, ..failure }
}

/// One failure that tells of two.
pub(crate) fn and(first: Failure, second: Option<Failure>) -> Failure {
    match second {
        Some(second) => Failure { message: format!("{} {}", first.message, second.message), ..first },
        None => first,
    }
}

/// What stands for a recording where one name is needed: its first file, or its first directory.
pub(crate) fn namesake(outputs: &[Output]) -> Option<&Path> {
    outputs.iter().find_map(Output::path)
}

/// Fails when the disk has not what is kept so that a recording can always be finished.
fn check_room(spool: &Spool, reserve: u64) -> Result<(), Failure> {
    if free_on(spool.folder()).is_none_or(|free| free >= reserve) {
        return Ok(());
    }
    let folder = spool.folder().parent().unwrap_or(Path::new("/")).display();
    let message = format!(
        "The disk of {folder} has less than {} MiB free, which are kept so that a recording can always be finished; make room, choose \
         another place, or set --watch disk_reserve_bytes=0.",
        reserve >> 20
    );
    Err(Failure::new(FailureKind::DiskFull, message))
}

/// Fails when an output can't go where it is to go.
fn check(output: &Output, overwrite: bool) -> Result<(), Failure> {
    output.container()?;
    let Some(path) = output.path() else { return Ok(()) };
    let refused = |why: &str| Err(Failure::new(FailureKind::BadRequest, format!("{} {why}", path.display())));
    let folder = match output {
        Output::File { .. } | Output::Audio { .. } => {
            if path.is_dir() {
                return refused("is a directory; name a file in it.");
            }
            if path.exists() && !overwrite {
                return refused("is there already; choose another name, or pass --force.");
            }
            path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
        }
        Output::Hls { .. } | Output::Images { .. } => {
            if path.exists() && !path.is_dir() {
                return refused("is a file; name a directory.");
            }
            path
        }
        Output::Stream { .. } => return Ok(()),
    };
    fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))
}

/// The failure of a spool that can't be written in the middle of a recording.
pub(crate) fn unwritable_spool(error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Failure::new(
            FailureKind::DiskFull,
            "The disk that takes the recording is full; make room or choose another output directory.",
        ),
        _ => Failure::new(
            FailureKind::DestinationUnwritable,
            format!("The recording can't be written any more ({error}); look after the disk that takes it."),
        ),
    }
}

pub(crate) fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    let (kind, advice) = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            (FailureKind::DiskFull, "make room or choose another place")
        }
        ErrorKind::AlreadyExists => (FailureKind::DestinationUnwritable, "somebody else made it while we recorded"),
        _ => (FailureKind::DestinationUnwritable, "choose another place or change its permissions"),
    };
    Failure::new(kind, format!("{} can't be written ({error}); {advice}.", path.display()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::clock::Moment;
    use crate::spool::tests::{job, spooled_as};
    use wallflower_domain::frame::{FrameRate, FrameSize};
    use wallflower_domain::wire::agent::{Gaps, PauseMode};

    fn refusal(file: &Path) -> Failure {
        Destination::prepare(&job(file)).err().expect("refused")
    }

    #[test]
    fn a_destination_that_can_t_be_written_is_refused_before_anything_starts() {
        let folder = tempfile::tempdir().expect("temp dir");
        let there = folder.path().join("there.mp4");
        fs::write(&there, b"precious").expect("written");
        assert_eq!(refusal(&there).kind, FailureKind::BadRequest);
        assert_eq!(refusal(&folder.path().join("x.avi")).kind, FailureKind::BadRequest);
        assert_eq!(refusal(&there.join("x.mp4")).kind, FailureKind::DestinationUnwritable);
        assert_eq!(refusal(Path::new("/proc/x.mp4")).kind, FailureKind::DestinationUnwritable);
        assert_eq!(fs::read(&there).expect("still there"), b"precious");
    }

    #[test]
    fn a_recording_without_media_leaves_nothing() {
        let folder = tempfile::tempdir().expect("temp dir");
        let destination = Destination::prepare(&job(&folder.path().join("a.mp4"))).expect("writable");
        assert!(!destination.has_media());
        destination.discard();
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
    }

    /// A job of what [`spooled_as`] writes, and its spool with attempts of so many seconds that begin when these seconds have passed.
    pub(crate) async fn captured(folder: &Path, attempts: &[(i64, u32)]) -> (Job, PathBuf) {
        captured_for(folder, attempts, |_| {}).await
    }

    async fn captured_for(folder: &Path, attempts: &[(i64, u32)], change: impl FnOnce(&mut Job)) -> (Job, PathBuf) {
        let mut job = job(&folder.join("a.mp4"));
        job.fps = FrameRate::try_from(10).expect("frames a second");
        job.size = FrameSize::new(320, 180).expect("a size");
        change(&mut job);
        let spool = Spool::of(&job).expect("made");
        let began_unix_us = crate::clock::unix_us() - 60_000_000;
        let sound_only = Wanted::of(&job).sound_only();
        for (at_s, seconds) in attempts {
            let encoded = crate::fragment::tests::encoded(*seconds, if sound_only { 0 } else { 10 });
            let first_frame = Moment::at_unix_us(began_unix_us + at_s * 1_000_000);
            spooled_as(&spool, first_frame, encoded, finisher::grid(job.fps, sound_only)).await;
        }
        let path = spool.folder().to_owned();
        (job, path)
    }

    pub(crate) async fn delivered(spool: &Path) -> (Option<Delivery>, Option<Failure>) {
        let destination = Destination::left_in(spool).expect("opened");
        let ended = Ended {
            end: EndReason::Stopped,
            failure: None,
            until_us: None,
            captured: Progress::default(),
            usage: None,
            live: Vec::new(),
        };
        let report = Report::new(tokio::sync::mpsc::unbounded_channel().0);
        destination.deliver(&Ffmpeg::find().expect("ffmpeg is installed"), ended, &report).await
    }

    #[tokio::test]
    async fn a_spool_goes_when_all_of_it_is_delivered() {
        for attempts in [&[(0, 5)][..], &[(0, 3), (5, 3)]] {
            let folder = tempfile::tempdir().expect("temp dir");
            let (job, spool) = captured(folder.path(), attempts).await;
            let (delivery, failure) = delivered(&spool).await;
            assert_eq!(failure, None, "{attempts:?}");
            let frames = delivery.expect("delivered").frames;
            assert_eq!(frames, if attempts.len() == 1 { 50 } else { 80 });
            assert!(job.outputs[0].path().is_some_and(Path::exists) && !spool.exists());
        }
    }

    /// Seconds from and until, of a pause that is cut.
    async fn paused(spool: &Path, from_s: f64, until_s: f64) {
        let (spool, _) = Spool::left_in(spool).expect("opened");
        #[expect(clippy::cast_possible_truncation, reason = "a few seconds")]
        let us = |seconds: f64| (seconds * 1e6) as i64;
        spool.note_pause(PauseMode::Cut, us(from_s)).expect("noted");
        spool.note_resume(us(until_s)).expect("noted");
    }

    #[tokio::test]
    async fn what_is_left_out_as_it_was_asked_for_is_not_missed() {
        type Change = fn(&mut Job);
        type Case = (&'static str, &'static [(i64, u32)], Change, Option<(f64, f64)>, u64);
        let cases: [Case; 5] = [
            ("the limit", &[(0, 5)], |job| job.max_duration_s = Some(3.35), None, 34),
            ("a pause", &[(0, 6)], |_| {}, Some((1.3, 3.1)), 42),
            ("the rest is a pause", &[(0, 5)], |_| {}, Some((1.3, 9.0)), 13),
            ("a whole attempt is a pause", &[(0, 2), (3, 2), (6, 2)], |_| {}, Some((2.5, 5.5)), 50),
            ("a gap", &[(0, 2), (4, 2)], |job| job.gaps = Gaps::Cut, None, 40),
        ];
        for (name, attempts, change, pause, frames) in cases {
            let folder = tempfile::tempdir().expect("temp dir");
            let (_, spool) = captured_for(folder.path(), attempts, change).await;
            if let Some((from_s, until_s)) = pause {
                paused(&spool, from_s, until_s).await;
            }
            let (delivery, failure) = delivered(&spool).await;
            assert_eq!(failure, None, "{name}");
            assert_eq!(delivery.map(|delivery| delivery.frames), Some(frames), "{name}");
            assert!(!spool.exists(), "{name}");
        }
    }

    #[tokio::test]
    async fn what_a_kill_left_is_delivered_without_the_fragment_in_flight() {
        for attempts in [&[(0, 5)][..], &[(0, 5), (7, 2)]] {
            let folder = tempfile::tempdir().expect("temp dir");
            let (_, spool) = captured(folder.path(), attempts).await;
            let media = spool.join("attempt-001.mp4");
            let bytes = fs::read(&media).expect("there");
            fs::write(&media, &bytes[..bytes.len() - 99]).expect("written");
            fs::remove_file(spool.join("segments.jsonl")).expect("removed");
            let (delivery, failure) = delivered(&spool).await;
            assert_eq!(failure, None, "{attempts:?}");
            let frames = delivery.expect("delivered").frames;
            assert!(if attempts.len() == 1 { (40..50).contains(&frames) } else { frames == 90 }, "{frames} frames");
        }
    }

    #[tokio::test]
    async fn sound_alone_is_delivered_as_long_as_it_was() {
        for (attempts, pause, expected_s) in
            [(&[(0, 5)][..], None, 5.0), (&[(0, 5)], Some((1.3, 3.1)), 3.2), (&[(0, 3), (5, 3)], None, 8.0)]
        {
            let folder = tempfile::tempdir().expect("temp dir");
            let path = folder.path().join("a.m4a");
            let change = |job: &mut Job| job.outputs = vec![Output::Audio { path: path.clone() }];
            let (_, spool) = captured_for(folder.path(), attempts, change).await;
            if let Some((from_s, until_s)) = pause {
                paused(&spool, from_s, until_s).await;
            }
            let (delivery, failure) = delivered(&spool).await;
            assert_eq!(failure, None, "{attempts:?}");
            let found_s = delivery.expect("delivered").duration_s;
            assert!((found_s - expected_s).abs() < 0.1, "{attempts:?}: {found_s} s");
            assert!(path.exists() && !spool.exists());
        }
    }

    #[tokio::test]
    async fn a_fragment_that_can_t_be_read_is_told_and_the_spool_stays() {
        for attempts in [&[(0, 5)][..], &[(0, 5), (7, 2)]] {
            for damage in [&[0xff; 12][..], b"\0\0\x01\0junk", &[0; 300]] {
                let folder = tempfile::tempdir().expect("temp dir");
                let (job, spool) = captured(folder.path(), attempts).await;
                let media = spool.join("attempt-001.mp4");
                let mut bytes = fs::read(&media).expect("there");
                let places: Vec<usize> =
                    (4..bytes.len() - 4).filter(|at| &bytes[*at..at + 4] == b"moof").map(|at| at - 4).collect();
                let at = places[places.len() / 2];
                bytes[at..at + damage.len()].copy_from_slice(damage);
                fs::write(&media, bytes).expect("written");
                let (delivery, failure) = delivered(&spool).await;
                let failure = failure.expect("it is not whole");
                assert!(failure.message.contains(&spool.display().to_string()), "{failure}");
                assert!(media.exists(), "what was captured stays");
                // What ffmpeg could still read of it is delivered as far as that goes.
                let is_there = job.outputs[0].path().is_some_and(Path::exists);
                assert_eq!(delivery.is_some(), is_there, "{attempts:?} {damage:?}");
                let planned = if attempts.len() == 1 { 50 } else { 90 };
                assert!(delivery.is_none_or(|delivery| delivery.frames < planned), "{attempts:?} {damage:?}");
            }
        }
    }

    #[tokio::test]
    async fn an_attempt_that_nothing_tells_of_keeps_the_spool_beside_what_is_delivered() {
        let folder = tempfile::tempdir().expect("temp dir");
        let (job, spool) = captured(folder.path(), &[(0, 2), (4, 2)]).await;
        let notes = spool.join("attempts.jsonl");
        let text = fs::read_to_string(&notes).expect("there");
        fs::write(&notes, &text[..text.len() - 20]).expect("written");
        let (delivery, failure) = delivered(&spool).await;
        let failure = failure.expect("one is missing");
        assert!(failure.message.contains("attempt-002.mp4"), "{failure}");
        assert_eq!(delivery.expect("the other is delivered").frames, 20);
        assert!(spool.join("attempt-002.mp4").exists() && job.outputs[0].path().is_some_and(Path::exists));
    }

    #[test]
    fn what_was_captured_is_not_discarded() {
        let folder = tempfile::tempdir().expect("temp dir");
        let destination = Destination::prepare(&job(&folder.path().join("a.mp4"))).expect("writable");
        let media = destination.spool().media(1);
        fs::write(&media, b"media").expect("written");
        destination.discard();
        assert!(media.exists());
    }
}

//! Writes segments and playlists as the spool grows.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use tokio::runtime::Runtime;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::wire::agent::PauseMode;

use super::description::Description;
use super::playlist::{Entry, Rate, init_name, master, media, segment_name};
use crate::companion::{Companion, Order, Orders};
use crate::delivery::unwritable;
use crate::directory::{self, Directory, Kind};
use crate::live::seconds;
use crate::report::Report;
use crate::spool::{Pause, Reader, Segment, Wanted};

const PLAYLIST: &str = "index.m3u8";
const MASTER: &str = "master.m3u8";
/// Times are fractions; what ends at a time does so within this.
const NEAR_S: f64 = 1e-3;

const KIND: Kind = Kind {
    title: "HLS playlist",
    writes: |name| {
        let numbered = |prefix: &str, suffix: &str| {
            name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix)).is_some_and(is_number)
        };
        name == PLAYLIST || name == MASTER || numbered("seg-", ".m4s") || numbered("init-", ".mp4")
    },
    matters: |name| name == PLAYLIST || name == MASTER,
};

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What was made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HlsDelivery {
    /// The playlist of the segments.
    pub(crate) playlist: PathBuf,
    /// The one that names it.
    pub(crate) master: PathBuf,
    pub(crate) segments: u64,
    /// Of all segments.
    pub(crate) bytes: u64,
    pub(crate) duration_s: f64,
}

/// Fails when HLS can't be written there, or the playlist of another recording is there and may not be replaced.
pub(crate) fn check(directory: &Path, recording: &str, overwrite: bool) -> Result<(), Failure> {
    directory::check(directory, KIND, recording, overwrite)
}

/// Makes all of it at once, from a spool that has ended.
pub(crate) async fn make(directory: &Path, wanted: &Wanted, spool: Reader) -> Result<HlsDelivery, Failure> {
    // What goes wrong is in the result.
    let silent = Report::new(tokio::sync::mpsc::unbounded_channel().0);
    Hls::start(directory, wanted, spool, silent)?.finish().await
}

/// Follows a spool. Dropping it leaves the playlist as it is, as if the recording went on.
pub(crate) struct Hls(Companion<HlsDelivery>);

impl Hls {
    /// Begins, or goes on with what an agent before this one has written.
    pub(crate) fn start(directory: &Path, wanted: &Wanted, spool: Reader, report: Report) -> Result<Self, Failure> {
        let writer = Writer {
            path: directory.to_owned(),
            recording: wanted.recording.clone(),
            overwrite: wanted.overwrite,
            directory: None,
            spool,
            place: 0,
            found: 0,
            waiting: VecDeque::new(),
            entries: Vec::new(),
            init: None,
            unpublished: false,
            description: Description::default(),
            told_peak: 0,
            report,
            in_trouble: false,
        };
        Companion::start("HLS", directory, |runtime, orders| writer.serve(runtime, orders)).map(Self)
    }

    /// The last segments, and then the playlist of all of them. The last attempt has ended.
    pub(crate) async fn finish(self) -> Result<HlsDelivery, Failure> {
        self.0.finish().await
    }
}

/// The init section that the last segment needs.
struct Init {
    /// The attempt by which it is named.
    of: u32,
    /// The last attempt that was found to need no other.
    fits: u32,
    bytes: Vec<u8>,
}

struct Writer {
    path: PathBuf,
    recording: String,
    overwrite: bool,
    /// None until it is ours.
    directory: Option<Directory>,
    spool: Reader,
    /// How far the index was read.
    place: u64,
    /// Segments in the index.
    found: u64,
    /// Those that are neither written nor left out yet.
    waiting: VecDeque<(u64, Segment)>,
    entries: Vec<Entry>,
    init: Option<Init>,
    /// Some entries are in no playlist yet.
    unpublished: bool,
    description: Description,
    /// The bit rate that the master playlist tells.
    told_peak: u64,
    report: Report,
    in_trouble: bool,
}

impl Writer {
    /// Until it is told to finish; then what has become of it.
    fn serve(mut self, runtime: &Runtime, mut orders: Orders) -> Option<Result<HlsDelivery, Failure>> {
        let mut count = self.spool.segment_count();
        loop {
            match self.catch_up(&orders) {
                Ok(()) => self.in_trouble = false,
                Err(failure) => self.troubled(&failure),
            }
            match runtime.block_on(orders.next(&mut count)) {
                Order::GoOn => {}
                Order::Finish => return Some(self.end(&orders)),
                Order::Leave => return None,
            }
        }
    }

    /// Once for as long as it lasts: it is tried again with each segment.
    fn troubled(&mut self, failure: &Failure) {
        if !std::mem::replace(&mut self.in_trouble, true) {
            let message = format!("{} HLS waits until that is mended; the recording goes on.", failure.message);
            self.report.warn(message);
        }
    }

    /// Writes all that has been finished since the last time.
    fn catch_up(&mut self, orders: &Orders) -> Result<(), Failure> {
        let (segments, place) = self.spool.segments_after(self.place).map_err(|error| self.unreadable(&error))?;
        self.place = place;
        for segment in segments {
            self.found += 1;
            self.waiting.push_back((self.found, segment));
        }
        if self.waiting.is_empty() && !self.unpublished {
            return Ok(());
        }
        self.take_directory()?;
        let written = self.write_waiting(orders);
        // What could be written is told even when the rest could not.
        self.publish().and(written)
    }

    fn take_directory(&mut self) -> Result<(), Failure> {
        if self.directory.is_none() {
            self.directory = Some(Directory::take(&self.path, KIND, &self.recording, self.overwrite)?);
        }
        Ok(())
    }

    fn write_waiting(&mut self, orders: &Orders) -> Result<(), Failure> {
        let pauses = self.spool.pauses().map_err(|error| self.unreadable(&error))?;
        while let Some((number, segment)) = self.waiting.front().cloned() {
            if !self.is_left_out(&segment, &pauses) {
                let init = self.init_for(segment.attempt)?;
                let entry = Entry { number, segment, init };
                self.ensure(&entry)?;
                orders.step();
                if self.entries.is_empty() {
                    self.describe(&entry.segment)?;
                }
                self.entries.push(entry);
                self.unpublished = true;
            }
            self.waiting.pop_front();
        }
        Ok(())
    }

    fn is_left_out(&self, segment: &Segment, pauses: &[Pause]) -> bool {
        let cut = pauses.iter().filter(|pause| pause.mode == PauseMode::Cut).any(|pause| {
            seconds(pause.from_us) <= segment.start_s + NEAR_S
                && pause.until_us.is_none_or(|until| seconds(until) >= segment.end_s() - NEAR_S)
        });
        // Found by a later agent, when what came after it was told already: a playlist is only ever added to.
        let late = self.entries.last().is_some_and(|last| segment.end_s() <= last.segment.end_s() + NEAR_S);
        cut || late
    }

    /// The attempt whose init section this one's segments need. It is there then.
    fn init_for(&mut self, attempt: u32) -> Result<u32, Failure> {
        if let Some(init) = &self.init
            && init.fits == attempt
        {
            return Ok(init.of);
        }
        let bytes = self.spool.init_section(attempt).map_err(|error| self.unreadable(&error))?;
        match &mut self.init {
            Some(init) if init.bytes == bytes => {
                init.fits = attempt;
                Ok(init.of)
            }
            _ => {
                self.write(&init_name(attempt), &bytes)?;
                self.init = Some(Init { of: attempt, fits: attempt, bytes });
                Ok(attempt)
            }
        }
    }

    /// Writes a segment unless it is there.
    fn ensure(&self, entry: &Entry) -> Result<(), Failure> {
        let name = segment_name(entry.number);
        if !self.has(&name, entry.segment.bytes) {
            self.write(&name, &self.bytes_of(&entry.segment)?)?;
        }
        Ok(())
    }

    fn has(&self, name: &str, bytes: u64) -> bool {
        self.directory.as_ref().is_some_and(|directory| directory.size(name) == Some(bytes))
    }

    fn bytes_of(&self, segment: &Segment) -> Result<Vec<u8>, Failure> {
        let bytes = self.spool.segment_bytes(segment).map_err(|error| self.unreadable(&error))?;
        if bytes.len() as u64 != segment.bytes {
            return Err(self.unreadable(&io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(bytes)
    }

    fn describe(&mut self, segment: &Segment) -> Result<(), Failure> {
        let init = self.init.as_ref().map_or(&[][..], |init| &init.bytes);
        self.description = Description::of(init, &self.bytes_of(segment)?);
        Ok(())
    }

    fn publish(&mut self) -> Result<(), Failure> {
        if !self.unpublished {
            return Ok(());
        }
        self.write(PLAYLIST, media(&self.entries, false).as_bytes())?;
        let rate = Rate::of(&self.entries);
        if rate.peak > self.told_peak {
            // A picture that has moved little until now will move more: leave it room, and don't tell every increase.
            let told = Rate { peak: rate.peak.saturating_mul(3) / 2, ..rate };
            self.write(MASTER, master(&self.description, told, PLAYLIST).as_bytes())?;
            self.told_peak = told.peak;
        }
        self.unpublished = false;
        Ok(())
    }

    fn end(&mut self, orders: &Orders) -> Result<HlsDelivery, Failure> {
        self.catch_up(orders)?;
        if self.entries.is_empty() {
            return Err(Failure::new(
                FailureKind::BadRequest,
                "The recording was paused all the time, so there is nothing to be made into HLS.",
            ));
        }
        self.mend(orders)?;
        self.write(PLAYLIST, media(&self.entries, true).as_bytes())?;
        self.write(MASTER, master(&self.description, Rate::of(&self.entries), PLAYLIST).as_bytes())?;
        if let Some(directory) = &self.directory {
            directory.sync().map_err(|error| unwritable(&self.path, &error))?;
        }
        let segments = || self.entries.iter().map(|entry| &entry.segment);
        Ok(HlsDelivery {
            playlist: self.path.join(PLAYLIST),
            master: self.path.join(MASTER),
            segments: self.entries.len() as u64,
            bytes: segments().map(|segment| segment.bytes).sum(),
            duration_s: segments().map(|segment| segment.length_s).sum(),
        })
    }

    /// Writes again what somebody has removed meanwhile.
    fn mend(&self, orders: &Orders) -> Result<(), Failure> {
        let mut last_init = None;
        for entry in &self.entries {
            if last_init.replace(entry.init) != Some(entry.init) {
                let bytes = self.spool.init_section(entry.init).map_err(|error| self.unreadable(&error))?;
                if !self.has(&init_name(entry.init), bytes.len() as u64) {
                    self.write(&init_name(entry.init), &bytes)?;
                }
            }
            self.ensure(entry)?;
            orders.step();
        }
        Ok(())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.path.join(name);
        let directory = self.directory.as_ref().ok_or_else(|| unwritable(&path, &io::ErrorKind::NotFound.into()))?;
        directory.write(name, bytes).map_err(|error| unwritable(&path, &error))
    }

    fn unreadable(&self, error: &io::Error) -> Failure {
        let message = format!("What was captured can't be read from {} ({error}).", self.spool.folder().display());
        Failure::new(FailureKind::Internal, message)
    }
}

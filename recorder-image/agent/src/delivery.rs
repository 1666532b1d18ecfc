//! From what was captured to the file that was asked for.
//!
//! ```text
//! OUT/.NAME.ID.part/capture.mp4   fragmented, grows while recording, playable at any time
//! OUT/.NAME.ID.part/NAME          stream copy with the index in front, verified
//! OUT/NAME                        by rename: complete, or not there at all
//! ```
//!
//! The capture directory is removed only after the rename. When anything before it fails, it stays and the failure names it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;
use tokio::sync::mpsc;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::wire::agent::Delivery;

use crate::capture::explain;
use crate::child::{self, LineSink};
use crate::programs::Programs;

/// A remux copies at disk speed; hours of media take minutes at worst.
const REMUX_DEADLINE: Duration = Duration::from_secs(900);

const CAPTURE: &str = "capture.mp4";

/// Where a recording goes, and what is captured until then.
pub(crate) struct Destination {
    file: PathBuf,
    capture_dir: PathBuf,
    overwrite: bool,
}

/// Where the recording `id`, on its way to `file`, keeps what it has captured until that is delivered.
pub fn capture_of(file: &Path, id: &str) -> Option<PathBuf> {
    let capture = file.with_file_name(part_name(file.file_name()?, id)).join(CAPTURE);
    capture.is_file().then_some(capture)
}

fn part_name(file: &OsStr, id: &str) -> OsString {
    let mut name = OsString::from(".");
    name.push(file);
    name.push(format!(".{id}.part"));
    name
}

impl Destination {
    /// Checks that the file can be written and makes the capture directory beside it, on the same filesystem.
    pub(crate) fn prepare(file: &Path, id: &str, overwrite: bool) -> Result<Self, Failure> {
        let refused = |kind, why: String| Err(Failure::new(kind, format!("{} {why}", file.display())));
        let Some(name) = file.file_name() else {
            return refused(FailureKind::BadRequest, "names no file; write a path such as out/meeting.mp4.".into());
        };
        if file.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("mp4")) {
            return refused(
                FailureKind::BadRequest,
                "can't be made: this version writes MP4 only; end the name in .mp4.".into(),
            );
        }
        if file.is_dir() {
            return refused(FailureKind::BadRequest, "is a directory; name a file in it.".into());
        }
        if file.exists() && !overwrite {
            return refused(
                FailureKind::BadRequest,
                "is there already; choose another name, or pass --overwrite.".into(),
            );
        }
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let capture_dir = folder.join(part_name(name, id));
        fs::create_dir_all(&capture_dir).map_err(|error| unwritable(folder, &error))?;
        let destination = Self { file: file.to_owned(), capture_dir, overwrite };
        // A directory can be made on a full disk; a file with a byte in it can't.
        let probe = destination.capture();
        if let Err(error) = fs::write(&probe, b"x").and_then(|()| fs::remove_file(&probe)) {
            destination.discard();
            return Err(unwritable(folder, &error));
        }
        Ok(destination)
    }

    /// What the encoder writes.
    pub(crate) fn capture(&self) -> PathBuf {
        self.capture_dir.join(CAPTURE)
    }

    /// Where a picture of the display goes when the page fails.
    pub(crate) fn failure_picture(&self) -> PathBuf {
        self.file.with_extension("failure.png")
    }

    /// Something was captured.
    pub(crate) fn has_media(&self) -> bool {
        fs::metadata(self.capture()).is_ok_and(|meta| meta.len() > 0)
    }

    /// Removes the capture directory of a recording that never had media.
    pub(crate) fn discard(self) {
        if let Err(error) = fs::remove_dir_all(&self.capture_dir)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(path = %self.capture_dir.display(), %error, "capture directory can't be removed");
        }
    }

    /// Leaves the capture where it is, and says where.
    pub(crate) fn keep(self) -> PathBuf {
        self.capture_dir
    }

    /// Makes, verifies and places the file. On failure the capture stays.
    pub(crate) async fn deliver(self, programs: &Programs) -> Result<Delivery, Failure> {
        let finished = self.capture_dir.join("finished.mp4");
        let made = self.make(programs, &finished).await;
        let facts = made.map_err(|failure| self.kept(failure))?;
        self.place(&finished).map_err(|failure| self.kept(failure))?;
        let bytes = fs::metadata(&self.file).map(|meta| meta.len()).map_err(|error| unwritable(&self.file, &error))?;
        let file = self.file.display().to_string();
        self.discard();
        Ok(Delivery { file, bytes, duration_s: facts.duration_s, frames: facts.frames, usage: None })
    }

    async fn make(&self, programs: &Programs, finished: &Path) -> Result<Facts, Failure> {
        remux(programs, &self.capture(), finished).await?;
        let facts = facts(programs, finished).await?;
        fs::File::open(finished).and_then(|file| file.sync_all()).map_err(|error| unwritable(finished, &error))?;
        Ok(facts)
    }

    /// Never replaces a file that came into being meanwhile, unless that was asked for.
    fn place(&self, finished: &Path) -> Result<(), Failure> {
        let placed = if self.overwrite {
            fs::rename(finished, &self.file)
        } else {
            fs::hard_link(finished, &self.file).or_else(|error| match error.kind() {
                ErrorKind::AlreadyExists => Err(error),
                // Filesystems without hard links.
                _ => fs::rename(finished, &self.file),
            })
        };
        placed.map_err(|error| unwritable(&self.file, &error))
    }

    fn kept(&self, failure: Failure) -> Failure {
        let message = format!("{} What was captured is kept in {}.", failure.message, self.capture().display());
        Failure { message, ..failure }
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    let (kind, advice) = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            (FailureKind::DiskFull, "make room or choose another place")
        }
        ErrorKind::AlreadyExists => (FailureKind::DestinationUnwritable, "somebody else made it while we recorded"),
        _ => (FailureKind::DestinationUnwritable, "choose another place or change its permissions"),
    };
    Failure::new(kind, format!("{} can't be written ({error}); {advice}.", path.display()))
}

async fn remux(programs: &Programs, from: &Path, to: &Path) -> Result<(), Failure> {
    let mut command = Command::new(&programs.ffmpeg);
    command.args(["-hide_banner", "-nostats", "-loglevel", "error", "-y", "-i"]).arg(from);
    command.args(["-map", "0", "-c", "copy", "-movflags", "+faststart", "-f", "mp4"]).arg(to);
    let (status, tail) = child::run("ffmpeg", command, REMUX_DEADLINE, child::ignore()).await?;
    if status.success() { Ok(()) } else { Err(explain(&tail, status)) }
}

/// What the finished file holds, by its packets.
struct Facts {
    duration_s: f64,
    frames: u64,
}

#[derive(Deserialize)]
struct Probe {
    streams: Vec<ProbedStream>,
}

#[derive(Deserialize)]
struct ProbedStream {
    codec_type: String,
    #[serde(default)]
    duration: String,
    #[serde(default)]
    nb_read_packets: String,
}

/// Counts the packets of the file; a file without both streams, or without packets, is not delivered.
async fn facts(programs: &Programs, file: &Path) -> Result<Facts, Failure> {
    let mut command = Command::new(&programs.ffprobe);
    command.args(["-v", "error", "-count_packets", "-show_entries", "stream=codec_type,duration,nb_read_packets"]);
    command.args(["-of", "json"]).arg(file);
    let (sender, mut lines) = mpsc::unbounded_channel();
    let on_stdout: LineSink = Box::new(move |line| drop(sender.send(line.to_owned())));
    let (status, tail) = child::run("ffprobe", command, REMUX_DEADLINE, on_stdout).await?;
    let mut json = String::new();
    while let Ok(line) = lines.try_recv() {
        json.push_str(&line);
    }
    let broken = |why: String| {
        Failure::new(FailureKind::ProgramDied, format!("The finished file did not pass its check: {why}."))
    };
    if !status.success() {
        return Err(broken(tail.last().unwrap_or_else(|| status.to_string())));
    }
    let probe: Probe =
        serde_json::from_str(&json).map_err(|error| broken(format!("ffprobe's answer can't be read: {error}")))?;
    let stream = |kind: &str| probe.streams.iter().find(|stream| stream.codec_type == kind);
    let (Some(video), Some(audio)) = (stream("video"), stream("audio")) else {
        return Err(broken("it lacks picture or sound".into()));
    };
    let count = |stream: &ProbedStream| stream.nb_read_packets.parse::<u64>().unwrap_or(0);
    if count(video) == 0 || count(audio) == 0 {
        return Err(broken("its picture or sound is empty".into()));
    }
    let duration_s = video.duration.parse().map_err(|_| broken("its duration is unknown".into()))?;
    Ok(Facts { duration_s, frames: count(video) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(file: &Path) -> Failure {
        Destination::prepare(file, "id", false).err().expect("refused")
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
        let destination = Destination::prepare(&folder.path().join("a.mp4"), "id", false).expect("writable");
        assert!(!destination.has_media());
        destination.discard();
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
    }

    #[test]
    fn a_file_that_came_into_being_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().expect("temp dir");
        let file = folder.path().join("a.mp4");
        let destination = Destination::prepare(&file, "id", false).expect("writable");
        let finished = destination.capture_dir.join("finished.mp4");
        fs::write(&finished, b"new").expect("written");
        fs::write(&file, b"precious").expect("written");
        assert_eq!(destination.place(&finished).expect_err("refused").kind, FailureKind::DestinationUnwritable);
        assert_eq!(fs::read(&file).expect("still there"), b"precious");
    }
}

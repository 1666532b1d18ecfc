//! From the spool to the file that was asked for.
//!
//! ```text
//! OUT/.NAME.ID.part/…             the spool
//! OUT/.NAME.ID.part/finished.mp4  made by the finisher, verified
//! OUT/NAME                        by rename: complete, or not there at all
//! ```
//!
//! The spool is removed only after the rename. When anything before it fails, it stays and the failure names it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::wire::agent::{Delivery, Job};

use crate::finisher::{self, Finished, Plan};
use crate::programs::Programs;
use crate::spool::{NotOpened, Spool, Wanted};

/// Where a recording goes, and what is captured until then.
pub(crate) struct Destination {
    wanted: Wanted,
    spool: Spool,
}

impl Destination {
    /// Checks that the file can be written and opens the spool beside it, on the same filesystem.
    pub(crate) fn prepare(job: &Job) -> Result<Self, Failure> {
        let file = Path::new(&job.file);
        let refused = |kind, why: String| Err(Failure::new(kind, format!("{} {why}", file.display())));
        if file.file_name().is_none() {
            return refused(FailureKind::BadRequest, "names no file; write a path such as out/meeting.mp4.".into());
        }
        if file.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("mp4")) {
            return refused(
                FailureKind::BadRequest,
                "can't be made: this version writes MP4 only; end the name in .mp4.".into(),
            );
        }
        if file.is_dir() {
            return refused(FailureKind::BadRequest, "is a directory; name a file in it.".into());
        }
        if file.exists() && !job.overwrite {
            return refused(
                FailureKind::BadRequest,
                "is there already; choose another name, or pass --overwrite.".into(),
            );
        }
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
        // Opening it writes a file: a directory can be made on a full disk, a file with something in it can't.
        match Spool::of(job) {
            Ok(spool) => Ok(Self { wanted: Wanted::of(job), spool }),
            Err(NotOpened::InUse) => {
                refused(FailureKind::DestinationUnwritable, "is being recorded by another agent.".into())
            }
            Err(NotOpened::Broken(error)) => {
                if let Some(folder) = crate::spool::empty_spool_of(file, &job.id) {
                    let _ = fs::remove_dir_all(folder);
                }
                Err(unwritable(folder, &error))
            }
        }
    }

    /// Opens what a dead run left.
    pub(crate) fn left_in(folder: &Path) -> Result<Self, Failure> {
        let refused =
            |why: String| Err(Failure::new(FailureKind::DestinationUnwritable, format!("{} {why}", folder.display())));
        match Spool::left_in(folder) {
            Ok((spool, wanted)) => Ok(Self { wanted, spool }),
            Err(NotOpened::InUse) => refused("is still being recorded.".into()),
            Err(NotOpened::Broken(error)) => refused(format!("can't be opened ({error}).")),
        }
    }

    pub(crate) fn spool(&self) -> &Spool {
        &self.spool
    }

    /// Where a picture of the display goes when the page fails.
    pub(crate) fn failure_picture(&self) -> PathBuf {
        self.wanted.file.with_extension("failure.png")
    }

    /// Something was captured.
    pub(crate) fn has_media(&self) -> bool {
        self.spool.has_media()
    }

    /// Removes the spool of a recording that never had media.
    pub(crate) fn discard(self) {
        self.spool.remove();
    }

    /// Leaves the spool where it is, and says where.
    pub(crate) fn keep(self) -> PathBuf {
        self.spool.folder().to_owned()
    }

    /// Makes, verifies and places the file. `until_us` is when the recording ended, in microseconds of media time, when that was in a
    /// gap. On failure the spool stays.
    pub(crate) async fn deliver(self, programs: &Programs, until_us: Option<i64>) -> Result<Delivery, Failure> {
        let plan = finisher::plan_of(&self.spool, &self.wanted, until_us);
        let made = finisher::finish(programs, &self.spool, &self.wanted, &plan).await;
        let Finished { path, duration_s, frames } = made.map_err(|failure| self.kept(failure))?;
        let file = &self.wanted.file;
        self.place(&path).map_err(|failure| self.kept(failure))?;
        let bytes = fs::metadata(file).map(|meta| meta.len()).map_err(|error| unwritable(file, &error))?;
        let file = file.display().to_string();
        self.discard();
        let Plan { gaps, pauses, .. } = plan;
        Ok(Delivery { file, bytes, duration_s, frames, gaps, pauses, usage: None })
    }

    /// Never replaces a file that came into being meanwhile, unless that was asked for.
    fn place(&self, finished: &Path) -> Result<(), Failure> {
        let file = &self.wanted.file;
        let placed = if self.wanted.overwrite {
            fs::rename(finished, file)
        } else {
            fs::hard_link(finished, file).or_else(|error| match error.kind() {
                ErrorKind::AlreadyExists => Err(error),
                // Filesystems without hard links.
                _ => fs::rename(finished, file),
            })
        };
        placed.map_err(|error| unwritable(file, &error))
    }

    fn kept(&self, failure: Failure) -> Failure {
        let message = format!(
            "{} What was captured is kept in {}; `wallflower recover` finishes it.",
            failure.message,
            self.spool.folder().display()
        );
        Failure { message, ..failure }
    }
}

/// The same for the spool, in the middle of a recording.
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
mod tests {
    use super::*;
    use crate::spool::tests::job;

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

    #[test]
    fn a_file_that_came_into_being_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().expect("temp dir");
        let file = folder.path().join("a.mp4");
        let destination = Destination::prepare(&job(&file)).expect("writable");
        let finished = destination.spool.folder().join("finished.mp4");
        fs::write(&finished, b"new").expect("written");
        fs::write(&file, b"precious").expect("written");
        assert_eq!(destination.place(&finished).expect_err("refused").kind, FailureKind::DestinationUnwritable);
        assert_eq!(fs::read(&file).expect("still there"), b"precious");
    }
}

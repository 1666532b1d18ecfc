//! An agent before it has a recording, with everything up that does not depend on one: see [`wallflower_domain::wire::warm`].

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufRead, AsyncWriteExt as _, Lines};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::wire::link::Assignment;
use wallflower_domain::wire::warm::{WarmWord, Warmth};

use crate::blank::Blank;
use crate::programs::Programs;
use crate::stdio::{Signals, read_assignment};
use crate::workdir::WorkDir;

/// Between two looks at what may have changed meanwhile.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// Whoever does not read what it is told in this time has gone.
const TELL_DEADLINE: Duration = Duration::from_secs(1);

/// What a session can begin with.
pub(crate) struct Warm {
    pub(crate) work: WorkDir,
    pub(crate) blank: Blank,
}

impl Warm {
    /// Leaves without a recording.
    pub(crate) async fn leave(self) {
        self.blank.kill().await;
        self.work.close().await;
    }
}

/// Starts everything, says so, and waits. Gives the assignment with the moment at which it came; none when nobody needs this agent any
/// more. A failure is why it can't wait any longer; nothing runs then.
pub(crate) async fn wait<R: AsyncBufRead + Unpin>(
    warmth: Warmth,
    lines: &mut Lines<R>,
    program: &Path,
) -> Result<Option<(Assignment, Instant, Warm)>, Failure> {
    let mut signals = Signals::new()?;
    let programs = Programs::find()?;
    let origin = Origin::of(program, &programs);
    let work = WorkDir::create("warm", program).await?;
    let started = tokio::select! {
        started = Blank::start(warmth, &programs, &work) => started.map(Some),
        // Whatever comes now comes too early.
        _ = lines.next_line() => Ok(None),
        _ = signals.next() => Ok(None),
    };
    let blank = match started {
        Ok(Some(blank)) => blank,
        Ok(None) => {
            work.close().await;
            return Ok(None);
        }
        Err(failure) => {
            work.close().await;
            return Err(failure);
        }
    };
    let warm = Warm { work, blank };
    let ended = match say(WarmWord::Ready).await {
        Ok(()) => warm.assigned(lines, &origin, &mut signals).await,
        Err(_) => Ok(None),
    };
    match ended {
        Ok(Some((assignment, came))) => Ok(Some((assignment, came, warm))),
        Ok(None) => {
            warm.leave().await;
            Ok(None)
        }
        Err(failure) => {
            warm.leave().await;
            Err(failure)
        }
    }
}

impl Warm {
    async fn assigned<R: AsyncBufRead + Unpin>(
        &self,
        lines: &mut Lines<R>,
        origin: &Origin,
        signals: &mut Signals,
    ) -> Result<Option<(Assignment, Instant)>, Failure> {
        loop {
            tokio::select! {
                line = lines.next_line() => {
                    let came = Instant::now();
                    let Ok(Some(line)) = line else { return Ok(None) };
                    let assignment = read_assignment(&line)?;
                    // Who does not hear it takes another agent.
                    return Ok(say(WarmWord::Taken).await.is_ok().then_some((assignment, came)));
                }
                failure = self.blank.died() => return Err(failure),
                _ = signals.next() => return Ok(None),
                () = tokio::time::sleep(LOOK_INTERVAL) => {
                    let of_no_use = match (origin.changed(), self.blank.check(self.blank.warmth()).await) {
                        (Some(path), _) => format!("{} is not what it was started from", path.display()),
                        (None, Err(why)) => why.to_owned(),
                        (None, Ok(())) => continue,
                    };
                    let message = format!("What was warm is of no use any more: {of_no_use}.");
                    return Err(Failure::new(FailureKind::ProgramDied, message));
                }
            }
        }
    }
}

async fn say(word: WarmWord) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(&word)?;
    line.push(b'\n');
    let mut stdout = tokio::io::stdout();
    let said = async {
        stdout.write_all(&line).await?;
        stdout.flush().await
    };
    tokio::time::timeout(TELL_DEADLINE, said).await?
}

/// The programs from which everything was started, as they were then.
struct Origin(Vec<(PathBuf, Option<Stamp>)>);

/// Device, inode, length and time of the last change.
type Stamp = (u64, u64, u64, i64, i64);

impl Origin {
    fn of(own: &Path, programs: &Programs) -> Self {
        let Programs { chromium, ffmpeg, ffprobe: _, xvfb, pulseaudio } = programs;
        let paths = [own, chromium, ffmpeg, xvfb, pulseaudio].map(Path::to_owned);
        Self(paths.into_iter().map(|path| (path.clone(), stamp(&path))).collect())
    }

    /// One that is not what it was.
    fn changed(&self) -> Option<&Path> {
        self.0.iter().find(|(path, was)| stamp(path) != *was).map(|(path, _)| path.as_path())
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let of = |meta: Metadata| (meta.dev(), meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec());
    std::fs::metadata(path).ok().map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_replaced_is_noticed() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let file = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, name).expect("written");
            path
        };
        let programs = Programs {
            chromium: file("chromium"),
            ffmpeg: file("ffmpeg"),
            ffprobe: file("ffprobe"),
            xvfb: file("xvfb"),
            pulseaudio: file("pulseaudio"),
        };
        let own = file("wallflower");
        let origin = Origin::of(&own, &programs);
        assert_eq!(origin.changed(), None);
        let new = file("new");
        std::fs::rename(new, &programs.chromium).expect("replaced, as packages do it");
        assert_eq!(origin.changed(), Some(programs.chromium.as_path()));
        let origin = Origin::of(&own, &programs);
        std::fs::remove_file(&own).expect("removed");
        assert_eq!(origin.changed(), Some(own.as_path()));
    }
}

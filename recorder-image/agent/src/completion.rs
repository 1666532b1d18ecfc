//! Finishes a recording whose agent was lost after it had ended, or can't be gone on with: what was captured is delivered, and nothing
//! else is captured.

use std::fs;
use std::path::Path;

use tokio::sync::mpsc;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::output::Output;
use wallflower_domain::recording::EndReason;
use wallflower_domain::timeline::{Delivered, Manifest, OutputKind};
use wallflower_domain::wire::agent::{AgentEvent, Delivery, Job, Progress, Request};

use crate::delivery::{self, Destination, Ended, kept, namesake, not_uploaded_yet};
use crate::digest;
use crate::ffmpeg::Ffmpeg;
use crate::outputs;
use crate::programs::Programs;
use crate::report::Report;
use crate::session::{Outcome, conclude, told_of_all, told_to_abandon};
use crate::sidecars::sidecar;
use crate::spool::{self, has_media};
use crate::timeline::TimelineFile;
use crate::upload::pending_uploads;
use crate::workdir::WorkDir;

/// Delivers what the spool of the job holds. `end` is why the recording was over.
pub(crate) async fn complete(
    job: &Job,
    end: EndReason,
    program: &Path,
    requests: &mut mpsc::Receiver<Request>,
    report: &Report,
) -> Outcome {
    if let Some(outcome) = delivered_before(job).await {
        return outcome;
    }
    let failure = (end == EndReason::Failure).then(|| {
        Failure::new(
            FailureKind::AgentLost,
            "The recording was cut short by a failure, and the agent was lost before it could tell which.",
        )
    });
    let over = Over { end, failure };
    finish(job, over, program, requests, report).await
}

/// Ends a recording that can't be begun or gone on with. What an agent before this one captured is delivered.
pub(crate) async fn give_up(
    job: &Job,
    failure: Failure,
    program: &Path,
    requests: &mut mpsc::Receiver<Request>,
    report: &Report,
) -> Outcome {
    if !has_media(Path::new(&job.spool)) {
        return Outcome::failed(failure);
    }
    let over = Over { end: EndReason::Failure, failure: Some(failure) };
    finish(job, over, program, requests, report).await
}

/// Why a recording is over.
struct Over {
    end: EndReason,
    failure: Option<Failure>,
}

impl Over {
    /// Nor can it be delivered. What came first is the cause.
    fn kept(self, spool: &Path, late: Failure) -> Outcome {
        let failure = match self.failure {
            // The same may be in the way of both.
            Some(first) if first.kind == late.kind && first.message == late.message => first,
            Some(first) => delivery::and(first, Some(late)),
            None => late,
        };
        Outcome::failed(if has_media(spool) { kept(spool, failure) } else { failure })
    }
}

async fn finish(
    job: &Job,
    over: Over,
    program: &Path,
    requests: &mut mpsc::Receiver<Request>,
    report: &Report,
) -> Outcome {
    let spool = Path::new(&job.spool);
    let opened =
        Programs::find().and_then(|programs| Destination::left_in(spool).map(|destination| (programs, destination)));
    let (programs, mut destination) = match opened {
        Ok(opened) => opened,
        Err(failure) => return over.kept(spool, failure),
    };
    if let Err(failure) = destination.find_encoder(&programs).await {
        return over.kept(spool, failure);
    }
    let work = match WorkDir::create(&job.id, program).await {
        Ok(work) => work,
        Err(failure) => return over.kept(spool, failure),
    };
    match TimelineFile::open(&destination.spool().events(), destination.spool().began()) {
        Ok(timeline) => report.write_to(timeline),
        Err(error) => report.warn(format!("The timeline can't be written: {error}.")),
    }
    report.send(AgentEvent::Stopping { reason: over.end });
    let ffmpeg = Ffmpeg::of_run(&programs, work.lasting());
    let outcome = deliver(over, &ffmpeg, &programs, destination, requests, report).await;
    work.close().await;
    outcome
}

async fn deliver(
    Over { end, failure }: Over,
    ffmpeg: &Ffmpeg,
    programs: &Programs,
    destination: Destination,
    requests: &mut mpsc::Receiver<Request>,
    report: &Report,
) -> Outcome {
    let live = tokio::select! {
        live = outputs::recover(destination.spool(), &destination.wanted, &programs.ffmpeg) => live,
        () = told_to_abandon(requests, report) => return Outcome::abandoned(&destination.keep()),
    };
    let ended = Ended { end, failure, until_us: None, captured: Progress::default(), usage: None, live };
    conclude(ended, ffmpeg, destination, requests, report).await
}

/// The last word of an agent that had delivered everything and removed the spool, and was lost before it could say so. What it had measured
/// of itself is lost with it.
async fn delivered_before(job: &Job) -> Option<Outcome> {
    let spool = Path::new(&job.spool);
    spool::remove_rest(spool);
    if !matches!(spool.try_exists(), Ok(false)) {
        return None;
    }
    let namesake = namesake(&job.outputs)?;
    let path = sidecar(namesake, "manifest.json");
    let manifest: Manifest = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
    if manifest.recording != job.id {
        return None;
    }
    for output in &manifest.outputs {
        if output.failure.is_some() || !is_there(output).await {
            return None;
        }
    }
    let delivery = Delivery {
        duration_s: manifest.outputs.iter().find_map(|output| output.duration_s).unwrap_or_default(),
        manifest: Some(path.display().to_string()),
        outputs: manifest.outputs,
        frames: manifest.media.frames,
        gaps: manifest.gaps,
        pauses: manifest.pauses,
        usage: None,
    };
    let folder = namesake.parent().unwrap_or(Path::new("."));
    let late = not_uploaded(job, folder);
    let failure = told_of_all(manifest.failure, late, Some(&delivery));
    let end = if failure.is_some() { EndReason::Failure } else { manifest.end };
    Some(Outcome { end, failure, delivery: Some(delivery) })
}

/// Whether what the manifest tells of is still what lies there.
async fn is_there(output: &Delivered) -> bool {
    let path = Path::new(&output.location);
    match (output.kind, &output.sha256) {
        (OutputKind::Stream, _) => true,
        (OutputKind::Hls | OutputKind::Images, _) => path.is_dir(),
        (_, Some(sha256)) => digest::of_file(path).await.is_ok_and(|(_, found)| found == *sha256),
        (_, None) => false,
    }
}

/// The failure when a ledger says that not everything is where it was to go.
fn not_uploaded(job: &Job, folder: &Path) -> Option<Failure> {
    // An output of many files has its ledger in its directory.
    let directories = job.outputs.iter().filter_map(Output::path).filter(|path| path.is_dir());
    let mut pending = std::iter::once(folder).chain(directories).flat_map(pending_uploads);
    let left = pending.find(|pending| pending.id == job.id && pending.files_left > 0)?;
    let failure = left.failure.unwrap_or_else(|| {
        Failure::new(FailureKind::UploadFailed, "The agent was lost before it could upload everything.")
    });
    Some(not_uploaded_yet(folder, failure))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::tests::{captured, delivered};

    #[tokio::test]
    async fn what_a_lost_agent_had_delivered_is_told_by_the_next() {
        let folder = tempfile::tempdir().expect("temp dir");
        let (job, spool) = captured(folder.path(), &[(0, 2), (4, 2)]).await;
        assert!(delivered_before(&job).await.is_none(), "nothing is delivered yet");
        let (delivery, failure) = delivered(&spool).await;
        assert_eq!(failure, None);
        let told = delivered_before(&job).await.expect("it is delivered");
        assert_eq!((told.end, told.failure, &told.delivery), (EndReason::Stopped, None, &delivery));
        // Of half a spool nobody can tell what is missing.
        fs::create_dir(&spool).expect("made");
        assert!(delivered_before(&job).await.is_none());
        fs::remove_dir(&spool).expect("removed");
        fs::write(folder.path().join("a.mp4"), "something else").expect("written");
        assert!(delivered_before(&job).await.is_none());
    }

    #[tokio::test]
    async fn what_can_t_be_gone_on_with_is_told_to_be_kept_when_it_can_t_be_delivered() {
        let folder = tempfile::tempdir().expect("temp dir");
        let (job, spool) = captured(folder.path(), &[(0, 2)]).await;
        let report = Report::new(mpsc::unbounded_channel().0);
        let (_sender, mut requests) = mpsc::channel(1);
        let why = || Failure::new(FailureKind::DestinationUnwritable, "The output is in the way.");
        let holder = Destination::left_in(&spool).expect("opened");
        let told = give_up(&job, why(), Path::new("/"), &mut requests, &report).await.failure.expect("it failed");
        assert!(told.message.starts_with("The output is in the way. "), "{told}");
        assert!(told.message.contains(&format!("is kept in {}", spool.display())), "{told}");
        drop(holder);
        fs::remove_dir_all(&spool).expect("removed");
        let told = give_up(&job, why(), Path::new("/"), &mut requests, &report).await.failure.expect("it failed");
        assert_eq!(told, why(), "there is nothing");
    }
}

//! Finishes a recording whose agent was lost after it had ended: what was captured is delivered, and nothing else is captured.

use std::path::Path;

use tokio::sync::mpsc;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::recording::EndReason;
use wallflower_domain::wire::agent::{AgentEvent, Job, Progress, Request};

use crate::delivery::{Destination, Ended};
use crate::ffmpeg::Ffmpeg;
use crate::outputs;
use crate::programs::Programs;
use crate::report::Report;
use crate::session::{Outcome, conclude, told_to_abandon};
use crate::timeline::TimelineFile;
use crate::workdir::WorkDir;

/// Delivers what the spool of the job holds. `end` is why the recording was over.
pub(crate) async fn complete(
    job: &Job,
    end: EndReason,
    program: &Path,
    requests: &mut mpsc::Receiver<Request>,
    report: &Report,
) -> Outcome {
    let opened = Programs::find()
        .and_then(|programs| Destination::left_in(Path::new(&job.spool)).map(|destination| (programs, destination)));
    let (programs, mut destination) = match opened {
        Ok(opened) => opened,
        Err(failure) => return Outcome::failed(failure),
    };
    if let Err(failure) = destination.find_encoder(&programs).await {
        return Outcome::failed(destination.kept(failure));
    }
    let work = match WorkDir::create(&job.id, program).await {
        Ok(work) => work,
        Err(failure) => return Outcome::failed(destination.kept(failure)),
    };
    match TimelineFile::open(&destination.spool().events(), destination.spool().began()) {
        Ok(timeline) => report.write_to(timeline),
        Err(error) => report.warn(format!("The timeline can't be written: {error}.")),
    }
    report.send(AgentEvent::Stopping { reason: end });
    let ffmpeg = Ffmpeg::of_run(&programs, work.lasting());
    let outcome = deliver(end, &ffmpeg, &programs, destination, requests, report).await;
    work.close().await;
    outcome
}

async fn deliver(
    end: EndReason,
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
    let failure = (end == EndReason::Failure).then(|| {
        Failure::new(
            FailureKind::AgentLost,
            "The recording was cut short by a failure, and the agent was lost before it could tell which.",
        )
    });
    let ended = Ended { end, failure, until_us: None, captured: Progress::default(), usage: None, live };
    conclude(ended, ffmpeg, destination, requests, report).await
}

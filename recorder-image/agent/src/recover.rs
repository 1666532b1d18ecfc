//! Finishes what dead runs left.

use std::path::Path;

use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::recording::EndReason;
use wallflower_domain::wire::agent::{Delivery, Progress};

use crate::delivery::{Destination, Ended, unwritable};
use crate::ffmpeg::Ffmpeg;
use crate::outputs;
use crate::programs::Programs;
use crate::report::Report;
use crate::spool::{abandoned_spools, sweep};

/// What came of one spool.
#[derive(Debug)]
pub struct Recovered {
    /// Where it was.
    pub spool: String,
    /// What was made of it.
    pub delivery: Option<Delivery>,
    /// Why that is not all; the spool is still there then.
    pub failure: Option<Failure>,
}

/// Finishes every abandoned spool of a directory, one after the other. Empty when there is none.
pub async fn recover(folder: &Path) -> Result<Vec<Recovered>, Failure> {
    let programs = Programs::find()?;
    // Pieces are made by programs that run elsewhere.
    let folder = std::path::absolute(folder).map_err(|error| unwritable(folder, &error))?;
    // Whoever recovers reads the outcome.
    let report = Report::new(tokio::sync::mpsc::unbounded_channel().0);
    sweep(&folder);
    let mut recovered = Vec::new();
    for spool in abandoned_spools(&folder) {
        let (delivery, failure) = match Destination::left_in(&spool) {
            Ok(mut destination) => match destination.find_encoder(&programs).await {
                Ok(_) => {
                    let live = outputs::recover(destination.spool(), &destination.wanted, &programs.ffmpeg).await;
                    destination.deliver(&Ffmpeg::alone(&programs), Ended { live, ..killed() }, &report).await
                }
                Err(failure) => (None, Some(failure)),
            },
            Err(failure) => (None, Some(failure)),
        };
        recovered.push(Recovered { spool: spool.display().to_string(), delivery, failure });
    }
    Ok(recovered)
}

fn killed() -> Ended {
    let failure = Failure::new(FailureKind::AgentLost, "Everything that recorded was killed.");
    Ended {
        end: EndReason::Failure,
        failure: Some(failure),
        until_us: None,
        captured: Progress::default(),
        usage: None,
        live: Vec::new(),
    }
}

//! Runs one job in an agent of this machine, with progress and Ctrl-C.

use std::path::Path;

use indicatif::HumanBytes;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;
use wallflower_control::driver::{Order, drive};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::recording::{EndReason, Recording};
use wallflower_domain::wire::agent::{AgentCommand, Delivery, Job};

use crate::progress::{View, clock};

/// An id that sorts by time.
pub(crate) fn new_id() -> String {
    Uuid::now_v7().simple().to_string()
}

/// This very binary, which is also agent and guard.
pub(crate) fn program() -> Result<std::path::PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        Failure::new(FailureKind::Internal, format!("Wallflower can't find its own program file: {error}."))
    })
}

/// Performs the job by agents and follows it to the end.
pub(crate) async fn run(job: &Job, view: &mut View) -> Result<Recording, Failure> {
    let (orders, received) = mpsc::channel(8);
    let signals = tokio::spawn(forward_signals(orders)?);
    let (published, _) = watch::channel(Recording::new(&job.id));
    let driven = drive(&program()?, job, received, published, |event| view.show(event)).await;
    signals.abort();
    view.close();
    let mut recording = driven?;
    // An agent that was lost could not say what it leaves.
    if let Some(failure) = recording.failure.as_mut().filter(|failure| failure.kind == FailureKind::AgentLost)
        && wallflower_agent::has_media(Path::new(&job.spool))
    {
        let kept = format!(" What it captured is kept in {}; `wallflower recover` finishes it.", job.spool);
        failure.message.push_str(&kept);
    }
    if let Some(delivery) = &recording.delivery {
        let why = recording.end.map(reason).unwrap_or_default();
        for line in summary(delivery, why) {
            view.say(&line);
        }
    }
    Ok(recording)
}

/// A line for each thing that was made, and for each time in which nothing could be captured.
pub(crate) fn summary(delivery: &Delivery, why: &str) -> Vec<String> {
    let frames = match delivery.frames {
        0 => String::new(),
        frames => format!("  {frames} frames"),
    };
    let length = format!("{}{frames}{why}", clock(delivery.duration_s));
    let made = delivery.outputs.iter().enumerate().map(|(index, output)| {
        let size = HumanBytes(output.bytes);
        match (&output.failure, index) {
            (Some(failure), _) => format!("{}  not made: {}", output.location, failure.message),
            (None, 0) => format!("{}  {length}  {size}", output.location),
            (None, _) => format!("{}  {size}", output.location),
        }
    });
    let gaps = delivery.gaps.iter();
    let gaps = gaps.map(|gap| format!("  gap of {:.1} s at {}: {}", gap.length_s, clock(gap.at_s), gap.reason));
    made.chain(gaps).collect()
}

fn reason(end: EndReason) -> &'static str {
    match end {
        EndReason::Stopped => "  (stopped)",
        EndReason::OwnerGone => "  (its launcher had gone)",
        EndReason::RoomEnded => "  (the room ended)",
        EndReason::Kicked => "  (removed from the room)",
        EndReason::RoomEmpty => "  (nobody came)",
        EndReason::EverybodyLeft => "  (everybody had left)",
        EndReason::NoMedia => "  (nobody sent sound or picture)",
        EndReason::LimitDuration => "",
        EndReason::LimitSize => "  (its largest size was reached)",
        EndReason::LimitMemory => "  (memory was short)",
        EndReason::DiskLow => "  (the disk was nearly full)",
        EndReason::Failure => "  (cut short by a failure)",
    }
}

/// The first Ctrl-C or SIGTERM stops, every further one abandons.
fn forward_signals(orders: mpsc::Sender<Order>) -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let failed =
        |error: std::io::Error| Failure::new(FailureKind::Internal, format!("Signals can't be received: {error}."));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    Ok(async move {
        let mut stopping = false;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            let command = if stopping { AgentCommand::Abandon } else { AgentCommand::Stop };
            stopping = true;
            if orders.send(command.into()).await.is_err() {
                return;
            }
        }
    })
}

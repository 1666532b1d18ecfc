//! Runs one job in an agent of this machine, with progress, Ctrl-C, a control socket and metrics.

use std::net::SocketAddr;
use std::path::Path;

use indicatif::HumanBytes;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;
use wallflower_control::driver::{Order, drive};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::recording::{EndReason, Recording};
use wallflower_domain::wire::agent::{AgentCommand, Delivery, Job};
use wallflower_domain::wire::control::Course;

use crate::control::{ControlServer, StatusSource, unix_us};
use crate::metrics::MetricsServer;
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

/// How a recording can be seen and controlled from outside of this process.
pub(crate) struct Outward {
    /// Where metrics are served.
    pub(crate) metrics: Option<SocketAddr>,
}

/// Performs the job by agents and follows it to the end.
pub(crate) async fn run(job: &Job, outward: Option<Outward>, view: &mut View) -> Result<Recording, Failure> {
    let program = program()?;
    let (orders, received) = mpsc::channel(8);
    let (published, recording) = watch::channel(Recording::new(&job.id));
    let course = watch::Sender::new(Course::default());
    let doors = match outward {
        Some(outward) => Some(Doors::open(job, outward, recording, course.subscribe(), orders.clone(), view).await?),
        None => None,
    };
    let signals = tokio::spawn(forward_signals(orders)?);
    let driven = drive(&program, job, received, published, |event| {
        course.send_modify(|course| course.hear(event, unix_us()));
        view.show(event, &course.borrow());
    })
    .await;
    signals.abort();
    view.close();
    if let Some(doors) = doors {
        doors.close().await;
    }
    let mut recording = driven?;
    tell_what_is_kept(&mut recording, &job.spool);
    for line in conclusion(&recording) {
        view.say(&line);
    }
    Ok(recording)
}

/// Where others may ask about the recording, and the same user may control it.
struct Doors {
    control: ControlServer,
    metrics: Option<MetricsServer>,
}

impl Doors {
    async fn open(
        job: &Job,
        outward: Outward,
        recording: watch::Receiver<Recording>,
        course: watch::Receiver<Course>,
        orders: mpsc::Sender<Order>,
        view: &View,
    ) -> Result<Self, Failure> {
        let mut source = StatusSource::new(job, recording, course);
        let metrics = match outward.metrics {
            Some(addr) => Some(MetricsServer::bind(addr, source.clone()).await?),
            None => None,
        };
        if let Some(metrics) = &metrics {
            view.say(&format!("metrics for Prometheus: {}", metrics.url()));
            source = source.with_metrics(metrics.url());
        }
        let root = wallflower_agent::workdir::root()?;
        let control = ControlServer::open(&root, source, orders, job.standing.streams.len()).await?;
        Ok(Self { control, metrics })
    }

    async fn close(self) {
        self.control.close().await;
        drop(self.metrics);
    }
}

/// An agent that was lost could not say what it leaves.
pub(crate) fn tell_what_is_kept(recording: &mut Recording, spool: &str) {
    if let Some(failure) = recording.failure.as_mut().filter(|failure| failure.kind == FailureKind::AgentLost)
        && wallflower_agent::has_media(Path::new(spool))
    {
        let kept = format!(" What it captured is kept in {spool}; `wallflower recover` finishes it.");
        failure.message.push_str(&kept);
    }
}

/// What a recording that is over has delivered, in lines.
pub(crate) fn conclusion(recording: &Recording) -> Vec<String> {
    let why = recording.end.map(reason).unwrap_or_default();
    recording.delivery.as_ref().map(|delivery| summary(delivery, why)).unwrap_or_default()
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

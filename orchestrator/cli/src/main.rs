//! `wallflower`: records meetings through a silent participant.

mod args;
mod cast;
mod control;
mod demo;
mod design;
mod doctor;
mod e2ee;
mod exit;
mod logging;
mod metrics;
mod outputs;
mod progress;
mod record;
mod recover;
mod remote;
mod run;
mod serve;
mod streams;
mod template;
mod theme;
mod upload;
mod words;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
use crate::control::commands;

fn main() -> ExitCode {
    let args = Args::parse();
    if let Err(failure) = logging::begin() {
        return exit::code(Err(failure));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("wallflower: no threads could be started on this machine: {error}");
            return ExitCode::from(exit::PLATFORM);
        }
    };
    let code = runtime.block_on(async {
        match args.command {
            Command::Record(args) => exit::code(record::record(args).await),
            Command::Demo(args) => exit::code(demo::demo(args).await),
            Command::Start(args) => remote::start(args).await,
            Command::Logs(args) => remote::logs(args).await,
            Command::Share(args) => remote::share(args).await,
            Command::List(args) => commands::list(args).await,
            Command::Show(which) => commands::show(which).await,
            Command::Wait(which) => commands::wait(which).await,
            Command::Stop(args) => commands::stop(args).await,
            Command::Pause(args) => commands::pause(args).await,
            Command::Resume(which) => commands::resume(which).await,
            Command::Mute(which) => commands::mute(which).await,
            Command::Unmute(which) => commands::unmute(which).await,
            Command::Layout(args) => commands::layout(args).await,
            Command::Mark(args) => commands::mark(args).await,
            Command::Stream(action) => commands::stream(action).await,
            Command::Serve(args) => serve::serve(args).await,
            Command::Keys(action) => serve::keys(action),
            Command::Recover(args) => recover::recover(args).await,
            Command::Upload(args) => upload::upload(args).await,
            Command::Design(args) => design::design(args).await,
            Command::Doctor(args) => doctor::doctor(args).await,
            Command::Agent => agent().await,
            Command::Guard { work_dir } => guard(&work_dir).await,
            Command::Cast => exit::code(cast::cast().await),
        }
    });
    // A blocked read of stdin must not keep the process.
    runtime.shutdown_background();
    code
}

async fn agent() -> ExitCode {
    let served = match run::program() {
        Ok(program) => wallflower_agent::stdio::serve(&program).await,
        Err(failure) => Err(failure),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            words::to_stderr(format_args!("wallflower agent: {failure}"));
            ExitCode::from(failure.fault().exit_code())
        }
    }
}

/// Outlives whatever kills the others: signals that end a terminal's processes don't end it.
async fn guard(work_dir: &std::path::Path) -> ExitCode {
    use tokio::signal::unix::{SignalKind, signal};
    let handlers: Vec<_> = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
        .into_iter()
        .filter_map(|kind| signal(kind).ok())
        .collect();
    wallflower_agent::workdir::guard(work_dir).await;
    drop(handlers);
    ExitCode::SUCCESS
}

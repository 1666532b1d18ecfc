//! `wallflower list`, `show`, `wait`, `stop`, `pause`, `resume`, `mute`, `unmute`, `mark`, `layout` and `stream`.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::process::ExitCode;

use serde::Serialize;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::recording::Recording;
use wallflower_domain::secret::Secret;
use wallflower_domain::wire::agent::AgentCommand;
use wallflower_domain::wire::control::Answer;

use super::client::all;
use super::meant::{Effect, Meant};
use super::table;
use crate::args::{LayoutArgs, ListArgs, MarkArgs, PauseArgs, StopArgs, StreamAction, Which};
use crate::exit;
use crate::progress::clock;
use crate::remote;
use crate::run::conclusion;

/// More than any address has.
const MAX_URL_BYTES: u64 = 8 * 1024;

pub(crate) async fn list(args: ListArgs) -> ExitCode {
    let server = match args.server.remote() {
        Ok(server) => server,
        Err(failure) => return refused(&failure, args.json),
    };
    let listed = match server {
        Some(server) => remote::list(&server, &args.state, args.all, args.json).await,
        None => list_here(&args).await,
    };
    match listed {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => refused(&failure, args.json),
    }
}

async fn list_here(args: &ListArgs) -> Result<(), Failure> {
    if args.all || !args.state.is_empty() {
        let sentence = "--state and --all choose from a server's recordings: name it by --server or WALLFLOWER_SERVER.";
        return Err(Failure::new(FailureKind::BadRequest, sentence));
    }
    let found = all().await?;
    if args.json {
        let found: Vec<serde_json::Value> = found
            .into_iter()
            .map(|found| match found.status {
                Ok(status) => serde_json::json!(status),
                Err(failure) => serde_json::json!({"id": found.id, "error": failure}),
            })
            .collect();
        print_json(&found);
    } else if found.is_empty() {
        eprintln!("nothing is running");
    } else {
        print_lines(table::list(&found));
    }
    Ok(())
}

pub(crate) async fn show(which: Which) -> ExitCode {
    match async { Meant::by(&which).await?.show().await }.await {
        Ok((json, _)) if which.json => print_lines([json]),
        Ok((_, lines)) => print_lines(lines),
        Err(failure) => return refused(&failure, which.json),
    }
    ExitCode::SUCCESS
}

/// Exits as the recording's own command does.
pub(crate) async fn wait(which: Which) -> ExitCode {
    let followed = async { Meant::by(&which).await?.until_over().await }.await;
    over(followed, which.json)
}

pub(crate) async fn stop(args: StopArgs) -> ExitCode {
    let command = if args.now { AgentCommand::Abandon } else { AgentCommand::Stop };
    if !args.wait {
        return order(&args.which, command, |_| "is stopping".to_owned()).await;
    }
    let stopped = async {
        let mut meant = Meant::by(&args.which).await?;
        meant.order(command).await?;
        meant.until_over().await
    };
    over(stopped.await, args.which.json)
}

pub(crate) async fn pause(args: PauseArgs) -> ExitCode {
    order(&args.which, AgentCommand::Pause { mode: args.mode }, |_| format!("is paused ({})", args.mode)).await
}

pub(crate) async fn resume(which: Which) -> ExitCode {
    order(&which, AgentCommand::Resume, |_| "records again".to_owned()).await
}

pub(crate) async fn mute(which: Which) -> ExitCode {
    order(&which, AgentCommand::Mute, |_| "is muted".to_owned()).await
}

pub(crate) async fn unmute(which: Which) -> ExitCode {
    order(&which, AgentCommand::Unmute, |_| "has sound again".to_owned()).await
}

pub(crate) async fn mark(args: MarkArgs) -> ExitCode {
    let label = args.label.clone();
    order(&args.which, AgentCommand::Mark { label: args.label }, |effect| {
        let marker = effect.markers.iter().rfind(|marker| marker.label == label.trim());
        marker.map_or_else(|| "is marked".to_owned(), |marker| format!("is marked at {}", clock(marker.media_s)))
    })
    .await
}

pub(crate) async fn layout(args: LayoutArgs) -> ExitCode {
    let Some(change) = args.change() else {
        let sentence = "Name what is to be changed: a layout, or one of the options; --help lists them.";
        return refused(&Failure::new(FailureKind::BadRequest, sentence), args.which.json);
    };
    let command = AgentCommand::Look { change: Box::new(change) };
    order(&args.which, command, |_| "shows the room that way".to_owned()).await
}

pub(crate) async fn stream(action: StreamAction) -> ExitCode {
    match action {
        StreamAction::Add { url, which } => {
            let url = match address(url) {
                Ok(url) => url,
                Err(failure) => return refused(&failure, which.json),
            };
            let command = AgentCommand::AddStream { id: String::new(), url };
            order(&which, command, |effect| {
                let id = effect.stream.as_deref().unwrap_or_default();
                let known = effect.streams.iter().find(|stream| stream.id == id);
                let place = known.map(|stream| format!(" to {}", stream.address)).unwrap_or_default();
                format!("streams{place}, as {id}")
            })
            .await
        }
        StreamAction::Remove { stream, which } => {
            let stream = match address(stream) {
                Ok(stream) => stream,
                Err(failure) => return refused(&failure, which.json),
            };
            order(&which, AgentCommand::RemoveStream { stream }, |_| "no longer streams there".to_owned()).await
        }
    }
}

/// `-` is a line of stdin: what is on the command line can be read by every user of the machine.
fn address(given: Secret) -> Result<Secret, Failure> {
    if given.expose() != "-" {
        return Ok(given);
    }
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprint!("address of the stream: ");
    }
    let mut line = String::new();
    stdin.lock().take(MAX_URL_BYTES).read_line(&mut line).map_err(|error| {
        Failure::new(FailureKind::BadRequest, format!("No address can be read from stdin: {error}."))
    })?;
    match line.trim() {
        "" => Err(Failure::new(FailureKind::BadRequest, "There is no address on stdin; give it one line.")),
        address => Ok(Secret::new(address)),
    }
}

/// Carries out one order, and says what came of it: `sentence` goes on after the recording's name.
async fn order(which: &Which, command: AgentCommand, sentence: impl Fn(&Effect) -> String) -> ExitCode {
    match async { Meant::by(which).await?.order(command).await }.await {
        Ok(effect) if which.json => print_lines([effect.json]),
        Ok(effect) => {
            let said = effect.said.clone().unwrap_or_else(|| sentence(&effect));
            print_lines([format!("recording {} {said}", table::short(&effect.id))]);
        }
        Err(failure) => return refused(&failure, which.json),
    }
    ExitCode::SUCCESS
}

/// What became of a recording that is over.
fn over(followed: Result<(String, Recording), Failure>, json: bool) -> ExitCode {
    match followed {
        Ok((text, recording)) => {
            print_lines(if json { vec![text] } else { conclusion(&recording) });
            exit::code(Ok(recording))
        }
        Err(failure) => refused(&failure, json),
    }
}

pub(crate) fn refused(failure: &Failure, json: bool) -> ExitCode {
    if json {
        print_json(&Answer::<()>::Error(failure.clone()));
    }
    exit::explain(failure);
    ExitCode::from(failure.fault().exit_code())
}

/// Whoever reads may have had enough, such as `head`.
pub(crate) fn print_lines(lines: impl IntoIterator<Item = String>) {
    let mut stdout = std::io::stdout().lock();
    for line in lines {
        if writeln!(stdout, "{line}").is_err() {
            return;
        }
    }
}

fn print_json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(line) => print_lines([line]),
        Err(error) => tracing::error!(%error, "an answer can't be written as JSON"),
    }
}

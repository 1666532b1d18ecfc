//! `wallflower list`, `show`, `wait`, `stop`, `pause`, `resume`, `mute`, `unmute`, `mark` and `stream`.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::process::ExitCode;

use serde::Serialize;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::secret::Secret;
use wallflower_domain::wire::agent::AgentCommand;
use wallflower_domain::wire::control::{Answer, Done, Status};

use super::client::{Client, all, the_one};
use super::table;
use crate::args::{ListArgs, MarkArgs, PauseArgs, StopArgs, StreamAction, Which};
use crate::exit;
use crate::progress::clock;
use crate::run::{conclusion, tell_what_is_kept};

/// More than any address has.
const MAX_URL_BYTES: u64 = 8 * 1024;

pub(crate) async fn list(args: ListArgs) -> ExitCode {
    let found = match all().await {
        Ok(found) => found,
        Err(failure) => return refused(&failure, args.json),
    };
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
    ExitCode::SUCCESS
}

pub(crate) async fn show(which: Which) -> ExitCode {
    let shown = async { the_one(which.id.as_deref()).await?.status().await }.await;
    tell(shown, which.json, table::show)
}

/// Exits as the recording's own command does.
pub(crate) async fn wait(which: Which) -> ExitCode {
    let followed = async { the_one(which.id.as_deref()).await?.until_over().await }.await;
    over(followed, which.json)
}

pub(crate) async fn stop(args: StopArgs) -> ExitCode {
    let command = if args.now { AgentCommand::Abandon } else { AgentCommand::Stop };
    if !args.wait {
        return order(&args.which, command, |_, _| "is stopping".to_owned()).await;
    }
    let stopped = async {
        let mut client = the_one(args.which.id.as_deref()).await?;
        client.order(command).await?;
        client.until_over().await
    };
    over(stopped.await, args.which.json)
}

pub(crate) async fn pause(args: PauseArgs) -> ExitCode {
    order(&args.which, AgentCommand::Pause { mode: args.mode }, |_, _| format!("is paused ({})", args.mode)).await
}

pub(crate) async fn resume(which: Which) -> ExitCode {
    order(&which, AgentCommand::Resume, |_, _| "records again".to_owned()).await
}

pub(crate) async fn mute(which: Which) -> ExitCode {
    order(&which, AgentCommand::Mute, |_, _| "is muted".to_owned()).await
}

pub(crate) async fn unmute(which: Which) -> ExitCode {
    order(&which, AgentCommand::Unmute, |_, _| "has sound again".to_owned()).await
}

pub(crate) async fn mark(args: MarkArgs) -> ExitCode {
    let label = args.label.clone();
    order(&args.which, AgentCommand::Mark { label: args.label }, |_, status| {
        let marker = status.course.markers.iter().rfind(|marker| marker.label == label.trim());
        marker.map_or_else(|| "is marked".to_owned(), |marker| format!("is marked at {}", clock(marker.media_s)))
    })
    .await
}

pub(crate) async fn stream(action: StreamAction) -> ExitCode {
    match action {
        StreamAction::Add { url, which } => {
            let url = match address(url) {
                Ok(url) => url,
                Err(failure) => return refused(&failure, which.json),
            };
            let command = AgentCommand::AddStream { id: String::new(), url };
            order(&which, command, |done, status| {
                let id = done.stream.as_deref().unwrap_or_default();
                let known = status.course.streams.iter().find(|stream| stream.id == id);
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
            order(&which, AgentCommand::RemoveStream { stream }, |_, _| "no longer streams there".to_owned()).await
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
async fn order(which: &Which, command: AgentCommand, sentence: impl Fn(&Done, &Status) -> String) -> ExitCode {
    let ordered = async {
        let mut client: Client = the_one(which.id.as_deref()).await?;
        let done = client.order(command).await?;
        // The order has taken effect, even if the recording has ended meanwhile.
        let status = client.status().await.ok();
        Ok((done, status, client.id().to_owned()))
    };
    match ordered.await {
        Ok((done, _, _)) if which.json => print_json(&Answer::Ok(done)),
        Ok((done, status, id)) => {
            let said = status.map_or_else(|| "has done so".to_owned(), |status| sentence(&done, &status));
            print_lines([format!("recording {} {said}", table::short(&id))]);
        }
        Err(failure) => return refused(&failure, which.json),
    }
    ExitCode::SUCCESS
}

fn tell(status: Result<Status, Failure>, json: bool, lines: impl Fn(&Status) -> Vec<String>) -> ExitCode {
    match status {
        Ok(status) if json => print_json(&status),
        Ok(status) => print_lines(lines(&status)),
        Err(failure) => return refused(&failure, json),
    }
    ExitCode::SUCCESS
}

/// What became of a recording that is over.
fn over(followed: Result<Status, Failure>, json: bool) -> ExitCode {
    match followed {
        Ok(mut status) => {
            tell_what_is_kept(&mut status.recording, &status.spool);
            if json {
                print_json(&status);
            } else {
                print_lines(conclusion(&status.recording));
            }
            exit::code(Ok(status.recording))
        }
        Err(failure) => refused(&failure, json),
    }
}

fn refused(failure: &Failure, json: bool) -> ExitCode {
    if json {
        print_json(&Answer::<()>::Error(failure.clone()));
    }
    exit::explain(failure);
    ExitCode::from(failure.fault().exit_code())
}

/// Whoever reads may have had enough, such as `head`.
fn print_lines(lines: impl IntoIterator<Item = String>) {
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

//! The other end of control sockets: which recordings run, which of them is meant, and what they answer.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use tokio::time::timeout;
use wallflower_agent::control_sockets::{self, NotReached};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::wire::agent::AgentCommand;
use wallflower_domain::wire::control::{Answer, ControlRequest, Done, MAX_ANSWER_BYTES, Status};

use super::lines::{Incoming, Lines};

/// A status is answered at once.
const STATUS_DEADLINE: Duration = Duration::from_secs(5);
/// Longer than the owner waits for news, or for an order to take effect.
const PATIENT_DEADLINE: Duration = Duration::from_secs(45);

/// A connection to the owner of a running recording.
#[derive(Debug)]
pub(super) struct Client {
    id: String,
    lines: Lines,
}

/// A recording that has a control socket.
pub(super) struct Found {
    pub(super) id: String,
    /// How it is, or why that can't be had.
    pub(super) status: Result<Status, Failure>,
}

/// Every recording that runs, oldest first.
pub(super) async fn all() -> Result<Vec<Found>, Failure> {
    let root = wallflower_agent::workdir::root()?;
    let mut asked = JoinSet::new();
    for id in control_sockets::ids(&root) {
        asked.spawn(look(root.clone(), id));
    }
    let mut found: Vec<Found> = asked.join_all().await.into_iter().flatten().collect();
    found.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(found)
}

async fn look(root: PathBuf, id: String) -> Option<Found> {
    let status = match Client::connect(&root, &id).await {
        Ok(Some(mut client)) => client.status().await,
        Ok(None) => return None,
        Err(failure) => Err(failure),
    };
    Some(Found { id, status })
}

/// The recording that is meant: by its id, or by the beginning or end of it, or as the only one.
pub(super) async fn the_one(wanted: Option<&str>) -> Result<Client, Failure> {
    let root = wallflower_agent::workdir::root()?;
    control_sockets::sweep(&root).await;
    let ids = control_sockets::ids(&root);
    let matching = matching(&ids, wanted);
    if let [id] = matching.as_slice() {
        return Client::connect(&root, id).await?.ok_or_else(|| gone(id));
    }
    let message = match wanted {
        _ if !matching.is_empty() => format!("Say by --id which recording is meant. {}", listed(&matching).await?),
        Some(wanted) if !ids.is_empty() => {
            let running = listed(&ids.iter().map(String::as_str).collect::<Vec<_>>()).await?;
            format!("No recording whose id is, begins or ends with \"{wanted}\" is running. {running}")
        }
        Some(wanted) => format!("Recording \"{wanted}\" is not running; by what {} knows, none is.", root.display()),
        None => format!("No recording is running, by what {} knows.", root.display()),
    };
    Err(Failure::new(FailureKind::BadRequest, message))
}

/// Ids that may be meant. A whole id means only itself.
pub(crate) fn matching<'a>(ids: &'a [String], wanted: Option<&str>) -> Vec<&'a str> {
    let ids = ids.iter().map(String::as_str);
    let Some(wanted) = wanted.map(str::to_ascii_lowercase) else { return ids.collect() };
    match ids.clone().find(|id| *id == wanted) {
        Some(id) => vec![id],
        None => ids.filter(|id| id.starts_with(&wanted) || id.ends_with(&wanted)).collect(),
    }
}

/// A line for each of these.
async fn listed(ids: &[&str]) -> Result<String, Failure> {
    let found = all().await?;
    let lines = found.iter().filter(|found| ids.contains(&found.id.as_str())).map(|Found { id, status }| {
        let what = status.as_ref().map_or("(does not answer)", |status| status.room.as_str());
        format!("\n  {id}  {what}")
    });
    Ok(format!("These are running:{}", lines.collect::<String>()))
}

fn gone(id: &str) -> Failure {
    Failure::new(
        FailureKind::AgentLost,
        format!(
            "Recording {id} has ended, or what owned it was killed. If its file is not there, `wallflower recover` in the file's directory \
             finishes it."
        ),
    )
}

impl Client {
    /// None when nobody listens there any more.
    pub(super) async fn connect(root: &Path, id: &str) -> Result<Option<Self>, Failure> {
        match control_sockets::connect(root, id).await {
            Ok(stream) => Ok(Some(Self { id: id.to_owned(), lines: Lines::new(stream, MAX_ANSWER_BYTES) })),
            Err(NotReached::Dead) => Ok(None),
            Err(NotReached::Busy(error)) => {
                let message = format!("What owns recording {id} can't be reached: {error}; try again.");
                Err(Failure::new(FailureKind::AgentLost, message))
            }
        }
    }

    /// Id of the recording.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) async fn status(&mut self) -> Result<Status, Failure> {
        self.ask(&ControlRequest::Status { after_version: None }, STATUS_DEADLINE).await
    }

    /// Returns once it has taken effect.
    pub(super) async fn order(&mut self, command: AgentCommand) -> Result<Done, Failure> {
        self.ask(&ControlRequest::Do { command }, PATIENT_DEADLINE).await
    }

    /// Follows the recording until nothing about it changes any more.
    pub(super) async fn until_over(&mut self) -> Result<Status, Failure> {
        let mut known = 0;
        loop {
            let request = ControlRequest::Status { after_version: Some(known) };
            let status: Status = self.ask(&request, PATIENT_DEADLINE).await?;
            if status.recording.state.is_terminal() {
                return Ok(status);
            }
            known = status.recording.version;
        }
    }

    async fn ask<T: DeserializeOwned>(&mut self, request: &ControlRequest, deadline: Duration) -> Result<T, Failure> {
        let asked = async {
            self.lines.write(request).await?;
            self.lines.read().await
        };
        let id = &self.id;
        match timeout(deadline, asked).await {
            Ok(Ok(Incoming::Line(line))) => {
                let answer: Answer<T> =
                    serde_json::from_slice(&line).map_err(|error| foreign(id, &error.to_string()))?;
                answer.into()
            }
            Ok(Ok(Incoming::TooLong)) => Err(foreign(id, "it has no end")),
            Ok(Ok(Incoming::End)) => Err(gone(id)),
            Ok(Err(error)) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                Err(gone(id))
            }
            Ok(Err(error)) => Err(foreign(id, &error.to_string())),
            Err(_) => Err(Failure::new(
                FailureKind::AgentLost,
                format!("What owns recording {id} does not answer within {} s; is it stopped?", deadline.as_secs()),
            )),
        }
    }
}

fn foreign(id: &str, why: &str) -> Failure {
    let message =
        format!("The answer of what owns recording {id} can't be read: {why}. Is it another version of Wallflower?");
    Failure::new(FailureKind::Internal, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_meant_by_its_id_or_by_an_end_of_it() {
        let ids = ["0192aa01", "0192aa02", "0192", "0193bb01"].map(str::to_owned);
        for (wanted, meant) in [
            (Some("0193"), &["0193bb01"][..]),
            (Some("BB01"), &["0193bb01"]),
            (Some("aa02"), &["0192aa02"]),
            (Some("0192"), &["0192"]),
            (Some("01"), &["0192aa01", "0192aa02", "0192", "0193bb01"]),
            (Some("7"), &[]),
            (Some("2aa0"), &[]),
            (None, &["0192aa01", "0192aa02", "0192", "0193bb01"]),
        ] {
            assert_eq!(matching(&ids, wanted), meant, "{wanted:?}");
        }
    }
}

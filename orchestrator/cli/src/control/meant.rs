//! The recording that a command is about: of this machine, or of a server.

use serde::Serialize;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::recording::Recording;
use wallflower_domain::wire::agent::{AgentCommand, StreamReport};
use wallflower_domain::wire::control::{Answer, Marker};

use super::client::{Client, the_one};
use super::table;
use crate::args::Which;
use crate::remote::Distant;
use crate::run::tell_what_is_kept;

/// A recording, wherever it is made.
pub(super) enum Meant {
    Here(Box<Client>),
    There(Distant),
}

/// What came of an order.
pub(crate) struct Effect {
    /// Id of the recording.
    pub(crate) id: String,
    /// Id of the stream that was added.
    pub(crate) stream: Option<String>,
    /// As they are now.
    pub(crate) markers: Vec<Marker>,
    /// As they are now.
    pub(crate) streams: Vec<StreamReport>,
    /// The answer as JSON.
    pub(crate) json: String,
    /// What is to be said of the recording in place of what the order usually comes to.
    pub(crate) said: Option<String>,
}

impl Meant {
    /// The one that is meant.
    pub(super) async fn by(which: &Which) -> Result<Self, Failure> {
        let wanted = which.id.as_deref();
        Ok(match which.server.remote()? {
            None => Self::Here(Box::new(the_one(wanted).await?)),
            Some(server) => Self::There(Distant::find(server, wanted).await?),
        })
    }

    /// How it is: as JSON, and in lines for a person.
    pub(super) async fn show(&mut self) -> Result<(String, Vec<String>), Failure> {
        match self {
            Self::Here(client) => {
                let status = client.status().await?;
                Ok((json(&status)?, table::show(&status)))
            }
            Self::There(distant) => distant.show().await,
        }
    }

    /// Orders something, and returns when it has taken effect.
    pub(super) async fn order(&mut self, command: AgentCommand) -> Result<Effect, Failure> {
        let client = match self {
            Self::Here(client) => client,
            Self::There(distant) => return distant.order(command).await,
        };
        let done = client.order(command).await?;
        let (id, stream) = (client.id().to_owned(), done.stream.clone());
        let json = json(&Answer::Ok(done))?;
        // The order has taken effect, even if the recording has ended meanwhile.
        let Ok(status) = client.status().await else {
            let said = Some("has done so".to_owned());
            return Ok(Effect { id, stream, markers: Vec::new(), streams: Vec::new(), json, said });
        };
        let (markers, streams) = (status.course.markers, status.course.streams);
        Ok(Effect { id, stream, markers, streams, json, said: None })
    }

    /// Waits until nothing about it changes any more: as JSON, and what it came to.
    pub(super) async fn until_over(&mut self) -> Result<(String, Recording), Failure> {
        match self {
            Self::Here(client) => {
                let mut status = client.until_over().await?;
                tell_what_is_kept(&mut status.recording, &status.spool);
                Ok((json(&status)?, status.recording))
            }
            Self::There(distant) => distant.until_over().await,
        }
    }
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value)
        .map_err(|error| Failure::new(FailureKind::Internal, format!("An answer can't be written as JSON: {error}.")))
}

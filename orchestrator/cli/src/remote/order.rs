//! Orders to a server's recording, and what comes of them.

use reqwest::{Method, StatusCode};
use serde_json::json;
use wallflower_control::orchestrator::{OrderResource, Resource};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::output::StreamUrl;
use wallflower_domain::recording::Recording;
use wallflower_domain::wire::agent::{AgentCommand, StreamState};

use super::find::Distant;
use super::follow::{Sight, Watching, until_over};
use super::http::{Answer, Trouble, TroubleKind};
use super::news::recording;
use crate::control::{Effect, state_name};
use crate::words;

impl Distant {
    /// Orders something; it has taken effect when the effect does not say otherwise.
    pub(crate) async fn order(&self, command: AgentCommand) -> Result<Effect, Failure> {
        let is_stop = command == AgentCommand::Stop;
        let answer = self.send(command).await.map_err(|Trouble { mut failure, kind }| {
            if matches!(kind, TroubleKind::Unanswered | TroubleKind::Busy) {
                failure.message.push_str(" Whether it was done is not known; `wallflower show` tells.");
            }
            failure
        })?;
        let (json, resource, stream) = if is_stop {
            let (json, resource): (String, Resource) = self.server.read(&answer)?;
            (json, resource, None)
        } else {
            let (json, ordered): (String, OrderResource) = self.server.read(&answer)?;
            (json, ordered.recording, ordered.stream)
        };
        let said = match (answer.status, resource.state) {
            (StatusCode::ACCEPTED, _) => Some("is asked to; its agent has not answered yet".to_owned()),
            (_, state) if is_stop && state.is_terminal() => Some(format!("is over ({})", state_name(state))),
            _ => None,
        };
        Ok(Effect { id: resource.id, stream, markers: resource.markers, streams: resource.streams, json, said })
    }

    async fn send(&self, command: AgentCommand) -> Result<Answer, Trouble> {
        let server = &self.server;
        let at = |rest: &[&str]| server.url(["recordings", &self.id].into_iter().chain(rest.iter().copied()));
        let nothing = json!({});
        match command {
            AgentCommand::Stop => server.post(at(&["stop"]), &nothing).await,
            AgentCommand::Pause { mode } => server.post(at(&["pause"]), &json!({"mode": mode})).await,
            AgentCommand::Resume => server.post(at(&["resume"]), &nothing).await,
            AgentCommand::Mute => server.post(at(&["mute"]), &nothing).await,
            AgentCommand::Unmute => server.post(at(&["unmute"]), &nothing).await,
            AgentCommand::Mark { label } => server.post(at(&["markers"]), &json!({"label": label})).await,
            AgentCommand::AddStream { url, .. } => {
                server.post(at(&["streams"]), &json!({"url": url.expose().trim()})).await
            }
            AgentCommand::RemoveStream { stream } => {
                let id = self.stream_id(stream.expose().trim()).await?;
                server.ask(Method::DELETE, at(&["streams", &id]), None, &[]).await
            }
            AgentCommand::Look { change } => server.post(at(&["layout"]), &json!(change)).await,
            AgentCommand::Abandon => Err(refused(
                "A server finishes what it has begun to record, so --now is for recordings of this machine. Drop it.",
            )),
        }
    }

    /// Addresses hold keys, which are no part of ours: a stream is found by what of its address may be told.
    async fn stream_id(&self, wanted: &str) -> Result<String, Trouble> {
        if !wanted.contains("://") {
            return Ok(wanted.to_owned());
        }
        let url: StreamUrl = wanted.parse().map_err(|error| refused(&format!("{error}.")))?;
        let (_, resource) = self.now().await?;
        let is_meant = |stream: &&wallflower_domain::wire::agent::StreamReport| {
            stream.address == url.to_string() && stream.state != StreamState::Ended
        };
        let mut meant = resource.streams.iter().filter(is_meant);
        match (meant.next(), meant.next()) {
            (Some(stream), None) => Ok(stream.id.clone()),
            (None, _) => Err(refused("No stream goes there; `wallflower show` lists them.")),
            (Some(_), Some(_)) => {
                Err(refused("Several streams go there, by different keys; name one by its id, from `wallflower show`."))
            }
        }
    }

    /// Waits for its end: the server's words, and what it came to.
    pub(crate) async fn until_over(&self) -> Result<(String, Recording), Failure> {
        let (json, resource) = until_over(self, Watching::States, |sight| match sight {
            Sight::Away(why) => words::to_stderr(why),
            Sight::Back => words::to_stderr("the server is back"),
            Sight::Recording(_) => {}
        })
        .await?;
        Ok((json, recording(&resource, &self.server)))
    }
}

fn refused(sentence: &str) -> Trouble {
    Trouble { failure: Failure::new(FailureKind::BadRequest, sentence), kind: TroubleKind::Refused }
}

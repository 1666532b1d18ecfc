//! The orchestrator's end of the link to an agent: see [`wallflower_domain::wire::link`].

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;
use wallflower_domain::record::{AgentRecord, Outcome, Record};
use wallflower_domain::recording::{Event, apply};
use wallflower_domain::wire::agent::{AgentCommand, AgentEvent, Request};
use wallflower_domain::wire::control::Course;
use wallflower_domain::wire::link::{FromAgent, MAX_MESSAGE_BYTES, Said, ToAgent, beat_s, silence_s};

use super::Orchestrator;
use super::links::{Connected, News};
use super::records::{ChangeError, now_us};

/// An agent that takes nothing for so long is gone.
const SEND_DEADLINE: Duration = Duration::from_secs(5);
/// What changes nothing but the count of what was heard, or where that was, is stored so late.
const LAZY: Duration = Duration::from_secs(2);

/// Why a connection ends.
enum Ending {
    /// The agent went, or says what can't be read.
    Gone(&'static str),
    /// A newer connection of the same agent, or another agent's, serves the recording.
    Replaced,
    /// The record can't be changed.
    Store(String),
}

/// Serves an agent's connection to its end.
pub(crate) async fn serve(orchestrator: Orchestrator, record: Record, number: u32, socket: WebSocket) {
    let id = record.id().to_owned();
    let connected = orchestrator.watch.links.connect(&id, record.course);
    let mut session = Session {
        beat_s: beat_s(orchestrator.watch.links.count()),
        record: None,
        heard: 0,
        orchestrator,
        id,
        number,
        connected,
        socket,
        asked: 0,
        unstored: Vec::new(),
        is_noted: false,
        store_at: Instant::now() + LAZY.mul_f64(rand::random_range(0.2..1.0)),
    };
    let span = tracing::info_span!("agent", recording = %session.id, number);
    let ending = session.run().instrument(span.clone()).await;
    let how = match ending {
        Ending::Gone(how) => how.to_owned(),
        Ending::Replaced => "another connection has taken its place".to_owned(),
        Ending::Store(error) => error,
    };
    span.in_scope(|| tracing::debug!(how, "an agent's connection ended"));
}

struct Session {
    orchestrator: Orchestrator,
    id: String,
    /// The agent's.
    number: u32,
    connected: Connected,
    socket: WebSocket,
    /// The newest version of the record that was seen.
    record: Option<Box<Record>>,
    /// The last event that was received, stored or not.
    heard: u64,
    /// Seconds between the agent's signs of life.
    beat_s: f64,
    /// The last order that was sent over this connection.
    asked: u64,
    /// Events that are not in the record yet.
    unstored: Vec<Said>,
    /// The record says that the agent is connected here. That has time: thousands may come at once, when a replica has died.
    is_noted: bool,
    /// When what has time is stored.
    store_at: Instant,
}

impl Session {
    async fn run(&mut self) -> Ending {
        // What is rare is not part of what each of thousands of tasks keeps room for.
        match Box::pin(self.begin()).await {
            Ok(()) => {}
            Err(ending) => return ending,
        }
        let silence = Duration::from_secs_f64(silence_s(self.beat_s));
        let mut last = Instant::now();
        loop {
            let is_lazy = !self.is_noted || !self.unstored.is_empty();
            let step = tokio::select! {
                // What came while we were busy counts before the silence since.
                biased;
                message = self.socket.recv() => match message {
                    Some(Ok(message)) => {
                        last = Instant::now();
                        match self.read(message) {
                            Ok(Some(said)) => Box::pin(self.said(said)).await,
                            Ok(None) => Ok(()),
                            Err(ending) => Err(ending),
                        }
                    }
                    Some(Err(_)) | None => Err(Ending::Gone("it was closed")),
                },
                () = self.connected.wake.notified() => Box::pin(self.news()).await,
                () = tokio::time::sleep_until(self.store_at), if is_lazy => Box::pin(self.store()).await,
                () = tokio::time::sleep_until(last + silence) => Err(Ending::Gone("the agent was silent")),
            };
            if let Err(ending) = step {
                return ending;
            }
        }
    }

    async fn begin(&mut self) -> Result<(), Ending> {
        // It may have changed since the agent was admitted; from here on changes are told.
        let record = match self.orchestrator.records.store.get(&self.id).await {
            Ok(Some(record)) => record,
            Ok(None) => return Err(Ending::Gone("the recording was deleted")),
            Err(error) => return Err(Ending::Store(error.to_string())),
        };
        let Some(agent) = record.agent.as_ref().filter(|agent| agent.number == self.number) else {
            return Err(Ending::Replaced);
        };
        self.heard = agent.heard;
        self.is_noted = agent.holder.as_ref() == Some(&self.orchestrator.name);
        self.connected.begin(&record);
        self.send(&ToAgent::Welcome { heard: self.heard, beat_s: self.beat_s }).await?;
        let record = if is_to_end(&record) { self.end_it(record).await? } else { record };
        self.ask(Box::new(record)).await
    }

    async fn end_it(&mut self, record: Record) -> Result<Record, Ending> {
        tracing::warn!("an agent records what was given up: it is told to stop, and delivers what it has");
        let ordered = self.orchestrator.records.change_from(record, |record| {
            if is_to_end(record) {
                record.order(AgentCommand::Stop, now_us());
            }
            Ok::<(), std::convert::Infallible>(())
        });
        match ordered.await {
            Ok((record, ())) => Ok(record),
            Err(ChangeError::Missing) => Err(Ending::Gone("the recording was deleted")),
            Err(error) => Err(Ending::Store(error.to_string())),
        }
    }

    async fn news(&mut self) -> Result<(), Ending> {
        match self.connected.news() {
            News::None => Ok(()),
            News::Changed(record) => self.ask(record).await,
            News::Deleted => Err(Ending::Gone("the recording was deleted")),
            News::Elsewhere => Err(Ending::Gone("this orchestrator can't reach its store")),
            News::Replaced => Err(Ending::Replaced),
        }
    }

    /// Takes what passes, and gives what does not.
    fn read(&self, message: Message) -> Result<Option<Said>, Ending> {
        let text = match message {
            Message::Text(text) if text.len() <= MAX_MESSAGE_BYTES => text,
            Message::Text(_) | Message::Binary(_) => return Err(Ending::Gone("it says what is none of our words")),
            Message::Close(_) => return Err(Ending::Gone("it was closed")),
            Message::Ping(_) | Message::Pong(_) => return Ok(None),
        };
        match serde_json::from_str(&text) {
            Ok(FromAgent::Passing { event }) => {
                self.connected.hear(&event, now_us());
                Ok(None)
            }
            Ok(FromAgent::Said(said)) => Ok(Some(said)),
            Err(error) => {
                tracing::warn!(%error, "an agent says what can't be read");
                Err(Ending::Gone("it says what is none of our words"))
            }
        }
    }

    async fn said(&mut self, said: Said) -> Result<(), Ending> {
        if said.number <= self.heard {
            // Told again, because we were not heard.
            return if self.unstored.is_empty() {
                self.send(&ToAgent::Heard { number: self.heard }).await
            } else {
                Ok(())
            };
        }
        if said.number != self.heard + 1 {
            return Err(Ending::Gone("it leaves events out"));
        }
        self.heard = said.number;
        self.connected.hear(&said.event, said.at_us);
        let matters = !matters_little(&said.event);
        if self.unstored.is_empty() && self.is_noted {
            self.store_at = Instant::now() + LAZY;
        }
        self.unstored.push(said);
        if matters { self.store().await } else { Ok(()) }
    }

    /// Stores what was heard, and that it was heard here; tells the agent that it may forget it, and what it is asked for.
    async fn store(&mut self) -> Result<(), Ending> {
        let unstored = std::mem::take(&mut self.unstored);
        let course = self.connected.course().ok_or(Ending::Replaced)?;
        let (number, holder) = (self.number, self.orchestrator.name.clone());
        let Some(record) = self.record.take() else { return Err(Ending::Replaced) };
        // When this fails, the agent tells it again to whoever comes next.
        let changed = self.orchestrator.records.change_from(*record, |record| {
            take(record, number, &unstored, &course);
            if let Some(agent) = agent_of(record, number) {
                agent.holder = Some(holder.clone());
            }
            Ok::<(), std::convert::Infallible>(())
        });
        let record = match changed.await {
            Ok((record, ())) => record,
            Err(ChangeError::Missing) => return Err(Ending::Gone("the recording was deleted")),
            Err(error) => return Err(Ending::Store(error.to_string())),
        };
        self.connected.seen(record.version);
        self.is_noted = true;
        if !unstored.is_empty() {
            self.send(&ToAgent::Heard { number: self.heard }).await?;
        }
        self.ask(Box::new(record)).await
    }

    /// Sends orders that this connection has not carried yet.
    async fn ask(&mut self, record: Box<Record>) -> Result<(), Ending> {
        if self.record.as_ref().is_some_and(|known| known.version > record.version) {
            return Ok(());
        }
        if record.agent.as_ref().is_none_or(|agent| agent.number != self.number) {
            return Err(Ending::Replaced);
        }
        let orders: Vec<Request> = record
            .open_orders()
            .filter(|order| order.id > self.asked)
            .map(|order| Request { id: order.id, command: order.command.clone() })
            .collect();
        self.record = Some(record);
        for request in orders {
            self.asked = request.id;
            self.send(&ToAgent::Asked { request }).await?;
        }
        Ok(())
    }

    async fn send(&mut self, message: &ToAgent) -> Result<(), Ending> {
        let text = serde_json::to_string(message).map_err(|error| Ending::Store(error.to_string()))?;
        match timeout(SEND_DEADLINE, self.socket.send(Message::Text(text.into()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Ending::Gone("it was closed")),
            Err(_) => Err(Ending::Gone("the agent takes nothing")),
        }
    }
}

fn agent_of(record: &mut Record, number: u32) -> Option<&mut AgentRecord> {
    record.agent.as_mut().filter(|agent| agent.number == number)
}

/// The recording ended without its agent's word, because that could not be launched in time or was taken for lost, and it is there all
/// the same.
fn is_to_end(record: &Record) -> bool {
    let is_given_up = record.state().is_terminal() && record.recording.delivery.is_none();
    is_given_up && !record.orders.iter().any(|order| order.command.is_end())
}

/// What the room does is on the timeline, which is the agent's; here it only counts as heard.
fn matters_little(event: &AgentEvent) -> bool {
    matches!(event, AgentEvent::Room { .. } | AgentEvent::Warning { .. } | AgentEvent::Frozen { .. })
}

/// Takes events into a record: those that are not in it yet, of the agent that works on it.
pub(crate) fn take(record: &mut Record, number: u32, events: &[Said], course: &Course) {
    let Some(known) = agent_of(record, number).map(|agent| agent.heard) else { return };
    for said in events.iter().filter(|said| said.number > known) {
        take_one(record, &said.event);
        if let Some(agent) = agent_of(record, number) {
            agent.heard = said.number;
        }
    }
    record.course = course.clone();
}

fn take_one(record: &mut Record, event: &AgentEvent) {
    if let AgentEvent::Answered { request, failure } = event
        && let Some(order) = record.orders.iter_mut().find(|order| order.id == *request && order.outcome.is_none())
    {
        order.outcome = Some(match failure {
            None => Outcome::Done,
            Some(failure) => Outcome::Failed(failure.clone()),
        });
        if failure.is_none() {
            record.standing.take(&order.command);
        }
    }
    apply(&mut record.recording, Event::Agent(event.clone()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use wallflower_domain::recording::State;
    use wallflower_domain::request::RecordingRequest;
    use wallflower_domain::wire::agent::PauseMode;

    fn record() -> Record {
        let request: RecordingRequest = serde_json::from_value(json!({"room": "demo:a"})).expect("valid");
        let mut record = Record::new("r", request, None, 0);
        record.agent = Some(AgentRecord {
            number: 1,
            handle: json!(null),
            token_sha256: String::new(),
            launched_us: 0,
            heard: 0,
            holder: None,
        });
        record
    }

    fn said(number: u64, event: AgentEvent) -> Said {
        Said { number, at_us: 0, event }
    }

    #[test]
    fn events_count_once_and_answers_change_what_the_next_agent_begins_with() {
        let mut record = record();
        let pause = record.order(AgentCommand::Pause { mode: PauseMode::Hold }, 0);
        let started = AgentEvent::Started { attempt: 1, first_frame_unix_us: 0, start_latency_ms: 0 };
        let events = [
            said(1, AgentEvent::Joining),
            said(2, started),
            said(3, AgentEvent::Paused { mode: PauseMode::Hold }),
            said(4, AgentEvent::Answered { request: pause, failure: None }),
        ];
        let course = Course::default();
        take(&mut record, 1, &events, &course);
        let once = record.clone();
        take(&mut record, 1, &events, &course);
        assert_eq!(record, once);
        assert_eq!((record.state(), record.standing.paused), (State::Paused, Some(PauseMode::Hold)));
        assert_eq!(record.open_orders().count(), 0);
        take(&mut record, 2, &[said(5, AgentEvent::Resumed)], &course);
        assert_eq!(record, once, "another agent is not heard");
    }
}

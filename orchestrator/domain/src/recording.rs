//! The life of a recording.
//!
//! ```text
//! queued ──▶ starting ──▶ joining ──▶ recording ──▶ stopping ──▶ finalizing ──▶ completed
//!    │          │            │         │  ⇅ paused, interrupted       │
//!    │          │            │         └──────────────┴───────────────┴───────▶ failed
//!    ├──────────┴────────────┴──▶ failed   (a failure before any media)
//!    └──────────┴────────────┴──▶ aborted  (stopped before any media)
//! ```
//!
//! Every change goes through [`apply`], which is pure. What an agent says twice or late is [`Applied::Ignored`]; a stop is never
//! refused. Terminal states never change. A paused recording records again when it is resumed, an interrupted one when its next
//! attempt has started: the only steps that go back. A paused recording that is interrupted is paused again after that.

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, FailureKind};
use crate::wire::agent::{AgentEvent, Delivery};

/// Where a recording is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits for its time, or for room on a machine.
    Queued,
    /// The agent was launched; display, sound and browser come up.
    Starting,
    /// The page joins the room; the start signal is awaited.
    Joining,
    /// Frames are captured.
    Recording,
    /// A card and silence are captured instead of the room.
    Paused,
    /// Something died; the next attempt is on its way.
    Interrupted,
    /// The encoder is told to finish.
    Stopping,
    /// The outputs are made from what was captured, and verified.
    Finalizing,
    /// The outputs were delivered.
    Completed,
    /// Ended by a failure. What was captured until then may have been delivered all the same: see [`Recording::delivery`].
    Failed,
    /// Ended by a stop before there was any media.
    Aborted,
}

impl State {
    /// All of them, in the order in which a life passes through them.
    pub const ALL: [Self; 11] = [
        Self::Queued,
        Self::Starting,
        Self::Joining,
        Self::Recording,
        Self::Paused,
        Self::Interrupted,
        Self::Stopping,
        Self::Finalizing,
        Self::Completed,
        Self::Failed,
        Self::Aborted,
    ];

    /// There is media, and more is meant to come.
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Recording | Self::Paused | Self::Interrupted)
    }

    /// Nothing changes any more.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Aborted => true,
            Self::Queued
            | Self::Starting
            | Self::Joining
            | Self::Recording
            | Self::Paused
            | Self::Interrupted
            | Self::Stopping
            | Self::Finalizing => false,
        }
    }
}

/// Why a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Somebody asked for it.
    Stopped,
    /// Whoever started the agent vanished: it stops and delivers what it has.
    OwnerGone,
    /// The room was closed, or the page said that it has nothing more to show.
    RoomEnded,
    /// The silent participant was removed from the room.
    Kicked,
    /// Nobody came.
    RoomEmpty,
    /// Everybody who was there had gone.
    EverybodyLeft,
    /// There were people, but none of them ever sent sound or picture.
    NoMedia,
    /// The requested duration is reached.
    LimitDuration,
    /// The largest size is reached.
    LimitSize,
    /// What records took more memory than it may, again and again.
    LimitMemory,
    /// The disk had just enough left to finish the recording.
    DiskLow,
    /// Something failed.
    Failure,
}

/// What is known of one recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// Its id.
    pub id: String,
    /// Where it is in its life.
    pub state: State,
    /// Grows by one with every change.
    pub version: u64,
    /// A stop was asked for.
    pub stop_requested: bool,
    /// Why it ended, or ends.
    pub end: Option<EndReason>,
    /// What failed.
    pub failure: Option<Failure>,
    /// What was delivered.
    pub delivery: Option<Delivery>,
}

impl Recording {
    /// A recording whose agent is being launched.
    pub fn new(id: impl Into<String>) -> Self {
        Self { state: State::Starting, ..Self::queued(id) }
    }

    /// A recording that waits.
    pub fn queued(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            state: State::Queued,
            version: 1,
            stop_requested: false,
            end: None,
            failure: None,
            delivery: None,
        }
    }
}

/// What can happen to a recording.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Somebody asks for an end. A recording that waits is aborted by it.
    StopRequested,
    /// An agent is being launched.
    Launched,
    /// It can't begin: its room, its outputs or its launcher refuse.
    CantStart {
        /// Why.
        failure: Failure,
    },
    /// The agent says something.
    Agent(AgentEvent),
    /// The agent's process is gone; it said nothing more.
    AgentGone {
        /// How it went, for the message.
        how: String,
    },
}

/// What came of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The recording has changed.
    Changed,
    /// Nothing new, or too late to matter.
    Ignored,
}

/// What is to be done when a recording's agent is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Succession {
    /// The next agent goes on recording.
    Record,
    /// The recording is over, for this reason; the next agent delivers what was captured.
    Finish(EndReason),
    /// There is nothing that another agent could go on with.
    Nobody,
}

impl Succession {
    /// What is told of the agent that was lost.
    pub fn told(self, how: &str) -> AgentEvent {
        match self {
            Self::Record | Self::Nobody => {
                AgentEvent::Interrupted { failure: Failure::new(FailureKind::AgentLost, format!("The agent {how}.")) }
            }
            Self::Finish(_) => AgentEvent::Warning {
                message: format!("The agent {how} after the recording had ended; another one finishes it."),
            },
        }
    }
}

impl Recording {
    /// What the next agent would have to do if the present one were lost.
    pub fn succession(&self) -> Succession {
        match self.state {
            State::Recording | State::Paused | State::Interrupted if !self.stop_requested => Succession::Record,
            State::Recording | State::Paused | State::Interrupted | State::Stopping | State::Finalizing => {
                Succession::Finish(self.end.unwrap_or(EndReason::Stopped))
            }
            State::Queued | State::Starting | State::Joining | State::Completed | State::Failed | State::Aborted => {
                Succession::Nobody
            }
        }
    }
}

/// Applies one event. The only place where a recording changes.
pub fn apply(recording: &mut Recording, event: Event) -> Applied {
    if recording.state.is_terminal() {
        return Applied::Ignored;
    }
    let before = (recording.state, recording.stop_requested);
    match event {
        Event::StopRequested => {
            recording.stop_requested = true;
            if recording.state == State::Queued {
                recording.state = State::Aborted;
                recording.end = Some(EndReason::Stopped);
            }
        }
        Event::Launched => advance(recording, State::Starting),
        Event::CantStart { failure } if recording.state <= State::Joining => {
            recording.end = Some(EndReason::Failure);
            recording.failure = Some(failure);
            recording.state = State::Failed;
        }
        Event::CantStart { .. } => {}
        Event::Agent(event) => apply_agent(recording, event),
        Event::AgentGone { how } => {
            recording.end = Some(EndReason::Failure);
            recording.failure = Some(Failure::new(
                FailureKind::AgentLost,
                format!("The agent {how} before it had finished; try again."),
            ));
            recording.state = State::Failed;
        }
    }
    if before == (recording.state, recording.stop_requested) {
        return Applied::Ignored;
    }
    recording.version += 1;
    Applied::Changed
}

fn apply_agent(recording: &mut Recording, event: AgentEvent) {
    match event {
        AgentEvent::Joining => advance(recording, State::Joining),
        AgentEvent::Started { .. } if recording.state == State::Interrupted => recording.state = State::Recording,
        AgentEvent::Started { .. } => advance(recording, State::Recording),
        AgentEvent::Interrupted { .. } if recording.state.is_under_way() => recording.state = State::Interrupted,
        AgentEvent::Paused { .. } if recording.state == State::Recording => recording.state = State::Paused,
        AgentEvent::Resumed if recording.state == State::Paused => recording.state = State::Recording,
        AgentEvent::Interrupted { .. } | AgentEvent::Paused { .. } | AgentEvent::Resumed => {}
        AgentEvent::Stopping { reason } => {
            recording.end = recording.end.or(Some(reason));
            advance(recording, State::Stopping);
        }
        AgentEvent::Finalizing => advance(recording, State::Finalizing),
        AgentEvent::Finished { end, failure, delivery } => {
            recording.state = match (&failure, &delivery) {
                (Some(_), _) => State::Failed,
                (None, Some(_)) => State::Completed,
                (None, None) => State::Aborted,
            };
            recording.end = Some(end);
            recording.failure = failure;
            recording.delivery = delivery;
        }
        AgentEvent::Progress { .. }
        | AgentEvent::Alive
        | AgentEvent::Answered { .. }
        | AgentEvent::Muted { .. }
        | AgentEvent::Looks { .. }
        | AgentEvent::Marked { .. }
        | AgentEvent::Stream { .. }
        | AgentEvent::Frozen { .. }
        | AgentEvent::Upload { .. }
        | AgentEvent::Room { .. }
        | AgentEvent::Warning { .. } => {}
    }
}

/// States only move forward here, so a late event is harmless.
fn advance(recording: &mut Recording, state: State) {
    recording.state = recording.state.max(state);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::agent::PauseMode;
    use proptest::prelude::*;

    fn delivery() -> Delivery {
        Delivery {
            outputs: Vec::new(),
            manifest: None,
            duration_s: 1.0,
            frames: 30,
            gaps: Vec::new(),
            pauses: Vec::new(),
            usage: None,
        }
    }

    fn finished(failure: bool, media: bool) -> AgentEvent {
        AgentEvent::Finished {
            end: EndReason::Stopped,
            failure: failure.then(|| Failure::new(FailureKind::Internal, "x")),
            delivery: media.then(delivery),
        }
    }

    fn started() -> AgentEvent {
        AgentEvent::Started { attempt: 1, first_frame_unix_us: 0, start_latency_ms: 0 }
    }

    #[test]
    fn a_lost_agent_is_followed_by_one_that_records_or_one_that_finishes() {
        let mut recording = Recording::new("r");
        let mut seen = Vec::new();
        for event in [
            Event::Launched,
            Event::Agent(started()),
            Event::StopRequested,
            Event::Agent(AgentEvent::Stopping { reason: EndReason::RoomEnded }),
            Event::Agent(AgentEvent::Finalizing),
            Event::Agent(finished(false, true)),
        ] {
            apply(&mut recording, event);
            seen.push(recording.succession());
        }
        let (stopped, room_ended) = (Succession::Finish(EndReason::Stopped), Succession::Finish(EndReason::RoomEnded));
        assert_eq!(seen, [Succession::Nobody, Succession::Record, stopped, room_ended, room_ended, Succession::Nobody]);
    }

    #[test]
    fn a_recording_without_trouble_is_completed() {
        let mut recording = Recording::new("r");
        for (event, state) in [
            (AgentEvent::Joining, State::Joining),
            (started(), State::Recording),
            (AgentEvent::Stopping { reason: EndReason::LimitDuration }, State::Stopping),
            (AgentEvent::Finalizing, State::Finalizing),
            (finished(false, true), State::Completed),
        ] {
            assert_eq!(apply(&mut recording, Event::Agent(event)), Applied::Changed);
            assert_eq!(recording.state, state);
        }
        assert_eq!(recording.version, 6);
    }

    #[test]
    fn a_stop_before_any_media_aborts() {
        let mut recording = Recording::new("r");
        assert_eq!(apply(&mut recording, Event::StopRequested), Applied::Changed);
        assert_eq!(apply(&mut recording, Event::StopRequested), Applied::Ignored);
        apply(&mut recording, Event::Agent(finished(false, false)));
        assert_eq!(recording.state, State::Aborted);
    }

    fn interrupted() -> AgentEvent {
        AgentEvent::Interrupted { failure: Failure::new(FailureKind::ProgramDied, "x") }
    }

    #[test]
    fn an_interrupted_recording_goes_on_with_its_next_attempt() {
        let mut recording = Recording::new("r");
        apply(&mut recording, Event::Agent(interrupted()));
        assert_eq!(recording.state, State::Starting, "nothing was there to be interrupted");
        for (event, state) in [
            (started(), State::Recording),
            (interrupted(), State::Interrupted),
            (AgentEvent::Joining, State::Interrupted),
            (started(), State::Recording),
            (interrupted(), State::Interrupted),
            (AgentEvent::Stopping { reason: EndReason::Stopped }, State::Stopping),
            (started(), State::Stopping),
        ] {
            apply(&mut recording, Event::Agent(event));
            assert_eq!(recording.state, state);
        }
    }

    #[test]
    fn a_pause_outlives_an_interruption() {
        let mut recording = Recording::new("r");
        let paused = || AgentEvent::Paused { mode: PauseMode::Hold };
        apply(&mut recording, Event::Agent(paused()));
        assert_eq!(recording.state, State::Starting, "nothing is recorded yet");
        for (event, state) in [
            (started(), State::Recording),
            (paused(), State::Paused),
            (interrupted(), State::Interrupted),
            (AgentEvent::Resumed, State::Interrupted),
            (started(), State::Recording),
            (paused(), State::Paused),
            (AgentEvent::Resumed, State::Recording),
        ] {
            apply(&mut recording, Event::Agent(event));
            assert_eq!(recording.state, state);
        }
    }

    #[test]
    fn a_late_joining_does_not_move_a_recording_backwards() {
        let mut recording = Recording::new("r");
        apply(&mut recording, Event::Agent(started()));
        assert_eq!(apply(&mut recording, Event::Agent(AgentEvent::Joining)), Applied::Ignored);
        assert_eq!(recording.state, State::Recording);
    }

    #[test]
    fn a_recording_that_waits_is_launched_or_stopped_or_refused() {
        let refused = || Event::CantStart { failure: Failure::new(FailureKind::RoomRefused, "x") };
        for (event, state) in
            [(Event::Launched, State::Starting), (Event::StopRequested, State::Aborted), (refused(), State::Failed)]
        {
            let mut recording = Recording::queued("r");
            assert_eq!(apply(&mut recording, event), Applied::Changed);
            assert_eq!(recording.state, state);
        }
        let mut recording = Recording::new("r");
        apply(&mut recording, Event::Agent(started()));
        assert_eq!(apply(&mut recording, refused()), Applied::Ignored);
    }

    #[test]
    fn an_agent_that_vanishes_fails_the_recording() {
        let mut recording = Recording::new("r");
        apply(&mut recording, Event::AgentGone { how: "was killed by signal 9".into() });
        assert_eq!(recording.state, State::Failed);
        assert_eq!(recording.failure.expect("set").kind, FailureKind::AgentLost);
    }

    fn any_event() -> impl Strategy<Value = Event> {
        prop_oneof![
            Just(Event::StopRequested),
            Just(Event::Launched),
            Just(Event::CantStart { failure: Failure::new(FailureKind::RoomRefused, "x") }),
            Just(Event::AgentGone { how: "died".into() }),
            Just(Event::Agent(AgentEvent::Joining)),
            Just(Event::Agent(started())),
            Just(Event::Agent(interrupted())),
            Just(Event::Agent(AgentEvent::Paused { mode: PauseMode::Cut })),
            Just(Event::Agent(AgentEvent::Resumed)),
            Just(Event::Agent(AgentEvent::Stopping { reason: EndReason::RoomEnded })),
            Just(Event::Agent(AgentEvent::Finalizing)),
            (any::<bool>(), any::<bool>()).prop_map(|(failure, media)| Event::Agent(finished(failure, media))),
        ]
    }

    proptest! {
        #[test]
        fn states_never_move_backwards_and_terminal_states_never_change(events in prop::collection::vec(any_event(), 0..20)) {
            let mut recording = Recording::queued("r");
            for event in events {
                let before = recording.clone();
                let applied = apply(&mut recording, event);
                let back = matches!(before.state, State::Interrupted | State::Paused) && recording.state == State::Recording;
                prop_assert!(recording.state >= before.state || recording.state.is_terminal() || back);
                prop_assert_eq!(applied == Applied::Changed, recording.version == before.version + 1);
                if before.state.is_terminal() {
                    prop_assert_eq!(&recording, &before);
                }
                prop_assert_eq!(recording.state == State::Completed, recording.state.is_terminal()
                    && recording.failure.is_none() && recording.delivery.is_some());
            }
        }
    }
}

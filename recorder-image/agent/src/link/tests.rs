//! Whatever breaks, and whenever: an orchestrator that stores events by their numbers has each of them once, in order.

use std::collections::VecDeque;

use proptest::prelude::*;
use wallflower_domain::wire::agent::AgentEvent;
use wallflower_domain::wire::link::Said;

use super::outbox::{Next, Outbox};

/// Bytes of an event here; three are kept in memory.
const BYTES: usize = 100;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Something happens in the recording.
    Say,
    /// The disk takes what waits, up to so many events.
    File(usize),
    /// The disk does not.
    FileFails,
    /// A connection is made, in place of the last.
    Connect,
    /// The agent sends what comes next.
    Send,
    /// The orchestrator gets the oldest message that is on its way, stores it and says so.
    Arrive,
    /// The agent gets what the orchestrator said.
    Heard,
    /// The connection is lost, with all that is on its way.
    Break,
    /// The agent is killed; another goes on.
    Restart,
    /// The agent is killed; another goes on elsewhere, where there is no file.
    Move,
}

/// An agent with its file, an orchestrator, and the line between them.
struct World {
    outbox: Outbox,
    file: Vec<Said>,
    line: Option<Line>,
    stored: Vec<Said>,
    /// What has happened.
    said: u64,
    /// What may be missing: it was nowhere but in the memory of an agent that was killed, or on a file that was left behind.
    lost: Vec<u64>,
}

struct Line {
    next: u64,
    to_orchestrator: VecDeque<Said>,
    to_agent: VecDeque<u64>,
}

impl World {
    fn new() -> Self {
        Self { outbox: fresh(0, 0), file: Vec::new(), line: None, stored: Vec::new(), said: 0, lost: Vec::new() }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Say => {
                self.said += 1;
                let number = self.outbox.say(0, thing(self.said), BYTES);
                assert!(number.is_some(), "there is room");
            }
            Step::File(events) => {
                let some = self.outbox.to_file(events * BYTES);
                if let Some(last) = some.last().map(|said| said.number) {
                    self.file.extend(some);
                    self.outbox.filed(last);
                }
            }
            Step::FileFails => self.outbox.file_fails(),
            Step::Connect => self.connect(),
            Step::Send => self.send(),
            Step::Arrive => self.arrive(),
            Step::Heard => {
                if let Some(number) = self.line.as_mut().and_then(|line| line.to_agent.pop_front()) {
                    self.outbox.heard(number);
                }
            }
            Step::Break => self.line = None,
            Step::Restart => self.restart(),
            Step::Move => {
                self.file.clear();
                self.restart();
            }
        }
    }

    /// What `Post::welcome` does.
    fn connect(&mut self) {
        let heard = self.stored.last().map_or(0, |said| said.number);
        if let Some(renumbering) = self.outbox.renumbering(heard) {
            for said in self.file.iter_mut().filter(|said| said.number >= renumbering.from) {
                said.number += renumbering.by;
            }
        }
        self.outbox.welcome(heard);
        let next = self.outbox.unheard_from();
        self.line = Some(Line { next, to_orchestrator: VecDeque::new(), to_agent: VecDeque::new() });
    }

    /// What `conversation::tell` does.
    fn send(&mut self) {
        let Some(line) = &mut self.line else { return };
        let said = match self.outbox.next(line.next) {
            Next::Nothing => return,
            Next::Said(said) => *said,
            Next::OnFile => {
                let found = self.file.iter().find(|said| said.number >= line.next);
                found.unwrap_or_else(|| panic!("{} is not on the file", line.next)).clone()
            }
        };
        self.outbox.sending();
        assert_eq!(said.number, line.next, "nothing is left out");
        line.next += 1;
        line.to_orchestrator.push_back(said);
    }

    /// What an orchestrator has to do.
    fn arrive(&mut self) {
        let Some(line) = &mut self.line else { return };
        let Some(said) = line.to_orchestrator.pop_front() else { return };
        let last = self.stored.last().map_or(0, |said| said.number);
        if said.number > last {
            self.stored.push(said);
        }
        line.to_agent.push_back(self.stored.last().map_or(0, |said| said.number));
    }

    fn restart(&mut self) {
        self.line = None;
        let known: Vec<u64> = self.stored.iter().chain(&self.file).map(thing_of).collect();
        self.lost.extend((1..=self.said).filter(|thing| !known.contains(thing)));
        let last = |events: &[Said]| events.last().map_or(0, |said| said.number);
        self.outbox = fresh(last(&self.file), last(&self.stored));
    }

    /// Disk and line work again.
    fn settle(&mut self) {
        self.step(Step::File(usize::MAX / BYTES));
        self.connect();
        while self.outbox.next(self.line.as_ref().map_or(0, |line| line.next)) != Next::Nothing {
            [Step::Send, Step::Arrive, Step::Heard].into_iter().for_each(|step| self.step(step));
        }
    }
}

fn fresh(last_on_file: u64, heard: u64) -> Outbox {
    Outbox::new(last_on_file.max(heard), true, 3 * BYTES)
}

fn thing(number: u64) -> AgentEvent {
    AgentEvent::Warning { message: number.to_string() }
}

fn thing_of(said: &Said) -> u64 {
    match &said.event {
        AgentEvent::Warning { message } => message.parse().expect("a number"),
        other => panic!("nobody said {other:?}"),
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => Just(Step::Say),
        4 => (1..5_usize).prop_map(Step::File),
        1 => Just(Step::FileFails),
        3 => Just(Step::Connect),
        8 => Just(Step::Send),
        7 => Just(Step::Arrive),
        5 => Just(Step::Heard),
        2 => Just(Step::Break),
        1 => Just(Step::Restart),
        1 => Just(Step::Move),
    ];
    prop::collection::vec(step, 0..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_event_is_stored_once_and_in_order(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.step(*step);
        }
        world.settle();
        let numbers: Vec<u64> = world.stored.iter().map(|said| said.number).collect();
        let things: Vec<u64> = world.stored.iter().map(thing_of).collect();
        prop_assert_eq!(numbers, (1..=things.len() as u64).collect::<Vec<_>>(), "numbers have no holes");
        prop_assert!(things.is_sorted_by(|one, other| one < other), "in order, once: {:?}", things);
        let missing: Vec<u64> = (1..=world.said).filter(|thing| !things.contains(thing)).collect();
        let unexplained: Vec<_> = missing.iter().filter(|thing| !world.lost.contains(thing)).collect();
        prop_assert!(unexplained.is_empty(), "missing: {:?}", unexplained);
    }

    #[test]
    fn memory_is_bounded_while_the_file_works(says in 1..200_usize, files in 1..4_usize) {
        let mut world = World::new();
        for _ in 0..says {
            world.step(Step::Say);
            world.step(Step::File(files));
            prop_assert!(world.said + 1 - world.outbox.kept_from() <= 3);
        }
    }
}

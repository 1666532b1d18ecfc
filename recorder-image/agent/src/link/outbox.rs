//! Events on their way to the orchestrator: numbered, and kept until they are heard. Pure.
//!
//! ```text
//! 1 ─────────── heard ─────────────── kept in memory ──── filed ───── last
//!   forgotten         only on the file │                │ not yet on the file
//! ```
//!
//! An event is on the file before it is sent, so that a further agent, which goes on numbering after the last one there, gives no
//! number to a second event. Only when the file can't be written it is sent nevertheless; then the orchestrator may know more events
//! than the file, and whoever comes next goes on after those: it is launched with what was heard until then, and is told in its welcome
//! what was heard since ([`Outbox::renumbering`]). The same holds where there is no file of the agents before.

use std::collections::VecDeque;

use wallflower_domain::wire::agent::AgentEvent;
use wallflower_domain::wire::link::Said;

/// Bytes of events that are kept in memory; older ones are on the file.
pub(super) const MAX_KEPT_BYTES: usize = 4 * 1024 * 1024;
/// Beyond this, when the file can't be written, what happens in the room is no longer told.
const MAX_UNFILED_BYTES: usize = 32 * 1024 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Outbox {
    last: u64,
    heard: u64,
    filed: u64,
    /// Without a hole up to `last`.
    kept: VecDeque<Kept>,
    kept_bytes: usize,
    max_kept_bytes: usize,
    /// The first number that this agent may give.
    own_from: u64,
    /// Since then numbers stay as they are.
    anything_sent: bool,
    file_works: bool,
}

#[derive(Clone, Debug)]
struct Kept {
    said: Said,
    bytes: usize,
}

/// What is sent next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Next {
    /// Nothing.
    Nothing,
    /// This one.
    Said(Box<Said>),
    /// It has to be read from the file.
    OnFile,
}

/// What a welcome asks for, before anything is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Renumbering {
    /// From this number on,
    pub(super) from: u64,
    /// each is so much greater.
    pub(super) by: u64,
}

impl Outbox {
    /// Goes on after the last event that is known, on the file or to the orchestrator; 0 when there is none. Without a file that works, all
    /// is kept in memory.
    pub(super) fn new(last_known: u64, file_works: bool, max_kept_bytes: usize) -> Self {
        Self {
            last: last_known,
            heard: 0,
            filed: last_known,
            kept: VecDeque::new(),
            kept_bytes: 0,
            max_kept_bytes,
            own_from: last_known + 1,
            anything_sent: false,
            file_works,
        }
    }

    /// Takes an event and gives its number; none when there is no room for it.
    pub(super) fn say(&mut self, at_us: i64, event: AgentEvent, bytes: usize) -> Option<u64> {
        let unfiled: usize = self.unfiled().map(|kept| kept.bytes).sum();
        if unfiled > MAX_UNFILED_BYTES && matches!(event, AgentEvent::Room { .. } | AgentEvent::Warning { .. }) {
            return None;
        }
        self.last += 1;
        self.kept.push_back(Kept { said: Said { number: self.last, at_us, event }, bytes });
        self.kept_bytes += bytes;
        self.evict();
        Some(self.last)
    }

    /// What is not on the file yet, oldest first, up to so many bytes (but one at least).
    pub(super) fn to_file(&self, max_bytes: usize) -> Vec<Said> {
        let mut bytes = 0;
        let fits = |kept: &&Kept| {
            let first = bytes == 0;
            bytes += kept.bytes;
            first || bytes <= max_bytes
        };
        self.unfiled().take_while(fits).map(|kept| kept.said.clone()).collect()
    }

    /// Events up to this number are on the file.
    pub(super) fn filed(&mut self, number: u64) {
        self.filed = self.filed.max(number);
        self.file_works = true;
        self.evict();
    }

    /// The file can't be written, or takes too long; events are sent without.
    pub(super) fn file_fails(&mut self) {
        self.file_works = false;
    }

    /// What has to be numbered anew when an orchestrator knows so many events: numbers that it has from an agent of which we have no
    /// file are not given a second time. Whoever asks does so on the file first, and then calls [`Outbox::welcome`].
    pub(super) fn renumbering(&self, heard: u64) -> Option<Renumbering> {
        let is_ours = !self.anything_sent && heard >= self.own_from;
        is_ours.then(|| Renumbering { from: self.own_from, by: heard + 1 - self.own_from })
    }

    /// An orchestrator knows events up to this number.
    pub(super) fn welcome(&mut self, heard: u64) {
        if let Some(Renumbering { by, .. }) = self.renumbering(heard) {
            // What is kept is ours: what an agent before us said is on the file only.
            for kept in &mut self.kept {
                kept.said.number += by;
            }
            self.own_from += by;
            self.last += by;
            self.filed += by;
        }
        self.heard(heard);
    }

    /// Events up to this number are stored by the orchestrator.
    pub(super) fn heard(&mut self, number: u64) {
        self.heard = self.heard.max(number.min(self.last));
        self.evict();
    }

    /// What comes at `number`, which is one after what was sent last.
    pub(super) fn next(&self, number: u64) -> Next {
        let ready = if self.file_works { self.filed } else { self.last };
        if number > ready {
            return Next::Nothing;
        }
        let index = number.checked_sub(self.kept_from()).and_then(|index| usize::try_from(index).ok());
        match index.and_then(|index| self.kept.get(index)) {
            Some(kept) => Next::Said(Box::new(kept.said.clone())),
            None => Next::OnFile,
        }
    }

    /// The first number that need not be read from the file.
    pub(super) fn kept_from(&self) -> u64 {
        self.last + 1 - self.kept.len() as u64
    }

    /// Something is about to be sent.
    pub(super) fn sending(&mut self) {
        self.anything_sent = true;
    }

    /// The number after the last that was heard.
    pub(super) fn unheard_from(&self) -> u64 {
        self.heard + 1
    }

    /// Whether this was heard.
    pub(super) fn is_heard(&self, number: u64) -> bool {
        number <= self.heard
    }

    /// Whether all that is on the file was heard.
    pub(super) fn file_is_heard(&self) -> bool {
        self.filed <= self.heard
    }

    fn unfiled(&self) -> impl Iterator<Item = &Kept> {
        let filed = self.filed.saturating_sub(self.kept_from() - 1);
        self.kept.iter().skip(usize::try_from(filed).unwrap_or(usize::MAX))
    }

    /// What was heard goes once it is on the file, and the oldest of what is there when memory is short.
    fn evict(&mut self) {
        while let Some(oldest) = self.kept.front() {
            let number = oldest.said.number;
            let may_go = number <= self.filed || (number <= self.heard && !self.file_works);
            if !may_go || (number > self.heard && self.kept_bytes <= self.max_kept_bytes) {
                return;
            }
            self.kept_bytes -= oldest.bytes;
            self.kept.pop_front();
            self.filed = self.filed.max(number);
        }
    }
}

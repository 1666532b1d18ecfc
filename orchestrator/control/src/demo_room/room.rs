//! One demo room: who is in it, and what each of them is told. Pure: no I/O, no clock.
//!
//! ```text
//!            join                        leave | refused
//!  (outside) ────▶ person, synthetic ──────────────────────▶ (outside)     in the roster: everyone is told
//!            ────▶ recorder          ──────────────────────▶               in nobody's roster: the first that comes and
//!                                                                          the last that goes switch `recording`
//! ```
//!
//! Invariant: an id of a recorder reaches only the publishers it has signalled, and only they can signal it. To everyone
//! else it does not exist.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::str::FromStr;

use wallflower_domain::wire::demo_room::{
    DemoChatLine, DemoDown, DemoMedia, DemoParticipant, DemoRole, DemoSignal, DemoUp,
};

/// Clients of one room, recorders included. Every pair of people holds two peer connections.
pub(super) const MAX_CLIENTS: usize = 32;
/// Lines of chat a room keeps for those who come later.
const CHAT_KEPT: usize = 50;
const MAX_NAME_CHARS: usize = 64;
const MAX_CHAT_CHARS: usize = 2000;
const MAX_EMOJI_BYTES: usize = 32;
/// Nobody names what they say at such length.
const MAX_SEGMENT_BYTES: usize = 64;

/// The name of a demo room: 1 to 64 of `A-Z a-z 0-9 _ -`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoomName(String);

/// A text that can't name a demo room.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a demo room is 1 to 64 letters, digits, `-` or `_`")]
pub struct InvalidRoomName;

impl FromStr for RoomName {
    type Err = InvalidRoomName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidRoomName)
        }
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A client that has joined. The server never gives the same one twice, so a late message can't reach a successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ClientId(pub(super) u64);

impl ClientId {
    fn parse(text: &str) -> Option<Self> {
        text.strip_prefix('c')?.parse().ok().map(Self)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

/// Why a client is not let in or not kept: one sentence for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refusal(pub(super) String);

impl Refusal {
    pub(super) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

/// What to tell, and whom.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Delivery {
    pub(super) to: Vec<ClientId>,
    pub(super) message: DemoDown,
}

#[derive(Debug)]
struct Client {
    role: DemoRole,
    name: String,
    media: DemoMedia,
    /// Of a recorder: the publishers that know its id because it signalled them.
    known_to: BTreeSet<ClientId>,
}

/// Clients are ordered by id, which is the order of joining.
#[derive(Debug, Default)]
pub(super) struct Room {
    clients: BTreeMap<ClientId, Client>,
    chat: VecDeque<DemoChatLine>,
}

impl Room {
    pub(super) fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Lets a client in. `id` must be larger than every id this room has seen.
    pub(super) fn join(
        &mut self,
        id: ClientId,
        role: DemoRole,
        name: &str,
        media: DemoMedia,
    ) -> Result<Vec<Delivery>, Refusal> {
        if self.clients.len() >= MAX_CLIENTS {
            return Err(Refusal::new(format!("This room is full: {MAX_CLIENTS} are in it already.")));
        }
        let is_recorder = role == DemoRole::Recorder;
        let (name, media) =
            if is_recorder { (String::new(), DemoMedia::default()) } else { (display_name(name)?, media) };
        let was_recording = self.is_recording();
        let others = self.everyone();
        let welcome = DemoDown::Welcome {
            id: id.to_string(),
            participants: self.roster(),
            chat: self.chat.iter().cloned().collect(),
            recording: was_recording || is_recorder,
        };
        let client = Client { role, name, media, known_to: BTreeSet::new() };
        let news = match participant(id, &client) {
            Some(participant) => Some(DemoDown::Joined { participant }),
            None => (!was_recording).then_some(DemoDown::Recording { active: true }),
        };
        self.clients.insert(id, client);
        let mut deliveries = vec![Delivery { to: vec![id], message: welcome }];
        deliveries.extend(news.map(|message| Delivery { to: others, message }));
        Ok(deliveries)
    }

    /// Takes a client out, for whatever reason; a client that is not there is no error.
    pub(super) fn leave(&mut self, id: ClientId) -> Vec<Delivery> {
        let Some(client) = self.clients.remove(&id) else { return Vec::new() };
        let message = match client.role {
            DemoRole::Person | DemoRole::Synthetic => DemoDown::Left { id: id.to_string() },
            DemoRole::Recorder if self.is_recording() => return Vec::new(),
            DemoRole::Recorder => DemoDown::Recording { active: false },
        };
        vec![Delivery { to: self.everyone(), message }]
    }

    /// What follows from a message of a joined client. A refused client is to be taken out by [`Room::leave`].
    pub(super) fn handle(&mut self, from: ClientId, message: DemoUp) -> Result<Vec<Delivery>, Refusal> {
        let Some(client) = self.clients.get_mut(&from) else { return Ok(Vec::new()) };
        match message {
            DemoUp::Join { .. } => Err(Refusal::new("This client has already joined.")),
            DemoUp::Signal { to, publisher, signal } => self.signal(from, &to, publisher, signal),
            _ if client.role == DemoRole::Recorder => Err(Refusal::new("A recorder is silent: it may only signal.")),
            DemoUp::Media { media } => {
                client.media = media;
                let to = self.everyone_but(from);
                Ok(vec![Delivery { to, message: DemoDown::Media { id: from.to_string(), media } }])
            }
            DemoUp::Chat { text } => {
                let line = DemoChatLine { from: from.to_string(), name: client.name.clone(), text: chat_text(text)? };
                self.chat.push_back(line.clone());
                if self.chat.len() > CHAT_KEPT {
                    self.chat.pop_front();
                }
                Ok(vec![Delivery { to: self.everyone(), message: DemoDown::Chat { line } }])
            }
            DemoUp::Reaction { emoji } => {
                let (from, name, emoji) = (from.to_string(), client.name.clone(), one_emoji(emoji)?);
                Ok(vec![Delivery { to: self.everyone(), message: DemoDown::Reaction { from, name, emoji } }])
            }
            DemoUp::Caption { segment, text, last } => {
                if segment.len() > MAX_SEGMENT_BYTES {
                    return Err(Refusal::new(format!("A segment's name is at most {MAX_SEGMENT_BYTES} bytes.")));
                }
                let (name, text, to) = (client.name.clone(), chat_text(text)?, self.everyone_but(from));
                let message = DemoDown::Caption { from: from.to_string(), name, segment, text, last };
                Ok(vec![Delivery { to, message }])
            }
        }
    }

    /// Everyone is told that it is over, and nobody is left.
    pub(super) fn close(&mut self) -> Delivery {
        let to = self.everyone();
        self.clients.clear();
        Delivery { to, message: DemoDown::Closed }
    }

    /// Carries a step of one peer connection between its two ends.
    ///
    /// A step for a client that is not there, or that the sender can't know, is dropped: it may have crossed a leave, and
    /// an answer would tell a recorder's presence apart.
    fn signal(
        &mut self,
        from: ClientId,
        to: &str,
        publisher: String,
        signal: DemoSignal,
    ) -> Result<Vec<Delivery>, Refusal> {
        let sender = self.clients.get(&from).map(|client| client.role);
        let publishes = publisher == from.to_string();
        let subscribes = publisher == to && !publishes;
        let fits = match signal {
            DemoSignal::Subscribe | DemoSignal::Answer { .. } => subscribes,
            DemoSignal::Offer { .. } => publishes,
            DemoSignal::Candidate { .. } => publishes || subscribes,
        };
        if !fits {
            return Err(Refusal::new(
                "The sending end of a peer connection offers, the other end subscribes and answers.",
            ));
        }
        match sender {
            Some(DemoRole::Recorder) if publishes => {
                return Err(Refusal::new("A recorder is silent: it may only subscribe."));
            }
            Some(DemoRole::Synthetic) if subscribes => {
                return Err(Refusal::new("A synthetic participant may only publish."));
            }
            _ => {}
        }
        let Some(to) = ClientId::parse(to).filter(|to| *to != from) else { return Ok(Vec::new()) };
        let Some(recipient) = self.clients.get(&to) else { return Ok(Vec::new()) };
        if recipient.role == DemoRole::Recorder && !recipient.known_to.contains(&from) {
            return Ok(Vec::new());
        }
        if let Some(client) = self.clients.get_mut(&from)
            && client.role == DemoRole::Recorder
        {
            client.known_to.insert(to);
        }
        Ok(vec![Delivery { to: vec![to], message: DemoDown::Signal { from: from.to_string(), publisher, signal } }])
    }

    fn is_recording(&self) -> bool {
        self.clients.values().any(|client| client.role == DemoRole::Recorder)
    }

    fn roster(&self) -> Vec<DemoParticipant> {
        self.clients.iter().filter_map(|(id, client)| participant(*id, client)).collect()
    }

    fn everyone(&self) -> Vec<ClientId> {
        self.clients.keys().copied().collect()
    }

    fn everyone_but(&self, id: ClientId) -> Vec<ClientId> {
        self.clients.keys().copied().filter(|other| *other != id).collect()
    }
}

/// The client's entry in the roster; a recorder has none.
fn participant(id: ClientId, client: &Client) -> Option<DemoParticipant> {
    let Client { role, name, media, .. } = client;
    (*role != DemoRole::Recorder).then(|| DemoParticipant {
        id: id.to_string(),
        name: name.clone(),
        role: *role,
        media: *media,
    })
}

fn display_name(text: &str) -> Result<String, Refusal> {
    let name = text.trim();
    if !(1..=MAX_NAME_CHARS).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Refusal::new(format!("A name is 1 to {MAX_NAME_CHARS} characters on one line.")));
    }
    Ok(name.to_owned())
}

fn chat_text(text: String) -> Result<String, Refusal> {
    if text.trim().is_empty() || text.chars().count() > MAX_CHAT_CHARS {
        return Err(Refusal::new(format!("A line of chat, or of captions, is 1 to {MAX_CHAT_CHARS} characters.")));
    }
    Ok(text)
}

/// Which sequences are one emoji is for fonts to say; what is certainly none is kept out.
fn one_emoji(text: String) -> Result<String, Refusal> {
    let is_plain = text.is_ascii() || text.chars().any(|c| c.is_control() || c.is_whitespace());
    if is_plain || text.len() > MAX_EMOJI_BYTES {
        return Err(Refusal::new(format!("A reaction is one emoji of at most {MAX_EMOJI_BYTES} bytes.")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;

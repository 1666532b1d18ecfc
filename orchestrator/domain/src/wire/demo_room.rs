//! Signalling of the demo room, over one WebSocket per client, as JSON text.
//!
//! Media is a mesh of one-way peer connections: a client that wants to see a publisher sends it `subscribe`; the publisher
//! offers, the subscriber answers. `publisher` in every signal names the sending end of the connection that is meant, so a pair of
//! people has two connections and there is no glare. A publisher offers again on the same connection when its tracks change.
//!
//! ```text
//! client ── join ──▶ server ── welcome | refused ──▶ client
//! subscriber ── signal{publisher, subscribe} ──▶ publisher
//! publisher  ── signal{publisher, offer}     ──▶ subscriber
//! subscriber ── signal{publisher, answer}    ──▶ publisher       (candidates go both ways)
//! ```
//!
//! A recorder is in nobody's roster; while one is joined the room's `recording` is true and everyone is told.

use serde::{Deserialize, Serialize};

/// What a client is in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "snake_case")]
pub enum DemoRole {
    /// A person: publishes, and subscribes to every other participant.
    Person,
    /// A drawn participant: publishes, never subscribes.
    Synthetic,
    /// The silent participant: subscribes, never publishes, in nobody's roster.
    Recorder,
}

/// What a participant sends at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields)]
pub struct DemoMedia {
    /// Microphone is on.
    pub mic: bool,
    /// Camera is on.
    pub camera: bool,
    /// Screen is shared.
    pub screen: bool,
}

/// One entry of the roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields)]
pub struct DemoParticipant {
    /// Given by the server; unique in the room's life.
    pub id: String,
    /// Display name, 1 to 64 characters.
    pub name: String,
    /// Person or synthetic.
    pub role: DemoRole,
    /// What this participant sends.
    pub media: DemoMedia,
}

/// A line of chat as the room keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields)]
pub struct DemoChatLine {
    /// Id of the writer.
    pub from: String,
    /// Display name of the writer.
    pub name: String,
    /// 1 to 2000 characters.
    pub text: String,
}

/// One step of setting up a peer connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub enum DemoSignal {
    /// Subscriber to publisher: send me your media.
    Subscribe,
    /// Publisher to subscriber.
    Offer {
        /// Session description.
        sdp: String,
        /// MediaStream id of the screen share in this description, if there is one.
        screen: Option<String>,
    },
    /// Subscriber to publisher.
    Answer {
        /// Session description.
        sdp: String,
    },
    /// Either way. The fields are those of RTCIceCandidateInit.
    Candidate {
        /// Candidate line.
        candidate: String,
        /// Media id.
        sdp_mid: Option<String>,
        /// Media index.
        sdp_m_line_index: Option<u16>,
    },
}

/// Client to server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum DemoUp {
    /// First message of every client, once.
    Join {
        /// What the client is.
        role: DemoRole,
        /// Display name; ignored for a recorder.
        name: String,
        /// What it sends from the start.
        media: DemoMedia,
    },
    /// For another client.
    Signal {
        /// Whom it is for.
        to: String,
        /// The sending end of the peer connection that is meant.
        publisher: String,
        /// What.
        signal: DemoSignal,
    },
    /// What this participant sends has changed.
    Media {
        /// The new state.
        media: DemoMedia,
    },
    /// Say something.
    Chat {
        /// 1 to 2000 characters.
        text: String,
    },
    /// React.
    Reaction {
        /// One emoji, at most 32 bytes.
        emoji: String,
    },
    /// Tell what this participant is saying.
    Caption {
        /// The sender's name for this piece of speech, at most 64 bytes: told again with more words, until `last`.
        segment: String,
        /// The words so far, 1 to 2000 characters.
        text: String,
        /// No more words are to come.
        last: bool,
    },
}

/// Server to client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum DemoDown {
    /// The join is accepted.
    Welcome {
        /// The client's own id.
        id: String,
        /// Everybody else in the roster, in order of joining.
        participants: Vec<DemoParticipant>,
        /// The last lines of chat, oldest first, at most 50.
        chat: Vec<DemoChatLine>,
        /// A recorder is in the room.
        recording: bool,
    },
    /// The join, or a message, is not accepted; the server closes the socket.
    Refused {
        /// One sentence for a person.
        reason: String,
    },
    /// Somebody came.
    Joined {
        /// Who.
        participant: DemoParticipant,
    },
    /// Somebody went.
    Left {
        /// Who.
        id: String,
    },
    /// From another client.
    Signal {
        /// Who sent it.
        from: String,
        /// The sending end of the peer connection that is meant.
        publisher: String,
        /// What.
        signal: DemoSignal,
    },
    /// Somebody switched something on or off.
    Media {
        /// Who.
        id: String,
        /// The new state.
        media: DemoMedia,
    },
    /// A line of chat, also to its writer.
    Chat {
        /// The line.
        line: DemoChatLine,
    },
    /// A reaction, also to its sender.
    Reaction {
        /// Who.
        from: String,
        /// Display name.
        name: String,
        /// One emoji.
        emoji: String,
    },
    /// What somebody else is saying.
    Caption {
        /// Who.
        from: String,
        /// Display name.
        name: String,
        /// The speaker's name for this piece of speech.
        segment: String,
        /// The words so far.
        text: String,
        /// No more words are to come.
        last: bool,
    },
    /// A recorder came, or the last one went.
    Recording {
        /// A recorder is in the room.
        active: bool,
    },
    /// The room is closed for everybody; the server closes the socket.
    Closed,
}

//! A publisher's side of RTMP, as a machine without a socket: bytes go in, bytes and what they mean come out.
//!
//! ```text
//! we:   C0 C1 ──────▶        C2, connect ──────▶                releaseStream, FCPublish, createStream ──▶
//! they:      S0 S1 S2 ──────▶             _result: Success ────▶                                  _result: its number ──▶
//!
//! we:   publish ──▶                                metadata, configurations, samples … FCUnpublish, deleteStream
//! they:         onStatus: NetStream.Publish.Start ──▶
//! ```
//!
//! The handshake is the plain one, without digests: what OBS uses towards everybody. The key is in `releaseStream`, `FCPublish` and
//! `publish`, and nowhere else.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use wallflower_domain::secret::Secret;

use super::amf::{self, Value};
use super::chunk::{Head, Message, NotRtmp, Reader, Writer};

/// Length of C1, C2, S1 and S2.
const HANDSHAKE: usize = 1536;
const VERSION: u8 = 3;
/// What OBS uses; larger ones save nothing.
const CHUNK: usize = 4096;
/// Bytes after which a server is asked to say that it has them.
const WINDOW: u32 = 2_500_000;

mod kind {
    pub(super) const SET_CHUNK: u8 = 1;
    pub(super) const ABORT: u8 = 2;
    pub(super) const ACKNOWLEDGEMENT: u8 = 3;
    pub(super) const USER_CONTROL: u8 = 4;
    pub(super) const WINDOW: u8 = 5;
    pub(super) const BANDWIDTH: u8 = 6;
    pub(super) const SOUND: u8 = 8;
    pub(super) const PICTURE: u8 = 9;
    pub(super) const COMMAND_AMF3: u8 = 17;
    pub(super) const DATA: u8 = 18;
    pub(super) const COMMAND: u8 = 20;
}

const PING: u16 = 6;
const PONG: u16 = 7;

const CONTROL_STREAM: u8 = 2;
const COMMAND_STREAM: u8 = 3;
const SOUND_STREAM: u8 = 4;
const DATA_STREAM: u8 = 5;
const PICTURE_STREAM: u8 = 6;
const PUBLISH_STREAM: u8 = 8;

/// Numbers of the requests whose answers matter.
const CONNECT: f64 = 1.0;
const CREATE_STREAM: f64 = 4.0;

/// Where an RTMP stream is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Path of the address without its last part: `live`, or `app/instance`.
    pub(crate) app: Secret,
    /// The address without its last part.
    pub(crate) tc_url: Secret,
    /// The last part, with its query.
    pub(crate) key: Secret,
}

/// What a server's bytes have led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing that matters outside.
    Same,
    /// The server takes the stream from now on.
    Accepted,
}

/// The machine.
pub(crate) struct Session {
    place: Place,
    state: State,
    /// S0, S1 and S2, as far as they are there.
    greeting: Vec<u8>,
    reader: Reader,
    writer: Writer,
    received: u32,
    acknowledged: u32,
    /// Bytes after which the server wants to hear that we have them.
    window: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Waits for S0, S1 and S2.
    Greeting,
    Connecting,
    Creating,
    Publishing(u32),
    Live(u32),
    Finished,
}

impl Session {
    /// Begins; `out` gets what is to be sent first.
    pub(crate) fn new(place: Place, filler: u64, out: &mut BytesMut) -> Self {
        out.put_u8(VERSION);
        // The time, and what other clients use for a version.
        out.put_u64(0);
        let mut random = filler | 1;
        for _ in 0..(HANDSHAKE - 8) / 8 {
            // xorshift: the protocol wants noise, not secrecy.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            out.put_u64(random);
        }
        Self {
            place,
            state: State::Greeting,
            greeting: Vec::new(),
            reader: Reader::new(),
            writer: Writer::new(),
            received: 0,
            acknowledged: 0,
            window: WINDOW,
        }
    }

    /// Takes what the server sent; `out` gets what is to be answered. An error is a sentence about the server that does not name it.
    pub(crate) fn take(&mut self, mut bytes: &[u8], out: &mut BytesMut) -> Result<Progress, String> {
        let no_rtmp = |NotRtmp| "does not speak RTMP; is the address right?".to_owned();
        if self.state == State::Greeting {
            let missing = 1 + 2 * HANDSHAKE - self.greeting.len();
            let (greeting, rest) = bytes.split_at(bytes.len().min(missing));
            self.greeting.extend_from_slice(greeting);
            bytes = rest;
            if self.greeting.first().is_some_and(|version| *version != VERSION) {
                return Err(no_rtmp(NotRtmp));
            }
            if greeting.len() < missing {
                return Ok(Progress::Same);
            }
            // C2 is an echo of S1.
            out.put_slice(&self.greeting[1..=HANDSHAKE]);
            self.greeting = Vec::new();
            self.connect(out);
        }
        self.count(bytes.len(), out);
        self.reader.push(bytes);
        let mut progress = Progress::Same;
        while let Some(message) = self.reader.next().map_err(no_rtmp)? {
            if self.handle(&message, out)? == Progress::Accepted {
                progress = Progress::Accepted;
            }
        }
        Ok(progress)
    }

    /// The stream's description and the configurations of its tracks, or a sample. Only once the stream was accepted.
    pub(crate) fn send(&self, body: Payload<'_>, time: u32, out: &mut BytesMut) {
        let State::Live(message_stream) = self.state else { return };
        let (chunk_stream, kind, parts) = match body {
            Payload::Data(data) => (DATA_STREAM, kind::DATA, [&data[..], &[]]),
            Payload::Picture(parts) => (PICTURE_STREAM, kind::PICTURE, parts),
            Payload::Sound(parts) => (SOUND_STREAM, kind::SOUND, parts),
        };
        self.writer.write(Head { chunk_stream, time, kind, message_stream }, &parts, out);
    }

    /// Says goodbye.
    pub(crate) fn finish(&mut self, out: &mut BytesMut) {
        if let State::Live(message_stream) | State::Publishing(message_stream) = self.state {
            let key = Value::text(self.place.key.expose());
            self.command(COMMAND_STREAM, 0, "FCUnpublish", 6.0, &[Value::Null, key], out);
            let number = Value::Number(f64::from(message_stream));
            self.command(COMMAND_STREAM, 0, "deleteStream", 7.0, &[Value::Null, number], out);
            self.state = State::Finished;
        }
    }

    fn connect(&mut self, out: &mut BytesMut) {
        let properties = [
            ("app", Value::text(self.place.app.expose())),
            ("type", Value::text("nonprivate")),
            // There are servers that look at it, and know this one.
            ("flashVer", Value::text("FMLE/3.0 (compatible; Wallflower)")),
            ("tcUrl", Value::text(self.place.tc_url.expose())),
        ];
        let properties = properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.command(COMMAND_STREAM, 0, "connect", CONNECT, &[Value::Object(properties)], out);
        self.state = State::Connecting;
    }

    fn create_stream(&mut self, out: &mut BytesMut) {
        self.control(kind::WINDOW, &WINDOW.to_be_bytes(), out);
        self.control(kind::SET_CHUNK, &u32::try_from(CHUNK).unwrap_or(u32::MAX).to_be_bytes(), out);
        self.writer.set_chunk(CHUNK);
        let key = Value::text(self.place.key.expose());
        self.command(COMMAND_STREAM, 0, "releaseStream", 2.0, &[Value::Null, key.clone()], out);
        self.command(COMMAND_STREAM, 0, "FCPublish", 3.0, &[Value::Null, key], out);
        self.command(COMMAND_STREAM, 0, "createStream", CREATE_STREAM, &[Value::Null], out);
        self.state = State::Creating;
    }

    fn publish(&mut self, message_stream: u32, out: &mut BytesMut) {
        let key = Value::text(self.place.key.expose());
        self.command(PUBLISH_STREAM, message_stream, "publish", 5.0, &[Value::Null, key, Value::text("live")], out);
        self.state = State::Publishing(message_stream);
    }

    fn command(
        &self,
        chunk_stream: u8,
        message_stream: u32,
        name: &str,
        number: f64,
        values: &[Value],
        out: &mut BytesMut,
    ) {
        let mut body = Vec::new();
        Value::text(name).write(&mut body);
        Value::Number(number).write(&mut body);
        values.iter().for_each(|value| value.write(&mut body));
        self.writer.write(Head { chunk_stream, time: 0, kind: kind::COMMAND, message_stream }, &[&body], out);
    }

    fn control(&self, kind: u8, body: &[u8], out: &mut BytesMut) {
        self.writer.write(Head { chunk_stream: CONTROL_STREAM, time: 0, kind, message_stream: 0 }, &[body], out);
    }

    /// Tells the server how much has arrived, as often as it wants to hear it.
    fn count(&mut self, bytes: usize, out: &mut BytesMut) {
        self.received = self.received.wrapping_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        if self.received.wrapping_sub(self.acknowledged) >= self.window {
            self.acknowledged = self.received;
            self.control(kind::ACKNOWLEDGEMENT, &self.received.to_be_bytes(), out);
        }
    }

    fn handle(&mut self, message: &Message, out: &mut BytesMut) -> Result<Progress, String> {
        let mut body = message.payload.clone();
        let malformed = |_| "sent a message that RTMP does not know.".to_owned();
        match message.kind {
            kind::SET_CHUNK => {
                let bytes = body.try_get_u32().map_err(malformed)? & 0x7fff_ffff;
                self.reader.set_chunk(bytes).map_err(|NotRtmp| "announced chunks of no length.".to_owned())?;
            }
            kind::ABORT => self.reader.abort(body.try_get_u32().map_err(malformed)?),
            kind::WINDOW => self.window = body.try_get_u32().map_err(malformed)?.max(1),
            kind::BANDWIDTH => {
                let bytes = body.try_get_u32().map_err(malformed)?;
                self.control(kind::WINDOW, &bytes.to_be_bytes(), out);
            }
            kind::USER_CONTROL if body.try_get_u16().is_ok_and(|event| event == PING) => {
                let mut pong = Vec::from(PONG.to_be_bytes());
                pong.extend_from_slice(&body);
                self.control(kind::USER_CONTROL, &pong, out);
            }
            kind::COMMAND => return self.answer(&body, out),
            kind::COMMAND_AMF3 => return self.answer(body.get(1..).unwrap_or_default(), out),
            _ => {}
        }
        Ok(Progress::Same)
    }

    fn answer(&mut self, body: &[u8], out: &mut BytesMut) -> Result<Progress, String> {
        let values = amf::read_all(body);
        let name = values.first().and_then(Value::as_text).unwrap_or_default();
        let number = values.get(1).and_then(Value::as_number).unwrap_or_default();
        // Properties and information, or nothing and information.
        let told = values.get(2..).unwrap_or_default();
        let word = |name: &str| told.iter().find_map(|value| value.get(name)).and_then(Value::as_text);
        let (code, description) = (word("code").unwrap_or_default(), word("description").unwrap_or_default());
        tracing::debug!(name, number, code, "the RTMP server says");
        match (name, self.state) {
            (_, State::Finished) => {}
            ("_result", State::Connecting) if number == CONNECT => {
                // There are servers that answer with nothing but that they have.
                if code.is_empty() || code == "NetConnection.Connect.Success" {
                    self.create_stream(out);
                    return Ok(Progress::Same);
                }
                return Err(refusal(code, description));
            }
            ("_result", State::Creating) if number == CREATE_STREAM => {
                let stream = told.iter().find_map(Value::as_number).unwrap_or(1.0);
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
                self.publish(stream as u32, out);
            }
            // Both exist for old servers; others say that they don't know them.
            ("_error", _) if number != CONNECT && number != CREATE_STREAM => {}
            ("_error", State::Connecting | State::Creating) => return Err(refusal(code, description)),
            ("onStatus", State::Publishing(stream)) if code == "NetStream.Publish.Start" => {
                self.state = State::Live(stream);
                return Ok(Progress::Accepted);
            }
            ("onStatus", _) if word("level") == Some("error") || ENDS.contains(&code) => {
                return Err(refusal(code, description));
            }
            ("close", _) => return Err("has closed the stream.".to_owned()),
            _ => {}
        }
        Ok(Progress::Same)
    }
}

/// A message's body.
#[derive(Clone, Copy)]
pub(crate) enum Payload<'a> {
    Data(&'a Bytes),
    Picture([&'a [u8]; 2]),
    Sound([&'a [u8]; 2]),
}

/// Statuses that end a stream, whatever level they are told with.
const ENDS: [&str; 6] = [
    "NetConnection.Connect.Closed",
    "NetConnection.Connect.Rejected",
    "NetStream.Failed",
    "NetStream.Publish.BadName",
    "NetStream.Publish.Denied",
    "NetStream.Unpublish.Success",
];

fn refusal(code: &str, description: &str) -> String {
    let sentence = match code {
        "NetStream.Publish.BadName" => {
            "refuses the stream: its key is wrong, or somebody streams with the same key already"
        }
        "NetStream.Publish.Denied" => "refuses the stream: its key is wrong, or it may not be used now",
        "NetConnection.Connect.Rejected" if description.contains("authmod") => {
            "wants a user name and a password, which Wallflower can't give over RTMP"
        }
        "NetConnection.Connect.InvalidApp" => "does not know the application that the address names",
        "NetConnection.Connect.Rejected" => {
            "rejects the connection: the part of the address before the key may be wrong"
        }
        "NetConnection.Connect.Closed" | "NetStream.Unpublish.Success" => "has ended the stream",
        _ => "refuses the stream",
    };
    let told: Vec<&str> = [code, description].into_iter().filter(|text| !text.is_empty()).collect();
    if told.is_empty() { format!("{sentence}.") } else { format!("{sentence} ({}).", told.join(": ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server's side, as far as a publisher hears of it.
    struct Server {
        writer: Writer,
        reader: Reader,
    }

    impl Server {
        /// Greets, and has the publisher say `connect`.
        fn greet(session: &mut Session, out: &mut BytesMut) -> Self {
            assert_eq!(out.len(), 1 + HANDSHAKE, "C0 and C1");
            let mut greeting = vec![VERSION];
            greeting.extend_from_slice(&[7; 2 * HANDSHAKE]);
            out.clear();
            // However it is cut.
            let (first, second) = greeting.split_at(2000);
            assert_eq!(session.take(first, out), Ok(Progress::Same));
            assert!(out.is_empty());
            assert_eq!(session.take(second, out), Ok(Progress::Same));
            assert_eq!(out.split_to(HANDSHAKE)[..], [7; HANDSHAKE], "C2 is S1");
            Self { writer: Writer::new(), reader: Reader::new() }
        }

        fn heard(&mut self, out: &mut BytesMut) -> Vec<(u8, Vec<Value>)> {
            self.reader.push(&out.split());
            let mut found = Vec::new();
            while let Some(message) = self.reader.next().expect("valid") {
                if message.kind == kind::SET_CHUNK {
                    self.reader.set_chunk(message.payload.clone().get_u32()).expect("valid");
                }
                found.push((message.kind, amf::read_all(&message.payload)));
            }
            found
        }

        fn commands(&mut self, out: &mut BytesMut) -> Vec<String> {
            let heard = self.heard(out).into_iter().filter(|(kind, _)| *kind == kind::COMMAND);
            heard.map(|(_, values)| values[0].as_text().expect("a name").to_owned()).collect()
        }

        fn say(
            &self,
            session: &mut Session,
            name: &str,
            number: f64,
            values: &[Value],
            out: &mut BytesMut,
        ) -> Result<Progress, String> {
            let mut body = Vec::new();
            Value::text(name).write(&mut body);
            Value::Number(number).write(&mut body);
            values.iter().for_each(|value| value.write(&mut body));
            let mut bytes = BytesMut::new();
            let head = Head { chunk_stream: 3, time: 0, kind: kind::COMMAND, message_stream: 0 };
            self.writer.write(head, &[&body], &mut bytes);
            session.take(&bytes, out)
        }
    }

    fn info(level: &str, code: &str, description: &str) -> Value {
        let properties = [("level", level), ("code", code), ("description", description)];
        Value::Object(properties.iter().map(|(name, value)| ((*name).to_owned(), Value::text(*value))).collect())
    }

    fn session(out: &mut BytesMut) -> Session {
        let place = Place { app: Secret::new("live"), tc_url: Secret::new("rtmp://h/live"), key: Secret::new("k-e-y") };
        Session::new(place, 1, out)
    }

    fn accepted(out: &mut BytesMut) -> (Session, Server) {
        let mut session = session(out);
        let mut server = Server::greet(&mut session, out);
        assert_eq!(server.commands(out), ["connect"]);
        let success = info("status", "NetConnection.Connect.Success", "");
        assert_eq!(server.say(&mut session, "_result", 1.0, &[Value::Null, success], out), Ok(Progress::Same));
        assert_eq!(server.commands(out), ["releaseStream", "FCPublish", "createStream"]);
        let unknown = info("error", "NetConnection.Call.Failed", "no such method");
        assert_eq!(server.say(&mut session, "_error", 2.0, &[Value::Null, unknown], out), Ok(Progress::Same));
        let number = Value::Number(3.0);
        assert_eq!(server.say(&mut session, "_result", 4.0, &[Value::Null, number], out), Ok(Progress::Same));
        assert_eq!(server.commands(out), ["publish"]);
        let start = info("status", "NetStream.Publish.Start", "");
        assert_eq!(server.say(&mut session, "onStatus", 0.0, &[Value::Null, start], out), Ok(Progress::Accepted));
        (session, server)
    }

    #[test]
    fn a_stream_is_accepted_step_by_step_and_ended_politely() {
        let mut out = BytesMut::new();
        let (mut session, mut server) = accepted(&mut out);
        session.send(Payload::Picture([&[0x17, 1], &[0, 0, 0]]), 40, &mut out);
        session.finish(&mut out);
        let kinds: Vec<u8> = server.heard(&mut out).iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [kind::PICTURE, kind::COMMAND, kind::COMMAND]);
    }

    #[test]
    fn nothing_is_sent_before_the_server_takes_it() {
        let mut out = BytesMut::new();
        let mut session = session(&mut out);
        out.clear();
        session.send(Payload::Sound([&[0xaf, 1], &[0]]), 0, &mut out);
        session.finish(&mut out);
        assert!(out.is_empty());
    }

    #[test]
    fn a_refusal_says_why() {
        for (name, number, status, expected) in [
            (
                "_error",
                1.0,
                info("error", "NetConnection.Connect.Rejected", "no app"),
                "rejects the connection: the part of the address before the key may be wrong (NetConnection.Connect.Rejected: no app).",
            ),
            ("close", 0.0, Value::Null, "has closed the stream."),
        ] {
            let mut out = BytesMut::new();
            let mut session = session(&mut out);
            let server = Server::greet(&mut session, &mut out);
            let said = server.say(&mut session, name, number, &[Value::Null, status], &mut out);
            assert_eq!(said, Err(expected.to_owned()));
        }
        let mut out = BytesMut::new();
        let (mut session, server) = accepted(&mut out);
        let bad = info("error", "NetStream.Publish.BadName", "Already publishing");
        let said = server.say(&mut session, "onStatus", 0.0, &[Value::Null, bad], &mut out);
        assert_eq!(
            said,
            Err("refuses the stream: its key is wrong, or somebody streams with the same key already (NetStream.Publish.BadName: Already publishing).".to_owned())
        );
    }

    #[test]
    fn a_web_server_is_told_from_one_of_rtmp() {
        let mut out = BytesMut::new();
        let mut session = session(&mut out);
        let said = session.take(b"HTTP/1.1 400 Bad Request\r\n\r\n", &mut out);
        assert_eq!(said, Err("does not speak RTMP; is the address right?".to_owned()));
    }

    #[test]
    fn pings_are_answered_and_received_bytes_acknowledged() {
        let mut out = BytesMut::new();
        let (mut session, mut server) = accepted(&mut out);
        out.clear();
        let mut bytes = BytesMut::new();
        let head = |kind| Head { chunk_stream: 2, time: 0, kind, message_stream: 0 };
        server.writer.write(head(kind::WINDOW), &[&10_u32.to_be_bytes()], &mut bytes);
        server.writer.write(head(kind::USER_CONTROL), &[&[0, 6, 1, 2, 3, 4]], &mut bytes);
        assert_eq!(session.take(&bytes, &mut out), Ok(Progress::Same));
        assert_eq!(session.take(&[2, 0, 0, 0, 0, 0, 0, 99, 0, 0, 0, 0], &mut out), Ok(Progress::Same));
        let heard = server.heard(&mut out);
        let kinds: Vec<u8> = heard.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [kind::USER_CONTROL, kind::ACKNOWLEDGEMENT]);
    }
}

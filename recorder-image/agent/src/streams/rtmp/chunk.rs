//! RTMP's chunk stream: messages, cut into chunks that are mixed on one connection.
//!
//! ```text
//! basic header   message header                          payload
//! fmt │ stream   time, length, type, message stream      at most a chunk size of it; the rest follows in chunks with fmt 3
//! ```
//!
//! A message header leaves out (`fmt` 1, 2, 3) what it has in common with the one before on its chunk stream. We read all of that and
//! write whole headers only: they cost 11 bytes a message, and depend on nothing that came before.

use std::collections::HashMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// A time that does not fit 24 bits is written behind the header, in each chunk of its message.
const EXTENDED: u32 = 0xff_ffff;
/// Chunk size until the other side says otherwise.
const INITIAL_CHUNK: usize = 128;
/// What a server tells a publisher is short.
const LARGEST_MESSAGE: usize = 256 * 1024;
/// Chunk streams that a server may use; they use four or five.
const MOST_STREAMS: usize = 64;

/// A message, or the head of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Chunk stream: 2 to 63.
    pub(crate) chunk_stream: u8,
    /// Milliseconds.
    pub(crate) time: u32,
    pub(crate) kind: u8,
    pub(crate) message_stream: u32,
}

/// Cuts messages into chunks.
pub(crate) struct Writer {
    chunk: usize,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self { chunk: INITIAL_CHUNK }
    }

    /// From now on, chunks are so long. The other side must have been told.
    pub(crate) fn set_chunk(&mut self, bytes: usize) {
        self.chunk = bytes;
    }

    /// Appends the message that consists of `parts`.
    pub(crate) fn write(&self, head: Head, parts: &[&[u8]], out: &mut BytesMut) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        out.reserve(length + length / self.chunk * 5 + 16);
        out.put_u8(head.chunk_stream);
        out.put_uint(u64::from(head.time.min(EXTENDED)), 3);
        out.put_uint(length as u64, 3);
        out.put_u8(head.kind);
        out.put_u32_le(head.message_stream);
        let put_extended = |out: &mut BytesMut| {
            if head.time >= EXTENDED {
                out.put_u32(head.time);
            }
        };
        put_extended(out);
        let mut room = self.chunk;
        for part in parts {
            let mut part = *part;
            while !part.is_empty() {
                if room == 0 {
                    out.put_u8(0xc0 | head.chunk_stream);
                    put_extended(out);
                    room = self.chunk;
                }
                let (now, later) = part.split_at(part.len().min(room));
                out.put_slice(now);
                room -= now.len();
                part = later;
            }
        }
    }
}

/// Joins chunks to messages.
pub(crate) struct Reader {
    chunk: usize,
    waiting: BytesMut,
    streams: HashMap<u32, Stream>,
}

#[derive(Default)]
struct Stream {
    time: u32,
    delta: u32,
    extended: bool,
    length: usize,
    kind: u8,
    message_stream: u32,
    payload: BytesMut,
}

/// A message from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) time: u32,
    pub(crate) kind: u8,
    pub(crate) message_stream: u32,
    pub(crate) payload: Bytes,
}

/// The other side does not speak RTMP.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotRtmp;

impl Reader {
    pub(crate) fn new() -> Self {
        Self { chunk: INITIAL_CHUNK, waiting: BytesMut::new(), streams: HashMap::new() }
    }

    /// The server has announced how long its chunks are from now on.
    pub(crate) fn set_chunk(&mut self, bytes: u32) -> Result<(), NotRtmp> {
        self.chunk = usize::try_from(bytes).ok().filter(|bytes| *bytes > 0).ok_or(NotRtmp)?;
        Ok(())
    }

    /// The server will not finish what it has begun on a chunk stream.
    pub(crate) fn abort(&mut self, chunk_stream: u32) {
        if let Some(stream) = self.streams.get_mut(&chunk_stream) {
            stream.payload.clear();
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// The next whole message. To be asked until there is none: a message may change how the next ones are read.
    pub(crate) fn next(&mut self) -> Result<Option<Message>, NotRtmp> {
        loop {
            match self.chunk()? {
                Chunk::Message(message) => return Ok(Some(message)),
                Chunk::Part => {}
                Chunk::NotWhole => return Ok(None),
            }
        }
    }

    fn chunk(&mut self) -> Result<Chunk, NotRtmp> {
        let mut bytes: &[u8] = &self.waiting;
        let Some((format, id)) = basic_header(&mut bytes) else { return Ok(Chunk::NotWhole) };
        if !self.streams.contains_key(&id) && self.streams.len() == MOST_STREAMS {
            return Err(NotRtmp);
        }
        let known = self.streams.entry(id).or_default();
        let Some(next) = known.header(format, &mut bytes)? else { return Ok(Chunk::NotWhole) };
        let take = (next.length - known.payload.len().min(next.length)).min(self.chunk);
        if bytes.len() < take {
            return Ok(Chunk::NotWhole);
        }
        let mut payload = std::mem::take(&mut known.payload);
        payload.extend_from_slice(&bytes[..take]);
        let whole = payload.len() >= next.length;
        let used = self.waiting.len() - bytes.len() + take;
        let message = whole.then(|| Message {
            time: next.time,
            kind: next.kind,
            message_stream: next.message_stream,
            payload: payload.split().freeze(),
        });
        *known = Stream { payload, ..next };
        self.waiting.advance(used);
        Ok(message.map_or(Chunk::Part, Chunk::Message))
    }
}

enum Chunk {
    Message(Message),
    Part,
    NotWhole,
}

fn basic_header(bytes: &mut &[u8]) -> Option<(u8, u32)> {
    let first = bytes.try_get_u8().ok()?;
    let id = match first & 0x3f {
        0 => u32::from(bytes.try_get_u8().ok()?) + 64,
        1 => u32::from(bytes.try_get_u16_le().ok()?) + 64,
        id => u32::from(id),
    };
    Some((first >> 6, id))
}

impl Stream {
    /// What the stream is after a chunk's header; none when that is not whole. The payload stays where it is.
    fn header(&self, format: u8, bytes: &mut &[u8]) -> Result<Option<Self>, NotRtmp> {
        let goes_on = !self.payload.is_empty();
        if goes_on && format != 3 {
            // A message that is not finished can be followed by nothing else on its stream.
            return Err(NotRtmp);
        }
        let mut next = Self { payload: BytesMut::new(), ..*self };
        if bytes.len() < [11, 7, 3, 0][usize::from(format)] {
            return Ok(None);
        }
        if format < 3 {
            let time = u32::try_from(bytes.get_uint(3)).map_err(|_| NotRtmp)?;
            next.extended = time == EXTENDED;
            next.delta = time;
            if format < 2 {
                next.length = usize::try_from(bytes.get_uint(3)).map_err(|_| NotRtmp)?;
                next.kind = bytes.get_u8();
            }
            if format == 0 {
                next.message_stream = bytes.get_u32_le();
            }
        }
        if next.length > LARGEST_MESSAGE {
            return Err(NotRtmp);
        }
        if next.extended {
            let Ok(extended) = bytes.try_get_u32() else { return Ok(None) };
            next.delta = extended;
        }
        if !goes_on {
            next.time = if format == 0 { next.delta } else { self.time.wrapping_add(next.delta) };
        }
        Ok(Some(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD: Head = Head { chunk_stream: 6, time: 40, kind: 9, message_stream: 1 };

    fn read(reader: &mut Reader, bytes: &[u8]) -> Vec<Message> {
        reader.push(bytes);
        std::iter::from_fn(|| reader.next().expect("valid")).collect()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_however_it_is_cut(
            messages in prop::collection::vec((2u8..64, any::<u32>(), prop::collection::vec(any::<u8>(), 0..600)), 1..6),
            chunk in 1usize..300,
            piece in 1usize..200,
        ) {
            let mut writer = Writer::new();
            writer.set_chunk(chunk);
            let mut reader = Reader::new();
            reader.set_chunk(u32::try_from(chunk).expect("short")).expect("valid");
            let mut out = BytesMut::new();
            for (chunk_stream, time, payload) in &messages {
                let (first, second) = payload.split_at(payload.len() / 3);
                writer.write(Head { chunk_stream: *chunk_stream, time: *time, ..HEAD }, &[first, second], &mut out);
            }
            let found: Vec<(u32, Bytes)> = out
                .chunks(piece)
                .flat_map(|piece| read(&mut reader, piece))
                .map(|message| (message.time, message.payload))
                .collect();
            let expected: Vec<(u32, Bytes)> =
                messages.into_iter().map(|(_, time, payload)| (time, Bytes::from(payload))).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn no_bytes_are_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut reader = Reader::new();
            reader.push(&bytes);
            while let Ok(Some(_)) = reader.next() {}
        }
    }

    #[test]
    fn headers_that_leave_things_out_mean_what_came_before() {
        let mut reader = Reader::new();
        let whole = [3, 0, 0, 10, 0, 0, 2, 20, 1, 0, 0, 0, b'a', b'b'];
        let delta_and_length = [0x43, 0, 0, 5, 0, 0, 1, 18, b'c'];
        let delta = [0x83, 0, 0, 7, b'd'];
        let nothing = [0xc3, b'e'];
        let bytes = [&whole[..], &delta_and_length, &delta, &nothing].concat();
        let found: Vec<(u32, u8, u32, Vec<u8>)> = read(&mut reader, &bytes)
            .into_iter()
            .map(|message| (message.time, message.kind, message.message_stream, message.payload.to_vec()))
            .collect();
        let expected = [
            (10, 20, 1, b"ab".to_vec()),
            (15, 18, 1, b"c".to_vec()),
            (22, 18, 1, b"d".to_vec()),
            (29, 18, 1, b"e".to_vec()),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_time_beyond_24_bits_stands_in_every_chunk() {
        let mut out = BytesMut::new();
        Writer::new().write(Head { time: 0x0100_0000, ..HEAD }, &[&[7; 200]], &mut out);
        assert_eq!(out[..4], [6, 0xff, 0xff, 0xff]);
        assert_eq!(out[12..16], [1, 0, 0, 0]);
        assert_eq!(out[16 + 128..16 + 128 + 5], [0xc6, 1, 0, 0, 0]);
        assert_eq!(out.len(), 12 + 4 + 128 + 5 + 72);
    }

    #[test]
    fn messages_of_two_chunk_streams_may_be_mixed() {
        let mut reader = Reader::new();
        let long = [3, 0, 0, 0, 0, 0, 130, 20, 0, 0, 0, 0];
        let short = [4, 0, 0, 0, 0, 0, 1, 18, 0, 0, 0, 0, b'x'];
        let bytes = [&long[..], &[1; 128], &short, &[0xc3, 1, 1]].concat();
        let kinds: Vec<u8> = read(&mut reader, &bytes).into_iter().map(|message| message.kind).collect();
        assert_eq!(kinds, [18, 20]);
    }

    #[test]
    fn a_message_without_measure_is_refused_before_it_is_collected() {
        let mut reader = Reader::new();
        reader.push(&[3, 0, 0, 0, 0xff, 0xff, 0xff, 20, 0, 0, 0, 0]);
        assert_eq!(reader.next(), Err(NotRtmp));
    }
}

//! Lines of JSON over a socket, of bounded length.

use std::io;

use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Both directions of a connection.
#[derive(Debug)]
pub(super) struct Lines {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    max_bytes: usize,
}

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    Line(Vec<u8>),
    /// It has no end within the bound; what follows can't be told from it.
    TooLong,
    End,
}

impl Lines {
    /// Reads lines of at most so many bytes.
    pub(super) fn new(stream: UnixStream, max_bytes: usize) -> Self {
        let (reader, writer) = stream.into_split();
        Self { reader: BufReader::new(reader), writer, max_bytes }
    }

    /// Not cancel safe: a connection of which half a line was read is of no more use.
    pub(super) async fn read(&mut self) -> io::Result<Incoming> {
        let mut line = Vec::new();
        let bound = u64::try_from(self.max_bytes).unwrap_or(u64::MAX).saturating_add(1);
        (&mut self.reader).take(bound).read_until(b'\n', &mut line).await?;
        if line.last() == Some(&b'\n') {
            line.pop();
            return Ok(Incoming::Line(line));
        }
        match line.len() {
            0 => Ok(Incoming::End),
            length if length > self.max_bytes => Ok(Incoming::TooLong),
            // The last line may lack its end.
            _ => Ok(Incoming::Line(line)),
        }
    }

    pub(super) async fn write(&mut self, message: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.writer.write_all(&line).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_has_a_bound_and_the_last_one_may_lack_its_end() {
        let (left, right) = UnixStream::pair().expect("a pair");
        let mut lines = Lines::new(left, 4);
        let (_, mut writer) = right.into_split();
        writer.write_all(b"abcd\n\nefg").await.expect("sent");
        drop(writer);
        for expected in [Incoming::Line(b"abcd".into()), Incoming::Line(Vec::new()), Incoming::Line(b"efg".into())] {
            assert_eq!(lines.read().await.expect("read"), expected);
        }
        assert_eq!(lines.read().await.expect("read"), Incoming::End);

        let (left, right) = UnixStream::pair().expect("a pair");
        let mut lines = Lines::new(left, 4);
        let (_, mut writer) = right.into_split();
        writer.write_all(b"abcde").await.expect("sent");
        assert_eq!(lines.read().await.expect("read"), Incoming::TooLong, "without waiting for its end");
    }
}

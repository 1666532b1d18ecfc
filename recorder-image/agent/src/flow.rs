//! What comes out of the encoder, on its way to spool and tap, and what can be told of it without decoding it.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::process::ChildStdout;
use tokio::sync::watch;
use tokio::time::Instant;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::frame::FrameSize;

use crate::fragment::{Cutter, Fragment, Offset, Piece, Run};
use crate::spool::Writer;
use crate::tap::Tap;

/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;
/// An AAC frame of digital silence has 6 bytes; one of noise at -66 dB has hundreds.
const SILENT_BYTES: u32 = 16;

/// What has come of an attempt until now. Times are the recording's media time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub(crate) frames: u64,
    /// Frames that show something else than the one before.
    pub(crate) unique: u64,
    pub(crate) bytes: u64,
    /// End of the last fragment.
    pub(crate) end_s: f64,
    /// How much further than the picture its sound reaches.
    pub(crate) av_skew_s: f64,
    /// When the picture last changed; at first, when the attempt began.
    pub(crate) changed_s: f64,
    /// When there was last anything to be heard; at first, when the attempt began.
    pub(crate) heard_s: f64,
    /// Fragments that wait for the disk.
    pub(crate) queue: u32,
    /// When the last fragment came.
    pub(crate) came: Instant,
}

/// The way from the encoder's stdout.
pub(crate) struct Flowing {
    stdout: ChildStdout,
    cutter: Cutter,
    writer: Writer,
    tap: Tap,
    flow: watch::Sender<Flow>,
    unchanged_bytes: u32,
}

impl Flowing {
    pub(crate) fn begin(
        stdout: ChildStdout,
        offset: Offset,
        size: FrameSize,
        writer: Writer,
        tap: Tap,
    ) -> (Self, watch::Receiver<Flow>) {
        let start_s = offset.seconds();
        let (flow, receiver) = watch::channel(Flow {
            frames: 0,
            unique: 0,
            bytes: 0,
            end_s: start_s,
            av_skew_s: 0.0,
            changed_s: start_s,
            heard_s: start_s,
            queue: 0,
            came: Instant::now(),
        });
        let unchanged_bytes = unchanged_bytes(size);
        (Self { stdout, cutter: Cutter::new(offset), writer, tap, flow, unchanged_bytes }, receiver)
    }

    /// Until the encoder's output ends. Fails when that can't be kept; then nothing more is read.
    pub(crate) async fn run(mut self) -> Result<(), Failure> {
        let carried = self.carry().await;
        let Self { writer, flow, .. } = self;
        let written = tokio::task::spawn_blocking(|| writer.close()).await;
        drop(flow);
        match written {
            Ok(Ok(())) => carried,
            Ok(Err(error)) => Err(crate::delivery::unwritable_spool(&error)),
            Err(_) => Err(Failure::new(FailureKind::Internal, "The spool's writer ended unexpectedly.")),
        }
    }

    async fn carry(&mut self) -> Result<(), Failure> {
        let mut buffer = BytesMut::with_capacity(CHUNK);
        loop {
            buffer.clear();
            buffer.reserve(CHUNK);
            match self.stdout.read_buf(&mut buffer).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) => {
                    return Err(Failure::new(
                        FailureKind::ProgramDied,
                        format!("ffmpeg's output can't be read: {error}."),
                    ));
                }
            }
            let pieces = self.cutter.push(&buffer).map_err(|error| {
                Failure::new(FailureKind::ProgramDied, format!("ffmpeg wrote what is no fragmented MP4: {error}."))
            })?;
            for piece in pieces {
                let kept = match piece {
                    Piece::Init(init) => {
                        self.tap.begin(init.bytes.clone());
                        self.writer.init(init.bytes).await
                    }
                    Piece::Fragment(fragment) => {
                        let fragment = Arc::new(fragment);
                        self.tap.send(&fragment);
                        let kept = self.writer.append(fragment.clone()).await;
                        self.count(&fragment);
                        kept
                    }
                };
                if kept.is_err() {
                    // The writer tells why.
                    return Ok(());
                }
            }
        }
    }

    fn count(&self, fragment: &Fragment) {
        let queue = self.writer.waiting();
        self.flow.send_modify(|flow| {
            flow.queue = queue;
            flow.came = Instant::now();
            flow.bytes += fragment.bytes.len() as u64;
            flow.end_s = fragment.end_s();
            let leading = fragment.picture.as_ref().or(fragment.sound.as_ref());
            flow.frames += leading.map_or(0, |run| run.sizes.len() as u64);
            if let Some(picture) = &fragment.picture {
                flow.unique += larger(picture, self.unchanged_bytes).count() as u64;
                flow.changed_s = last_larger(picture, self.unchanged_bytes).unwrap_or(flow.changed_s);
            }
            if let Some(sound) = &fragment.sound {
                flow.heard_s = last_larger(sound, SILENT_BYTES).unwrap_or(flow.heard_s);
            }
            if let (Some(picture), Some(sound)) = (&fragment.picture, &fragment.sound) {
                flow.av_skew_s = sound.end_s() - picture.end_s();
            }
        });
    }
}

/// A frame that repeats the one before has no more bytes than this: all of its macroblocks are skipped. Measured with x264 as we set
/// it: 26 bytes at 640x360, 104 at 1280x720, 165 at 1920x1080; a clock's digit that changes takes some hundred.
fn unchanged_bytes(size: FrameSize) -> u32 {
    32 + size.width() * size.height() / 256 / 20
}

fn larger(run: &Run, bytes: u32) -> impl DoubleEndedIterator<Item = usize> {
    run.sizes.iter().enumerate().filter(move |(_, size)| **size > bytes).map(|(index, _)| index)
}

/// When the last sample of more than so many bytes ends.
#[expect(clippy::cast_precision_loss, reason = "samples of half a second")]
fn last_larger(run: &Run, bytes: u32) -> Option<f64> {
    let last = larger(run, bytes).next_back()?;
    Some(run.start_s + run.length_s * (last + 1) as f64 / run.sizes.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_from_a_repetition_by_its_size() {
        let run = Run { start_s: 10.0, length_s: 0.5, sizes: vec![300, 104, 20, 250, 20] };
        let bytes = unchanged_bytes(FrameSize::HD);
        assert_eq!(larger(&run, bytes).collect::<Vec<_>>(), [0, 3]);
        assert_eq!(last_larger(&run, bytes), Some(10.4));
        assert_eq!(last_larger(&run, 1000), None);
    }
}

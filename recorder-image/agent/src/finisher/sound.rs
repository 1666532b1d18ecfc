//! Sound of a file that is put together from pieces. Its frames are copied: nothing is encoded anew, and an hour takes seconds.
//!
//! ```text
//! file     │ 0 │ 1 │ 2 │ 3 │ 4 │ 5 │ 6 │ …      a frame every 1024 samples, without holes, whatever the player makes of those
//! attempt 1 └ 0 ┴ 1 ┴ 2 ┘       ╎
//! silence                └ · ┴ · ┘
//! attempt 2                    └ 7 ┴ 8 ┴ …     the frames that lie nearest: at most half a frame, 10.7 ms, from where they were
//! ```
//!
//! That half a frame is of each piece by itself; nothing adds up.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufWriter};
use std::path::Path;

use bytes::Bytes;

use super::plan::{Plan, Source};
use crate::fragment::{Cutter, Fragment, Kind, Offset, Piece};
use crate::media::Media;
use crate::spool::{Reader, Segment};

/// Samples of a frame of AAC.
const FRAME_SAMPLES: i64 = 1024;
const SAMPLE_RATE: i64 = 48_000;
/// Frames of a fragment of what is written: about a second.
const FRAMES_A_FRAGMENT: usize = 48;
/// Sound of a piece reaches into the segments before and after it.
const MARGIN_S: f64 = 0.6;

/// One frame of coded sound.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    /// When it sounds, in microseconds of media time.
    at_us: i64,
    data: Bytes,
}

/// Silence, and what a player needs to know of sound, as our own encoder writes both.
pub(super) struct Pattern {
    init: Bytes,
    track: u32,
    /// Microseconds that players add to the times in the file: encoders begin before zero.
    shift_us: i64,
    silence: Bytes,
}

impl Pattern {
    /// From a short file of silence.
    pub(super) fn of(file: &[u8]) -> Option<Self> {
        let (init, fragments) = cut(file)?;
        let media = Media::of(&init)?;
        let [track] = media.tracks.as_slice() else { return None };
        let mut frames = Vec::new();
        for fragment in &fragments {
            frames.extend(sound_of(&media, fragment)?.map(|frame| frame.data));
        }
        // The first ones still tell of the encoder's beginning.
        let silence = frames.get(frames.len() / 2)?.clone();
        Some(Self { track: track.id(), shift_us: track.shift_us(), init, silence })
    }

    /// When the frame of this number sounds in the file, in microseconds.
    fn at_us(&self, number: i64) -> i64 {
        (number * FRAME_SAMPLES * 1_000_000).div_euclid(SAMPLE_RATE) + self.shift_us
    }
}

const fn frame_us() -> i64 {
    FRAME_SAMPLES * 1_000_000 / SAMPLE_RATE
}

/// Writes the sound of all pieces to a file.
pub(super) fn write(plan: &Plan, spool: &Reader, pattern: &Pattern, to: &Path) -> io::Result<()> {
    let segments = spool.segments()?;
    let mut file = Writer::new(BufWriter::new(fs::File::create(to)?), pattern)?;
    let (mut number, mut piece_at) = (0, 0);
    for piece in &plan.pieces {
        let file_us = microseconds(plan, piece_at);
        piece_at += piece.frames;
        let end_us = microseconds(plan, piece_at);
        let moved_us = microseconds(plan, piece.wall) - file_us;
        let mut source = match piece.source {
            Source::Slate => None,
            Source::Attempt(attempt) => {
                let (from_s, until_s) = (plan.seconds(piece.wall) - MARGIN_S, plan.seconds(piece.end()) + MARGIN_S);
                let within = |segment: &&Segment| {
                    segment.attempt == attempt && segment.end_s() >= from_s && segment.start_s <= until_s
                };
                let segments: VecDeque<Segment> = segments.iter().filter(within).cloned().collect();
                Some(Nearest::among(Frames::of(spool, attempt, segments)?))
            }
        };
        while pattern.at_us(number) + frame_us() / 2 < end_us {
            let wanted_us = pattern.at_us(number) + moved_us;
            let found = match &mut source {
                Some(source) => source.at(wanted_us)?,
                None => None,
            };
            file.push(found.unwrap_or_else(|| pattern.silence.clone()))?;
            number += 1;
        }
    }
    file.end()
}

#[expect(clippy::cast_possible_truncation, reason = "microseconds of a recording are far below 2^63")]
fn microseconds(plan: &Plan, frames: u64) -> i64 {
    (plan.seconds(frames) * 1e6).round() as i64
}

/// Finds the frame that lies nearest to a time; times only grow.
struct Nearest<I> {
    frames: I,
    next: Option<Frame>,
    /// The frame before was the one before the next: it is followed, so that rounding never leaves one out or doubles it.
    following: bool,
}

impl<I: Iterator<Item = io::Result<Frame>>> Nearest<I> {
    fn among(frames: I) -> Self {
        Self { frames, next: None, following: false }
    }

    fn at(&mut self, wanted_us: i64) -> io::Result<Option<Bytes>> {
        let farthest_us = if self.following { frame_us() } else { frame_us() / 2 };
        loop {
            if self.next.is_none() {
                self.next = self.frames.next().transpose()?;
            }
            let Some(next) = &self.next else { break };
            if next.at_us > wanted_us + farthest_us {
                break;
            }
            let is_it = next.at_us >= wanted_us - farthest_us;
            let frame = self.next.take();
            if is_it {
                self.following = true;
                return Ok(frame.map(|frame| frame.data));
            }
        }
        self.following = false;
        Ok(None)
    }
}

/// The sound of some segments of an attempt, read one after the other.
struct Frames<'a> {
    spool: &'a Reader,
    init: Bytes,
    media: Media,
    segments: VecDeque<Segment>,
    ready: VecDeque<Frame>,
}

impl<'a> Frames<'a> {
    fn of(spool: &'a Reader, attempt: u32, segments: VecDeque<Segment>) -> io::Result<Self> {
        let init = Bytes::from(spool.init_section(attempt)?);
        let media = Media::of(&init).ok_or_else(|| unreadable("an attempt does not begin with an init section"))?;
        Ok(Self { spool, init, media, segments, ready: VecDeque::new() })
    }

    fn read(&mut self, segment: &Segment) -> io::Result<()> {
        let bytes = self.spool.segment_bytes(segment)?;
        let whole = [self.init.as_ref(), &bytes].concat();
        for fragment in fragments_of(&whole, segment)? {
            let frames =
                sound_of(&self.media, &fragment).ok_or_else(|| unreadable("a fragment's samples can't be read"))?;
            self.ready.extend(frames);
        }
        Ok(())
    }
}

/// The fragments of a segment, of which none is missing. `whole` begins with the init section.
fn fragments_of(whole: &[u8], segment: &Segment) -> io::Result<Vec<Fragment>> {
    let fragments = cut(whole).map(|(_, fragments)| fragments);
    let is_all = |fragments: &Vec<Fragment>| {
        fragments.iter().map(|fragment| fragment.bytes.len() as u64).sum::<u64>() == segment.bytes
    };
    fragments.filter(is_all).ok_or_else(|| unreadable("a segment can't be cut into fragments"))
}

/// Media time at which an attempt's sound ends, in seconds; none where there is no sound.
pub(super) fn end_s(spool: &Reader, attempt: u32) -> io::Result<Option<f64>> {
    let init = spool.init_section(attempt)?;
    for segment in spool.segments()?.iter().rev().filter(|segment| segment.attempt == attempt) {
        let whole = [init.as_slice(), &spool.segment_bytes(segment)?].concat();
        let fragments = fragments_of(&whole, segment)?;
        if let Some(sound) = fragments.iter().rev().find_map(|fragment| fragment.sound.as_ref()) {
            return Ok(Some(sound.end_s()));
        }
    }
    Ok(None)
}

impl Iterator for Frames<'_> {
    type Item = io::Result<Frame>;

    fn next(&mut self) -> Option<io::Result<Frame>> {
        while self.ready.is_empty() {
            let segment = self.segments.pop_front()?;
            if let Err(error) = self.read(&segment) {
                return Some(Err(error));
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

fn unreadable(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn cut(bytes: &[u8]) -> Option<(Bytes, Vec<Fragment>)> {
    let mut init = None;
    let mut fragments = Vec::new();
    for piece in Cutter::new(Offset { frames: 0, fps: 1 }).push(bytes).ok()? {
        match piece {
            Piece::Init(found) => init = Some(found.bytes),
            Piece::Fragment(fragment) => fragments.push(fragment),
        }
    }
    Some((init?, fragments))
}

/// None when the fragment can't be read.
fn sound_of<'a>(media: &'a Media, fragment: &'a Fragment) -> Option<impl Iterator<Item = Frame> + 'a> {
    let samples = media.samples(fragment)?;
    let sound = samples.into_iter().filter(|sample| media.tracks[sample.track].format.kind() == Kind::Sound);
    Some(sound.map(|sample| Frame { at_us: sample.show_us, data: fragment.bytes.slice_ref(sample.data) }))
}

/// Fragmented MP4 with one track of sound, frame after frame.
struct Writer<W> {
    to: W,
    track: u32,
    fragments: u32,
    written: u64,
    waiting: Vec<Bytes>,
}

impl<W: io::Write> Writer<W> {
    fn new(mut to: W, pattern: &Pattern) -> io::Result<Self> {
        to.write_all(&pattern.init)?;
        Ok(Self { to, track: pattern.track, fragments: 0, written: 0, waiting: Vec::new() })
    }

    fn push(&mut self, frame: Bytes) -> io::Result<()> {
        self.waiting.push(frame);
        if self.waiting.len() >= FRAMES_A_FRAGMENT { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let frames = std::mem::take(&mut self.waiting);
        if frames.is_empty() {
            return Ok(());
        }
        self.fragments += 1;
        let mut moof = self.moof(&frames, 0);
        // Where the data begin, from where the fragment does.
        moof = self.moof(&frames, moof.len() + 8);
        self.to.write_all(&moof)?;
        let bytes: usize = frames.iter().map(Bytes::len).sum();
        self.to.write_all(&length_of(bytes + 8).to_be_bytes())?;
        self.to.write_all(b"mdat")?;
        for frame in &frames {
            self.to.write_all(frame)?;
        }
        self.written += frames.len() as u64;
        Ok(())
    }

    fn moof(&self, frames: &[Bytes], data_offset: usize) -> Vec<u8> {
        const DEFAULT_BASE_IS_MOOF: u32 = 0x2_0000;
        const DEFAULT_DURATION: u32 = 0x8;
        const DATA_OFFSET: u32 = 0x1;
        const SIZES: u32 = 0x200;
        let at = self.written * FRAME_SAMPLES.unsigned_abs();
        let samples = u32::try_from(FRAME_SAMPLES).unwrap_or_default();
        let mut trun = words(&[DATA_OFFSET | SIZES, length_of(frames.len()), length_of(data_offset)]);
        trun.extend(frames.iter().flat_map(|frame| length_of(frame.len()).to_be_bytes()));
        let tfdt = [words(&[1 << 24]), at.to_be_bytes().to_vec()].concat();
        let tfhd = words(&[DEFAULT_BASE_IS_MOOF | DEFAULT_DURATION, self.track, samples]);
        let traf = [boxed(b"tfhd", &tfhd), boxed(b"tfdt", &tfdt), boxed(b"trun", &trun)].concat();
        boxed(b"moof", &[boxed(b"mfhd", &words(&[0, self.fragments])), boxed(b"traf", &traf)].concat())
    }

    fn end(mut self) -> io::Result<()> {
        self.flush()?;
        self.to.flush()
    }
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [length_of(content.len() + 8).to_be_bytes().as_slice(), name, content].concat()
}

/// A second of sound never comes near to four gigabytes.
fn length_of(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames(times_us: &[i64]) -> impl Iterator<Item = io::Result<Frame>> {
        let times_us = times_us.to_vec();
        times_us.into_iter().map(|at_us| Ok(Frame { at_us, data: Bytes::copy_from_slice(&at_us.to_be_bytes()) }))
    }

    fn picked(times_us: &[i64], wanted_us: &[i64]) -> Vec<Option<i64>> {
        let mut nearest = Nearest::among(frames(times_us));
        let time = |data: Bytes| i64::from_be_bytes(data.as_ref().try_into().expect("eight bytes"));
        wanted_us.iter().map(|wanted| nearest.at(*wanted).expect("readable").map(time)).collect()
    }

    #[test]
    fn silence_is_where_there_is_no_frame() {
        let us = frame_us();
        let source = [0, us, 2 * us, 10 * us, 11 * us];
        let wanted: Vec<i64> = (-1..12).map(|number| number * us + 100).collect();
        let found = picked(&source, &wanted);
        let expected =
            [None, Some(0), Some(us), Some(2 * us)].into_iter().chain([None; 7]).chain([Some(10 * us), Some(11 * us)]);
        assert_eq!(found, expected.collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn frames_that_follow_each_other_do_so_in_the_file(shift in -10_666_i64..10_666, jitter in prop::collection::vec(-1_i64..=1, 50)) {
            let source: Vec<i64> = (0..50).map(|number| number * frame_us()).collect();
            let wanted: Vec<i64> = source.iter().zip(jitter).map(|(at, jitter)| at + shift + jitter).collect();
            let found = picked(&source, &wanted);
            prop_assert_eq!(found, source.into_iter().map(Some).collect::<Vec<_>>());
        }
    }
}

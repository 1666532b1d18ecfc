//! Cuts the encoder's output, fragmented MP4, into what can be stored, streamed and played by itself.
//!
//! ```text
//! ftyp moov │ moof mdat │ moof mdat │ …        (mfra and the like are dropped)
//!   Init      Fragment    Fragment             a fragment that begins with a keyframe begins a segment
//! ```
//!
//! The boxes hold all that there is to know of the media without decoding it: times, and the size of every sample.

use bytes::{Buf, Bytes, BytesMut};

/// A box larger than this is no fragment of half a second.
const LARGEST_BOX: usize = 64 * 1024 * 1024;
/// Seconds between two beginnings of a segment where there are no keyframes to begin with: in sound alone.
const SOUND_SEGMENT_S: f64 = 2.0;

/// What a track holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Picture,
    Sound,
}

/// A track of the encoder's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Track {
    id: u32,
    kind: Kind,
    /// Ticks a second.
    timescale: u32,
}

/// What a player needs before the first fragment.
#[derive(Clone, Debug)]
pub(crate) struct Init {
    pub(crate) bytes: Bytes,
}

/// The samples of one track in a fragment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    /// Media time of the first, in seconds.
    pub(crate) start_s: f64,
    pub(crate) length_s: f64,
    /// Bytes of each.
    pub(crate) sizes: Vec<u32>,
}

impl Run {
    pub(crate) fn end_s(&self) -> f64 {
        self.start_s + self.length_s
    }
}

/// The smallest piece of media: half a second or less.
#[derive(Clone, Debug)]
pub(crate) struct Fragment {
    pub(crate) bytes: Bytes,
    /// A player can begin here.
    pub(crate) starts_segment: bool,
    /// None only where there are no pictures at all; one without samples where they have ended before the sound.
    pub(crate) picture: Option<Run>,
    pub(crate) sound: Option<Run>,
}

impl Fragment {
    fn leading(&self) -> Option<&Run> {
        self.picture.as_ref().or(self.sound.as_ref())
    }

    /// Media time of its first picture, or of its first sound where there are no pictures, in seconds.
    pub(crate) fn start_s(&self) -> f64 {
        self.leading().map_or(0.0, |run| run.start_s)
    }

    /// Media time of its end, in seconds.
    pub(crate) fn end_s(&self) -> f64 {
        self.leading().map_or(0.0, Run::end_s)
    }
}

/// A piece of the encoder's output.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Init(Init),
    Fragment(Fragment),
}

/// The output is not what we asked the encoder for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotFragmentedMp4(&'static str);

impl std::fmt::Display for NotFragmentedMp4 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// Cuts a stream of bytes, and moves all of its times by a constant.
pub(crate) struct Cutter {
    /// Seconds that are added to every time: where the attempt begins in the recording.
    offset: Offset,
    waiting: BytesMut,
    /// Boxes that belong to the piece that is not whole yet.
    head: BytesMut,
    tracks: Vec<Track>,
    last_segment_s: Option<f64>,
    /// Where the last picture ended.
    pictured_s: Option<f64>,
}

/// An exact time: frames at a frame rate, so that pictures of all attempts lie on one grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offset {
    pub(crate) frames: u64,
    pub(crate) fps: u32,
}

impl Offset {
    fn ticks(self, timescale: u32) -> u64 {
        let fps = u64::from(self.fps.max(1));
        (self.frames * u64::from(timescale) + fps / 2) / fps
    }

    #[expect(clippy::cast_precision_loss, reason = "frames of one recording are far below 2^52")]
    pub(crate) fn seconds(self) -> f64 {
        self.frames as f64 / f64::from(self.fps.max(1))
    }
}

impl Cutter {
    pub(crate) fn new(offset: Offset) -> Self {
        Self {
            offset,
            waiting: BytesMut::new(),
            head: BytesMut::new(),
            tracks: Vec::new(),
            last_segment_s: None,
            pictured_s: None,
        }
    }

    /// Takes more of the stream; gives what has become whole.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Piece>, NotFragmentedMp4> {
        self.waiting.extend_from_slice(bytes);
        let mut pieces = Vec::new();
        while let Some(length) = whole_box(&self.waiting)? {
            let one = self.waiting.split_to(length);
            match &one[4..8] {
                b"ftyp" => self.head = one,
                b"moov" => {
                    self.head.unsplit(one);
                    pieces.push(Piece::Init(self.init()?));
                }
                b"moof" => self.head = one,
                b"mdat" => {
                    self.head.unsplit(one);
                    pieces.push(Piece::Fragment(self.fragment()?));
                }
                _ => {}
            }
        }
        Ok(pieces)
    }

    fn init(&mut self) -> Result<Init, NotFragmentedMp4> {
        let bytes = self.head.split().freeze();
        let moov = child(&bytes, b"moov").ok_or(NotFragmentedMp4("it has no moov box"))?;
        self.tracks = children(moov).filter(|(name, _)| name == b"trak").filter_map(|(_, trak)| track(trak)).collect();
        if self.tracks.is_empty() {
            return Err(NotFragmentedMp4("it has no tracks"));
        }
        Ok(Init { bytes })
    }

    fn fragment(&mut self) -> Result<Fragment, NotFragmentedMp4> {
        let mut bytes = self.head.split();
        let mut fragment = Fragment { bytes: Bytes::new(), starts_segment: false, picture: None, sound: None };
        let mut keyframe = false;
        // A traf's place is needed for its times to be changed.
        let moof = span(&bytes, 0..bytes.len(), b"moof").ok_or(NotFragmentedMp4("a fragment has no moof box"))?;
        for traf in spans(&bytes, moof).into_iter().filter(|(name, _)| name == b"traf").map(|(_, range)| range) {
            let samples =
                Samples::of(&bytes[traf.clone()]).ok_or(NotFragmentedMp4("a fragment's samples can't be read"))?;
            let Some(track) = self.tracks.iter().find(|track| track.id == samples.track).copied() else { continue };
            let at = span(&bytes, traf, b"tfdt")
                .filter(|tfdt| tfdt.len() >= 12 && bytes[tfdt.start] == 1)
                .ok_or(NotFragmentedMp4("a fragment does not tell its time"))?;
            let field = at.start + 4..at.start + 12;
            let time = read_u64(&bytes[field.clone()]).unwrap_or(0) + self.offset.ticks(track.timescale);
            bytes[field].copy_from_slice(&time.to_be_bytes());
            let run = samples.run(time, track.timescale);
            match track.kind {
                Kind::Picture => {
                    keyframe = samples.begins_with_keyframe;
                    fragment.picture = Some(run);
                }
                Kind::Sound => fragment.sound = Some(run),
            }
        }
        if self.has_pictures() {
            // Sound that is left over when the pictures have ended makes nothing longer.
            let start_s = self.pictured_s.unwrap_or(fragment.start_s());
            let none = Run { start_s, length_s: 0.0, sizes: Vec::new() };
            self.pictured_s = Some(fragment.picture.get_or_insert(none).end_s());
        }
        fragment.bytes = bytes.freeze();
        fragment.starts_segment = self.starts_segment(&fragment, keyframe);
        Ok(fragment)
    }

    fn has_pictures(&self) -> bool {
        self.tracks.iter().any(|track| track.kind == Kind::Picture)
    }

    fn starts_segment(&mut self, fragment: &Fragment, keyframe: bool) -> bool {
        let starts = if self.has_pictures() {
            keyframe
        } else {
            self.last_segment_s.is_none_or(|last| fragment.start_s() - last >= SOUND_SEGMENT_S - 0.01)
        };
        if starts {
            self.last_segment_s = Some(fragment.start_s());
        }
        starts
    }
}

/// Length of the first box of `bytes`; none when it is not whole.
fn whole_box(bytes: &[u8]) -> Result<Option<usize>, NotFragmentedMp4> {
    let Some(short) = read_u32(bytes) else { return Ok(None) };
    if bytes.len() < 8 {
        return Ok(None);
    }
    let length = match short {
        1 => match bytes.get(8..16).and_then(read_u64) {
            Some(long) => usize::try_from(long).unwrap_or(usize::MAX),
            None => return Ok(None),
        },
        _ => short as usize,
    };
    if !(8..=LARGEST_BOX).contains(&length) {
        return Err(NotFragmentedMp4("one of its boxes has an impossible size"));
    }
    Ok((bytes.len() >= length).then_some(length))
}

/// What a box is called.
pub(crate) type Name = [u8; 4];

/// Names of the boxes in a range, and where their contents are.
fn spans(bytes: &[u8], within: std::ops::Range<usize>) -> Vec<(Name, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    let mut at = within.start;
    while at < within.end {
        let Ok(Some(length)) = whole_box(&bytes[at..within.end]) else { break };
        let header = if read_u32(&bytes[at..]) == Some(1) { 16 } else { 8 };
        let mut name = Name::default();
        name.copy_from_slice(&bytes[at + 4..at + 8]);
        found.push((name, (at + header).min(at + length)..at + length));
        at += length;
    }
    found
}

fn span(bytes: &[u8], within: std::ops::Range<usize>, name: &Name) -> Option<std::ops::Range<usize>> {
    spans(bytes, within).into_iter().find(|(found, _)| found == name).map(|(_, range)| range)
}

/// The boxes in some bytes: names and contents.
pub(crate) fn children(bytes: &[u8]) -> impl Iterator<Item = (Name, &[u8])> {
    spans(bytes, 0..bytes.len()).into_iter().map(|(name, range)| (name, &bytes[range]))
}

/// Contents of the first box of this name.
pub(crate) fn child<'a>(bytes: &'a [u8], name: &Name) -> Option<&'a [u8]> {
    children(bytes).find(|(found, _)| found == name).map(|(_, content)| content)
}

pub(crate) fn read_u32(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

pub(crate) fn read_u64(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

fn track(trak: &[u8]) -> Option<Track> {
    let tkhd = child(trak, b"tkhd")?;
    let mdia = child(trak, b"mdia")?;
    let mdhd = child(mdia, b"mdhd")?;
    // Times have 64 bits in version 1.
    let (id, timescale) =
        if *tkhd.first()? == 1 { (tkhd.get(20..)?, mdhd.get(20..)?) } else { (tkhd.get(12..)?, mdhd.get(12..)?) };
    let kind = match child(mdia, b"hdlr")?.get(8..12)? {
        b"vide" => Kind::Picture,
        b"soun" => Kind::Sound,
        _ => return None,
    };
    Some(Track { id: read_u32(id)?, kind, timescale: read_u32(timescale)?.max(1) })
}

/// What `tfhd` and `trun` say of a track's samples.
struct Samples {
    track: u32,
    ticks: u64,
    sizes: Vec<u32>,
    begins_with_keyframe: bool,
}

impl Samples {
    fn of(traf: &[u8]) -> Option<Self> {
        const NOT_SYNC: u32 = 0x1_0000;
        let mut tfhd = child(traf, b"tfhd")?;
        let flags = take_u32(&mut tfhd)? & 0xff_ffff;
        let track = take_u32(&mut tfhd)?;
        if flags & 0x1 != 0 {
            take_u32(&mut tfhd)?;
            take_u32(&mut tfhd)?;
        }
        let mut field = |flag: u32| if flags & flag != 0 { take_u32(&mut tfhd).map(Some) } else { Some(None) };
        field(0x2)?;
        let default_duration = field(0x8)?;
        let default_size = field(0x10)?;
        let default_flags = field(0x20)?;
        let mut samples = Self { track, ticks: 0, sizes: Vec::new(), begins_with_keyframe: false };
        for (_, mut trun) in children(traf).filter(|(name, _)| name == b"trun") {
            let flags = take_u32(&mut trun)? & 0xff_ffff;
            let count = take_u32(&mut trun)?;
            if flags & 0x1 != 0 {
                take_u32(&mut trun)?;
            }
            let mut first_flags = if flags & 0x4 != 0 { take_u32(&mut trun) } else { default_flags };
            for index in 0..count {
                let mut field = |flag: u32| if flags & flag != 0 { take_u32(&mut trun).map(Some) } else { Some(None) };
                let duration = field(0x100)?.or(default_duration);
                let size = field(0x200)?.or(default_size);
                let own_flags = field(0x400)?;
                field(0x800)?;
                if index == 0 && samples.sizes.is_empty() {
                    first_flags = own_flags.or(first_flags);
                    samples.begins_with_keyframe = first_flags.is_some_and(|flags| flags & NOT_SYNC == 0);
                }
                samples.ticks += u64::from(duration.unwrap_or(0));
                samples.sizes.push(size.unwrap_or(0));
            }
        }
        Some(samples)
    }

    #[expect(clippy::cast_precision_loss, reason = "microseconds survive: ticks of one recording are below 2^52")]
    fn run(&self, start: u64, timescale: u32) -> Run {
        let seconds = |ticks: u64| ticks as f64 / f64::from(timescale);
        Run { start_s: seconds(start), length_s: seconds(self.ticks), sizes: self.sizes.clone() }
    }
}

pub(crate) fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    let value = read_u32(bytes)?;
    bytes.advance(4);
    Some(value)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::process::Command;

    /// Fragmented MP4 of a test picture, as the encoder writes it; without pictures when `fps` is 0.
    pub(crate) fn encoded(seconds: u32, fps: u32) -> Vec<u8> {
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-v", "error"]);
        if fps > 0 {
            command.args(["-f", "lavfi", "-i", &format!("testsrc=s=320x180:r={fps}")]);
        }
        command.args(["-f", "lavfi", "-i", "sine=r=48000", "-t", &seconds.to_string(), "-c:a", "aac", "-ar", "48000"]);
        if fps > 0 {
            command.args([
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
                "-pix_fmt",
                "yuv420p",
                "-g",
                &(2 * fps).to_string(),
            ]);
        }
        command.args([
            "-f",
            "mp4",
            "-movflags",
            "+frag_keyframe+delay_moov+default_base_moof",
            "-frag_duration",
            "500000",
        ]);
        command.arg("pipe:1");
        let output = command.output().expect("ffmpeg runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    fn cut(bytes: &[u8], offset: Offset, chunk: usize) -> (Init, Vec<Fragment>) {
        let mut cutter = Cutter::new(offset);
        let mut init = None;
        let mut fragments = Vec::new();
        for bytes in bytes.chunks(chunk) {
            for piece in cutter.push(bytes).expect("valid") {
                match piece {
                    Piece::Init(found) => init = Some(found),
                    Piece::Fragment(fragment) => fragments.push(fragment),
                }
            }
        }
        (init.expect("it has an init section"), fragments)
    }

    const NONE: Offset = Offset { frames: 0, fps: 30 };

    #[test]
    fn sound_that_outlasts_the_pictures_makes_nothing_longer() {
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=320x180:r=10:d=2.3"]);
        command.args(["-f", "lavfi", "-i", "sine=r=48000:d=5", "-c:a", "aac", "-ar", "48000", "-c:v", "libx264"]);
        command.args([
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
            "-g",
            "20",
            "-f",
            "mp4",
            "-frag_duration",
            "500000",
        ]);
        command.args(["-movflags", "+frag_keyframe+delay_moov+default_base_moof", "pipe:1"]);
        let output = command.output().expect("ffmpeg runs");
        let (_, fragments) = cut(&output.stdout, NONE, 1000);
        let frames: usize = fragments.iter().filter_map(|one| one.picture.as_ref()).map(|run| run.sizes.len()).sum();
        assert_eq!(frames, 23);
        let last = fragments.last().expect("there are some");
        assert!(last.sound.as_ref().is_some_and(|sound| sound.end_s() > 4.9), "{last:?}");
        assert!((last.start_s() - 2.3).abs() < 0.01 && (last.end_s() - 2.3).abs() < 0.01, "{last:?}");
    }

    #[test]
    fn fragments_are_half_a_second_and_segments_begin_with_keyframes() {
        let bytes = encoded(5, 30);
        let (init, fragments) = cut(&bytes, NONE, 1000);
        let starts: Vec<f64> =
            fragments.iter().filter(|fragment| fragment.starts_segment).map(Fragment::start_s).collect();
        assert_eq!(starts, [0.0, 2.0, 4.0]);
        for pair in fragments.windows(2) {
            assert!((pair[0].end_s() - pair[1].start_s()).abs() < 1e-6, "{pair:?}");
            assert!(pair[0].end_s() - pair[0].start_s() <= 0.55);
        }
        let frames: usize = fragments.iter().filter_map(|f| f.picture.as_ref()).map(|run| run.sizes.len()).sum();
        assert_eq!(frames, 150);
        let total: usize = fragments.iter().map(|fragment| fragment.bytes.len()).sum();
        assert!(bytes.len() - init.bytes.len() - total < 1000, "only the index at the end is dropped");
    }

    #[test]
    fn the_size_of_what_is_read_at_once_does_not_matter() {
        let bytes = encoded(2, 10);
        let shape = |chunk| {
            let (init, fragments) = cut(&bytes, NONE, chunk);
            (init.bytes, fragments.into_iter().map(|fragment| fragment.bytes).collect::<Vec<_>>())
        };
        assert_eq!(shape(1), shape(usize::MAX));
        assert_eq!(shape(7), shape(4096));
    }

    #[test]
    fn times_are_moved_to_where_the_attempt_begins() {
        let offset = Offset { frames: 95, fps: 10 };
        let (init, fragments) = cut(&encoded(2, 10), offset, 4096);
        let first = &fragments[0];
        assert!((first.start_s() - 9.5).abs() < 1e-9);
        assert!((first.sound.as_ref().expect("sound").start_s - 9.5).abs() < 1e-3);
        // What a player makes of it.
        let file = tempfile::NamedTempFile::new().expect("temp file");
        let bytes: Vec<u8> =
            std::iter::once(&init.bytes).chain(fragments.iter().map(|f| &f.bytes)).flatten().copied().collect();
        std::fs::write(file.path(), bytes).expect("written");
        let probe = Command::new("ffprobe")
            .args(["-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0"])
            .arg(file.path())
            .output()
            .expect("ffprobe runs");
        let text = String::from_utf8_lossy(&probe.stdout).into_owned();
        assert!(text.starts_with("9.500000"), "{text}");
        assert_eq!(text.lines().count(), 20);
    }

    #[test]
    fn sound_alone_has_segments_too() {
        let (_, fragments) = cut(&encoded(5, 0), NONE, 4096);
        assert_eq!(fragments.iter().filter(|fragment| fragment.starts_segment).count(), 3, "{fragments:?}");
    }

    #[test]
    fn what_is_no_mp4_is_told_from_it() {
        assert!(Cutter::new(NONE).push(b"\0\0\0\x04ftyp").is_err());
        assert!(Cutter::new(NONE).push(&[0xff; 64]).is_err());
    }
}

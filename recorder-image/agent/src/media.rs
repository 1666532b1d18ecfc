//! What the encoder's output holds, sample by sample: for protocols that carry samples and know nothing of MP4.

use bytes::Bytes;

use crate::fragment::{Fragment, Kind, child, children, read_u32, read_u64, take_u32};

/// The tracks that an init section describes.
#[derive(Clone, Debug)]
pub(crate) struct Media {
    pub(crate) tracks: Vec<Track>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    id: u32,
    timescale: u32,
    /// Microseconds that its edit list adds to its times: encoders begin before zero.
    shift_us: i64,
    pub(crate) format: Format,
}

/// How a track is encoded, with what a decoder needs before the first sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    H264 { width: u16, height: u16, config: Bytes },
    Aac { rate: u32, channels: u8, config: Bytes },
    Other { kind: Kind, name: String },
}

impl Format {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::H264 { .. } => Kind::Picture,
            Self::Aac { .. } => Kind::Sound,
            Self::Other { kind, .. } => *kind,
        }
    }
}

/// One coded picture, or one frame of sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sample<'a> {
    /// Where its track is in [`Media::tracks`].
    pub(crate) track: usize,
    /// When it is decoded, in microseconds of media time.
    pub(crate) decode_us: i64,
    /// When it is shown.
    pub(crate) show_us: i64,
    pub(crate) keyframe: bool,
    pub(crate) data: &'a [u8],
}

impl Media {
    /// Reads an init section; none when it is not one of ours.
    pub(crate) fn of(init: &[u8]) -> Option<Self> {
        let moov = child(init, b"moov")?;
        let mvhd = child(moov, b"mvhd")?;
        // Times have 64 bits in version 1.
        let movie_timescale = read_u32(mvhd.get(if *mvhd.first()? == 1 { 20.. } else { 12.. })?)?.max(1);
        let traks = children(moov).filter(|(name, _)| name == b"trak");
        let tracks: Vec<Track> = traks.filter_map(|(_, trak)| Track::of(trak, movie_timescale)).collect();
        (!tracks.is_empty()).then_some(Self { tracks })
    }

    /// All samples of a fragment in the order in which they are decoded; none when it can't be read.
    pub(crate) fn samples<'a>(&self, fragment: &'a Fragment) -> Option<Vec<Sample<'a>>> {
        let bytes: &[u8] = &fragment.bytes;
        let mut samples = Vec::new();
        for (_, traf) in children(child(bytes, b"moof")?).filter(|(name, _)| name == b"traf") {
            self.track_samples(bytes, traf, &mut samples)?;
        }
        samples.sort_by_key(|sample| sample.decode_us);
        Some(samples)
    }

    fn track_samples<'a>(&self, bytes: &'a [u8], traf: &[u8], samples: &mut Vec<Sample<'a>>) -> Option<()> {
        const ABSOLUTE_OFFSETS: u32 = 0x1;
        const NOT_SYNC: u32 = 0x1_0000;
        let mut tfhd = child(traf, b"tfhd")?;
        let flags = take_u32(&mut tfhd)? & 0xff_ffff;
        let id = take_u32(&mut tfhd)?;
        let Some(index) = self.tracks.iter().position(|track| track.id == id) else { return Some(()) };
        if flags & ABSOLUTE_OFFSETS != 0 {
            return None;
        }
        let mut field = |flag: u32| if flags & flag != 0 { take_u32(&mut tfhd).map(Some) } else { Some(None) };
        field(0x2)?;
        let (default_duration, default_size, default_flags) = (field(0x8)?, field(0x10)?, field(0x20)?);
        let tfdt = child(traf, b"tfdt")?;
        let mut ticks = i64::try_from(read_u64(tfdt.get(4..)?)?).ok()?;
        let mut end = None;
        for (_, mut trun) in children(traf).filter(|(name, _)| name == b"trun") {
            let head = take_u32(&mut trun)?;
            let (version, flags) = (head >> 24, head & 0xff_ffff);
            let count = take_u32(&mut trun)?;
            // From the beginning of the moof, with which a fragment begins; without one, where the last run ended.
            let mut at = if flags & 0x1 != 0 { take_u32(&mut trun)? as usize } else { end? };
            let first_flags = if flags & 0x4 != 0 { Some(take_u32(&mut trun)?) } else { None };
            for number in 0..count {
                let mut field = |flag: u32| if flags & flag != 0 { take_u32(&mut trun).map(Some) } else { Some(None) };
                let duration = field(0x100)?.or(default_duration).unwrap_or(0);
                let size = field(0x200)?.or(default_size)? as usize;
                let own_flags = field(0x400)?;
                let offset = field(0x800)?.unwrap_or(0);
                #[expect(clippy::cast_possible_wrap, reason = "version 1 has signed offsets")]
                let offset = if version == 0 { i64::from(offset) } else { i64::from(offset as i32) };
                let flags = own_flags.or(first_flags.filter(|_| number == 0)).or(default_flags);
                let track = &self.tracks[index];
                samples.push(Sample {
                    track: index,
                    decode_us: track.us(ticks),
                    show_us: track.us(ticks + offset),
                    keyframe: flags.is_some_and(|flags| flags & NOT_SYNC == 0),
                    data: bytes.get(at..at.checked_add(size)?)?,
                });
                ticks += i64::from(duration);
                at += size;
            }
            end = Some(at);
        }
        Some(())
    }
}

impl Track {
    fn of(trak: &[u8], movie_timescale: u32) -> Option<Self> {
        let tkhd = child(trak, b"tkhd")?;
        let mdia = child(trak, b"mdia")?;
        let mdhd = child(mdia, b"mdhd")?;
        let id = read_u32(tkhd.get(if *tkhd.first()? == 1 { 20.. } else { 12.. })?)?;
        let timescale = read_u32(mdhd.get(if *mdhd.first()? == 1 { 20.. } else { 12.. })?)?.max(1);
        let kind = match child(mdia, b"hdlr")?.get(8..12)? {
            b"vide" => Kind::Picture,
            b"soun" => Kind::Sound,
            _ => return None,
        };
        let stsd = child(child(child(mdia, b"minf")?, b"stbl")?, b"stsd")?;
        let (name, entry) = children(stsd.get(8..)?).next()?;
        let format = Format::of(kind, name, entry);
        let shift_us = child(trak, b"edts")
            .and_then(|edts| child(edts, b"elst"))
            .and_then(|elst| shift_us(elst, movie_timescale, timescale))
            .unwrap_or(0);
        Some(Self { id, timescale, shift_us, format })
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Microseconds that its edit list adds to its times.
    pub(crate) fn shift_us(&self) -> i64 {
        self.shift_us
    }

    fn us(&self, ticks: i64) -> i64 {
        microseconds(ticks, self.timescale) + self.shift_us
    }
}

impl Format {
    fn of(kind: Kind, name: [u8; 4], entry: &[u8]) -> Self {
        Self::known(name, entry)
            .unwrap_or_else(|| Self::Other { kind, name: String::from_utf8_lossy(&name).trim().to_owned() })
    }

    fn known(name: [u8; 4], entry: &[u8]) -> Option<Self> {
        let short = |at: usize| entry.get(at..at + 2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
        match &name {
            b"avc1" | b"avc3" => {
                let config = Bytes::copy_from_slice(child(entry.get(78..)?, b"avcC")?);
                Some(Self::H264 { width: short(24)?, height: short(26)?, config })
            }
            b"mp4a" => {
                let config = Bytes::copy_from_slice(aac_config(child(entry.get(28..)?, b"esds")?.get(4..)?)?);
                // The entry itself says two of every sound.
                let channels = match config.get(1)? >> 3 & 0xf {
                    7 => 8,
                    channels => channels,
                };
                Some(Self::Aac { rate: u32::from(short(24)?), channels, config })
            }
            _ => None,
        }
    }
}

/// The decoder's own part of MPEG-4's nested descriptors: ES (3) holds DecoderConfig (4) holds DecoderSpecificInfo (5).
fn aac_config(esds: &[u8]) -> Option<&[u8]> {
    let es = descriptor(esds, 3)?;
    let decoder = descriptor(es.get(3..)?, 4)?;
    descriptor(decoder.get(13..)?, 5)
}

/// Contents of the descriptor with which `bytes` begins. Its length is written seven bits a byte.
fn descriptor(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let (first, mut rest) = bytes.split_first()?;
    let mut length = 0;
    for _ in 0..4 {
        let (byte, after) = rest.split_first()?;
        rest = after;
        length = length << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    if *first == tag { rest.get(..length) } else { None }
}

/// What an edit list does to a track that is shown from somewhere on: wait, then skip.
fn shift_us(mut elst: &[u8], movie_timescale: u32, timescale: u32) -> Option<i64> {
    let long = take_u32(&mut elst)? >> 24 == 1;
    let count = take_u32(&mut elst)?;
    let mut wait_us = 0;
    for _ in 0..count {
        let (length, begin, rest) = if long {
            #[expect(clippy::cast_possible_wrap, reason = "it is signed")]
            let begin = read_u64(elst.get(8..)?)? as i64;
            (i64::try_from(read_u64(elst)?).ok()?, begin, elst.get(20..)?)
        } else {
            #[expect(clippy::cast_possible_wrap, reason = "it is signed")]
            let begin = read_u32(elst.get(4..)?)? as i32;
            (i64::from(read_u32(elst)?), i64::from(begin), elst.get(12..)?)
        };
        elst = rest;
        if begin >= 0 {
            return Some(wait_us - microseconds(begin, timescale));
        }
        wait_us += microseconds(length, movie_timescale);
    }
    Some(wait_us)
}

fn microseconds(ticks: i64, timescale: u32) -> i64 {
    let (ticks, timescale) = (i128::from(ticks), i128::from(timescale));
    let us = (ticks * 1_000_000 + timescale / 2).div_euclid(timescale);
    i64::try_from(us).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fragment::tests::encoded;
    use crate::fragment::{Cutter, Offset, Piece};

    fn cut(bytes: &[u8], offset: Offset) -> (Media, Vec<Fragment>) {
        let mut media = None;
        let mut fragments = Vec::new();
        for piece in Cutter::new(offset).push(bytes).expect("valid") {
            match piece {
                Piece::Init(init) => media = Media::of(&init.bytes),
                Piece::Fragment(fragment) => fragments.push(fragment),
            }
        }
        (media.expect("it has an init section"), fragments)
    }

    /// Time stamps, sizes and keyframes by ffprobe.
    fn probed(bytes: &[u8], select: &str) -> Vec<(i64, usize, bool)> {
        let file = tempfile::NamedTempFile::new().expect("temp file");
        std::fs::write(file.path(), bytes).expect("written");
        let probe = std::process::Command::new("ffprobe")
            .args(["-v", "error", "-select_streams", select, "-show_entries", "packet=pts_time,size,flags"])
            .args(["-of", "csv=p=0"])
            .arg(file.path())
            .output()
            .expect("ffprobe runs");
        String::from_utf8_lossy(&probe.stdout)
            .lines()
            .map(|line| {
                let mut fields = line.split(',');
                let mut field = || fields.next().expect("a field");
                let seconds: f64 = field().parse().expect("a time");
                #[expect(clippy::cast_possible_truncation, reason = "a few seconds")]
                let us = (seconds * 1e6).round() as i64;
                (us, field().parse().expect("a size"), field().contains('K'))
            })
            .collect()
    }

    /// Pictures that are decoded in another order than they are shown, and come later than the sound.
    fn reordered() -> Vec<u8> {
        let output = std::process::Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-itsoffset", "0.2", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30"])
            .args(["-f", "lavfi", "-i", "sine=r=48000", "-t", "3", "-c:a", "aac", "-c:v", "libx264", "-bf", "3"])
            .args(["-g", "60", "-pix_fmt", "yuv420p", "-f", "mp4", "-frag_duration", "500000"])
            .args(["-movflags", "+frag_keyframe+delay_moov+default_base_moof", "pipe:1"])
            .output()
            .expect("ffmpeg runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    #[test]
    fn samples_are_those_that_ffprobe_finds() {
        compare(&encoded(3, 30));
    }

    #[test]
    fn pictures_that_are_shown_in_another_order_keep_their_times() {
        compare(&reordered());
    }

    fn compare(bytes: &[u8]) {
        let (media, fragments) = cut(bytes, Offset { frames: 0, fps: 30 });
        for (select, kind) in [("v", Kind::Picture), ("a", Kind::Sound)] {
            let ours: Vec<(i64, usize, bool)> = fragments
                .iter()
                .flat_map(|fragment| media.samples(fragment).expect("readable"))
                .filter(|sample| media.tracks[sample.track].format.kind() == kind)
                .map(|sample| (sample.show_us, sample.data.len(), sample.keyframe))
                .collect();
            let theirs = probed(bytes, select);
            assert_eq!(ours.len(), theirs.len(), "{select}");
            for (ours, theirs) in ours.iter().zip(&theirs) {
                assert!((ours.0 - theirs.0).abs() <= 1, "{select}: {ours:?} {theirs:?}");
                assert_eq!((ours.1, ours.2), (theirs.1, theirs.2), "{select}");
            }
        }
    }

    #[test]
    fn tracks_tell_what_a_decoder_needs() {
        let (media, _) = cut(&encoded(1, 30), Offset { frames: 0, fps: 30 });
        let [picture, sound] = &media.tracks[..] else { panic!("{media:?}") };
        let Format::H264 { width: 320, height: 180, config } = &picture.format else { panic!("{picture:?}") };
        assert_eq!(config[0], 1, "the version of an avcC");
        let Format::Aac { rate: 48_000, channels: 1, config } = &sound.format else { panic!("{sound:?}") };
        assert_eq!(config[..2], [0x11, 0x88], "AAC-LC, 48 kHz, mono");
    }

    #[test]
    fn samples_are_in_the_order_of_their_times_and_begin_where_the_attempt_does() {
        let (media, fragments) = cut(&encoded(2, 10), Offset { frames: 95, fps: 10 });
        let times: Vec<i64> = fragments
            .iter()
            .flat_map(|fragment| media.samples(fragment).expect("readable"))
            .map(|sample| sample.decode_us)
            .collect();
        // The encoder of the sound begins 1024 samples early.
        assert_eq!(times.iter().min(), Some(&(9_500_000 - 21_333)));
        let (_, only) = cut(&encoded(2, 10), Offset { frames: 95, fps: 10 });
        for fragment in &only {
            let samples = media.samples(fragment).expect("readable");
            assert!(samples.is_sorted_by_key(|sample| sample.decode_us));
        }
    }

    #[test]
    fn what_is_cut_short_is_refused_and_never_a_panic() {
        let bytes = encoded(1, 10);
        let (media, fragments) = cut(&bytes, Offset { frames: 0, fps: 10 });
        let whole = &fragments[0].bytes;
        for length in 0..whole.len() {
            let fragment = Fragment { bytes: whole.slice(..length), ..fragments[0].clone() };
            assert!(media.samples(&fragment).is_none(), "{length}");
        }
        for length in (0..bytes.len().min(2000)).step_by(3) {
            let _ = Media::of(&bytes[..length]);
        }
    }
}

//! What a player wants to know of the media before it loads any, from an init section and a segment. Pure.

use crate::fragment::{Cutter, Name, Offset, Piece, child, children};

/// What the master playlist tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Description {
    /// By RFC 6381. Empty when there is one that we can't name: then none is told.
    pub(super) codecs: Vec<String>,
    pub(super) size: Option<(u16, u16)>,
    pub(super) fps: Option<f64>,
}

impl Description {
    pub(super) fn of(init: &[u8], segment: &[u8]) -> Self {
        let moov = child(init, b"moov").unwrap_or_default();
        let samples: Vec<(Name, &[u8])> =
            children(moov).filter(|(name, _)| name == b"trak").filter_map(|(_, trak)| sample_entry(trak)).collect();
        let codecs: Option<Vec<String>> = samples.iter().map(|(name, entry)| codec(name, entry)).collect();
        let size = samples.iter().filter(|(name, _)| name != b"mp4a").find_map(|(_, entry)| size(entry));
        Self { codecs: codecs.unwrap_or_default(), size, fps: frame_rate(init, segment) }
    }
}

/// The first sample entry of a track, which is what its samples are.
fn sample_entry(trak: &[u8]) -> Option<(Name, &[u8])> {
    let stsd = [b"mdia", b"minf", b"stbl", b"stsd"].into_iter().try_fold(trak, |within, name| child(within, name))?;
    // Version, flags and a count are in front.
    children(stsd.get(8..)?).next()
}

/// Bytes of a visual sample entry before its boxes.
const VISUAL: usize = 78;

fn size(entry: &[u8]) -> Option<(u16, u16)> {
    let side = |at: usize| entry.get(at..at + 2)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes));
    Some((side(24)?, side(26)?))
}

fn codec(name: &Name, entry: &[u8]) -> Option<String> {
    let configuration = |of: &Name| child(entry.get(VISUAL..)?, of);
    match name {
        b"avc1" => {
            let avc = configuration(b"avcC")?;
            Some(format!("avc1.{:02X}{:02X}{:02X}", avc.get(1)?, avc.get(2)?, avc.get(3)?))
        }
        b"hvc1" | b"hev1" => hevc(name, configuration(b"hvcC")?),
        b"av01" => av1(configuration(b"av1C")?),
        // The encoder makes no other AAC than LC.
        b"mp4a" => Some("mp4a.40.2".to_owned()),
        _ => None,
    }
}

/// ISO/IEC 14496-15, annex E.
fn hevc(name: &Name, hvc: &[u8]) -> Option<String> {
    let (profile, level) = (*hvc.get(1)?, hvc.get(12)?);
    let space = ["", "A", "B", "C"][usize::from(profile >> 6)];
    let tier = if profile & 0x20 == 0 { 'L' } else { 'H' };
    let compatible = hvc.get(2..)?.first_chunk().map(|flags| u32::from_be_bytes(*flags).reverse_bits())?;
    let mut text = format!("{}.{space}{}.{compatible:X}.{tier}{level}", String::from_utf8_lossy(name), profile & 0x1f);
    let constraints = hvc.get(6..12)?;
    let told = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    for byte in &constraints[..told] {
        text.push_str(&format!(".{byte:X}"));
    }
    Some(text)
}

/// AV1 in ISO BMFF, section 5.
fn av1(av1: &[u8]) -> Option<String> {
    let (sequence, flags) = (av1.get(1)?, av1.get(2)?);
    let tier = if flags & 0x80 == 0 { 'M' } else { 'H' };
    let depth = match (flags & 0x40 != 0, flags & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    Some(format!("av01.{}.{:02}{tier}.{depth:02}", sequence >> 5, sequence & 0x1f))
}

#[expect(clippy::cast_precision_loss, reason = "frames of a segment")]
fn frame_rate(init: &[u8], segment: &[u8]) -> Option<f64> {
    let mut cutter = Cutter::new(Offset { frames: 0, fps: 1 });
    cutter.push(init).ok()?;
    let (mut frames, mut seconds) = (0, 0.0);
    for piece in cutter.push(segment).ok()? {
        if let Piece::Fragment(fragment) = piece
            && let Some(picture) = fragment.picture
        {
            frames += picture.sizes.len();
            seconds += picture.length_s;
        }
    }
    (seconds > 0.0).then(|| frames as f64 / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Init section and first segment of what this encoder makes.
    fn encoded(video: &str) -> (Vec<u8>, Vec<u8>) {
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=320x180:r=25", "-f", "lavfi"]);
        command
            .args(["-i", "sine=r=48000", "-t", "1", "-c:a", "aac", "-pix_fmt", "yuv420p", "-c:v"])
            .args(video.split(' '));
        command.args(["-f", "mp4", "-movflags", "+frag_keyframe+delay_moov+default_base_moof", "pipe:1"]);
        let output = command.output().expect("ffmpeg runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let (mut init, mut segment) = (Vec::new(), Vec::new());
        for piece in Cutter::new(Offset { frames: 0, fps: 25 }).push(&output.stdout).expect("valid") {
            match piece {
                Piece::Init(found) => init = found.bytes.to_vec(),
                Piece::Fragment(fragment) => segment.extend_from_slice(&fragment.bytes),
            }
        }
        (init, segment)
    }

    #[test]
    fn what_the_encoders_make_is_described() {
        for (video, codec) in [
            // As it is by default: see `capture`.
            ("libx264 -preset ultrafast -x264-params cabac=1:8x8dct=1 -profile:v high -level 3.1", "avc1.64001F"),
            ("libx264 -preset ultrafast -profile:v baseline -level 4", "avc1.42C028"),
            ("libx265 -preset ultrafast -tag:v hvc1 -x265-params log-level=none:level-idc=3.1", "hvc1.1.6.L93.90"),
            ("libaom-av1 -cpu-used 8 -usage realtime", "av01.0.00M.08"),
        ] {
            let (init, segment) = encoded(video);
            let described = Description::of(&init, &segment);
            assert_eq!(described.codecs, [codec, "mp4a.40.2"]);
            assert_eq!(described.size, Some((320, 180)), "{codec}");
            assert!(described.fps.is_some_and(|fps| (fps - 25.0).abs() < 1e-6), "{described:?}");
        }
    }

    #[test]
    fn what_is_not_understood_is_not_told() {
        let (init, segment) = encoded("mpeg4");
        let described = Description::of(&init, &segment);
        assert_eq!((described.codecs, described.size), (vec![], Some((320, 180))));
        assert_eq!(Description::of(b"", b""), Description::default());
        for end in 0..init.len() {
            let _ = Description::of(&init[..end], &segment);
        }
    }
}

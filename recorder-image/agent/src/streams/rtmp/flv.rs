//! What is in RTMP's messages of picture and sound: the bodies of FLV's tags.

use bytes::Bytes;

use super::amf::{self, Value};
use crate::fragment::Kind;
use crate::media::{Format, Media, Sample};

const AVC: u8 = 7;
/// AAC; the rate, size and channels beside it are fixed, because its configuration tells the true ones.
const AAC: u8 = 0xaf;
const CONFIGURATION: u8 = 0;
const CODED: u8 = 1;

/// Why a recording can't go over RTMP; none when it can.
pub(crate) fn objection(media: &Media) -> Option<String> {
    media.tracks.iter().find_map(|track| match &track.format {
        Format::H264 { .. } | Format::Aac { .. } => None,
        Format::Other { name, .. } => Some(format!(
            "RTMP carries H.264 and AAC, and this recording is encoded as {name}; record it as H.264, or stream it by SRT."
        )),
    })
}

/// A tag's body, in two parts so that samples need not be copied.
pub(crate) struct Body<'a> {
    pub(crate) kind: Kind,
    head: [u8; 5],
    head_length: usize,
    data: &'a [u8],
}

impl<'a> Body<'a> {
    fn picture(keyframe: bool, packet: u8, offset_ms: i64, data: &'a [u8]) -> Self {
        let frame = if keyframe { 1 } else { 2 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "24 bits of a small signed number")]
        let offset = (offset_ms as i32 as u32).to_be_bytes();
        Self {
            kind: Kind::Picture,
            head: [frame << 4 | AVC, packet, offset[1], offset[2], offset[3]],
            head_length: 5,
            data,
        }
    }

    fn sound(packet: u8, data: &'a [u8]) -> Self {
        Self { kind: Kind::Sound, head: [AAC, packet, 0, 0, 0], head_length: 2, data }
    }

    /// What a decoder needs before the first sample of a track; none for what RTMP does not carry.
    pub(crate) fn configuration(format: &'a Format) -> Option<Self> {
        match format {
            Format::H264 { config, .. } => Some(Self::picture(true, CONFIGURATION, 0, config)),
            Format::Aac { config, .. } => Some(Self::sound(CONFIGURATION, config)),
            Format::Other { .. } => None,
        }
    }

    /// A sample; `offset_ms` is by how much it is shown later than it is decoded.
    pub(crate) fn sample(format: &Format, sample: &Sample<'a>, offset_ms: i64) -> Self {
        match format.kind() {
            Kind::Picture => Self::picture(sample.keyframe, CODED, offset_ms, sample.data),
            Kind::Sound => Self::sound(CODED, sample.data),
        }
    }

    pub(crate) fn parts(&self) -> [&[u8]; 2] {
        [&self.head[..self.head_length], self.data]
    }
}

/// The body of the message that describes the stream.
pub(crate) fn metadata(media: &Media, frame_rate: Option<f64>) -> Bytes {
    let mut properties = Vec::new();
    let mut add = |name: &str, value: Value| properties.push((name.to_owned(), value));
    add("duration", Value::Number(0.0));
    for track in &media.tracks {
        match &track.format {
            Format::H264 { width, height, .. } => {
                add("width", Value::Number(f64::from(*width)));
                add("height", Value::Number(f64::from(*height)));
                add("videocodecid", Value::Number(f64::from(AVC)));
                if let Some(frame_rate) = frame_rate {
                    add("framerate", Value::Number(frame_rate));
                }
            }
            Format::Aac { rate, channels, .. } => {
                add("audiocodecid", Value::Number(f64::from(AAC >> 4)));
                add("audiosamplerate", Value::Number(f64::from(*rate)));
                add("audiosamplesize", Value::Number(16.0));
                add("audiochannels", Value::Number(f64::from(*channels)));
                add("stereo", Value::Boolean(*channels == 2));
            }
            Format::Other { .. } => {}
        }
    }
    add("encoder", Value::text("Wallflower"));
    let mut body = Vec::new();
    Value::text("@setDataFrame").write(&mut body);
    Value::text("onMetaData").write(&mut body);
    amf::write_array(&properties, &mut body);
    body.into()
}

//! The least of Matroska (RFC 9559) that carries raw pictures with their times to ffmpeg.
//!
//! ```text
//! EBML header │ Segment: Info, Tracks │ Cluster: Timestamp, SimpleBlock │ Cluster … │
//! ```
//!
//! A raw stream would have no times. These are microseconds since 1970, as ffmpeg gives them to what it captures itself: so it knows how
//! much earlier than the first sound the first picture was.

use wallflower_domain::frame::{FrameRate, FrameSize};

const NANOSECONDS_OF_A_TICK: u64 = 1000;
const TRACK: u8 = 1;

/// An element with a body.
fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
    [id, &length(body.len() as u64), body].concat()
}

/// A length in the eight bytes that hold any.
fn length(bytes: u64) -> [u8; 8] {
    (bytes | 1 << 56).to_be_bytes()
}

fn number(id: &[u8], value: u64) -> Vec<u8> {
    element(id, &value.to_be_bytes())
}

/// What comes before the first picture.
pub(crate) fn head(size: FrameSize, fps: FrameRate) -> Vec<u8> {
    let kind = element(&[0x1a, 0x45, 0xdf, 0xa3], &element(&[0x42, 0x82], b"matroska"));
    let info = element(&[0x15, 0x49, 0xa9, 0x66], &number(&[0x2a, 0xd7, 0xb1], NANOSECONDS_OF_A_TICK));
    // Matrix, range, transfer function and primaries: BT.709, limited, that of sRGB.
    let colour =
        [number(&[0x55, 0xb1], 1), number(&[0x55, 0xb9], 1), number(&[0x55, 0xba], 13), number(&[0x55, 0xbb], 1)]
            .concat();
    let video = [
        number(&[0xb0], size.width().into()),
        number(&[0xba], size.height().into()),
        element(&[0x2e, 0xb5, 0x24], b"I420"),
        element(&[0x55, 0xb0], &colour),
    ]
    .concat();
    let entry = [
        number(&[0xd7], TRACK.into()),
        number(&[0x73, 0xc5], TRACK.into()),
        // A video.
        number(&[0x83], 1),
        number(&[0x23, 0xe3, 0x83], 1_000_000_000 / u64::from(fps.get())),
        element(&[0x86], b"V_UNCOMPRESSED"),
        element(&[0xe0], &video),
    ]
    .concat();
    let tracks = element(&[0x16, 0x54, 0xae, 0x6b], &element(&[0xae], &entry));
    // A segment of unknown length: it ends when it does.
    let segment = [0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    [kind, segment.to_vec(), info, tracks].concat()
}

/// What comes before a picture of so many bytes.
pub(crate) fn before_picture(unix_us: u64, bytes: usize) -> Vec<u8> {
    // Since the cluster's time: no time. A keyframe, as all of them are.
    let block = [0x80 | TRACK, 0, 0, 0x80];
    let time = number(&[0xe7], unix_us);
    let block_head = [&[0xa3][..], &length((block.len() + bytes) as u64), &block].concat();
    let body = (time.len() + block_head.len() + bytes) as u64;
    [&[0x1f, 0x43, 0xb6, 0x75][..], &length(body), &time, &block_head].concat()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn ffmpeg_reads_pictures_their_times_and_their_colours() {
        let (size, fps) = (FrameSize::new(128, 128).expect("even"), FrameRate::DEFAULT);
        let began = 1_790_000_000_123_456;
        let mut film = head(size, fps);
        for number in 0..5_u64 {
            let picture = vec![40 * u8::try_from(number).expect("few"); 128 * 128 * 3 / 2];
            film.extend(before_picture(began + number * 33_333, picture.len()));
            film.extend(picture);
        }
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("a.mkv");
        std::fs::write(&path, film).expect("written");
        let shown = "packet=pts_time,size:stream=codec_name,pix_fmt,width,height,r_frame_rate,color_range,color_space,color_transfer,color_primaries";
        let mut command = Command::new("ffprobe");
        command.args(["-v", "error", "-of", "compact=p=0:nk=1", "-show_entries", shown]).arg(&path);
        let output = command.output().expect("ffprobe is installed");
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let expected = "1790000000.123456|24576\n1790000000.156789|24576\n1790000000.190122|24576\n1790000000.223455|24576\n1790000000.256788|24576\n\
                        rawvideo|128|128|yuv420p|tv|bt709|iec61966-2-1|bt709|30/1\n";
        assert_eq!(text, expected);
    }
}

//! What is made of a recording, all from one encode.
//!
//! ```text
//! encode ─┬─▶ file     .mp4 .mkv .webm                        streams are copied, but for .webm of H.264 and H.265
//!         ├─▶ audio    .m4a .opus .ogg .mp3 .flac .wav
//!         ├─▶ hls      a directory
//!         ├─▶ stream   rtmp, rtmps, srt
//!         └─▶ images   a directory
//! ```

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::encoding::{Encoding, VideoCodec};
use crate::failure::{Failure, FailureKind};
pub use crate::stream_url::{StreamProtocol, StreamUrl, StreamUrlError, is_private};

/// Most outputs of one recording: each stream is a process of its own.
pub const MAX_OUTPUTS: usize = 32;

/// Something that is made of a recording. Its serde form holds stream keys; see [`StreamUrl`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Output {
    /// A file; its name's ending says which [`Container`]. One that holds sound only is the same as [`Output::Audio`].
    File {
        /// Where.
        path: PathBuf,
    },
    /// A file with the sound.
    Audio {
        /// Where.
        path: PathBuf,
    },
    /// A playlist, live while recording, and its segments.
    Hls {
        /// Where.
        directory: PathBuf,
    },
    /// A live stream.
    Stream {
        /// Where to, with its key.
        url: StreamUrl,
    },
    /// JPEGs, and at the end a thumbnail and a contact sheet.
    Images {
        /// Where.
        directory: PathBuf,
        /// Seconds between two of them, 1 to [`Output::LONGEST_INTERVAL_S`].
        every_s: u32,
    },
}

impl Output {
    /// Most seconds between two images: a day.
    pub const LONGEST_INTERVAL_S: u32 = 86_400;

    /// The container of a file or audio output, by the end of its name; `None` for what is no file.
    pub fn container(&self) -> Result<Option<Container>, OutputError> {
        match self {
            Self::File { path } => Container::of(path).map(Some),
            Self::Audio { path } => match Container::of(path)? {
                container if container.has_picture() => {
                    Err(OutputError::NotAudio { path: path.clone(), container, known: Container::names(false) })
                }
                container => Ok(Some(container)),
            },
            Self::Hls { .. } | Self::Stream { .. } | Self::Images { .. } => Ok(None),
        }
    }

    /// Whether it has a picture. A file whose name makes no sense has none.
    pub fn has_picture(&self) -> bool {
        match self {
            Self::File { path } => Container::of(path).is_ok_and(Container::has_picture),
            Self::Audio { .. } => false,
            Self::Hls { .. } | Self::Stream { .. } | Self::Images { .. } => true,
        }
    }

    /// The file or directory that it writes to.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File { path } | Self::Audio { path } => Some(path),
            Self::Hls { directory } | Self::Images { directory, .. } => Some(directory),
            Self::Stream { .. } => None,
        }
    }

    fn is_directory(&self) -> bool {
        matches!(self, Self::Hls { .. } | Self::Images { .. })
    }

    /// Fails when this output can't carry the codec.
    fn check_codec(&self, codec: VideoCodec) -> Result<(), OutputError> {
        use VideoCodec::{Av1, H264, H265};
        let (output, carried): (_, &'static [VideoCodec]) = match self {
            // Every file can: .webm by encoding anew what it can't hold.
            Self::File { .. } | Self::Audio { .. } | Self::Images { .. } => return Ok(()),
            // What Apple's players and hls.js play from fragmented MP4.
            Self::Hls { .. } => ("HLS", &[H264, H265, Av1]),
            Self::Stream { url } => match url.protocol() {
                // FLV's codecs; the enhanced RTMP that knows more is younger than the ffmpeg of Debian 12 and Ubuntu 24.04.
                StreamProtocol::Rtmp | StreamProtocol::Rtmps => ("RTMP", &[H264]),
                // MPEG-TS.
                StreamProtocol::Srt => ("SRT", &[H264, H265]),
            },
        };
        if carried.contains(&codec) { Ok(()) } else { Err(OutputError::Codec { output, codec, carried }) }
    }
}

/// Format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    /// MP4 with its index in front. Holds every codec; VP9 in it is understood by browsers, but not by Apple's players.
    Mp4,
    /// Matroska. Holds every codec.
    Mkv,
    /// WebM: VP9 or AV1, and Opus. H.264 and H.265 are encoded anew as VP9 when the recording has ended, which costs more
    /// processor time than recording it did; choose the codec VP9 or AV1 to be spared that.
    Webm,
    /// AAC in MP4, as it was recorded.
    M4a,
    /// Opus in Ogg.
    Opus,
    /// Opus in Ogg, by the older name.
    Ogg,
    /// MP3.
    Mp3,
    /// FLAC: lossless from the recorded AAC on.
    Flac,
    /// 16-bit PCM; RF64 from 4 GiB on.
    Wav,
}

impl Container {
    /// Every container, in the order in which help texts list them.
    pub const ALL: [Self; 9] =
        [Self::Mp4, Self::Mkv, Self::Webm, Self::M4a, Self::Opus, Self::Ogg, Self::Mp3, Self::Flac, Self::Wav];

    /// End of its files' names, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Mkv => "mkv",
            Self::Webm => "webm",
            Self::M4a => "m4a",
            Self::Opus => "opus",
            Self::Ogg => "ogg",
            Self::Mp3 => "mp3",
            Self::Flac => "flac",
            Self::Wav => "wav",
        }
    }

    /// The container that a file's name asks for.
    pub fn of(path: &Path) -> Result<Self, OutputError> {
        if path.file_name().is_none() {
            return Err(OutputError::NoFileName(path.to_owned()));
        }
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        let known = Self::ALL.into_iter().find(|container| extension.as_deref() == Some(container.extension()));
        known.ok_or_else(|| OutputError::UnknownContainer {
            path: path.to_owned(),
            video: Self::names(true),
            audio: Self::names(false),
        })
    }

    /// Whether it holds a picture too, when there is one.
    pub fn has_picture(self) -> bool {
        matches!(self, Self::Mp4 | Self::Mkv | Self::Webm)
    }

    /// Whether pictures of this codec go into it as they are. If not, they are encoded anew.
    pub fn copies(self, codec: VideoCodec) -> bool {
        match self {
            Self::Mp4 | Self::Mkv => true,
            Self::Webm => matches!(codec, VideoCodec::Vp9 | VideoCodec::Av1),
            Self::M4a | Self::Opus | Self::Ogg | Self::Mp3 | Self::Flac | Self::Wav => false,
        }
    }

    fn names(picture: bool) -> String {
        let of_kind = Self::ALL.into_iter().filter(|container| container.has_picture() == picture);
        of_kind.map(|container| format!(".{}", container.extension())).collect::<Vec<_>>().join(", ")
    }
}

impl std::fmt::Display for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.extension())
    }
}

/// Why outputs can't be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OutputError {
    /// Nothing is to be made.
    #[error("the recording has no output; name a file, an HLS directory, a stream or a directory for images")]
    None,
    /// More than a machine is meant to feed.
    #[error("the recording has {0} outputs; {MAX_OUTPUTS} are the most, so spread them over several recordings")]
    TooMany(usize),
    /// Two of them go to one place.
    #[error("two outputs go to {}; give each a place of its own", .0.display())]
    SamePath(PathBuf),
    /// A file is where another output needs a directory.
    #[error("{} can't be a file and the directory of {} at once; move one of the two", .file.display(), .inside.display())]
    InsideFile {
        /// The file.
        file: PathBuf,
        /// What would be in it.
        inside: PathBuf,
    },
    /// Two streams are the same; the server would take only one.
    #[error("the stream {0} is there twice; remove one")]
    SameStream(String),
    /// A path that ends in no name.
    #[error("\"{}\" names no file; write a path such as out/meeting.mp4", .0.display())]
    NoFileName(PathBuf),
    /// A directory without a name.
    #[error("the directory of an output is empty; write a path such as out/live")]
    NoDirectory,
    /// The name's ending is no format that is made.
    #[error("{} can't be made: end its name in {video} for picture and sound, or in {audio} for sound alone", .path.display())]
    UnknownContainer {
        /// The file.
        path: PathBuf,
        /// Endings with a picture.
        video: String,
        /// Endings without.
        audio: String,
    },
    /// An audio output whose name asks for a picture.
    #[error("{} is to hold sound alone, but .{container} is for pictures; end its name in one of {known}, or ask for a file", .path.display())]
    NotAudio {
        /// The file.
        path: PathBuf,
        /// What its name says.
        container: Container,
        /// Endings without a picture.
        known: String,
    },
    /// The output can't carry the codec.
    #[error("{output} can't carry {}; choose the codec {}, or drop that output", .codec.title(), one_of(.carried))]
    Codec {
        /// What can't.
        output: &'static str,
        /// What it can't carry.
        codec: VideoCodec,
        /// What it can.
        carried: &'static [VideoCodec],
    },
    /// Images too often or too seldom.
    #[error("an image every {every_s} s can't be made; it must be 1 to {} s", Output::LONGEST_INTERVAL_S)]
    Interval {
        /// What was asked for.
        every_s: u32,
    },
    /// A stream's URL.
    #[error(transparent)]
    Stream(#[from] StreamUrlError),
}

fn one_of(codecs: &[VideoCodec]) -> String {
    codecs.iter().map(|codec| codec.name()).collect::<Vec<_>>().join(" or ")
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Self {
        let sentence = error.to_string();
        // A path or a URL at its beginning keeps its own spelling.
        let sentence = match sentence.strip_prefix("t") {
            Some(rest) if rest.starts_with("he ") || rest.starts_with("wo ") => format!("T{rest}"),
            _ => sentence,
        };
        Self::new(FailureKind::BadRequest, format!("{sentence}."))
    }
}

/// Whether nothing of it has a picture, so that none needs to be captured.
pub fn audio_only(outputs: &[Output]) -> bool {
    !outputs.iter().any(Output::has_picture)
}

/// Fails when these outputs can't be made together, or not of this encoding. Whether their places can be written, and what the
/// streams' names lead to, is for the agent to find out.
pub fn check_outputs(outputs: &[Output], encoding: Encoding, allow_private: bool) -> Result<(), OutputError> {
    match outputs.len() {
        0 => return Err(OutputError::None),
        count if count > MAX_OUTPUTS => return Err(OutputError::TooMany(count)),
        _ => {}
    }
    for output in outputs {
        output.container()?;
        output.check_codec(encoding.codec)?;
        match output {
            Output::Stream { url } => url.check(allow_private)?,
            Output::Images { every_s, .. } if !(1..=Output::LONGEST_INTERVAL_S).contains(every_s) => {
                return Err(OutputError::Interval { every_s: *every_s });
            }
            Output::Hls { directory } | Output::Images { directory, .. } if directory.as_os_str().is_empty() => {
                return Err(OutputError::NoDirectory);
            }
            _ => {}
        }
    }
    for (index, output) in outputs.iter().enumerate() {
        for other in &outputs[index + 1..] {
            check_pair(output, other)?;
        }
    }
    Ok(())
}

fn check_pair(one: &Output, other: &Output) -> Result<(), OutputError> {
    if let (Output::Stream { url: a }, Output::Stream { url: b }) = (one, other) {
        return if a == b { Err(OutputError::SameStream(a.to_string())) } else { Ok(()) };
    }
    let (Some(a), Some(b)) = (one.path().map(normalised), other.path().map(normalised)) else { return Ok(()) };
    if a == b {
        return Err(OutputError::SamePath(a));
    }
    let inside = |output: &Output, file: &Path, inside: &Path| !output.is_directory() && inside.starts_with(file);
    if inside(one, &a, &b) {
        return Err(OutputError::InsideFile { file: a, inside: b });
    }
    if inside(other, &b, &a) {
        return Err(OutputError::InsideFile { file: b, inside: a });
    }
    Ok(())
}

/// The path without `.` and `..`, as far as that can be told without looking at the disk: links are not followed.
pub fn normalised(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match plain.components().next_back() {
                Some(Component::Normal(_)) => drop(plain.pop()),
                Some(Component::RootDir) => {}
                _ => plain.push(component),
            },
            _ => plain.push(component),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::EncoderChoice;
    use proptest::prelude::*;

    fn file(path: &str) -> Output {
        Output::File { path: path.into() }
    }

    fn audio(path: &str) -> Output {
        Output::Audio { path: path.into() }
    }

    fn hls(directory: &str) -> Output {
        Output::Hls { directory: directory.into() }
    }

    fn images(directory: &str, every_s: u32) -> Output {
        Output::Images { directory: directory.into(), every_s }
    }

    fn stream(url: &str) -> Output {
        Output::Stream { url: url.parse().expect(url) }
    }

    fn check(outputs: &[Output], codec: VideoCodec) -> Result<(), OutputError> {
        check_outputs(outputs, Encoding { codec, encoder: EncoderChoice::Software }, false)
    }

    #[test]
    fn everything_at_once_is_fine_when_each_has_its_place() {
        let outputs = [
            file("/out/a.mp4"),
            file("/out/a.mkv"),
            file("/out/a.webm"),
            file("/out/a.ogg"),
            audio("/out/a.m4a"),
            hls("/out/a.live"),
            // Beside the playlist there is room for a file.
            file("/out/a.live/a.mp4"),
            images("/out/a.images", 10),
            stream("rtmp://host/app/one"),
            stream("rtmp://host/app/two"),
            stream("srt://host:9000"),
        ];
        assert_eq!(check(&outputs, VideoCodec::H264), Ok(()));
    }

    #[test]
    fn the_end_of_a_name_says_what_is_made() {
        for container in Container::ALL {
            let path = PathBuf::from(format!("/out/My.Meeting.{}", container.extension().to_uppercase()));
            assert_eq!(Container::of(&path), Ok(container));
            let output = Output::File { path: path.clone() };
            assert_eq!((output.container(), output.has_picture()), (Ok(Some(container)), container.has_picture()));
            let as_audio = Output::Audio { path };
            assert_eq!(as_audio.container().is_ok(), !container.has_picture());
        }
        assert!(audio_only(&[file("a.ogg"), audio("a.mp3")]));
        for pictured in [file("a.mkv"), hls("live"), images("i", 1), stream("rtmp://h/a/k")] {
            assert!(!audio_only(&[audio("a.mp3"), pictured]));
        }
    }

    #[test]
    fn outputs_that_can_t_be_made_are_refused_with_their_own_sentence() {
        let cases: Vec<(Vec<Output>, &str)> = vec![
            (vec![], "the recording has no output; name a file, an HLS directory, a stream or a directory for images"),
            (
                vec![file("/o/a.mp4"), audio("/o/b.wav"), file("/o/x/../a.mp4")],
                "two outputs go to /o/a.mp4; give each a place of its own",
            ),
            (vec![hls("/o/live/"), images("/o/./live", 1)], "two outputs go to /o/live; give each a place of its own"),
            (
                vec![hls("/o/a.mp4/live"), file("/o/a.mp4")],
                "/o/a.mp4 can't be a file and the directory of /o/a.mp4/live at once; move one of the two",
            ),
            (
                vec![stream("rtmp://h/a/k"), stream("rtmp://h/a/k")],
                "the stream rtmp://h/a/**** is there twice; remove one",
            ),
            (vec![file("/")], "\"/\" names no file; write a path such as out/meeting.mp4"),
            (vec![hls("")], "the directory of an output is empty; write a path such as out/live"),
            (
                vec![file("/o/a.avi")],
                "/o/a.avi can't be made: end its name in .mp4, .mkv, .webm for picture and sound, or in .m4a, .opus, .ogg, .mp3, .flac, .wav for sound alone",
            ),
            (
                vec![audio("/o/a.mp4")],
                "/o/a.mp4 is to hold sound alone, but .mp4 is for pictures; end its name in one of .m4a, .opus, .ogg, .mp3, .flac, .wav, or ask for a file",
            ),
            (vec![images("/o", 0)], "an image every 0 s can't be made; it must be 1 to 86400 s"),
            (vec![images("/o", 86_401)], "an image every 86401 s can't be made; it must be 1 to 86400 s"),
            (
                vec![stream("rtmp://10.0.0.1/a/k")],
                "rtmp://10.0.0.1/a/**** is inside the recorder's own network, where streams are not allowed to go; name a public server, or have private addresses allowed",
            ),
        ];
        for (outputs, sentence) in cases {
            assert_eq!(check(&outputs, VideoCodec::H264).expect_err(sentence).to_string(), sentence);
        }
        for no_name in ["/o/.mp4", "/o/mp4", ".."] {
            assert!(check(&[file(no_name)], VideoCodec::H264).is_err(), "{no_name}");
        }
        let many: Vec<_> = (0..=MAX_OUTPUTS).map(|index| file(&format!("/o/{index}.mp4"))).collect();
        assert_eq!(check(&many, VideoCodec::H264), Err(OutputError::TooMany(33)));
        assert_eq!(check(&many[1..], VideoCodec::H264), Ok(()));
    }

    #[test]
    fn each_output_says_which_codecs_it_carries() {
        use VideoCodec::*;
        for (output, carried) in [
            (file("a.mp4"), &[H264, H265, Vp9, Av1][..]),
            (file("a.mkv"), &[H264, H265, Vp9, Av1]),
            (file("a.webm"), &[H264, H265, Vp9, Av1]),
            (audio("a.mp3"), &[H264, H265, Vp9, Av1]),
            (images("i", 5), &[H264, H265, Vp9, Av1]),
            (hls("live"), &[H264, H265, Av1]),
            (stream("srt://h:1"), &[H264, H265]),
            (stream("rtmp://h/a/k"), &[H264]),
            (stream("rtmps://h/a/k"), &[H264]),
        ] {
            for codec in VideoCodec::ALL {
                let checked = check(std::slice::from_ref(&output), codec);
                assert_eq!(checked.is_ok(), carried.contains(&codec), "{output:?} {codec}");
            }
        }
        let error = check(&[file("a.mp4"), stream("srt://h:1")], Av1).expect_err("refused");
        assert_eq!(error.to_string(), "SRT can't carry AV1; choose the codec h264 or h265, or drop that output");
    }

    #[test]
    fn only_webm_encodes_some_codecs_anew() {
        for codec in VideoCodec::ALL {
            assert!(Container::Mp4.copies(codec) && Container::Mkv.copies(codec));
        }
        let copied: Vec<_> = VideoCodec::ALL.into_iter().filter(|codec| Container::Webm.copies(*codec)).collect();
        assert_eq!(copied, [VideoCodec::Vp9, VideoCodec::Av1]);
    }

    #[test]
    fn a_refused_output_is_the_request_s_fault_and_a_sentence() {
        let failure = Failure::from(OutputError::None);
        assert_eq!(failure.kind, FailureKind::BadRequest);
        assert!(failure.message.starts_with("The recording has no output;") && failure.message.ends_with('.'));
        let failure = Failure::from(OutputError::SamePath("/o/ü".into()));
        assert_eq!(failure.message, "Two outputs go to /o/ü; give each a place of its own.");
        let failure = Failure::from(check(&[file("the.avi")], VideoCodec::H264).expect_err("refused"));
        assert!(failure.message.starts_with("the.avi can't be made"), "{failure}");
    }

    #[test]
    fn outputs_are_plain_objects_and_unknown_fields_are_errors() {
        let outputs = [
            (file("/o/a.mp4"), r#"{"kind":"file","path":"/o/a.mp4"}"#),
            (audio("/o/a.m4a"), r#"{"kind":"audio","path":"/o/a.m4a"}"#),
            (hls("/o/l"), r#"{"kind":"hls","directory":"/o/l"}"#),
            (stream("srt://h:1?streamid=x"), r#"{"kind":"stream","url":"srt://h:1?streamid=x"}"#),
            (images("/o/i", 10), r#"{"kind":"images","directory":"/o/i","every_s":10}"#),
        ];
        for (output, json) in outputs {
            assert_eq!(serde_json::to_string(&output).expect("serialises"), json);
            assert_eq!(serde_json::from_str::<Output>(json).expect("parses"), output);
        }
        for bad in [
            r#"{"kind":"file","path":"/o/a.mp4","codec":"av1"}"#,
            r#"{"kind":"tracks"}"#,
            r#"{"kind":"stream","url":"http://h/a/k"}"#,
        ] {
            assert!(serde_json::from_str::<Output>(bad).is_err(), "{bad}");
        }
    }

    /// A path, and the same with detours.
    fn spelled_twice() -> impl Strategy<Value = (String, String)> {
        let part = ("[a-z]{1,4}", prop::sample::select(vec!["", "./", "x/../", ".//./", "y/z/../../"]));
        prop::collection::vec(part, 1..5).prop_map(|parts| {
            let plain: String = parts.iter().map(|(name, _)| format!("/{name}")).collect();
            let other: String = parts.iter().map(|(name, detour)| format!("/{detour}{name}")).collect();
            (format!("{plain}.mp4"), format!("{other}.mp4"))
        })
    }

    proptest! {
        #[test]
        fn one_place_is_one_place_however_it_is_spelled((plain, other) in spelled_twice()) {
            prop_assert_eq!(normalised(Path::new(&other)), PathBuf::from(&plain));
            let refused = check(&[file(&plain), file(&other)], VideoCodec::H264);
            prop_assert_eq!(refused, Err(OutputError::SamePath(PathBuf::from(&plain))));
        }

        #[test]
        fn a_plain_path_stays_as_it_is(path in "/?([a-z.]{1,4}/){0,4}[a-z]{1,4}") {
            let once = normalised(Path::new(&path));
            prop_assert_eq!(normalised(&once), once);
        }

        #[test]
        fn the_order_of_outputs_does_not_matter(
            picked in prop::collection::vec(0usize..9, 1..6),
            codec in prop::sample::select(VideoCodec::ALL.to_vec()),
        ) {
            let all = [
                file("/o/a.mp4"), file("/o/b/../a.mp4"), audio("/o/a.mp4/x.m4a"), hls("/o"), hls("/o/l"), images("/o/l", 3),
                stream("rtmp://h/a/k"), stream("srt://127.0.0.1:1"), file("/o/x.xyz"),
            ];
            let forth: Vec<Output> = picked.iter().map(|index| all[*index].clone()).collect();
            let back: Vec<Output> = forth.iter().rev().cloned().collect();
            prop_assert_eq!(check(&forth, codec).is_ok(), check(&back, codec).is_ok());
        }
    }
}

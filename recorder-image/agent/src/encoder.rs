//! What encodes the picture: software, or hardware that has proved that it works here.
//!
//! ```text
//! Encoding ──▶ does this ffmpeg have the encoder? ──▶ does it encode three frames? ──▶ Encoder
//!                   no ╲                               no ╱
//!                       ╲─▶ the next one; software last ◀╱    and a warning that says why
//! ```
//!
//! All encoders are set up for one frame in, one frame out: no B-frames (a frame's time is set by its number later), no frames held
//! back, a keyframe that begins a closed group each [`KEYFRAME_S`] and none between.
//!
//! The hardware encoders' options have never met hardware: on the machines where this is developed there is none. What is tested is
//! that ffmpeg knows each option, and that what does not work is noticed and replaced by software.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::process::Command;
use wallflower_domain::encoding::{EncoderChoice, Encoding, VideoCodec};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::frame::{FrameRate, FrameSize};
use wallflower_domain::output::Container;

use crate::capture::explain;
use crate::child::{self, Child, LineSink};
use crate::ffmpeg::Ffmpeg;

/// Seconds between two keyframes.
pub(crate) const KEYFRAME_S: u32 = 2;
/// Hardware may take seconds to wake.
const PROBE_DEADLINE: Duration = Duration::from_secs(10);
const LIST_DEADLINE: Duration = Duration::from_secs(10);
const RENDER_NODES: &str = "/dev/dri";

/// An encoder with which this machine can record. It is kept with the recording: pieces that are joined by stream copy, slates
/// included, must come from the same one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "engine", rename_all = "snake_case")]
pub(crate) enum Encoder {
    Software { library: Library },
    Vaapi { codec: VideoCodec, device: PathBuf },
    Nvenc { codec: VideoCodec },
    Qsv { codec: VideoCodec },
}

/// An encoder in software.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Library {
    X264,
    X265,
    Vpx,
    Aom,
    SvtAv1,
}

impl Library {
    /// Those that encode a codec, best first. libaom with the settings below takes 60 % of what SVT-AV1 takes, and half its memory.
    fn of(codec: VideoCodec) -> &'static [Self] {
        match codec {
            VideoCodec::H264 => &[Self::X264],
            VideoCodec::H265 => &[Self::X265],
            VideoCodec::Vp9 => &[Self::Vpx],
            VideoCodec::Av1 => &[Self::Aom, Self::SvtAv1],
        }
    }

    fn codec(self) -> VideoCodec {
        match self {
            Self::X264 => VideoCodec::H264,
            Self::X265 => VideoCodec::H265,
            Self::Vpx => VideoCodec::Vp9,
            Self::Aom | Self::SvtAv1 => VideoCodec::Av1,
        }
    }

    /// ffmpeg's name.
    fn name(self) -> &'static str {
        match self {
            Self::X264 => "libx264",
            Self::X265 => "libx265",
            Self::Vpx => "libvpx-vp9",
            Self::Aom => "libaom-av1",
            Self::SvtAv1 => "libsvtav1",
        }
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self::Software { library: Library::X264 }
    }
}

impl Encoder {
    pub(crate) fn codec(&self) -> VideoCodec {
        match self {
            Self::Software { library } => library.codec(),
            Self::Vaapi { codec, .. } | Self::Nvenc { codec } | Self::Qsv { codec } => *codec,
        }
    }

    /// ffmpeg's name.
    pub(crate) fn name(&self) -> String {
        let of_engine = |codec: VideoCodec, engine: &str| {
            // The one codec that ffmpeg calls by its other name.
            let codec = if codec == VideoCodec::H265 { "hevc" } else { codec.name() };
            format!("{codec}_{engine}")
        };
        match self {
            Self::Software { library } => library.name().to_owned(),
            Self::Vaapi { codec, .. } => of_engine(*codec, "vaapi"),
            Self::Nvenc { codec } => of_engine(*codec, "nvenc"),
            Self::Qsv { codec } => of_engine(*codec, "qsv"),
        }
    }

    /// What people call the engine.
    fn engine(&self) -> String {
        match self {
            Self::Software { library } => library.name().to_owned(),
            Self::Vaapi { device, .. } => format!("VA-API on {}", device.display()),
            Self::Nvenc { .. } => "NVENC".to_owned(),
            Self::Qsv { .. } => "Quick Sync".to_owned(),
        }
    }

    /// Options that stand before the inputs.
    pub(crate) fn device_options(&self) -> Vec<String> {
        match self {
            Self::Vaapi { device, .. } => vec!["-vaapi_device".to_owned(), device.display().to_string()],
            Self::Software { .. } | Self::Nvenc { .. } | Self::Qsv { .. } => Vec::new(),
        }
    }

    /// End of the filters of a picture that is not what the encoder wants. RGB is full range sRGB; HD video is BT.709, and says so.
    pub(crate) fn filter(&self) -> String {
        format!("scale=out_color_matrix=bt709:out_range=tv:flags=fast_bilinear,format={}", self.pixels())
    }

    /// The filters of a capture, which comes as I420 of BT.709. A screen's pixels have no aspect ratio.
    pub(crate) fn capture_filter(&self) -> String {
        format!("setsar=0,format={}", self.pixels())
    }

    fn pixels(&self) -> &'static str {
        match self {
            Self::Software { .. } | Self::Nvenc { .. } => "yuv420p",
            Self::Qsv { .. } => "nv12",
            Self::Vaapi { .. } => "nv12,hwupload",
        }
    }

    /// How pictures are encoded: the same for captures and slates, because a stream copy joins them under one description.
    pub(crate) fn picture_options(&self, fps: FrameRate) -> Vec<String> {
        let mut options = Options::default();
        options.add("-colorspace bt709 -color_primaries bt709 -color_trc iec61966-2-1 -color_range tv");
        options.add(&format!("-fps_mode cfr -r {fps} -c:v {}", self.name()));
        let group = fps.get() * KEYFRAME_S;
        match self {
            Self::Software { library } => options.add(&library_options(*library, group)),
            Self::Vaapi { codec, .. } => options.add(&vaapi_options(*codec, group)),
            Self::Nvenc { codec } => options.add(&nvenc_options(*codec, group)),
            Self::Qsv { codec } => options.add(&qsv_options(*codec, group)),
        }
        // The name under which Apple's players know H.265.
        if self.codec() == VideoCodec::H265 {
            options.add("-tag:v hvc1");
        }
        options.0
    }
}

#[derive(Default)]
struct Options(Vec<String>);

impl Options {
    fn add(&mut self, words: &str) {
        self.0.extend(words.split_whitespace().map(str::to_owned));
    }
}

/// Measured on 20 s of 1280x720 at 30, four drawn people, in processor time / MB / SSIM: x264 1.8 s / 3.64 / .9979, libx265 10.1 s /
/// 1.41 / .9976, libvpx 2.7 s / 2.40 / .9979, libaom 3.9 s / 1.46 / .9979, SVT-AV1 6.6 s / 1.71 / .9979.
fn library_options(library: Library, group: u32) -> String {
    match library {
        // Design §7: as cheap as x264 gets, with the three tools that pay for themselves switched back on.
        Library::X264 => {
            format!("-preset ultrafast -x264-params cabac=1:deblock=0,0:8x8dct=1 -profile:v high -crf 25 -g {group}")
        }
        // ultrafast has no blocks smaller than 16x16: three quarters of the time, but three times the size at the SSIM of superfast,
        // more than x264 needs.
        Library::X265 => format!(
            "-preset superfast -tune zerolatency -crf 26 -g {group} \
             -x265-params log-level=error:keyint={group}:min-keyint={group}:scenecut=0:open-gop=0"
        ),
        Library::Vpx => format!(
            "-deadline realtime -cpu-used 8 -row-mt 1 -lag-in-frames 0 -b:v 0 -crf 25 -g {group} -keyint_min {group}"
        ),
        // By itself libaom computes the costs of its symbols anew for every superblock: that alone is 6 of 9.4 s. Its speed 10 is
        // beyond what ffmpeg 5.1 lets -cpu-used have.
        Library::Aom => format!(
            "-usage realtime -row-mt 1 -lag-in-frames 0 -b:v 0 -crf 24 -g {group} -keyint_min {group} \
             -aom-params cpu-used=10:coeff-cost-upd-freq=3:mode-cost-upd-freq=3:mv-cost-upd-freq=3"
        ),
        // Low delay: no pyramids of frames.
        Library::SvtAv1 => format!("-preset 13 -crf 26 -g {group} -svtav1-params pred-struct=1"),
    }
}

/// Quality of a hardware encoder on the scale of its codec: 0 to 51, or 0 to 255.
fn quality(codec: VideoCodec) -> u32 {
    match codec {
        VideoCodec::H264 => 24,
        VideoCodec::H265 => 26,
        VideoCodec::Vp9 | VideoCodec::Av1 => 100,
    }
}

fn profile(codec: VideoCodec) -> &'static str {
    if codec == VideoCodec::H264 { "-profile:v high" } else { "" }
}

fn vaapi_options(codec: VideoCodec, group: u32) -> String {
    let (quality, profile) = (quality(codec), profile(codec));
    format!("-rc_mode CQP -global_quality {quality} {profile} -bf 0 -g {group} -idr_interval 0")
}

fn nvenc_options(codec: VideoCodec, group: u32) -> String {
    // Its scale for AV1 is that of the others.
    let quality = if codec == VideoCodec::Av1 { 30 } else { quality(codec) };
    let profile = profile(codec);
    format!("-preset p4 -tune ll -rc vbr -cq {quality} -b:v 0 {profile} -bf 0 -g {group} -zerolatency 1 -delay 0")
}

fn qsv_options(codec: VideoCodec, group: u32) -> String {
    let (quality, profile) = (quality(codec), profile(codec));
    format!("-preset veryfast -global_quality {quality} {profile} -bf 0 -g {group} -async_depth 1")
}

/// The encoders that an ffmpeg was built with.
pub(crate) struct Encoders(BTreeSet<String>);

impl Encoders {
    /// Asks it; takes some 50 ms.
    pub(crate) async fn of(ffmpeg: &Ffmpeg) -> Result<Self, Failure> {
        let mut command = ffmpeg.command();
        command.arg("-encoders");
        let names = Arc::new(Mutex::new(BTreeSet::new()));
        let found = Arc::clone(&names);
        let on_stdout: LineSink = Box::new(move |line| {
            if let Some(name) = listed(line) {
                found.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
            }
        });
        let (status, tail) = child::run("ffmpeg", command, LIST_DEADLINE, on_stdout).await?;
        if !status.success() {
            return Err(explain(&tail, status));
        }
        let names = std::mem::take(&mut *names.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Self(names))
    }

    fn have(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Fails when this ffmpeg can't make such a file of a recording with this codec: to be known before there is a recording.
    pub(crate) fn check(&self, container: Container, codec: VideoCodec) -> Result<(), Failure> {
        let needed: &[&str] = match container {
            Container::Mp4 | Container::Mkv | Container::M4a => &[],
            Container::Webm if container.copies(codec) => &["libopus"],
            Container::Webm => &["libopus", "libvpx-vp9"],
            Container::Opus | Container::Ogg => &["libopus"],
            Container::Mp3 => &["libmp3lame"],
            Container::Flac => &["flac"],
            Container::Wav => &["pcm_s16le"],
        };
        match needed.iter().find(|name| !self.have(name)) {
            None => Ok(()),
            Some(name) => Err(Failure::new(
                FailureKind::ProgramMissing,
                format!(
                    "This machine's ffmpeg can't make .{container} files, because it was built without {name}; install the \
                     distribution's by `apt-get install ffmpeg`, or drop that output."
                ),
            )),
        }
    }
}

/// The name in a line of ffmpeg's list: ` V....D libx264   description`.
fn listed(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let flags = words.next()?;
    let name = words.next()?;
    let is_entry = flags.len() == 6 && flags.starts_with(['V', 'A', 'S']) && name != "=";
    is_entry.then_some(name)
}

/// Finds what can encode this here. With it comes a warning, a sentence, when that is not what was asked for.
pub(crate) async fn resolve(
    ffmpeg: &Ffmpeg,
    encoding: Encoding,
    size: FrameSize,
    fps: FrameRate,
) -> Result<(Encoder, Option<String>), Failure> {
    let encoders = Encoders::of(ffmpeg).await?;
    let mut refusals = Vec::new();
    for candidate in candidates(encoding, &render_nodes()) {
        match try_out(ffmpeg, &encoders, &candidate, size, fps).await? {
            Ok(()) => return Ok((candidate, None)),
            Err(why) => refusals.push(format!("{}: {why}", candidate.engine())),
        }
    }
    if uses_vaapi(encoding.encoder) && render_nodes().is_empty() {
        refusals.push(format!("VA-API: there is no {RENDER_NODES}/renderD*"));
    }
    let encoder = software(ffmpeg, &encoders, encoding.codec, size, fps).await?;
    Ok((encoder, warning(encoding, &refusals)))
}

fn uses_vaapi(choice: EncoderChoice) -> bool {
    matches!(choice, EncoderChoice::Vaapi | EncoderChoice::Auto)
}

/// Hardware to be tried, in this order.
fn candidates(encoding: Encoding, nodes: &[PathBuf]) -> Vec<Encoder> {
    let codec = encoding.codec;
    let vaapi = nodes.iter().map(|device| Encoder::Vaapi { codec, device: device.clone() });
    match encoding.encoder {
        EncoderChoice::Software => Vec::new(),
        EncoderChoice::Nvenc => vec![Encoder::Nvenc { codec }],
        EncoderChoice::Qsv => vec![Encoder::Qsv { codec }],
        EncoderChoice::Vaapi => vaapi.collect(),
        EncoderChoice::Auto => [Encoder::Nvenc { codec }, Encoder::Qsv { codec }].into_iter().chain(vaapi).collect(),
    }
}

fn render_nodes() -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(RENDER_NODES)).into_iter().flatten().flatten();
    let is_node = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("renderD"));
    let mut nodes: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_node).collect();
    nodes.sort();
    nodes
}

/// Why software encodes although hardware was asked for.
fn warning(encoding: Encoding, refusals: &[String]) -> Option<String> {
    let codec = encoding.codec.title();
    match encoding.encoder {
        EncoderChoice::Software => None,
        EncoderChoice::Auto => Some(format!(
            "No hardware here encodes {codec} ({}); software does it, which takes more processor time.",
            refusals.join("; ")
        )),
        EncoderChoice::Vaapi | EncoderChoice::Nvenc | EncoderChoice::Qsv => Some(format!(
            "The hardware encoder that was asked for can't encode {codec} here ({}); software does it, which takes more processor time.",
            refusals.join("; ")
        )),
    }
}

async fn software(
    ffmpeg: &Ffmpeg,
    encoders: &Encoders,
    codec: VideoCodec,
    size: FrameSize,
    fps: FrameRate,
) -> Result<Encoder, Failure> {
    let libraries = Library::of(codec);
    let mut refusals = Vec::new();
    for library in libraries.iter().copied().filter(|library| encoders.have(library.name())) {
        let encoder = Encoder::Software { library };
        // The default is not to cost each recording a probe at its start: the capture is one.
        if library == Library::X264 {
            return Ok(encoder);
        }
        match try_out(ffmpeg, encoders, &encoder, size, fps).await? {
            Ok(()) => return Ok(encoder),
            Err(why) => refusals.push(format!("{}: {why}", encoder.engine())),
        }
    }
    let title = codec.title();
    if refusals.is_empty() {
        let names: Vec<_> = libraries.iter().map(|library| library.name()).collect();
        return Err(Failure::new(
            FailureKind::ProgramMissing,
            format!(
                "This machine's ffmpeg can't encode {title}, because it was built without {}; install the distribution's by \
                 `apt-get install ffmpeg`, or choose another codec.",
                names.join(" and ")
            ),
        ));
    }
    Err(Failure::new(
        FailureKind::ProgramDied,
        format!("This machine's ffmpeg fails to encode {title} ({}); choose another codec.", refusals.join("; ")),
    ))
}

/// Encodes three frames. The inner error is the reason why that can't be done, in a few words.
async fn try_out(
    ffmpeg: &Ffmpeg,
    encoders: &Encoders,
    encoder: &Encoder,
    size: FrameSize,
    fps: FrameRate,
) -> Result<Result<(), String>, Failure> {
    let name = encoder.name();
    if !encoders.have(&name) {
        return Ok(Err(format!("this ffmpeg has no {name}")));
    }
    let (on_stderr, complaint) = first_complaint();
    let child = Child::spawn("ffmpeg", trial(ffmpeg, encoder, size, fps), child::ignore(), on_stderr)?;
    let Ok(status) = tokio::time::timeout(PROBE_DEADLINE, child.exited()).await else {
        let _ = child.stop(&[]).await;
        return Ok(Err(format!("it did not encode three frames within {} s", PROBE_DEADLINE.as_secs())));
    };
    if status.success() {
        return Ok(Ok(()));
    }
    let complaint = complaint.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(Err(complaint.unwrap_or_else(|| format!("ffmpeg ended with {status}"))))
}

fn trial(ffmpeg: &Ffmpeg, encoder: &Encoder, size: FrameSize, fps: FrameRate) -> Command {
    let mut command = ffmpeg.command();
    command.args(encoder.device_options());
    command.args(["-f", "lavfi", "-i", &format!("testsrc2=s={size}:r={fps}"), "-frames:v", "3"]);
    command.args(["-vf", &encoder.filter()]).args(encoder.picture_options(fps)).args(["-f", "null", "-"]);
    command
}

/// Keeps the first line: the later ones are ffmpeg's consequences of it.
fn first_complaint() -> (LineSink, Arc<Mutex<Option<String>>>) {
    let kept = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&kept);
    let sink: LineSink = Box::new(move |line| {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        // SVT-AV1 introduces itself first.
        if seen.is_none() && !line.trim().is_empty() && !line.starts_with("Svt[info]") {
            *seen = Some(in_short(line));
        }
    });
    (sink, kept)
}

/// `[h264_nvenc @ 0x5655123f21c0] Cannot load libcuda.so.1` without what only a debugger can use.
fn in_short(line: &str) -> String {
    let line = line.trim();
    let words = match line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((context, words)) if context.contains(" @ 0x") => words,
        _ => line,
    };
    words.trim_end_matches('.').chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::facts;

    const LIBRARIES: [Library; 5] = [Library::X264, Library::X265, Library::Vpx, Library::Aom, Library::SvtAv1];

    fn ffmpeg() -> Ffmpeg {
        Ffmpeg::find().expect("ffmpeg is installed")
    }

    fn encoding(codec: VideoCodec, encoder: EncoderChoice) -> Encoding {
        Encoding { codec, encoder }
    }

    fn options(encoder: &Encoder) -> String {
        encoder.picture_options(FrameRate::DEFAULT).join(" ")
    }

    fn hardware(codec: VideoCodec) -> [Encoder; 3] {
        [
            Encoder::Nvenc { codec },
            Encoder::Qsv { codec },
            Encoder::Vaapi { codec, device: "/dev/dri/renderD128".into() },
        ]
    }

    async fn resolved(codec: VideoCodec, choice: EncoderChoice) -> (Encoder, Option<String>) {
        let size = FrameSize::new(320, 180).expect("even");
        let resolved = resolve(&ffmpeg(), encoding(codec, choice), size, FrameRate::DEFAULT).await;
        resolved.unwrap_or_else(|failure| panic!("{codec} by {choice}: {failure}"))
    }

    #[test]
    fn the_default_is_the_encoder_that_was_measured_against_the_others() {
        assert_eq!(
            options(&Encoder::default()),
            "-colorspace bt709 -color_primaries bt709 -color_trc iec61966-2-1 -color_range tv -fps_mode cfr -r 30 -c:v libx264 \
             -preset ultrafast -x264-params cabac=1:deblock=0,0:8x8dct=1 -profile:v high -crf 25 -g 60"
        );
        assert_eq!(
            Encoder::default().filter(),
            "scale=out_color_matrix=bt709:out_range=tv:flags=fast_bilinear,format=yuv420p"
        );
        assert!(Encoder::default().device_options().is_empty());
    }

    #[test]
    fn hardware_is_told_what_software_is_told() {
        for codec in VideoCodec::ALL {
            for encoder in hardware(codec) {
                let options = options(&encoder);
                assert!(options.contains(&format!("-c:v {}", encoder.name())), "{options}");
                assert!(options.contains("-bf 0 -g 60"), "{options}");
                assert_eq!(options.contains("-tag:v hvc1"), codec == VideoCodec::H265, "{options}");
                assert_eq!(options.contains("-profile:v high"), codec == VideoCodec::H264, "{options}");
                assert_eq!(encoder.codec(), codec);
            }
        }
        let [nvenc, qsv, vaapi] = hardware(VideoCodec::H265);
        assert_eq!(
            (nvenc.name(), qsv.name(), vaapi.name()),
            ("hevc_nvenc".into(), "hevc_qsv".into(), "hevc_vaapi".into())
        );
        assert!(options(&nvenc).contains("-preset p4 -tune ll -rc vbr -cq 26 -b:v 0"));
        assert!(options(&qsv).contains("-preset veryfast -global_quality 26"));
        assert!(options(&vaapi).contains("-rc_mode CQP -global_quality 26"));
        assert_eq!(vaapi.device_options(), ["-vaapi_device", "/dev/dri/renderD128"]);
        assert!(vaapi.filter().ends_with("format=nv12,hwupload") && qsv.filter().ends_with("format=nv12"));
    }

    /// Options of every encoder, which an encoder's own help does not list.
    const COMMON: [&str; 13] = [
        "-colorspace",
        "-color_primaries",
        "-color_trc",
        "-color_range",
        "-fps_mode",
        "-r",
        "-c:v",
        "-b:v",
        "-bf",
        "-g",
        "-tag:v",
        "-keyint_min",
        "-global_quality",
    ];

    #[tokio::test]
    async fn ffmpeg_knows_every_option_that_an_encoder_is_given() {
        let encoders = Encoders::of(&ffmpeg()).await.expect("listed");
        let all = VideoCodec::ALL
            .into_iter()
            .flat_map(hardware)
            .chain(LIBRARIES.map(|library| Encoder::Software { library }));
        let mut asked = 0;
        for encoder in all.filter(|encoder| encoders.have(&encoder.name())) {
            let mut command = ffmpeg().command();
            command.args(["-h", &format!("encoder={}", encoder.name())]);
            let output = command.output().await.expect("ffmpeg starts");
            let help = String::from_utf8_lossy(&output.stdout);
            let options = encoder.picture_options(FrameRate::DEFAULT);
            let is_option =
                |word: &&String| word.starts_with('-') && word.chars().nth(1).is_some_and(char::is_alphabetic);
            for option in options.iter().filter(is_option).filter(|word| !COMMON.contains(&word.as_str())) {
                let own = option.trim_end_matches(":v");
                // libx264 and libx265 check their profiles by themselves.
                assert!(help.contains(&format!("  {own} ")), "{} does not know {option}", encoder.name());
            }
            asked += 1;
        }
        assert!(asked >= LIBRARIES.len(), "{asked}");
    }

    /// What ffmpeg says of the picture's description, and each packet: time, decoding time, flags.
    async fn described(file: &Path) -> (String, Vec<(f64, f64, bool)>) {
        let mut command = ffmpeg().probe();
        command.args(["-show_data_hash", "md5", "-select_streams", "v", "-of", "compact=p=0:nk=1"]);
        command
            .args(["-show_entries", "packet=pts_time,dts_time,flags:stream=codec_tag_string,extradata_hash"])
            .arg(file);
        let output = command.output().await.expect("ffprobe starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("text");
        let (packets, description): (Vec<&str>, Vec<&str>) =
            text.lines().partition(|line| line.matches('|').count() == 2);
        let packets = packets.into_iter().map(|line| {
            let fields: Vec<&str> = line.split('|').collect();
            let time = |index: usize| fields[index].parse().expect("a time");
            (time(0), time(1), fields[2].starts_with('K'))
        });
        (description.concat(), packets.collect())
    }

    #[tokio::test]
    async fn every_encoder_makes_a_keyframe_each_two_seconds_and_no_frame_waits_for_a_later_one() {
        let folder = tempfile::tempdir().expect("temp dir");
        let encoders = Encoders::of(&ffmpeg()).await.expect("listed");
        for library in LIBRARIES {
            assert!(encoders.have(library.name()), "Debian's and Ubuntu's ffmpeg have {}", library.name());
            let encoder = Encoder::Software { library };
            let mut descriptions = Vec::new();
            // A lively picture with cuts, and a slate, in pieces that are flushed as captures are.
            for (name, source) in [("lively", "testsrc2"), ("slate", "color=c=navy")] {
                let file = folder.path().join(format!("{}-{name}.mp4", library.name()));
                let mut command = ffmpeg().command();
                let separator = if source.contains('=') { ':' } else { '=' };
                let cuts = "negate=enable='gt(mod(t,1.3),0.65)',setsar=0";
                command.args(["-f", "lavfi", "-i", &format!("{source}{separator}s=320x180:r=30:d=5,{cuts}")]);
                command.args(["-vf", &encoder.filter()]).args(encoder.picture_options(FrameRate::DEFAULT));
                command.args(["-f", "mp4", "-frag_duration", "500000", "-movflags"]);
                command.arg("+frag_keyframe+delay_moov+default_base_moof").arg(&file);
                let output = command.output().await.expect("ffmpeg starts");
                assert!(output.status.success(), "{}: {}", library.name(), String::from_utf8_lossy(&output.stderr));

                let found = facts(&ffmpeg(), &file).await.expect("whole").video.expect("a picture");
                assert_eq!((found.video_codec(), found.frames), (Some(library.codec()), 150), "{}", library.name());
                let (description, packets) = described(&file).await;
                let keyframes: Vec<f64> = packets.iter().filter(|packet| packet.2).map(|packet| packet.0).collect();
                assert_eq!(keyframes, [0.0, 2.0, 4.0], "{} {name}", library.name());
                assert!(packets.iter().all(|(shown, decoded, _)| shown == decoded), "{} {name}", library.name());
                assert_eq!(description.contains("hvc1"), library == Library::X265, "{description}");
                descriptions.push(description);
            }
            assert_eq!(descriptions[0], descriptions[1], "{}: captures and slates are joined", library.name());
        }
    }

    #[tokio::test]
    async fn every_codec_has_its_software_and_nothing_to_warn_of() {
        for (codec, library) in [
            (VideoCodec::H264, Library::X264),
            (VideoCodec::H265, Library::X265),
            (VideoCodec::Vp9, Library::Vpx),
            (VideoCodec::Av1, Library::Aom),
        ] {
            assert_eq!(resolved(codec, EncoderChoice::Software).await, (Encoder::Software { library }, None));
        }
    }

    #[tokio::test]
    async fn hardware_that_can_t_do_it_is_replaced_and_that_is_said() {
        // There is no such NVENC, with or without a graphics card.
        let (encoder, warning) = resolved(VideoCodec::Vp9, EncoderChoice::Nvenc).await;
        assert_eq!(encoder, Encoder::Software { library: Library::Vpx });
        assert_eq!(
            warning.expect("said out loud"),
            "The hardware encoder that was asked for can't encode VP9 here (NVENC: this ffmpeg has no vp9_nvenc); software does it, \
             which takes more processor time."
        );
    }

    #[tokio::test]
    async fn a_warning_comes_with_software_and_only_with_it() {
        for choice in [EncoderChoice::Auto, EncoderChoice::Vaapi, EncoderChoice::Nvenc, EncoderChoice::Qsv] {
            let (encoder, warning) = resolved(VideoCodec::H264, choice).await;
            assert_eq!(encoder == Encoder::default(), warning.is_some(), "{choice}: {encoder:?} {warning:?}");
            let names = match choice {
                EncoderChoice::Auto => &["NVENC: ", "Quick Sync: ", "VA-API"][..],
                EncoderChoice::Nvenc => &["NVENC: "],
                EncoderChoice::Qsv => &["Quick Sync: "],
                _ => &["VA-API"],
            };
            let warning = warning.unwrap_or_else(|| names.concat());
            assert!(names.iter().all(|name| warning.contains(name)), "{warning}");
        }
    }

    #[tokio::test]
    async fn a_device_that_is_none_is_refused_in_a_few_words() {
        let encoders = Encoders::of(&ffmpeg()).await.expect("listed");
        let encoder = Encoder::Vaapi { codec: VideoCodec::H264, device: "/dev/null".into() };
        let tried = try_out(&ffmpeg(), &encoders, &encoder, FrameSize::HD, FrameRate::DEFAULT).await.expect("tried");
        let why = tried.expect_err("no graphics card");
        assert!(why.starts_with("Device creation failed") || why.contains("/dev/null"), "{why}");
        assert!(!why.contains(" @ 0x") && encoder.engine() == "VA-API on /dev/null", "{why}");
    }

    #[tokio::test]
    async fn a_codec_that_ffmpeg_lacks_is_a_failure_that_names_the_package() {
        let none = Encoders(BTreeSet::new());
        let refused = software(&ffmpeg(), &none, VideoCodec::Av1, FrameSize::HD, FrameRate::DEFAULT).await;
        let failure = refused.expect_err("nothing can");
        assert_eq!(failure.kind, FailureKind::ProgramMissing);
        assert!(
            failure.message.contains("libaom-av1 and libsvtav1") && failure.message.contains("apt-get install ffmpeg")
        );
        let failure = none.check(Container::Mp3, VideoCodec::H264).expect_err("no LAME");
        assert!(failure.kind == FailureKind::ProgramMissing && failure.message.contains("libmp3lame"), "{failure}");
        assert_eq!(none.check(Container::Mkv, VideoCodec::Av1), Ok(()));
    }

    #[tokio::test]
    async fn the_distribution_s_ffmpeg_makes_every_container() {
        let encoders = Encoders::of(&ffmpeg()).await.expect("listed");
        for container in Container::ALL {
            for codec in VideoCodec::ALL {
                assert_eq!(encoders.check(container, codec), Ok(()));
            }
        }
    }

    #[test]
    fn hardware_is_tried_in_order_and_software_is_no_candidate() {
        let nodes = ["/dev/dri/renderD128".into(), "/dev/dri/renderD129".into()];
        let names = |choice| {
            let found = candidates(encoding(VideoCodec::H264, choice), &nodes);
            found.iter().map(Encoder::name).collect::<Vec<_>>()
        };
        assert_eq!(names(EncoderChoice::Auto), ["h264_nvenc", "h264_qsv", "h264_vaapi", "h264_vaapi"]);
        assert_eq!(names(EncoderChoice::Vaapi), ["h264_vaapi", "h264_vaapi"]);
        assert_eq!(names(EncoderChoice::Qsv), ["h264_qsv"]);
        assert!(names(EncoderChoice::Software).is_empty());
    }

    #[test]
    fn an_encoder_is_kept_with_the_recording() {
        let vaapi = Encoder::Vaapi { codec: VideoCodec::Av1, device: "/dev/dri/renderD128".into() };
        for encoder in [Encoder::default(), vaapi, Encoder::Nvenc { codec: VideoCodec::H265 }] {
            let json = serde_json::to_string(&encoder).expect("serialises");
            assert_eq!(serde_json::from_str::<Encoder>(&json).expect("its own text"), encoder, "{json}");
        }
    }

    #[test]
    fn ffmpeg_s_list_and_complaints_are_read() {
        assert_eq!(listed(" V....D libx264              libx264 H.264 / AVC"), Some("libx264"));
        assert_eq!(listed(" V..... = Video"), None);
        assert_eq!(listed("Encoders:"), None);
        assert_eq!(listed(" ------"), None);
        assert_eq!(in_short("[h264_nvenc @ 0x5655123f21c0] Cannot load libcuda.so.1"), "Cannot load libcuda.so.1");
        assert_eq!(in_short("Device creation failed: -22."), "Device creation failed: -22");
        assert_eq!(in_short("[0:v] matches no streams"), "[0:v] matches no streams");
    }
}

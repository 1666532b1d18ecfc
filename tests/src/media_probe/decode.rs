//! Frames and samples of a file, decoded by child processes that cannot outlive their deadline.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::region::Region;

/// How long one pass over a file may take. An hour of 720p30 takes some minutes.
pub const DEADLINE: Duration = Duration::from_secs(900);

/// Rate to which sound is decoded, in Hz; recordings are made at it, so that nothing is resampled.
pub const SAMPLE_RATE: u32 = 48_000;

/// Why a file could not be measured: a sentence.
#[derive(Debug)]
pub struct ProbeError(String);

impl ProbeError {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ProbeError {}

/// Colours of a decoded frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// One byte a pixel.
    Gray,
    /// Three bytes a pixel: red, green, blue.
    Rgb,
}

impl Colours {
    const fn pix_fmt(self) -> &'static str {
        match self {
            Self::Gray => "gray",
            Self::Rgb => "rgb24",
        }
    }

    /// Bytes of one pixel.
    pub const fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
        }
    }
}

/// One decoded frame.
#[derive(Debug)]
pub struct Frame<'a> {
    /// Position in the file, from 0.
    pub index: usize,
    /// When a player shows it, in seconds.
    pub pts: f64,
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// What a pixel is made of.
    pub colours: Colours,
    /// Rows from the top, without padding.
    pub pixels: &'a [u8],
}

/// Decoded sound in one channel.
#[derive(Debug)]
pub struct Samples {
    /// Values in -1..=1 at [`SAMPLE_RATE`].
    pub values: Vec<f32>,
    /// When a player sounds the first one, in seconds.
    pub start: f64,
    /// Largest difference between a block's own time and the time that follows from the blocks before it, in seconds.
    /// A file whose sound has holes shows them here.
    pub largest_hole: f64,
}

impl Samples {
    /// When a player sounds the sample of that index, in seconds.
    pub fn time_of(&self, index: f64) -> f64 {
        self.start + index / f64::from(SAMPLE_RATE)
    }

    /// The samples from one time to another, in seconds, clipped to what there is.
    pub fn between(&self, from: f64, to: f64) -> &[f32] {
        let index = |time: f64| ((time - self.start) * f64::from(SAMPLE_RATE)).max(0.0) as usize;
        let end = index(to).min(self.values.len());
        &self.values[index(from).min(end)..end]
    }

    /// Length of what was decoded, in seconds.
    pub fn duration(&self) -> f64 {
        self.values.len() as f64 / f64::from(SAMPLE_RATE)
    }
}

/// The picture's times: shown from, for how long, in seconds.
#[derive(Clone, Copy, Debug)]
struct Shown {
    pts: f64,
    duration: f64,
}

/// What was decoded of a picture.
#[derive(Clone, Copy, Debug)]
pub struct Pictures {
    /// Number of frames.
    pub frames: usize,
    /// When the first frame is shown, in seconds.
    pub start: f64,
    /// When the last frame stops being shown, in seconds.
    pub end: f64,
}

impl Pictures {
    /// From the first frame's start to the last frame's end, in seconds.
    pub fn duration(&self) -> f64 {
        self.end - self.start
    }
}

/// Decodes the first video stream of `file` and shows every frame to `see`, in order of presentation. With a `region`, only
/// that part of each frame is decoded to pixels.
pub fn frames(
    file: &Path,
    colours: Colours,
    region: Option<Region>,
    mut see: impl FnMut(&Frame<'_>),
) -> Result<Pictures, ProbeError> {
    let times = frame_times(file)?;
    let (full_width, full_height) = frame_size(file)?;
    let crop = region.map(|region| region.pixels(full_width, full_height));
    let (width, height) = crop.map_or((full_width, full_height), |crop| (crop.width, crop.height));

    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(file).args(["-map", "0:v:0", "-fps_mode", "passthrough"]);
    if let Some(crop) = crop {
        ffmpeg.arg("-vf").arg(format!("crop={}:{}:{}:{}:exact=1", crop.width, crop.height, crop.left, crop.top));
    }
    ffmpeg.args(["-f", "rawvideo", "-pix_fmt", colours.pix_fmt(), "pipe:1"]);

    let mut pass = Pass::start(ffmpeg)?;
    let mut data = vec![0; width * height * colours.channels()];
    let mut index = 0;
    while pass.fill(&mut data)? {
        let Some(shown) = times.get(index) else {
            return Err(ProbeError::new(format!("{}: more frames than times ({})", file.display(), times.len())));
        };
        see(&Frame { index, pts: shown.pts, width, height, colours, pixels: &data });
        index += 1;
    }
    pass.finish()?;
    match (times.first(), times.last()) {
        (Some(first), Some(last)) if index == times.len() => {
            Ok(Pictures { frames: index, start: first.pts, end: last.pts + last.duration })
        }
        _ => Err(ProbeError::new(format!("{}: {index} frames, but {} times", file.display(), times.len()))),
    }
}

/// Decodes the first video stream of `file` and tells how long it is.
pub fn pictures(file: &Path) -> Result<Pictures, ProbeError> {
    // Every frame is decoded; one pixel of it is enough to know that it could be.
    frames(file, Colours::Gray, Some(Region::new(0.0, 0.0, 0.001, 0.001)), |_| {})
}

/// Decodes the first audio stream of `file`.
pub fn samples(file: &Path) -> Result<Samples, ProbeError> {
    samples_by(file, &["-ac", "1"])
}

/// Decodes both sides of the first audio stream of `file`, each by itself: left, right.
pub fn sides(file: &Path) -> Result<[Samples; 2], ProbeError> {
    Ok([samples_by(file, &["-af", "pan=mono|c0=c0"])?, samples_by(file, &["-af", "pan=mono|c0=c1"])?])
}

/// By what of ffmpeg it becomes one channel.
fn samples_by(file: &Path, mixed: &[&str]) -> Result<Samples, ProbeError> {
    let blocks = table(file, "a:0", "frame=pts_time,nb_samples")?;
    let mut blocks = blocks.iter().map(|row| match row.as_slice() {
        [pts, count] => Some((*pts, *count)),
        _ => None,
    });
    let Some(Some((start, first))) = blocks.next() else {
        return Err(ProbeError::new(format!("{}: no sound could be decoded", file.display())));
    };
    let mut expected = start + first / f64::from(SAMPLE_RATE);
    let mut largest_hole = 0.0_f64;
    for block in blocks {
        let (pts, count) = block.ok_or_else(|| ProbeError::new("a block of sound without a time"))?;
        largest_hole = largest_hole.max((pts - expected).abs());
        expected = pts + count / f64::from(SAMPLE_RATE);
    }

    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(file);
    ffmpeg.args(["-map", "0:a:0"]).args(mixed);
    ffmpeg.args(["-ar", &SAMPLE_RATE.to_string(), "-f", "f32le", "pipe:1"]);
    let bytes = Pass::start(ffmpeg)?.read_all()?;
    let values = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    Ok(Samples { values, start, largest_hole })
}

/// Runs a program to its end and returns what it printed.
pub(crate) fn output(command: Command) -> Result<Vec<u8>, ProbeError> {
    Pass::start(command)?.read_all()
}

fn frame_times(file: &Path) -> Result<Vec<Shown>, ProbeError> {
    let rows = table(file, "v:0", "frame=pts_time,pkt_duration_time")?;
    rows.iter()
        .map(|row| match row.as_slice() {
            [pts, duration] => Ok(Shown { pts: *pts, duration: *duration }),
            _ => Err(ProbeError::new(format!("{}: a frame without time or duration", file.display()))),
        })
        .collect()
}

fn frame_size(file: &Path) -> Result<(usize, usize), ProbeError> {
    match table(file, "v:0", "stream=width,height")?.first().map(Vec::as_slice) {
        Some([width, height]) => Ok((*width as usize, *height as usize)),
        _ => Err(ProbeError::new(format!("{}: no picture in it", file.display()))),
    }
}

/// Numbers that ffprobe prints for each entry, one row an entry.
fn table(file: &Path, stream: &str, entries: &str) -> Result<Vec<Vec<f64>>, ProbeError> {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "error", "-select_streams", stream, "-show_entries", entries, "-of", "csv=p=0"]).arg(file);
    let text = output(ffprobe)?;
    let text = String::from_utf8_lossy(&text);
    // A frame with side data ends in a stray comma.
    let number =
        |word: &str| word.parse::<f64>().map_err(|_| ProbeError::new(format!("{}: \"{word}\"", file.display())));
    text.lines()
        .map(|line| line.trim().trim_end_matches(','))
        .filter(|line| !line.is_empty())
        .map(|line| line.split(',').map(number).collect())
        .collect()
}

/// One run of a program whose output is read, ended by force at [`DEADLINE`].
struct Pass {
    stdout: ChildStdout,
    watch: JoinHandle<io::Result<Ended>>,
    stderr: JoinHandle<String>,
    done: Sender<()>,
    program: String,
}

struct Ended {
    success: bool,
    by_deadline: bool,
}

impl Pass {
    fn start(mut command: Command) -> Result<Self, ProbeError> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().map_err(|error| ProbeError::new(format!("{program} cannot be started: {error}")))?;
        let (Some(stdout), Some(mut errors)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(ProbeError::new(format!("{program} has no output")));
        };
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            // Text that is not UTF-8 ends the reading; it is only ever shown.
            let _ = errors.read_to_string(&mut text);
            text
        });
        let (done, is_done) = mpsc::channel();
        let watch = thread::spawn(move || {
            let by_deadline = is_done.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Timeout);
            Self::end(&mut child, by_deadline)
        });
        Ok(Self { stdout, watch, stderr, done, program })
    }

    fn end(child: &mut Child, by_deadline: bool) -> io::Result<Ended> {
        if by_deadline {
            child.kill()?;
        }
        Ok(Ended { success: child.wait()?.success(), by_deadline })
    }

    /// Reads exactly as many bytes; false at a clean end.
    fn fill(&mut self, data: &mut [u8]) -> Result<bool, ProbeError> {
        let mut filled = 0;
        while filled < data.len() {
            match self.stdout.read(&mut data[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(ProbeError::new(format!("{} stopped inside a frame", self.program))),
                Ok(count) => filled += count,
                Err(error) => return Err(ProbeError::new(format!("{}: {error}", self.program))),
            }
        }
        Ok(true)
    }

    fn read_all(mut self) -> Result<Vec<u8>, ProbeError> {
        let mut bytes = Vec::new();
        let read = self.stdout.read_to_end(&mut bytes);
        let program = self.program.clone();
        self.finish()?;
        read.map_err(|error| ProbeError::new(format!("{program}: {error}")))?;
        Ok(bytes)
    }

    fn finish(self) -> Result<(), ProbeError> {
        drop(self.stdout);
        // The watcher may have given up already; it then says so itself.
        let _ = self.done.send(());
        let ended = self.watch.join().map_err(|_| ProbeError::new("the watcher panicked"))?;
        let ended = ended.map_err(|error| ProbeError::new(format!("{}: {error}", self.program)))?;
        let errors = self.stderr.join().unwrap_or_default();
        match ended {
            Ended { by_deadline: true, .. } => Err(ProbeError::new(format!("{} took over {DEADLINE:?}", self.program))),
            Ended { success: false, .. } => Err(ProbeError::new(format!("{}: {}", self.program, errors.trim()))),
            Ended { success: true, .. } => Ok(()),
        }
    }
}

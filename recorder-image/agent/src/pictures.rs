//! Pictures of a finished file.

use std::path::Path;

use wallflower_domain::failure::{Failure, FailureKind};

use crate::ffmpeg::{self, Ffmpeg};

/// Frames of a contact sheet, in rows of [`COLUMNS`].
const FRAMES: u32 = 12;
const COLUMNS: u32 = 3;
/// Longer side of a frame of the sheet, in pixels.
const TILE: u32 = 480;
/// Longer side of a thumbnail, in pixels.
const THUMBNAIL: u32 = 640;
/// Most frames that are compared for a thumbnail.
const COMPARED: f64 = 60.0;
/// Most of a recording that is looked through for a thumbnail.
const LONGEST_LOOK_S: f64 = 600.0;
/// From here on keyframes are enough to choose from: there is one each two seconds.
const SPARSE_LOOK_S: f64 = 20.0;

/// Writes a picture of twelve frames, evenly spread over `duration_s` of the video. JPEG, or PNG if `to` ends so.
pub async fn contact_sheet(video: &Path, duration_s: f64, to: &Path) -> Result<(), Failure> {
    make_contact_sheet(&Ffmpeg::find()?, video, duration_s, to).await
}

/// The same in a run.
pub(crate) async fn make_contact_sheet(
    ffmpeg: &Ffmpeg,
    video: &Path,
    duration_s: f64,
    to: &Path,
) -> Result<(), Failure> {
    let failed = |failure: Failure| not_made(to, failure);
    let folder = ffmpeg.scratch().map_err(failed)?;
    // One after the other: twelve decoders at once, each with the index of hours, would take more memory than the recording did.
    let mut frames = Vec::new();
    for index in 0..FRAMES {
        // The middle of each part: the first frame of a recording says little.
        let at = duration_s.max(0.0) * (f64::from(index) + 0.5) / f64::from(FRAMES);
        let frame = folder.path().join(format!("{index}.png"));
        let mut command = ffmpeg.command();
        // Seeking decodes from the keyframe before; all that is between two frames of the sheet is skipped.
        command.args(["-ss", &format!("{at:.6}"), "-i"]).arg(ffmpeg::file(video));
        command.args(["-map", "0:v:0", "-vf", &format!("{},setsar=1,format=rgb24", fitted(TILE))]);
        write(command, &frame).await.map_err(failed)?;
        // Where a video is shorter than it was said to be, there is none.
        if frame.exists() {
            frames.push(frame);
        }
    }
    if frames.is_empty() {
        return Err(failed(Failure::new(
            FailureKind::ProgramDied,
            "there is no frame where the video should have some.",
        )));
    }
    let mut command = ffmpeg.command();
    let mut graph = String::new();
    for (index, frame) in frames.iter().enumerate() {
        command.arg("-i").arg(ffmpeg::file(frame));
        graph.push_str(&format!("[{index}:v:0]"));
    }
    graph.push_str(&format!(
        "concat=n={}:v=1:a=0,tile={COLUMNS}x{}:padding=6:margin=6:color=white,{}[sheet]",
        frames.len(),
        FRAMES.div_ceil(COLUMNS),
        colours(to)
    ));
    command.args(["-filter_complex", &graph, "-map", "[sheet]"]);
    write(command, to).await.map_err(failed)
}

/// Writes a picture of the frame from the middle third of the video that shows most of what the others around it show: no black
/// one, and none in the midst of a change. JPEG, or PNG if `to` ends so.
pub(crate) async fn thumbnail(ffmpeg: &Ffmpeg, video: &Path, duration_s: f64, to: &Path) -> Result<(), Failure> {
    let duration = duration_s.max(0.0);
    let look = (duration / 3.0).min(LONGEST_LOOK_S);
    let mut command = ffmpeg.command();
    if look >= SPARSE_LOOK_S {
        command.args(["-skip_frame", "nokey"]);
    }
    command.args(["-ss", &format!("{:.6}", (duration - look) / 2.0)]);
    // A third of next to nothing may lie between two frames.
    command.args(["-t", &format!("{:.6}", look.max(0.1)), "-i"]).arg(ffmpeg::file(video));
    let step = look / COMPARED;
    let filter = format!(
        r"select=isnan(prev_selected_t)+gte(t-prev_selected_t\,{step:.6}),{},thumbnail=n=100,setsar=1,{}",
        fitted(THUMBNAIL),
        colours(to)
    );
    command.args(["-map", "0:v:0", "-vf", &filter]);
    write(command, to).await.map_err(|failure| not_made(to, failure))
}

fn fitted(side: u32) -> String {
    format!("scale={side}:{side}:force_original_aspect_ratio=decrease:force_divisible_by=2:flags=area")
}

/// JPEG means BT.601 in full range, PNG means RGB; the video is in BT.709 and television's range.
pub(crate) fn colours(to: &Path) -> &'static str {
    if is_png(to) { "format=rgb24" } else { "scale=out_color_matrix=bt601:out_range=pc,format=yuvj420p" }
}

fn is_png(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"))
}

/// Has the one picture written that comes out of a command's graph.
pub(crate) async fn write(mut command: tokio::process::Command, to: &Path) -> Result<(), Failure> {
    command.args(["-frames:v", "1", "-update", "1"]);
    command.args(if is_png(to) { ["-c:v", "png"].as_slice() } else { &["-c:v", "mjpeg", "-q:v", "3"] });
    command.args(["-f", "image2"]).arg(ffmpeg::file(to));
    ffmpeg::run(command).await
}

fn not_made(picture: &Path, failure: Failure) -> Failure {
    let message = format!("The picture {} could not be made: {}", picture.display(), failure.message);
    Failure { message, ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn ffmpeg() -> Ffmpeg {
        Ffmpeg::find().expect("ffmpeg is installed")
    }

    /// A video of a lavfi graph, with a keyframe each 20 frames.
    async fn video(folder: &Path, graph: &str) -> PathBuf {
        let file = folder.join("video.mp4");
        let mut command = ffmpeg().command();
        command.args(["-f", "lavfi", "-i", graph, "-pix_fmt", "yuv420p", "-color_range", "tv"]);
        command.args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "20", "-f", "mp4"]).arg(&file);
        ffmpeg::run(command).await.expect("made");
        file
    }

    struct Picture {
        width: usize,
        height: usize,
        rgb: Vec<u8>,
    }

    impl Picture {
        async fn read(file: &Path) -> Self {
            // ffmpeg takes the names of pictures that it reads for patterns.
            let plain = file.with_file_name("plain").with_extension(file.extension().expect("an extension"));
            std::fs::copy(file, &plain).expect("copied");
            let file = &plain;
            let mut probe = ffmpeg().probe();
            probe.args(["-show_entries", "stream=width,height", "-of", "csv=p=0"]).arg(file);
            let text = String::from_utf8(probe.output().await.expect("ffprobe starts").stdout).expect("text");
            let (width, height) = text.trim().split_once(',').expect("a size");
            let mut command = ffmpeg().command();
            command.arg("-i").arg(file).args(["-pix_fmt", "rgb24", "-f", "rawvideo", "-"]);
            let rgb = command.output().await.expect("ffmpeg starts").stdout;
            Self { width: width.parse().expect("a width"), height: height.parse().expect("a height"), rgb }
        }

        fn at(&self, x: usize, y: usize) -> [u8; 3] {
            let index = (y * self.width + x) * 3;
            [self.rgb[index], self.rgb[index + 1], self.rgb[index + 2]]
        }
    }

    fn near(color: [u8; 3], expected: [u8; 3]) -> bool {
        color.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 8)
    }

    /// Grey of a second's number: 20, 40, 60 …
    fn steps(size: &str, seconds: u32) -> String {
        format!(
            "color=black:s={size}:r=30:d={seconds},format=gray,geq=lum='20*(1+floor(T))',format=yuvj420p,scale=out_range=tv"
        )
    }

    #[tokio::test]
    async fn a_contact_sheet_shows_the_middles_of_twelve_parts() {
        let folder = tempfile::tempdir().expect("temp dir");
        for (size, tile) in [("320x180", (480, 270)), ("180x320", (270, 480))] {
            let video = video(folder.path(), &steps(size, 12)).await;
            for name in ["sheet.png", "sheet %03d: of it.jpg"] {
                let to = folder.path().join(name);
                contact_sheet(&video, 12.0, &to).await.expect("made");
                let sheet = Picture::read(&to).await;
                assert_eq!((sheet.width, sheet.height), (3 * tile.0 + 24, 4 * tile.1 + 30), "{name}");
                assert!(near(sheet.at(2, 2), [255, 255, 255]), "{name}: {:?}", sheet.at(2, 2));
                for index in 0..12 {
                    let (column, row) = (index % 3, index / 3);
                    let (x, y) = (6 + column * (tile.0 + 6) + tile.0 / 2, 6 + row * (tile.1 + 6) + tile.1 / 2);
                    let grey = u8::try_from(20 * (index + 1)).expect("below 256");
                    assert!(near(sheet.at(x, y), [grey; 3]), "{name}, frame {index}: {:?}", sheet.at(x, y));
                }
            }
        }
    }

    #[tokio::test]
    async fn a_video_of_less_than_twelve_frames_has_a_contact_sheet_too() {
        let folder = tempfile::tempdir().expect("temp dir");
        let video = video(folder.path(), "color=red:s=320x180:r=30:d=0.1").await;
        let to = folder.path().join("sheet.jpg");
        contact_sheet(&video, 0.1, &to).await.expect("made");
        assert!(near(Picture::read(&to).await.at(240, 130), [254, 0, 0]));
    }

    #[tokio::test]
    async fn a_video_that_ends_long_before_it_should_has_no_contact_sheet() {
        let folder = tempfile::tempdir().expect("temp dir");
        let video = video(folder.path(), "color=red:s=320x180:r=30:d=0.1").await;
        let to = folder.path().join("sheet.jpg");
        let failure = contact_sheet(&video, 3600.0, &to).await.expect_err("no frames");
        assert!(failure.message.contains("sheet.jpg") && failure.message.contains("no frame"), "{failure}");
        assert!(!to.exists());
    }

    #[tokio::test]
    async fn a_thumbnail_is_a_typical_frame_of_the_middle_third() {
        let folder = tempfile::tempdir().expect("temp dir");
        // Red, then green with a black second in its middle, then blue.
        let graph = |part: u32| {
            format!(
                "color=red:s=640x360:r=10:d={part}[a];color=0x00ff00:s=640x360:r=10:d={part},drawbox=c=black:t=fill:enable=\
                 'between(t,{0},{0}+1)'[b];color=blue:s=640x360:r=10:d={part}[c];[a][b][c]concat=n=3",
                part / 2
            )
        };
        for part in [3, 30] {
            let video = video(folder.path(), &graph(part)).await;
            for name in ["thumbnail.jpg", "thumbnail.png"] {
                let to = folder.path().join(name);
                thumbnail(&ffmpeg(), &video, f64::from(3 * part), &to).await.expect("made");
                let picture = Picture::read(&to).await;
                assert_eq!((picture.width, picture.height), (640, 360));
                assert!(near(picture.at(320, 180), [0, 255, 0]), "{name}: {:?}", picture.at(320, 180));
            }
        }
    }

    #[tokio::test]
    async fn the_shortest_video_has_a_thumbnail() {
        let folder = tempfile::tempdir().expect("temp dir");
        let video = video(folder.path(), "color=red:s=180x320:r=30:d=0.04").await;
        let to = folder.path().join("thumbnail.jpg");
        thumbnail(&ffmpeg(), &video, 1.0 / 30.0, &to).await.expect("made");
        let picture = Picture::read(&to).await;
        assert_eq!((picture.width, picture.height), (360, 640));
    }

    #[tokio::test]
    async fn a_picture_that_can_t_be_made_says_which() {
        let folder = tempfile::tempdir().expect("temp dir");
        let to = folder.path().join("thumbnail.jpg");
        let failure = thumbnail(&ffmpeg(), Path::new("/nowhere.mp4"), 3.0, &to).await.expect_err("no video");
        assert!(failure.message.contains("thumbnail.jpg") && failure.message.contains("No such file"), "{failure}");
    }
}

//! A picture of twelve frames, evenly spread over a recording.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use wallflower_agent::Program;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::wire::agent::Delivery;

const DEADLINE: Duration = Duration::from_secs(120);
const FRAMES: u64 = 12;

/// Writes `FILE.png` beside `FILE.mp4`.
pub(crate) async fn make(delivery: &Delivery) -> Result<PathBuf, Failure> {
    let file = delivery.outputs.first().map_or("", |output| output.location.as_str());
    let sheet = Path::new(file).with_extension("png");
    let every = (delivery.frames / FRAMES).max(1);
    // The middle of each part: the first frame of a recording says little.
    let filter = format!(
        r"select=eq(mod(n\,{every})\,{}),scale=480:-2:flags=area,tile=3x4:padding=6:margin=6:color=white",
        every / 2
    );
    let ran = Command::new(Program::Ffmpeg.find()?)
        .args(["-hide_banner", "-loglevel", "error", "-y", "-i", file, "-vf", &filter, "-frames:v", "1"])
        .arg(&sheet)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let failed = |why: String| {
        Failure::new(
            FailureKind::ProgramDied,
            format!("The contact sheet {} could not be made: {why}.", sheet.display()),
        )
    };
    let output = tokio::time::timeout(DEADLINE, ran)
        .await
        .map_err(|_| failed("ffmpeg took too long".into()))?
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(sheet)
}

//! What is to be made of a spool.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wallflower_domain::destination::Destination;
use wallflower_domain::encoding::Encoding;
use wallflower_domain::frame::{FrameRate, FrameSize};
use wallflower_domain::output::{Output, audio_only};
use wallflower_domain::wire::agent::{Gaps, Job};

/// What is to be made of a spool: the part of the job that holds no secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// Id of the recording.
    pub(crate) recording: String,
    /// What is recorded.
    pub(crate) room: String,
    pub(crate) outputs: Vec<Output>,
    /// Where all of it is uploaded to.
    #[serde(default)]
    pub(crate) uploads: Vec<Destination>,
    pub(crate) overwrite: bool,
    pub(crate) size: FrameSize,
    pub(crate) fps: FrameRate,
    pub(crate) encoding: Encoding,
    /// Colours of the slate.
    pub(crate) background: String,
    pub(crate) text: String,
    pub(crate) gaps: Gaps,
    pub(crate) max_duration_s: Option<f64>,
    /// Where the spool was when this was written.
    folder: PathBuf,
}

impl Wanted {
    pub(crate) fn of(job: &Job) -> Self {
        Self {
            recording: job.id.clone(),
            room: job.room.clone(),
            outputs: job.outputs.clone(),
            uploads: job.uploads.clone(),
            overwrite: job.overwrite,
            size: job.size,
            fps: job.fps,
            encoding: job.encoding,
            background: job.theme.colors.background.clone(),
            text: job.theme.colors.text.clone(),
            gaps: job.gaps,
            max_duration_s: job.max_duration_s,
            folder: PathBuf::from(&job.spool),
        }
    }

    /// Nothing that is made has a picture, and none are captured. What is only streamed has.
    pub(crate) fn sound_only(&self) -> bool {
        !self.outputs.is_empty() && audio_only(&self.outputs)
    }

    /// What lay beside the spool does so still, wherever both were moved to.
    pub(super) fn moved_to(self, folder: &Path) -> Self {
        let outputs = self.outputs.into_iter().map(|output| {
            let moved = |path: PathBuf| {
                let inside = self.folder.parent().and_then(|parent| path.strip_prefix(parent).ok());
                match (inside, folder.parent()) {
                    (Some(inside), Some(parent)) => parent.join(inside),
                    _ => path,
                }
            };
            match output {
                Output::File { path } => Output::File { path: moved(path) },
                Output::Audio { path } => Output::Audio { path: moved(path) },
                Output::Hls { directory } => Output::Hls { directory: moved(directory) },
                Output::Images { directory, every_s } => Output::Images { directory: moved(directory), every_s },
                Output::Stream { .. } => output,
            }
        });
        Self { outputs: outputs.collect(), folder: folder.to_owned(), ..self }
    }
}

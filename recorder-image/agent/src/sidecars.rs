//! What is delivered beside the media: what happened, on the file's clock.

use std::fs;
use std::path::{Path, PathBuf};

use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::output::Container;
use wallflower_domain::timeline::{
    AttemptNote, Line, Manifest, ManifestContract, MediaFacts, MediaMap, MediaTotals, Picture, SoundFacts, Span,
    Timeline, VideoFacts, chapters_vtt, ffmetadata, read,
};
use wallflower_domain::wire::agent::Delivery;

use crate::delivery::Ended;
use crate::facts;
use crate::finisher::Plan;
use crate::placing::write_whole;
use crate::spool::{Spool, Wanted};

/// A recording's timeline, placed in its finished file.
pub(crate) struct Sidecars {
    lines: Vec<Line>,
    map: MediaMap,
    duration_s: f64,
}

impl Sidecars {
    pub(crate) fn of(spool: &Spool, plan: &Plan) -> Self {
        let (lines, unreadable) = read(&fs::read_to_string(spool.events()).unwrap_or_default());
        if unreadable > 0 {
            tracing::info!(unreadable, "lines of the timeline were cut by a kill");
        }
        let began = spool.began().map_or(0, |began| began.unix_us);
        let spans = plan.spans().into_iter().map(|(wall_s, media_s_from, length_s)| Span {
            unix_us_from: began + microseconds(wall_s),
            media_s_from,
            length_s,
        });
        Self { lines, map: MediaMap::new(spans), duration_s: plan.seconds(plan.frames()) }
    }

    fn timeline(&self) -> Timeline<'_> {
        Timeline::new(&self.lines, &self.map, self.duration_s)
    }

    /// Writes the chapters as ffmpeg reads them; none when nothing was marked.
    pub(crate) fn write_chapters(&self, folder: &Path) -> Result<Option<PathBuf>, Failure> {
        let Some(text) = ffmetadata(&self.timeline().chapters()) else { return Ok(None) };
        let path = folder.join("chapters.txt");
        write_whole(&path, &text).map(|()| Some(path))
    }

    pub(crate) fn manifest(
        &self,
        spool: &Spool,
        wanted: &Wanted,
        ended: &Ended,
        delivery: &Delivery,
    ) -> std::io::Result<Manifest> {
        let timeline = self.timeline();
        let began_unix_us = spool.began().map_or(0, |began| began.unix_us);
        let attempts = spool.attempts()?.into_iter().map(|attempt| AttemptNote {
            number: attempt.number,
            first_frame_unix_us: attempt.first_frame.unix_us,
            after: attempt.after,
        });
        let captured = &ended.captured;
        Ok(Manifest {
            contract: ManifestContract,
            recording: wanted.recording.clone(),
            room: Some(wanted.room.clone()).filter(|room| !room.is_empty()),
            picture: (!wanted.sound_only()).then_some(Picture {
                size: wanted.size,
                fps: wanted.fps,
                codec: wanted.encoding.codec,
            }),
            began_unix_us,
            ended_unix_us: self.map.end_unix_us().unwrap_or(began_unix_us),
            end: ended.end,
            failure: ended.failure.clone(),
            attempts: attempts.collect(),
            gaps: delivery.gaps.clone(),
            pauses: delivery.pauses.clone(),
            outputs: delivery.outputs.clone(),
            attendance: timeline.attendance(),
            markers: timeline.markers(),
            warnings: timeline.warnings(),
            media: MediaTotals {
                frames: delivery.frames,
                unique: captured.unique,
                dropped: captured.dropped,
                duplicated: captured.duplicated,
            },
        })
    }

    /// Writes everything beside the media. Gives what was written, the manifest first, with names for uploads.
    pub(crate) fn place(&self, beside: &Path, manifest: &Manifest) -> Result<Vec<(PathBuf, String)>, Failure> {
        let timeline = self.timeline();
        let write = |ending: &str, text: &str| {
            let path = sidecar(beside, ending);
            write_whole(&path, text).map(|()| path)
        };
        let mut placed = vec![write("events.jsonl", &timeline.events_jsonl())?];
        let derived = [
            ("chat.vtt", timeline.chat_vtt()),
            ("captions.vtt", timeline.captions_vtt()),
            ("chapters.vtt", chapters_vtt(&timeline.chapters())),
        ];
        for (ending, text) in derived {
            match text {
                Some(text) => placed.push(write(ending, &text)?),
                // What a recording of the same name left would be taken for this one's.
                None => drop(fs::remove_file(sidecar(beside, ending))),
            }
        }
        let json = serde_json::to_string_pretty(manifest).map_err(|error| {
            Failure::new(FailureKind::Internal, format!("The manifest can't be written as JSON: {error}."))
        })?;
        placed.insert(0, write("manifest.json", &format!("{json}\n"))?);
        let named = |path: PathBuf| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            (path, name)
        };
        Ok(placed.into_iter().map(named).collect())
    }
}

/// `meeting.manifest.json` beside `meeting.mp4`; `manifest.json` in a directory of an output.
pub(crate) fn sidecar(beside: &Path, ending: &str) -> PathBuf {
    if beside.is_dir() { beside.join(ending) } else { beside.with_extension(ending) }
}

#[expect(clippy::cast_possible_truncation, reason = "microseconds of a recording are far below 2^63")]
fn microseconds(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}

/// What was measured, as the manifest tells it.
pub(crate) fn media_facts(container: Container, facts: &facts::MediaFacts) -> MediaFacts {
    MediaFacts {
        container: container.extension().to_owned(),
        video: facts.video.as_ref().map(|video| VideoFacts {
            codec: video.codec.clone(),
            width: video.width,
            height: video.height,
            fps: video.fps,
        }),
        audio: facts.audio.as_ref().map(|audio| SoundFacts {
            codec: audio.codec.clone(),
            sample_rate: audio.rate,
            channels: audio.channels,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sidecars_lie_beside_a_file_or_in_a_directory() {
        let folder = tempfile::tempdir().expect("temp dir");
        assert_eq!(sidecar(Path::new("/x/a.b.mp4"), "chat.vtt"), Path::new("/x/a.b.chat.vtt"));
        assert_eq!(sidecar(folder.path(), "chat.vtt"), folder.path().join("chat.vtt"));
    }
}

//! What the workshop's page is told: that a file has changed, and how a recording or a check goes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{EventKind, RecursiveMode, Watcher};
use serde::Serialize;
use tokio::sync::{broadcast, mpsc};
use wallflower_domain::failure::Failure;

use super::refused;

/// An editor that saves writes several times.
const CALM: Duration = Duration::from_millis(80);
const WAITING: usize = 64;

/// One piece of news.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum News {
    /// Files of the folder have changed.
    Changed {
        /// Relative to the folder.
        files: Vec<String>,
    },
    /// A recording goes on.
    Take {
        /// `starting`, `recording` or `finishing`.
        at: &'static str,
        /// Seconds of media.
        seconds: f64,
    },
    /// A check goes on.
    Check {
        /// Scenes that were looked at.
        done: usize,
        /// All scenes.
        of: usize,
    },
}

/// Where news are told and heard.
#[derive(Clone)]
pub(super) struct Board(broadcast::Sender<News>);

impl Board {
    pub(super) fn new() -> Self {
        Self(broadcast::Sender::new(WAITING))
    }

    pub(super) fn tell(&self, news: News) {
        // Nobody may be there to hear it.
        let _ = self.0.send(news);
    }

    pub(super) fn hear(&self) -> broadcast::Receiver<News> {
        self.0.subscribe()
    }
}

/// Tells of every change in the folder, for as long as what is returned is kept.
pub(super) fn watch(folder: &Path, board: Board) -> Result<impl Sized + use<>, Failure> {
    let failed = |error: notify::Error| {
        refused(format!(
            "Changes in {} can't be watched for: {error}; is the limit of inotify reached?",
            folder.display()
        ))
    };
    let (sender, mut changes) = mpsc::channel::<PathBuf>(WAITING);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        if matches!(event.kind, EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_)) {
            for path in event.paths {
                // Where so many wait already, the folder is looked at anyway.
                let _ = sender.try_send(path);
            }
        }
    })
    .map_err(failed)?;
    watcher.watch(folder, RecursiveMode::Recursive).map_err(failed)?;
    let root = folder.to_owned();
    // Ends with the watcher, which holds the sender.
    tokio::spawn(async move {
        while let Some(first) = changes.recv().await {
            let mut files: Vec<String> = shown(&root, &first).into_iter().collect();
            while let Ok(Some(next)) = tokio::time::timeout(CALM, changes.recv()).await {
                files.extend(shown(&root, &next));
            }
            files.sort();
            files.dedup();
            if !files.is_empty() {
                board.tell(News::Changed { files });
            }
        }
    });
    Ok(watcher)
}

/// A file as the designer knows it; none for what editors and version control leave.
fn shown(root: &Path, path: &Path) -> Option<String> {
    let relative = path.strip_prefix(root).ok()?.to_str()?;
    let noise = |part: &str| part.starts_with('.') || part.ends_with('~') || part == "node_modules" || part == "4913";
    (!relative.is_empty() && !relative.split('/').any(noise)).then(|| relative.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_is_saved_is_told_once_and_without_what_the_editor_leaves() {
        let temp = tempfile::tempdir().expect("temp dir");
        let folder = temp.path().canonicalize().expect("there");
        let board = Board::new();
        let mut news = board.hear();
        let watcher = watch(&folder, board).expect("watched");
        for (file, text) in [(".style.css.swp", "x"), ("style.css", "a"), ("style.css", "b")] {
            std::fs::write(folder.join(file), text).expect("written");
        }
        let told = tokio::time::timeout(Duration::from_secs(20), news.recv()).await.expect("in time").expect("told");
        let News::Changed { files } = told else { panic!("{told:?}") };
        assert_eq!(files, ["style.css"]);
        drop(watcher);
    }
}

//! A recording of a few seconds, by the real recorder, of what the designer sees.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use wallflower_control::driver::{Order, drive};
use wallflower_domain::encoding::Encoding;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::frame::FrameRate;
use wallflower_domain::output::Output;
use wallflower_domain::recording::Recording;
use wallflower_domain::theme::Theme;
use wallflower_domain::watchdog::WatchdogConfig;
use wallflower_domain::wire::agent::{AgentCommand, AgentEvent, Gaps, Job, JobPage, Standing};

use super::draft::Draft;
use super::folder::Folder;
use super::news::{Board, News};
use super::refused;
use crate::outputs::spool;
use crate::run::{new_id, program};
use crate::template::Template;

/// How long a recording is.
pub(super) const SECONDS: u32 = 10;
const START_DEADLINE_S: f64 = 20.0;

/// The latest recording; there is one at a time.
pub(super) struct Takes {
    folder: TempDir,
    /// Of the recording that goes on.
    orders: Mutex<Option<mpsc::Sender<Order>>>,
}

impl Takes {
    pub(super) fn new() -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(
                FailureKind::Internal,
                format!("There is no room for recordings in the temporary directory: {error}."),
            )
        };
        let folder = tempfile::Builder::new().prefix("wallflower-design-").tempdir().map_err(failed)?;
        Ok(Self { folder, orders: Mutex::new(None) })
    }

    /// Where the latest is.
    pub(super) fn file(&self) -> PathBuf {
        self.folder.path().join("take.mp4")
    }

    /// Records the folder's page, served by the recorder itself; refuses while another goes on.
    pub(super) async fn record(
        &self,
        folder: &Folder,
        draft: &Draft,
        theme: Theme,
        board: &Board,
    ) -> Result<Recording, Failure> {
        let (orders, received) = mpsc::channel(4);
        {
            let mut going = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
            if going.is_some() {
                return Err(refused("A recording goes on already; it takes ten seconds."));
            }
            *going = Some(orders);
        }
        // Whoever asked may have gone: then this is dropped where it waits, and the next must not be refused.
        let _done = Done(self);
        let job = self.job(folder, draft, theme)?;
        let (published, _recording) = watch::channel(Recording::new(&job.id));
        board.tell(News::Take { at: "starting", seconds: 0.0 });
        let mut finishing = false;
        drive(&program()?, &job, received, published, |event| {
            if let AgentEvent::Progress { progress } = event {
                finishing |= progress.media_s >= f64::from(SECONDS);
                let at = if finishing { "finishing" } else { "recording" };
                board.tell(News::Take { at, seconds: progress.media_s });
            }
        })
        .await
    }

    /// Has a recording that goes on leave at once.
    pub(super) fn abandon(&self) {
        let going = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(orders) = going.as_ref() {
            // Full of orders means that it has been told before.
            let _ = orders.try_send(AgentCommand::Abandon.into());
        }
    }

    /// Whether one goes on.
    pub(super) fn is_going(&self) -> bool {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn job(&self, folder: &Folder, draft: &Draft, theme: Theme) -> Result<Job, Failure> {
        let id = new_id();
        let outputs = vec![Output::File { path: self.file() }];
        let room = draft.room();
        let page = match folder.path().filter(|_| folder.has_page()) {
            Some(path) => Template::Folder(path.to_owned()).job_page(room)?,
            None => JobPage::Stage { room },
        };
        Ok(Job {
            spool: spool(&outputs, &id)?,
            id,
            page,
            layout: draft.layout,
            theme,
            size: draft.size,
            fps: FrameRate::DEFAULT,
            room: "simulated".to_owned(),
            encoding: Encoding::default(),
            outputs,
            uploads: Vec::new(),
            overwrite: true,
            gaps: Gaps::Slate,
            max_duration_s: Some(f64::from(SECONDS)),
            start_deadline_s: START_DEADLINE_S,
            standing: Standing::default(),
            watchdog: WatchdogConfig::default(),
            public_only: false,
        })
    }
}

struct Done<'a>(&'a Takes);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        *self.0.orders.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

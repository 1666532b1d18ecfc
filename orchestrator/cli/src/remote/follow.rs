//! Follows a recording to its end, over restarts of its server.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use wallflower_control::orchestrator::Resource;
use wallflower_domain::failure::Failure;

use super::find::Distant;
use super::http::Trouble;

/// A server that is away for longer has not just been restarted.
const PATIENCE: Duration = Duration::from_secs(300);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Progress has no version that could be waited for.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// What is seen on the way.
pub(super) enum Sight<'a> {
    /// The recording, which may have changed.
    Recording(&'a Resource),
    /// The server has gone; it is asked again. A sentence.
    Away(&'a str),
    /// It is back.
    Back,
}

/// Whether progress is looked at, too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Watching {
    States,
    Progress,
}

/// For how long a server has given no answer, and how long it is left alone now.
#[derive(Debug)]
pub(super) struct Absence {
    since: Option<Instant>,
    patience: Duration,
    pause: Duration,
}

impl Absence {
    pub(super) fn new(patience: Duration) -> Self {
        Self { since: None, patience, pause: FIRST_PAUSE }
    }

    /// Takes note of a trouble, and returns when it is time to ask again. Fails when there is no use in it, or no patience left.
    pub(super) async fn endure(&mut self, trouble: Trouble) -> Result<(), Failure> {
        let away = self.since.get_or_insert_with(Instant::now).elapsed();
        if !trouble.may_pass() {
            return Err(trouble.failure);
        }
        if away >= self.patience {
            let mut failure = trouble.failure;
            failure.message.push_str(&format!(" It was asked for {}.", humantime::format_duration(self.patience)));
            return Err(failure);
        }
        sleep(self.pause.min(self.patience - away)).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }

    pub(super) fn is_away(&self) -> bool {
        self.since.is_some()
    }

    /// There was an answer.
    pub(super) fn is_over(&mut self) {
        *self = Self::new(self.patience);
    }
}

/// The recording when nothing about it changes any more: the server's words, and what they say.
pub(super) async fn until_over(
    of: &Distant,
    watching: Watching,
    mut see: impl FnMut(Sight<'_>),
) -> Result<(String, Resource), Failure> {
    let mut absence = Absence::new(PATIENCE);
    let mut ticks = interval(PROGRESS_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // All versions come after it.
    let mut version = 0;
    loop {
        let asked = of.after(version);
        tokio::pin!(asked);
        let answer = loop {
            tokio::select! {
                answer = &mut asked => break answer,
                _ = ticks.tick(), if watching == Watching::Progress => {
                    // What fails here fails there as well.
                    if let Ok(Ok((_, now))) = timeout(PROGRESS_INTERVAL, of.now()).await {
                        see(Sight::Recording(&now));
                    }
                }
            }
        };
        match answer {
            Ok((json, resource)) => {
                if absence.is_away() {
                    absence.is_over();
                    see(Sight::Back);
                }
                see(Sight::Recording(&resource));
                if resource.state.is_terminal() {
                    return Ok((json, resource));
                }
                version = resource.version;
            }
            Err(trouble) => {
                if !absence.is_away() && trouble.may_pass() {
                    let why = trouble.failure.message.trim_end_matches('.');
                    let patience = humantime::format_duration(PATIENCE);
                    see(Sight::Away(&format!("{why}; trying again for up to {patience}")));
                }
                absence.endure(trouble).await?;
            }
        }
    }
}

//! Synthetic participants, in a browser of their own.

use std::time::Duration;

use wallflower_domain::wire::cast::{CastConfig, CastTarget};

use super::LivekitServer;
use super::run::{Bench, Running};

/// A browser has to start, and members have to connect.
const READY_DEADLINE: Duration = Duration::from_secs(60);
const END_DEADLINE: Duration = Duration::from_secs(20);

/// Members that are in the room until they leave.
pub struct Cast {
    running: Running,
    /// What they were told.
    pub config: CastConfig,
}

impl Cast {
    /// Brings `count` default members into a LiveKit room; their identities are `member-0` and so on.
    ///
    /// # Panics
    ///
    /// When they do not get in.
    #[must_use]
    pub fn in_livekit(bench: &Bench, server: &LivekitServer, room: &str, count: usize) -> Self {
        let target = CastTarget::Livekit { url: server.url(), tokens: Vec::new() };
        let mut config = CastConfig::of(count, target).expect("the count is within bounds");
        let members = config.members.iter().enumerate();
        let tokens =
            members.map(|(i, member)| server.participant_token(room, &format!("member-{i}"), &member.name)).collect();
        config.target = CastTarget::Livekit { url: server.url(), tokens };
        Self::enter(bench, config)
    }

    /// Brings members into the room of their configuration and waits until all are there.
    ///
    /// # Panics
    ///
    /// When they do not get in.
    #[must_use]
    pub fn enter(bench: &Bench, config: CastConfig) -> Self {
        let line = serde_json::to_string(&config).expect("it is plain data");
        let mut running = bench.start_with_line(&["cast"], &line);
        running.wait_for_line("ready", READY_DEADLINE, |line| line["state"] == "ready");
        Self { running, config }
    }

    /// Sends them away.
    ///
    /// # Panics
    ///
    /// When they do not leave well.
    pub fn leave(self) {
        self.running.signal("TERM");
        let ended = self.running.end(END_DEADLINE);
        assert_eq!(ended.code(), 0, "{ended:#?}");
    }
}

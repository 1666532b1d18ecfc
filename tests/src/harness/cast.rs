//! Synthetic participants, in a browser of their own.

use std::time::Duration;

use wallflower_domain::secret::Secret;
use wallflower_domain::wire::cast::{CastConfig, CastMember, CastTarget};

use super::LivekitServer;
use super::run::{Bench, Running};

/// A browser has to start, and members have to connect.
const READY_DEADLINE: Duration = Duration::from_secs(60);
const END_DEADLINE: Duration = Duration::from_secs(60);

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
        Self::as_livekit(bench, server, room, Self::of(count), "member", None)
    }

    /// Brings the members of a configuration into a LiveKit room, wherever it would have brought them; their identities are
    /// `PREFIX-0` and so on. What they send is encrypted if there is a key.
    ///
    /// # Panics
    ///
    /// When they do not get in.
    #[must_use]
    pub fn as_livekit(
        bench: &Bench,
        server: &LivekitServer,
        room: &str,
        mut config: CastConfig,
        prefix: &str,
        e2ee_key: Option<&str>,
    ) -> Self {
        let members = config.members.iter().enumerate();
        let token =
            |(i, member): (usize, &CastMember)| server.participant_token(room, &format!("{prefix}-{i}"), &member.name);
        let tokens = members.map(token).collect();
        config.target = CastTarget::Livekit { url: server.url(), tokens, e2ee_key: e2ee_key.map(Secret::new) };
        Self::enter(bench, config)
    }

    /// So many default members, in no room yet.
    ///
    /// # Panics
    ///
    /// When there are not so many.
    #[must_use]
    pub fn of(count: usize) -> CastConfig {
        let nowhere = CastTarget::Demo { url: String::new() };
        CastConfig::of(count, nowhere).expect("the count is within bounds")
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

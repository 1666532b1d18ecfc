//! Synthetic participants, in a browser of their own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use wallflower_domain::wire::cast::{CastConfig, CastTarget};

use super::{Ground, LivekitServer, holds_within};

/// A browser has to start and members have to connect.
const READY_DEADLINE: Duration = Duration::from_secs(40);
const END_DEADLINE: Duration = Duration::from_secs(15);

/// Members that are in the room; they leave when this is dropped.
#[derive(Debug)]
pub struct Cast {
    child: Child,
    stdin: Option<ChildStdin>,
    /// What they were told.
    pub config: CastConfig,
}

impl Cast {
    /// The configuration of `count` default members in a LiveKit room; their identities are `member-0` and so on.
    pub fn in_livekit(server: &LivekitServer, room: &str, count: usize) -> CastConfig {
        let target = CastTarget::Livekit { url: server.url(), tokens: Vec::new() };
        let mut config = CastConfig::of(count, target).expect("the count is within bounds");
        let members = config.members.iter().enumerate();
        let tokens =
            members.map(|(i, member)| server.participant_token(room, &format!("member-{i}"), &member.name)).collect();
        config.target = CastTarget::Livekit { url: server.url(), tokens };
        config
    }

    /// Brings the members in and waits until all are there.
    pub fn enter(ground: &Ground, config: CastConfig) -> Self {
        let mut command = ground.command();
        command.arg("cast").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut stdin = child.stdin.take().expect("is piped");
        let stdout = child.stdout.take().expect("is piped");
        let mut line = serde_json::to_string(&config).expect("it is plain data");
        line.push('\n');
        stdin.write_all(line.as_bytes()).expect("it reads its configuration");
        let (sender, first) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Only the first line is waited for.
                let _ = sender.send(line);
            }
        });
        let cast = Self { child, stdin: Some(stdin), config };
        let line = first.recv_timeout(READY_DEADLINE).expect("the members come in");
        assert_eq!(line, r#"{"state":"ready"}"#);
        cast
    }
}

impl Drop for Cast {
    fn drop(&mut self) {
        drop(self.stdin.take());
        if !holds_within(END_DEADLINE, || matches!(self.child.try_wait(), Ok(Some(_)))) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

//! Agents that a program of the operator's own starts, wherever that likes: see [`wallflower_domain::wire::launcher`].

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use tokio::time::timeout;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::wire::launcher::{Call, MAX_LINE_BYTES, Reply};
use wallflower_domain::wire::link::Assignment;

use super::{Handle, Launcher, Life};

/// A program that has not answered by then has failed.
const DEADLINE: Duration = Duration::from_secs(10);

/// Asks the program behind a socket.
#[derive(Clone, Debug)]
pub struct SocketLauncher {
    path: PathBuf,
    /// Many recordings may be deleted at once, for which a program that hangs must not take all our descriptors.
    forgetting: Arc<Mutex<()>>,
}

impl SocketLauncher {
    /// One whose program listens, or will, at this path.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), forgetting: Arc::default() }
    }

    async fn call(&self, call: &Call) -> Result<Reply, Failure> {
        let answered = timeout(DEADLINE, exchange(&self.path, call)).await;
        let reply = answered.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        match reply {
            Ok(Reply::Failed { failure }) => Err(failure),
            Ok(reply) => Ok(reply),
            Err(error) => Err(self.failed(&error.to_string())),
        }
    }

    fn failed(&self, why: &str) -> Failure {
        let sentence = format!("The launcher behind {} does not answer as one ({why}).", self.path.display());
        Failure::new(FailureKind::ProgramDied, sentence)
    }
}

async fn exchange(path: &Path, call: &Call) -> std::io::Result<Reply> {
    let mut stream = UnixStream::connect(path).await?;
    let mut line = serde_json::to_vec(call)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut answer = Vec::new();
    let most = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
    BufReader::new(stream).take(most).read_until(b'\n', &mut answer).await?;
    Ok(serde_json::from_slice(&answer)?)
}

#[async_trait]
impl Launcher for SocketLauncher {
    fn name(&self) -> &'static str {
        "socket"
    }

    async fn launch(&self, number: u32, assignment: &Assignment) -> Result<Handle, Failure> {
        match self.call(&Call::Launch { number, assignment: Box::new(assignment.clone()) }).await? {
            Reply::Launched { handle } if !handle.is_null() => Ok(handle),
            _ => Err(self.failed("it names no agent that it has launched")),
        }
    }

    async fn look(&self, handle: &Handle) -> Result<Life, Failure> {
        match self.call(&Call::Look { handle: handle.clone() }).await? {
            Reply::Running => Ok(Life::Running),
            Reply::Gone { how } => Ok(Life::Gone { how }),
            _ => Err(self.failed("it does not say whether an agent is there")),
        }
    }

    async fn kill(&self, handle: &Handle) -> Result<(), Failure> {
        match self.call(&Call::Kill { handle: handle.clone() }).await? {
            Reply::Killed => Ok(()),
            _ => Err(self.failed("it does not say that an agent was killed")),
        }
    }

    async fn agents(&self) -> Result<Vec<(String, Handle)>, Failure> {
        match self.call(&Call::Agents).await? {
            Reply::Agents { agents } => Ok(agents.into_iter().map(|agent| (agent.recording, agent.handle)).collect()),
            _ => Err(self.failed("it does not say which agents are there")),
        }
    }

    async fn forget(&self, recording: &str) -> Result<(), Failure> {
        let forgotten = async {
            let _turn = self.forgetting.lock().await;
            self.call(&Call::Forget { recording: recording.to_owned() }).await
        };
        match timeout(DEADLINE, forgotten).await {
            Ok(Ok(Reply::Forgotten)) => Ok(()),
            Ok(Err(failure)) => Err(failure),
            Ok(Ok(_)) => Err(self.failed("it does not say that a recording is forgotten, which older ones can't")),
            Err(_) => Err(self.failed("it takes too long over those that were deleted before")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tokio::net::UnixListener;

    /// Answers each call with the next of these lines; gives what was called.
    fn program(at: &Path, lines: Vec<&'static str>) -> tokio::task::JoinHandle<Vec<String>> {
        let listener = UnixListener::bind(at).expect("a socket");
        tokio::spawn(async move {
            let mut calls = Vec::new();
            for line in lines {
                let (stream, _) = listener.accept().await.expect("a call");
                let mut stream = BufReader::new(stream);
                let mut call = String::new();
                stream.read_line(&mut call).await.expect("a line");
                calls.push(call.trim_end().to_owned());
                stream.get_mut().write_all(line.as_bytes()).await.expect("somebody listens");
            }
            calls
        })
    }

    #[tokio::test]
    async fn a_program_is_asked_and_its_answers_are_understood() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("launcher");
        let lines = vec![
            "{\"reply\":\"running\"}\n",
            "{\"reply\":\"gone\",\"how\":\"was evicted\"}\n",
            "{\"reply\":\"killed\"}\n",
            "{\"reply\":\"agents\",\"agents\":[{\"recording\":\"r\",\"handle\":1}]}\n",
            "{\"reply\":\"forgotten\"}\n",
            "{\"reply\":\"killed\"}\n",
            "{\"reply\":\"failed\",\"failure\":{\"kind\":\"program_died\",\"message\":\"No machine is free.\"}}\n",
            "what?\n",
        ];
        let calls = program(&path, lines);
        let (launcher, handle) = (SocketLauncher::new(&path), json!("a1"));
        assert_eq!(launcher.look(&handle).await, Ok(Life::Running));
        assert_eq!(launcher.look(&handle).await, Ok(Life::Gone { how: "was evicted".into() }));
        assert_eq!(launcher.kill(&handle).await, Ok(()));
        assert_eq!(launcher.agents().await, Ok(vec![("r".to_owned(), json!(1))]));
        assert_eq!(launcher.forget("r").await, Ok(()));
        for said in ["does not say whether", "No machine is free.", "does not answer as one"] {
            let failure = launcher.look(&handle).await.expect_err(said);
            assert!(failure.message.contains(said), "{failure}");
        }
        let calls = calls.await.expect("all were asked");
        assert_eq!(calls[0], r#"{"call":"look","handle":"a1"}"#);
        assert_eq!(calls[3], r#"{"call":"agents"}"#);
        assert_eq!(calls[4], r#"{"call":"forget","recording":"r"}"#);
        std::fs::remove_file(&path).expect("the socket's file");
        assert!(launcher.agents().await.is_err(), "nobody is there");
    }

    #[tokio::test]
    async fn a_program_that_does_not_know_how_to_forget_has_not_forgotten() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("launcher");
        let refusal = "{\"reply\":\"failed\",\"failure\":{\"kind\":\"bad_request\",\"message\":\"What is that?\"}}\n";
        let calls = program(&path, vec!["", "{\"reply\":\"killed\"}\n", refusal]);
        let launcher = SocketLauncher::new(&path);
        for said in ["does not answer as one", "does not say that a recording is forgotten", "What is that?"] {
            let failure = launcher.forget("r").await.expect_err(said);
            assert!(failure.message.contains(said), "{failure}");
        }
        assert_eq!(calls.await.expect("all were asked").len(), 3);
    }
}

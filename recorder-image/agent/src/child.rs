//! A supervised child process: own process group, drained output, an exit that everybody can await, and a ladder of
//! signals that always ends in KILL.

use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use wallflower_domain::failure::{Failure, FailureKind};

/// Lines of output that are kept for error messages.
const TAIL_LINES: usize = 40;
/// A longer line is cut into pieces.
const LINE_BYTES: u64 = 16 * 1024;

/// So often in the time in which a child has to do something it is looked at.
const LOOKS: u32 = 10;

/// Sees every line that a child prints on one stream.
pub(crate) type LineSink = Box<dyn FnMut(&str) + Send>;

/// What becomes of a child's stdout.
enum Stdout {
    Lines(LineSink),
    Kept,
}

/// A running child. Dropping it kills its process group; [`Child::stop`] is the polite way.
pub(crate) struct Child {
    name: &'static str,
    group: Pid,
    stdin: Option<ChildStdin>,
    tail: Tail,
    exit: watch::Receiver<Option<ExitStatus>>,
}

/// One rung of the ladder by which a child is stopped.
pub(crate) enum Rung {
    /// Write this to its stdin.
    Say(&'static [u8]),
    /// Signal its process group.
    Send(Signal),
}

impl Child {
    /// Starts `command` in a process group of its own. Its output goes to the sinks, its last lines are kept.
    pub(crate) fn spawn(
        name: &'static str,
        command: Command,
        on_stdout: LineSink,
        on_stderr: LineSink,
    ) -> Result<Self, Failure> {
        Self::start(name, command, Stdout::Lines(on_stdout), on_stderr).map(|(child, _)| child)
    }

    /// The same for a child whose stdout is no text. Whoever gets it has to read it.
    pub(crate) fn spawn_piped(
        name: &'static str,
        command: Command,
        on_stderr: LineSink,
    ) -> Result<(Self, ChildStdout), Failure> {
        let (child, stdout) = Self::start(name, command, Stdout::Kept, on_stderr)?;
        let stdout = stdout.ok_or_else(|| Failure::new(FailureKind::Internal, format!("{name} has no stdout.")))?;
        Ok((child, stdout))
    }

    fn start(
        name: &'static str,
        mut command: Command,
        on_stdout: Stdout,
        on_stderr: LineSink,
    ) -> Result<(Self, Option<ChildStdout>), Failure> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| {
                Failure::new(FailureKind::ProgramDied, format!("{name} could not be started: {error}."))
            })?;
        let group = process.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw).ok_or_else(|| {
            Failure::new(FailureKind::ProgramDied, format!("{name} ended before it could be supervised."))
        })?;
        let tail = Tail::default();
        let stdin = process.stdin.take();
        let mut drains = Vec::new();
        let mut stdout = process.stdout.take();
        if let Stdout::Lines(on_stdout) = on_stdout
            && let Some(stdout) = stdout.take()
        {
            drains.push(tokio::spawn(drain(name, stdout, None, on_stdout)));
        }
        if let Some(stderr) = process.stderr.take() {
            drains.push(tokio::spawn(drain(name, stderr, Some(tail.clone()), on_stderr)));
        }
        let (exit_sender, exit) = watch::channel(None);
        tokio::spawn(async move {
            let status = process.wait().await;
            // The last lines often say why: let them arrive before the exit is known. A grandchild may hold the pipes open.
            let _ = tokio::time::timeout(Duration::from_millis(300), futures_util::future::join_all(drains)).await;
            match status {
                Ok(status) => {
                    tracing::debug!(child = name, %status, "child ended");
                    let _ = exit_sender.send(Some(status));
                }
                Err(error) => tracing::error!(child = name, %error, "child can't be awaited"),
            }
        });
        tracing::debug!(child = name, pid = group.as_raw(), "child started");
        Ok((Self { name, group, stdin, tail, exit }, stdout))
    }

    /// Process id, which is also the id of its process group.
    pub(crate) fn pid(&self) -> i32 {
        self.group.as_raw()
    }

    /// Resolves when the child has ended. Can be awaited by many.
    pub(crate) fn exited(&self) -> impl Future<Output = ExitStatus> + Send + 'static {
        let mut exit = self.exit.clone();
        async move {
            loop {
                if let Some(status) = *exit.borrow_and_update() {
                    return status;
                }
                if exit.changed().await.is_err() {
                    // Only when the child could not be awaited: its end will never be known.
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    /// It is known to have ended.
    pub(crate) fn has_exited(&self) -> bool {
        self.exit.borrow().is_some()
    }

    /// Its stdin, for whoever writes to it from now on.
    pub(crate) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.stdin.take()
    }

    /// Writes to its stdin, unless it does not read for a second.
    pub(crate) async fn say(&mut self, text: &[u8]) -> std::io::Result<()> {
        let Some(stdin) = &mut self.stdin else { return Err(std::io::ErrorKind::BrokenPipe.into()) };
        let said = async {
            stdin.write_all(text).await?;
            stdin.flush().await
        };
        tokio::time::timeout(Duration::from_secs(1), said).await?
    }

    /// The last lines that it printed on stderr.
    pub(crate) fn tail(&self) -> Tail {
        self.tail.clone()
    }

    /// A failure that says that this child died. Its last words are quoted unless it was killed: then they tell nothing.
    pub(crate) fn died(&self, status: ExitStatus) -> Failure {
        Failure::new(FailureKind::ProgramDied, death(self.name, status, &self.tail))
    }

    /// Climbs the ladder until the child has ended; the last rung is always KILL. Also ends what its group left behind.
    pub(crate) async fn stop(mut self, ladder: &[(Rung, Duration)]) -> ExitStatus {
        for (rung, patience) in ladder {
            match rung {
                // One that does not listen gets the next rung.
                Rung::Say(text) => drop(self.say(text).await),
                Rung::Send(signal) => self.signal(*signal),
            }
            if let Ok(status) = tokio::time::timeout(*patience, self.exited()).await {
                self.signal(Signal::SIGKILL);
                return status;
            }
            tracing::warn!(child = self.name, "child did not end in time, next signal");
        }
        self.signal(Signal::SIGKILL);
        self.exited().await
    }

    fn signal(&self, signal: Signal) {
        // ESRCH means that nobody is left to be signalled, which is what a signal here is for.
        let _ = killpg(self.group, signal);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// The sentence for a child's end.
pub(crate) fn death(name: &str, status: ExitStatus, tail: &Tail) -> String {
    match (status.signal(), tail.last()) {
        (Some(signal), _) => format!(
            "{name} was killed (signal {signal}), perhaps because the machine ran out of memory; the system's log may tell."
        ),
        (None, Some(last)) => format!("{name} ended by itself ({status}), saying: {last}."),
        (None, None) => format!("{name} ended by itself ({status}) without a word."),
    }
}

/// The last lines of a child's stderr, shared with whoever explains its end.
#[derive(Clone, Default)]
pub(crate) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    fn push(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == TAIL_LINES {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    /// The last line that is not blank.
    pub(crate) fn last(&self) -> Option<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().rev().find(|line| !line.trim().is_empty()).cloned()
    }

    /// Whether one of the kept lines contains `text`.
    pub(crate) fn contains(&self, text: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|line| line.contains(text))
    }
}

async fn drain(name: &'static str, stream: impl AsyncRead + Unpin, tail: Option<Tail>, mut sink: LineSink) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(LINE_BYTES).read_until(b'\n', &mut line).await {
            Ok(0) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                let text = text.trim_end();
                tracing::trace!(child = name, "{text}");
                if let Some(tail) = &tail {
                    tail.push(text);
                }
                sink(text);
            }
            Err(error) => {
                tracing::debug!(child = name, %error, "output can't be read any more");
                return;
            }
        }
    }
}

/// A sink for output that nobody waits for.
pub(crate) fn ignore() -> LineSink {
    Box::new(|_| {})
}

/// Runs a short-lived command to its end, or kills it at the deadline. Its last lines come with the status.
pub(crate) async fn run(
    name: &'static str,
    command: Command,
    deadline: Duration,
    on_stdout: LineSink,
) -> Result<(ExitStatus, Tail), Failure> {
    let child = Child::spawn(name, command, on_stdout, ignore())?;
    let tail = child.tail();
    match tokio::time::timeout(deadline, child.exited()).await {
        Ok(status) => Ok((status, tail)),
        Err(_) => {
            let _ = child.stop(&[]).await;
            Err(Failure::new(
                FailureKind::ProgramDied,
                format!("{name} did not finish within {} s and was stopped.", deadline.as_secs()),
            ))
        }
    }
}

/// Runs a command to its end, however long that takes as long as it works: it is killed once it has read and written nothing for
/// `patience`. For work whose length depends on the size of files and the speed of disks. Its last lines come with the status.
pub(crate) async fn run_while_it_works(
    name: &'static str,
    command: Command,
    patience: Duration,
    on_stdout: LineSink,
) -> Result<(ExitStatus, Tail), Failure> {
    let child = Child::spawn(name, command, on_stdout, ignore())?;
    let tail = child.tail();
    let exited = child.exited();
    tokio::pin!(exited);
    // Looks are counted, not time: in that, the machine may have been asleep.
    let (mut moved, mut idle) = (None, 0);
    loop {
        tokio::select! {
            status = &mut exited => return Ok((status, tail)),
            () = tokio::time::sleep(patience / LOOKS) => {}
        }
        let now = bytes_moved(child.pid()).or_else(|| ticks_used(child.pid()));
        if now != moved {
            (moved, idle) = (now, 0);
        } else if idle + 1 < LOOKS {
            idle += 1;
        } else {
            let _ = child.stop(&[]).await;
            return Err(Failure::new(
                FailureKind::ProgramDied,
                format!("{name} has read and written nothing for {} s and was stopped.", patience.as_secs()),
            ));
        }
    }
}

/// Bytes that a process has read and written so far, of files and of all else; none where the kernel does not account for that.
fn bytes_moved(pid: i32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    let of = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    Some(of("rchar:")?.wrapping_add(of("wchar:")?))
}

/// Ticks of processor time that a process has used so far.
fn ticks_used(pid: i32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // A program's name is in parentheses, and may hold any itself. After it, user's and system's time are the 12th and 13th field.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()?.wrapping_add(next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Child {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script);
        Child::spawn("sh", command, ignore(), ignore()).expect("sh starts")
    }

    #[tokio::test]
    async fn what_works_may_take_its_time_and_what_does_nothing_is_ended() {
        let run = async |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            run_while_it_works("sh", command, Duration::from_secs(3), ignore()).await
        };
        let began = std::time::Instant::now();
        let (status, _) = run("for n in $(seq 16); do echo $n >/dev/null; sleep 0.2; done; exit 3").await.expect("ran");
        assert_eq!(status.code(), Some(3));
        assert!(began.elapsed() > Duration::from_secs(3), "it took longer than it may do nothing");
        let failure = run("exec sleep 1000").await.err().expect("it does nothing");
        assert!(failure.message.contains("nothing for 3 s"), "{failure}");
    }

    #[test]
    fn where_bytes_are_not_told_processor_time_is() {
        let us = i32::try_from(std::process::id()).expect("a pid");
        let before = ticks_used(us).expect("its own can be read");
        let until = std::time::Instant::now() + Duration::from_secs(60);
        while ticks_used(us) == Some(before) {
            assert!(std::time::Instant::now() < until, "it has worked, and used no time");
        }
    }

    #[tokio::test]
    async fn a_child_that_ignores_term_is_killed() {
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let mut command = Command::new("sh");
        command.arg("-c").arg("trap '' TERM; echo up; while :; do sleep 0.05; done");
        let on_stdout: LineSink = Box::new(move |line| drop(sender.send(line.to_owned())));
        let child = Child::spawn("sh", command, on_stdout, ignore()).expect("sh starts");
        assert_eq!(receiver.recv().await.as_deref(), Some("up"));
        let status = child.stop(&[(Rung::Send(Signal::SIGTERM), Duration::from_millis(100))]).await;
        assert_eq!(status.signal(), Some(9));
    }

    #[tokio::test]
    async fn the_whole_group_dies_with_its_leader() {
        let child = shell("sleep 1000 & sleep 1000");
        let group = child.pid();
        let _ = child.stop(&[]).await;
        let gone = || killpg(Pid::from_raw(group), None).is_err();
        tokio::time::timeout(Duration::from_secs(60), async {
            while !gone() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .expect("nobody of the group is left");
    }

    #[tokio::test]
    async fn the_message_of_a_dead_child_ends_with_its_last_line() {
        let child = shell("echo first; echo 'no such thing' >&2; exit 3");
        let status = child.exited().await;
        assert_eq!(child.died(status).message, "sh ended by itself (exit status: 3), saying: no such thing.");
    }

    #[tokio::test]
    async fn what_is_said_on_stdin_can_end_a_child() {
        let child = shell("read line; test \"$line\" = q");
        let status = child.stop(&[(Rung::Say(b"q\n"), Duration::from_secs(60))]).await;
        assert!(status.success());
    }
}

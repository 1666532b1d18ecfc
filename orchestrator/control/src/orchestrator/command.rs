//! The server's own command, run when a recording has ended: the recording as JSON on stdin, what it prints kept, its end certain.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use wallflower_domain::record::HookReport;

/// Of what it prints, so much is kept: the end.
const KEPT: usize = 16 * 1024;
/// From the request to end to the order to.
const GRACE: Duration = Duration::from_secs(5);
/// What it has started may hold its outputs open after its own end.
const DRAIN: Duration = Duration::from_secs(1);
/// Secrets that are ours alone.
const KEPT_FROM_IT: [&str; 9] = [
    "JITSI_PASSCODE",
    "JITSI_PASSWORD",
    "JITSI_TOKEN",
    "LIVEKIT_API_SECRET",
    "LIVEKIT_E2EE_KEY",
    "WALLFLOWER_API_KEY",
    "WALLFLOWER_SMTP_PASSWORD",
    "WALLFLOWER_STREAM",
    "WALLFLOWER_WEBHOOK_SECRET",
];

/// A run of it.
pub(crate) struct Run<'a> {
    /// The program and its arguments.
    pub(crate) line: &'a [String],
    /// It has so long.
    pub(crate) timeout: Duration,
    /// Id of the recording.
    pub(crate) recording: &'a str,
    /// State of the recording.
    pub(crate) state: &'a str,
    /// Where its files are.
    pub(crate) folder: &'a Path,
    /// The recording, as clients see it.
    pub(crate) json: &'a str,
}

/// All of a process group; killed when dropped.
struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // Gone is as good.
            let _ = killpg(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// The end of what was printed.
#[derive(Default)]
struct Printed {
    bytes: Vec<u8>,
    truncated: bool,
}

type Shared = Arc<Mutex<Printed>>;

impl Run<'_> {
    /// Runs it to its end.
    pub(crate) async fn finished(self) -> HookReport {
        let began = Instant::now();
        let printed = Shared::default();
        let (exit, trouble) = match self.start() {
            Ok(child) => self.follow(child, &printed).await,
            Err(error) => (None, Some(format!("It could not be started ({error})."))),
        };
        let printed = std::mem::take(&mut *printed.lock().unwrap_or_else(PoisonError::into_inner));
        HookReport {
            exit,
            trouble,
            seconds: (began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
            output: String::from_utf8_lossy(&printed.bytes).into_owned(),
            truncated: printed.truncated,
        }
    }

    fn start(&self) -> std::io::Result<Child> {
        let (program, arguments) = self.line.split_first().ok_or(std::io::ErrorKind::NotFound)?;
        let mut command = Command::new(program);
        command.args(arguments).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for name in KEPT_FROM_IT {
            command.env_remove(name);
        }
        command
            .env("WALLFLOWER_RECORDING", self.recording)
            .env("WALLFLOWER_STATE", self.state)
            .env("WALLFLOWER_DIR", self.folder)
            .spawn()
    }

    /// Its status, and what was wrong.
    async fn follow(&self, mut child: Child, printed: &Shared) -> (Option<i32>, Option<String>) {
        let group = Group(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw));
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let told = async {
            if let Some(mut stdin) = stdin {
                // Who does not read it does not want it.
                let _ = stdin.write_all(self.json.as_bytes()).await;
            }
        };
        let heard = async { tokio::join!(told, keep(stdout, printed), keep(stderr, printed)) };
        let watched = async {
            let ended = timeout(self.timeout, child.wait()).await;
            if ended.is_err() {
                group.signal(Signal::SIGTERM);
                let asked = timeout(GRACE, child.wait()).await;
                group.signal(Signal::SIGKILL);
                return (asked.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())), true);
            }
            (ended.unwrap_or_else(|late| Err(late.into())), false)
        };
        tokio::pin!(heard, watched);
        let (ended, is_late) = tokio::select! {
            watched = &mut watched => {
                // Of what it has left behind, nothing is left.
                if timeout(DRAIN, &mut heard).await.is_err() {
                    group.signal(Signal::SIGKILL);
                }
                watched
            }
            _ = &mut heard => watched.await,
        };
        let trouble = match &ended {
            _ if is_late => Some(format!("It was killed after {}.", humantime::format_duration(self.timeout))),
            Ok(status) if status.success() => None,
            Ok(status) => Some(format!("It ended with {status}.")),
            Err(error) => Some(format!("What became of it is not known ({error}).")),
        };
        let exit = ended.ok().as_ref().and_then(ExitStatus::code).filter(|_| !is_late);
        (exit, trouble)
    }
}

/// Keeps the end of what it prints.
async fn keep(output: Option<impl AsyncRead + Unpin>, printed: &Shared) {
    let Some(mut output) = output else { return };
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = output.read(&mut piece).await {
        let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
        printed.bytes.extend_from_slice(piece.get(..count).unwrap_or_default());
        let surplus = printed.bytes.len().saturating_sub(KEPT);
        if surplus > 0 {
            printed.bytes.drain(..surplus);
            printed.truncated = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(script: &str, timeout: Duration) -> HookReport {
        let line = ["sh", "-c", script].map(str::to_owned);
        let folder = Path::new("/data/recordings/r1");
        let run = Run { line: &line, timeout, recording: "r1", state: "completed", folder, json: "{\"id\": \"r1\"}" };
        run.finished().await
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn it_is_told_which_recording_and_what_it_says_is_kept() {
        let report =
            run("cat; echo \" $WALLFLOWER_RECORDING $WALLFLOWER_STATE $WALLFLOWER_DIR\"; echo oh >&2; exit 3", LONG)
                .await;
        assert_eq!(report.exit, Some(3));
        assert!(report.trouble.as_deref().is_some_and(|trouble| trouble.contains('3')), "{report:?}");
        assert!(report.output.contains("{\"id\": \"r1\"} r1 completed /data/recordings/r1\n"), "{report:?}");
        assert!(report.output.contains("oh\n") && !report.truncated, "{report:?}");
        assert_eq!(run("exit 0", LONG).await.trouble, None, "who does not read does not fail");
    }

    #[tokio::test]
    async fn of_much_the_end_is_kept() {
        let report = run("seq 1 20000; echo end", LONG).await;
        assert!(report.output.ends_with("20000\nend\n") && report.output.len() <= KEPT && report.truncated);
    }

    #[tokio::test]
    async fn what_is_late_is_killed_with_all_that_it_has_started() {
        let folder = tempfile::tempdir().expect("a directory");
        let noted = folder.path().join("pid");
        let script = format!("trap '' TERM; sleep 300 & echo $! >{}; echo begun; wait; wait", noted.display());
        // Long enough for a shell to begin, however busy the machine is.
        let (mut timeout, mut report) = (Duration::from_millis(500), None);
        while timeout < LONG && report.as_ref().is_none_or(|report: &HookReport| report.output.is_empty()) {
            timeout *= 2;
            report = Some(run(&script, timeout).await);
        }
        let report = report.expect("it ran");
        assert_eq!((report.exit, report.output.as_str()), (None, "begun\n"));
        assert!(report.trouble.is_some_and(|trouble| trouble.contains(&format!("killed after {timeout:?}"))));
        let pid = std::fs::read_to_string(&noted).expect("it was started");
        let until = Instant::now() + LONG;
        // Whoever adopts it may take a moment to bury it.
        while std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(Instant::now() < until, "it runs on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test]
    async fn what_goes_on_in_the_background_does_not_keep_us() {
        let report = run("sleep 300 & echo done", LONG).await;
        assert_eq!((report.exit, report.output.as_str(), report.trouble), (Some(0), "done\n", None));
        assert!(report.seconds < 60.0, "{}", report.seconds);
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_told() {
        let line = ["/nowhere/program".to_owned()];
        let run =
            Run { line: &line, timeout: LONG, recording: "r1", state: "failed", folder: Path::new("/"), json: "" };
        assert!(run.finished().await.trouble.is_some_and(|trouble| trouble.contains("could not be started")));
    }
}

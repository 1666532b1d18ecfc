//! `wallflower doctor`: what this machine has, what it lacks, the command that mends it, and a short recording that is decoded again.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use tokio::process::Command;
use wallflower_agent::Program;
use wallflower_control::demo_room::DemoServer;
use wallflower_domain::encoding::Encoding;
use wallflower_domain::frame::{FrameRate, FrameSize};
use wallflower_domain::layout::Layout;
use wallflower_domain::output::Output;
use wallflower_domain::theme::Theme;
use wallflower_domain::watchdog::WatchdogConfig;
use wallflower_domain::wire::agent::{Gaps, Job, JobPage, Standing};

use crate::args::DoctorArgs;
use crate::exit;
use crate::outputs::spool;
use crate::progress::View;
use crate::run::{new_id, run};

const COMMAND_DEADLINE: Duration = Duration::from_secs(20);
const RECORDING_S: f64 = 5.0;
const GIB: u64 = 1 << 30;

/// What one look at the machine found.
struct Finding {
    subject: &'static str,
    verdict: Verdict,
}

enum Verdict {
    Fine(String),
    /// Recordings work, but not as well as they could.
    Poor {
        what: String,
        remedy: String,
    },
    /// Recordings don't work.
    Broken {
        what: String,
        remedy: String,
    },
}

use Verdict::{Broken, Fine, Poor};

pub(crate) async fn doctor(args: DoctorArgs) -> ExitCode {
    let mut healthy = true;
    let mut tell = |finding: Finding| {
        healthy &= !matches!(finding.verdict, Broken { .. });
        print(&finding);
    };
    for program in Program::ALL {
        tell(Finding { subject: program.title(), verdict: program_verdict(program).await });
    }
    tell(Finding { subject: "capture", verdict: capture_verdict().await });
    for script in SCRIPTS {
        tell(Finding { subject: script.subject, verdict: font_verdict(script).await });
    }
    tell(Finding { subject: "/dev/shm", verdict: shm_verdict() });
    tell(Finding { subject: "disk", verdict: disk_verdict() });
    tell(Finding { subject: "sandbox", verdict: sandbox_verdict() });
    if healthy && !args.no_recording {
        let verdict = recording_verdict().await;
        healthy = !matches!(verdict, Broken { .. });
        print(&Finding { subject: "recording", verdict });
    }
    if healthy {
        println!("\nThis machine can record.");
        ExitCode::SUCCESS
    } else {
        println!("\nThis machine can't record yet.");
        ExitCode::from(exit::PLATFORM)
    }
}

fn print(finding: &Finding) {
    let (mark, what, remedy) = match &finding.verdict {
        Fine(what) => ("ok", what, None),
        Poor { what, remedy } => ("poor", what, Some(remedy)),
        Broken { what, remedy } => ("BROKEN", what, Some(remedy)),
    };
    println!("{mark:>6}  {:<14}{what}", finding.subject);
    if let Some(remedy) = remedy {
        println!("        {:<14}→ {remedy}", "");
    }
}

/// Output of a short command, both streams; none when it can't be had.
async fn output(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let ran = Command::new(program).args(arguments).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(COMMAND_DEADLINE, ran).await.ok()?.ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

async fn program_verdict(program: Program) -> Verdict {
    let path = match program.find() {
        Ok(path) => path,
        Err(failure) => {
            return Broken { what: failure.message, remedy: format!("apt-get install {}", program.package()) };
        }
    };
    let flag = match program {
        Program::Chromium | Program::PulseAudio => "--version",
        Program::Ffmpeg | Program::Ffprobe | Program::Xvfb => "-version",
    };
    let version = output(&path, &[flag]).await.unwrap_or_default();
    // Xvfb has no flag for its version; it answers with its usage.
    let version = version.lines().next().filter(|line| line.contains(|c: char| c.is_ascii_digit())).unwrap_or_default();
    let version = version.split(" Copyright").next().unwrap_or_default().trim();
    Fine(format!("{version}  {}", path.display()).trim().to_owned())
}

/// A distribution's ffmpeg can all of this; one that somebody built may not.
async fn capture_verdict() -> Verdict {
    let Ok(ffmpeg) = Program::Ffmpeg.find() else {
        return Broken { what: "there is no ffmpeg to ask".into(), remedy: "apt-get install ffmpeg".into() };
    };
    let devices = output(&ffmpeg, &["-hide_banner", "-devices"]).await.unwrap_or_default();
    let encoders = output(&ffmpeg, &["-hide_banner", "-encoders"]).await.unwrap_or_default();
    let options = output(&ffmpeg, &["-hide_banner", "-h", "full"]).await.unwrap_or_default();
    let needs = [
        ("x11grab", &devices),
        ("pulse", &devices),
        ("libx264", &encoders),
        ("aac", &encoders),
        // Since ffmpeg 5.1.
        ("-isync", &options),
    ];
    let lacks: Vec<&str> = needs
        .iter()
        .filter(|(need, have)| !have.split_whitespace().any(|word| word == *need))
        .map(|(need, _)| *need)
        .collect();
    if lacks.is_empty() {
        return Fine("x11grab, pulse, libx264, aac, -isync".into());
    }
    Broken {
        what: format!("this ffmpeg lacks {}", lacks.join(", ")),
        remedy: "use ffmpeg 5.1 or newer, such as Debian's".into(),
    }
}

struct Script {
    subject: &'static str,
    /// Language as fontconfig names it.
    lang: &'static str,
    package: &'static str,
}

const SCRIPTS: [Script; 4] = [
    Script { subject: "Latin font", lang: "fr", package: "fonts-noto-core" },
    Script { subject: "Arabic font", lang: "ar", package: "fonts-noto-core" },
    Script { subject: "CJK font", lang: "zh-cn", package: "fonts-noto-cjk" },
    Script { subject: "emoji font", lang: "und-zsye", package: "fonts-noto-color-emoji" },
];

async fn font_verdict(script: Script) -> Verdict {
    let remedy = format!("apt-get install {}", script.package);
    let Some(fonts) = output("fc-list", &[&format!(":lang={}", script.lang), "family"]).await else {
        return Poor {
            what: "fontconfig is not installed, so fonts can't be listed".into(),
            remedy: "apt-get install fontconfig".into(),
        };
    };
    // Noto is what the page asks for; another font of that script will do.
    let best = fonts.lines().find(|family| family.contains("Noto")).or_else(|| fonts.lines().next());
    match best {
        Some(family) => Fine(family.split(',').next().unwrap_or(family).to_owned()),
        None => Poor { what: "none: names in this script show as boxes".into(), remedy },
    }
}

fn free_bytes(path: &Path) -> Option<u64> {
    statvfs(path).ok().map(|stat| stat.blocks_available() * stat.fragment_size())
}

fn shm_verdict() -> Verdict {
    match free_bytes(Path::new("/dev/shm")) {
        Some(free) if free >= GIB / 8 => Fine(format!("{} MiB free", free >> 20)),
        free => Poor {
            what: format!("{} MiB free: the browser will use files instead, which costs more", free.unwrap_or(0) >> 20),
            remedy: "give the container --shm-size=1g, or empty /dev/shm".into(),
        },
    }
}

fn disk_verdict() -> Verdict {
    match free_bytes(Path::new(".")) {
        Some(free) if free >= 2 * GIB => Fine(format!("{} GiB free here; 720p takes about 1 GiB an hour", free >> 30)),
        free => Poor {
            what: format!(
                "{} MiB free here; 720p takes about 1 GiB an hour, twice while it is finalized",
                free.unwrap_or(0) >> 20
            ),
            remedy: "record to a disk with more room".into(),
        },
    }
}

fn sandbox_verdict() -> Verdict {
    if nix::unistd::geteuid().is_root() {
        return Poor {
            what: "we are root, so Chromium runs without its sandbox".into(),
            remedy: "run wallflower as an ordinary user".into(),
        };
    }
    Fine("Chromium's own".into())
}

/// Records the test page and decodes the file: moving picture, audible sound.
async fn recording_verdict() -> Verdict {
    let broken =
        |what: String| Broken { what, remedy: "WALLFLOWER_LOG=debug wallflower doctor shows what happened".into() };
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => return broken(format!("no temporary directory: {error}")),
    };
    let server = match DemoServer::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await {
        Ok(server) => server,
        Err(error) => return broken(error.to_string()),
    };
    let file = folder.path().join("self-test.mp4");
    let id = new_id();
    let outputs = vec![Output::File { path: file.clone() }];
    let spool = match spool(&outputs, &id) {
        Ok(spool) => spool,
        Err(failure) => return broken(failure.message),
    };
    let job = Job {
        id,
        page: JobPage::Page { url: format!("http://{}/probe.html", server.addr()), await_start: true },
        layout: Layout::default(),
        theme: Theme::default(),
        size: FrameSize::HD,
        fps: FrameRate::DEFAULT,
        room: String::new(),
        encoding: Encoding::default(),
        spool,
        outputs,
        uploads: Vec::new(),
        overwrite: false,
        gaps: Gaps::Slate,
        public_only: false,
        max_duration_s: Some(RECORDING_S),
        start_deadline_s: 20.0,
        standing: Standing::default(),
        watchdog: WatchdogConfig::default(),
    };
    let recorded = run(&job, None, &mut View::Silent).await;
    server.shutdown().await;
    let delivery = match recorded {
        Ok(recording) => match (recording.failure, recording.delivery) {
            (None, Some(delivery)) => delivery,
            (Some(failure), _) => return broken(failure.message),
            (None, None) => return broken("it was stopped".into()),
        },
        Err(failure) => return broken(failure.message),
    };
    match (distinct_frames(&file).await, loudest_db(&file).await) {
        (Some(distinct), Some(loudest)) if distinct * 10 >= delivery.frames * 9 && loudest > -40.0 => Fine(format!(
            "{:.1} s, {distinct} of {} frames are distinct, sound peaks at {loudest} dB",
            delivery.duration_s, delivery.frames
        )),
        (Some(distinct), Some(loudest)) => Poor {
            what: format!("{distinct} of {} frames are distinct, sound peaks at {loudest} dB", delivery.frames),
            remedy: "the machine is too slow or too busy for 720p30; try again when it is idle, or record fewer frames"
                .into(),
        },
        _ => broken("the file could not be decoded".into()),
    }
}

async fn distinct_frames(file: &Path) -> Option<u64> {
    let file = file.to_str()?;
    let hashes =
        output(Program::Ffmpeg.find().ok()?, &["-v", "error", "-i", file, "-map", "0:v", "-f", "framemd5", "-"])
            .await?;
    let distinct: BTreeSet<&str> =
        hashes.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit(',').next()).collect();
    u64::try_from(distinct.len()).ok()
}

async fn loudest_db(file: &Path) -> Option<f64> {
    let file = file.to_str()?;
    let report = output(
        Program::Ffmpeg.find().ok()?,
        &["-hide_banner", "-nostats", "-i", file, "-map", "0:a", "-af", "volumedetect", "-f", "null", "-"],
    )
    .await?;
    report.lines().find_map(|line| line.split_once("max_volume: ")?.1.strip_suffix(" dB")?.parse().ok())
}

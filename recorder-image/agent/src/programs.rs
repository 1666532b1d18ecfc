//! The programs that an agent needs on the machine.

use std::path::PathBuf;

use wallflower_domain::failure::{Failure, FailureKind};

/// A program that an agent starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The browser.
    Chromium,
    /// Capture, encoding and remuxing.
    Ffmpeg,
    /// Facts about finished files.
    Ffprobe,
    /// The display.
    Xvfb,
    /// The sound server.
    PulseAudio,
}

impl Program {
    /// Every program, in the order in which `doctor` lists them.
    pub const ALL: [Self; 5] = [Self::Chromium, Self::Ffmpeg, Self::Ffprobe, Self::Xvfb, Self::PulseAudio];

    /// Names under which it may be installed, best first.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Chromium => &["chromium", "google-chrome-stable", "google-chrome", "chromium-browser"],
            Self::Ffmpeg => &["ffmpeg"],
            Self::Ffprobe => &["ffprobe"],
            Self::Xvfb => &["Xvfb"],
            Self::PulseAudio => &["pulseaudio"],
        }
    }

    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Chromium => "Chromium",
            Self::Ffmpeg => "ffmpeg",
            Self::Ffprobe => "ffprobe",
            Self::Xvfb => "Xvfb",
            Self::PulseAudio => "PulseAudio",
        }
    }

    /// Debian package that holds it.
    pub fn package(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Ffmpeg | Self::Ffprobe => "ffmpeg",
            Self::Xvfb => "xvfb",
            Self::PulseAudio => "pulseaudio",
        }
    }

    /// Environment variable that names it outright.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Chromium => "WALLFLOWER_CHROMIUM",
            Self::Ffmpeg => "WALLFLOWER_FFMPEG",
            Self::Ffprobe => "WALLFLOWER_FFPROBE",
            Self::Xvfb => "WALLFLOWER_XVFB",
            Self::PulseAudio => "WALLFLOWER_PULSEAUDIO",
        }
    }

    /// Where it is, or a failure that says how to install it.
    pub fn find(self) -> Result<PathBuf, Failure> {
        if let Some(path) = std::env::var_os(self.variable()).map(PathBuf::from) {
            return if is_executable(&path) {
                Ok(path)
            } else {
                Err(Failure::new(
                    FailureKind::ProgramMissing,
                    format!("{} names {}, which is no program; correct or unset it.", self.variable(), path.display()),
                ))
            };
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        self.names()
            .iter()
            .flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)))
            .find(|candidate| is_executable(candidate))
            .ok_or_else(|| {
                Failure::new(
                    FailureKind::ProgramMissing,
                    format!(
                        "{} is not installed on this machine; install it by `apt-get install {}`, or run `wallflower doctor`.",
                        self.title(),
                        self.package()
                    ),
                )
            })
    }
}

fn is_executable(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Paths of all of them.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    pub(crate) chromium: PathBuf,
    pub(crate) ffmpeg: PathBuf,
    pub(crate) ffprobe: PathBuf,
    pub(crate) xvfb: PathBuf,
    pub(crate) pulseaudio: PathBuf,
}

impl Programs {
    pub(crate) fn find() -> Result<Self, Failure> {
        Ok(Self {
            chromium: Program::Chromium.find()?,
            ffmpeg: Program::Ffmpeg.find()?,
            ffprobe: Program::Ffprobe.find()?,
            xvfb: Program::Xvfb.find()?,
            pulseaudio: Program::PulseAudio.find()?,
        })
    }
}

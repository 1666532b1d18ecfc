//! The command line.

mod control;
mod design;
mod share;
mod start;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use wallflower_control::api::Scope;
use wallflower_domain::destination::Destination;
use wallflower_domain::encoding::{EncoderChoice, Encoding, VideoCodec};
use wallflower_domain::frame::{FrameRate, FrameSize, Preset};
use wallflower_domain::jitsi::{JitsiAccess, JitsiAccessError};
use wallflower_domain::layout::Layout;
use wallflower_domain::room::Room;
use wallflower_domain::secret::Secret;
use wallflower_domain::volume::Volume;
use wallflower_domain::watchdog::WatchdogConfig;
use wallflower_domain::wire::agent::Gaps;

use crate::template::Template;

pub(crate) use control::{LayoutArgs, ListArgs, MarkArgs, PauseArgs, ServerArgs, StopArgs, StreamAction, Which};
pub(crate) use design::DesignArgs;
pub(crate) use share::ShareArgs;
pub(crate) use start::{LogsArgs, StartArgs};

const EXIT_CODES: &str = "\
Exit codes:
    0  the recording is complete, or what was asked for is done
    1  the machine's fault, or Wallflower's: a program is missing or died
    2  the request's fault: wrong arguments, wrong keys
    3  the room's or the page's fault: unreachable, failed, no start signal
    4  the destination's fault: not writable, disk full
  130  stopped before there was anything to record, or abandoned by a second Ctrl-C

Ctrl-C once stops and finalizes; twice leaves at once and keeps what was captured beside the output file. What a server records is
stopped by Ctrl-C in `start --wait`, and in no other command.
WALLFLOWER_LOG=debug (or trace) prints what the agent does; WALLFLOWER_LOG_FORMAT=json does so for programs.";

/// Records meetings through a silent participant: a hidden browser whose picture and sound become the recording.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Record a room or a page: to files, HLS, images and live streams
    #[command(after_help = EXIT_CODES)]
    Record(Box<RecordArgs>),
    /// Record a built-in room with synthetic participants
    Demo(DemoArgs),
    /// Have a server record a room or a page, and print the recording's id
    #[command(after_help = EXIT_CODES)]
    Start(Box<StartArgs>),
    /// List the recordings that run on this machine, or those of a server
    List(ListArgs),
    /// Show how a recording is
    Show(Which),
    /// Wait until a recording is over; exits as its own command does
    #[command(after_help = EXIT_CODES)]
    Wait(Which),
    /// Print what the agents of a server's recording say: its last 64 KiB
    Logs(LogsArgs),
    /// Make a link to a server's recording, for people without an API key, and print it
    Share(ShareArgs),
    /// Stop a running recording and finalize it, as Ctrl-C does
    Stop(StopArgs),
    /// Record a card and silence instead of the room, until it is resumed
    Pause(PauseArgs),
    /// Record the room again
    Resume(Which),
    /// Record silence instead of the room's sound; the room is not told
    Mute(Which),
    /// Record sound again
    Unmute(Which),
    /// Put a marker on the timeline; it becomes a chapter
    Mark(MarkArgs),
    /// Show the room in another way while it is recorded: layout, theme, spotlight, hidden people, volumes, lower third, banner
    Layout(LayoutArgs),
    /// Stream a running recording to further addresses, or to fewer
    #[command(subcommand)]
    Stream(StreamAction),
    /// Take requests for recordings over HTTP, and see to them: many at once, on this machine
    Serve(ServeArgs),
    /// API keys of `wallflower serve`
    #[command(subcommand)]
    Keys(KeysAction),
    /// Finish the recordings of runs that were killed, from what they left beside their output files
    Recover(RecoverArgs),
    /// Upload what could not be uploaded when it was recorded
    Upload(UploadArgs),
    /// Design how recordings look: a workshop in the browser, with a simulated room beside your template and theme
    Design(DesignArgs),
    /// Tell what this machine lacks, and prove by a short recording that it works
    Doctor(DoctorArgs),
    /// Perform one recording: job and commands on stdin, events on stdout
    #[command(hide = true)]
    Agent,
    /// Clean up after an agent that was killed
    #[command(hide = true)]
    Guard { work_dir: PathBuf },
    /// Play synthetic participants: their configuration is one line of JSON on stdin; runs until stdin closes
    #[command(hide = true)]
    Cast,
}

/// How a recording looks; the same for every command that makes one.
#[derive(clap::Args, Clone)]
pub(crate) struct Look {
    /// How tiles are arranged: grid, speaker, single-speaker, screen, interview, podcast or pip
    #[arg(long, default_value_t = Layout::Grid)]
    pub(crate) layout: Layout,
    /// Size and frames a second by a name: 720p30, 720p60, 1080p30, 1080p60, and portrait-720p30 and so on
    #[arg(long, default_value_t = Preset::default())]
    pub(crate) preset: Preset,
    /// Size of the picture in place of the preset's; both sides even
    #[arg(long, value_name = "WIDTHxHEIGHT")]
    size: Option<FrameSize>,
    /// Frames a second in place of the preset's, 1 to 60
    #[arg(long)]
    fps: Option<FrameRate>,
    /// Codec of the picture: h264, h265, vp9 or av1
    #[arg(long, default_value_t = VideoCodec::default())]
    codec: VideoCodec,
    /// What encodes it: software, auto, vaapi, nvenc or qsv; where hardware does not work, software does it and a warning says so
    #[arg(long, default_value_t = EncoderChoice::default())]
    encoder: EncoderChoice,
    /// Theme file: colours, title, logo, overlays
    #[arg(long, value_name = "FILE.json")]
    pub(crate) theme: Option<PathBuf>,
}

impl RecordArgs {
    /// The watchdog's rules with those that are given.
    pub(crate) fn watchdog(&self) -> Result<WatchdogConfig, String> {
        let mut rules = serde_json::Map::new();
        for rule in &self.watch {
            let number =
                rule.split_once('=').and_then(|(key, value)| Some((key, value.parse::<serde_json::Number>().ok()?)));
            let (key, number) = number.ok_or_else(|| format!("\"{rule}\" is no rule; write it as room_empty_s=60."))?;
            rules.insert(key.to_owned(), number.into());
        }
        serde_json::from_value(rules.into()).map_err(|error| format!("A rule of the watchdog is not valid: {error}."))
    }
}

impl Look {
    pub(crate) fn size(&self) -> FrameSize {
        self.size.unwrap_or(self.preset.size())
    }

    pub(crate) fn fps(&self) -> FrameRate {
        self.fps.unwrap_or(self.preset.fps())
    }

    pub(crate) fn encoding(&self) -> Encoding {
        Encoding { codec: self.codec, encoder: self.encoder }
    }
}

/// What a recording makes, all from one encode; at least one of them.
#[derive(clap::Args)]
pub(crate) struct OutputArgs {
    /// The file to write; its ending says what it is: .mp4 or .mkv; .webm, which is encoded a second time unless the codec is vp9 or
    /// av1; or one of --audio's. Can be given several times
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Vec<PathBuf>,
    /// A file with the sound alone: .m4a, .opus, .ogg, .mp3, .flac or .wav. When nothing has a picture, none is encoded
    #[arg(long, value_name = "FILE")]
    pub(crate) audio: Vec<PathBuf>,
    /// A directory for an HLS playlist, index.m3u8: live while recording, complete after
    #[arg(long, value_name = "DIR")]
    pub(crate) hls: Option<PathBuf>,
    /// A directory for pictures: one every --images-every, and at the end a thumbnail and a contact sheet
    #[arg(long, value_name = "DIR")]
    pub(crate) images: Option<PathBuf>,
    /// Time between two pictures
    #[arg(long, default_value = "10s", value_parser = duration)]
    pub(crate) images_every: Duration,
    /// Stream there as well, live: rtmp://, rtmps:// or srt://, with the stream's key; may be given several times. What is on the
    /// command line can be read by every user of this machine, and the key with it: better use --stream-file, or the environment,
    /// where several addresses are separated by spaces
    #[arg(long, value_name = "URL", env = "WALLFLOWER_STREAM", hide_env_values = true, value_delimiter = ' ')]
    pub(crate) stream: Vec<Secret>,
    /// Stream to the addresses in this file, one a line; empty lines and those that begin with # don't count
    #[arg(long, value_name = "FILE")]
    pub(crate) stream_file: Vec<PathBuf>,
    /// Upload everything to s3://bucket/{room}/{date}/, gs://…, az://… or file:///dir/; twice for two destinations. Keys come from the
    /// environment, such as AWS_ACCESS_KEY_ID. `wallflower upload` does again what failed
    #[arg(long, value_name = "URL")]
    pub(crate) upload: Vec<Destination>,
    /// Replace files that are there already
    #[arg(long, visible_alias = "overwrite")]
    pub(crate) force: bool,
}

#[derive(clap::Args)]
pub(crate) struct RecordArgs {
    /// livekit+wss://host/ROOM, jitsi+https://host/ROOM, demo:ROOM, or any https:// page
    pub(crate) room: Room,
    #[command(flatten)]
    pub(crate) outputs: OutputArgs,
    /// End after this much recording, such as 30s or 1h30m; otherwise when the room ends or on Ctrl-C
    #[arg(long, value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// What becomes of time in which nothing could be captured because something died: slate (a still of the same length, so that
    /// media time stays wall time) or cut
    #[arg(long, default_value_t = Gaps::Slate)]
    pub(crate) gaps: Gaps,
    /// A rule of the watchdog, such as room_empty_s=60; 0 switches it off. Can be given several times
    #[arg(long = "watch", value_name = "KEY=NUMBER")]
    watch: Vec<String>,
    #[command(flatten)]
    pub(crate) look: Look,
    /// Neither show nor record this participant: an identity, or the beginning of some, such as guest-*. May be repeated
    #[arg(long, value_name = "IDENTITY")]
    pub(crate) hide: Vec<String>,
    /// Show and record nobody but this participant: an identity, or the beginning of some. May be repeated
    #[arg(long, value_name = "IDENTITY")]
    pub(crate) only: Vec<String>,
    /// How loud this participant is, in percent of what they send, 0 to 200: an identity, or the beginning of some, such as guest-*=50.
    /// May be repeated
    #[arg(long, value_name = "IDENTITY=PERCENT", value_parser = volume)]
    pub(crate) volume: Vec<(String, Volume)>,
    /// A page of your own that renders the room: its address, or a folder with an index.html, which may use Wallflower's custom
    /// elements and have a theme.json. For a LiveKit room it gets layout, url and token as query parameters, as LiveKit's templates do
    #[arg(long, value_name = "URL|DIR")]
    pub(crate) template: Option<Template>,
    /// How long the page may take to give its start signal
    #[arg(long, default_value = "20s", value_parser = duration)]
    pub(crate) start_deadline: Duration,
    /// For an https:// page: wait until it gives a start signal instead of recording as soon as it has loaded
    #[arg(long)]
    pub(crate) await_start: bool,
    /// LiveKit API key
    #[arg(long, env = "LIVEKIT_API_KEY")]
    pub(crate) api_key: Option<String>,
    /// LiveKit API secret; better passed by the environment, where other users can't read it
    #[arg(long, env = "LIVEKIT_API_SECRET", hide_env_values = true)]
    pub(crate) api_secret: Option<Secret>,
    /// For a LiveKit room that is encrypted from end to end: a file that holds the key that its participants share. Without one it is
    /// taken from LIVEKIT_E2EE_KEY, if that is set
    #[arg(long, value_name = "FILE")]
    pub(crate) e2ee_key_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) jitsi: JitsiArgs,
    /// Serve metrics for Prometheus at http://ADDR/metrics. A port alone is one of 127.0.0.1; give an address to serve others
    #[arg(long, value_name = "[IP:]PORT", value_parser = listen_address)]
    pub(crate) metrics: Option<SocketAddr>,
    /// Where demo:ROOM is hosted, or found when another wallflower hosts it there already
    #[arg(long, default_value = "127.0.0.1:7071")]
    pub(crate) demo_listen: SocketAddr,
    /// Print events as JSON lines on stdout instead of a progress line
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a Jitsi room is joined.
#[derive(clap::Args)]
pub(crate) struct JitsiArgs {
    /// Account of a Jitsi deployment's hidden domain, such as recorder@recorder.meet.example.org: members don't see it. Without an
    /// account the recorder is among them
    #[arg(long = "jitsi-user", value_name = "USER", env = "JITSI_USER")]
    user: Option<String>,
    /// Its password; better passed by the environment, where other users can't read it
    #[arg(long = "jitsi-password", value_name = "PASSWORD", env = "JITSI_PASSWORD", hide_env_values = true)]
    password: Option<Secret>,
    /// Token (JWT) of a Jitsi deployment in place of an account; better passed by the environment
    #[arg(long = "jitsi-token", value_name = "JWT", env = "JITSI_TOKEN", hide_env_values = true)]
    token: Option<Secret>,
    /// The Jitsi room's own password; better passed by the environment
    #[arg(long = "jitsi-passcode", value_name = "PASSCODE", env = "JITSI_PASSCODE", hide_env_values = true)]
    passcode: Option<Secret>,
}

impl JitsiArgs {
    pub(crate) fn access(&self) -> Result<JitsiAccess, JitsiAccessError> {
        JitsiAccess::of(self.user.as_deref(), self.password.as_ref(), self.token.as_ref(), self.passcode.as_ref())
    }
}

#[derive(clap::Args)]
pub(crate) struct DemoArgs {
    /// The MP4 to write; one that is there is replaced
    #[arg(short, long, default_value = "demo.mp4")]
    pub(crate) output: PathBuf,
    /// Length of the recording
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) seconds: u32,
    /// Synthetic participants
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=25))]
    pub(crate) participants: u8,
    #[command(flatten)]
    pub(crate) look: Look,
    /// Where the room is hosted: join it with a browser while it is recorded; by default a free port of this machine
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Print events as JSON lines on stdout instead of a progress line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
pub(crate) struct ServeArgs {
    /// Configuration; what is given here as well takes its place
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) config: Option<PathBuf>,
    /// Where API and agents connect [default: 127.0.0.1:7070]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Recordings, the store, and what agents log [default: wallflower-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Where records are kept: sqlite (in --data), the path of a file, or redis://host:6379/0
    #[arg(long, value_name = "STORE", env = "WALLFLOWER_STORE", hide_env_values = true)]
    pub(crate) store: Option<String>,
    /// Where demo:ROOM is hosted [default: 127.0.0.1:7071]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) demo_listen: Option<SocketAddr>,
    /// LiveKit API key, for deployments that the configuration does not name
    #[arg(long, env = "LIVEKIT_API_KEY")]
    pub(crate) api_key: Option<String>,
    /// LiveKit API secret; better passed by the environment, where other users can't read it
    #[arg(long, env = "LIVEKIT_API_SECRET", hide_env_values = true)]
    pub(crate) api_secret: Option<Secret>,
    /// Signs webhooks; better passed by the environment
    #[arg(long, env = "WALLFLOWER_WEBHOOK_SECRET", hide_env_values = true)]
    pub(crate) webhook_secret: Option<Secret>,
    /// Password by which mail is sent; better passed by the environment, or by the configuration's password_file
    #[arg(long, env = "WALLFLOWER_SMTP_PASSWORD", hide_env_values = true)]
    pub(crate) smtp_password: Option<Secret>,
}

#[derive(Subcommand)]
pub(crate) enum KeysAction {
    /// Make a key and print it, this once
    Create {
        /// What it is for
        name: String,
        /// What it lets its bearer do: read, record or admin, each with what those before it can
        #[arg(long, default_value_t = Scope::Record)]
        scope: Scope,
        /// The server's data directory
        #[arg(long, value_name = "DIR", default_value = "wallflower-data")]
        data: PathBuf,
    },
    /// List all keys; not the keys themselves
    List {
        /// The server's data directory
        #[arg(long, value_name = "DIR", default_value = "wallflower-data")]
        data: PathBuf,
    },
    /// Take a key back, at once
    Revoke {
        /// Its id
        id: String,
        /// The server's data directory
        #[arg(long, value_name = "DIR", default_value = "wallflower-data")]
        data: PathBuf,
    },
}

#[derive(clap::Args)]
pub(crate) struct RecoverArgs {
    /// Where the output files were to be
    #[arg(default_value = ".")]
    pub(crate) directory: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct UploadArgs {
    /// Id of a recording, or how it begins; all that is pending when there is none. Credentials are those of the environment
    #[arg(value_name = "ID")]
    pub(crate) recording: Option<String>,
    /// Where the output files are; the current directory when there is none
    #[arg(long = "in", value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// Replace what is there already and is something else
    #[arg(long, visible_alias = "overwrite")]
    pub(crate) force: bool,
    /// How long to wait for a store that has begun to take uploads and takes none any more
    #[arg(long, default_value = "5m", value_parser = duration)]
    pub(crate) patience: Duration,
    /// Print reports as JSON lines on stdout instead of a progress line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
pub(crate) struct DoctorArgs {
    /// Skip the five seconds of recording
    #[arg(long)]
    pub(crate) no_recording: bool,
}

/// `ann=150`: the name of a participant may hold a `=`, a volume does not.
fn volume(text: &str) -> Result<(String, Volume), String> {
    let (identity, volume) = text.rsplit_once('=').ok_or("write it as ann=150")?;
    Ok((identity.to_owned(), volume.parse()?))
}

/// A plain number is taken for seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let parsed = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?,
        Err(_) => humantime::parse_duration(text).map_err(|error| format!("{error}; write it as 30s or 1h30m"))?,
    };
    if parsed < Duration::from_millis(100) || parsed > Duration::from_secs(7 * 24 * 3600) {
        return Err("it must be between 0.1 seconds and 7 days".into());
    }
    Ok(parsed)
}

/// A port alone is one of loopback.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.parse().map_err(|_| "write a port, such as 9464, or an address with one, such as 0.0.0.0:9464".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_port_alone_listens_on_loopback_only() {
        assert_eq!(listen_address("9464"), Ok(SocketAddr::from(([127, 0, 0, 1], 9464))));
        assert_eq!(listen_address("0.0.0.0:9464"), Ok(SocketAddr::from(([0, 0, 0, 0], 9464))));
        assert_eq!(listen_address("[::1]:0"), Ok(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 0))));
        for bad in ["", "70000", "localhost", "127.0.0.1"] {
            assert!(listen_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_volume_is_that_of_whoever_stands_before_the_last_equals_sign() {
        assert_eq!(
            volume("a=b=150").map(|(identity, volume)| (identity, volume.percent())),
            Ok(("a=b".to_owned(), 150))
        );
        for bad in ["ann", "ann=", "ann=201", "ann=loud"] {
            assert!(volume(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_are_bounded_and_may_be_plain_seconds() {
        assert_eq!(duration("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        for bad in ["0", "-1", "nan", "inf", "8d", "soon"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}

//! Arguments for what a server is to record, and for what it says about it.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;
use wallflower_domain::destination::Destination;
use wallflower_domain::email::EmailAddress;
use wallflower_domain::encoding::VideoCodec;
use wallflower_domain::frame::{FrameRate, FrameSize, Preset};
use wallflower_domain::layout::Layout;
use wallflower_domain::request::{Moment, RelativePath};
use wallflower_domain::room::Room;
use wallflower_domain::secret::Secret;

use super::{ServerArgs, duration};

#[derive(clap::Args)]
pub(crate) struct StartArgs {
    /// livekit+wss://host/ROOM, jitsi+https://host/ROOM, demo:ROOM (of the server's), or any https:// page
    pub(crate) room: Room,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// A file in the recording's directory on the server: .mp4, .mkv, .webm, or one of --audio's. Can be given several times; when
    /// nothing is asked for, recording.mp4 is made
    #[arg(short, long, value_name = "NAME", value_parser = path)]
    pub(crate) output: Vec<RelativePath>,
    /// A file with the sound alone: .m4a, .opus, .ogg, .mp3, .flac or .wav
    #[arg(long, value_name = "NAME", value_parser = path)]
    pub(crate) audio: Vec<RelativePath>,
    /// A playlist, hls/index.m3u8: live while recording, complete after
    #[arg(long)]
    pub(crate) hls: bool,
    /// Pictures, in images/: one every 10 s, and at the end a thumbnail and a contact sheet
    #[arg(long)]
    pub(crate) images: bool,
    /// Stream there as well, live: rtmp://, rtmps:// or srt://, with the stream's key; may be given several times. What is on the
    /// command line can be read by every user of this machine, and the key with it: better use --stream-file, or the environment,
    /// where several addresses are separated by spaces
    #[arg(long, value_name = "URL", env = "WALLFLOWER_STREAM", hide_env_values = true, value_delimiter = ' ')]
    pub(crate) stream: Vec<Secret>,
    /// Stream to the addresses in this file, one a line; empty lines and those that begin with # don't count
    #[arg(long, value_name = "FILE")]
    pub(crate) stream_file: Vec<PathBuf>,
    /// Upload everything to s3://bucket/{room}/{date}/, gs://…, az://… or file:///dir/, by the server's credentials
    #[arg(long, value_name = "URL")]
    pub(crate) upload: Vec<Destination>,
    /// How tiles are arranged: grid, speaker, single-speaker, screen, interview, podcast or pip
    #[arg(long)]
    pub(crate) layout: Option<Layout>,
    /// Neither show nor record this participant: an identity, or the beginning of some, such as guest-*. May be repeated
    #[arg(long, value_name = "IDENTITY")]
    pub(crate) hide: Vec<String>,
    /// Show and record nobody but this participant: an identity, or the beginning of some. May be repeated
    #[arg(long, value_name = "IDENTITY")]
    pub(crate) only: Vec<String>,
    /// Size and frames a second by a name: 720p30, 720p60, 1080p30, 1080p60, and portrait-720p30 and so on
    #[arg(long)]
    pub(crate) preset: Option<Preset>,
    /// Size of the picture in place of the preset's; both sides even
    #[arg(long, value_name = "WIDTHxHEIGHT")]
    pub(crate) size: Option<FrameSize>,
    /// Frames a second in place of the preset's, 1 to 60
    #[arg(long)]
    pub(crate) fps: Option<FrameRate>,
    /// Codec of the picture: h264, h265, vp9 or av1
    #[arg(long)]
    pub(crate) codec: Option<VideoCodec>,
    /// Theme file of this machine: colours, title, logo, overlays
    #[arg(long, value_name = "FILE.json")]
    pub(crate) theme: Option<PathBuf>,
    /// A page of your own that renders the room
    #[arg(long, value_name = "URL")]
    pub(crate) template: Option<Url>,
    /// End after this much recording, such as 30s or 1h30m; otherwise when the room ends, or the server's own limit is reached
    #[arg(long, value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// When to begin, in UTC, such as 2026-12-01T09:00:00Z; otherwise as soon as there is room on the server
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) start_at: Option<Moment>,
    /// Higher ones leave the queue first, -128 to 127
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) priority: i8,
    /// Words of your own that the server gives back with the recording; can be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = entry)]
    pub(crate) metadata: Vec<(String, String)>,
    /// Where the server posts what happens to this recording; can be given several times
    #[arg(long, value_name = "URL")]
    pub(crate) webhook: Vec<Url>,
    /// Who gets an e-mail with a link to it when it has ended; can be given several times
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) email: Vec<EmailAddress>,
    /// Follow it to its end, and exit as `wallflower record` does. Ctrl-C has it stopped; a second one leaves it to the server
    #[arg(long)]
    pub(crate) wait: bool,
    /// Print the recording as the server writes it, and with --wait again when it has ended
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
pub(crate) struct LogsArgs {
    /// Id of the recording, or the beginning or end of it
    pub(crate) id: String,
    /// Go on with what is said from now on, until the recording is over
    #[arg(short, long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

pub(super) fn path(text: &str) -> Result<RelativePath, String> {
    RelativePath::try_from(text.to_owned()).map_err(|error| error.to_string())
}

fn moment(text: &str) -> Result<Moment, String> {
    Moment::try_from(text.to_owned()).map_err(|error| error.to_string())
}

fn entry(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("write it as team=design")?;
    Ok((key.to_owned(), value.to_owned()))
}

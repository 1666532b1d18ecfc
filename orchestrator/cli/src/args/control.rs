//! Arguments of the commands for recordings that are there already.

use clap::Subcommand;
use wallflower_domain::failure::Failure;
use wallflower_domain::recording::State;
use wallflower_domain::secret::Secret;
use wallflower_domain::wire::agent::PauseMode;

use crate::remote::Server;

/// Which of the recordings that run on this machine, or of a server's.
#[derive(clap::Args)]
pub(crate) struct Which {
    /// The recording, when several are running, or it is a server's that has ended: its id, or the beginning or end of it
    #[arg(long)]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Print JSON; of a server's recording as the server writes it
    #[arg(long)]
    pub(crate) json: bool,
}

/// Whose recordings are meant.
#[derive(clap::Args)]
pub(crate) struct ServerArgs {
    /// The `wallflower serve` whose recordings are meant, such as http://127.0.0.1:7070; without one it is those that `wallflower
    /// record` makes on this machine
    #[arg(long, value_name = "URL", env = "WALLFLOWER_SERVER")]
    server: Option<String>,
    /// API key of the server; better passed by the environment, where other users can't read it
    #[arg(long, value_name = "KEY", env = "WALLFLOWER_API_KEY", hide_env_values = true)]
    key: Option<Secret>,
}

impl ServerArgs {
    /// The server that is named, if one is; an empty text names none.
    pub(crate) fn remote(&self) -> Result<Option<Server>, Failure> {
        let named = |text: &&str| !text.trim().is_empty();
        let Some(address) = self.server.as_deref().filter(named) else { return Ok(None) };
        let key = self.key.clone().filter(|key| !key.expose().is_empty());
        Server::at(address, key).map(Some)
    }
}

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Of a server's, only those in these states: queued, starting, joining, recording, paused, interrupted, stopping, finalizing,
    /// completed, failed or aborted; several are separated by commas
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = state)]
    pub(crate) state: Vec<State>,
    /// All of a server's, and not the newest 50 only
    #[arg(long)]
    pub(crate) all: bool,
    /// Print a JSON array; of a server's recordings its pages as it writes them, one a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
pub(crate) struct StopArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Wait until it is over, and exit as its own command does
    #[arg(long)]
    pub(crate) wait: bool,
    /// Leave at once instead, as a second Ctrl-C does: what was captured is kept beside the output file
    #[arg(long)]
    pub(crate) now: bool,
}

#[derive(clap::Args)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    /// What becomes of that time: cut (it is left out of the file) or hold (the card is in the file, so that media time stays wall
    /// time)
    #[arg(long, default_value_t = PauseMode::Cut)]
    pub(crate) mode: PauseMode,
}

#[derive(clap::Args)]
pub(crate) struct MarkArgs {
    /// Title of the marker
    pub(crate) label: String,
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Subcommand)]
pub(crate) enum StreamAction {
    /// Stream to one more address
    Add {
        /// rtmp://, rtmps:// or srt://, with the stream's key; or - to read it from stdin. What is on the command line can be read
        /// by every user of this machine, and the key with it
        url: Secret,
        #[command(flatten)]
        which: Which,
    },
    /// Stop streaming to an address
    Remove {
        /// The stream's id, such as s1 (`wallflower show` lists them), or its address; or - to read that from stdin
        stream: Secret,
        #[command(flatten)]
        which: Which,
    },
}

fn state(text: &str) -> Result<State, String> {
    serde_json::from_value(text.into()).map_err(|_| "there is no such state; see --help".to_owned())
}

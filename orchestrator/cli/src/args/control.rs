//! Arguments of the commands for recordings that are there already.

use clap::Subcommand;
use serde_json::{Map, Value};
use wallflower_domain::failure::Failure;
use wallflower_domain::layout::Layout;
use wallflower_domain::look::LookChange;
use wallflower_domain::recording::State;
use wallflower_domain::secret::Secret;
use wallflower_domain::theme::LowerThird;
use wallflower_domain::volume::Volume;
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

#[derive(clap::Args)]
pub(crate) struct LayoutArgs {
    /// Another arrangement of the tiles: grid, speaker, single-speaker, screen, interview, podcast or pip
    pub(crate) layout: Option<Layout>,
    /// A value of the theme, such as colors.accent=#ff0066, title="Part two" or overlays.chat=false; KEY= takes it away. May be
    /// repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = theme_value)]
    pub(crate) set: Vec<ThemeValue>,
    /// Show this participant as if nobody else spoke: an identity, as `events.jsonl` has them
    #[arg(long, value_name = "IDENTITY", conflicts_with = "no_spotlight")]
    pub(crate) spotlight: Option<String>,
    /// Show whoever speaks again
    #[arg(long)]
    pub(crate) no_spotlight: bool,
    /// Neither show nor record this participant: an identity, or the beginning of some, such as guest-*. May be repeated
    #[arg(long, value_name = "IDENTITY")]
    pub(crate) hide: Vec<String>,
    /// Take back a --hide
    #[arg(long, value_name = "IDENTITY")]
    pub(crate) unhide: Vec<String>,
    /// Show and record nobody but this participant: an identity, or the beginning of some. May be repeated
    #[arg(long, value_name = "IDENTITY", conflicts_with = "everybody")]
    pub(crate) only: Vec<String>,
    /// Take back every --only
    #[arg(long)]
    pub(crate) everybody: bool,
    /// How loud this participant is from now on, in percent of what they send, 0 to 200: an identity, or the beginning of some.
    /// IDENTITY= for as loud as they are sent. May be repeated
    #[arg(long, value_name = "IDENTITY=PERCENT", value_parser = volume_or_none)]
    pub(crate) volume: Vec<(String, Option<Volume>)>,
    /// Show a headline over the lower third of the picture for 8 s; a line below it stands after a |
    #[arg(long, value_name = "HEADLINE|LINE", conflicts_with = "no_lower_third")]
    pub(crate) lower_third: Option<String>,
    /// Seconds for which the lower third stays; 0 until it is taken away
    #[arg(long, value_name = "SECONDS", default_value_t = 8, requires = "lower_third")]
    pub(crate) seconds: u16,
    /// Take the lower third away
    #[arg(long)]
    pub(crate) no_lower_third: bool,
    /// Show a line across the picture until it is taken away
    #[arg(long, value_name = "TEXT", conflicts_with = "no_banner")]
    pub(crate) banner: Option<String>,
    /// Take the banner away
    #[arg(long)]
    pub(crate) no_banner: bool,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// A value of the theme by its path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ThemeValue {
    path: Vec<String>,
    value: Value,
}

impl LayoutArgs {
    /// The change that was asked for; none when there is none.
    pub(crate) fn change(&self) -> Option<LookChange> {
        let given_or_none = |given: &Option<String>, none: bool| match (given, none) {
            (Some(text), _) => Some(Some(text.clone())),
            (None, true) => Some(None),
            (None, false) => None,
        };
        let lower_third = given_or_none(&self.lower_third, self.no_lower_third);
        let change = LookChange {
            layout: self.layout,
            theme: theme_patch(&self.set),
            spotlight: given_or_none(&self.spotlight, self.no_spotlight),
            hide: self.hide.clone(),
            unhide: self.unhide.clone(),
            only: (self.everybody || !self.only.is_empty())
                .then(|| Some(self.only.clone()).filter(|only| !only.is_empty())),
            volume: self.volume.iter().cloned().collect(),
            lower_third: lower_third.map(|text| text.map(|text| third(&text, self.seconds))),
            banner: given_or_none(&self.banner, self.no_banner),
        };
        (!change.is_empty()).then_some(change)
    }
}

fn volume_or_none(text: &str) -> Result<(String, Option<Volume>), String> {
    match text.strip_suffix('=') {
        Some(identity) => Ok((identity.to_owned(), None)),
        None => super::volume(text).map(|(identity, volume)| (identity, Some(volume))),
    }
}

fn third(text: &str, seconds: u16) -> LowerThird {
    let (headline, detail) = match text.split_once('|') {
        Some((headline, detail)) => (headline, Some(detail.trim().to_owned())),
        None => (text, None),
    };
    LowerThird {
        headline: headline.trim().to_owned(),
        detail: detail.filter(|detail| !detail.is_empty()),
        after: 0,
        seconds,
    }
}

fn theme_patch(values: &[ThemeValue]) -> Option<Map<String, Value>> {
    let mut sum = LookChange::default();
    for ThemeValue { path, value } in values {
        let nested =
            path.iter().rev().fold(value.clone(), |value, name| Map::from_iter([(name.clone(), value)]).into());
        let theme = match nested {
            Value::Object(patch) => Some(patch),
            _ => None,
        };
        sum.then(&LookChange { theme, ..LookChange::default() });
    }
    sum.theme
}

/// `KEY.KEY=VALUE`: a value that is JSON counts as JSON, and as a text otherwise.
fn theme_value(text: &str) -> Result<ThemeValue, String> {
    let (path, value) = text.split_once('=').ok_or("it has no =; write for example colors.accent=#ff0066")?;
    let path: Vec<String> = path.split('.').map(|name| name.trim().to_owned()).collect();
    if path.iter().any(String::is_empty) {
        return Err(format!("\"{text}\" names no value of the theme"));
    }
    let value = match value {
        "" => Value::Null,
        text => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
    };
    Ok(ThemeValue { path, value })
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;
    use serde_json::json;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: LayoutArgs,
    }

    fn change(line: &[&str]) -> Option<serde_json::Value> {
        let parsed = Line::try_parse_from(["layout"].iter().chain(line)).expect("valid").args;
        parsed.change().map(|change| json!(change))
    }

    #[test]
    fn a_line_is_the_change_that_it_names() {
        assert_eq!(change(&[]), None);
        assert_eq!(change(&["speaker"]), Some(json!({"layout": "speaker"})));
        let line =
            ["--set=colors.accent=#ff0066", "--set=colors.text=white", "--set=logo=", "--set=overlays.chat=false"];
        let theme =
            json!({"colors": {"accent": "#ff0066", "text": "white"}, "logo": null, "overlays": {"chat": false}});
        assert_eq!(change(&line), Some(json!({"theme": theme})));
        let line = ["--spotlight=ann", "--hide=bob", "--only=a-*", "--lower-third=Ann | Host", "--banner=Back at ten"];
        let third = json!({"headline": "Ann", "detail": "Host", "after": 0, "seconds": 8});
        let asked = json!({"spotlight": "ann", "hide": ["bob"], "only": ["a-*"], "lower_third": third, "banner": "Back at ten"});
        assert_eq!(change(&line), Some(asked));
        let line = ["--volume=ann=150", "--volume=guest-*=50%", "--volume=bob="];
        assert_eq!(change(&line), Some(json!({"volume": {"ann": 150, "guest-*": 50, "bob": null}})));
        let line = ["--no-spotlight", "--unhide=bob", "--everybody", "--no-lower-third", "--no-banner"];
        let taken = json!({"spotlight": null, "unhide": ["bob"], "only": null, "lower_third": null, "banner": null});
        assert_eq!(change(&line), Some(taken));
    }
}

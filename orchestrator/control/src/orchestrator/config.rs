//! What an orchestrator is told at its start: `wallflower.toml`, of which [`REFERENCE`] is the whole, with every default.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de};
use url::Url;
use wallflower_domain::destination::Destination;
use wallflower_domain::email::EmailAddress;
use wallflower_domain::frame::FrameSize;
use wallflower_domain::jitsi::{JitsiAccess, JitsiLogin};
use wallflower_domain::layout::Layout;
use wallflower_domain::request::Span;
use wallflower_domain::room::Room;
use wallflower_domain::secret::Secret;
use wallflower_domain::share::Term;
use wallflower_domain::watchdog::WatchdogConfig;

use super::policies::Policy;

/// Every key with its default and what it means.
pub const REFERENCE: &str = include_str!("wallflower.toml");

/// An orchestrator's configuration. Unknown keys are errors.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where API and agents connect.
    pub listen: SocketAddr,
    /// Recordings, store, logs.
    pub data: PathBuf,
    /// `sqlite`, a path, or `redis://…`; `sqlite` is a file in `data`.
    pub store: String,
    /// What starts agents: `process`, or `unix:` and the path of a socket; see [`crate::launcher::open`].
    pub launcher: String,
    /// Addresses by which agents reach this orchestrator and its replicas; `listen` when empty.
    pub link_urls: Vec<Url>,
    /// By which address people reach this server: links begin with it. Absent: `listen`.
    pub public_url: Option<Url>,
    /// Where `demo:` rooms are hosted; empty for nowhere.
    pub demo_listen: Option<SocketAddr>,
    /// Streams, pages and webhooks may lead into private networks. Absent: when `listen` is on loopback.
    pub allow_private: Option<bool>,
    /// How recordings are made unless they say otherwise.
    pub recording: RecordingConfig,
    /// How many at once.
    pub capacity: CapacityConfig,
    /// Agents that wait for a recording.
    pub warm: WarmConfig,
    /// Where requests may have recordings uploaded to.
    pub uploads: UploadsConfig,
    /// Links for people without an API key.
    pub share: ShareConfig,
    /// Told of every change of state.
    pub webhooks: Vec<WebhookConfig>,
    /// By whom mail is sent; nobody gets any where this is absent.
    pub email: Option<EmailConfig>,
    /// The server's own commands.
    pub hooks: HooksConfig,
    /// Who did what.
    pub audit: AuditConfig,
    /// Keys of LiveKit deployments.
    pub livekit: Vec<LivekitConfig>,
    /// Accounts at Jitsi deployments.
    pub jitsi: Vec<JitsiConfig>,
    /// What holds for some rooms, whatever a request says; the first that fits counts.
    pub policies: Vec<Policy>,
}

/// Defaults of recordings.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordingConfig {
    /// Arrangement of the tiles.
    pub layout: Layout,
    /// Most media of one recording; a request may ask for less.
    pub max_duration: Span,
    /// For the page's start signal.
    pub start_deadline: Span,
    /// For how long ended recordings and their files are kept; absent for ever.
    pub keep: Option<String>,
    /// How long before they are deleted that is told, once; absent for never.
    pub expiry_notice: Option<Term>,
    /// The watchdog's rules.
    pub watch: WatchdogConfig,
}

/// How much of the machine recordings may take.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CapacityConfig {
    /// Cores that recordings may take; 0 for nine tenths of the machine's.
    pub cores: f64,
    /// Memory that recordings may take, in MiB; 0 for eight tenths of the machine's.
    pub memory_mib: u64,
    /// Most recordings at once; 0 for as many as fit.
    pub recordings: u32,
    /// Most recordings at once of one API key; 0 for no limit of its own.
    pub recordings_per_key: u32,
    /// Requests are queued, and nothing is launched.
    pub paused: bool,
}

/// Agents that wait for a recording, with browser, display and sound server up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WarmConfig {
    /// How many. None by default: each takes memory all day, and who records now and then can wait for a second more.
    pub agents: u32,
    /// Size of the recordings that they can take.
    #[serde(deserialize_with = "size")]
    pub size: FrameSize,
    /// One that has waited so long is replaced.
    pub renew: Term,
}

/// Where requests may have recordings uploaded to, by the server's credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UploadsConfig {
    /// Into these and their folders where private addresses are not allowed, so nowhere when there are none; anywhere where they are.
    pub allow: Vec<Destination>,
}

/// Where changes are posted to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Where.
    pub url: Url,
}

/// Links for people without an API key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShareConfig {
    /// How long a link holds unless it is asked for otherwise.
    pub expires: Term,
    /// The longest that may be asked for.
    pub longest: Term,
}

/// By whom mail is sent, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailConfig {
    /// `smtps://host[:465]`, which is TLS from the start, or `smtp://host[:587]`, which is STARTTLS.
    pub smtp: Url,
    /// Mail is sent without TLS where a server of `smtp://` offers none. With a password only to loopback.
    #[serde(default)]
    pub insecure: bool,
    /// Who we are to the server, with the password in the environment or in a file.
    #[serde(default)]
    pub user: Option<String>,
    /// A file with the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Whom mail is from.
    pub from: EmailAddress,
    /// The sender's name.
    #[serde(default = "sender")]
    pub name: String,
    /// Who is told of every recording.
    #[serde(default)]
    pub to: Vec<EmailAddress>,
    /// Domains to which requests may have mail sent; to any when there are none.
    #[serde(default)]
    pub allow: Vec<String>,
}

/// The server's own commands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HooksConfig {
    /// A program and its arguments, run when a recording has ended; empty for none.
    pub finalize: Vec<String>,
    /// It is killed after that.
    pub timeout: Term,
}

/// Who did what.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditConfig {
    /// For how long the log is kept.
    pub keep: Term,
}

/// A LiveKit deployment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LivekitConfig {
    /// Its host, with a port unless that is the scheme's own.
    pub host: String,
    /// Names the pair of keys.
    pub api_key: String,
    /// Signs tokens.
    pub api_secret: Secret,
    /// The key that participants of its rooms share, when they are encrypted from end to end and a request names no other.
    #[serde(default)]
    pub e2ee_key: Option<Secret>,
    /// It is joined by `ws://` rather than `wss://`, when its own webhooks ask for a recording: for one on this machine.
    #[serde(default)]
    pub plain: bool,
}

impl LivekitConfig {
    /// The deployment at this address.
    fn at(url: &str, (api_key, api_secret): (String, Secret)) -> Result<Self, String> {
        let server: Option<Url> = url.parse().ok();
        let server = server.filter(|url| matches!(url.scheme(), "ws" | "wss" | "http" | "https"));
        let server = server.ok_or_else(|| {
            format!("LIVEKIT_URL = \"{url}\" is no address of a LiveKit server; write it as wss://meet.example.org")
        })?;
        let plain = matches!(server.scheme(), "ws" | "http");
        Ok(Self { host: host_of(&server), api_key, api_secret, e2ee_key: None, plain })
    }

    /// The room of this name.
    pub(crate) fn room(&self, name: &str) -> Result<Room, String> {
        let scheme = if self.plain { "ws" } else { "wss" };
        let server: Url =
            format!("{scheme}://{}/", self.host).parse().map_err(|error| format!("{}: {error}", self.host))?;
        Ok(Room::Livekit { server, room: name.to_owned() })
    }
}

/// As configurations name a deployment.
pub(crate) fn host_of(server: &Url) -> String {
    match (server.host_str(), server.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    }
}

/// A Jitsi deployment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JitsiConfig {
    /// Its host, with a port unless that is the scheme's own.
    pub host: String,
    /// An account of its hidden domain.
    #[serde(default)]
    pub user: Option<String>,
    /// The account's password.
    #[serde(default)]
    pub password: Option<Secret>,
    /// A token (JWT) in place of an account.
    #[serde(default)]
    pub token: Option<Secret>,
    /// Its rooms may be joined by `jitsi+http:`, too, which anybody on the way can read: for one on this machine.
    #[serde(default)]
    pub plain: bool,
}

impl JitsiConfig {
    /// What opens its rooms.
    pub(crate) fn access(&self) -> Result<JitsiAccess, String> {
        let access = JitsiAccess::of(self.user.as_deref(), self.password.as_ref(), self.token.as_ref(), None)
            .map_err(|error| format!("jitsi, {}: {error}", self.host))?;
        match access.login {
            JitsiLogin::Guest => Err(format!("jitsi, {}: give user and password, or a token", self.host)),
            _ => Ok(access),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7070)),
            data: PathBuf::from("wallflower-data"),
            store: "sqlite".to_owned(),
            launcher: "process".to_owned(),
            link_urls: Vec::new(),
            public_url: None,
            demo_listen: Some(SocketAddr::from(([127, 0, 0, 1], 7071))),
            allow_private: None,
            recording: RecordingConfig::default(),
            capacity: CapacityConfig::default(),
            warm: WarmConfig::default(),
            uploads: UploadsConfig::default(),
            share: ShareConfig::default(),
            webhooks: Vec::new(),
            email: None,
            hooks: HooksConfig::default(),
            audit: AuditConfig::default(),
            livekit: Vec::new(),
            jitsi: Vec::new(),
            policies: Vec::new(),
        }
    }
}

impl Default for RecordingConfig {
    fn default() -> Self {
        let span = |seconds| Span::new(Duration::from_secs(seconds)).unwrap_or_else(Span::longest);
        Self {
            layout: Layout::default(),
            max_duration: span(24 * 3600),
            start_deadline: span(20),
            keep: None,
            expiry_notice: None,
            watch: WatchdogConfig::default(),
        }
    }
}

impl Default for CapacityConfig {
    fn default() -> Self {
        Self { cores: 0.0, memory_mib: 0, recordings: 0, recordings_per_key: 0, paused: false }
    }
}

impl Default for WarmConfig {
    fn default() -> Self {
        Self { agents: 0, size: FrameSize::HD, renew: Term::within(Duration::from_secs(3600)) }
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Default for ShareConfig {
    fn default() -> Self {
        Self { expires: Term::within(7 * DAY), longest: Term::within(90 * DAY) }
    }
}

impl Default for HooksConfig {
    fn default() -> Self {
        Self { finalize: Vec::new(), timeout: Term::within(Duration::from_secs(600)) }
    }
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { keep: Term::within(365 * DAY) }
    }
}

/// More would take minutes to be started, and start over and over.
const MOST_WARM: u32 = 64;

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FrameSize, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

fn sender() -> String {
    "Wallflower".to_owned()
}

impl Config {
    /// Reads a configuration file's text. The message names the line and the key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let keep = config.keep()?;
        if let (Some(notice), Some(keep)) = (config.recording.expiry_notice, keep)
            && notice.duration() >= keep
        {
            return Err(format!("recording.expiry_notice = \"{notice}\" must be less than recording.keep"));
        }
        if config.share.expires > config.share.longest {
            return Err("share.expires is more than share.longest".to_owned());
        }
        if let Some(url) = &config.public_url
            && (!matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some())
        {
            return Err("public_url must be an address such as https://recordings.example.org".to_owned());
        }
        if config.warm.agents > MOST_WARM {
            return Err(format!("warm.agents = {} is more than {MOST_WARM}", config.warm.agents));
        }
        if config.warm.agents > 0 && config.launcher != "process" {
            return Err("warm.agents: only the launcher \"process\" keeps agents warm; leave it at 0".to_owned());
        }
        for deployment in &config.jitsi {
            deployment.access()?;
        }
        if config.hooks.finalize.first().is_some_and(String::is_empty) {
            return Err("hooks.finalize names no program".to_owned());
        }
        Ok(config)
    }

    /// For how long ended recordings are kept.
    pub fn keep(&self) -> Result<Option<Duration>, String> {
        let parse = |text: &String| {
            humantime::parse_duration(text)
                .map_err(|_| format!("recording.keep = \"{text}\" is no length of time; write it as 30days or 12h"))
        };
        self.recording.keep.as_ref().map(parse).transpose()
    }

    /// Takes the environment's LiveKit keys as those of the deployment at `url`, as if `[[livekit]]` named it after all others. Gives them
    /// back when there is no such address: they are for any deployment then, and a token goes to whichever host a request names.
    pub fn bind_livekit(
        &mut self,
        keys: Option<(String, Secret)>,
        url: Option<&str>,
    ) -> Result<Option<(String, Secret)>, String> {
        match (keys, url) {
            (Some(keys), Some(url)) => {
                self.livekit.push(LivekitConfig::at(url, keys)?);
                Ok(None)
            }
            (keys, _) => Ok(keys),
        }
    }

    /// Whether private addresses may be reached.
    pub fn allows_private(&self) -> bool {
        self.allow_private.unwrap_or_else(|| self.listen.ip().is_loopback())
    }

    /// What links for people begin with; no slash at its end.
    pub fn public_url(&self, listening: SocketAddr) -> String {
        let url = self.public_url.as_ref().map_or_else(|| format!("http://{listening}"), Url::to_string);
        url.trim_end_matches('/').to_owned()
    }

    /// Where agents connect.
    pub fn links(&self, listening: SocketAddr) -> Vec<String> {
        match self.link_urls.as_slice() {
            [] => vec![format!("http://{listening}")],
            urls => urls.iter().map(|url| url.as_str().trim_end_matches('/').to_owned()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_the_defaults() {
        assert_eq!(Config::parse(REFERENCE).expect("valid"), Config::default());
        // Every key of it, those in comments too.
        let all: String =
            REFERENCE.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line)).collect::<Vec<_>>().join("\n");
        let all = Config::parse(&all).unwrap_or_else(|error| panic!("{error}"));
        assert!(
            !all.webhooks.is_empty()
                && !all.livekit.is_empty()
                && !all.jitsi.is_empty()
                && !all.policies.is_empty()
                && all.recording.keep.is_some()
        );
        assert!(all.email.is_some() && !all.hooks.finalize.is_empty() && all.public_url.is_some());
        assert!(all.recording.expiry_notice.is_some());
    }

    #[test]
    fn unknown_keys_and_bad_values_are_named() {
        for (text, said) in [
            ("lsiten = \"127.0.0.1:1\"", "lsiten"),
            ("[recording]\nkeep = \"long\"", "recording.keep"),
            ("[recording]\nkeep = \"2days\"\nexpiry_notice = \"3days\"", "expiry_notice"),
            ("[share]\nexpires = \"91days\"", "share.expires"),
            ("[email]\nsmtp = \"smtp://h\"\nfrom = \"nobody\"", "nobody"),
            ("[hooks]\nfinalize = [\"\"]", "hooks.finalize"),
            ("[warm]\nagents = 65", "warm.agents"),
            ("launcher = \"unix:/run/l\"\n[warm]\nagents = 1", "warm.agents"),
            ("[warm]\nsize = \"1280x719\"", "1280"),
            ("public_url = \"ftp://h\"", "public_url"),
            ("[[jitsi]]\nhost = \"meet.example.org\"", "meet.example.org"),
            ("[[jitsi]]\nhost = \"h\"\nuser = \"recorder\"", "password"),
            ("[recording]\nmax_duration = \"8days\"", "8days"),
            ("listen = \"here\"", "listen"),
            ("[uploads]\nallow = [\"/srv/recordings\"]", "allow"),
            ("[uploads]\nallow = [\"s3://KEY:hunter2@bucket/x\"]", "allow"),
            ("[uploads]\nalow = []", "alow"),
        ] {
            let error = Config::parse(text).expect_err(text);
            assert!(error.contains(said), "{text}: {error}");
        }
    }
    #[test]
    fn livekit_s_address_says_which_deployment_the_keys_are_of() {
        let keys = || Some(("k".to_owned(), Secret::new("hunter2")));
        for (url, host, plain) in [
            ("wss://meet.example.org", "meet.example.org", false),
            ("https://Meet.example.org:443/sfu", "meet.example.org", false),
            ("ws://127.0.0.1:7880", "127.0.0.1:7880", true),
            ("http://localhost", "localhost", true),
        ] {
            let mut config = Config::default();
            assert_eq!(config.bind_livekit(keys(), Some(url)), Ok(None));
            let named: Vec<(&str, bool)> =
                config.livekit.iter().map(|livekit| (livekit.host.as_str(), livekit.plain)).collect();
            assert_eq!(named, [(host, plain)]);
        }
        let mut config = Config::default();
        assert_eq!(config.bind_livekit(None, Some("wss://h")), Ok(None));
        assert_eq!(config.bind_livekit(keys(), None), Ok(keys()));
        for url in ["meet.example.org", "ftp://h", "meet.example.org:7880"] {
            let error = config.bind_livekit(keys(), Some(url)).expect_err(url);
            assert!(error.contains("LIVEKIT_URL") && error.contains(url) && !error.contains("hunter2"), "{error}");
        }
        assert_eq!(config, Config::default());
    }
}

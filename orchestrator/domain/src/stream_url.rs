//! Where a stream is sent, with its key.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::{Host, Url};

use crate::secret::Secret;

/// Longer ones don't fit into what ffmpeg keeps of an RTMP address.
const MAX_CHARS: usize = 1024;
const HIDDEN: &str = "****";

/// `rtmp://host/app/KEY`, `rtmps://host/app/KEY` or `srt://host:port?streamid=…&passphrase=…`
///
/// Whoever knows it may stream in the owner's name, so it is a secret as a whole. `Display` and `Debug` show `rtmp://host/app/****`
/// and `srt://host:port?****`; for states, logs and answers use those. Serde carries the real text, and is for the pipe to an
/// agent's stdin and nothing else: it must not reach a file, a log or an answer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(description = "Where a stream is sent to, with its key: a secret as a whole.",
        extend("format" = "uri", "pattern" = "^(rtmp|rtmps|srt)://[^/]", "examples" = ["rtmp://live.example.org/app/KEY", "srt://live.example.org:9000"])))]
#[serde(try_from = "String", into = "String")]
pub struct StreamUrl {
    text: Secret,
    protocol: StreamProtocol,
    host: Host,
    port: Option<u16>,
    shown: String,
}

/// How a stream is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamProtocol {
    /// RTMP over TCP.
    Rtmp,
    /// RTMP over TLS.
    Rtmps,
    /// MPEG-TS over SRT.
    Srt,
}

impl StreamProtocol {
    /// The scheme of its URLs.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Rtmp => "rtmp",
            Self::Rtmps => "rtmps",
            Self::Srt => "srt",
        }
    }

    /// The port when the URL names none; SRT has no usual one.
    fn default_port(self) -> Option<u16> {
        match self {
            Self::Rtmp => Some(1935),
            Self::Rtmps => Some(443),
            Self::Srt => None,
        }
    }
}

/// Why a text is no stream URL, or one that must not be used. None of them tells the text: it may hold a key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StreamUrlError {
    /// Not a URL at all.
    #[error(
        "the stream's address is no URL; write rtmp://host/app/KEY, rtmps://host/app/KEY or srt://host:port, without spaces"
    )]
    NotAUrl,
    /// A scheme to which nothing is streamed.
    #[error(
        "streams of the kind \"{0}:\" are unknown; there are rtmp://host/app/KEY, rtmps://host/app/KEY and srt://host:port"
    )]
    UnknownScheme(String),
    /// More than any server hands out.
    #[error("the stream's URL is longer than {MAX_CHARS} characters; check what was pasted")]
    TooLong,
    /// No host, or one that no name or address can be.
    #[error("the stream's URL names no host that could exist; write rtmp://host/app/KEY or srt://host:port")]
    NoHost,
    /// RTMP without the name of a stream.
    #[error("the stream's URL has no stream key; write {0}://host/app/KEY as the server's page shows it")]
    NoKey(&'static str),
    /// SRT without a port.
    #[error("the stream's URL has no port, and SRT has no usual one; write srt://host:port")]
    NoPort,
    /// An address that only means something on this machine or in its network.
    #[error(
        "{0} is inside the recorder's own network, where streams are not allowed to go; name a public server, or have private addresses allowed"
    )]
    Private(String),
}

impl StreamUrl {
    /// The text with its key: only for handing it to the program that streams.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// How the stream is sent.
    pub fn protocol(&self) -> StreamProtocol {
        self.protocol
    }

    /// Name or address of the server.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Port of the server.
    pub fn port(&self) -> u16 {
        self.port.or(self.protocol.default_port()).unwrap_or_default()
    }

    /// Whether it visibly leads into the recorder's own network: a literal address or `localhost`. What a name leads to is only
    /// known when it is looked up; see [`is_private`].
    pub fn is_private(&self) -> bool {
        match &self.host {
            Host::Ipv4(address) => is_private(IpAddr::V4(*address)),
            Host::Ipv6(address) => is_private(IpAddr::V6(*address)),
            Host::Domain(name) => {
                let name = name.trim_end_matches('.');
                name == "localhost" || name.ends_with(".localhost")
            }
        }
    }

    /// Fails when it visibly leads into the recorder's own network and must not.
    pub fn check(&self, allow_private: bool) -> Result<(), StreamUrlError> {
        if self.is_private() && !allow_private { Err(StreamUrlError::Private(self.to_string())) } else { Ok(()) }
    }
}

/// Whether an address only means something on this machine or in its network, or names no single server: loopback, private, shared,
/// link-local, unspecified, multicast, reserved. Such an address inside of an IPv6 address counts too.
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => is_private_v6(address),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
        // Multicast, reserved and broadcast.
        || a >= 224
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_private_v4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        // Unspecified, loopback, and IPv4 addresses as they were once written.
        [0, 0, 0, 0, 0, 0, high, low] => embedded(high, low),
        // NAT64 and 6to4 lead to the IPv4 address in them; local NAT64 stays at home.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x64, 0xff9b, 1, ..] => true,
        [0x2002, high, low, ..] => embedded(high, low),
        [first, ..] => {
            first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80 || first & 0xffc0 == 0xfec0 || first & 0xff00 == 0xff00
        }
    }
}

impl std::str::FromStr for StreamUrl {
    type Err = StreamUrlError;

    fn from_str(text: &str) -> Result<Self, StreamUrlError> {
        let text = text.trim();
        // URL parsers drop some of them silently, ffmpeg takes what follows them for options.
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(StreamUrlError::NotAUrl);
        }
        if text.chars().count() > MAX_CHARS {
            return Err(StreamUrlError::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(StreamUrlError::NotAUrl)?;
        let scheme = scheme.to_ascii_lowercase();
        let protocol = match scheme.as_str() {
            "rtmp" => StreamProtocol::Rtmp,
            "rtmps" => StreamProtocol::Rtmps,
            "srt" => StreamProtocol::Srt,
            // What is no plain word may be a key that was pasted into the wrong place.
            other if other.len() <= 8 && other.bytes().all(|byte| byte.is_ascii_lowercase()) => {
                return Err(StreamUrlError::UnknownScheme(scheme));
            }
            _ => return Err(StreamUrlError::NotAUrl),
        };
        let text = format!("{scheme}://{rest}");
        let url = Url::parse(&text).map_err(|_| StreamUrlError::NoHost)?;
        let name =
            url.host_str().filter(|name| !name.is_empty() && !name.contains('%')).ok_or(StreamUrlError::NoHost)?;
        // Of these schemes the URL parser knows no hosts; this one also understands addresses like 0x7f.1, as lookups do.
        let host = Host::parse(name).map_err(|_| StreamUrlError::NoHost)?;
        if url.port() == Some(0) {
            return Err(StreamUrlError::NoPort);
        }
        let shown = shown(protocol, &url, &host)?;
        Ok(Self { text: Secret::new(text.as_str()), protocol, host, port: url.port(), shown })
    }
}

fn shown(protocol: StreamProtocol, url: &Url, host: &Host) -> Result<String, StreamUrlError> {
    let user = if url.username().is_empty() && url.password().is_none() { "" } else { "****@" };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let mut shown = format!("{}://{user}{host}{port}", protocol.scheme());
    let has_query = url.query().is_some_and(|query| !query.is_empty());
    match protocol {
        StreamProtocol::Rtmp | StreamProtocol::Rtmps => {
            let mut parts = url.path_segments().into_iter().flatten();
            let app = parts.next().filter(|app| !app.is_empty()).ok_or(StreamUrlError::NoKey(protocol.scheme()))?;
            if !has_query && parts.all(str::is_empty) {
                return Err(StreamUrlError::NoKey(protocol.scheme()));
            }
            shown.push_str(&format!("/{app}/{HIDDEN}"));
        }
        StreamProtocol::Srt => {
            url.port().ok_or(StreamUrlError::NoPort)?;
            if has_query || !url.path().trim_matches('/').is_empty() || url.fragment().is_some() {
                shown.push_str(&format!("?{HIDDEN}"));
            }
        }
    }
    Ok(shown)
}

impl std::fmt::Display for StreamUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

impl std::fmt::Debug for StreamUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

impl TryFrom<String> for StreamUrl {
    type Error = StreamUrlError;

    fn try_from(text: String) -> Result<Self, StreamUrlError> {
        text.parse()
    }
}

impl From<StreamUrl> for String {
    fn from(url: StreamUrl) -> Self {
        url.expose().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn url(text: &str) -> StreamUrl {
        text.parse().expect(text)
    }

    #[test]
    fn people_see_where_a_stream_goes_and_never_its_key() {
        for (text, shown) in [
            ("rtmp://a.rtmp.youtube.com/live2/abcd-efgh", "rtmp://a.rtmp.youtube.com/live2/****"),
            ("RTMPS://live.example.org:443/app/key?auth=x", "rtmps://live.example.org:443/app/****"),
            ("rtmp://cdn.example.org/app/instance/key#y", "rtmp://cdn.example.org/app/****"),
            ("rtmp://cdn.example.org/app?auth=x/key", "rtmp://cdn.example.org/app/****"),
            ("rtmp://user:pw@example.org/app/key", "rtmp://****@example.org/app/****"),
            ("rtmp://[2001:db8::1]:1936/app/key", "rtmp://[2001:db8::1]:1936/app/****"),
            ("srt://example.org:9000", "srt://example.org:9000"),
            ("srt://example.org:9000?streamid=key&passphrase=secret", "srt://example.org:9000?****"),
            ("srt://example.org:9000/key", "srt://example.org:9000?****"),
        ] {
            assert_eq!(url(text).to_string(), shown);
            assert_eq!(format!("{:?}", Some(url(text))), format!("Some({shown})"));
        }
    }

    #[test]
    fn the_pipe_to_an_agent_carries_the_whole_url() {
        let text = "rtmp://host/app/key?a=%20b#c";
        let json = serde_json::to_string(&url(text)).expect("serialises");
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<StreamUrl>(&json).expect("its own text"), url(text));
        assert_eq!(url("  RTMP://host/app/key\n").expose(), "rtmp://host/app/key");
    }

    #[test]
    fn a_url_says_where_it_connects_to() {
        for (text, protocol, port) in [
            ("rtmp://h/a/k", StreamProtocol::Rtmp, 1935),
            ("rtmps://h/a/k", StreamProtocol::Rtmps, 443),
            ("rtmps://h:8443/a/k", StreamProtocol::Rtmps, 8443),
            ("srt://h:9000", StreamProtocol::Srt, 9000),
        ] {
            assert_eq!((url(text).protocol(), url(text).port()), (protocol, port), "{text}");
            assert_eq!(url(text).host(), &Host::Domain("h".to_owned()));
        }
    }

    #[test]
    fn bad_urls_are_refused_with_their_own_sentence() {
        use StreamUrlError::*;
        for (text, error) in [
            ("live2/abcd", NotAUrl),
            ("", NotAUrl),
            ("rtmp://host/app/key swfUrl=file", NotAUrl),
            ("rtmp://host/app/\u{0}", NotAUrl),
            ("sk1234567890://x", NotAUrl),
            ("http://host/app/key", UnknownScheme("http".into())),
            ("udp://host:1", UnknownScheme("udp".into())),
            ("rtmp:///app/key", NoHost),
            ("rtmp://ho%73t/app/key", NoHost),
            ("rtmp://300.1.1.1/app/key", NoHost),
            ("rtmp://a<b/app/key", NoHost),
            ("rtmp://host", NoKey("rtmp")),
            ("rtmp://host/", NoKey("rtmp")),
            ("rtmps://host/app", NoKey("rtmps")),
            ("rtmp://host/app/", NoKey("rtmp")),
            ("rtmp://host//key", NoKey("rtmp")),
            ("srt://host", NoPort),
            ("srt://host:0", NoPort),
            (&format!("rtmp://host/app/{}", "k".repeat(MAX_CHARS)), TooLong),
        ] {
            assert_eq!(text.parse::<StreamUrl>(), Err(error), "{text}");
        }
    }

    #[test]
    fn private_addresses_are_known_in_every_spelling() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "api.localhost",
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "2130706433",
            "0177.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a00:1]",
            "[::7f00:1]",
            "[64:ff9b::10.0.0.1]",
            "[64:ff9b:1::1]",
            "[2002:7f00:1::]",
            "[fe80::1]",
            "[fec0::1]",
            "[fd00::1]",
            "[ff02::1]",
        ] {
            let url = url(&format!("rtmp://{host}/app/key"));
            assert!(url.is_private(), "{host}");
            assert_eq!(url.check(true), Ok(()));
            assert_eq!(url.check(false), Err(StreamUrlError::Private(url.to_string())));
        }
    }

    #[test]
    fn public_addresses_and_names_are_allowed() {
        for host in [
            "example.org",
            "localhost.example.org",
            "notlocalhost",
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "[2606:4700::1111]",
            "[64:ff9b::8.8.8.8]",
            "[2002:808:808::]",
        ] {
            assert_eq!(url(&format!("rtmp://{host}/app/key")).check(false), Ok(()), "{host}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_survives_the_wire(text in "(rtmps?://|srt://|)\\PC{0,60}") {
            if let Ok(url) = text.parse::<StreamUrl>() {
                let again: StreamUrl = String::from(url.clone()).parse().expect("its own text");
                prop_assert_eq!(again, url);
            }
        }

        #[test]
        fn nothing_that_is_printed_holds_the_key(
            key in "[A-Z0-9]{12}",
            form in prop::sample::select(vec![
                "rtmp://host/app/KEY", "rtmps://h.example:1/app/x/KEY?k=KEY", "rtmp://KEY:KEY@127.0.0.1/app/KEY", "rtmp://h/a?t=KEY",
                "srt://host:1?streamid=KEY&passphrase=KEY", "srt://KEY@[::1]:1/KEY#KEY", "rtmp:///app/KEY", "rtmp:KEY",
                "srt://host?streamid=KEY", "rtmp://host/app/KEY live=1", "KEY://host", "rtmp://h o/KEY", "http://KEY/a", "KEY",
                "rtmp://host:99999/app/KEY", "rtmp://[KEY]/app/x",
            ]),
        ) {
            let printed = match form.replace("KEY", &key).parse::<StreamUrl>() {
                Ok(url) => format!("{url} {url:?} {:?} {}", url.check(false), url.check(false).err().map(|e| e.to_string()).unwrap_or_default()),
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assert!(!printed.to_uppercase().contains(&key), "{}", printed);
        }
    }
}

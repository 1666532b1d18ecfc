//! A stream's address, taken apart, and what of it must not be told.

use std::net::{IpAddr, SocketAddr};

use url::Host;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::output::{StreamProtocol, StreamUrl, is_private};
use wallflower_domain::secret::Secret;

use super::Policy;
use super::rtmp::Place;

/// Characters of a server's own words that are passed on.
const LONGEST_TROUBLE: usize = 300;
/// A text this short is no secret, and stands in too many other words.
const SHORTEST_SECRET: usize = 6;
/// Longest `streamid` of SRT.
const LONGEST_STREAM_ID: usize = 512;

/// Where a stream goes.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    url: StreamUrl,
    way: Way,
    /// Longest first.
    secrets: Vec<Secret>,
}

/// How media get there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Rtmp { tls: bool, place: Place },
    Srt { options: SrtOptions },
}

/// Options of SRT, by their names in ffmpeg.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SrtOptions(Vec<(String, Secret)>);

impl Address {
    /// Understands an address, or says what is wrong with it.
    pub(crate) fn parse(text: &Secret, policy: Policy) -> Result<Self, Failure> {
        let refused = |sentence: String| Failure::new(FailureKind::BadRequest, sentence);
        let url: StreamUrl = text.expose().parse().map_err(|error| refused(capitalized(&format!("{error}."))))?;
        url.check(policy.allow_private).map_err(|error| refused(capitalized(&format!("{error}."))))?;
        let way = Way::of(&url).map_err(|why| refused(format!("{url} {why}")))?;
        let mut secrets = pieces(hidden(&url));
        if let Way::Srt { options } = &way {
            secrets.extend(options.0.iter().filter(|(name, _)| is_secret(name)).map(|(_, value)| value.clone()));
        }
        secrets.retain(|secret| secret.expose().len() >= SHORTEST_SECRET);
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        Ok(Self { url, way, secrets })
    }

    pub(crate) fn way(&self) -> &Way {
        &self.way
    }

    /// `host:port`.
    pub(crate) fn server(&self) -> String {
        format!("{}:{}", self.url.host(), self.url.port())
    }

    pub(crate) fn host(&self) -> &Host {
        self.url.host()
    }

    /// A sentence without what is secret in the address, and without what a terminal would obey.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let mut text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        for secret in &self.secrets {
            text = text.replace(secret.expose(), "****");
        }
        match text.char_indices().nth(LONGEST_TROUBLE) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }

    /// Where its server is. Names are looked up anew each time: servers move.
    pub(crate) async fn look_up(&self, policy: Policy) -> Result<Vec<SocketAddr>, String> {
        let port = self.url.port();
        let found: Vec<SocketAddr> = match self.url.host() {
            Host::Ipv4(address) => vec![(IpAddr::V4(*address), port).into()],
            Host::Ipv6(address) => vec![(IpAddr::V6(*address), port).into()],
            Host::Domain(name) => tokio::net::lookup_host((name.as_str(), port))
                .await
                .map_err(|error| format!("{name} can't be found ({error}); check the address and the machine's DNS."))?
                .collect(),
        };
        let host = self.url.host();
        if found.is_empty() {
            return Err(format!("{host} has no address."));
        }
        let allowed: Vec<SocketAddr> =
            found.into_iter().filter(|found| policy.allow_private || !is_private(found.ip())).collect();
        if allowed.is_empty() {
            return Err(format!(
                "{host} leads into the recorder's own network, where streams are not allowed to go; name a public server, or have private addresses allowed."
            ));
        }
        Ok(allowed)
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.url.fmt(f)
    }
}

impl Way {
    fn of(url: &StreamUrl) -> Result<Self, String> {
        let (authority, rest) = parts(url);
        if authority.contains('@') {
            return Err("holds a user name, with which this version can't log in; leave it out.".to_owned());
        }
        match url.protocol() {
            StreamProtocol::Srt => Ok(Self::Srt { options: SrtOptions::parse(rest)? }),
            protocol => {
                let (app, key) = split_key(rest.trim_start_matches('/')).ok_or_else(|| {
                    "has no stream key; write rtmp://host/app/KEY as the server's page shows it.".to_owned()
                })?;
                let place = Place {
                    app: Secret::new(app),
                    tc_url: Secret::new(format!("{}://{authority}/{app}", protocol.scheme())),
                    key: Secret::new(key),
                };
                Ok(Self::Rtmp { tls: protocol == StreamProtocol::Rtmps, place })
            }
        }
    }
}

impl SrtOptions {
    /// Names that are passed on; all else is refused, because ffmpeg would take it for an option of its own.
    const KNOWN: [&str; 12] = [
        "connect_timeout",
        "inputbw",
        "latency",
        "maxbw",
        "oheadbw",
        "passphrase",
        "pbkeylen",
        "peerlatency",
        "pkt_size",
        "rcvlatency",
        "streamid",
        "tlpktdrop",
    ];

    fn parse(rest: &str) -> Result<Self, String> {
        let query = match rest.split_once('?') {
            _ if rest.is_empty() => "",
            Some(("" | "/", query)) => query,
            _ => {
                return Err("has a path, and SRT knows none; write srt://host:port?streamid=…&passphrase=….".to_owned());
            }
        };
        let mut options: Vec<(String, Secret)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_encoding::percent_decode_str(value)
                .decode_utf8()
                .map_err(|_| "holds a value that is no text.".to_owned())?;
            let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            match name {
                "mode" if value == "caller" => continue,
                "mode" => {
                    return Err("has a mode other than caller: Wallflower calls, and waits for nobody.".to_owned());
                }
                "transtype" if value == "live" => continue,
                name if Self::KNOWN.contains(&name) => {}
                name if name.len() <= 20 && is_plain(name) => {
                    return Err(format!("has the option {name}, which is not supported; leave it out."));
                }
                _ => return Err("has an option that is not supported; leave it out.".to_owned()),
            }
            check_value(name, &value)?;
            if options.iter().any(|(known, _)| known == name) {
                return Err(format!("has the option {name} twice."));
            }
            options.push((name.to_owned(), Secret::new(value)));
        }
        Ok(Self(options))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As a file that ffmpeg's `-fpre` reads: a line each.
    pub(crate) fn preset(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={}\n", value.expose())).collect()
    }

    /// Milliseconds for which a receiver holds back what it has got.
    pub(crate) fn latency_ms(&self) -> u64 {
        let of = |wanted: &str| self.0.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.expose());
        let us = of("peerlatency").or(of("latency")).and_then(|value| value.parse::<u64>().ok());
        // What SRT's own default is.
        us.map_or(120, |us| us / 1000)
    }
}

/// ffmpeg prints a value that it refuses, so it must get none that it does.
fn check_value(name: &str, value: &str) -> Result<(), String> {
    let length = value.len();
    let is_good = match name {
        "passphrase" => (10..=79).contains(&length),
        "streamid" => (1..=LONGEST_STREAM_ID).contains(&length),
        "pbkeylen" => ["0", "16", "24", "32"].contains(&value),
        _ => (1..=12).contains(&length) && value.bytes().all(|byte| byte.is_ascii_digit()),
    };
    // A preset file has a line for each option.
    if !is_good || value.chars().any(char::is_control) {
        return Err(match name {
            "passphrase" => "has a passphrase that SRT does not take: it must have 10 to 79 characters.".to_owned(),
            "streamid" => format!("has a streamid that SRT does not take: at most {LONGEST_STREAM_ID} characters."),
            "pbkeylen" => "has a pbkeylen other than 16, 24 and 32.".to_owned(),
            name => format!("has a value for {name} that is no number."),
        });
    }
    Ok(())
}

fn is_secret(option: &str) -> bool {
    matches!(option, "passphrase" | "streamid")
}

/// Authority, and what comes after it.
fn parts(url: &StreamUrl) -> (&str, &str) {
    let text = url.expose();
    let after = text.split_once("://").map_or("", |(_, after)| after);
    after.split_at(after.find(['/', '?', '#']).unwrap_or(after.len()))
}

/// What [`StreamUrl`] shows as asterisks, or more.
fn hidden(url: &StreamUrl) -> &str {
    let rest = parts(url).1;
    match url.protocol() {
        StreamProtocol::Srt => rest,
        // The application is shown.
        _ => rest.trim_start_matches('/').split_once(['/', '?']).map_or("", |(_, hidden)| hidden),
    }
}

/// Application and key, divided as ffmpeg and librtmp do: the application has one part, or two when there are three or more.
fn split_key(rest: &str) -> Option<(&str, &str)> {
    let path = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
    let slashes: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
    let at = match slashes[..] {
        // The application's own query: `app?auth=x/key`.
        [] => rest.rfind('/')?,
        [only] => only,
        [_, second, ..] => second,
    };
    let (app, key) = (&rest[..at], &rest[at + 1..]);
    (!app.is_empty() && !key.is_empty()).then_some((app, key))
}

/// A text, and the parts and values of which it is made: a server may repeat any of them.
fn pieces(text: &str) -> Vec<Secret> {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    let value = |part: &str| Secret::new(part.split_once('=').map_or(part, |(_, value)| value));
    let words = |text: &str| text.split(['/', '?', '&', '#']).map(value).collect::<Vec<_>>();
    let mut pieces = vec![Secret::new(text), Secret::new(&*decoded)];
    pieces.extend(words(text));
    pieces.extend(words(&decoded));
    pieces
}

fn capitalized(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Policy = Policy { allow_private: true };

    fn address(text: &str) -> Address {
        Address::parse(&Secret::new(text), ALL).expect(text)
    }

    fn refusal(text: &str) -> String {
        Address::parse(&Secret::new(text), ALL).expect_err(text).message
    }

    #[test]
    fn application_and_key_are_told_apart() {
        for (text, app, tc_url, key) in [
            ("rtmp://h/live/key", "live", "rtmp://h/live", "key"),
            ("rtmps://h:444/live2/a-b?x=1/2", "live2", "rtmps://h:444/live2", "a-b?x=1/2"),
            ("rtmp://[::1]:1936/app/instance/key", "app/instance", "rtmp://[::1]:1936/app/instance", "key"),
            ("rtmp://h/app/instance/a/b", "app/instance", "rtmp://h/app/instance", "a/b"),
            ("rtmp://h/app?auth=x/key", "app?auth=x", "rtmp://h/app?auth=x", "key"),
            ("rtmp://h/app/k%20{y}#z", "app", "rtmp://h/app", "k%20{y}#z"),
        ] {
            let Way::Rtmp { place, .. } = address(text).way else { panic!("{text}") };
            assert_eq!((place.app.expose(), place.tc_url.expose(), place.key.expose()), (app, tc_url, key), "{text}");
        }
    }

    #[test]
    fn srt_options_become_lines_of_a_preset() {
        let text = "srt://h:9000?mode=caller&streamid=%23!::r=live/cam,m=publish&passphrase=0123456789=&latency=300000";
        let Way::Srt { options } = address(text).way else { panic!("{text}") };
        assert_eq!(options.preset(), "streamid=#!::r=live/cam,m=publish\npassphrase=0123456789=\nlatency=300000\n");
        assert_eq!(options.latency_ms(), 300);
        let Way::Srt { options } = address("srt://h:9000?streamid=#!::r=live/cam").way else { panic!("{text}") };
        assert_eq!(options.preset(), "streamid=#!::r=live/cam\n");
    }

    #[test]
    fn what_can_t_be_streamed_to_is_refused_without_its_secrets() {
        for (text, sentence) in [
            ("rtmp://h/app?key", "rtmp://h/app/**** has no stream key"),
            ("rtmp://me:hunter22@h/app/key", "rtmp://****@h/app/**** holds a user name"),
            ("srt://h:1?mode=listener", "srt://h:1?**** has a mode other than caller"),
            ("srt://h:1?passphrase=hunter22", "srt://h:1?**** has a passphrase that SRT does not take"),
            ("srt://h:1?streamid=hunter22%0Apassphrase=x", "srt://h:1?**** has a streamid that SRT does not take"),
            ("srt://h:1?latency=hunter22", "srt://h:1?**** has a value for latency that is no number"),
            ("srt://h:1?acodec=hunter22", "srt://h:1?**** has the option acodec, which is not supported"),
            ("srt://h:1?hunter22=1", "srt://h:1?**** has an option that is not supported"),
            ("srt://h:1/hunter22", "srt://h:1?**** has a path"),
            ("http://h/app/hunter22", "Streams of the kind \"http:\" are unknown"),
        ] {
            let message = refusal(text);
            assert!(message.starts_with(sentence), "{message}");
            assert!(!message.contains("hunter22"), "{message}");
        }
    }

    #[test]
    fn a_server_s_words_are_passed_on_without_the_key() {
        let address = address("rtmp://h/app/abcd-efgh?token=s3cr3t%21");
        let said = "Already publishing abcd-efgh (token s3cr3t!)\u{1b}[31m".to_owned() + &"x".repeat(500);
        let scrubbed = address.scrub(&said);
        assert!(scrubbed.starts_with("Already publishing **** (token ****) [31mxxx"), "{scrubbed}");
        assert_eq!(scrubbed.chars().count(), LONGEST_TROUBLE + 1);
        assert!(!format!("{address:?}").contains("abcd") && !format!("{address:?}").contains("s3cr3t"));
    }

    #[tokio::test]
    async fn names_that_lead_into_the_own_network_are_refused_when_looked_up() {
        let strict = Policy { allow_private: false };
        assert!(Address::parse(&Secret::new("rtmp://127.0.0.1/app/key"), strict).is_err());
        let address = address("rtmp://localhost/app/key");
        assert!(address.look_up(ALL).await.is_ok());
        let refused = address.look_up(strict).await.expect_err("private");
        assert!(refused.starts_with("localhost leads into the recorder's own network"), "{refused}");
    }
}

//! Which rooms something holds for.

use icu_normalizer::ComposingNormalizerBorrowed;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use url::{Position, Url};

use super::Room;

/// A room's URI in which `*` stands for any characters, such as `livekit+wss://meet.example.org/board-*`.
///
/// Whoever asks for a room chooses how to write it, so only what says which room it is counts:
///
/// - LiveKit: host, port and name. Not the path before the name: tokens are signed for all of a host, and where its server is found below
///   two paths, both lead to the same rooms.
/// - Jitsi: host, port, tenant and name, all without regard to upper and lower case or to full and half width, as it is for Jitsi.
/// - Demo: the name.
/// - Pages: the address as it is written, because only its server knows what is the same page.
///
/// It makes no difference whether a connection is encrypted, or whether a port that goes without saying is said. Patterns are read in the
/// same way, so `livekit+ws://Meet.example.org:80/a/b%6Fard-*` means no more and no less than the one above.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct RoomPattern(String);

impl RoomPattern {
    /// Whether a room is one of these, however it is written.
    pub fn fits(&self, room: &Room) -> bool {
        match room {
            Room::Livekit { server, room } => {
                let place = format!("{}/{}", deployment(server), segment(room));
                let pattern = self.of_deployments(|_| String::new());
                ["livekit+wss", "livekit+ws"].iter().any(|scheme| fits(&pattern, &format!("{scheme}://{place}")))
            }
            Room::Jitsi { server, room } => {
                let place = as_in_jitsi(&format!("{}/{}{}", deployment(server), tenant(server), segment(room)));
                let pattern = as_in_jitsi(&self.of_deployments(tenant_pattern));
                ["jitsi+https", "jitsi+http"].iter().any(|scheme| fits(&pattern, &format!("{scheme}://{place}")))
            }
            Room::Demo { .. } => fits(&self.0, &room.to_string()),
            Room::Page { url } => {
                let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
                let place = format!("{}{port}{}", host(url), &url[Position::BeforePath..]);
                ["https", "http"].iter().any(|scheme| fits(&self.0, &format!("{scheme}://{place}")))
            }
        }
    }

    /// In the form in which a deployment's rooms are compared. Stars stay where they are, also where they stand for more than one part.
    fn of_deployments(&self, tenant: impl Fn(&str) -> String) -> String {
        let (scheme, rest) = match self.0.find("//") {
            Some(at) => self.0.split_at(at + 2),
            None => ("", self.0.as_str()),
        };
        let scheme = scheme.to_lowercase();
        match rest.rsplit_once('/') {
            Some((server, name)) => {
                let (authority, path) = server.split_once('/').unwrap_or((server, ""));
                // Hosts may have a star for all that reads them.
                let authority = Url::parse(&format!("https://{authority}/"))
                    .map_or_else(|_| authority.to_lowercase(), |url| deployment(&url));
                format!("{scheme}{authority}/{}{}", tenant(path), segment_pattern(name))
            }
            // Where in it a host ends only the room can tell.
            None => format!("{scheme}{}", segment_pattern(rest)),
        }
    }
}

/// Jitsi's names are what is left of them after this.
fn as_in_jitsi(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfkc().normalize(text).to_lowercase()
}

/// The host, which may be written with the dot of the root behind it.
fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default().trim_end_matches('.')
}

/// Host and port of a server. Both of the ports that go without saying are left out: which of them is meant hangs on the scheme alone.
fn deployment(server: &Url) -> String {
    match server.port() {
        None | Some(80 | 443) => host(server).to_owned(),
        Some(port) => format!("{}:{port}", host(server)),
    }
}

/// A Jitsi deployment's tenant, with a slash behind it; empty when there is none. Web servers resolve what is encoded, and dots and slashes
/// to spare, before they look for a tenant, and Jitsi takes a dot for `_`.
fn tenant(server: &Url) -> String {
    let path = percent_decode_str(server.path()).decode_utf8_lossy();
    let mut parts: Vec<String> = Vec::new();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(segment(part).replace('.', "_") + "/"),
        }
    }
    parts.concat()
}

fn tenant_pattern(path: &str) -> String {
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts.map(|part| segment_pattern(part).replace('.', "_") + "/").collect()
}

/// A part of a path in which nothing is encoded but what would be read as something else.
fn segment(text: &str) -> String {
    text.replace('%', "%25").replace('/', "%2F").replace('*', "%2A")
}

fn segment_pattern(text: &str) -> String {
    let pieces = text.split('*').map(|piece| segment(&percent_decode_str(piece).decode_utf8_lossy()));
    pieces.collect::<Vec<String>>().join("*")
}

/// Whether a text fits a pattern in which `*` stands for any characters.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|begin| text.strip_prefix(begin)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, inner)) = parts.split_last() else { return rest.is_empty() };
    for part in inner {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> RoomPattern {
        RoomPattern(text.to_owned())
    }

    #[track_caller]
    fn all(patterns: &[&str], rooms: &[&str], expected: bool) {
        for (text, room) in patterns.iter().flat_map(|pattern| rooms.iter().map(move |room| (pattern, room))) {
            let parsed = room.parse().unwrap_or_else(|error| panic!("{room}: {error}"));
            assert_eq!(pattern(text).fits(&parsed), expected, "{text} {room}");
        }
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text, expected) in [
            ("demo:a", "demo:a", true),
            ("demo:a", "demo:ab", false),
            ("*", "demo:a", true),
            ("demo:*", "demo:", true),
            ("demo:*", "livekit+wss://h/a", false),
            ("*/board-*", "livekit+wss://h/board-1", true),
            ("*/board-*", "livekit+wss://h/bored-1", false),
            ("*a*a", "demo:a", false),
            ("d*o:*a", "demo:aha", true),
            ("demo:a*a", "demo:a", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_fits_a_livekit_room_however_either_is_written() {
        let patterns = [
            "livekit+wss://meet.example.org/board-*",
            "livekit+ws://meet.example.org/board-1",
            "LiveKit+WSS://Meet.Example.org:443/board-*",
            "livekit+ws://meet.example.org:80/board-*",
            "livekit+wss://meet.example.org/sfu/board-*",
            "livekit+wss://meet.example.org/*/b%6Fard-*",
            "livekit+wss://*.example.org/board-*",
            "livekit+*.example.org/board-*",
            "livekit+wss:*board-1",
            "livekit+wss://meet.example.org*",
            "*//meet.example.org/*",
            "*/board-*",
            "*board-*",
            "*",
        ];
        let rooms = [
            "livekit+wss://meet.example.org/board-1",
            "livekit+ws://meet.example.org/board-1",
            "livekit+wss://MEET.example.ORG:443/board-1",
            "livekit+ws://meet.example.org:80/board-1",
            "livekit+ws://meet.example.org:443/board-1",
            "livekit+wss://meet.example.org./board-1",
            "livekit+wss://meet.example.org/sfu/board-1",
            "livekit+wss://meet.example.org//other/../x/board-1",
            "livekit+wss://meet.example.org/%62oard%2d1",
            "LIVEKIT+wss:meet.example.org/board-1",
            "livekit+wss://meet%2eexample.org/board-1",
        ];
        all(&patterns, &rooms, true);
    }

    #[test]
    fn what_is_another_room_stays_another_room() {
        let rooms = [
            "livekit+wss://meet.example.org/Board-1",
            "livekit+wss://meet.example.org/a%2Fboard-1",
            "livekit+wss://meet.example.org/board-1/lobby",
            "livekit+wss://meet.example.org:7880/board-1",
            "livekit+wss://evil.example.com/meet.example.org/board-1",
            "livekit+wss://evil.example.com/meet.example.org%2Fboard-1",
            "jitsi+https://meet.example.org/board-1",
            "https://meet.example.org/board-1",
            "demo:board-1",
        ];
        let patterns = ["livekit+wss://meet.example.org/board-*", "livekit+*meet.example.org/board-*"];
        all(&patterns, &rooms, false);
        all(&["livekit+ws://127.0.0.1:7880/board-*"], &["livekit+wss://127.0.0.1:7880/board-1"], true);
        all(&["livekit+ws://127.0.0.1:7880/board-*"], &["livekit+wss://127.0.0.1/board-1"], false);
    }

    #[test]
    fn names_are_compared_as_they_are_meant() {
        for (pattern, room, expected) in [
            ("livekit+wss://h/a room/*", "livekit+wss://h/b", true),
            ("livekit+wss://h/a room*", "livekit+wss://h/a%20room%2Fx", true),
            ("livekit+wss://h/a%20room*", "livekit+wss://h/a%20room", true),
            ("livekit+wss://h/a%2fb", "livekit+wss://h/a%2Fb", true),
            ("livekit+wss://h/Büro*", "livekit+wss://h/B%C3%BCro-1", true),
            ("livekit+wss://h/100%25", "livekit+wss://h/100%25", true),
            ("livekit+wss://h/a%2Ac", "livekit+wss://h/a%2Ac", true),
            ("livekit+wss://h/a%2Ac", "livekit+wss://h/abc", false),
            ("livekit+wss://bücher.example/*", "livekit+wss://xn--bcher-kva.example/a", true),
        ] {
            all(&[pattern], &[room], expected);
        }
    }

    #[test]
    fn a_jitsi_room_is_the_same_in_any_case_and_another_for_another_tenant() {
        let rooms = [
            "jitsi+https://meet.example.org/Sales.eu/Board-1",
            "jitsi+http://Meet.example.org:443//sales_EU/./board-1",
            "jitsi+https://meet.example.org/s%61les.eu//board-%31",
            "jitsi+https://meet.example.org/x/..%2Fsales.eu/board-1",
            "jitsi+https://meet.example.org/sales.eu/\u{ff42}oard-1",
        ];
        let patterns = [
            "jitsi+https://meet.example.org/sales.eu/board-*",
            "jitsi+http://Meet.example.org/Sales_eu/BOARD-*",
            "jitsi+https://meet.example.org/*/board-*",
            "jitsi+https://meet.example.org/*",
            "*/board-*",
        ];
        all(&patterns, &rooms, true);
        all(&["jitsi+https://meet.example.org/board-*", "jitsi+https://meet.example.org/open/*"], &rooms, false);
        all(&["jitsi+https://*.example.org/*"], &["jitsi+https://evil.example.com/a.example.org/b"], false);
    }

    #[test]
    fn a_page_is_the_same_by_http_and_https_and_no_more() {
        let rooms = [
            "https://intranet.example.org/A?x",
            "http://Intranet.example.org:80/A?x",
            "https://intranet.example.org./A?x",
        ];
        all(&["https://intranet.example.org/A*", "http://intranet.example.org/*", "*example.org/*?x"], &rooms, true);
        all(&["https://intranet.example.org/a*", "https://intranet.example.org/A"], &rooms, false);
        all(&["https://h:8443/*"], &["http://h:8443/a"], true);
    }

    proptest! {
        #[test]
        fn a_room_fits_its_own_uri(name in "[^\\p{C}./]{1,40}", path in "[a-z/%.]{0,6}", scheme in "livekit\\+wss|jitsi\\+http") {
            let server = format!("{scheme}://h/{path}/x").parse::<Room>();
            if let Ok(Room::Livekit { server, .. }) = &server {
                let room = Room::Livekit { server: server.clone(), room: name.clone() };
                prop_assert!(pattern(&room.to_string()).fits(&room));
            }
            if let Ok(Room::Jitsi { server, .. }) = server && !server.path().contains('%') {
                let room = Room::Jitsi { server, room: name };
                prop_assert!(pattern(&room.to_string()).fits(&room));
            }
        }

        #[test]
        fn no_pattern_panics(text in "\\PC{0,60}", name in "[^\\p{C}./]{1,20}") {
            for server in ["wss://h/", "ws://h:1/a/b"] {
                let _ = pattern(&text).fits(&Room::Livekit { server: server.parse().expect("url"), room: name.clone() });
            }
            let _ = pattern(&text).fits(&Room::Jitsi { server: "https://h/a".parse().expect("url"), room: name });
        }
    }
}

//! Who may open a socket, and who may be a recorder.
//!
//! Browsers let every page open a WebSocket to every host; the `Origin` header is what tells our own pages from others.
//! Programs send none. A recorder sees a room without being in its roster, so that role is kept to this machine.

use std::net::SocketAddr;

use axum::http::{HeaderMap, header};
use url::{Host, Url};

/// Whether a page of this origin may open a socket: our own, or one from a loopback port (the agent serves its page there).
pub(super) fn may_connect(request: &HeaderMap) -> bool {
    match origin(request) {
        Origin::Absent => true,
        Origin::Unusable => false,
        Origin::Host(host) => is_loopback(&host) || named_host(request) == Some(host),
    }
}

/// Whether this client may join as a recorder: it is on this machine, and so is the page it shows.
///
/// A proxy on this machine makes everybody look local, so a request that says it was passed on counts as remote.
pub(super) fn may_record(peer: SocketAddr, request: &HeaderMap) -> bool {
    let is_passed_on = request.contains_key(header::FORWARDED) || request.contains_key("x-forwarded-for");
    let page_is_local = match origin(request) {
        Origin::Absent => true,
        Origin::Unusable => false,
        Origin::Host(host) => is_loopback(&host),
    };
    peer.ip().to_canonical().is_loopback() && page_is_local && !is_passed_on
}

enum Origin {
    Absent,
    /// `null`, or of a scheme that is not the web's.
    Unusable,
    Host(Host),
}

fn origin(request: &HeaderMap) -> Origin {
    let Some(value) = request.get(header::ORIGIN) else { return Origin::Absent };
    let url = value.to_str().ok().and_then(|text| Url::parse(text).ok());
    let host =
        url.filter(|url| matches!(url.scheme(), "http" | "https")).and_then(|url| url.host().map(|h| h.to_owned()));
    host.map_or(Origin::Unusable, Origin::Host)
}

/// The host that the client believes to speak to, without the port.
fn named_host(request: &HeaderMap) -> Option<Host> {
    let named = request.get(header::HOST)?.to_str().ok()?;
    Url::parse(&format!("http://{named}/")).ok()?.host().map(|host| host.to_owned())
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.to_canonical().is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn request(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    fn from_page(origin: &'static str, host: &'static str) -> HeaderMap {
        request(&[("origin", origin), ("host", host)])
    }

    #[test]
    fn programs_and_our_own_pages_may_connect() {
        assert!(may_connect(&request(&[("host", "rooms.example:7071")])));
        for (origin, host) in [
            ("http://rooms.example:7071", "rooms.example:7071"),
            ("https://rooms.example", "rooms.example"),
            ("https://ROOMS.example", "rooms.example:443"),
            ("http://192.0.2.7:7071", "192.0.2.7:7071"),
            ("http://127.0.0.1:40123", "127.0.0.1:7071"),
            ("http://localhost:40123", "127.0.0.1:7071"),
            ("http://[::1]:40123", "rooms.example:7071"),
        ] {
            assert!(may_connect(&from_page(origin, host)), "{origin} to {host}");
        }
    }

    #[test]
    fn pages_from_elsewhere_may_not_connect() {
        for (origin, host) in [
            ("https://elsewhere.example", "rooms.example:7071"),
            ("https://elsewhere.example", "127.0.0.1:7071"),
            ("http://localhost.elsewhere.example", "127.0.0.1:7071"),
            ("http://127.0.0.1.elsewhere.example", "127.0.0.1:7071"),
            ("null", "127.0.0.1:7071"),
            ("chrome-extension://abcdef", "127.0.0.1:7071"),
            ("", "127.0.0.1:7071"),
        ] {
            assert!(!may_connect(&from_page(origin, host)), "{origin} to {host}");
        }
    }

    #[test]
    fn only_this_machine_may_record() {
        let program = request(&[("host", "127.0.0.1:7071")]);
        for peer in ["127.0.0.1:5000", "[::1]:5000", "[::ffff:127.0.0.1]:5000"] {
            assert!(may_record(peer.parse().unwrap(), &program), "{peer}");
        }
        for peer in ["192.0.2.7:5000", "[2001:db8::1]:5000", "[::ffff:192.0.2.7]:5000"] {
            assert!(!may_record(peer.parse().unwrap(), &program), "{peer}");
        }
    }

    #[test]
    fn a_proxy_or_a_renamed_host_makes_no_recorder_local() {
        let peer = "127.0.0.1:5000".parse().unwrap();
        assert!(may_record(peer, &from_page("http://127.0.0.1:40123", "127.0.0.1:7071")));
        assert!(!may_record(peer, &request(&[("x-forwarded-for", "192.0.2.7")])));
        assert!(!may_record(peer, &request(&[("forwarded", "for=192.0.2.7")])));
        // A name of somebody else's that resolves to this machine.
        assert!(!may_record(peer, &from_page("http://rebound.example:7071", "rebound.example:7071")));
    }
}

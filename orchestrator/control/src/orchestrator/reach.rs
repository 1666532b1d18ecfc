//! Where a request may lead: never into the server's own network, unless that is allowed.
//!
//! What a name leads to is asked when it is used: a request is checked when it is made and again before its agent is launched, and what is
//! posted goes to the very addresses that were checked. A page's own requests are seen to by its agent.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;
use tokio::time::timeout;
use url::{Host, Url};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::output::is_private;
use wallflower_domain::request::{OutputRequest, RecordingRequest};
use wallflower_domain::room::Room;

const LOOK_UP: Duration = Duration::from_secs(5);

/// Whether private addresses may be reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    pub(crate) allow_private: bool,
}

impl Reach {
    /// Checks all that a request names. With a failure comes the field.
    pub(crate) async fn check(self, request: &RecordingRequest) -> Result<(), (&'static str, Failure)> {
        if self.allow_private {
            return Ok(());
        }
        let mut named: Vec<(&'static str, &Url)> = request.webhooks.iter().map(|url| ("webhooks", url)).collect();
        named.extend(request.template.iter().map(|url| ("template", url)));
        match &request.room.room {
            Room::Page { url } => named.push(("room", url)),
            Room::Livekit { server, .. } | Room::Jitsi { server, .. } => named.push(("room", server)),
            // It is ours.
            Room::Demo { .. } => {}
        }
        for (field, url) in named {
            let host = url.host().ok_or_else(|| (field, refused(format!("\"{field}\" names no host."))))?;
            let port = url.port_or_known_default().unwrap_or(443);
            check_host(field, &host.to_owned(), port).await.map_err(|why| (field, why))?;
        }
        for output in &request.outputs {
            if let OutputRequest::Stream { url } = output {
                check_host("outputs", url.host(), url.port()).await.map_err(|why| ("outputs", why))?;
            }
        }
        Ok(())
    }
}

async fn check_host(field: &str, host: &Host, port: u16) -> Result<(), Failure> {
    let shown = host.to_string();
    let addresses = addresses(host, port).await.map_err(|error| {
        Failure::new(FailureKind::RoomUnreachable, format!("{shown}, in \"{field}\", can't be looked up ({error})."))
    })?;
    if addresses.iter().any(|address| is_private(address.ip())) {
        return Err(refused(format!(
            "{shown}, in \"{field}\", is inside the server's own network, where requests are not allowed to lead."
        )));
    }
    Ok(())
}

async fn addresses(host: &Host, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    match host {
        Host::Ipv4(address) => Ok(vec![SocketAddr::new(IpAddr::V4(*address), port)]),
        Host::Ipv6(address) => Ok(vec![SocketAddr::new(IpAddr::V6(*address), port)]),
        Host::Domain(name) => match timeout(LOOK_UP, lookup_host((name.as_str(), port))).await {
            Ok(found) => Ok(found?.collect()),
            Err(_) => Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer")),
        },
    }
}

fn refused(sentence: String) -> Failure {
    Failure::new(FailureKind::BadRequest, sentence)
}

/// Looks names up for a client that must not reach private addresses. Addresses that are written out don't come by here: see
/// [`forbids`].
pub struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = addresses(&Host::Domain(name.as_str().to_owned()), 0).await?;
            if found.iter().any(|address| is_private(address.ip())) {
                return Err("it is inside the server's own network".into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether a URL is written with an address that must not be reached.
pub(crate) fn forbids(url: &str, allow_private: bool) -> bool {
    if allow_private {
        return false;
    }
    match Url::parse(url).ok().as_ref().and_then(Url::host) {
        Some(Host::Ipv4(address)) => is_private(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => is_private(IpAddr::V6(address)),
        Some(Host::Domain(_)) => false,
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[tokio::test]
    async fn nothing_leads_into_our_own_network() {
        for (request, field) in [
            (json!({"room": "http://127.0.0.1:9/"}), "room"),
            (json!({"room": "http://localhost/"}), "room"),
            (json!({"room": "http://169.254.169.254/latest/meta-data"}), "room"),
            (json!({"room": "http://[::1]/"}), "room"),
            (json!({"room": "http://[::ffff:10.0.0.1]/"}), "room"),
            (json!({"room": "http://2130706433/"}), "room"),
            (json!({"room": "livekit+ws://10.0.0.1/a"}), "room"),
            (json!({"room": "jitsi+https://10.0.0.1/a"}), "room"),
            (json!({"room": "demo:a", "webhooks": ["http://192.168.1.1/hook"]}), "webhooks"),
            (json!({"room": "demo:a", "template": "http://172.16.0.1/t"}), "template"),
            (json!({"room": "demo:a", "outputs": [{"kind": "stream", "url": "rtmp://localhost/app/key"}]}), "outputs"),
        ] {
            let request: RecordingRequest = serde_json::from_value(request.clone()).expect("valid");
            let (named, failure) = Reach { allow_private: false }.check(&request).await.expect_err(field);
            assert_eq!(named, field);
            assert!(failure.message.contains(&format!("\"{field}\"")), "{failure}");
            assert!(!failure.message.contains("key"), "{failure}");
            assert_eq!(Reach { allow_private: true }.check(&request).await, Ok(()));
        }
        let request: RecordingRequest =
            serde_json::from_value(json!({"room": "https://93.184.215.14/"})).expect("valid");
        assert_eq!(Reach { allow_private: false }.check(&request).await, Ok(()));
    }

    #[test]
    fn what_is_posted_is_not_posted_to_written_private_addresses() {
        assert!(forbids("http://127.0.0.1/", false) && forbids("http://[fd00::1]/", false));
        assert!(!forbids("http://127.0.0.1/", true) && !forbids("https://example.org/", false));
    }
}

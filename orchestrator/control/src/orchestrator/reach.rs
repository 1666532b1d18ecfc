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
use wallflower_domain::destination::Destination;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::output::is_private;
use wallflower_domain::request::{OutputRequest, RecordingRequest};
use wallflower_domain::room::Room;

use super::config::Config;

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

/// Checks where a request's files go: by the server's credentials, and from inside of its network, so that it is the operator who says
/// where that may be, unless who asks is trusted with the network anyway.
pub(crate) fn check_uploads(uploads: &[Destination], config: &Config) -> Result<(), Failure> {
    if config.allows_private() {
        return Ok(());
    }
    let is_allowed = |upload: &Destination| config.uploads.allow.iter().any(|place| is_within(upload, place));
    match uploads.iter().find(|upload| !is_allowed(upload)) {
        Some(upload) => Err(refused(format!(
            "{upload}, in \"uploads\", is not where requests may have recordings uploaded to; the server's operator can allow it by \"allow\" under [uploads] in the configuration."
        ))),
        None => Ok(()),
    }
}

/// Whether an upload goes to this place or to a folder in it, with the same server and credentials. Destinations that mean the same have
/// one text, without `..` and with the parameters in one order, so parts of the texts can be compared.
fn is_within(upload: &Destination, place: &Destination) -> bool {
    let (upload, place) = (upload.to_string(), place.to_string());
    let (path, parameters) = upload.split_once('?').unwrap_or((&upload, ""));
    let (folder, same) = place.split_once('?').unwrap_or((&place, ""));
    let folder = folder.strip_suffix("/{name}").unwrap_or(folder);
    let inside = path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    inside && parameters == same
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
    fn uploads_go_only_where_the_operator_lets_them() {
        let config = |allow: &str, private: bool| {
            let text = format!("allow_private = {private}\n[uploads]\nallow = {allow}");
            Config::parse(&text).unwrap_or_else(|error| panic!("{error}"))
        };
        let allow = r#"["s3://bucket/a/b", "s3://backups?endpoint=https://s3.example.org&env=BACKUP", "gs://folder/{room}/", "file:///srv/www/"]"#;
        let check = |upload: &str, config: &Config| {
            let upload: Destination = upload.parse().unwrap_or_else(|error| panic!("{upload}: {error}"));
            check_uploads(&[upload], config)
        };
        let public = config(allow, false);
        for upload in [
            "s3://bucket/a/b",
            "s3://bucket/a/b/",
            "s3://bucket/a/%62/{room}/{date}-{name}",
            "s3://bucket/a/x/../b/c?checksum=sha256",
            "s3://backups/any/where?env=BACKUP&endpoint=https://S3.example.org:443/",
            "gs://folder/{room}/{date}/",
            "file:///srv/www",
            "file:///srv/www/{room}/",
        ] {
            assert_eq!(check(upload, &public), Ok(()), "{upload}");
        }
        for upload in [
            "s3://bucket",
            "s3://bucket/a/",
            "s3://bucket/a/bc",
            "s3://bucket/a/b{room}/",
            "s3://bucket/a/b-{name}",
            "s3://bucket/A/b/",
            "s3://bucket/a/b/../c",
            "s3://bucket/a/b/%2e%2e/c",
            "s3://bucket-2/a/b/",
            "gs://bucket/a/b/",
            "s3://bucket/a/b?endpoint=http://10.0.0.5:9000",
            "s3://bucket/a/b?env=BACKUP",
            "s3://bucket/a/b?region=eu-central-1",
            "s3://bucket/a/b?checksum=none",
            "s3://backups/x",
            "s3://backups/x?endpoint=https://s3.example.org",
            "s3://backups/x?endpoint=https://s3.example.org&env=OTHER",
            "s3://backups/x?endpoint=http://s3.example.org&env=BACKUP",
            "s3://backups/x?endpoint=https://s3.example.org&env=BACKUP&region=a",
            "gs://folder/x/",
            "az://bucket/a/b/",
            "file:///srv/www-2/",
            "file:///srv/",
            "file:///srv/www/../x/",
            "file:///etc/",
        ] {
            let failure = check(upload, &public).expect_err(upload);
            assert!(failure.message.contains("\"uploads\"") && failure.message.contains("[uploads]"), "{failure}");
            assert_eq!(failure.kind, FailureKind::BadRequest);
            assert_eq!(check(upload, &config("[]", true)), Ok(()), "{upload}");
            assert!(check(upload, &config("[]", false)).is_err(), "{upload}");
        }
        for upload in ["s3://bucket/a/b%2F..%2Fc", "s3://bucket/a/b/..%2F..%2Fc", "file:///srv/www/..%2Fx/"] {
            assert!(upload.parse::<Destination>().is_err(), "{upload} is none at all");
        }
    }

    #[test]
    fn what_is_posted_is_not_posted_to_written_private_addresses() {
        assert!(forbids("http://127.0.0.1/", false) && forbids("http://[fd00::1]/", false));
        assert!(!forbids("http://127.0.0.1/", true) && !forbids("https://example.org/", false));
    }
}

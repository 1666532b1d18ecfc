//! Asks a server, and tells answers that may be had by asking again from those that may not.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use reqwest::{Client, ClientBuilder, Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::{Host, Url};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::secret::Secret;

use super::problem;

const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// Longer than a server lets an agent think about an order, or keeps whoever waits for a version.
const DEADLINE: Duration = Duration::from_secs(45);
/// A page of recordings with all that may be in them.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;

/// What every client of ours begins with: somebody else's address gets neither our keys nor our signatures.
pub(crate) fn builder() -> ClientBuilder {
    // Somebody else may have chosen one for this process, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("wallflower/", env!("CARGO_PKG_VERSION")))
}

/// A `wallflower serve`.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    base: Url,
    key: Option<Secret>,
    client: Client,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Nothing that could be used came back.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) failure: Failure,
    pub(super) kind: TroubleKind,
}

/// What is known of a request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TroubleKind {
    /// The server was not reached.
    Unreached,
    /// It may have been carried out.
    Unanswered,
    /// The server was too busy, or was just going; it may have been carried out.
    Busy,
    /// The server has refused it.
    Refused,
}

impl Trouble {
    /// Whether the same may succeed a moment later.
    pub(super) fn may_pass(&self) -> bool {
        self.kind != TroubleKind::Refused
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        trouble.failure
    }
}

impl Server {
    /// The one at this address, such as `http://127.0.0.1:7070`.
    pub(crate) fn at(address: &str, key: Option<Secret>) -> Result<Self, Failure> {
        let bad = |why: &str| {
            let sentence = format!("The server's address {why}; write --server as http://127.0.0.1:7070.");
            Failure::new(FailureKind::BadRequest, sentence)
        };
        let base: Url = address.trim().parse().map_err(|_| bad("is no URL"))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(bad(&format!("begins with {}:, and not with http:// or https://", base.scheme())));
        }
        if !base.username().is_empty() || base.password().is_some() || base.query().is_some() {
            return Err(bad("has more in it than a host and a path"));
        }
        let is_near = match base.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => return Err(bad("names no host")),
        };
        let builder = builder().connect_timeout(CONNECT_DEADLINE).timeout(DEADLINE);
        // A proxy has a loopback of its own.
        let builder = if is_near { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|error| {
            Failure::new(FailureKind::Internal, format!("No HTTP client can be made: {}.", cause(&error)))
        })?;
        Ok(Self { base, key, client })
    }

    /// Where it is, for a person.
    pub(super) fn name(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The address of something of its API, each part escaped.
    pub(super) fn url<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(parts);
        }
        url
    }

    /// Gets something that is JSON: its text and what it says.
    pub(super) async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<(String, T), Trouble> {
        let answer = self.ask(Method::GET, url, None, &[]).await?;
        self.read(&answer)
    }

    /// Posts JSON.
    pub(super) async fn post(&self, url: Url, body: &impl Serialize) -> Result<Answer, Trouble> {
        self.ask(Method::POST, url, Some(self.json(body)?), &[]).await
    }

    pub(super) fn json(&self, body: &impl Serialize) -> Result<Vec<u8>, Trouble> {
        serde_json::to_vec(body).map_err(|error| {
            let failure =
                Failure::new(FailureKind::Internal, format!("The request can't be written as JSON: {error}."));
            Trouble { failure, kind: TroubleKind::Refused }
        })
    }

    /// Asks once.
    pub(super) async fn ask(
        &self,
        method: Method,
        url: Url,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Result<Answer, Trouble> {
        let mut request = self.client.request(method, url);
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, format!("Bearer {}", key.expose()));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let mut response = request.send().await.map_err(|error| self.unreached(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreached(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST_ANSWER {
                return Err(self.foreign("it has no end"));
            }
        }
        let answer = Answer { status, headers, body };
        if status.is_success() { Ok(answer) } else { Err(problem::trouble(self.name(), self.key.is_some(), &answer)) }
    }

    /// What a JSON answer says.
    pub(super) fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<(String, T), Trouble> {
        let value = serde_json::from_slice(&answer.body).map_err(|error| self.foreign(&error.to_string()))?;
        Ok((String::from_utf8_lossy(&answer.body).trim().to_owned(), value))
    }

    pub(super) fn foreign(&self, why: &str) -> Trouble {
        let name = self.name();
        let sentence = format!("The answer of {name} can't be read: {why}. Is it another version of Wallflower?");
        Trouble { failure: Failure::new(FailureKind::Internal, sentence), kind: TroubleKind::Refused }
    }

    fn unreached(&self, error: &reqwest::Error) -> Trouble {
        let name = self.name();
        let (kind, sentence) = if error.is_builder() {
            (TroubleKind::Refused, format!("{name} can't be asked: {}.", cause(error)))
        } else if error.is_connect() {
            let sentence = format!("{name} can't be reached ({}); is `wallflower serve` running there?", cause(error));
            (TroubleKind::Unreached, sentence)
        } else if error.is_timeout() {
            (TroubleKind::Unanswered, format!("{name} did not answer within {} s.", DEADLINE.as_secs()))
        } else {
            (TroubleKind::Unanswered, format!("The connection to {name} broke before its answer ({}).", cause(error)))
        };
        let kind_of_failure =
            if kind == TroubleKind::Refused { FailureKind::BadRequest } else { FailureKind::AgentLost };
        Trouble { failure: Failure::new(kind_of_failure, sentence), kind }
    }
}

/// The innermost reason: those around it say less.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    if error.is_timeout() {
        return "it does not answer in time".to_owned();
    }
    let mut text = None;
    while let Some(inner) = cause.source() {
        cause = inner;
        text = Some(cause.to_string());
    }
    // Without a source it would show an address.
    text.unwrap_or_else(|| "the connection failed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_made_from_the_servers_own_and_escaped() {
        for (base, url) in [
            ("http://h:1", "http://h:1/v1/recordings/a%2Fb"),
            ("http://h:1/", "http://h:1/v1/recordings/a%2Fb"),
            ("https://h/wallflower/", "https://h/wallflower/v1/recordings/a%2Fb"),
        ] {
            assert_eq!(Server::at(base, None).expect("valid").url(["recordings", "a/b"]).as_str(), url);
        }
    }

    #[test]
    fn what_is_no_servers_address_is_refused_without_being_told() {
        for bad in ["", "127.0.0.1:7070", "ftp://h", "http://u:hunter2@h/", "http://h/?key=hunter2"] {
            let failure = Server::at(bad, None).expect_err(bad);
            assert_eq!(failure.kind, FailureKind::BadRequest);
            assert!(!failure.message.contains("hunter2"), "{failure}");
        }
    }

    #[test]
    fn a_server_does_not_show_its_key() {
        let server = Server::at("http://h", Some(Secret::new("wf_hunter2"))).expect("valid");
        assert!(!format!("{server:?}").contains("hunter2"));
    }
}

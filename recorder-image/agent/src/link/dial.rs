//! From an address to an open WebSocket, or a sentence that says why not. No sentence and no log holds the token.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Error};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::{Host, Url};
use wallflower_domain::secret::Secret;
use wallflower_domain::wire::link::MAX_MESSAGE_BYTES;

use crate::streams::Trust;

/// For each address of a name.
const CONNECT_DEADLINE: Duration = Duration::from_secs(3);
/// For all of it.
const DIAL_DEADLINE: Duration = Duration::from_secs(10);
/// Messages to us are short; nothing is gained by 128 KiB for each.
const BUFFER_BYTES: usize = 16 * 1024;

/// An open connection.
pub(super) type Socket = WebSocketStream<Box<dyn Connection>>;

/// A TCP connection, with or without TLS.
pub(super) trait Connection: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin> Connection for T {}

/// One replica of the orchestrator.
#[derive(Clone, Debug)]
pub(super) struct Target {
    url: Url,
    host: Host,
    port: u16,
    tls: bool,
}

/// Why there is no connection: a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nobody answers there as an orchestrator does.
    Away(String),
    /// An orchestrator will not have us.
    Refused(String),
}

impl Trouble {
    pub(super) fn sentence(&self) -> &str {
        match self {
            Self::Away(sentence) | Self::Refused(sentence) => sentence,
        }
    }
}

impl Target {
    /// Where agents of a recording report to the orchestrator at this base address.
    pub(super) fn parse(base: &str, recording: &str) -> Result<Self, String> {
        // An address that can't be read may be anything, also a secret.
        let mut url = Url::parse(base).map_err(|error| format!("an orchestrator's address can't be read ({error})"))?;
        let (tls, scheme) = match url.scheme() {
            "http" | "ws" => (false, "ws"),
            "https" | "wss" => (true, "wss"),
            other => {
                return Err(format!("an orchestrator's address begins with {other}: and not with http: or https:"));
            }
        };
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(
                "an orchestrator's address holds a user, a query or a fragment; it must be a base address".into()
            );
        }
        let host = url.host().map(|host| host.to_owned()).ok_or("an orchestrator's address names no host")?;
        let port = url.port_or_known_default().ok_or("an orchestrator's address names no port")?;
        url.set_scheme(scheme).map_err(|()| "an orchestrator's address can't be one of a WebSocket")?;
        url.path_segments_mut()
            .map_err(|()| "an orchestrator's address can't be a base")?
            .pop_if_empty()
            .extend(["v1", "agents", recording, "link"]);
        Ok(Self { url, host, port, tls })
    }

    /// Opens a connection to it.
    pub(super) async fn dial(&self, token: &Secret, trust: &Trust) -> Result<Socket, Trouble> {
        match tokio::time::timeout(DIAL_DEADLINE, self.open(token, trust)).await {
            Ok(opened) => opened,
            Err(_) => Err(Trouble::Away(format!(
                "The orchestrator at {self} does not answer within {} s.",
                DIAL_DEADLINE.as_secs()
            ))),
        }
    }

    async fn open(&self, token: &Secret, trust: &Trust) -> Result<Socket, Trouble> {
        let tcp = self.connect().await.map_err(Trouble::Away)?;
        let connection: Box<dyn Connection> = match self.tls {
            true => Box::new(trust.connect(&self.host, tcp).await.map_err(Trouble::Away)?),
            false => Box::new(tcp),
        };
        let unusable = |error: &dyn std::fmt::Display| Trouble::Away(format!("{self} can't be asked ({error})."));
        let mut request = self.url.as_str().into_client_request().map_err(|error| unusable(&error))?;
        request.headers_mut().insert(header::AUTHORIZATION, bearer(token).map_err(|error| unusable(&error))?);
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES))
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(2 * MAX_MESSAGE_BYTES);
        let opened = client_async_with_config(request, connection, Some(config)).await;
        opened.map(|(socket, _)| socket).map_err(|error| self.explain(&error))
    }

    async fn connect(&self) -> Result<TcpStream, String> {
        let found: Vec<SocketAddr> = match &self.host {
            Host::Ipv4(address) => vec![(IpAddr::V4(*address), self.port).into()],
            Host::Ipv6(address) => vec![(IpAddr::V6(*address), self.port).into()],
            Host::Domain(name) => tokio::net::lookup_host((name.as_str(), self.port))
                .await
                .map_err(|error| format!("The orchestrator's name {name} can't be found ({error})."))?
                .collect(),
        };
        let mut why = "it has no address".to_owned();
        for address in found {
            match tokio::time::timeout(CONNECT_DEADLINE, TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => {
                    // Requests and answers are small and not to wait for each other. A socket that can't be told works as well.
                    let _ = tcp.set_nodelay(true);
                    return Ok(tcp);
                }
                Ok(Err(error)) => why = error.to_string(),
                Err(_) => why = "no answer in time".to_owned(),
            }
        }
        Err(format!("The orchestrator at {self} can't be reached ({why})."))
    }

    fn explain(&self, error: &Error) -> Trouble {
        let Error::Http(response) = error else {
            return Trouble::Away(format!("{self} does not answer as an orchestrator ({error})."));
        };
        let status = response.status();
        let why = match status {
            StatusCode::UNAUTHORIZED => "does not accept the agent's token",
            StatusCode::FORBIDDEN => "does not allow the agent to report this recording",
            StatusCode::NOT_FOUND => "knows no such recording, or is no orchestrator",
            StatusCode::GONE => "says that this agent's recording is over, or that another agent performs it",
            _ => {
                return Trouble::Away(format!(
                    "The orchestrator at {self} answers {} and takes no connection.",
                    status.as_u16()
                ));
            }
        };
        Trouble::Refused(format!("The orchestrator at {self} {why} ({}); it is asked again.", status.as_u16()))
    }
}

/// Host and port.
impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Fails, without its text, for a token that no header can carry.
pub(super) fn bearer(token: &Secret) -> Result<HeaderValue, tungstenite::http::header::InvalidHeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

    use crate::streams::tests::tls_front;

    /// Takes one connection, and gives what was asked for and how it was authorized.
    #[expect(clippy::result_large_err, reason = "tungstenite's callbacks are so")]
    async fn asked(listener: tokio::net::TcpListener) -> (String, String) {
        let (tcp, _) = listener.accept().await.expect("somebody comes");
        let mut asked = (String::new(), String::new());
        let note = |request: &Request, response: Response| {
            let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
            asked = (request.uri().path().to_owned(), authorization.unwrap_or_default().to_owned());
            Ok(response)
        };
        tokio_tungstenite::accept_hdr_async(tcp, note).await.expect("a handshake");
        asked
    }

    #[tokio::test]
    async fn over_tls_only_an_orchestrator_with_a_trusted_certificate_gets_the_token() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (port, certificate) = tls_front(listener.local_addr().expect("bound").port());
        let target = Target::parse(&format!("https://localhost:{port}"), "r-1").expect("an address");
        let token = Secret::new("hunter2");
        let trouble = target.dial(&token, &Trust::default()).await.expect_err("nobody vouches for it");
        assert!(matches!(&trouble, Trouble::Away(sentence) if sentence.contains("can be trusted")), "{trouble:?}");

        let asking = tokio::spawn(asked(listener));
        target.dial(&token, &Trust::only(certificate)).await.expect("connected");
        let asked = asking.await.expect("asked");
        assert_eq!(asked, ("/v1/agents/r-1/link".to_owned(), "Bearer hunter2".to_owned()));
    }

    #[tokio::test]
    async fn whatever_an_orchestrator_answers_becomes_a_sentence_without_the_token() {
        for (answer, says, is_refusal) in [
            ("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n", "does not accept the agent's token (401)", true),
            ("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", "is over", true),
            ("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", "answers 503", false),
            ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not answer as an orchestrator", false),
            ("", "does not answer as an orchestrator", false),
        ] {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let port = listener.local_addr().expect("bound").port();
            let server = tokio::spawn(async move {
                let (mut tcp, _) = listener.accept().await.expect("somebody comes");
                let mut request = vec![0; 4096];
                let _ = tcp.read(&mut request).await;
                let _ = tcp.write_all(answer.as_bytes()).await;
                let _ = tcp.shutdown().await;
            });
            let target = Target::parse(&format!("http://127.0.0.1:{port}"), "r-1").expect("an address");
            let trouble = target.dial(&Secret::new("hunter2"), &Trust::default()).await.expect_err("no connection");
            assert_eq!(matches!(trouble, Trouble::Refused(_)), is_refusal, "{trouble:?}");
            assert!(trouble.sentence().contains(says) && !trouble.sentence().contains("hunter2"), "{trouble:?}");
            server.await.expect("it answered");
        }
    }

    #[test]
    fn a_base_address_becomes_that_of_the_recordings_link() {
        for (base, url) in [
            ("http://127.0.0.1:7070", "ws://127.0.0.1:7070/v1/agents/r-1/link"),
            ("https://h.example/", "wss://h.example/v1/agents/r-1/link"),
            ("ws://[::1]:80/base/", "ws://[::1]/base/v1/agents/r-1/link"),
            ("wss://h/base", "wss://h/base/v1/agents/r-1/link"),
        ] {
            let target = Target::parse(base, "r-1").expect(base);
            assert_eq!(target.url.as_str(), url);
        }
    }

    #[test]
    fn what_is_no_base_address_is_refused_without_being_told() {
        for base in
            ["", "hunter2", "ftp://hunter2/", "http://hunter2@h/", "http://h/?hunter2", "http://h/#hunter2", "http:///"]
        {
            let why = Target::parse(base, "r-1").expect_err(base);
            assert!(why.starts_with("an orchestrator's address ") && !why.contains("hunter2"), "{why}");
        }
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_not_told() {
        let error = bearer(&Secret::new("hunter2\n")).expect_err("a line break");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        assert!(!format!("{:?}", bearer(&Secret::new("hunter2"))).contains("hunter2"));
    }
}

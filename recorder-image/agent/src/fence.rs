//! Keeps a page out of the recorder's own network, where that is not allowed: metadata services, databases, the neighbours.
//!
//! ```text
//! Chromium ── SOCKS5, names included ──▶ fence ──▶ public addresses, our own pages, the room
//!                                          └──▶ everything else: refused
//! ```
//!
//! All that the page and its workers ask for over TCP comes by here, redirects and WebSockets too. A name is looked up here, once, and
//! what is connected to is the address that was judged. Media of a call go their own ways, to where the room says.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fast_socks5::server::{Socks5ServerProtocol, SocksServerError};
use fast_socks5::util::target_addr::TargetAddr;
use fast_socks5::{ReplyError, Socks5Command};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use url::Url;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::output::is_private;
use wallflower_domain::wire::agent::Job;
use wallflower_domain::wire::page::PageRoom;

/// From Chromium's greeting to a connection.
const CONNECT_DEADLINE: Duration = Duration::from_secs(15);
/// Connections at once; more wait.
const MOST_CONNECTIONS: usize = 512;

/// A host as it is asked for, and its port.
type Place = (String, u16);

/// A running proxy, which the browser of a recording has to use.
pub(crate) struct Fence {
    address: SocketAddr,
    open: Open,
    serving: JoinHandle<()>,
}

/// What may be reached wherever it is.
type Open = Arc<OnceLock<BTreeSet<Place>>>;

impl Fence {
    /// Opens it for what a job needs: our own pages, at `pages`, and its room. A fence serves one job.
    pub(crate) fn open_for(&self, job: &Job, pages: &str) {
        let room = job.page.room().and_then(|room| match room {
            PageRoom::Livekit { url, .. } | PageRoom::Demo { url } => Some(url.as_str()),
            // The script of its deployment runs in the page, and may go where that of any page may.
            PageRoom::Jitsi { .. } | PageRoom::Simulated { .. } => None,
        });
        // Opened twice, it stays as it was.
        let _ = self.open.set([Some(pages), room].into_iter().flatten().filter_map(place).collect());
    }

    /// Puts one up, with nothing open.
    pub(crate) async fn put_up() -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(FailureKind::Internal, format!("No port of 127.0.0.1 could be opened for the proxy: {error}."))
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let open = Open::default();
        Ok(Self { address, open: open.clone(), serving: tokio::spawn(serve(listener, open)) })
    }

    /// What Chromium has to be told. Without the second it would go to loopback by itself.
    pub(crate) fn arguments(&self) -> [String; 2] {
        [format!("--proxy-server=socks5://{}", self.address), "--proxy-bypass-list=<-loopback>".to_owned()]
    }

    pub(crate) async fn shutdown(self) {
        self.serving.abort();
        let _ = self.serving.await;
    }
}

/// Host and port of an address.
fn place(text: &str) -> Option<Place> {
    let url = Url::parse(text).ok()?;
    // Chromium asks for an IPv6 address without its brackets.
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    Some((host, url.port_or_known_default()?))
}

async fn serve(listener: TcpListener, open: Open) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    // Ends with this task, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        // It is never closed.
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the browser's connection can't be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        let open = open.clone();
        connections.spawn(async move {
            let _permit = permit;
            match timeout(CONNECT_DEADLINE, connect(stream, open.get().unwrap_or(&BTreeSet::new()))).await {
                Ok(Ok(Some((mut inside, mut outside)))) => {
                    // Either end goes when it likes.
                    let _ = copy_bidirectional(&mut inside, &mut outside).await;
                }
                Ok(Ok(None)) => {}
                Ok(Err(error)) => tracing::debug!(%error, "the browser and its proxy don't understand each other"),
                Err(_) => tracing::debug!("what the browser asked for was not connected in time"),
            }
        });
    }
}

async fn connect(
    stream: TcpStream,
    open: &BTreeSet<Place>,
) -> Result<Option<(TcpStream, TcpStream)>, SocksServerError> {
    let (asked, command, target) = Socks5ServerProtocol::accept_no_auth(stream).await?.read_command().await?;
    if !matches!(command, Socks5Command::TCPConnect) {
        asked.reply_error(&ReplyError::CommandNotSupported).await?;
        return Ok(None);
    }
    match reach(&target, open).await {
        Ok(outside) => {
            // It has an address unless it has just been closed.
            let address = outside.local_addr().unwrap_or_else(|_| SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
            Ok(Some((asked.reply_success(address).await?, outside)))
        }
        Err(why) => {
            if matches!(why, ReplyError::ConnectionNotAllowed) {
                tracing::warn!(%target, "the page may not reach into this network");
            }
            asked.reply_error(&why).await?;
            Ok(None)
        }
    }
}

async fn reach(target: &TargetAddr, open: &BTreeSet<Place>) -> Result<TcpStream, ReplyError> {
    let (place, found) = match target {
        TargetAddr::Ip(address) => ((address.ip().to_string(), address.port()), vec![*address]),
        TargetAddr::Domain(name, port) => {
            let found = lookup_host((name.as_str(), *port)).await.map_err(|_| ReplyError::HostUnreachable)?;
            ((name.clone(), *port), found.collect())
        }
    };
    let allowed: Vec<SocketAddr> = if open.contains(&place) {
        found
    } else {
        found.into_iter().filter(|address| !is_private(address.ip())).collect()
    };
    if allowed.is_empty() {
        return Err(ReplyError::ConnectionNotAllowed);
    }
    TcpStream::connect(allowed.as_slice()).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::ConnectionRefused => ReplyError::ConnectionRefused,
        _ => ReplyError::HostUnreachable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// The reply to a request for this name or address, in SOCKS5's numbers.
    async fn asked(fence: &Fence, host: &str, port: u16) -> u8 {
        let mut stream = TcpStream::connect(fence.address).await.expect("it listens");
        stream.write_all(&[5, 1, 0]).await.expect("written");
        let mut greeting = [0; 2];
        stream.read_exact(&mut greeting).await.expect("a greeting");
        assert_eq!(greeting, [5, 0]);
        let mut request = vec![5, 1, 0, 3, u8::try_from(host.len()).expect("short")];
        request.extend(host.as_bytes());
        request.extend(port.to_be_bytes());
        stream.write_all(&request).await.expect("written");
        let mut reply = [0; 2];
        stream.read_exact(&mut reply).await.expect("a reply");
        reply[1]
    }

    #[tokio::test]
    async fn only_what_is_open_can_be_reached_inside() {
        const SUCCEEDED: u8 = 0;
        const NOT_ALLOWED: u8 = 2;
        let inside = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = inside.local_addr().expect("bound").port();
        let shut = Fence::put_up().await.expect("it is up");
        for host in ["127.0.0.1", "localhost", "0.0.0.0", "169.254.169.254", "10.0.0.1", "::1"] {
            assert_eq!(asked(&shut, host, port).await, NOT_ALLOWED, "{host}");
        }
        let open = place(&format!("ws://127.0.0.1:{port}/rooms/a/ws")).expect("a place");
        let opened = [open].into();
        let open = Fence::put_up().await.expect("it is up");
        assert_eq!(asked(&open, "127.0.0.1", port).await, NOT_ALLOWED, "it is for nobody yet");
        open.open.set(opened).expect("once");
        assert_eq!(asked(&open, "127.0.0.1", port).await, SUCCEEDED);
        assert_eq!(asked(&open, "localhost", port).await, NOT_ALLOWED, "it is another name");
        shut.shutdown().await;
        open.shutdown().await;
    }
}

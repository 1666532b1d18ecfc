//! Starts the built binary and real servers on loopback, and proves that nothing of it is left.
//!
//! - [`run`]: the `wallflower` binary, with deadlines, its events, and its leftovers
//! - [`pages`]: a web server for test pages, some of which misbehave
//! - [`site`]: Wallflower's own pages, the probe page among them
//! - [`livekit`]: a real LiveKit server, and tokens for it
//! - [`jitsi`]: a Jitsi deployment of a real Prosody and the real lib-jitsi-meet, and guests of its rooms
//! - [`rtmp`], [`srt`]: a real RTMP server, and somebody who takes a stream by SRT
//! - [`minio`]: a real S3 server
//! - [`tls`]: TLS before a server that speaks none
//! - [`serve`]: `wallflower serve` and its API; [`redis`]: a real Redis; [`webhooks`]: somebody who takes what it posts
//! - [`smtp`]: a real mail server, which may refuse or stall
//! - [`toxiproxy`]: connections that are cut, slow or silent
//! - [`orchestrator`]: whom an agent reports to, who goes away and comes back
//! - [`cast`]: synthetic participants
//! - [`devtools`]: the browser of a recording, to make its page hang or crash
//! - [`player`]: somebody who watches HLS in a browser
//! - [`visitor`]: somebody who is in a demo room and sees what everybody there is told
//! - [`workshop`]: `wallflower design`, and what its page asks for
//! - [`within`]: how strict a figure is
//! - [`turn`]: one heavy media test at a time, across test binaries

mod browser;
pub mod cast;
pub mod devtools;
mod figures;
mod http;
pub mod jitsi;
pub mod livekit;
pub mod minio;
pub mod orchestrator;
pub mod pages;
pub mod player;
pub mod redis;
pub mod rtmp;
pub mod run;
pub mod serve;
mod server;
pub mod site;
pub mod smtp;
pub mod srt;
pub mod tls;
pub mod toxiproxy;
pub mod turn;
pub mod visitor;
mod web;
pub mod webhooks;
pub mod workshop;

pub use cast::Cast;
pub use figures::within;
pub use jitsi::JitsiServer;
pub use livekit::LivekitServer;
pub use minio::MinioServer;
pub use orchestrator::Orchestrator;
pub use pages::Pages;
pub use player::Player;
pub use redis::RedisServer;
pub use rtmp::RtmpServer;
pub use run::{Bench, Ended, Running};
pub use serve::Serve;
pub use site::Site;
pub use smtp::SmtpServer;
pub use srt::SrtListener;
pub use tls::TlsFront;
pub use toxiproxy::{Direction, Proxy, Toxic, Toxiproxy};
pub use turn::my_turn;
pub use visitor::Visitor;
pub use webhooks::Webhooks;
pub use workshop::Workshop;

/// Says that a test needs a part that this machine lacks: in CI that is a failure, elsewhere the reason is printed and the test is over.
///
/// # Panics
///
/// In CI.
#[track_caller]
#[expect(clippy::print_stdout, reason = "a test says why it is skipped")]
pub fn lacking(part: &str, remedy: &str) {
    let sentence = format!("{part} is missing on this machine; {remedy}");
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{sentence}");
    println!("skipped: {sentence}");
}

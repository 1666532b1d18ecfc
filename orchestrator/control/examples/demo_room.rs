//! Serves demo rooms on 127.0.0.1:7071, or the address given as the only argument, until Ctrl-C.
#![expect(clippy::print_stdout, reason = "an example speaks to who runs it")]

use std::error::Error;
use std::net::SocketAddr;

use wallflower_control::demo_room::DemoServer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let addr: SocketAddr = std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:7071").parse()?;
    let server = DemoServer::bind(addr).await?;
    println!("Demo rooms on http://{}/ (Ctrl-C ends)", server.addr());
    tokio::signal::ctrl_c().await?;
    server.shutdown().await;
    Ok(())
}

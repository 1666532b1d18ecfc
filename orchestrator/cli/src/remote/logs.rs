//! `wallflower logs`

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use reqwest::Method;
use tokio::time::sleep;
use wallflower_domain::failure::{Failure, FailureKind};

use super::find::Distant;
use super::follow::Absence;
use super::http::Trouble;
use crate::args::LogsArgs;
use crate::control::refused;

const NEXT_OFFSET: &str = "wallflower-next-offset";
const INTERVAL: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) async fn logs(args: LogsArgs) -> ExitCode {
    match read(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => refused(&failure, false),
    }
}

/// The end of it, and with `-f` what follows until the recording is over.
async fn read(args: &LogsArgs) -> Result<(), Failure> {
    let server = args.server.remote()?.ok_or_else(|| {
        let sentence = "Logs are kept by servers: name one by --server or WALLFLOWER_SERVER. `wallflower record` prints its own, see WALLFLOWER_LOG.";
        Failure::new(FailureKind::BadRequest, sentence)
    })?;
    let of = Distant::find(server, Some(&args.id)).await?;
    let (bytes, mut next) = of.log(None).await?;
    if bytes.is_empty() && !args.follow {
        eprintln!("its agents have said nothing; a server that is started with WALLFLOWER_LOG=info has them say more");
    }
    let mut goes_on = print(&bytes) && args.follow;
    let mut absence = Absence::new(PATIENCE);
    let mut is_over = false;
    while goes_on {
        match of.log(Some(next)).await {
            Ok((bytes, then)) => {
                absence.is_over();
                next = then;
                goes_on = print(&bytes);
                if !bytes.is_empty() {
                    continue;
                }
            }
            Err(trouble) => {
                absence.endure(trouble).await?;
                continue;
            }
        }
        // What was said before the end was noted has been read by then.
        if is_over {
            break;
        }
        match of.now().await {
            Ok((_, resource)) => is_over = resource.state.is_terminal(),
            Err(trouble) => absence.endure(trouble).await?,
        }
        if !is_over {
            sleep(INTERVAL).await;
        }
    }
    Ok(())
}

/// False when nobody reads any more.
fn print(bytes: &[u8]) -> bool {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).is_ok()
}

impl Distant {
    /// A part of its agents' log, and where the next one begins.
    async fn log(&self, offset: Option<u64>) -> Result<(Vec<u8>, u64), Trouble> {
        let mut url = self.server.url(["recordings", &self.id, "log"]);
        if let Some(offset) = offset {
            url.query_pairs_mut().append_pair("offset", &offset.to_string());
        }
        let answer = self.server.ask(Method::GET, url, None, &[]).await?;
        let next = answer.headers.get(NEXT_OFFSET).and_then(|next| next.to_str().ok()?.parse().ok());
        let next = next.ok_or_else(|| self.server.foreign("it does not say where the log goes on"))?;
        Ok((answer.body, next))
    }
}

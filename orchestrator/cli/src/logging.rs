//! What the program itself has to say, on stderr: for people as text, for collectors of logs a JSON object a line.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use wallflower_domain::failure::{Failure, FailureKind};

/// What matters to a person is said by the commands themselves; a browser that dies makes chromiumoxide complain as well, and a
/// certificate that is not trusted rustls.
const DEFAULT: &str = "error,chromiumoxide=off,rustls_platform_verifier=off";
const FILTER: &str = "WALLFLOWER_LOG";
const FORMAT: &str = "WALLFLOWER_LOG_FORMAT";

/// Begins to log, as the environment wants it.
pub(crate) fn begin() -> Result<(), Failure> {
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| DEFAULT.into());
    // An agent goes on when nobody takes its log any more.
    let log = tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false).with_writer(std::io::stderr);
    match std::env::var(FORMAT).as_deref() {
        Err(_) | Ok("" | "text") => log.with_ansi(std::io::stderr().is_terminal()).init(),
        Ok("json") => log.json().init(),
        Ok(other) => {
            let message = format!("{FORMAT} is \"{other}\"; it must be text or json.");
            return Err(Failure::new(FailureKind::BadRequest, message));
        }
    }
    // On its lowest level tungstenite logs all that it sends: an agent's token, too.
    log::set_max_level(log::max_level().min(log::LevelFilter::Debug));
    Ok(())
}

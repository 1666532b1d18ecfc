//! What a Redis is, what it has to be, and what its refusals mean.

use redis::aio::ConnectionLike;
use redis::{ErrorKind, RedisError};

use super::super::{DEADLINE, StoreError};

const LEAST_VERSION: u32 = 7;

/// The code of a replica's refusal.
pub(super) const READ_ONLY: &str = "READONLY";

/// What a Redis says of itself.
pub(super) struct Server {
    pub(super) run: Option<String>,
    version: Option<String>,
    keeps_a_log: bool,
    evicts: bool,
}

impl Server {
    pub(super) async fn ask(connection: &mut impl ConnectionLike) -> Result<Self, RedisError> {
        let said: String = redis::cmd("INFO").query_async(connection).await?;
        let of = |name: &str| {
            let mut lines = said.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::to_owned)
        };
        Ok(Self {
            run: of("run_id"),
            version: of("redis_version"),
            keeps_a_log: of("aof_enabled").as_deref() == Some("1"),
            evicts: of("maxmemory").is_some_and(|bytes| bytes != "0")
                && of("maxmemory_policy").is_some_and(|policy| policy != "noeviction"),
        })
    }
}

/// Refuses what would lose recordings by design; warns of what may.
pub(super) async fn check(connection: &mut impl ConnectionLike, shown: &str) -> Result<(), StoreError> {
    let server = match Server::ask(connection).await {
        Ok(server) => server,
        Err(error) if error.code() == Some("NOPERM") => {
            tracing::warn!(
                redis = shown,
                "INFO is forbidden, so it is not known whether this Redis keeps what it is given"
            );
            return Ok(());
        }
        Err(error) => return Err(said(shown, &error)),
    };
    let version = server.version.as_deref().unwrap_or("unknown");
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < LEAST_VERSION) {
        return Err(StoreError::Broken(format!(
            "{shown}: Redis {LEAST_VERSION} or later is needed, this is {version}"
        )));
    }
    if server.evicts {
        return Err(StoreError::Broken(format!(
            "{shown}: this Redis throws keys away when its memory is full, and recordings with them; set maxmemory-policy to noeviction"
        )));
    }
    if !server.keeps_a_log {
        tracing::warn!(redis = shown, "without `appendonly yes` this Redis loses recordings when it ends");
    }
    Ok(())
}

pub(super) async fn within_deadline<T>(
    shown: &str,
    doing: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(DEADLINE, doing).await.unwrap_or_else(|_| {
        Err(StoreError::Unavailable(format!("{shown}: Redis took more than {} s", DEADLINE.as_secs())))
    })
}

/// It was refused before anything was done.
pub(super) fn was_not_done(error: &RedisError) -> bool {
    error.is_connection_refusal() || matches!(error.code(), Some("LOADING" | "MASTERDOWN" | "BUSY" | READ_ONLY))
}

pub(super) fn said(shown: &str, error: &RedisError) -> StoreError {
    if error.kind() == ErrorKind::AuthenticationFailed || matches!(error.code(), Some("NOAUTH" | "WRONGPASS")) {
        return StoreError::Broken(format!("{shown}: Redis refuses user name or password; check those in its address"));
    }
    let text = format!("{shown}: {error}");
    match error.code() {
        Some("ERR") if text.contains("max number of clients") => StoreError::Unavailable(text),
        Some("NOPERM" | "WRONGTYPE" | "ERR") => StoreError::Broken(text),
        _ => StoreError::Unavailable(text),
    }
}

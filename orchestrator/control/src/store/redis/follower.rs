//! Reads the stream of changes and tells them on, for as long as the store is open.
//!
//! Entries are numbered without gaps. A number that is missing was trimmed before we came to it; a server that was started anew may have
//! forgotten changes that we have told. In both cases receivers are told that something was missed.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisError};

use super::super::{Announcer, Changed};
use super::CONNECT;
use super::server::Server;

/// The server is asked to wait so long for news.
const BLOCK: Duration = Duration::from_secs(5);
/// A server that has not answered by then is gone, even if the connection does not say so.
const SILENT: Duration = Duration::from_secs(10);
const BATCH: usize = 512;
const BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// How far the stream was read, of which run of the server.
struct Place {
    run: Option<String>,
    number: u64,
}

pub(super) struct Follower {
    client: redis::Client,
    prefix: String,
    announcer: Announcer,
    connection: Option<MultiplexedConnection>,
    place: Place,
}

impl Follower {
    /// All changes from now on will be told.
    pub(super) async fn connect(
        client: &redis::Client,
        prefix: &str,
        announcer: Announcer,
    ) -> Result<Self, RedisError> {
        let mut connection = connect(client).await?;
        let place = Place::now(&mut connection, prefix).await?;
        let (client, prefix) = (client.clone(), prefix.to_owned());
        Ok(Self { client, prefix, announcer, connection: Some(connection), place })
    }

    /// Never ends; aborted when the store is dropped.
    pub(super) async fn follow(mut self) {
        let mut backoff = BACKOFF;
        loop {
            let before = self.place.number;
            let Err(error) = self.read().await;
            if self.place.number != before {
                backoff = BACKOFF;
            }
            tracing::warn!(%error, "the changes of the store can't be read; trying again");
            self.connection = None;
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
    }

    async fn read(&mut self) -> Result<std::convert::Infallible, RedisError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let mut connection = connect(&self.client).await?;
                let now = Place::now(&mut connection, &self.prefix).await?;
                if now.run.is_none() || now.run != self.place.run || now.number < self.place.number {
                    self.announcer.lost();
                    self.place = now;
                }
                connection
            }
        };
        let key = format!("{}:changes", self.prefix);
        loop {
            let mut command = redis::cmd("XREAD");
            command.arg("COUNT").arg(BATCH).arg("BLOCK").arg(BLOCK.as_millis().to_string());
            command.arg("STREAMS").arg(&key).arg(format!("{}-0", self.place.number));
            type Entries = Vec<(String, Vec<(String, Vec<String>)>)>;
            let news: Option<Entries> = in_time(command.query_async(&mut connection)).await?;
            match news {
                Some(streams) => {
                    for (entry, fields) in streams.into_iter().flat_map(|(_, entries)| entries) {
                        self.tell(&entry, &fields);
                    }
                }
                // Counted anew, when somebody has emptied the database.
                None => {
                    let number = last_number(&mut connection, &self.prefix).await?;
                    if number < self.place.number {
                        self.announcer.lost();
                        self.place.number = number;
                    }
                }
            }
        }
    }

    fn tell(&mut self, entry: &str, fields: &[String]) {
        let number = entry.split_once('-').and_then(|(number, _)| number.parse().ok());
        let changed = match fields {
            [_, id, _, version] => version.parse().ok().map(|version| Changed { id: id.clone(), version }),
            _ => None,
        };
        if number != Some(self.place.number + 1) || changed.is_none() {
            self.announcer.lost();
        }
        self.place.number = number.unwrap_or(self.place.number + 1);
        if let Some(changed) = changed {
            self.announcer.changed(changed);
        }
    }
}

impl Place {
    async fn now(connection: &mut MultiplexedConnection, prefix: &str) -> Result<Self, RedisError> {
        // A server that does not say which run it is may be another one each time.
        let run = match in_time(Server::ask(connection)).await {
            Ok(server) => server.run,
            Err(error) if error.code().is_some() => None,
            Err(error) => return Err(error),
        };
        Ok(Self { run, number: last_number(connection, prefix).await? })
    }
}

async fn last_number(connection: &mut MultiplexedConnection, prefix: &str) -> Result<u64, RedisError> {
    let command = redis::Cmd::get(format!("{prefix}:changed"));
    let number: Option<u64> = in_time(command.query_async(connection)).await?;
    Ok(number.unwrap_or(0))
}

async fn connect(client: &redis::Client) -> Result<MultiplexedConnection, RedisError> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(None);
    in_time(client.get_multiplexed_async_connection_with_config(&config)).await
}

async fn in_time<T>(answer: impl Future<Output = Result<T, RedisError>>) -> Result<T, RedisError> {
    let silent = || std::io::Error::new(std::io::ErrorKind::TimedOut, "the server is silent");
    tokio::time::timeout(SILENT, answer).await.map_err(|_| silent())?
}

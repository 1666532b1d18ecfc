//! The shared store: a Redis of version 7 or later, for one orchestrator or many.
//!
//! ```text
//! create replace delete lease settle list notices ──▶ one Lua script each: one atomic step, with its indexes, notices and change
//! get                                             ──▶ HGET
//! wf:changes  (a stream, numbered without gaps)   ──▶ follower ──▶ changes of this process
//! ```
//!
//! Keys, all of them behind the prefix (`wf` unless the address says otherwise):
//!
//! ```text
//! record:ID  {version state room owner expires document}     ids, state:S, room:URI, owner:ID  (by id)    expires  (by time)
//! notice:ID  {queue due document}                            queue:[RECORDING,URL]  (by id)    due  (heads of queues, by time)    dead
//! once  {[OWNER,KEY]: [DIGEST, ID]}, once_expires            lease:NAME, which Redis ends     changed, changes     schema
//! ```
//!
//! # What an acknowledged change survives
//!
//! That is for the configuration of Redis to say; we warn when it keeps no append-only file.
//!
//! | `appendonly` | `appendfsync` | the kill of Redis | the loss of its machine's power |
//! | --- | --- | --- | --- |
//! | `yes` | `always` | nothing is lost | nothing is lost: Redis answers after the sync |
//! | `yes` | `everysec` (Redis' default for it) | nothing is lost | the last second, two at worst |
//! | `no` | | all since the last snapshot: minutes | the same |
//!
//! `always` is what we ask for: changes of recordings are few, and those that wait share a sync. A fail-over to a replica loses what
//! that had not received, whatever is synced. `maxmemory-policy` has to be `noeviction`, for recordings must not be evicted: another
//! one is refused where memory is limited. Redis Cluster is not supported: a change touches keys of many slots.
//!
//! # Faults
//!
//! A lost connection is made anew, and so is one to a server that has become a replica. What only reads, and what certainly was not done, is tried again within the deadline; any other
//! change whose answer was lost is [`StoreError::Unavailable`] and may have been made. The follower goes on from the last change that it
//! has told; see there for how it knows that it missed some.

mod address;
mod follower;
mod scripts;
mod server;

use std::fmt;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{FromRedisValue, RedisError, Script};
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;
use wallflower_domain::record::{Notice, Query, Record};

use self::address::Address;
use self::follower::Follower;
use self::scripts::Scripts;
use self::server::{READ_ONLY, check, said, was_not_done, within_deadline};
use super::document::{NoticeRow, RecordRow, once_name, read, state_name};
use super::{Announcer, Changes, Created, DEADLINE, Idempotency, Replaced, Settled, Store, StoreError};

/// Of our keys. A later one is refused.
const SCHEMA: u32 = 1;

const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);
/// Requests under way on the connection; more wait.
const CONCURRENT: usize = 1024;
/// Records of one answer, and how many are looked at for it: Redis does nothing else meanwhile.
const PAGE: usize = 200;
const LOOK: usize = 2000;

/// A Redis.
pub struct Redis {
    connection: ConnectionManager,
    scripts: Scripts,
    prefix: String,
    shown: String,
    announcer: Announcer,
    follower: JoinHandle<()>,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("address", &self.shown).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

/// What may be done again when its answer was lost.
#[derive(Clone, Copy, PartialEq)]
enum Doing {
    Reads,
    Changes,
}

impl Redis {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When it can't be reached or refuses us, is too old, evicts, or when a newer version of Wallflower has used it. No sentence holds the
    /// password.
    pub async fn connect(address: &str) -> Result<Self, StoreError> {
        let Address { client, prefix, shown } = Address::parse(address)?;
        let announcer = Announcer::default();
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER))
            .set_concurrency_limit(CONCURRENT)
            .set_number_of_retries(1)
            .set_min_delay(PAUSE);
        let connect = async {
            let connection = ConnectionManager::new_with_config(client.clone(), config).await?;
            let follower = Follower::connect(&client, &prefix, announcer.clone()).await?;
            Ok((connection, follower))
        };
        let (mut connection, follower) =
            within_deadline(&shown, async { connect.await.map_err(|error| said(&shown, &error)) }).await?;
        check(&mut connection, &shown).await?;
        let follower = tokio::spawn(follower.follow());
        let store = Self { connection, scripts: Scripts::default(), prefix, shown, announcer, follower };
        let schema: u32 = store.run(Doing::Changes, &store.scripts.open, vec![SCHEMA.to_string()]).await?;
        if schema > SCHEMA {
            return Err(StoreError::Broken(format!(
                "{}: a newer version of Wallflower has used it (schema {schema}, this one knows {SCHEMA}); run that version, or choose another prefix",
                store.shown
            )));
        }
        Ok(store)
    }

    async fn run<T: FromRedisValue>(
        &self,
        doing: Doing,
        script: &Script,
        arguments: Vec<String>,
    ) -> Result<T, StoreError> {
        let mut invocation = script.key(&self.prefix);
        for argument in arguments {
            invocation.arg(argument);
        }
        let run = || {
            let mut connection = self.connection.clone();
            let invocation = &invocation;
            async move { invocation.invoke_async(&mut connection).await }
        };
        self.persist(doing, run).await
    }

    /// Tries again what may be tried again, until the deadline.
    async fn persist<T, F>(&self, doing: Doing, run: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, RedisError>>,
    {
        let began = Instant::now();
        within_deadline(&self.shown, async {
            loop {
                let error = match run().await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => error,
                };
                let again = was_not_done(&error) || (doing == Doing::Reads && error.is_io_error());
                if !again || began.elapsed() + PAUSE > DEADLINE {
                    return Err(said(&self.shown, &error));
                }
                tokio::time::sleep(PAUSE).await;
                if error.code() == Some(READ_ONLY) {
                    self.connect_anew().await;
                }
            }
        })
        .await
    }

    /// After a fail-over the address may lead to another server than the connection.
    async fn connect_anew(&self) {
        let mut connection = self.connection.clone();
        // The first ends the connection; the second finds that out, and has it made anew. What comes of them the next command will tell.
        for command in ["QUIT", "PING"] {
            let _: Result<(), RedisError> = redis::cmd(command).query_async(&mut connection).await;
        }
    }

    fn documents<T: DeserializeOwned>(&self, kind: &str, found: &[String]) -> Result<Vec<T>, StoreError> {
        let (pairs, _) = found.as_chunks::<2>();
        pairs.iter().map(|[id, document]| read(kind, id, document)).collect()
    }

    fn unexpected(&self, script: &str, answer: &[Option<String>]) -> StoreError {
        let status = answer.first().cloned().flatten().unwrap_or_default();
        StoreError::Broken(format!("{}: the script \"{script}\" has answered \"{status}\"", self.shown))
    }
}

#[async_trait]
impl Store for Redis {
    async fn create(
        &self,
        record: &Record,
        once: Option<&Idempotency>,
        notices: &[Notice],
        now_us: i64,
    ) -> Result<Created, StoreError> {
        let mut arguments = record_arguments(record)?;
        match once {
            Some(once) => {
                arguments.push(once_name(record.owner.as_deref(), &once.key));
                arguments.push(once.digest.clone());
                arguments.push(once.expires_us.to_string());
            }
            None => arguments.extend([const { String::new() }; 3]),
        }
        arguments.push(now_us.to_string());
        notice_arguments(&mut arguments, notices)?;
        let answer: Vec<Option<String>> = self.run(Doing::Changes, &self.scripts.create, arguments).await?;
        match answer.as_slice() {
            [Some(status)] if status == "new" => Ok(Created::New),
            [Some(status), Some(digest), document] if status == "before" => {
                // Its own id is in the document.
                let record = document.as_deref().map(|document| read("recording", "of this key", document));
                Ok(Created::Before { digest: digest.clone(), record: record.transpose()?.map(Box::new) })
            }
            [Some(status), Some(why)] if status == "refused" => Err(StoreError::Broken(why.clone())),
            _ => Err(self.unexpected("create", &answer)),
        }
    }

    async fn get(&self, id: &str) -> Result<Option<Record>, StoreError> {
        let command = redis::Cmd::hget(format!("{}:record:{id}", self.prefix), "document");
        let get = || {
            let mut connection = self.connection.clone();
            let command = &command;
            async move { command.query_async::<Option<String>>(&mut connection).await }
        };
        let document = self.persist(Doing::Reads, get).await?;
        document.map(|document| read("recording", id, &document)).transpose()
    }

    async fn list(&self, query: &Query) -> Result<Vec<Record>, StoreError> {
        let states = query.states.iter().copied().map(state_name).collect::<Result<Vec<_>, _>>()?;
        let mut records = Vec::new();
        let mut after = query.after.clone().unwrap_or_default();
        while records.len() < query.limit {
            let mut arguments = vec![
                after,
                PAGE.min(query.limit - records.len()).to_string(),
                LOOK.to_string(),
                query.room.clone().unwrap_or_default(),
                query.owner.as_deref().map(owner_key).unwrap_or_default(),
                query.expired_by_us.map(|by_us| by_us.to_string()).unwrap_or_default(),
            ];
            arguments.extend(states.iter().cloned());
            let mut found: Vec<String> = self.run(Doing::Reads, &self.scripts.list, arguments).await?;
            records.extend(self.documents("recording", found.get(1..).unwrap_or_default())?);
            after = if found.is_empty() { String::new() } else { found.swap_remove(0) };
            if after.is_empty() {
                break;
            }
        }
        Ok(records)
    }

    async fn replace(&self, record: &Record, notices: &[Notice]) -> Result<Replaced, StoreError> {
        let mut arguments = record_arguments(record)?;
        // Versions begin with 1, so nothing has the one before 0.
        arguments.push(record.version.checked_sub(1).map(|before| before.to_string()).unwrap_or_default());
        notice_arguments(&mut arguments, notices)?;
        let answer: Vec<Option<String>> = self.run(Doing::Changes, &self.scripts.replace, arguments).await?;
        match answer.as_slice() {
            [Some(status)] if status == "stored" => Ok(Replaced::Stored),
            [Some(status)] if status == "gone" => Ok(Replaced::Gone),
            [Some(status), Some(document)] if status == "stale" => {
                Ok(Replaced::Stale(Box::new(read("recording", record.id(), document)?)))
            }
            [Some(status), Some(why)] if status == "refused" => Err(StoreError::Broken(why.clone())),
            _ => Err(self.unexpected("replace", &answer)),
        }
    }

    async fn delete(&self, id: &str) -> Result<bool, StoreError> {
        self.run(Doing::Changes, &self.scripts.delete, vec![id.to_owned()]).await
    }

    async fn lease(&self, name: &str, holder: &str, time_to_live: Duration) -> Result<bool, StoreError> {
        let milliseconds = match time_to_live {
            Duration::ZERO => 0,
            // What Redis can count, and not less than it.
            some => some.as_millis().clamp(1, 1 << 50),
        };
        let arguments = vec![name.to_owned(), holder.to_owned(), milliseconds.to_string()];
        self.run(Doing::Changes, &self.scripts.lease, arguments).await
    }

    async fn notices(&self, due_by_us: Option<i64>, limit: usize) -> Result<Vec<Notice>, StoreError> {
        // To Redis, none are all.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let due_by = due_by_us.map(|by_us| by_us.to_string()).unwrap_or_default();
        let arguments = vec![due_by, limit.min(i32::MAX as usize).to_string()];
        let found: Vec<String> = self.run(Doing::Reads, &self.scripts.notices, arguments).await?;
        self.documents("notice", &found)
    }

    async fn settle(&self, id: &str, settled: Settled) -> Result<(), StoreError> {
        let mut arguments = Vec::new();
        match settled {
            Settled::Told => arguments.push(id.to_owned()),
            Settled::Kept(notice) if notice.id == id => notice_arguments(&mut arguments, &[notice])?,
            Settled::Kept(_) => return Err(StoreError::Broken(format!("the notice {id} can't become another one"))),
        }
        let answer: Vec<Option<String>> = self.run(Doing::Changes, &self.scripts.settle, arguments).await?;
        match answer.as_slice() {
            [Some(status)] if status == "settled" => Ok(()),
            [Some(status), Some(why)] if status == "refused" => Err(StoreError::Broken(why.clone())),
            _ => Err(self.unexpected("settle", &answer)),
        }
    }

    fn changes(&self) -> Changes {
        self.announcer.subscribe()
    }
}

/// id version state room owner expires document
fn record_arguments(record: &Record) -> Result<Vec<String>, StoreError> {
    let row = RecordRow::of(record)?;
    let owner = row.owner.as_deref().map(owner_key).unwrap_or_default();
    let expires = row.expires_us.map(|expires_us| expires_us.to_string()).unwrap_or_default();
    Ok(vec![row.id, row.version.to_string(), row.state, row.room, owner, expires, row.document])
}

/// id queue due dead document, of each
fn notice_arguments(arguments: &mut Vec<String>, notices: &[Notice]) -> Result<(), StoreError> {
    for row in NoticeRow::all(notices)? {
        let queue = serde_json::json!([row.recording, row.url]).to_string();
        let dead = if row.dead { "1" } else { "0" };
        arguments.extend([row.id, queue, row.due_us.to_string(), dead.to_owned(), row.document]);
    }
    Ok(())
}

/// So that no owner is the one without a name.
fn owner_key(owner: &str) -> String {
    format!("={owner}")
}

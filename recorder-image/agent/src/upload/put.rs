//! One file's way into a store.
//!
//! ```text
//! there already? ──yes, and equal──────────────────────────────────────────▶ Uploaded
//!    │ no                                                                        ▲
//!    ▼                                                                           │ equal
//! begin ▶ parts, three at a time ▶ complete ▶ size ▶ entity tag ▶ parts' sums ▶ read back
//!    ▲                                                                           │
//!    └───────────── parts lost, or not equal ────────────────────────────────────┘
//! ```

use std::fs::File;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path as Key;
use object_store::{Attribute, Attributes, ObjectStoreExt as _, PutOptions, PutPayload, PutResult};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::upload::{Uploaded, VerifiedBy};

use super::patience::Patience;
use super::source::{Readback, Source, Sums, part_size};
use super::store::Store;
use super::trouble::{Trouble, What};

/// Parts that are on their way at once.
const IN_FLIGHT: usize = 3;
/// A store that has to join thousands of parts may think for minutes.
const COMPLETE_DEADLINE: Duration = Duration::from_secs(300);
/// Aborting is only polite.
const ABORT_DEADLINE: Duration = Duration::from_secs(5);
/// Between two pieces of what is read back, and for all of it.
const READ_DEADLINE: Duration = Duration::from_secs(60);
const READ_BACK_DEADLINE: Duration = Duration::from_secs(24 * 3600);
/// So often a file is sent from its beginning because it arrived damaged or its parts were lost.
const MAX_BEGINNINGS: usize = 3;

/// How an upload is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How long a store that accepts nothing is waited for.
    pub patience: Duration,
    /// Replace what is there already and is something else.
    pub overwrite: bool,
    /// The file is still written to: what it holds when its turn comes is uploaded.
    pub growing: bool,
}

impl Default for Terms {
    /// 15 minutes, nothing is replaced.
    fn default() -> Self {
        Self { patience: Duration::from_secs(15 * 60), overwrite: false, growing: false }
    }
}

/// What happens on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The store keeps parts under this id from now on. It is no secret, but whoever ends without completing or aborting leaves
    /// them there: see [`Store::forget`].
    Begun(String),
    /// So much of the file is there.
    Sent {
        /// Bytes that the store has accepted.
        sent: u64,
        /// Size of the file.
        bytes: u64,
    },
    /// The store does not answer as it should, for this reason; it is tried again.
    Retrying(String),
}

/// What a file's upload needs to know all the way.
struct Way<'a> {
    file: &'a Path,
    bytes: u64,
    key: Key,
    patience: Patience,
    on: &'a (dyn Fn(Step) + Send + Sync),
}

/// What was sent, and what the store said to it.
struct Sent {
    sums: Sums,
    entity_tag: Option<String>,
    /// The store has computed the same SHA-256 of each part.
    parts_match: bool,
}

impl Store {
    /// Uploads a file and compares what arrived with it. `on` is told what happens.
    pub async fn put(
        &self,
        file: &Path,
        key: &str,
        terms: Terms,
        on: &(dyn Fn(Step) + Send + Sync),
    ) -> Result<Uploaded, Failure> {
        let before = std::fs::metadata(file).map_err(|error| unreadable(file, &error))?;
        let way = Way { file, bytes: before.len(), key: self.parse(key)?, patience: Patience::new(terms.patience), on };
        let (sums, verified_by) = self.deliver(&way, terms).await.map_err(|trouble| trouble.failure)?;
        let after = std::fs::metadata(file).map_err(|error| unreadable(file, &error))?;
        if !terms.growing && (before.len() != after.len() || before.modified().ok() != after.modified().ok()) {
            let sentence = format!("{} was changed while it was uploaded; upload it again.", file.display());
            return Err(Failure::new(FailureKind::UploadFailed, sentence));
        }
        let url = self.destination().url(key);
        Ok(Uploaded { url, bytes: way.bytes, sha256: sums.sha256, verified_by })
    }

    /// Uploads what is in memory, such as a playlist, in place of what is there. It is tried once.
    pub async fn put_bytes(&self, content: Bytes, key: &str) -> Result<(), Failure> {
        let parsed = self.parse(key)?;
        let sums = Sums::of(&content);
        let mut options = PutOptions::default();
        if self.parts.is_some() {
            // What is uploaded in this way is replaced soon.
            options.attributes = Attributes::from_iter([(Attribute::CacheControl, "no-cache")]);
        }
        let put = self.objects.put_opts(&parsed, content.into(), options);
        let answer =
            self.within(self.pace.deadline(), put).await.map_err(|trouble| self.about_writing(trouble).failure)?;
        // Signed requests carry a checksum already; a tag that is an MD5 is one more.
        tracing::trace!(key, proven = sums.prove(answer.e_tag.as_deref()), "uploaded");
        Ok(())
    }

    /// Removes the parts of an upload that was begun by somebody who is no more. What can't be removed expires by the store's rules.
    pub async fn forget(&self, key: &str, id: &str) {
        let (Some(parts), Ok(key)) = (&self.parts, Key::parse(key)) else { return };
        let aborted = tokio::time::timeout(ABORT_DEADLINE, parts.abort_multipart(&key, &id.to_owned())).await;
        tracing::debug!(%key, ?aborted, "aborted an upload in parts");
    }

    fn parse(&self, key: &str) -> Result<Key, Failure> {
        Key::parse(key).map_err(|error| self.words.explain(&error.into()).failure)
    }

    async fn deliver(&self, way: &Way<'_>, terms: Terms) -> Result<(Sums, VerifiedBy), Trouble> {
        if !terms.overwrite
            && !terms.growing
            && let Some(found) = self.find(way).await?
        {
            return Ok(found);
        }
        let mut beginnings = 0;
        loop {
            beginnings += 1;
            let arrived = async {
                let sent = self.send(way).await.map_err(|trouble| self.about_writing(trouble))?;
                let verified_by = self.verify(way, &sent).await?;
                Ok::<_, Trouble>((sent.sums, verified_by))
            };
            match arrived.await {
                Err(trouble) if trouble.what == What::PartsLost && beginnings < MAX_BEGINNINGS => {
                    (way.on)(Step::Retrying(trouble.failure.message.clone()));
                    way.patience.wait(trouble).await?;
                }
                ended => return ended,
            }
        }
    }

    /// What is there already under this key: the same file, as when somebody was killed after it had been uploaded, or another.
    async fn find(&self, way: &Way<'_>) -> Result<Option<(Sums, VerifiedBy)>, Trouble> {
        let there = match self.persist(way, self.pace_deadline(), || self.objects.head(&way.key)).await {
            Ok(there) => there,
            // Who may write but not see finds nothing.
            Err(Trouble { what: What::Missing | What::Forbidden, .. }) => return Ok(None),
            Err(trouble) => return Err(trouble),
        };
        if there.size == way.bytes {
            let sums = self.read_through(way).await?;
            let sent = Sent { sums, entity_tag: there.e_tag, parts_match: false };
            match self.verify(way, &sent).await {
                Ok(verified_by) => return Ok(Some((sent.sums, verified_by))),
                Err(Trouble { what: What::PartsLost, .. }) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        let sentence = format!(
            "{} is there already and is something else; let the destination's key have {{id}} or {{time}}, or pass --overwrite.",
            self.destination().url(way.key.as_ref())
        );
        Err(Trouble::new(What::Final, Failure::new(FailureKind::BadRequest, sentence)))
    }

    /// Sums of the file without sending it.
    async fn read_through(&self, way: &Way<'_>) -> Result<Sums, Trouble> {
        let mut source = open(way)?;
        let read = blocking(move || {
            while !source.next()?.is_empty() {}
            Ok(source.sums())
        });
        read.await.map_err(|error| unreadable_trouble(way.file, &error))
    }

    async fn send(&self, way: &Way<'_>) -> Result<Sent, Trouble> {
        let source = open(way)?;
        match &self.parts {
            None => self.send_to_directory(way, source).await,
            Some(parts) if way.bytes > part_size(way.bytes) => self.send_parts(way, source, parts.as_ref()).await,
            Some(_) => {
                let (source, content) = next(way, source).await?;
                let payload = PutPayload::from(content);
                let answer = self
                    .persist(way, self.pace_deadline(), || {
                        self.objects.put_opts(&way.key, payload.clone(), PutOptions::default())
                    })
                    .await?;
                (way.on)(Step::Sent { sent: way.bytes, bytes: way.bytes });
                Ok(Sent { sums: source.sums(), entity_tag: answer.e_tag, parts_match: false })
            }
        }
    }

    async fn send_parts(&self, way: &Way<'_>, source: Source, parts: &dyn MultipartStore) -> Result<Sent, Trouble> {
        let id = self.persist(way, self.pace_deadline(), || parts.create_multipart(&way.key)).await?;
        if !id.is_empty() {
            (way.on)(Step::Begun(id.clone()));
        }
        let sent = self.send_parts_as(way, source, parts, &id).await;
        if sent.is_err() {
            self.forget(way.key.as_ref(), &id).await;
        }
        sent
    }

    async fn send_parts_as(
        &self,
        way: &Way<'_>,
        mut source: Source,
        parts: &dyn MultipartStore,
        id: &String,
    ) -> Result<Sent, Trouble> {
        let mut under_way = FuturesOrdered::new();
        let mut accepted: Vec<PartId> = Vec::new();
        let accept = |accepted: &mut Vec<PartId>, part: PartId| {
            accepted.push(part);
            let sent = part_size(way.bytes).saturating_mul(accepted.len() as u64).min(way.bytes);
            (way.on)(Step::Sent { sent, bytes: way.bytes });
        };
        for index in 0.. {
            if under_way.len() == IN_FLIGHT
                && let Some(part) = under_way.next().await
            {
                accept(&mut accepted, part?);
            }
            let (rest, content) = next(way, source).await?;
            source = rest;
            if content.is_empty() {
                break;
            }
            let payload = PutPayload::from(content);
            under_way.push_back(async move {
                self.persist(way, self.pace_deadline(), || parts.put_part(&way.key, id, index, payload.clone())).await
            });
        }
        while let Some(part) = under_way.next().await {
            accept(&mut accepted, part?);
        }
        let sums = source.sums();
        let parts_match = sums.match_parts(accepted.iter().map(|part| part.content_id.as_str()));
        let completed =
            self.persist(way, || COMPLETE_DEADLINE, || parts.complete_multipart(&way.key, id, accepted.clone())).await;
        let entity_tag = match completed {
            Ok(answer) => answer.e_tag,
            // The answer to an earlier try may have been lost on its way, and the parts are no parts any more.
            Err(trouble) if matches!(trouble.what, What::PartsLost | What::Missing) => {
                match self.persist(way, self.pace_deadline(), || self.objects.head(&way.key)).await {
                    Ok(there) if there.size == way.bytes && sums.prove(there.e_tag.as_deref()) => there.e_tag,
                    _ => return Err(Trouble { what: What::PartsLost, ..trouble }),
                }
            }
            Err(trouble) => return Err(trouble),
        };
        Ok(Sent { sums, entity_tag, parts_match })
    }

    /// A directory takes parts one after the other. They are written beside the file and become it when they are complete.
    async fn send_to_directory(&self, way: &Way<'_>, mut source: Source) -> Result<Sent, Trouble> {
        let explain = |error| self.words.explain(&error);
        let mut upload = self.objects.put_multipart(&way.key).await.map_err(explain)?;
        let mut sent = 0;
        loop {
            let (rest, content) = next(way, source).await?;
            source = rest;
            if content.is_empty() {
                break;
            }
            sent += content.len() as u64;
            upload.put_part(content.into()).await.map_err(explain)?;
            way.patience.renew();
            (way.on)(Step::Sent { sent, bytes: way.bytes });
        }
        let PutResult { e_tag, .. } = upload.complete().await.map_err(explain)?;
        Ok(Sent { sums: source.sums(), entity_tag: e_tag, parts_match: false })
    }

    /// Compares what is in the store with what was read here.
    async fn verify(&self, way: &Way<'_>, sent: &Sent) -> Result<VerifiedBy, Trouble> {
        match self.persist(way, self.pace_deadline(), || self.objects.head(&way.key)).await {
            Ok(there) if there.size != way.bytes => {
                return Err(damaged(self, way, &format!("it has {} bytes there and {} here", there.size, way.bytes)));
            }
            Ok(there) if sent.sums.prove(there.e_tag.as_deref()) => return Ok(VerifiedBy::EntityTag),
            Ok(_) if sent.parts_match => return Ok(VerifiedBy::PartChecksums),
            Ok(_) => {}
            Err(Trouble { what: What::Missing, .. }) => return Err(damaged(self, way, "it is not there")),
            // Who may write but not see has only the store's answer to go by.
            Err(trouble) if trouble.what == What::Forbidden => {
                return if sent.sums.prove(sent.entity_tag.as_deref()) {
                    Ok(VerifiedBy::EntityTag)
                } else if sent.parts_match {
                    Ok(VerifiedBy::PartChecksums)
                } else {
                    Err(trouble)
                };
            }
            Err(trouble) => return Err(trouble),
        }
        if self.persist(way, || READ_BACK_DEADLINE, || self.read_back(way)).await? == sent.sums.sha256 {
            Ok(VerifiedBy::ReadBack)
        } else {
            Err(damaged(self, way, "its content is another one there"))
        }
    }

    async fn read_back(&self, way: &Way<'_>) -> object_store::Result<String> {
        let silent = |_| object_store::Error::Generic {
            store: "read back",
            source: "HTTP error: nothing more was heard".into(),
        };
        let found = tokio::time::timeout(READ_DEADLINE, self.objects.get(&way.key)).await.map_err(silent)??;
        let mut pieces = found.into_stream();
        let mut sums = Readback::default();
        while let Some(piece) = tokio::time::timeout(READ_DEADLINE, pieces.next()).await.map_err(silent)? {
            sums.update(&piece?);
            way.patience.renew();
        }
        Ok(sums.sha256())
    }

    fn pace_deadline(&self) -> impl Fn() -> Duration + '_ {
        || self.pace.deadline()
    }

    /// Asks until there is an answer, or the patience with the file ends.
    async fn persist<T, F>(
        &self,
        way: &Way<'_>,
        deadline: impl Fn() -> Duration,
        ask: impl Fn() -> F,
    ) -> Result<T, Trouble>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        loop {
            match self.within(deadline(), ask()).await {
                Ok(answer) => {
                    way.patience.renew();
                    return Ok(answer);
                }
                Err(trouble) if trouble.what == What::Passing => {
                    (way.on)(Step::Retrying(trouble.failure.message.clone()));
                    way.patience.wait(trouble).await?;
                }
                Err(trouble) => return Err(trouble),
            }
        }
    }

    async fn within<T>(
        &self,
        deadline: Duration,
        asked: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, Trouble> {
        match tokio::time::timeout(deadline, asked).await {
            Ok(answer) => answer.map_err(|error| self.words.explain(&error)),
            Err(_) => {
                self.pace.relax(deadline);
                let sentence = format!("Nothing was heard from {} within {} s.", self.words.place, deadline.as_secs());
                Err(Trouble::failed(What::Passing, sentence))
            }
        }
    }
}

fn open(way: &Way<'_>) -> Result<Source, Trouble> {
    let file = File::open(way.file).map_err(|error| unreadable_trouble(way.file, &error))?;
    Ok(Source::new(file, way.bytes))
}

/// The next part, read and summed where it blocks nobody.
async fn next(way: &Way<'_>, mut source: Source) -> Result<(Source, Bytes), Trouble> {
    let read = blocking(move || source.next().map(|content| (source, content)));
    read.await.map_err(|error| unreadable_trouble(way.file, &error))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    let file = file.display();
    let (kind, sentence) = match error.kind() {
        std::io::ErrorKind::NotFound => {
            (FailureKind::BadRequest, format!("{file} is not there any more, so it can't be uploaded."))
        }
        std::io::ErrorKind::UnexpectedEof => {
            (FailureKind::UploadFailed, format!("{file} became shorter while it was uploaded; upload it again."))
        }
        _ => (FailureKind::BadRequest, format!("{file} can't be read ({error}), so it can't be uploaded.")),
    };
    Failure::new(kind, sentence)
}

fn unreadable_trouble(file: &Path, error: &std::io::Error) -> Trouble {
    Trouble::new(What::Final, unreadable(file, error))
}

fn damaged(store: &Store, way: &Way<'_>, how: &str) -> Trouble {
    let url = store.destination().url(way.key.as_ref());
    Trouble::failed(What::PartsLost, format!("{url} did not arrive as it was sent: {how}."))
}

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use wallflower_domain::record::{Query, Record};
use wallflower_domain::recording::State;
use wallflower_domain::request::RecordingRequest;

use super::announcer::{COMMAND, new_id, notice};
use super::places::AT_A_HOST;
use super::*;
use crate::launcher;
use crate::orchestrator::{Config, HooksConfig, Parts};
use crate::store::sqlite::Sqlite;
use crate::store::{Changes, Created, Idempotency, Replaced, Store};

/// A store that can be out of reach, and that can have given the lead to somebody else.
struct Moody {
    store: Arc<dyn Store>,
    is_away: AtomicBool,
    is_led_by_others: AtomicBool,
    /// So many records could not be read.
    unread: AtomicUsize,
}

impl Moody {
    fn of(store: Arc<dyn Store>) -> Self {
        let (is_away, is_led_by_others) = (AtomicBool::default(), AtomicBool::default());
        Self { store, is_away, is_led_by_others, unread: AtomicUsize::default() }
    }

    fn reached(&self) -> Result<&Arc<dyn Store>, StoreError> {
        let is_away = self.is_away.load(Ordering::SeqCst);
        if is_away { Err(StoreError::Unavailable("it is away".into())) } else { Ok(&self.store) }
    }
}

#[async_trait]
impl Store for Moody {
    async fn create(
        &self,
        record: &Record,
        once: Option<&Idempotency>,
        notices: &[Notice],
        now_us: i64,
    ) -> Result<Created, StoreError> {
        self.reached()?.create(record, once, notices, now_us).await
    }

    async fn get(&self, id: &str) -> Result<Option<Record>, StoreError> {
        if self.is_away.load(Ordering::SeqCst) {
            self.unread.fetch_add(1, Ordering::SeqCst);
        }
        self.reached()?.get(id).await
    }

    async fn list(&self, query: &Query) -> Result<Vec<Record>, StoreError> {
        self.reached()?.list(query).await
    }

    async fn replace(&self, record: &Record, notices: &[Notice]) -> Result<Replaced, StoreError> {
        self.reached()?.replace(record, notices).await
    }

    async fn delete(&self, id: &str) -> Result<bool, StoreError> {
        self.reached()?.delete(id).await
    }

    async fn lease(&self, name: &str, holder: &str, time_to_live: Duration) -> Result<bool, StoreError> {
        let store = self.reached()?;
        let is_lost = name == "notices" && self.is_led_by_others.load(Ordering::SeqCst);
        if is_lost { Ok(false) } else { store.lease(name, holder, time_to_live).await }
    }

    async fn notices(&self, due_by_us: Option<i64>, limit: usize) -> Result<Vec<Notice>, StoreError> {
        self.reached()?.notices(due_by_us, limit).await
    }

    async fn settle(&self, id: &str, settled: Settled) -> Result<(), StoreError> {
        self.reached()?.settle(id, settled).await
    }

    fn changes(&self) -> Changes {
        self.store.changes()
    }
}

async fn store(folder: &Path) -> Arc<dyn Store> {
    Arc::new(Sqlite::open(&folder.join("store")).await.expect("a store"))
}

/// One whose finalize command is this script.
fn poster(folder: &Path, store: Arc<dyn Store>, script: &str) -> Poster {
    // Without it there is no client, even where nothing is encrypted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let hooks = HooksConfig { finalize: ["sh", "-c", script].map(str::to_owned).into(), ..HooksConfig::default() };
    let parts = Parts {
        config: Config { data: folder.to_owned(), hooks, ..Config::default() },
        store,
        launcher: launcher::open("process", Path::new("/bin/true"), &folder.join("agents")).expect("a launcher"),
        listening: "127.0.0.1:1".parse().expect("an address"),
        demo: None,
        livekit: None,
        webhook_secret: None,
        smtp_password: None,
        client: reqwest::Client::builder().no_proxy().build().expect("a client"),
    };
    Poster { orchestrator: Orchestrator::new(parts).expect("possible") }
}

/// Stores a recording that has ended, with notices to these addresses, the first of them due first.
async fn tell(store: &Arc<dyn Store>, urls: &[String]) {
    let request = RecordingRequest::of("demo:a".parse::<wallflower_domain::room::Room>().expect("a room"));
    let mut record = Record::new("r1", request, None, 0);
    record.recording.state = State::Completed;
    let body = serde_json::to_string(&Resource::of(&record, None)).expect("JSON");
    let notices: Vec<Notice> =
        urls.iter().zip(1..).map(|(url, at)| notice(new_id(), &record, url.clone(), body.clone(), at)).collect();
    store.create(&record, None, &notices, 0).await.expect("stored");
}

/// All that is not told, due or not.
async fn open(store: &Arc<dyn Store>) -> Vec<Notice> {
    store.notices(Some(i64::MAX), 10_000).await.expect("readable")
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(120);
    while !is_so().await {
        assert!(Instant::now() < until, "{what} does not come");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// That it has begun is noted each time; it ends once it may.
fn script(folder: &Path) -> String {
    format!("cd {} && echo begun >>runs && while [ ! -e may-end ]; do sleep 0.02; done", folder.display())
}

async fn begins(folder: &Path) {
    until("the command", async || folder.join("runs").exists()).await;
}

fn may_end(folder: &Path) {
    std::fs::write(folder.join("may-end"), "").expect("written");
}

async fn has_run_once(folder: &Path, store: &Arc<dyn Store>) {
    until("its end", async || open(store).await.is_empty()).await;
    let hook = store.get("r1").await.expect("readable").expect("there").hook;
    assert_eq!(hook.and_then(|hook| hook.exit), Some(0));
    assert_eq!(std::fs::read_to_string(folder.join("runs")).expect("it has begun"), "begun\n");
}

#[tokio::test]
async fn what_waits_for_one_host_hides_nothing() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let store = store(folder.path()).await;
    let poster = poster(folder.path(), store.clone(), "exit 0");
    let dead = (0..700).map(|number| format!("https://dead.example/{number}"));
    let others = ["https://alive.example/", "mailto:ada@example.org", COMMAND].map(str::to_owned);
    tell(&store, &dead.chain(others.clone()).collect::<Vec<_>>()).await;
    let due = poster.due(&OnTheirWay::default()).await;
    let (to_dead, to_others): (Vec<_>, Vec<_>) = due.iter().partition(|notice| notice.url.contains("dead"));
    assert!(to_others.iter().map(|notice| &notice.url).eq(&others), "{to_others:?}");
    assert_eq!(to_dead.len(), AT_A_HOST);
    let open = open(&store).await;
    let later: Vec<_> = open.iter().filter(|notice| notice.due_us > 1000).map(|notice| notice.due_us).collect();
    assert!(open.len() == 703 && later.len() > 400, "they wait: {} of {}", later.len(), open.len());
    assert!(later.iter().all(|due_us| *due_us <= now_us() + PASSED_OVER_US));
}

#[test]
fn a_lease_that_can_not_be_renewed_is_not_lost_before_its_time() {
    let away = || Err(StoreError::Unavailable("it is away".into()));
    let mut lead = Lead::default();
    lead.hear(Instant::now(), away());
    assert!(!lead.holds(), "it was never had");
    lead.hear(Instant::now(), Ok(true));
    lead.hear(Instant::now(), away());
    assert!(lead.holds());
    lead.hear(Instant::now(), Ok(false));
    assert!(!lead.holds(), "somebody else has it");
    let before = Instant::now().checked_sub(LEASE).expect("the machine has been up for longer");
    lead.hear(before, Ok(true));
    lead.hear(Instant::now(), away());
    assert!(!lead.holds(), "its time has passed");
}

#[tokio::test]
async fn a_command_is_finished_by_whoever_has_begun_it() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let folder = folder.path();
    let store = store(folder).await;
    let moody = Arc::new(Moody::of(store.clone()));
    tell(&store, &[COMMAND.to_owned()]).await;
    let first = tokio::spawn(poster(folder, moody.clone(), &script(folder)).post_all());
    begins(folder).await;
    moody.is_led_by_others.store(true, Ordering::SeqCst);
    let next = tokio::spawn(poster(folder, store.clone(), &script(folder)).post_all());
    until("a look of the next leader", async || open(&store).await.iter().all(|notice| notice.due_us > 1)).await;
    may_end(folder);
    has_run_once(folder, &store).await;
    first.abort();
    next.abort();
}

#[tokio::test]
async fn what_a_command_came_to_waits_for_a_store_that_is_away() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let folder = folder.path();
    let store = store(folder).await;
    let moody = Arc::new(Moody::of(store.clone()));
    tell(&store, &[COMMAND.to_owned()]).await;
    let posting = tokio::spawn(poster(folder, moody.clone(), &script(folder)).post_all());
    begins(folder).await;
    moody.is_away.store(true, Ordering::SeqCst);
    may_end(folder);
    until("its end", async || moody.unread.load(Ordering::SeqCst) > 0).await;
    moody.is_away.store(false, Ordering::SeqCst);
    has_run_once(folder, &store).await;
    posting.abort();
}

#[test]
fn a_signature_is_what_openssl_says() {
    // printf '1.{}' | openssl dgst -sha256 -hmac key
    let expected = "t=1,v1=1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224";
    assert_eq!(signature(&Secret::new("key"), 1, "{}"), expected);
}

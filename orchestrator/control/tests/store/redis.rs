//! What only Redis does: its faults, and what becomes of changes meanwhile.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::broadcast::error::RecvError;
use wallflower_control::store::{self, Changed, Changes, Created, Replaced, Store, StoreError};
use wallflower_domain::record::{Query, Record};

use crate::ground::{Ground, next, notice, record, record_of};

const PATIENCE: Duration = Duration::from_secs(30);
const KILLS: usize = 3;
const WRITERS: usize = 16;
/// So many changes are acknowledged before each kill, and after the last.
const ACKNOWLEDGED: usize = 150;

async fn client(ground: &Ground) -> redis::aio::MultiplexedConnection {
    redis::Client::open(ground.address()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

async fn refused(address: &str) -> String {
    let Err(error) = store::open(address).await else { panic!("it was opened") };
    let sentence = error.to_string();
    assert!(!sentence.contains("hunter2"), "{sentence}");
    sentence
}

#[tokio::test]
async fn a_redis_that_can_not_be_used_is_refused_with_the_reason() {
    let Some(mut ground) = Ground::redis() else { return };
    let address = ground.address();
    assert!(refused(&address.replace("hunter2", "hunter2x")).await.contains("user name or password"));
    assert!(refused(&address.replace(":hunter2@", "")).await.contains("user name or password"));
    let mut raw = client(&ground).await;
    let () = redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg("100mb").query_async(&mut raw).await.unwrap();
    let policy = |policy: &str| redis::cmd("CONFIG").arg("SET").arg("maxmemory-policy").arg(policy).to_owned();
    let () = policy("allkeys-lru").query_async(&mut raw).await.unwrap();
    assert!(refused(&address).await.contains("noeviction"));
    let () = policy("noeviction").query_async(&mut raw).await.unwrap();
    drop(store::open(&address).await.unwrap());
    let () = redis::cmd("SET").arg("wf:schema").arg(4711).query_async(&mut raw).await.unwrap();
    assert!(refused(&address).await.contains("newer version"));
    drop(store::open(&format!("{address}?prefix=other")).await.unwrap());
    ground.redis.as_mut().unwrap().kill();
    let sentence = refused(&address).await;
    assert!(sentence.contains("does not answer") && sentence.contains("127.0.0.1"), "{sentence}");
}

#[tokio::test]
async fn prefixes_keep_stores_apart_and_nothing_is_left_when_all_is_deleted() {
    let Some(ground) = Ground::redis() else { return };
    let (one, other) = (ground.open().await, ground.open_fresh().await);
    let mut current = record_of("r", "demo:a", Some("alice"));
    current.expires_us = Some(5);
    one.create(&current, None, &[notice("n", "r", "http://a/", 0)], 0).await.unwrap();
    current = next(&current);
    current.owner = None;
    one.replace(&current, &[]).await.unwrap();
    assert_eq!(other.get("r").await, Ok(None));
    assert_eq!(other.list(&Query::newest(10)).await, Ok(Vec::new()));
    assert_eq!(other.create(&record("r"), None, &[], 0).await, Ok(Created::New));
    one.settle("n", store::Settled::Told).await.unwrap();
    one.delete("r").await.unwrap();
    let mut left: Vec<String> = redis::cmd("KEYS").arg("wf:*").query_async(&mut client(&ground).await).await.unwrap();
    left.sort();
    assert_eq!(left, ["wf:changed", "wf:changes", "wf:schema"]);
}

#[tokio::test]
async fn a_list_looks_further_than_one_script_may() {
    let Some(ground) = Ground::redis() else { return };
    let store = ground.open().await;
    // More than are looked at in one step, of the room and the owner that are asked for, but never both.
    for number in 0..2300 {
        let (room, owner) = if number % 2 == 0 { ("demo:a", "bob") } else { ("demo:b", "alice") };
        store.create(&record_of(&format!("r{number:05}"), room, Some(owner)), None, &[], 0).await.unwrap();
    }
    let mut wanted = record_of("a-rare-one", "demo:a", Some("alice"));
    wanted.expires_us = Some(7);
    store.create(&wanted, None, &[], 0).await.unwrap();
    let both = Query { room: Some("demo:a".into()), owner: Some("alice".into()), ..Query::newest(3) };
    assert_eq!(store.list(&both).await, Ok(vec![wanted.clone()]));
    assert_eq!(store.list(&Query { expired_by_us: Some(7), ..Query::newest(3) }).await, Ok(vec![wanted]));
    assert_eq!(store.list(&Query::newest(usize::MAX)).await.unwrap().len(), 2301);
}

/// Reads on until it knows of this change; true when it was told that it missed some. Who is told that has to look: the change may be
/// one of those.
async fn heard_until(store: &Arc<dyn Store>, changes: &mut Changes, last: &Changed) -> bool {
    let mut missed = false;
    loop {
        match tokio::time::timeout(PATIENCE, changes.recv()).await.expect("changes are told in time") {
            Ok(changed) if changed == *last => return missed,
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => {
                missed = true;
                if store.get(&last.id).await.unwrap().is_some_and(|record| record.version == last.version) {
                    return missed;
                }
            }
            Err(RecvError::Closed) => panic!("the store is open"),
        }
    }
}

#[tokio::test]
async fn changes_go_on_where_a_cut_connection_left_off() {
    let Some(ground) = Ground::redis() else { return };
    let (store, other) = (ground.open().await, ground.open().await);
    let mut changes = other.changes();
    let mut raw = client(&ground).await;
    store.create(&record("r"), None, &[], 0).await.unwrap();
    let mut expected = vec![Changed { id: "r".into(), version: 1 }];
    let mut current = record("r");
    for _ in 0..5 {
        // Every connection but this one, those that read the stream among them.
        let () = redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").query_async(&mut raw).await.unwrap();
        for _ in 0..5 {
            current = next(&current);
            replace_surely(&store, &current).await;
            expected.push(Changed { id: "r".into(), version: current.version });
        }
    }
    for changed in expected {
        let heard = tokio::time::timeout(PATIENCE, changes.recv()).await.expect("changes are told in time");
        assert_eq!(heard, Ok(changed), "all of them, in order, none twice");
    }
}

/// As whoever uses a store has to do it: a change whose answer was lost may have been made.
async fn replace_surely(store: &Arc<dyn Store>, record: &Record) {
    let began = Instant::now();
    loop {
        match store.replace(record, &[]).await {
            Ok(Replaced::Stored) => return,
            Ok(Replaced::Stale(now)) if *now == *record => return,
            Err(StoreError::Unavailable(reason)) => assert!(began.elapsed() < PATIENCE, "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn changes_that_were_trimmed_before_they_were_read_are_told_as_missed() {
    let Some(ground) = Ground::redis() else { return };
    let store = ground.open().await;
    let mut changes = store.changes();
    let mut raw = client(&ground).await;
    store.create(&record("r1"), None, &[], 0).await.unwrap();
    assert!(!heard_until(&store, &mut changes, &Changed { id: "r1".into(), version: 1 }).await);
    // In one step, so that nobody can read in between: three changes, of which the stream keeps one.
    let many = "for number = 2, 4 do
                  redis.call('INCR', 'wf:changed')
                  redis.call('XADD', 'wf:changes', number .. '-0', 'id', 'x', 'version', number)
                end
                return redis.call('XTRIM', 'wf:changes', 'MAXLEN', 1)";
    let trimmed: u64 = redis::Script::new(many).invoke_async(&mut raw).await.unwrap();
    assert_eq!(trimmed, 3);
    assert!(heard_until(&store, &mut changes, &Changed { id: "x".into(), version: 4 }).await, "two were missed");
    store.create(&record("r2"), None, &[], 0).await.unwrap();
    assert!(!heard_until(&store, &mut changes, &Changed { id: "r2".into(), version: 1 }).await);
}

#[tokio::test]
async fn an_emptied_database_is_told_as_missed_and_counts_anew() {
    let Some(ground) = Ground::redis() else { return };
    let store = ground.open().await;
    let mut changes = store.changes();
    for number in 0..5 {
        store.create(&record(&format!("r{number}")), None, &[], 0).await.unwrap();
    }
    heard_until(&store, &mut changes, &Changed { id: "r4".into(), version: 1 }).await;
    let () = redis::cmd("FLUSHALL").query_async(&mut client(&ground).await).await.unwrap();
    let told = tokio::time::timeout(PATIENCE, changes.recv()).await.expect("it is told in time");
    assert_eq!(told, Err(RecvError::Lagged(1)));
    store.create(&record("r9"), None, &[], 0).await.unwrap();
    assert!(!heard_until(&store, &mut changes, &Changed { id: "r9".into(), version: 1 }).await);
}

#[tokio::test]
async fn a_redis_that_hangs_is_given_up_in_time_and_used_again_when_it_answers() {
    let Some(ground) = Ground::redis() else { return };
    let store = ground.open().await;
    store.create(&record("r"), None, &[], 0).await.unwrap();
    let redis = ground.redis.as_ref().unwrap();
    redis.halt();
    let (read, changed) = tokio::time::timeout(PATIENCE, async { tokio::join!(store.get("r"), store.delete("r")) })
        .await
        .expect("every operation has a deadline");
    redis.go_on();
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    assert!(matches!(changed, Err(StoreError::Unavailable(_))), "{changed:?}");
    assert_eq!(store.create(&record("s"), None, &[], 0).await, Ok(Created::New));
}

#[tokio::test]
async fn a_change_waits_for_a_fail_over_to_end() {
    let Some(ground) = Ground::redis() else { return };
    let store = ground.open().await;
    let mut raw = client(&ground).await;
    let replica_of = |host: &str, port: &str| redis::cmd("REPLICAOF").arg(host).arg(port).to_owned();
    // Of nobody who answers.
    let () = replica_of("127.0.0.1", "1").query_async(&mut raw).await.unwrap();
    let creating = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.create(&record("r"), None, &[], 0).await })
    };
    let began = Instant::now();
    // Until the change was refused, which Redis counts.
    loop {
        let errors: String = redis::cmd("INFO").arg("errorstats").query_async(&mut raw).await.unwrap();
        if errors.contains("errorstat_READONLY") {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "nothing was refused: {errors}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let () = replica_of("NO", "ONE").query_async(&mut raw).await.unwrap();
    assert_eq!(creating.await.unwrap(), Ok(Created::New));
    assert_eq!(store.get("r").await, Ok(Some(record("r"))));
}

#[derive(Default)]
struct Acknowledged {
    versions: Mutex<BTreeMap<String, u64>>,
    count: AtomicUsize,
    stop: AtomicBool,
}

impl Acknowledged {
    async fn reaches(&self, count: usize) {
        let began = Instant::now();
        while self.count.load(Ordering::SeqCst) < count {
            assert!(began.elapsed() < PATIENCE, "changes are not acknowledged any more");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9_of_redis_and_the_store_recovers() {
    let Some(mut ground) = Ground::redis() else { return };
    let store = ground.open().await;
    let mut changes = store.changes();
    let acknowledged = Arc::new(Acknowledged::default());
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| tokio::spawn(write(Arc::clone(&store), format!("r{number:02}"), Arc::clone(&acknowledged))))
        .collect();
    for kill in 1..=KILLS {
        acknowledged.reaches(kill * ACKNOWLEDGED).await;
        let redis = ground.redis.as_mut().unwrap();
        redis.kill();
        let known = acknowledged.versions.lock().unwrap().clone();
        redis.start_again();
        for (id, version) in known {
            let now = store.get(&id).await.unwrap().expect("it was acknowledged");
            assert!(now.version >= version, "{id} is at {} and was acknowledged at {version}", now.version);
        }
    }
    acknowledged.reaches((KILLS + 1) * ACKNOWLEDGED).await;
    acknowledged.stop.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.unwrap();
    }
    let known = acknowledged.versions.lock().unwrap().clone();
    assert_eq!(known.len(), WRITERS);
    let notices: Vec<String> =
        redis::cmd("KEYS").arg("wf:notice:*").query_async(&mut client(&ground).await).await.unwrap();
    for (id, version) in known {
        let now = store.get(&id).await.unwrap().unwrap();
        assert!(now.version >= version);
        assert_eq!(now.changed_us, record(&id).changed_us + i64::try_from(now.version).unwrap() - 1, "none was lost");
        let told = notices.iter().filter(|key| key.starts_with(&format!("wf:notice:{id}-"))).count();
        assert_eq!(told as u64, now.version, "a notice of each version of {id}");
    }
    store.create(&record("last"), None, &[], 0).await.unwrap();
    assert!(
        heard_until(&store, &mut changes, &Changed { id: "last".into(), version: 1 }).await,
        "a restart may hide changes"
    );
}

async fn write(store: Arc<dyn Store>, id: String, acknowledged: Arc<Acknowledged>) {
    let told = |version: u64| [notice(&format!("{id}-{version:06}"), &id, "http://hook/", 0)];
    let mut current: Option<Record> = None;
    while !acknowledged.stop.load(Ordering::SeqCst) {
        let wanted = current.as_ref().map_or_else(|| record(&id), next);
        let notices = told(wanted.version);
        let stored = match current {
            None => store.create(&wanted, None, &notices, 0).await.map(|created| created == Created::New),
            Some(_) => store.replace(&wanted, &notices).await.map(|replaced| replaced == Replaced::Stored),
        };
        match stored {
            Ok(stored) => {
                assert!(stored, "nobody else writes {id}");
                acknowledged.versions.lock().unwrap().insert(id.clone(), wanted.version);
                acknowledged.count.fetch_add(1, Ordering::SeqCst);
                current = Some(wanted);
            }
            // It was made or not: a look tells.
            Err(StoreError::Unavailable(_)) => loop {
                match store.get(&id).await {
                    Ok(now) => break current = now,
                    Err(StoreError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
                    Err(error) => panic!("{error}"),
                }
            },
            Err(error) => panic!("{error}"),
        }
    }
}

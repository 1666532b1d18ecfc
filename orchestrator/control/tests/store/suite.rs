//! What every store does.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use wallflower_control::store::{
    Changed, Changes, Created, DEAD_NOTICES, Idempotency, Replaced, Settled, Store, StoreError,
};
use wallflower_domain::record::{Notice, Query};
use wallflower_domain::recording::State;
use wallflower_domain::wire::agent::AgentCommand;

use crate::ground::{Ground, next, notice, record, record_of};

pub(crate) use crate::model::random_operations_come_out_as_in_the_model;

/// What takes longer is not coming.
const PATIENCE: Duration = Duration::from_secs(20);
const HOUR: Duration = Duration::from_secs(3600);

fn once(key: &str, digest: &str, expires_us: i64) -> Idempotency {
    Idempotency { key: key.into(), digest: digest.into(), expires_us }
}

async fn create(store: &Arc<dyn Store>, record: &wallflower_domain::record::Record, notices: &[Notice]) {
    assert_eq!(store.create(record, None, notices, 0).await, Ok(Created::New));
}

async fn ids(store: &Arc<dyn Store>, query: &Query) -> Vec<String> {
    store.list(query).await.unwrap().iter().map(|record| record.id().to_owned()).collect()
}

async fn due(store: &Arc<dyn Store>, by_us: i64) -> Vec<String> {
    store.notices(Some(by_us), 100).await.unwrap().into_iter().map(|notice| notice.id).collect()
}

async fn dead(store: &Arc<dyn Store>) -> Vec<String> {
    store.notices(None, 100).await.unwrap().into_iter().map(|notice| notice.id).collect()
}

/// Does it at once in so many tasks.
async fn race<T, F>(tasks: usize, store: &Arc<dyn Store>, run: impl Fn(usize, Arc<dyn Store>) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut racing = JoinSet::new();
    for number in 0..tasks {
        racing.spawn(run(number, Arc::clone(store)));
    }
    tokio::time::timeout(3 * PATIENCE, racing.join_all()).await.expect("the race ends")
}

pub(crate) async fn a_document_comes_back_as_it_was_given(ground: Ground) {
    let store = ground.open().await;
    let mut record = record_of("r1", "livekit+wss://meet.example.org/a%20%22room%22", Some("key \u{1F3A5}"));
    record.request.metadata.insert("quote \" and \\ and \u{0} and \n".into(), "\u{65e5}\u{672c}".into());
    record.waiting = Some("3 ahead".into());
    record.expires_us = Some(i64::MAX);
    record.order(AgentCommand::Mute, -5);
    create(&store, &record, &[]).await;
    assert_eq!(store.get("r1").await, Ok(Some(record.clone())));
    assert_eq!(store.get("r2").await, Ok(None));
    let again = ground.open().await;
    assert_eq!(again.list(&Query::newest(5)).await, Ok(vec![record]));
}

pub(crate) async fn a_key_creates_once_however_many_ask(ground: Ground) {
    let store = ground.open().await;
    let outcomes = race(20, &store, |number, store| async move {
        let record = record(&format!("r{number:02}"));
        let told = notice(&format!("n{number:02}"), record.id(), "http://hook/", 0);
        (record.clone(), store.create(&record, Some(&once("key", "digest", 500)), &[told], 100).await.unwrap())
    })
    .await;
    let (new, before): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, created)| *created == Created::New);
    assert_eq!((new.len(), before.len()), (1, 19));
    let winner = new[0].0.clone();
    for (_, created) in before {
        assert_eq!(created, Created::Before { digest: "digest".into(), record: Some(Box::new(winner.clone())) });
    }
    assert_eq!(ids(&store, &Query::newest(100)).await, [winner.id()]);
    assert_eq!(due(&store, 0).await.len(), 1, "who came later has stored no notice");

    let changed = next(&winner);
    assert_eq!(store.replace(&changed, &[]).await, Ok(Replaced::Stored));
    let other = store.create(&record("s"), Some(&once("key", "another", 500)), &[], 100).await;
    assert_eq!(
        other,
        Ok(Created::Before { digest: "digest".into(), record: Some(Box::new(changed)) }),
        "the digest of then, the record of now"
    );
    assert_eq!(store.get("s").await, Ok(None));
}

pub(crate) async fn a_key_belongs_to_one_owner_for_as_long_as_it_lasts(ground: Ground) {
    let store = ground.open().await;
    let key = once("key", "d", 500);
    for (id, owner) in [("r1", None), ("r2", Some("alice")), ("r3", Some("bob"))] {
        assert_eq!(store.create(&record_of(id, "demo:a", owner), Some(&key), &[], 100).await, Ok(Created::New));
    }
    assert_eq!(store.delete("r2").await, Ok(true));
    assert_eq!(
        store.create(&record_of("r4", "demo:a", Some("alice")), Some(&key), &[], 499).await,
        Ok(Created::Before { digest: "d".into(), record: None }),
        "it was created, and deleted since"
    );
    let later = store.create(&record_of("r5", "demo:a", Some("alice")), Some(&once("key", "e", 900)), &[], 500).await;
    assert_eq!(later, Ok(Created::New), "the key was forgotten");
}

pub(crate) async fn an_id_is_given_once(ground: Ground) {
    let store = ground.open().await;
    let outcomes = race(10, &store, |number, store| async move {
        let mine = record_of("r", "demo:a", Some(&number.to_string()));
        let told = notice(&format!("n{number}"), "r", "http://hook/", 0);
        (number, store.create(&mine, Some(&once("key", "d", 500)), &[told], 100).await)
    })
    .await;
    let (new, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, created)| created.is_ok());
    let [(winner, _)] = new[..] else { panic!("{new:?}") };
    assert!(refused.iter().all(|(_, created)| matches!(created, Err(StoreError::Broken(_)))), "{refused:?}");
    assert_eq!(store.get("r").await.unwrap().unwrap().owner, Some(winner.to_string()));
    assert_eq!(due(&store, 0).await, [format!("n{winner}")], "who was refused has stored no notice");

    let loser = refused[0].0.to_string();
    let freed = store.create(&record_of("s", "demo:a", Some(&loser)), Some(&once("key", "d", 500)), &[], 100).await;
    assert_eq!(freed, Ok(Created::New), "who was refused has not used the key up");
    let twice = [notice("x", "t", "http://hook/", 0), notice("x", "t", "http://hook/", 0)];
    for notices in [&twice[..], &[notice(&format!("n{winner}"), "t", "http://hook/", 0)]] {
        let refused = store.create(&record("t"), None, notices, 100).await;
        assert!(matches!(refused, Err(StoreError::Broken(_))), "{refused:?}");
        assert_eq!(store.get("t").await, Ok(None));
    }
    assert_eq!(due(&store, 0).await, [format!("n{winner}")]);
}

pub(crate) async fn each_version_is_won_by_one(ground: Ground) {
    const TASKS: usize = 24;
    const WINS: usize = 8;
    let store = ground.open().await;
    create(&store, &record("r"), &[]).await;
    let won = race(TASKS, &store, |number, store| async move {
        let mut won = Vec::new();
        let mut current = store.get("r").await.unwrap().unwrap();
        while won.len() < WINS {
            let mine = next(&current);
            let id = format!("{:05}-{number}", mine.version);
            match store.replace(&mine, &[notice(&id, &id, "http://hook/", 0)]).await.unwrap() {
                Replaced::Stored => {
                    won.push(mine.version);
                    current = mine;
                }
                Replaced::Stale(now) => {
                    assert!(now.version > current.version, "it is stale because somebody was faster");
                    current = *now;
                }
                Replaced::Gone => panic!("nobody deletes it"),
            }
        }
        won
    })
    .await;
    let total = (TASKS * WINS) as u64;
    let won: Vec<_> = won.into_iter().flatten().collect();
    assert_eq!(won.iter().copied().collect::<BTreeSet<_>>(), (2..=total + 1).collect(), "each version, once");
    let end = store.get("r").await.unwrap().unwrap();
    assert_eq!(end.version, total + 1);
    assert_eq!(end.changed_us, 1_000 + i64::try_from(total).unwrap(), "no update was lost");
    let told = store.notices(Some(0), 10_000).await.unwrap();
    assert_eq!(told.len() as u64, total, "a notice of each version, none of those that were too late");
}

pub(crate) async fn a_change_that_comes_too_late_changes_nothing(ground: Ground) {
    let store = ground.open().await;
    let first = record("r");
    create(&store, &first, &[]).await;
    let second = next(&first);
    assert_eq!(store.replace(&second, &[notice("n1", "r", "http://hook/", 0)]).await, Ok(Replaced::Stored));
    let mut late = next(&first);
    late.waiting = Some("too late".into());
    let told = [notice("n2", "r", "http://other/", 0)];
    let stale = Ok(Replaced::Stale(Box::new(second.clone())));
    assert_eq!(store.replace(&late, &told).await, stale);
    late.version = 4;
    assert_eq!(store.replace(&late, &told).await, stale, "a version that is ahead is as wrong as one that is behind");
    assert_eq!(store.get("r").await, Ok(Some(second.clone())));
    assert_eq!(due(&store, i64::MAX).await, ["n1"]);
    let clash = store.replace(&next(&second), &[notice("n1", "r", "http://hook/", 0)]).await;
    assert!(matches!(clash, Err(StoreError::Broken(_))), "{clash:?}");
    assert_eq!(store.get("r").await, Ok(Some(second)), "the record is stored with its notices or not at all");
}

pub(crate) async fn what_is_gone_is_not_replaced(ground: Ground) {
    let store = ground.open().await;
    let first = record("r");
    assert_eq!(store.replace(&next(&first), &[]).await, Ok(Replaced::Gone));
    create(&store, &first, &[]).await;
    assert_eq!(store.delete("r").await, Ok(true));
    assert_eq!(store.delete("r").await, Ok(false));
    assert_eq!(store.replace(&next(&first), &[notice("n", "r", "http://hook/", 0)]).await, Ok(Replaced::Gone));
    assert_eq!(store.get("r").await, Ok(None));
    assert!(ids(&store, &Query::unfinished(10)).await.is_empty());
    assert!(due(&store, i64::MAX).await.is_empty());
}

pub(crate) async fn notices_of_a_recording_and_address_are_due_one_after_the_other(ground: Ground) {
    let store = ground.open().await;
    let (r1, r2) = (record("r1"), record("r2"));
    let a = "http://a/";
    create(&store, &r1, &[notice("n1", "r1", a, 10), notice("n2", "r1", a, 10), notice("n3", "r1", "http://b/", 30)])
        .await;
    create(&store, &r2, &[notice("n4", "r2", a, 20)]).await;
    store.replace(&next(&r1), &[notice("n5", "r1", a, 5)]).await.unwrap();
    assert_eq!(due(&store, 9).await, [""; 0], "what is behind another one is not due before it");
    assert_eq!(due(&store, 10).await, ["n1"]);
    assert_eq!(due(&store, 30).await, ["n1", "n4", "n3"], "the longest due first");
    assert_eq!(store.notices(Some(30), 2).await.unwrap().len(), 2);
    let first = store.notices(Some(10), 1).await.unwrap().remove(0);
    assert_eq!(first, notice("n1", "r1", a, 10));
    for (told, then) in [("n1", vec!["n2"]), ("n2", vec!["n5"]), ("n5", vec![])] {
        store.settle(told, Settled::Told).await.unwrap();
        assert_eq!(due(&store, 10).await, then);
    }
    store.settle("n1", Settled::Told).await.unwrap();
    store.settle("n1", Settled::Kept(first)).await.unwrap();
    assert_eq!(due(&store, 100).await, ["n4", "n3"], "what was told stays told");
}

pub(crate) async fn a_notice_that_is_tried_again_holds_up_those_behind_it(ground: Ground) {
    let store = ground.open().await;
    let a = "http://a/";
    create(&store, &record("r"), &[notice("n1", "r", a, 0), notice("n2", "r", a, 0)]).await;
    let again = Notice { due_us: 50, tries: 1, trouble: Some("503".into()), ..notice("n1", "r", a, 0) };
    store.settle("n1", Settled::Kept(again.clone())).await.unwrap();
    assert_eq!(due(&store, 49).await, [""; 0]);
    assert_eq!(store.notices(Some(50), 10).await, Ok(vec![again.clone()]));
    let other = Notice { url: "http://b/".into(), ..again };
    let refused = store.settle("n1", Settled::Kept(other)).await;
    assert!(matches!(refused, Err(StoreError::Broken(_))), "{refused:?}");
}

pub(crate) async fn dead_notices_are_listed_and_hold_up_nobody(ground: Ground) {
    let store = ground.open().await;
    let notices: Vec<_> = (1..=4).map(|number| notice(&format!("n{number}"), "r", "http://a/", 0)).collect();
    create(&store, &record("r"), &notices).await;
    let died = |notice: &Notice| Notice { dead: true, tries: 9, trouble: Some("410".into()), ..notice.clone() };
    for (index, then) in [(0, "n2"), (1, "n3")] {
        let gone = died(&notices[index]);
        store.settle(&gone.id, Settled::Kept(gone.clone())).await.unwrap();
        assert_eq!(due(&store, 0).await, [then]);
    }
    assert_eq!(store.notices(None, 10).await, Ok(vec![died(&notices[1]), died(&notices[0])]), "newest first");
    assert_eq!(store.notices(None, 1).await.unwrap().len(), 1);
    store.settle("n1", Settled::Kept(notices[0].clone())).await.unwrap();
    assert_eq!(due(&store, 0).await, ["n1"], "one that lives again is before all that came after it");
    assert_eq!(dead(&store).await, ["n2"]);
    store.settle("n2", Settled::Told).await.unwrap();
    assert!(dead(&store).await.is_empty());
}

pub(crate) async fn dead_notices_do_not_grow_without_bound(ground: Ground) {
    let store = ground.open().await;
    let dead = |number: usize| Notice { dead: true, ..notice(&format!("n{number:06}"), "r", "http://a/", 0) };
    let many: Vec<_> = (0..DEAD_NOTICES + 3).map(dead).collect();
    create(&store, &record("r"), &many).await;
    create(&store, &record("s"), &[notice("o", "s", "http://a/", 0)]).await;
    store.settle("o", Settled::Kept(Notice { dead: true, ..notice("o", "s", "http://a/", 0) })).await.unwrap();
    let left = store.notices(None, usize::MAX).await.unwrap();
    assert_eq!(left.len(), DEAD_NOTICES);
    assert_eq!((left[0].id.as_str(), &left[DEAD_NOTICES - 1]), ("o", &many[4]), "the oldest are forgotten");
}

pub(crate) async fn notices_outlive_their_record(ground: Ground) {
    let store = ground.open().await;
    create(&store, &record("r"), &[notice("n", "r", "http://a/", 0)]).await;
    store.delete("r").await.unwrap();
    assert_eq!(due(&store, 0).await, ["n"]);
}

pub(crate) async fn lists_hold_what_their_filters_say(ground: Ground) {
    let store = ground.open().await;
    for number in 0..12_usize {
        let room = if number.is_multiple_of(2) { "demo:even" } else { "demo:odd" };
        let owner = [None, Some("alice"), Some("bob")][number % 3];
        let mut record = record_of(&format!("r{number:02}"), room, owner);
        record.recording.state = [State::Queued, State::Recording, State::Completed, State::Failed][number / 3];
        create(&store, &record, &[]).await;
    }
    let all = Query::newest(100);
    let expected = |numbers: &[usize]| numbers.iter().map(|number| format!("r{number:02}")).collect::<Vec<_>>();
    for (query, numbers) in [
        (Query::newest(3), &[11, 10, 9][..]),
        (Query::newest(0), &[]),
        (Query { after: Some("r02".into()), ..all.clone() }, &[1, 0]),
        (Query { after: Some("r02x".into()), ..all.clone() }, &[2, 1, 0]),
        (Query { states: vec![State::Completed], ..all.clone() }, &[8, 7, 6]),
        (Query { states: vec![State::Failed, State::Queued, State::Failed], ..all.clone() }, &[11, 10, 9, 2, 1, 0]),
        (Query { states: vec![State::Paused], ..all.clone() }, &[]),
        (Query::unfinished(4), &[5, 4, 3, 2]),
        (Query { room: Some("demo:even".into()), limit: 2, ..all.clone() }, &[10, 8]),
        (Query { room: Some("demo:eve".into()), ..all.clone() }, &[]),
        (Query { owner: Some("bob".into()), ..all.clone() }, &[11, 8, 5, 2]),
        (
            Query {
                owner: Some("bob".into()),
                room: Some("demo:odd".into()),
                states: vec![State::Failed, State::Recording],
                after: Some("r11".into()),
                ..all.clone()
            },
            &[5],
        ),
    ] {
        assert_eq!(ids(&store, &query).await, expected(numbers), "{query:?}");
    }
    let mut moved = next(&store.get("r05").await.unwrap().unwrap());
    moved.recording.state = State::Completed;
    moved.owner = None;
    store.replace(&moved, &[]).await.unwrap();
    let completed = Query { states: vec![State::Completed], ..all.clone() };
    assert_eq!(ids(&store, &completed).await, expected(&[8, 7, 6, 5]), "what changes is found by what it is now");
    assert_eq!(ids(&store, &Query { owner: Some("bob".into()), ..all }).await, expected(&[11, 8, 2]));
}

pub(crate) async fn pages_miss_nothing_while_records_are_added(ground: Ground) {
    const BEFORE: usize = 120;
    let store = ground.open().await;
    for number in 0..BEFORE {
        create(&store, &record(&format!("r{number:05}")), &[]).await;
    }
    let adding = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for number in BEFORE..2 * BEFORE {
                create(&store, &record(&format!("r{number:05}")), &[]).await;
            }
        })
    };
    for query in [Query::newest(7), Query::unfinished(7), Query { room: Some("demo:a".into()), ..Query::newest(7) }] {
        let mut query = query;
        let mut seen = Vec::new();
        loop {
            let page = ids(&store, &query).await;
            let Some(last) = page.last() else { break };
            query.after = Some(last.clone());
            seen.extend(page);
        }
        let expected: Vec<_> = (0..BEFORE).rev().map(|number| format!("r{number:05}")).collect();
        assert!(seen.is_sorted_by(|newer, older| newer > older), "newest first, none twice: {seen:?}");
        assert!(seen.ends_with(&expected), "all that was there: {seen:?}");
    }
    adding.await.unwrap();
    assert_eq!(ids(&store, &Query::newest(1000)).await.len(), 2 * BEFORE);
}

pub(crate) async fn what_has_expired_is_found(ground: Ground) {
    let store = ground.open().await;
    for (id, expires_us) in [("r1", None), ("r2", Some(100)), ("r3", Some(300)), ("r4", Some(200)), ("r5", None)] {
        let mut record = record(id);
        record.expires_us = expires_us;
        create(&store, &record, &[]).await;
    }
    let expired = |by| Query { expired_by_us: Some(by), ..Query::newest(100) };
    assert_eq!(ids(&store, &expired(99)).await, [""; 0]);
    assert_eq!(ids(&store, &expired(200)).await, ["r4", "r2"]);
    assert_eq!(ids(&store, &Query { limit: 1, ..expired(300) }).await, ["r4"]);
    assert_eq!(ids(&store, &Query { after: Some("r4".into()), ..expired(300) }).await, ["r3", "r2"]);
    assert_eq!(ids(&store, &Query { states: vec![State::Failed], ..expired(300) }).await, [""; 0]);
    let mut later = next(&store.get("r2").await.unwrap().unwrap());
    later.expires_us = Some(250);
    store.replace(&later, &[]).await.unwrap();
    store.delete("r4").await.unwrap();
    assert_eq!(ids(&store, &expired(249)).await, [""; 0]);
    assert_eq!(ids(&store, &expired(250)).await, ["r2"]);
}

pub(crate) async fn a_lease_has_one_holder(ground: Ground) {
    let store = ground.open().await;
    let other = ground.open().await;
    let taken = race(16, &store, |number, store| async move {
        store.lease("r", &format!("h{number:02}"), HOUR).await.unwrap().then(|| format!("h{number:02}"))
    })
    .await;
    let holders: Vec<_> = taken.into_iter().flatten().collect();
    let [holder] = &holders[..] else { panic!("{holders:?}") };
    assert_eq!(other.lease("r", holder, HOUR).await, Ok(true), "it is renewed");
    assert_eq!(other.lease("r", "x", HOUR).await, Ok(false));
    assert_eq!(other.lease("s", "x", HOUR).await, Ok(true), "other names are free");
    assert_eq!(other.lease("r", "x", Duration::ZERO).await, Ok(false), "only the holder gives it back");
    assert_eq!(store.lease("r", "y", HOUR).await, Ok(false));
    assert_eq!(store.lease("r", holder, Duration::ZERO).await, Ok(true));
    assert_eq!(store.lease("r", "y", HOUR).await, Ok(true));
    assert_eq!(store.lease("t", "y", Duration::ZERO).await, Ok(true), "nobody has it");
}

pub(crate) async fn a_lease_ends_by_itself(ground: Ground) {
    let store = ground.open().await;
    assert_eq!(store.lease("r", "a", HOUR).await, Ok(true));
    assert_eq!(store.lease("r", "a", Duration::from_millis(200)).await, Ok(true), "a renewal may be shorter");
    let began = Instant::now();
    while !store.lease("r", "b", HOUR).await.unwrap() {
        assert!(began.elapsed() < PATIENCE, "it does not end");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(store.lease("r", "a", HOUR).await, Ok(false), "it is another's now");
}

pub(crate) async fn changes_are_told_in_order(ground: Ground) {
    let store = ground.open().await;
    let mut changes = store.changes();
    let first = record("r");
    create(&store, &first, &[]).await;
    store.replace(&next(&first), &[]).await.unwrap();
    store.replace(&next(&first), &[]).await.unwrap();
    let refused = store.create(&first, None, &[], 0).await;
    assert!(refused.is_err());
    store.lease("r", "a", HOUR).await.unwrap();
    store.delete("r").await.unwrap();
    for version in [1, 2, 0] {
        assert_eq!(heard(&mut changes).await, Ok(Changed { id: "r".into(), version }));
    }
    create(&store, &record("s"), &[]).await;
    assert_eq!(heard(&mut changes).await, Ok(Changed { id: "s".into(), version: 1 }), "what did nothing told nothing");
}

pub(crate) async fn changes_of_another_handle_are_told(ground: Ground) {
    let (store, other) = (ground.open().await, ground.open().await);
    let mut changes = other.changes();
    let mut current = record("r");
    create(&store, &current, &[]).await;
    for _ in 0..5 {
        match heard(&mut changes).await {
            Ok(changed) => assert_eq!(changed, Changed { id: "r".into(), version: current.version }),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => panic!("the store is open"),
        }
        assert_eq!(other.get("r").await, Ok(Some(current.clone())), "who is told finds it");
        current = next(&current);
        assert_eq!(store.replace(&current, &[]).await, Ok(Replaced::Stored));
    }
}

async fn heard(changes: &mut Changes) -> Result<Changed, RecvError> {
    tokio::time::timeout(PATIENCE, changes.recv()).await.expect("a change is told in time")
}

//! Records, and the keys by which they are created once.

use std::collections::BTreeSet;

use wallflower_control::store::{Created, Idempotency, Replaced, StoreError};
use wallflower_domain::record::Query;
use wallflower_domain::wire::agent::AgentCommand;

use super::{create, due, ids, race};
use crate::ground::{Ground, next, notice, record, record_of};

fn once(key: &str, digest: &str, expires_us: i64) -> Idempotency {
    Idempotency { key: key.into(), digest: digest.into(), expires_us }
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

//! Lists, their filters and their pages.

use std::sync::Arc;

use wallflower_domain::record::Query;
use wallflower_domain::recording::State;

use super::{create, ids};
use crate::ground::{Ground, next, record, record_of};

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
    let mut told_before = next(&later);
    told_before.expiry_notice_us = Some(150);
    store.replace(&told_before, &[]).await.unwrap();
    assert_eq!(ids(&store, &expired(149)).await, [""; 0]);
    assert_eq!(ids(&store, &expired(150)).await, ["r2"], "its expiry is to be told by then");
    let mut told = next(&told_before);
    told.expiry_notice_us = None;
    store.replace(&told, &[]).await.unwrap();
    assert_eq!(ids(&store, &expired(249)).await, [""; 0]);
}

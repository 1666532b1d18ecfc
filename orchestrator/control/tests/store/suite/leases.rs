//! Names that one holder has.

use std::time::{Duration, Instant};

use super::{HOUR, PATIENCE, race};
use crate::ground::Ground;

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

//! Who is told of what.

use tokio::sync::broadcast::error::RecvError;
use wallflower_control::store::{Changed, Changes, Replaced};

use super::{HOUR, PATIENCE, create};
use crate::ground::{Ground, next, record};

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

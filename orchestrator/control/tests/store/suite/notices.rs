//! What is to be told, and in which order.

use std::sync::Arc;

use wallflower_control::store::{DEAD_NOTICES, Settled, Store, StoreError};
use wallflower_domain::record::Notice;

use super::{create, due};
use crate::ground::{Ground, next, notice, record};

async fn dead(store: &Arc<dyn Store>) -> Vec<String> {
    store.notices(None, 100).await.unwrap().into_iter().map(|notice| notice.id).collect()
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

//! `cargo test --release -p wallflower-control --test store throughput -- --ignored --nocapture`

use std::sync::Arc;
use std::time::{Duration, Instant};

use wallflower_control::store::{Replaced, Store};
use wallflower_domain::record::Query;

use crate::ground::{Ground, next, notice, record};

const TASKS: usize = 64;
const LASTS: Duration = Duration::from_secs(5);

/// Replacements a second, each with a notice or without one; and how long one takes. Reads beside them.
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
async fn measure(name: &str, ground: Ground) {
    let store = ground.open().await;
    for number in 0..TASKS {
        store.create(&record(&format!("r{number:02}")), None, &[], 0).await.unwrap();
    }
    for with_notices in [false, true] {
        let began = Instant::now();
        let writing: Vec<_> = (0..TASKS)
            .map(|number| tokio::spawn(replace_until(Arc::clone(&store), number, began + LASTS, with_notices)))
            .collect();
        let reading = tokio::spawn(read_until(Arc::clone(&store), began + LASTS));
        let mut writes = Vec::new();
        for task in writing {
            writes.extend(task.await.unwrap());
        }
        let reads = reading.await.unwrap();
        let seconds = began.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let rate = writes.len() as f64 / seconds;
        let what = if with_notices { "replace + notice" } else { "replace" };
        println!(
            "{name:<28} {what:<18} {rate:>8.0}/s with {TASKS} tasks, {}; meanwhile get and list of 50: {}",
            times(writes),
            times(reads)
        );
        assert!(rate > 0.0);
    }
}

fn times(mut took: Vec<Duration>) -> String {
    took.sort();
    let at = |part: usize| took[(took.len() - 1) * part / 100].as_secs_f64() * 1000.0;
    format!("p50 {:.2} ms, p99 {:.2} ms", at(50), at(99))
}

async fn replace_until(store: Arc<dyn Store>, number: usize, end: Instant, with_notices: bool) -> Vec<Duration> {
    let id = format!("r{number:02}");
    let mut current = store.get(&id).await.unwrap().unwrap();
    let mut took = Vec::new();
    while Instant::now() < end {
        current = next(&current);
        let told = [notice(&format!("{id}-{:08}", current.version), &id, "http://hook/", 0)];
        let began = Instant::now();
        let notices = if with_notices { &told[..] } else { &[] };
        assert_eq!(store.replace(&current, notices).await, Ok(Replaced::Stored));
        took.push(began.elapsed());
    }
    took
}

async fn read_until(store: Arc<dyn Store>, end: Instant) -> Vec<Duration> {
    let mut took = Vec::new();
    while Instant::now() < end {
        let began = Instant::now();
        assert!(store.get("r00").await.unwrap().is_some());
        took.push(began.elapsed());
        let began = Instant::now();
        assert_eq!(store.list(&Query::unfinished(50)).await.unwrap().len(), 50);
        took.push(began.elapsed());
    }
    took
}

#[ignore = "it measures"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sqlite() {
    measure("SQLite, synchronous=FULL", Ground::sqlite()).await;
}

#[ignore = "it measures"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_redis() {
    if let Some(ground) = Ground::redis() {
        measure("Redis, appendfsync always", ground).await;
    }
}

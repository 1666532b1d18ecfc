//! What only the embedded store does: its file, and what a kill leaves in it.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rusqlite::Connection;
use wallflower_control::store::{self, Created, Replaced, Store, StoreError};

use crate::ground::{Ground, next, notice, record};

/// The file that a child of a test writes to.
const WRITE_TO: &str = "WALLFLOWER_TEST_WRITE_TO";
const ROUNDS: usize = 4;
const WRITERS: usize = 16;
/// So many changes are acknowledged before the writer is killed.
const ACKNOWLEDGED: usize = 400;

async fn refused(ground: &Ground) -> String {
    match store::open(&ground.address()).await {
        Err(StoreError::Broken(reason)) => reason,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let ground = Ground::sqlite();
    drop(ground.open().await);
    let database = Connection::open(ground.database()).unwrap();
    database.pragma_update(None, "user_version", 4711).unwrap();
    drop(database);
    let reason = refused(&ground).await;
    assert!(reason.contains("newer version") && reason.contains("4711") && reason.contains("store.db"), "{reason}");
}

#[tokio::test]
async fn a_file_of_another_program_is_refused_and_left_alone() {
    let ground = Ground::sqlite();
    let database = Connection::open(ground.database()).unwrap();
    database.execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    drop(database);
    assert!(refused(&ground).await.contains("another program"));
    let ground = Ground::sqlite();
    fs::write(ground.database(), "a letter to somebody, and by no means a database".repeat(40)).unwrap();
    let before = fs::read(ground.database()).unwrap();
    assert!(refused(&ground).await.contains("not a database"));
    assert_eq!(fs::read(ground.database()).unwrap(), before);
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_named() {
    let Err(error) = store::open("sqlite:/nowhere/at/all.db").await else { panic!("it was opened") };
    assert!(matches!(error, StoreError::Unavailable(_)) && error.to_string().contains("/nowhere/at/all.db"), "{error}");
    let Err(error) = store::open("postgres://wallflower:hunter2@host/db").await else { panic!("it was opened") };
    assert!(error.to_string().contains("postgres") && !error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test]
async fn the_files_are_their_owners_alone() {
    let ground = Ground::sqlite();
    fs::write(ground.database(), "").unwrap();
    fs::set_permissions(ground.database(), Permissions::from_mode(0o644)).unwrap();
    let store = ground.open().await;
    store.create(&record("r"), None, &[], 0).await.unwrap();
    let files: Vec<_> = fs::read_dir(ground.database().parent().unwrap()).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 3, "the database, its log and the index of that: {files:?}");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[tokio::test]
async fn a_document_that_was_damaged_is_named_and_hurts_no_other() {
    let ground = Ground::sqlite();
    let store = ground.open().await;
    for id in ["r1", "r2"] {
        store.create(&record(id), None, &[], 0).await.unwrap();
    }
    let database = Connection::open(ground.database()).unwrap();
    database.execute("UPDATE records SET document = '{\"secret\": \"hunter2\"' WHERE id = 'r1'", ()).unwrap();
    let Err(StoreError::Broken(reason)) = store.get("r1").await else { panic!("it was read") };
    assert!(reason.contains("r1") && !reason.contains("hunter2"), "{reason}");
    assert_eq!(store.get("r2").await, Ok(Some(record("r2"))));
}

/// The test's own binary is the writer as well: started anew with this test's name, and told so by the environment.
#[test]
fn what_was_acknowledged_survives_kill_9_of_the_writer() {
    if let Some(path) = std::env::var_os(WRITE_TO) {
        write_until_killed(path.as_ref());
    }
    let ground = Ground::sqlite();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut acknowledged = BTreeMap::<String, u64>::new();
    for _ in 0..ROUNDS {
        let mut writer = Writer::start(&ground.database());
        let mut lines = BufReader::new(writer.child.stdout.take().unwrap()).lines();
        let mut versions = 0;
        // What it says before it is killed; then what is left in the pipe.
        while let Some(Ok(line)) = lines.next() {
            let Some((id, version)) = line.strip_prefix("acknowledged ").and_then(|line| line.split_once(' ')) else {
                continue;
            };
            // The kill may cut the last line.
            if let Some(version) = version.strip_suffix('.') {
                acknowledged.insert(id.to_owned(), version.parse().unwrap());
                versions += 1;
            }
            if versions == ACKNOWLEDGED {
                writer.child.kill().unwrap();
            }
        }
        drop(writer);
        assert!(versions >= ACKNOWLEDGED, "the writer ended by itself after {versions}");
        assert_eq!(acknowledged.len(), WRITERS);
        runtime.block_on(async {
            let store = ground.open().await;
            for (id, version) in &acknowledged {
                let now = store.get(id).await.unwrap().unwrap();
                assert!(now.version >= *version, "{id} is at {} and was acknowledged at {version}", now.version);
                assert_eq!(now.changed_us, record(id).changed_us + i64::try_from(now.version).unwrap() - 1);
            }
        });
    }
    let database = Connection::open(ground.database()).unwrap();
    let check: String = database.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    for (id, version) in acknowledged {
        let notices: i64 =
            database.query_row("SELECT count(*) FROM notices WHERE recording = ?1", [&id], |row| row.get(0)).unwrap();
        let stored: i64 =
            database.query_row("SELECT version FROM records WHERE id = ?1", [&id], |row| row.get(0)).unwrap();
        assert_eq!(notices, stored, "a notice of each version of {id}, acknowledged until {version}");
    }
}

struct Writer {
    child: Child,
}

impl Writer {
    fn start(database: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["sqlite::what_was_acknowledged_survives_kill_9_of_the_writer", "--exact", "--nocapture"])
            .env(WRITE_TO, database)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        Self { child: child.unwrap() }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write_until_killed(database: &Path) -> ! {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = store::open(&format!("sqlite:{}", database.display())).await.unwrap();
        for number in 0..WRITERS {
            tokio::spawn(write(Arc::clone(&store), format!("r{number}")));
        }
        std::future::pending().await
    })
}

async fn write(store: Arc<dyn Store>, id: String) {
    let told = |version: u64| [notice(&format!("{id}-{version:06}"), &id, "http://hook/", 0)];
    let mut current = match store.get(&id).await.unwrap() {
        Some(record) => record,
        None => {
            let first = record(&id);
            assert_eq!(store.create(&first, None, &told(1), 0).await, Ok(Created::New));
            first
        }
    };
    loop {
        // With a stop at its end, so that a line that was cut is known.
        let line = format!("acknowledged {id} {}.\n", current.version);
        // The one who reads may be gone, and then so are we soon.
        if std::io::stdout().lock().write_all(line.as_bytes()).is_err() {
            std::process::exit(1);
        }
        current = next(&current);
        assert_eq!(store.replace(&current, &told(current.version)).await, Ok(Replaced::Stored));
    }
}

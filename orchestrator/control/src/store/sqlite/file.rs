//! The database's file: made, found to be ours, and brought to the schema that this version knows.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{StoreError, said};

/// Says whose file it is: "Wfl1".
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"Wfl1");

/// Each brings the schema from the version before it to its own. Never change one that was released.
const MIGRATIONS: [&str; 1] = [include_str!("migrations/1.sql")];

/// How long another process may hold the database.
const BUSY: Duration = Duration::from_secs(5);

/// A WAL that grew is cut to this once it is checkpointed.
const WAL_BYTES: i64 = 64 << 20;

const STATEMENTS: usize = 64;

/// For the writer.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    make_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|error| at(path, said(error)))?;
    prepare(&connection).and_then(|()| migrate(&mut connection)).map_err(|error| at(path, error))?;
    Ok(connection)
}

/// For a reader, when [`open`] has returned.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(connection)
    };
    open().map_err(|error| at(path, said(error)))
}

/// SQLite gives the files beside it the mode of this one.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let private = || {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        file.set_permissions(Permissions::from_mode(0o600))
    };
    private().map_err(|error| at(path, StoreError::Unavailable(error.to_string())))
}

fn prepare(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY).map_err(said)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)).map_err(said)?;
    if mode != "wal" {
        return Err(StoreError::Broken(format!(
            "its journal can only be {mode}, not a write-ahead log; put it on a local disk"
        )));
    }
    connection.pragma_update(None, "synchronous", "full").map_err(said)?;
    connection.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES, |_| Ok(())).map_err(said)
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(said)?;
    let pragma = |name| transaction.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(said);
    let owner = pragma("application_id")?;
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0)).map_err(said)?;
    if owner != APPLICATION_ID && (owner != 0 || tables > 0) {
        return Err(StoreError::Broken("it is the database of another program; name another file".into()));
    }
    let (have, known) = (pragma("user_version")?, MIGRATIONS.len());
    let Some(missing) = usize::try_from(have).ok().and_then(|have| MIGRATIONS.get(have..)) else {
        return Err(StoreError::Broken(format!(
            "a newer version of Wallflower has written it (schema {have}, this one knows {known}); run that version, or name another file"
        )));
    };
    for migration in missing {
        transaction.execute_batch(migration).map_err(said)?;
    }
    if !missing.is_empty() {
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(said)?;
        transaction.pragma_update(None, "user_version", i64::try_from(known).unwrap_or(i64::MAX)).map_err(said)?;
    }
    transaction.commit().map_err(said)
}

/// With the file that it is about.
fn at(path: &Path, error: StoreError) -> StoreError {
    let with = |said: String| format!("{}: {said}", path.display());
    match error {
        StoreError::Unavailable(said) => StoreError::Unavailable(with(said)),
        StoreError::Broken(said) => StoreError::Broken(with(said)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The database of a test, and where it is.
    fn fresh() -> (Connection, tempfile::TempDir) {
        let directory = tempfile::tempdir().expect("a directory");
        (open(&directory.path().join("store.db")).expect("a database"), directory)
    }

    #[test]
    fn a_commit_is_synced_before_it_is_acknowledged() {
        let (connection, _directory) = fresh();
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
        assert_eq!(pragma("journal_mode"), Ok("wal".to_owned().into()));
        assert_eq!(pragma("synchronous"), Ok(2.into()), "2 is full");
    }

    /// What walks or sorts a table is fast in tests and slow after a year.
    #[test]
    fn every_statement_finds_what_it_looks_for_by_an_index() {
        use super::super::{notices, records};
        use wallflower_domain::record::Query;
        use wallflower_domain::recording::State;

        let (connection, _directory) = fresh();
        let all = Query::newest(10);
        let of = |states: &[State]| Query { states: states.to_vec(), ..all.clone() };
        let after = |query: &Query| Query { after: Some("r".into()), ..query.clone() };
        let room = |query: &Query| Query { room: Some("demo:a".into()), ..query.clone() };
        let owner = |query: &Query| Query { owner: Some("k".into()), ..query.clone() };
        let completed = of(&[State::Completed, State::Failed]);
        let unfinished = Query::unfinished(10);
        let mut pages = Vec::new();
        for query in [&all, &completed, &unfinished] {
            pages.extend([query.clone(), room(query), owner(query), room(&owner(query))]);
        }
        pages.extend(pages.clone().iter().map(after));
        let statements = pages.iter().map(records::page_sql).chain(notices::SQL.map(str::to_owned));
        for sql in statements {
            let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect(&sql);
            let parameters = vec![0; explain.parameter_count()];
            let plan = explain.query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3));
            let steps: Vec<_> = plan.expect(&sql).map(|step| step.expect(&sql)).collect();
            for step in &steps {
                let walks = step.starts_with("SCAN") && !step.contains("USING") && step.contains("records");
                let walks_notices = step.starts_with("SCAN notices") && !step.contains("USING");
                assert!(!walks && !walks_notices && !step.contains("TEMP B-TREE"), "{sql}\n{steps:#?}");
            }
        }
        let expired = records::page_sql(&Query { expired_by_us: Some(0), ..unfinished });
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {expired}")).expect("valid");
        let parameters = vec![0; explain.parameter_count()];
        let plan = explain.query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3));
        let steps: Vec<_> = plan.expect("a plan").map(|step| step.expect("a step")).collect();
        assert!(steps.iter().any(|step| step.contains("records_by_expiry")), "{steps:#?}");
        assert!(!steps.iter().any(|step| step.contains("records_by_state")), "{steps:#?}");
    }
}

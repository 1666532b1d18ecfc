//! Notices in SQL.

use rusqlite::{Connection, OptionalExtension as _, params};
use wallflower_domain::record::Notice;

use super::super::DEAD_NOTICES;
use super::super::document::{NoticeRow, read};
use super::records::execute;
use super::{StoreError, said};

const DUE: &str = "SELECT id, document FROM notices WHERE head = 1 AND due_us <= ?1 ORDER BY due_us, id LIMIT ?2";
const DEAD: &str = "SELECT id, document FROM notices WHERE dead = 1 ORDER BY id DESC LIMIT ?1";
const DEMOTE: &str = "UPDATE notices SET head = 0 WHERE recording = ?1 AND url = ?2 AND head = 1
     AND id <> (SELECT min(id) FROM notices WHERE recording = ?1 AND url = ?2 AND dead = 0)";
const PROMOTE: &str = "UPDATE notices SET head = 1 WHERE head = 0
     AND id = (SELECT min(id) FROM notices WHERE recording = ?1 AND url = ?2 AND dead = 0)";
const FORGET: &str = "DELETE FROM notices WHERE dead = 1
     AND id <= (SELECT id FROM notices WHERE dead = 1 ORDER BY id DESC LIMIT 1 OFFSET ?1)";

/// What must stay fast however many there are.
#[cfg(test)]
pub(super) const SQL: [&str; 5] = [DUE, DEAD, DEMOTE, PROMOTE, FORGET];

pub(super) fn insert(connection: &Connection, notices: &[NoticeRow]) -> Result<(), StoreError> {
    for notice in notices {
        let inserted = execute(
            connection,
            "INSERT INTO notices (id, recording, url, due_us, dead, head, document) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)
             ON CONFLICT (id) DO NOTHING",
            params![notice.id, notice.recording, notice.url, notice.due_us, notice.dead, notice.document],
        )?;
        if inserted == 0 {
            return Err(StoreError::Broken(format!("there is a notice {} already", notice.id)));
        }
        choose_head(connection, &notice.recording, &notice.url)?;
    }
    if notices.iter().any(|notice| notice.dead) {
        forget_old_dead(connection)?;
    }
    Ok(())
}

pub(super) fn list(connection: &Connection, due_by_us: Option<i64>, limit: usize) -> Result<Vec<Notice>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let columns = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
    let rows: Vec<_> = match due_by_us {
        Some(due_by_us) => connection
            .prepare_cached(DUE)
            .and_then(|mut select| select.query_map([due_by_us, limit], columns)?.collect()),
        None => connection.prepare_cached(DEAD).and_then(|mut select| select.query_map([limit], columns)?.collect()),
    }
    .map_err(said)?;
    rows.into_iter().map(|(id, document)| read("notice", &id, &document)).collect()
}

/// It is forgotten, or kept as it is now.
pub(super) fn settle(connection: &Connection, id: &str, kept: Option<&NoticeRow>) -> Result<(), StoreError> {
    let queue = connection
        .prepare_cached("SELECT recording, url FROM notices WHERE id = ?1")
        .and_then(|mut select| {
            select.query_row([id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).optional()
        })
        .map_err(said)?;
    let Some((recording, url)) = queue else { return Ok(()) };
    if let Some(notice) = kept {
        if (notice.id.as_str(), &notice.recording, &notice.url) != (id, &recording, &url) {
            return Err(StoreError::Broken(format!("the notice {id} can't become another one")));
        }
        execute(
            connection,
            "UPDATE notices SET due_us = ?2, dead = ?3, head = head AND NOT ?3, document = ?4 WHERE id = ?1",
            params![id, notice.due_us, notice.dead, notice.document],
        )?;
    } else {
        execute(connection, "DELETE FROM notices WHERE id = ?1", [id])?;
    }
    choose_head(connection, &recording, &url)?;
    if kept.is_some_and(|notice| notice.dead) {
        forget_old_dead(connection)?;
    }
    Ok(())
}

/// The head of a queue is the oldest that is not dead.
fn choose_head(connection: &Connection, recording: &str, url: &str) -> Result<(), StoreError> {
    for change in [DEMOTE, PROMOTE] {
        execute(connection, change, [recording, url])?;
    }
    Ok(())
}

fn forget_old_dead(connection: &Connection) -> Result<(), StoreError> {
    let kept = i64::try_from(DEAD_NOTICES).unwrap_or(i64::MAX);
    execute(connection, FORGET, [kept])?;
    Ok(())
}

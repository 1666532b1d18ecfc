//! Records, idempotency keys and leases in SQL.

use rusqlite::{Connection, OptionalExtension as _, ToSql, named_params, params};
use wallflower_domain::record::{Query, Record};
use wallflower_domain::recording::State;

use super::super::document::{RecordRow, read, state_name};
use super::super::{Created, Replaced};
use super::{StoreError, said};

/// An idempotency key that is used at this time.
pub(super) struct Once {
    pub(super) name: String,
    pub(super) digest: String,
    pub(super) expires_us: i64,
    pub(super) now_us: i64,
}

/// What was created with this key before; if nothing was, the key is now that of `id`.
pub(super) fn created_before(
    connection: &Connection,
    once: Option<&Once>,
    id: &str,
) -> Result<Option<Created>, StoreError> {
    let Some(once) = once else { return Ok(None) };
    execute(connection, "DELETE FROM once WHERE expires_us <= ?1", params![once.now_us])?;
    let before = connection
        .prepare_cached("SELECT digest, recording FROM once WHERE name = ?1")
        .and_then(|mut select| {
            select.query_row([&once.name], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).optional()
        })
        .map_err(said)?;
    if let Some((digest, recording)) = before {
        let record = get(connection, &recording)?.map(Box::new);
        return Ok(Some(Created::Before { digest, record }));
    }
    execute(
        connection,
        "INSERT INTO once (name, digest, recording, expires_us) VALUES (?1, ?2, ?3, ?4)",
        params![once.name, once.digest, id, once.expires_us],
    )?;
    Ok(None)
}

pub(super) fn insert(connection: &Connection, row: &RecordRow) -> Result<(), StoreError> {
    let inserted = execute(
        connection,
        "INSERT INTO records (id, version, state, room, owner, expires_us, document) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (id) DO NOTHING",
        params![row.id, row.version, row.state, row.room, row.owner, row.expires_us, row.document],
    )?;
    if inserted == 0 {
        return Err(StoreError::Broken(format!("there is a recording {} already", row.id)));
    }
    Ok(())
}

pub(super) fn get(connection: &Connection, id: &str) -> Result<Option<Record>, StoreError> {
    let document = connection
        .prepare_cached("SELECT document FROM records WHERE id = ?1")
        .and_then(|mut select| select.query_row([id], |row| row.get::<_, String>(0)).optional())
        .map_err(said)?;
    document.map(|document| read("recording", id, &document)).transpose()
}

pub(super) fn replace(connection: &Connection, row: &RecordRow) -> Result<Replaced, StoreError> {
    let updated = execute(
        connection,
        "UPDATE records SET version = ?2, state = ?3, room = ?4, owner = ?5, expires_us = ?6, document = ?7
         WHERE id = ?1 AND version = ?2 - 1",
        params![row.id, row.version, row.state, row.room, row.owner, row.expires_us, row.document],
    )?;
    if updated == 1 {
        return Ok(Replaced::Stored);
    }
    Ok(get(connection, &row.id)?.map_or(Replaced::Gone, |record| Replaced::Stale(Box::new(record))))
}

pub(super) fn delete(connection: &Connection, id: &str) -> Result<bool, StoreError> {
    Ok(execute(connection, "DELETE FROM records WHERE id = ?1", [id])? == 1)
}

pub(super) fn list(connection: &Connection, query: &Query) -> Result<Vec<Record>, StoreError> {
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let states = states(query);
    let names = states.iter().copied().map(state_name).collect::<Result<Vec<_>, _>>()?;
    let placeholders: Vec<_> = (0..names.len()).map(|index| format!(":state{index}")).collect();
    let mut parameters: Vec<(&str, &dyn ToSql)> = vec![(":limit", &limit)];
    parameters.extend(placeholders.iter().zip(&names).map(|(placeholder, name)| (placeholder.as_str(), name as _)));
    if let Some(room) = &query.room {
        parameters.push((":room", room));
    }
    if let Some(owner) = &query.owner {
        parameters.push((":owner", owner));
    }
    if let Some(expired_by_us) = &query.expired_by_us {
        parameters.push((":expired_by_us", expired_by_us));
    }
    if let Some(after) = &query.after {
        parameters.push((":after", after));
    }
    let mut select = connection.prepare_cached(&page_sql(query)).map_err(said)?;
    let rows = select
        .query_map(parameters.as_slice(), |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
        .map_err(said)?;
    rows.map(|row| {
        let (id, document) = row.map_err(said)?;
        read("recording", &id, &document)
    })
    .collect()
}

fn states(query: &Query) -> Vec<State> {
    let mut states = query.states.clone();
    states.sort();
    states.dedup();
    states
}

/// Each state is looked for in the order of its index, so what a page costs does not grow with the table.
pub(super) fn page_sql(query: &Query) -> String {
    let of_each = states(query).into_iter().enumerate().map(|(index, state)| {
        let ids = ids(query, Some((state, &format!(":state{index}"))));
        format!("SELECT id FROM ({ids})")
    });
    let of_each: Vec<_> = of_each.collect();
    let ids = if of_each.is_empty() { ids(query, None) } else { of_each.join(" UNION ALL ") };
    format!("SELECT id, document FROM records WHERE id IN ({ids}) ORDER BY id DESC LIMIT :limit")
}

/// The ids of a page, of one state if that is given. A `+` keeps SQLite from an index that would be the wrong one: few recordings are
/// unfinished and few have expired, while one owner or room may have nearly all of them.
fn ids(query: &Query, state: Option<(State, &str)>) -> String {
    let by_expiry = query.expired_by_us.is_some();
    let by_state = !by_expiry && state.is_some_and(|(state, _)| !state.is_terminal());
    let unless = |other: bool| if other { "+" } else { "" };
    let mut conditions = Vec::new();
    if by_expiry {
        conditions.push("expires_us <= :expired_by_us".to_owned());
    }
    if let Some((_, placeholder)) = state {
        let other = by_expiry || (!by_state && (query.room.is_some() || query.owner.is_some()));
        conditions.push(format!("{}state = {placeholder}", unless(other)));
    }
    if query.room.is_some() {
        conditions.push(format!("{}room = :room", unless(by_expiry || by_state)));
    }
    if query.owner.is_some() {
        conditions.push(format!("{}owner = :owner", unless(by_expiry || by_state)));
    }
    let id = if by_expiry { "+id" } else { "id" };
    if query.after.is_some() {
        conditions.push(format!("{id} < :after"));
    }
    let conditions = if conditions.is_empty() { "TRUE".to_owned() } else { conditions.join(" AND ") };
    format!("SELECT id FROM records WHERE {conditions} ORDER BY {id} DESC LIMIT :limit")
}

pub(super) fn lease(
    connection: &Connection,
    name: &str,
    holder: &str,
    now_us: i64,
    time_to_live_us: i64,
) -> Result<bool, StoreError> {
    execute(connection, "DELETE FROM leases WHERE expires_us <= ?1", [now_us])?;
    if time_to_live_us == 0 {
        execute(connection, "DELETE FROM leases WHERE name = ?1 AND holder = ?2", [name, holder])?;
        let mut select = connection.prepare_cached("SELECT 1 FROM leases WHERE name = ?1").map_err(said)?;
        return Ok(!select.exists([name]).map_err(said)?);
    }
    let taken = execute(
        connection,
        "INSERT INTO leases (name, holder, expires_us) VALUES (:name, :holder, :expires_us)
         ON CONFLICT (name) DO UPDATE SET expires_us = excluded.expires_us WHERE holder = excluded.holder",
        named_params! {":name": name, ":holder": holder, ":expires_us": now_us.saturating_add(time_to_live_us)},
    )?;
    Ok(taken == 1)
}

/// How many rows it has changed.
pub(super) fn execute(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<usize, StoreError> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute(parameters)).map_err(said)
}

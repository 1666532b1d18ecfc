//! `wallflower list` of a server's recordings.

use serde::Deserialize;
use url::Url;
use wallflower_control::orchestrator::Resource;
use wallflower_domain::failure::Failure;
use wallflower_domain::recording::State;

use super::http::Server;
use super::table;
use crate::control::{print_lines, state_name};

/// The largest page that a server gives.
const LARGEST_PAGE: &str = "200";
/// A list with more pages is not for a person.
const MOST_PAGES: usize = 500;

/// A page of recordings, newest first.
#[derive(Deserialize)]
pub(super) struct Page {
    pub(super) recordings: Vec<Resource>,
    /// For the next page; absent on the last.
    pub(super) next_cursor: Option<String>,
}

/// The address of a page.
pub(super) fn listing(server: &Server, states: &[State], cursor: Option<&str>, is_large: bool) -> Url {
    let mut url = server.url(["recordings"]);
    {
        let mut query = url.query_pairs_mut();
        if !states.is_empty() {
            let names: Vec<String> = states.iter().map(|state| state_name(*state)).collect();
            query.append_pair("state", &names.join(","));
        }
        if let Some(cursor) = cursor {
            query.append_pair("cursor", cursor);
        }
        if is_large {
            query.append_pair("limit", LARGEST_PAGE);
        }
    }
    // An empty query leaves its mark.
    if url.query() == Some("") {
        url.set_query(None);
    }
    url
}

/// One page, or all of them. As JSON each is a line, as the server wrote it.
pub(crate) async fn list(server: &Server, states: &[State], all: bool, json: bool) -> Result<(), Failure> {
    let (mut rows, mut cursor) = (Vec::new(), None);
    let pages = if all { MOST_PAGES } else { 1 };
    for _ in 0..pages {
        let (text, page): (_, Page) = server.get(listing(server, states, cursor.as_deref(), all)).await?;
        if json {
            print_lines([text]);
        } else {
            rows.extend(page.recordings.iter().map(table::row));
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    if json {
        return Ok(());
    }
    if rows.is_empty() {
        eprintln!("{} has no such recordings", server.name());
    } else {
        print_lines(table::list(rows));
    }
    if cursor.is_some() {
        eprintln!("there are older ones{}", if all { "" } else { "; --all shows them" });
    }
    Ok(())
}

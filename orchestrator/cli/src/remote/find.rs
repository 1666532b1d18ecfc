//! Which of a server's recordings is meant, and what is asked of it.

use wallflower_control::orchestrator::Resource;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::recording::State;

use super::http::{Server, Trouble};
use super::list::{Page, listing};
use crate::control::matching;

/// Recordings that have ended are looked for among so many of the last.
const PAGES_OF_ENDED: usize = 10;
/// Of those that have not, there are not so many.
const PAGES_OF_RUNNING: usize = 500;
/// In a sentence that lists them.
const MOST_LISTED: usize = 20;
const ID_LENGTH: usize = 32;

/// A recording of a server.
#[derive(Clone, Debug)]
pub(crate) struct Distant {
    pub(super) server: Server,
    pub(super) id: String,
}

impl Distant {
    /// The one that is meant: by its id, or by the beginning or end of it, or as the only one that has not ended.
    pub(crate) async fn find(server: Server, wanted: Option<&str>) -> Result<Self, Failure> {
        if let Some(id) = wanted.filter(|id| id.len() == ID_LENGTH && id.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            return Ok(Self { server, id: id.to_ascii_lowercase() });
        }
        if wanted.is_some_and(str::is_empty) {
            return Err(bad("An id is empty; leave it out, or name a recording by an end of it.".to_owned()));
        }
        let running = some(&server, |state| !state.is_terminal(), PAGES_OF_RUNNING).await?;
        let mut found = the_meant(&running, wanted);
        let mut ended = Vec::new();
        if found.is_empty() && wanted.is_some() {
            ended = some(&server, State::is_terminal, PAGES_OF_ENDED).await?;
            found = the_meant(&ended, wanted);
        }
        let sentence = match (found.as_slice(), wanted) {
            ([one], _) => return Ok(Self { id: one.id.clone(), server }),
            ([], None) => format!("{} records nothing now; name a recording that has ended by its id.", server.name()),
            ([], Some(wanted)) => {
                let ended = ended.len();
                format!(
                    "{} has no recording whose id is, begins or ends with \"{wanted}\" that runs, or is among the last {ended} that have ended.",
                    server.name()
                )
            }
            (several, None) => {
                format!("Say by --id which recording is meant. These have not ended:{}", listed(several))
            }
            (several, Some(wanted)) => format!("\"{wanted}\" may mean several recordings:{}", listed(several)),
        };
        Err(bad(sentence))
    }

    /// As it is: the server's own words, and what they say.
    pub(super) async fn now(&self) -> Result<(String, Resource), Trouble> {
        self.server.get(self.server.url(["recordings", &self.id])).await
    }

    /// As it is once it has a version after this one, or a while later.
    pub(super) async fn after(&self, version: u64) -> Result<(String, Resource), Trouble> {
        let mut url = self.server.url(["recordings", &self.id]);
        url.query_pairs_mut().append_pair("after_version", &version.to_string());
        self.server.get(url).await
    }

    /// How it is, for `wallflower show`.
    pub(crate) async fn show(&self) -> Result<(String, Vec<String>), Failure> {
        let (json, resource) = self.now().await?;
        Ok((json, super::table::show(&resource, &self.server)))
    }
}

/// Those in some states, newest first.
async fn some(server: &Server, which: impl Fn(State) -> bool, pages: usize) -> Result<Vec<Resource>, Failure> {
    let states: Vec<State> = State::ALL.into_iter().filter(|state| which(*state)).collect();
    let (mut all, mut cursor) = (Vec::new(), None);
    for _ in 0..pages {
        let (_, page): (_, Page) = server.get(listing(server, &states, cursor.as_deref(), true)).await?;
        all.extend(page.recordings);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(all)
}

fn the_meant<'a>(all: &'a [Resource], wanted: Option<&str>) -> Vec<&'a Resource> {
    let ids: Vec<String> = all.iter().map(|one| one.id.clone()).collect();
    let meant = matching(&ids, wanted);
    all.iter().filter(|one| meant.contains(&one.id.as_str())).collect()
}

fn listed(several: &[&Resource]) -> String {
    let mut lines: String =
        several.iter().take(MOST_LISTED).map(|one| format!("\n  {}  {}", one.id, one.room)).collect();
    if several.len() > MOST_LISTED {
        lines.push_str(&format!("\n  and {} more", several.len() - MOST_LISTED));
    }
    lines
}

fn bad(sentence: String) -> Failure {
    Failure::new(FailureKind::BadRequest, sentence)
}

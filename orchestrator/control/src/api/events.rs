//! A recording as it changes, by server-sent events.
//!
//! ```text
//! event: recording   data: {…}    the recording, whenever it has changed; its version is the event's id
//! event: progress    data: {…}    how the capture goes, about once a second
//! event: end         data: {}     it has ended, and nothing follows
//! ```

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream;
use wallflower_domain::record::Record;

use super::Api;
use super::auth::{Caller, Scope};
use super::path::Path;
use super::problem::Problem;
use crate::orchestrator::Denied;
use crate::store::Changes;

const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

struct Following {
    api: Api,
    id: String,
    changes: Changes,
    shown: u64,
    is_over: bool,
}

pub(crate) async fn follow(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    caller.may(Scope::Read)?;
    let changes = api.orchestrator.store().changes();
    let record = api.orchestrator.get(&id).await?;
    if !caller.sees(record.owner.as_deref()) {
        return Err(Denied::Missing.into());
    }
    let following = Following { api, id, changes, shown: 0, is_over: false };
    let events = stream::unfold(following, |mut following| async {
        let event = following.next().await?;
        Some((Ok(event), following))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

impl Following {
    async fn next(&mut self) -> Option<Event> {
        if self.is_over {
            return None;
        }
        loop {
            // Deleted, or the store fails: whoever follows connects again and is told.
            let record = self.api.orchestrator.get(&self.id).await.ok()?;
            if record.version > self.shown {
                self.shown = record.version;
                return self.event("recording", &record);
            }
            if record.state().is_terminal() {
                self.is_over = true;
                return Some(Event::default().event("end").data("{}"));
            }
            match tokio::time::timeout(PROGRESS_INTERVAL, self.changed()).await {
                Ok(()) => {}
                Err(_) => {
                    if let Some(progress) = self.api.orchestrator.resource(&record).progress {
                        return Event::default().event("progress").json_data(progress).ok();
                    }
                }
            }
        }
    }

    fn event(&self, name: &str, record: &Record) -> Option<Event> {
        let event = Event::default().event(name).id(record.version.to_string());
        event.json_data(self.api.orchestrator.resource(record)).ok()
    }

    async fn changed(&mut self) {
        // A lag or a closed channel is a reason to look.
        while self.changes.recv().await.is_ok_and(|changed| changed.id != self.id) {}
    }
}

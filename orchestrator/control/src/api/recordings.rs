//! Recordings: made, seen, controlled.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query as UrlQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use wallflower_domain::look::{Look, LookChange};
use wallflower_domain::output::StreamUrl;
use wallflower_domain::record::{Outcome, Query, Record};
use wallflower_domain::recording::State as Life;
use wallflower_domain::request::RecordingRequest;
use wallflower_domain::secret::Secret;
use wallflower_domain::wire::agent::{AgentCommand, PauseMode};

use super::Api;
use super::auth::{Caller, Scope};
use super::body::Body;
use super::path::Path;
use super::problem::Problem;
use crate::digest::sha256;
use crate::orchestrator::{OrderResource, Ordered, Resource};

const LONGEST_KEY: usize = 200;
const LONGEST_LABEL: usize = 200;
const USUAL_PAGE: usize = 50;
const LARGEST_PAGE: usize = 200;
/// How long a request waits for a newer version.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A recording that the caller may see.
pub(super) async fn found(api: &Api, caller: &Caller, id: &str) -> Result<Record, Problem> {
    let record = api.orchestrator.get(id).await?;
    // What is somebody else's is as if it were not there.
    if caller.sees(record.owner.as_deref()) { Ok(record) } else { Err(crate::orchestrator::Denied::Missing.into()) }
}

pub(crate) async fn create(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Body(request): Body<RecordingRequest>,
) -> Result<Response, Problem> {
    caller.may(Scope::Record)?;
    check_metadata(&request)?;
    request
        .first_look()
        .applied_to(&Look::default())
        .map_err(|bad| Problem::bad_request(bad.message).about(bad.field))?;
    let once = idempotency(&headers, &request)?;
    let (record, is_new) = api.orchestrator.create(request, &caller.requester(), once).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let location = format!("/v1/recordings/{}", record.id());
    Ok((status, [(header::LOCATION, location)], shown(&api, &record)).into_response())
}

fn check_metadata(request: &RecordingRequest) -> Result<(), Problem> {
    use wallflower_domain::request::{MAX_METADATA, MAX_METADATA_CHARS};
    let metadata = &request.metadata;
    if metadata.len() > MAX_METADATA {
        let detail = format!("There may be at most {MAX_METADATA} entries of metadata.");
        return Err(Problem::bad_request(detail).about("metadata"));
    }
    let is_long = |text: &String| text.chars().count() > MAX_METADATA_CHARS;
    match metadata.iter().find(|(key, value)| is_long(key) || is_long(value)) {
        Some((key, _)) => {
            let detail = format!("Keys and values of metadata have at most {MAX_METADATA_CHARS} characters.");
            let key: String = key.chars().take(40).collect();
            Err(Problem::bad_request(detail).about(format!("metadata.{key}")))
        }
        None => Ok(()),
    }
}

fn idempotency(headers: &HeaderMap, request: &RecordingRequest) -> Result<Option<(String, String)>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key =
        key.to_str().ok().filter(|key| (1..=LONGEST_KEY).contains(&key.len()) && !key.contains('\t')).ok_or_else(
            || {
                let detail = format!("An Idempotency-Key has 1 to {LONGEST_KEY} printable characters.");
                Problem::bad_request(detail).about("Idempotency-Key")
            },
        )?;
    let text = serde_json::to_vec(request).unwrap_or_default();
    let digest = sha256(&text);
    Ok(Some((key.to_owned(), digest)))
}

/// With its version as its tag.
fn shown(api: &Api, record: &Record) -> Response {
    let tag = format!("\"{}\"", record.version);
    ([(header::ETAG, tag)], Json(api.orchestrator.resource(record))).into_response()
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {
    /// States, separated by commas.
    #[schemars(with = "Option<String>", extend("type" = "string", "pattern" = state_pattern(), "examples" = ["recording,paused"]))]
    state: Option<String>,
    /// Only recordings of this room.
    #[schemars(extend("type" = "string"))]
    room: Option<String>,
    /// Where the page begins: `next_cursor` of the page before it.
    #[schemars(extend("type" = "string", "pattern" = "^[0-9a-fA-F]{32}$"))]
    cursor: Option<String>,
    /// Most recordings of the page; 50 when absent.
    #[schemars(extend("type" = "integer", "minimum" = 1, "maximum" = LARGEST_PAGE))]
    limit: Option<usize>,
}

fn state_pattern() -> String {
    let names: Vec<String> =
        Life::ALL.into_iter().map(|state| json!(state).as_str().unwrap_or_default().to_owned()).collect();
    let one = names.join("|");
    format!("^({one})(,({one}))*$")
}

/// A part of a list.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RecordingPage")]
pub(crate) struct Page {
    /// Newest first.
    recordings: Vec<Resource>,
    /// For the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

pub(super) fn asked<T>(query: Result<UrlQuery<T>, QueryRejection>) -> Result<T, Problem> {
    query.map(|UrlQuery(query)| query).map_err(|error| Problem::bad_request(format!("{}.", error.body_text())))
}

pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    query: Result<UrlQuery<Listing>, QueryRejection>,
) -> Result<Response, Problem> {
    caller.may(Scope::Read)?;
    let listing = asked(query)?;
    let names = listing.state.as_deref().into_iter().flat_map(|states| states.split(','));
    let states: Result<Vec<Life>, Problem> = names
        .map(|name| {
            serde_json::from_value(json!(name)).map_err(|_| {
                let name: String = name.chars().take(40).collect();
                Problem::bad_request(format!("\"{name}\" is no state of a recording.")).about("state")
            })
        })
        .collect();
    let limit = listing.limit.unwrap_or(USUAL_PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(Problem::bad_request(format!("A page has 1 to {LARGEST_PAGE} recordings.")).about("limit"));
    }
    if listing.cursor.as_deref().is_some_and(|cursor| !is_id(cursor)) {
        return Err(Problem::bad_request("This is no cursor of ours.").about("cursor"));
    }
    let query = Query {
        states: states?,
        room: listing.room,
        owner: caller.own(),
        expired_by_us: None,
        after: listing.cursor,
        // One more tells whether there is a next page.
        limit: limit + 1,
    };
    let mut records = api.orchestrator.list(&query).await?;
    let is_last = records.len() <= limit;
    records.truncate(limit);
    let next_cursor = records.last().filter(|_| !is_last).map(|record| record.id().to_owned());
    let recordings = records.iter().map(|record| api.orchestrator.resource(record)).collect();
    Ok(Json(Page { recordings, next_cursor }).into_response())
}

/// Whether a text is an id as we make them.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Waiting {
    /// Wait for a version after this one, 30 s at most.
    #[schemars(extend("type" = "integer"))]
    after_version: Option<u64>,
}

pub(crate) async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    query: Result<UrlQuery<Waiting>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.may(Scope::Read)?;
    let mut record = found(&api, &caller, &id).await?;
    if let Some(version) = asked(query)?.after_version {
        record = api.orchestrator.wait(&id, version, LONGEST_WAIT).await?;
    }
    let tag = format!("\"{}\"", record.version);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    // Progress has no version of its own: a running recording is shown anew.
    if record.state().is_terminal() && known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    Ok(shown(&api, &record))
}

pub(crate) async fn remove(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Record)?;
    found(&api, &caller, &id).await?;
    api.orchestrator.delete(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn stop(State(api): State<Api>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    caller.may(Scope::Record)?;
    let record = found(&api, &caller, &id).await?;
    let record = api.orchestrator.stop(record).await?;
    Ok(shown(&api, &record))
}

/// Orders something and answers what came of it: 200 when it has taken effect, 202 when the agent has not answered yet.
async fn order(api: &Api, caller: &Caller, id: &str, command: AgentCommand) -> Result<Response, Problem> {
    caller.may(Scope::Record)?;
    found(api, caller, id).await?;
    let Ordered { record, order } = api.orchestrator.order(id, command).await?;
    let status = match order.outcome {
        Some(Outcome::Done) => StatusCode::OK,
        Some(Outcome::Failed(failure)) => {
            return Err(match failure.fault() {
                wallflower_domain::failure::Fault::Request => {
                    Problem::new(StatusCode::CONFLICT, "conflict", failure.message)
                }
                _ => failure.into(),
            });
        }
        None if record.state().is_terminal() => {
            let detail = "The recording ended before this could take effect.";
            return Err(Problem::new(StatusCode::CONFLICT, "conflict", detail));
        }
        None => StatusCode::ACCEPTED,
    };
    let stream = match order.command {
        AgentCommand::AddStream { id, .. } => Some(id),
        _ => None,
    };
    let answer = OrderResource { recording: api.orchestrator.resource(&record), stream };
    Ok((status, Json(answer)).into_response())
}

/// How it is paused.
#[derive(Default, Deserialize, JsonSchema)]
#[schemars(rename = "PauseRequest")]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Pausing {
    /// What becomes of that time.
    mode: PauseMode,
}

pub(crate) async fn pause(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    Body(Pausing { mode }): Body<Pausing>,
) -> Result<Response, Problem> {
    order(&api, &caller, &id, AgentCommand::Pause { mode }).await
}

pub(crate) async fn resume(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    order(&api, &caller, &id, AgentCommand::Resume).await
}

pub(crate) async fn mute(State(api): State<Api>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    order(&api, &caller, &id, AgentCommand::Mute).await
}

pub(crate) async fn unmute(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    order(&api, &caller, &id, AgentCommand::Unmute).await
}

/// A marker at the present moment.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "MarkerRequest")]
#[serde(deny_unknown_fields)]
pub(crate) struct Marking {
    /// Its title; not only spaces.
    #[schemars(length(min = 1, max = LONGEST_LABEL), regex(pattern = r"\S"))]
    label: String,
}

pub(crate) async fn mark(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    Body(Marking { label }): Body<Marking>,
) -> Result<Response, Problem> {
    if label.trim().is_empty() || label.chars().count() > LONGEST_LABEL {
        let detail = format!("A marker's label has 1 to {LONGEST_LABEL} characters.");
        return Err(Problem::bad_request(detail).about("label"));
    }
    order(&api, &caller, &id, AgentCommand::Mark { label }).await
}

pub(crate) async fn look(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    Body(change): Body<LookChange>,
) -> Result<Response, Problem> {
    if change.is_empty() {
        return Err(
            Problem::bad_request("Name what is to be changed, such as {\"layout\": \"speaker\"}.").about("layout")
        );
    }
    caller.may(Scope::Record)?;
    let record = found(&api, &caller, &id).await?;
    // By what was asked for at the beginning, which the agent does by what there is: enough to name the field.
    let (layout, theme) = (record.request.layout.unwrap_or_default(), record.request.theme.clone().unwrap_or_default());
    change.applied_to(&Look::new(layout, theme)).map_err(|bad| Problem::bad_request(bad.message).about(bad.field))?;
    order(&api, &caller, &id, AgentCommand::Look { change: Box::new(change) }).await
}

/// A stream to add.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "StreamRequest")]
#[serde(deny_unknown_fields)]
pub(crate) struct Streaming {
    /// Where to, with its key.
    url: StreamUrl,
}

pub(crate) async fn add_stream(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    Body(Streaming { url }): Body<Streaming>,
) -> Result<Response, Problem> {
    url.check(api.orchestrator.config().allows_private())
        .map_err(|error| Problem::bad_request(format!("{error}.")).about("url"))?;
    let url = Secret::new(url.expose());
    order(&api, &caller, &id, AgentCommand::AddStream { id: String::new(), url }).await
}

pub(crate) async fn remove_stream(
    State(api): State<Api>,
    caller: Caller,
    Path((id, stream)): Path<(String, String)>,
) -> Result<Response, Problem> {
    order(&api, &caller, &id, AgentCommand::RemoveStream { stream: Secret::new(stream) }).await
}

/// Notices that nobody took, newest first, without what is in them.
pub(crate) async fn dead_notices(State(api): State<Api>, caller: Caller) -> Result<Response, Problem> {
    caller.may(Scope::Admin)?;
    let dead = api.orchestrator.store().notices(None, LARGEST_PAGE).await?;
    let shown = dead.into_iter().map(|notice| DeadNotice {
        host: host(&notice.url),
        id: notice.id,
        recording: notice.recording,
        tries: notice.tries,
        trouble: notice.trouble,
    });
    Ok(Json(DeadNotices { notices: shown.collect() }).into_response())
}

/// Of an e-mail's recipient the domain alone.
fn host(url: &str) -> Option<String> {
    match url.strip_prefix("mailto:") {
        Some(to) => to.rsplit('@').next().map(|domain| format!("mail to {domain}")),
        None => url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)),
    }
}

/// What nobody took.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DeadNotices {
    /// Newest first.
    notices: Vec<DeadNotice>,
}

/// A notice that nobody took.
#[derive(Serialize, JsonSchema)]
struct DeadNotice {
    /// Its id.
    id: String,
    /// The recording that it is of.
    recording: String,
    /// To whom it was posted; `mail to example.org` for an e-mail.
    host: Option<String>,
    /// How often.
    tries: u32,
    /// What went wrong last.
    trouble: Option<String>,
}

//! Links to a recording, as its owner makes, lists and takes them back. What is behind them is [`super::shared`].

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wallflower_domain::record::Record;
use wallflower_domain::request::{Moment, RelativePath};
use wallflower_domain::share::{Opens, Share, Term};

use super::Api;
use super::auth::{Caller, Scope};
use super::body::Body;
use super::files::is_within;
use super::path::Path;
use super::problem::Problem;
use super::recordings::found;

/// A link that is asked for: to the page that plays the recording, unless it says otherwise.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ShareRequest {
    /// How long it holds; the server's default when there is none.
    expires_in: Option<Term>,
    /// The page offers the recording's files for download as well.
    downloads: bool,
    /// The link leads to this file of the recording alone, as a download.
    file: Option<RelativePath>,
}

/// A link.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Share")]
pub(crate) struct ShareResource {
    /// Its id.
    id: String,
    /// Its address, told once: whoever has it sees the recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// The page offers the recording's files for download as well.
    downloads: bool,
    /// The file that it leads to, if not to the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<RelativePath>,
    /// When it was made.
    created_at: Moment,
    /// Until when it holds.
    expires_at: Moment,
}

impl ShareResource {
    fn of(share: &Share, url: Option<String>) -> Self {
        let (downloads, file) = match &share.opens {
            Opens::Player { downloads } => (*downloads, None),
            Opens::File { path } => (true, Some(path.clone())),
        };
        Self {
            id: share.id.clone(),
            url,
            downloads,
            file,
            created_at: Moment::from_unix_us(share.created_us),
            expires_at: Moment::from_unix_us(share.expires_us),
        }
    }
}

/// Links that hold.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Shares {
    /// Oldest first.
    shares: Vec<ShareResource>,
}

pub(crate) async fn create(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    Body(request): Body<ShareRequest>,
) -> Result<Response, Problem> {
    caller.may(Scope::Record)?;
    let record = found(&api, &caller, &id).await?;
    let config = &api.orchestrator.config().share;
    let term = request.expires_in.unwrap_or(config.expires);
    if term > config.longest {
        let detail = format!("A link holds for {} at most.", config.longest);
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", detail).about("expires_in"));
    }
    let opens = opens(&api, &record, request)?;
    let (share, url) = api.orchestrator.share(&id, opens, term).await?;
    let location = format!("/v1/recordings/{id}/shares/{}", share.id);
    let made = ShareResource::of(&share, Some(url.expose().to_owned()));
    let headers = [(header::LOCATION, location.as_str()), (header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, headers, Json(made)).into_response())
}

fn opens(api: &Api, record: &Record, request: ShareRequest) -> Result<Opens, Problem> {
    let Some(path) = request.file else { return Ok(Opens::Player { downloads: request.downloads }) };
    if request.downloads {
        let detail = "A link to a file is a download already; drop \"downloads\".";
        return Err(Problem::bad_request(detail).about("downloads"));
    }
    let folder = api.orchestrator.folder(record.id());
    // One that is still recorded may have it later.
    if record.state().is_terminal() && !is_within(&path.within(&folder), &folder) {
        let detail = "The recording has no such file; its delivery names those that it has.";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", detail).about("file"));
    }
    Ok(Opens::File { path })
}

pub(crate) async fn list(State(api): State<Api>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    caller.may(Scope::Record)?;
    let record = found(&api, &caller, &id).await?;
    let now_us = crate::orchestrator::now_us();
    let holding = record.shares.iter().filter(|share| share.expires_us > now_us);
    Ok(Json(Shares { shares: holding.map(|share| ShareResource::of(share, None)).collect() }).into_response())
}

pub(crate) async fn remove(
    State(api): State<Api>,
    caller: Caller,
    Path((id, share)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Record)?;
    found(&api, &caller, &id).await?;
    if api.orchestrator.unshare(&id, &share).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::new(StatusCode::NOT_FOUND, "no-such-share", "There is no link of this id."))
}

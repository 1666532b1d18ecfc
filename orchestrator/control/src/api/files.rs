//! What was delivered: files, with ranges.

use std::path::Path as FilePath;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tower::ServiceExt as _;
use tower_http::services::ServeFile;
use wallflower_domain::request::RelativePath;

use super::Api;
use super::auth::{Caller, Scope};
use super::path::Path;
use super::problem::Problem;

pub(crate) async fn file(
    State(api): State<Api>,
    caller: Caller,
    Path((id, path)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    serve(&api, &caller, &id, path, request).await
}

/// The live playlist and its segments.
pub(crate) async fn live(
    State(api): State<Api>,
    caller: Caller,
    Path((id, path)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    serve(&api, &caller, &id, format!("hls/{path}"), request).await
}

async fn serve(api: &Api, caller: &Caller, id: &str, path: String, request: Request) -> Result<Response, Problem> {
    caller.may(Scope::Read)?;
    let record = api.orchestrator.get(id).await?;
    if !caller.sees(record.owner.as_deref()) {
        return Err(Problem::missing());
    }
    // What a path can't be, no file is.
    let path = RelativePath::try_from(path).map_err(|_| Problem::missing())?;
    deliver(api, record.id(), path, request).await
}

/// A file of a recording that whoever asks may see.
pub(super) async fn deliver(api: &Api, id: &str, path: RelativePath, request: Request) -> Result<Response, Problem> {
    let folder = api.orchestrator.folder(id);
    let file = path.within(&folder);
    if !is_within(&file, &folder) {
        return Err(Problem::missing());
    }
    let answer = ServeFile::new(&file).oneshot(request).await;
    let mut answer = answer.unwrap_or_else(|never| match never {}).into_response();
    if answer.status() == StatusCode::NOT_FOUND {
        return Err(Problem::missing());
    }
    // A page of somebody's must not run here.
    answer.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
    Ok(answer)
}

/// Whatever links lie on the way.
pub(super) fn is_within(file: &FilePath, folder: &FilePath) -> bool {
    match (file.canonicalize(), folder.canonicalize()) {
        (Ok(file), Ok(folder)) => file.starts_with(folder) && file.is_file(),
        _ => false,
    }
}

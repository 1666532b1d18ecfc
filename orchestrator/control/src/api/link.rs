//! Where agents connect.

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use wallflower_domain::wire::link::MAX_MESSAGE_BYTES;

use super::Api;
use super::auth::bearer;
use super::path::Path;
use super::problem::Problem;
use crate::orchestrator::Denied;

/// What agents say is short, and there may be ten thousand of them: 128 KiB each, as is usual, would be a gigabyte.
const BUFFER_BYTES: usize = 2 * 1024;

pub(crate) async fn connect(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let token = bearer(&parts).unwrap_or_default().to_owned();
    let (record, number) = api.orchestrator.admit(&id, &token).await.map_err(|denied| match denied {
        // Which recordings there are is not told to strangers.
        Denied::Missing => Problem::new(StatusCode::UNAUTHORIZED, "token", "This token is not this recording's."),
        other => other.into(),
    })?;
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &api).await;
    let upgrade = upgrade.map_err(|error: WebSocketUpgradeRejection| Problem::bad_request(format!("{error}.")))?;
    let orchestrator = api.orchestrator.clone();
    let upgrade = upgrade
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0);
    Ok(upgrade.on_upgrade(move |socket| async move { orchestrator.serve_agent(record, number, socket).await }))
}

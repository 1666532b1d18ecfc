//! `wallflower cast`: synthetic participants for a room, until stdin closes. Says `{"state":"ready"}` when all are in.

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::signal::unix::{SignalKind, signal};
use wallflower_agent::Cast;
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::recording::{EndReason, Recording, State};

use crate::run::{new_id, program};

pub(crate) async fn cast() -> Result<Recording, Failure> {
    let bad =
        |why: String| Failure::new(FailureKind::BadRequest, format!("The cast's configuration can't be read: {why}."));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let line =
        lines.next_line().await.map_err(|error| bad(error.to_string()))?.ok_or_else(|| bad("stdin is empty".into()))?;
    let config = serde_json::from_str(&line).map_err(|error| bad(error.to_string()))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| bad(error.to_string()))?;
    let id = new_id();
    let mut cast = Cast::start(&config, &id, &program()?).await?;
    println!("{}", serde_json::json!({"state": "ready"}));
    let failure = tokio::select! {
        failure = cast.failed() => Some(failure),
        _ = lines.next_line() => None,
        _ = terminate.recv() => None,
    };
    cast.shutdown().await;
    match failure {
        Some(failure) => Err(failure),
        // Nothing was recorded; this is how a command tells that all went well.
        None => Ok(Recording { state: State::Completed, end: Some(EndReason::Stopped), ..Recording::new(id) }),
    }
}

//! A server's recordings, as a person reads them.

use wallflower_control::orchestrator::Resource;
use wallflower_domain::recording::State;

use super::http::Server;
use super::news::{delivered, recording};
use crate::control::table::{aligned, counted, field, frames, media, short, state_words, stream, titled};
use crate::progress::clock;
use crate::run::summary;

pub(super) type Row = [String; 5];

/// The rows under a line of titles.
pub(super) fn list(rows: Vec<Row>) -> Vec<String> {
    aligned(["ID", "STATE", "TIME", "ROOM", "NOTE"], rows)
}

pub(super) fn row(resource: &Resource) -> Row {
    [short(&resource.id).to_owned(), state(resource), length(resource), resource.room.clone(), note(resource)]
}

fn state(resource: &Resource) -> String {
    state_words(resource.state, resource.paused, resource.muted)
}

fn length(resource: &Resource) -> String {
    let delivered = resource.delivery.as_ref().map(|delivery| delivery.duration_s);
    delivered.or(resource.progress.map(|progress| progress.media_s)).map(clock).unwrap_or_default()
}

/// Why it waits, or what failed.
fn note(resource: &Resource) -> String {
    let failed = resource.failure.as_ref().map(|failure| failure.failure.message.clone());
    let waiting = resource.waiting.clone();
    let later = resource.start_at.filter(|_| resource.state == State::Queued).map(|at| format!("begins at {at}"));
    failed.or(waiting).or(later).unwrap_or_default()
}

/// Everything about one.
pub(super) fn show(resource: &Resource, server: &Server) -> Vec<String> {
    let mut lines = vec![
        field("id", &resource.id),
        field("state", &state(resource)),
        field("room", &resource.room),
        field("picture", &format!("{}, {} fps", resource.size, resource.fps)),
        field("asked", &resource.created_at.to_string()),
    ];
    let mut add = |title: &str, text: Option<String>| lines.extend(text.map(|text| field(title, &text)));
    add("waiting", resource.waiting.clone());
    add("begins", resource.start_at.filter(|_| resource.started_at.is_none()).map(|at| at.to_string()));
    add("recording", resource.started_at.map(|at| format!("since {at}")));
    add("media", resource.progress.as_ref().map(media));
    add("frames", resource.progress.as_ref().map(frames));
    add("gaps", (resource.interruptions > 0).then(|| counted(resource.interruptions.into(), "interruption")));
    lines.extend(titled("streams", resource.streams.iter().map(stream)));
    let markers = resource.markers.iter().map(|marker| format!("{}  {}", clock(marker.media_s), marker.label));
    lines.extend(titled("markers", markers));
    lines.extend(titled("metadata", resource.metadata.iter().map(|(key, value)| format!("{key}={value}"))));
    let made = delivered(resource, server).map(|delivery| summary(&delivery, "")).unwrap_or_default();
    lines.extend(titled("made", made.into_iter().map(|line| line.trim().to_owned())));
    if let Some(failure) = recording(resource, server).failure {
        lines.push(field("failure", &failure.message));
    }
    if let Some(at) = resource.expires_at {
        lines.push(field("kept", &format!("until {at}")));
    }
    lines
}

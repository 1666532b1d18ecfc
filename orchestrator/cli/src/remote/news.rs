//! What of a server's recording is new since it was last looked at, in the words of its agent: so that a person sees the same as with a
//! recording of their own machine.

use wallflower_control::orchestrator::Resource;
use wallflower_domain::recording::{Recording, State};
use wallflower_domain::request::Moment;
use wallflower_domain::timeline::OutputKind;
use wallflower_domain::wire::agent::{AgentEvent, Delivery};
use wallflower_domain::wire::control::Course;

use super::http::Server;

/// What it comes to, as the command that recorded it would know it.
pub(super) fn recording(resource: &Resource, server: &Server) -> Recording {
    let mut failure = resource.failure.as_ref().map(|failure| failure.failure.clone());
    let evidence = failure.as_mut().and_then(|failure| failure.evidence.as_mut());
    if let Some(picture) = evidence.and_then(|evidence| evidence.screenshot.as_mut()) {
        *picture = file(picture, resource, server);
    }
    Recording {
        id: resource.id.clone(),
        state: resource.state,
        version: resource.version,
        stop_requested: resource.stop_requested,
        end: resource.end,
        failure,
        delivery: delivered(resource, server),
    }
}

/// What was delivered, each by the address at which the server has it.
pub(super) fn delivered(resource: &Resource, server: &Server) -> Option<Delivery> {
    let delivery = resource.delivery.as_ref()?;
    let mut outputs = delivery.outputs.clone();
    for output in &mut outputs {
        // A directory has no address; what opens it has.
        let opened_by = match output.kind {
            OutputKind::Hls => "/index.m3u8",
            OutputKind::Images => "/contact-sheet.jpg",
            OutputKind::File | OutputKind::Audio | OutputKind::Stream => "",
        };
        output.location = file(&format!("{}{opened_by}", output.location), resource, server);
    }
    Some(Delivery {
        outputs,
        manifest: None,
        duration_s: delivery.duration_s,
        frames: delivery.frames,
        gaps: delivery.gaps.clone(),
        pauses: delivery.pauses.clone(),
        usage: delivery.usage,
    })
}

/// The address of a file of the recording. Streams have one of their own.
fn file(location: &str, resource: &Resource, server: &Server) -> String {
    if location.contains("://") || location.starts_with('/') {
        return location.to_owned();
    }
    server.url(["recordings", &resource.id, "files"].into_iter().chain(location.split('/'))).to_string()
}

/// What has happened so far.
pub(super) fn course(resource: &Resource) -> Course {
    let mut course = Course::default();
    course.first_frame_unix_us = resource.started_at.map(Moment::unix_us);
    course.paused = resource.paused;
    course.muted = resource.muted;
    course.progress = resource.progress;
    course.interruptions = resource.interruptions;
    course.streams.clone_from(&resource.streams);
    course.markers.clone_from(&resource.markers);
    course
}

/// What has happened between two looks.
pub(super) fn news(before: Option<&Resource>, now: &Resource) -> Vec<AgentEvent> {
    let mut news = Vec::new();
    let state_before = before.map_or(State::Queued, |before| before.state);
    if now.state != state_before {
        news.extend(entered(state_before, now));
    }
    let was_muted = before.is_some_and(|before| before.muted);
    if now.muted != was_muted {
        news.push(AgentEvent::Muted { muted: now.muted });
    }
    let marked = before.map_or(0, |before| before.markers.len());
    news.extend(
        now.markers
            .iter()
            .skip(marked)
            .map(|marker| AgentEvent::Marked { label: marker.label.clone(), media_s: marker.media_s }),
    );
    let known = |stream| before.is_some_and(|before| before.streams.contains(stream));
    news.extend(
        now.streams.iter().filter(|stream| !known(stream)).map(|stream| AgentEvent::Stream { stream: stream.clone() }),
    );
    let is_new = before.is_none_or(|before| before.progress != now.progress);
    news.extend(
        now.progress.filter(|_| is_new && now.state.is_under_way()).map(|progress| AgentEvent::Progress { progress }),
    );
    news
}

fn entered(before: State, now: &Resource) -> Option<AgentEvent> {
    match now.state {
        State::Joining => Some(AgentEvent::Joining),
        State::Recording if before == State::Paused => Some(AgentEvent::Resumed),
        State::Recording => {
            let first_frame_unix_us = now.started_at.map_or(0, Moment::unix_us);
            Some(AgentEvent::Started { attempt: 1, first_frame_unix_us, start_latency_ms: 0 })
        }
        State::Paused => now.paused.map(|mode| AgentEvent::Paused { mode }),
        State::Stopping => now.end.map(|reason| AgentEvent::Stopping { reason }),
        State::Finalizing => Some(AgentEvent::Finalizing),
        State::Queued | State::Starting | State::Interrupted | State::Completed | State::Failed | State::Aborted => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn resource(more: &Value) -> Resource {
        let mut resource = json!({
            "id": "0192", "version": 3, "state": "recording", "room": "demo:lobby", "size": "320x180", "fps": 10,
            "created_at": "2026-12-01T09:00:00Z", "changed_at": "2026-12-01T09:00:00Z", "stop_requested": false, "muted": false,
            "interruptions": 0, "streams": [], "markers": [], "agents": 1, "orders_open": 0, "metadata": {}
        });
        for (key, value) in more.as_object().expect("an object") {
            resource[key] = value.clone();
        }
        serde_json::from_value(resource).expect("a recording")
    }

    #[test]
    fn only_what_is_new_is_news() {
        let first = resource(&json!({}));
        assert!(matches!(news(None, &first).as_slice(), [AgentEvent::Started { .. }]));
        assert_eq!(news(Some(&first), &first), []);
        let marker = json!({"label": "Budget", "media_s": 1.5});
        let paused = resource(&json!({"state": "paused", "paused": "hold", "muted": true, "markers": [marker]}));
        let names: Vec<Value> = news(Some(&first), &paused).iter().map(|event| json!(event)["event"].clone()).collect();
        assert_eq!(names, ["paused", "muted", "marked"]);
        assert_eq!(news(Some(&paused), &resource(&json!({"muted": true, "markers": [marker]}))), [AgentEvent::Resumed]);
    }

    #[test]
    fn what_the_server_has_is_named_by_its_address_there() {
        let server = Server::at("http://h:1", None).expect("valid");
        let evidence = json!({"console": [], "failed_requests": [], "screenshot": "day 1/a.failure.png"});
        let failure =
            json!({"fault": "room", "retryable": false, "kind": "page_failed", "message": "x", "evidence": evidence});
        let recording = recording(&resource(&json!({"state": "failed", "failure": failure})), &server);
        let picture = recording.failure.and_then(|failure| failure.evidence?.screenshot);
        assert_eq!(picture.as_deref(), Some("http://h:1/v1/recordings/0192/files/day%201/a.failure.png"));
    }
}

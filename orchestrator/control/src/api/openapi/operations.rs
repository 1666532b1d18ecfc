//! Everything that can be asked for, with every answer that there is.

use axum::http::StatusCode;
use serde_json::{Value, json};
use wallflower_domain::look::LookChange;
use wallflower_domain::request::RecordingRequest;
use wallflower_domain::wire::player::SharedRecording;

use super::super::Scope;
use super::super::audit::{AuditPage, Auditing};
use super::super::log::Reading;
use super::super::recordings::{DeadNotices, Listing, Marking, Page, Pausing, Streaming, Waiting};
use super::super::shares::{ShareRequest, ShareResource, Shares};
use super::Operation;
use super::types::Types;
use crate::orchestrator::{OrderResource, Resource};

const RECORDINGS: &str = "/v1/recordings";
const RECORDING: &str = "/v1/recordings/{id}";

pub(super) fn all(types: &mut Types) -> Vec<Operation> {
    let mut all = recordings(types);
    all.extend(orders(types));
    all.extend(files());
    all.extend(shares(types));
    all.extend(shared(types));
    all.extend(others(types));
    all
}

fn recordings(types: &mut Types) -> Vec<Operation> {
    let recording = types.written::<Resource>();
    let etag = json!({"ETag": {"description": "The version.", "schema": {"type": "string"}}});
    let made = json!({
        "ETag": etag["ETag"],
        "Location": {"description": "Where the recording is.", "schema": {"type": "string"}}
    });
    let refused =
        "What is asked for is impossible or not allowed, or the Idempotency-Key was used for another request.";
    vec![
        Operation::new("POST", RECORDINGS, "createRecording", "Records a room")
            .description("Is queued, and starts as soon as its time has come and there is room on the machine.")
            .needs(Scope::Record)
            .parameters(vec![header(
                "Idempotency-Key",
                "The same request with the same key makes one recording, for a day.",
                json!({"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]([ -~]*[!-~])?$"}),
            )])
            .body(types.read::<RecordingRequest>(), true, request())
            .json(StatusCode::CREATED, "It is queued.", &recording, made.clone())
            .json(StatusCode::OK, "It was asked for before, by this Idempotency-Key.", &recording, made)
            .problem(StatusCode::NOT_FOUND, "What was made by this Idempotency-Key has been deleted since.")
            .problem(StatusCode::UNPROCESSABLE_ENTITY, refused)
            .problem(StatusCode::BAD_GATEWAY, "Room or destination can't be used."),
        Operation::new("GET", RECORDINGS, "listRecordings", "Lists recordings, newest first")
            .description("Those of the key that asks; those of everybody for a key of the scope `admin`.")
            .needs(Scope::Read)
            .parameters(types.query::<Listing>())
            .json(StatusCode::OK, "A page of them.", &types.written::<Page>(), json!({}))
            .problem(StatusCode::BAD_REQUEST, "A parameter is malformed; `field` names it."),
        Operation::new("GET", RECORDING, "getRecording", "Shows a recording")
            .needs(Scope::Read)
            .parameters(types.query::<Waiting>())
            .parameters(vec![header(
                "If-None-Match",
                "Versions that are known, of a recording that has ended.",
                json!({"type": "string"}),
            )])
            .json(StatusCode::OK, "As it is.", &recording, etag.clone())
            .answer(StatusCode::NOT_MODIFIED, json!({"description": "As it is known.", "headers": etag}))
            .problem(StatusCode::BAD_REQUEST, "A parameter is malformed; `field` names it.")
            .missing(),
        Operation::new("DELETE", RECORDING, "deleteRecording", "Deletes a recording that has ended, and its files")
            .needs(Scope::Record)
            .empty(StatusCode::NO_CONTENT, "It is gone.")
            .problem(StatusCode::CONFLICT, "It has not ended.")
            .missing(),
        Operation::new("GET", "/v1/recordings/{id}/log", "getLog", "What the agents of a recording say beside their events")
            .description("At most 64 KiB at once: the end of it, or what begins at `offset`.")
            .needs(Scope::Read)
            .parameters(types.query::<Reading>())
            .answer(
                StatusCode::OK,
                json!({
                    "description": "A part of it.",
                    "headers": {
                        "Wallflower-Next-Offset": {"description": "Where to read on.", "schema": {"type": "string"}}
                    },
                    "content": {"text/plain": {"schema": {"type": "string"}}}
                }),
            )
            .problem(StatusCode::BAD_REQUEST, "A parameter is malformed; `field` names it.")
            .missing(),
        Operation::new("GET", "/v1/recordings/{id}/events", "followRecording", "Follows a recording by server-sent events")
            .description(
                "`recording`: the recording, whenever it has changed, with its version as id. `progress`: how the capture goes, about \
                 once a second. `end`: it has ended, and nothing follows.",
            )
            .needs(Scope::Read)
            .content(StatusCode::OK, "Events, until it has ended.", "text/event-stream")
            .missing(),
    ]
}

fn orders(types: &mut Types) -> Vec<Operation> {
    let recording = types.written::<Resource>();
    let etag = json!({"ETag": {"description": "The version.", "schema": {"type": "string"}}});
    let ordered = types.written::<OrderResource>();
    let order = |method, path, id, summary| {
        Operation::new(method, path, id, summary)
            .needs(Scope::Record)
            .json(StatusCode::OK, "It has taken effect.", &ordered, json!({}))
            .json(StatusCode::ACCEPTED, "It is ordered, and will take effect.", &ordered, json!({}))
            .problem(StatusCode::CONFLICT, "It contradicts what the recording is doing.")
            .problem(StatusCode::BAD_GATEWAY, "Room or destination can't be used.")
            .missing()
    };
    vec![
        Operation::new("POST", "/v1/recordings/{id}/stop", "stopRecording", "Ends a recording")
            .description("One that has ended, or is asked to, stays as it is.")
            .needs(Scope::Record)
            .json(StatusCode::OK, "It ends, or has ended.", &recording, etag)
            .missing(),
        order("POST", "/v1/recordings/{id}/pause", "pauseRecording", "Records nothing of the room until it is resumed")
            .body(types.read::<Pausing>(), false, json!({"mode": "hold"})),
        order("POST", "/v1/recordings/{id}/resume", "resumeRecording", "Goes on after a pause"),
        order("POST", "/v1/recordings/{id}/mute", "muteRecording", "Records silence until it is unmuted"),
        order("POST", "/v1/recordings/{id}/unmute", "unmuteRecording", "Records sound again"),
        order("POST", "/v1/recordings/{id}/markers", "addMarker", "Marks the present moment").body(
            types.read::<Marking>(),
            true,
            json!({"label": "Question by the audience"}),
        ),
        order("POST", "/v1/recordings/{id}/layout", "changeLook", "Shows the room in another way")
            .description("Layout, values of the theme, spotlight, hidden people, volumes, lower third, banner. It has taken effect when it is on the display.")
            .body(types.read::<LookChange>(), true, json!({"layout": "speaker", "banner": "Back at ten"})),
        order("POST", "/v1/recordings/{id}/streams", "addStream", "Adds a live stream").body(
            types.read::<Streaming>(),
            true,
            json!({"url": "rtmp://live.example.org/app/KEY"}),
        ),
        order("DELETE", "/v1/recordings/{id}/streams/{stream}", "removeStream", "Ends a live stream"),
    ]
}

fn files() -> Vec<Operation> {
    let file = |path, id, summary| {
        let range = json!({"type": "string", "examples": ["bytes=0-1023"]});
        Operation::new("GET", path, id, summary)
            .needs(Scope::Read)
            .parameters(vec![header("Range", "A part of it.", range)])
            .content(StatusCode::OK, "The file.", "*/*")
            .content(StatusCode::PARTIAL_CONTENT, "The part.", "*/*")
            .empty(StatusCode::NOT_MODIFIED, "As it is known by `If-Modified-Since`.")
            .empty(StatusCode::PRECONDITION_FAILED, "It has changed since `If-Unmodified-Since`.")
            .empty(StatusCode::RANGE_NOT_SATISFIABLE, "It has no such part.")
            .missing()
    };
    vec![
        file("/v1/recordings/{id}/files/{path}", "getFile", "A file of what was delivered"),
        file("/v1/recordings/{id}/live/{path}", "getLive", "The HLS of a recording, while it is made as well"),
    ]
}

fn shares(types: &mut Types) -> Vec<Operation> {
    let share = types.written::<ShareResource>();
    let made = json!({"Location": {"description": "Where the link can be taken back.", "schema": {"type": "string"}}});
    let impossible = "The time is longer than the server allows, or the recording has no such file.";
    vec![
        Operation::new(
            "POST",
            "/v1/recordings/{id}/shares",
            "createShare",
            "Makes a link for people without an API key",
        )
        .description(
            "To a page that plays the recording, or to one of its files. Its address is told in this answer alone.",
        )
        .needs(Scope::Record)
        .body(types.read::<ShareRequest>(), false, json!({"expires_in": "7days", "downloads": true}))
        .json(StatusCode::CREATED, "The link.", &share, made)
        .problem(StatusCode::CONFLICT, "There are too many links already.")
        .problem(StatusCode::UNPROCESSABLE_ENTITY, impossible)
        .missing(),
        Operation::new("GET", "/v1/recordings/{id}/shares", "listShares", "Lists the links that hold")
            .needs(Scope::Record)
            .json(StatusCode::OK, "Without their addresses.", &types.written::<Shares>(), json!({}))
            .missing(),
        Operation::new("DELETE", "/v1/recordings/{id}/shares/{share}", "revokeShare", "Takes a link back, at once")
            .needs(Scope::Record)
            .empty(StatusCode::NO_CONTENT, "It leads nowhere any more.")
            .missing(),
    ]
}

/// What is behind a link. No key is asked for.
fn shared(types: &mut Types) -> Vec<Operation> {
    let gone = "It has expired, or was taken back.";
    let unknown = "No such link, or nothing of that name behind it.";
    let behind = |operation: Operation| {
        operation.problem(StatusCode::NOT_FOUND, unknown).problem(StatusCode::GONE, gone).unavailable()
    };
    let file = |operation: Operation| {
        let range = json!({"type": "string", "examples": ["bytes=0-1023"]});
        operation
            .parameters(vec![header("Range", "A part of it.", range)])
            .content(StatusCode::OK, "The page, or the file.", "*/*")
            .content(StatusCode::PARTIAL_CONTENT, "The part.", "*/*")
            .empty(StatusCode::NOT_MODIFIED, "As it is known by `If-Modified-Since`.")
            .empty(StatusCode::PRECONDITION_FAILED, "It has changed since `If-Unmodified-Since`.")
            .empty(StatusCode::RANGE_NOT_SATISFIABLE, "It has no such part.")
    };
    vec![
        behind(file(Operation::new(
            "GET",
            "/s/{token}",
            "openShare",
            "The page that plays a recording, or the one file",
        )))
        .description("Whoever accepts `text/html` is told by a page that a link leads nowhere.")
        .answer(StatusCode::NOT_FOUND, told_to_all(unknown))
        .answer(StatusCode::GONE, told_to_all(gone)),
        behind(Operation::new("GET", "/s/{token}/recording", "getShared", "What the page shows").json(
            StatusCode::OK,
            "The recording, as far as the link lets one see.",
            &types.written::<SharedRecording>(),
            json!({}),
        )),
        behind(file(Operation::new("GET", "/s/{token}/files/{path}", "getSharedFile", "A file that the page plays"))),
        Operation::new("GET", "/s/assets/{path}", "getAsset", "A file of the page itself")
            .content(StatusCode::OK, "The file.", "*/*")
            .empty(StatusCode::NOT_MODIFIED, "As it is known by `If-None-Match`.")
            .problem(StatusCode::NOT_FOUND, "There is none of this name."),
    ]
}

fn others(types: &mut Types) -> Vec<Operation> {
    let text = "text/plain";
    vec![
        Operation::new("GET", "/v1/webhooks/dead", "listDeadNotices", "Lists notices that nobody took")
            .needs(Scope::Admin)
            .json(StatusCode::OK, "The newest of them.", &types.written::<DeadNotices>(), json!({})),
        Operation::new("GET", "/v1/audit", "listAudit", "Lists who did what, newest first")
            .description("Whatever changes something, whoever takes a file, whoever follows a link. The log is kept for a configured time.")
            .needs(Scope::Admin)
            .parameters(types.query::<Auditing>())
            .json(StatusCode::OK, "A page of it.", &types.written::<AuditPage>(), json!({}))
            .problem(StatusCode::BAD_REQUEST, "A parameter is malformed; `field` names it."),
        Operation::new("POST", "/v1/livekit/webhook", "takeLivekitEvent", "Takes an event of LiveKit's")
            .description("Signed by the keys of a deployment that the configuration names. A room that has begun is recorded if its policy says so.")
            .of_agent()
            .empty(StatusCode::CREATED, "A room has begun that is recorded by itself.")
            .empty(StatusCode::NO_CONTENT, "Nothing is to be done.")
            .problem(StatusCode::BAD_REQUEST, "This is no event of LiveKit's.")
            .problem(StatusCode::UNPROCESSABLE_ENTITY, "The policy asks for what can't be made."),
        Operation::new("GET", "/v1/agents/{id}/link", "connectAgent", "Where agents connect, by WebSocket")
            .of_agent()
            .empty(StatusCode::SWITCHING_PROTOCOLS, "A WebSocket.")
            .problem(StatusCode::BAD_REQUEST, "This is no WebSocket's handshake."),
        Operation::new("GET", "/openapi.json", "getDocument", "This document").json(
            StatusCode::OK,
            "OpenAPI 3.1.",
            &json!({"type": "object"}),
            json!({}),
        ),
        Operation::new("GET", "/healthz", "isAlive", "Whether the server runs").content(
            StatusCode::OK,
            "It does.",
            text,
        ),
        Operation::new("GET", "/readyz", "isReady", "Whether requests can be answered: the store does")
            .content(StatusCode::OK, "They can.", text)
            .unavailable(),
        Operation::new("GET", "/metrics", "getMetrics", "What Prometheus reads").needs(Scope::Read).content(
            StatusCode::OK,
            "OpenMetrics.",
            "application/openmetrics-text",
        ),
    ]
}

/// A problem for programs, and a page for people.
fn told_to_all(description: &str) -> Value {
    let content = json!({
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
        "text/html": {"schema": {"type": "string"}}
    });
    json!({"description": description, "content": content})
}

fn header(name: &str, description: &str, schema: Value) -> Value {
    json!({"name": name, "in": "header", "description": description, "schema": schema})
}

fn request() -> Value {
    json!({
        "room": "demo:lobby",
        "layout": "speaker",
        "outputs": [{"kind": "file", "path": "standup.mp4"}, {"kind": "hls"}],
        "max_duration": "2h",
        "metadata": {"team": "design"}
    })
}

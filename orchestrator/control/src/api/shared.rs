//! What is behind a link: the page that plays a recording, and the files that it plays; or one file.
//!
//! ```text
//! GET /s/{token}              the page, or the file
//! GET /s/{token}/recording    what the page shows: SharedRecording
//! GET /s/{token}/files/…      what it plays, with ranges: media, pictures, chapters and chat of that recording, and nothing else of it
//! GET /s/assets/…             the page's own files
//! ```
//!
//! No key is asked for. The token is in no log, no cache and no referrer.

use std::path::Path as FilePath;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wallflower_domain::record::Record;
use wallflower_domain::recording::State as Life;
use wallflower_domain::request::{Moment, OutputRequest, RelativePath};
use wallflower_domain::share::{Opens, Share};
use wallflower_domain::timeline::{Delivered, Manifest, OutputKind};
use wallflower_domain::wire::player::{
    SharedAttendee, SharedFile, SharedKind, SharedPhase, SharedRecording, SharedSource,
};

use super::Api;
use super::audit::Followed;
use super::files::{deliver, is_within};
use super::path::Path;
use super::problem::Problem;
use crate::orchestrator::{Resource, Unshared, title};

/// The page runs what is its own, and asks nobody else for anything. hls.js plays from blobs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self' data:; \
     media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
const LARGEST_MANIFEST: u64 = 16 * 1024 * 1024;
const HLS: &str = "hls";
/// In a name, these say what they are.
const IN_NAMES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_').remove(b'~');
const IN_PATHS: &AsciiSet = &IN_NAMES.remove(b'/');

impl From<Unshared> for Problem {
    fn from(unshared: Unshared) -> Self {
        let detail = unshared.to_string();
        match unshared {
            Unshared::Unknown => Self::new(StatusCode::NOT_FOUND, "no-such-link", detail),
            Unshared::Expired => Self::new(StatusCode::GONE, "link-expired", detail),
            Unshared::Revoked => Self::new(StatusCode::GONE, "link-revoked", detail),
            Unshared::Store(error) => error.into(),
        }
    }
}

pub(crate) async fn open(
    State(api): State<Api>,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let (record, share) = match api.orchestrator.shared(&token).await {
        Ok(found) => found,
        Err(unshared) => return Ok(refusal(unshared.into(), &headers)),
    };
    let response = match &share.opens {
        Opens::Player { .. } => page(StatusCode::OK, &headers),
        Opens::File { path } => match deliver(&api, record.id(), path.clone(), request).await {
            Ok(file) => attached(file, path),
            Err(problem) => refusal(problem, &headers),
        },
    };
    Ok(followed(private(response), &record, &share))
}

/// For people a page that says the same.
fn refusal(problem: Problem, headers: &HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let response = problem.into_response();
    private(if accepted.contains("text/html") { page(response.status(), headers) } else { response })
}

fn page(status: StatusCode, headers: &HeaderMap) -> Response {
    let mut response = wallflower_layout_app::page("player.html", headers);
    if response.status() == StatusCode::OK {
        *response.status_mut() = status;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.remove(header::ETAG);
    response
}

/// What is nobody else's.
fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let mut say = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    say(header::CACHE_CONTROL, "private, no-store");
    say(header::REFERRER_POLICY, "no-referrer");
    say(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    say(HeaderName::from_static("x-robots-tag"), "noindex");
    response
}

fn followed(mut response: Response, record: &Record, share: &Share) -> Response {
    response.extensions_mut().insert(Followed { recording: record.id().to_owned(), share: share.id.clone() });
    response
}

fn attached(mut file: Response, path: &RelativePath) -> Response {
    let path = String::from(path.clone());
    let name = path.rsplit('/').next().unwrap_or_default();
    let value = format!("attachment; filename*=UTF-8''{}", utf8_percent_encode(name, IN_NAMES));
    if let Ok(value) = HeaderValue::try_from(value) {
        file.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    file
}

pub(crate) async fn recording(State(api): State<Api>, Path(token): Path<String>) -> Response {
    match api.orchestrator.shared(&token).await {
        Ok((record, share)) => {
            let shown = Json(shown(&api, &record, &share).await).into_response();
            followed(private(shown), &record, &share)
        }
        Err(unshared) => private(Problem::from(unshared).into_response()),
    }
}

pub(crate) async fn file(
    State(api): State<Api>,
    Path((token, path)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (record, share) = api.orchestrator.shared(&token).await?;
    let path = RelativePath::try_from(path).map_err(|_| Problem::missing())?;
    let is_played =
        matches!(share.opens, Opens::Player { .. }) && plays(&api.orchestrator.resource(&record), &record, &path);
    if !is_played {
        return Err(Problem::missing());
    }
    let mut file = private(deliver(&api, record.id(), path, request).await?);
    // What does not change may be kept by the one who sees it; a playlist does.
    if record.state().is_terminal() {
        file.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));
    }
    Ok(followed(file, &record, &share))
}

/// A file of the page itself.
pub(crate) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let response = wallflower_layout_app::page(&format!("assets/{path}"), &headers);
    if response.status() == StatusCode::NOT_FOUND { Err(Problem::missing()) } else { Ok(response) }
}

/// Whether a file is part of what the page plays.
fn plays(recording: &Resource, record: &Record, path: &RelativePath) -> bool {
    let path = String::from(path.clone());
    let is_in = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    let Some(delivery) = &recording.delivery else {
        return is_in(HLS) && record.request.outputs.iter().any(|output| matches!(output, OutputRequest::Hls {}));
    };
    delivery.outputs.iter().any(|output| {
        let is_beside =
            || [CHAT, CHAPTERS].iter().any(|ending| sidecar(output, ending).is_some_and(|beside| beside == path));
        match output.kind {
            OutputKind::File | OutputKind::Audio => path == output.location || is_beside(),
            OutputKind::Hls | OutputKind::Images => is_in(&output.location) || is_beside(),
            OutputKind::Stream => false,
        }
    })
}

const CHAT: &str = "chat.vtt";
const CHAPTERS: &str = "chapters.vtt";
const MANIFEST: &str = "manifest.json";

/// What lies beside an output: `meeting.chat.vtt` beside `meeting.mp4`, `chat.vtt` in a directory.
fn sidecar(output: &Delivered, ending: &str) -> Option<String> {
    let location = FilePath::new(&output.location);
    let beside = match output.kind {
        OutputKind::File | OutputKind::Audio => location.with_extension(ending),
        OutputKind::Hls | OutputKind::Images => location.join(ending),
        OutputKind::Stream => return None,
    };
    beside.to_str().map(str::to_owned)
}

/// What the page is told.
async fn shown(api: &Api, record: &Record, share: &Share) -> SharedRecording {
    let recording = api.orchestrator.resource(record);
    let folder = api.orchestrator.folder(record.id());
    let is_there = |path: &str| {
        let path = RelativePath::try_from(path.to_owned()).ok();
        path.is_some_and(|path| is_within(&path.within(&folder), &folder))
    };
    let at = |path: &str| format!("files/{}", utf8_percent_encode(path, IN_PATHS));
    let plays = matches!(share.opens, Opens::Player { .. });
    let outputs: Vec<&Delivered> = match &recording.delivery {
        Some(delivery) if plays => delivery.outputs.iter().filter(|output| output.failure.is_none()).collect(),
        _ => Vec::new(),
    };
    let beside = |ending: &str| outputs.iter().filter_map(|output| sidecar(output, ending)).find(|path| is_there(path));
    let mut sources: Vec<(u8, SharedSource)> =
        outputs.iter().filter_map(|output| source(output, &at, &is_there)).collect();
    let live = format!("{HLS}/index.m3u8");
    if plays && !record.state().is_terminal() && is_there(&live) {
        sources.push((0, playlist(at(&live))));
    }
    sources.sort_by_key(|(order, _)| *order);
    let offers = matches!(share.opens, Opens::Player { downloads: true });
    let files = outputs.iter().filter(|output| matches!(output.kind, OutputKind::File | OutputKind::Audio));
    let files = files.filter(|output| offers && is_there(&output.location));
    let images = outputs.iter().find(|output| output.kind == OutputKind::Images);
    let poster = images.map(|images| format!("{}/thumbnail.jpg", images.location)).filter(|path| is_there(path));
    let manifest = beside(MANIFEST).map(|path| folder.join(path));
    SharedRecording {
        title: title(&record.request),
        phase: phase(record, &share.opens, !sources.is_empty(), &is_there),
        began_at: recording.started_at.map(|at| at.to_string()),
        duration_s: recording.delivery.as_ref().map(|delivery| delivery.duration_s),
        sources: sources.into_iter().map(|(_, source)| source).collect(),
        poster: poster.as_deref().map(at),
        chapters: beside(CHAPTERS).as_deref().map(at),
        chat: beside(CHAT).as_deref().map(at),
        attendance: match manifest {
            Some(manifest) => attendance(&manifest).await,
            None => Vec::new(),
        },
        downloads: files
            .map(|output| SharedFile {
                path: at(&output.location),
                name: output.location.rsplit('/').next().unwrap_or_default().to_owned(),
                bytes: output.bytes,
            })
            .collect(),
        expires_at: Moment::from_unix_us(share.expires_us).to_string(),
    }
}

fn phase(record: &Record, opens: &Opens, is_playable: bool, is_there: &impl Fn(&str) -> bool) -> SharedPhase {
    match record.state() {
        Life::Queued | Life::Starting | Life::Joining => SharedPhase::Waiting,
        Life::Recording | Life::Paused | Life::Interrupted => SharedPhase::Recording,
        Life::Stopping | Life::Finalizing => SharedPhase::Finishing,
        Life::Completed | Life::Failed | Life::Aborted => {
            let is_ready = match opens {
                Opens::Player { .. } => is_playable,
                Opens::File { path } => is_there(&String::from(path.clone())),
            };
            if is_ready { SharedPhase::Ready } else { SharedPhase::Nothing }
        }
    }
}

/// Something to play, and how gladly: what every browser plays comes first.
fn source(
    output: &Delivered,
    at: &impl Fn(&str) -> String,
    is_there: &impl Fn(&str) -> bool,
) -> Option<(u8, SharedSource)> {
    let location = output.location.as_str();
    if output.kind == OutputKind::Hls {
        let index = format!("{location}/index.m3u8");
        return is_there(&index).then(|| (2, playlist(at(&index))));
    }
    let (kind, order) = match output.kind {
        OutputKind::File => (SharedKind::Video, 0),
        OutputKind::Audio => (SharedKind::Audio, 4),
        OutputKind::Hls | OutputKind::Images | OutputKind::Stream => return None,
    };
    let picture = output.facts.as_ref().and_then(|facts| facts.video.as_ref());
    let is_sound = output.facts.is_some() && picture.is_none();
    let (kind, order) = if is_sound { (SharedKind::Audio, 4) } else { (kind, order) };
    let (media_type, later) =
        match (location.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str(), kind) {
            ("mp4", SharedKind::Audio) | ("m4a", _) => ("audio/mp4", 0),
            ("mp4", _) => ("video/mp4", 0),
            ("webm", SharedKind::Audio) => ("audio/webm", 1),
            ("webm", _) => ("video/webm", 1),
            ("mkv", _) => ("video/x-matroska", 3),
            ("mp3", _) => ("audio/mpeg", 0),
            ("opus" | "ogg", _) => ("audio/ogg", 1),
            ("flac", _) => ("audio/flac", 1),
            ("wav", _) => ("audio/wav", 2),
            _ => return None,
        };
    let source = SharedSource {
        kind,
        path: at(location),
        media_type: media_type.to_owned(),
        width: picture.map(|picture| picture.width),
        height: picture.map(|picture| picture.height),
    };
    is_there(location).then_some((order + later, source))
}

fn playlist(path: String) -> SharedSource {
    let media_type = "application/vnd.apple.mpegurl".to_owned();
    SharedSource { kind: SharedKind::Hls, path, media_type, width: None, height: None }
}

/// Who was there, as the manifest says.
async fn attendance(manifest: &FilePath) -> Vec<SharedAttendee> {
    let read = async {
        let is_small = tokio::fs::metadata(manifest).await.ok()?.len() <= LARGEST_MANIFEST;
        let text = tokio::fs::read(manifest).await.ok().filter(|_| is_small)?;
        serde_json::from_slice::<Manifest>(&text).ok()
    };
    let Some(manifest) = read.await else { return Vec::new() };
    let mut there: Vec<SharedAttendee> = manifest
        .attendance
        .into_iter()
        .map(|one| SharedAttendee { name: one.name, total_s: one.total_s, spoke_s: one.spoke_s })
        .collect();
    there.sort_by(|one, other| other.spoke_s.total_cmp(&one.spoke_s).then(other.total_s.total_cmp(&one.total_s)));
    there
}

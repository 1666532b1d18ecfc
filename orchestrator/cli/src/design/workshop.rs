//! The workshop's own server: the page, and what it asks for.
//!
//! ```text
//! GET  /            the page          GET  /api/state     folder, theme, images, schema
//! GET  /api/news    server-sent       POST /api/theme     what a theme comes to     PUT /api/theme   writes theme.json
//! POST /api/picture a PNG             POST /api/take      records ten seconds       GET /api/take    the file
//! POST /api/check   looks at everything
//! ```

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use futures_util::{Stream, StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;
use tower_http::services::ServeFile;
use wallflower_agent::{Program, Studio, Visit};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::layout::Layout;
use wallflower_domain::theme::Theme;

use super::check::{self, Terms};
use super::draft::{Draft, config};
use super::folder::Folder;
use super::news::{Board, News, watch};
use super::site::Site;
use super::take::{SECONDS, Takes};
use super::theme_file::{self, ThemeFault};
use super::{place, refused};
use crate::args::DesignArgs;
use crate::run::{new_id, program};

const IMAGES: [&str; 5] = ["png", "svg", "jpg", "jpeg", "webp"];
const VIDEOS: [&str; 2] = ["mp4", "webm"];
const READY_DEADLINE: Duration = Duration::from_secs(15);
/// A recording that is told to leave has this long.
const LEAVE_DEADLINE: Duration = Duration::from_secs(10);
/// A picture is of a page whose first lines of chat have come in.
const SETTLED: &str = "new Promise((resolve) => setTimeout(resolve, 1300))";

struct Workshop {
    folder: Folder,
    site: String,
    takes: Takes,
    board: Board,
    start_deadline: Duration,
}

/// Serves until Ctrl-C.
pub(super) async fn serve(folder: Folder, args: &DesignArgs) -> Result<(), Failure> {
    if !args.listen.ip().is_loopback() {
        return Err(refused(format!(
            "{} can be reached by others, and the workshop writes files and starts recordings; listen on 127.0.0.1.",
            args.listen
        )));
    }
    let failed = |error: std::io::Error| {
        refused(format!("The workshop can't be served at {}: {error}; choose another --listen.", args.listen))
    };
    let listener = TcpListener::bind(args.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let origins = [format!("http://{address}"), format!("http://localhost:{}", address.port())];
    let site = Site::serve(&folder, &origins).await?;
    let board = Board::new();
    let watcher = folder.path().map(|path| watch(path, board.clone())).transpose()?;
    let takes = Takes::new()?;
    let name = folder.name();
    let workshop =
        Arc::new(Workshop { folder, site: site.origin(), takes, board, start_deadline: args.start_deadline });
    let url = format!("http://{address}/");
    eprintln!("wallflower: the workshop of {name} is open at {url}  (Ctrl-C closes it)");
    if args.open {
        open_browser(&url);
    }
    let router = router(workshop.clone());
    tokio::select! {
        served = async { axum::serve(listener, router).await } => served.map_err(failed)?,
        ended = asked_to_end() => ended?,
    }
    drop(watcher);
    workshop.takes.abandon();
    let left = async {
        while workshop.takes.is_going() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let _ = tokio::time::timeout(LEAVE_DEADLINE, left).await;
    site.shutdown().await;
    Ok(())
}

fn router(workshop: Arc<Workshop>) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/api/state", get(state))
        .route("/api/news", get(news))
        .route("/api/theme", post(resolve).put(save))
        .route("/api/picture", post(picture))
        .route("/api/take", post(take).get(taken))
        .route("/api/check", post(look_at_everything))
        .with_state(workshop)
        .fallback_service(wallflower_layout_app::pages())
        .layer(middleware::map_response(unframed))
        .layer(middleware::from_fn(place::guard))
}

/// Nobody's page may lay the workshop below its own buttons.
async fn unframed(mut response: Response) -> Response {
    let nobody = HeaderValue::from_static("frame-ancestors 'none'");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, nobody);
    response
}

async fn page() -> Response {
    let html = wallflower_layout_app::embedded_file("workshop.html").unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")], html.into_owned())
        .into_response()
}

async fn state(State(workshop): State<Arc<Workshop>>) -> Json<Value> {
    let Workshop { folder, site, .. } = &*workshop;
    let text = folder.theme_file().and_then(|file| std::fs::read_to_string(file).ok());
    let theme: Option<Value> = text.as_deref().map_or_else(|| Some(json!({})), |text| serde_json::from_str(text).ok());
    let fault = text.as_deref().and_then(|text| theme_file::read(text, folder.path()).err());
    let schema = schemars::generate::SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let schema = schema.into_root_schema_for::<Theme>();
    let missing: Vec<&str> =
        Program::ALL.into_iter().filter(|program| program.find().is_err()).map(Program::title).collect();
    Json(json!({
        "name": folder.name(),
        "folder": folder.path(),
        "has_page": folder.has_page(),
        "site": site,
        "theme_text": text,
        "theme": theme,
        "theme_fault": fault,
        "images": folder.files(&IMAGES),
        "videos": folder.files(&VIDEOS),
        "schema": schema,
        "defaults": Theme::default(),
        "layouts": Layout::ALL.map(Layout::name),
        "missing_programs": missing,
        "take_seconds": SECONDS,
    }))
}

async fn news(State(workshop): State<Arc<Workshop>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let told = stream::unfold(workshop.board.hear(), |mut board| async {
        loop {
            match board.recv().await {
                Ok(news) => return Some((news, board)),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    let events = told.filter_map(|news| async move { Event::default().json_data(news).ok().map(Ok) });
    Sse::new(events).keep_alive(KeepAlive::default())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resolve {
    theme: Value,
}

/// The theme as a page gets it, and what can't be read of its colours.
async fn resolve(State(workshop): State<Arc<Workshop>>, Json(asked): Json<Resolve>) -> Response {
    match theme_file::read(&asked.theme.to_string(), workshop.folder.path()) {
        Ok(theme) => {
            let contrasts: Vec<Value> = theme
                .contrasts()
                .iter()
                .map(|pair| json!({"field": pair.field, "against": pair.against, "ratio": pair.ratio, "needed": pair.needed}))
                .collect();
            Json(json!({ "theme": theme, "contrasts": contrasts })).into_response()
        }
        Err(fault) => fault.into_response(),
    }
}

impl IntoResponse for ThemeFault {
    fn into_response(self) -> Response {
        (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "message": self.message, "field": self.field })))
            .into_response()
    }
}

/// A sentence for the designer.
struct Sorry(StatusCode, String);

impl IntoResponse for Sorry {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "message": self.1 }))).into_response()
    }
}

impl From<Failure> for Sorry {
    fn from(failure: Failure) -> Self {
        let evidence = failure.evidence.as_ref().and_then(|evidence| evidence.console.last().cloned());
        let said = evidence.map(|line| format!(" The page said: {line}")).unwrap_or_default();
        Self(StatusCode::UNPROCESSABLE_ENTITY, format!("{}{said}", failure.message))
    }
}

impl From<ThemeFault> for Sorry {
    fn from(fault: ThemeFault) -> Self {
        let field = fault.field.map(|field| format!("{field}: ")).unwrap_or_default();
        Self(StatusCode::UNPROCESSABLE_ENTITY, format!("The theme is not valid: {field}{}.", fault.message))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Save {
    theme: Value,
    /// The text of the file as the designer has seen it.
    seen: Option<String>,
}

async fn save(State(workshop): State<Arc<Workshop>>, Json(asked): Json<Save>) -> Result<Json<Value>, Sorry> {
    let Some(file) = workshop.folder.theme_file() else {
        let message =
            "There is no folder to save it in; open the workshop by `wallflower design DIR`, or copy the JSON.";
        return Err(Sorry(StatusCode::CONFLICT, message.to_owned()));
    };
    theme_file::read(&asked.theme.to_string(), workshop.folder.path())?;
    let text = theme_file::save(&file, &asked.theme, asked.seen.as_deref())
        .map_err(|message| Sorry(StatusCode::CONFLICT, message))?;
    Ok(Json(json!({ "theme_text": text })))
}

/// Does it to its end, whether or not whoever asked still waits: a browser that was started has to be ended.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Sorry>> + Send + 'static,
) -> Result<T, Sorry> {
    let died = |_| Sorry(StatusCode::INTERNAL_SERVER_ERROR, "The workshop failed at this; try again.".to_owned());
    tokio::spawn(work).await.map_err(died).flatten()
}

async fn picture(State(workshop): State<Arc<Workshop>>, Json(draft): Json<Draft>) -> Result<Response, Sorry> {
    to_its_end(async move {
        let config = config(draft.theme(&workshop.folder)?, draft.layout, draft.room(), draft.size);
        let visit =
            Visit { url: &workshop.site, config: &config, deadline: READY_DEADLINE, inspect: SETTLED, picture: true };
        let studio = Studio::open(&new_id(), &program()?).await?;
        let seen = studio.visit(&visit).await;
        studio.shutdown().await;
        let seen = seen?;
        match (seen.failure, seen.picture) {
            (None, Some(png)) => Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response()),
            (Some(failure), _) => Err(failure.with_evidence(seen.evidence).into()),
            (None, None) => Err(Failure::new(FailureKind::Internal, "There is no picture.").into()),
        }
    })
    .await
}

async fn take(State(workshop): State<Arc<Workshop>>, Json(draft): Json<Draft>) -> Result<Json<Value>, Sorry> {
    to_its_end(async move {
        let theme = draft.theme(&workshop.folder)?;
        let recording = workshop.takes.record(&workshop.folder, &draft, theme, &workshop.board).await?;
        match (recording.delivery, recording.failure) {
            (Some(delivery), None) => {
                let bytes = delivery.outputs.first().map_or(0, |output| output.bytes);
                let usage = delivery
                    .usage
                    .map(|usage| json!({"browser_cores": usage.browser_cores, "encoder_cores": usage.encoder_cores}));
                Ok(Json(json!({
                    "duration_s": delivery.duration_s, "frames": delivery.frames, "bytes": bytes,
                    "usage": usage, "gaps": delivery.gaps.len(),
                })))
            }
            (_, Some(failure)) => Err(failure.into()),
            (None, None) => Err(Sorry(StatusCode::UNPROCESSABLE_ENTITY, "There was nothing to record.".to_owned())),
        }
    })
    .await
}

/// The latest recording, in parts if the player wants it so.
async fn taken(State(workshop): State<Arc<Workshop>>, request: axum::extract::Request) -> Response {
    let file: PathBuf = workshop.takes.file();
    match ServeFile::new(file).try_call(request).await {
        Ok(response) => response.map(axum::body::Body::new),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn look_at_everything(State(workshop): State<Arc<Workshop>>) -> Result<Json<Value>, Sorry> {
    to_its_end(async move {
        let terms = Terms { allow_host: Vec::new(), start_deadline: workshop.start_deadline };
        let progress = |done: usize, of: usize| workshop.board.tell(News::Check { done, of });
        let report = check::check(&workshop.folder, &terms, progress).await?;
        Ok(Json(report.json()))
    })
    .await
}

async fn asked_to_end() -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure::new(FailureKind::Internal, format!("Signals can't be received: {error}."));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// A person without a desktop opens the address that was printed.
fn open_browser(url: &str) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = tokio::process::Command::new(opener);
    command
        .arg(url)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    if command.spawn().is_err() {
        eprintln!("wallflower: no browser could be opened here ({opener} is missing); open the address in one");
    }
}

//! Somebody who watches HLS: hls.js in a real Chromium, which is told the address of a playlist and tells how it plays.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Path as UrlPath;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::browser::Browser;
use super::web::Web;

/// The player, as npm has installed it for the pages.
const HLS_JS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../layout-app/node_modules/hls.js/dist/hls.min.js");

/// Tells four times a second how it plays. Whoever opens it has never touched it, so it plays muted; sound is decoded all the same.
const PAGE: &str = r#"<!doctype html><video id="video" muted width="640"></video><script src="/hls.js"></script><script>
const query = new URLSearchParams(location.search);
const video = document.getElementById("video");
const errors = [], stalls = [];
let details, codecs;
const hls = new Hls({ startPosition: Number(query.get("from") ?? -1) });
hls.on(Hls.Events.ERROR, (_, { type, details, fatal, reason }) => errors.push({ type, details, fatal, reason: reason ?? "" }));
hls.on(Hls.Events.LEVEL_UPDATED, (_, data) => { details = data.details; });
hls.on(Hls.Events.BUFFER_CODECS, (_, data) => { codecs = Object.values(data).flatMap((track) => track.codec ?? []).join(","); });
video.addEventListener("waiting", () => stalls.push(video.currentTime));
const play = () => video.play();
hls.on(Hls.Events[query.has("whole") ? "BUFFER_EOS" : "MANIFEST_PARSED"], () => {
  if (video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA) play();
  else video.addEventListener("canplay", play, { once: true });
});
video.defaultPlaybackRate = Number(query.get("rate") ?? 1);
hls.loadSource(query.get("playlist"));
hls.attachMedia(video);
setInterval(() => fetch("/report", { method: "POST", body: JSON.stringify({
  time: video.currentTime,
  duration: Number.isFinite(video.duration) ? video.duration : -1,
  ended: video.ended,
  frames: video.getVideoPlaybackQuality().totalVideoFrames,
  audio_bytes: video.webkitAudioDecodedByteCount,
  width: video.videoWidth,
  live: details?.live ?? true,
  segments: details?.fragments.length ?? 0,
  length: details?.totalduration ?? 0,
  codecs: codecs ?? "",
  playing_date_ms: hls.playingDate?.getTime() ?? 0,
  errors, stalls,
})}), 250);
</script>"#;

/// How it plays, by the player's own account. Times are the player's, in seconds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Playing {
    /// What is shown.
    pub time: f64,
    /// Of the whole, as far as is known; -1 when it is not.
    pub duration: f64,
    /// It was played to its end.
    pub ended: bool,
    /// Frames that were decoded.
    pub frames: u64,
    /// Bytes of sound that were decoded.
    pub audio_bytes: u64,
    /// Of the picture.
    pub width: u32,
    /// The playlist may still grow.
    pub live: bool,
    /// In the playlist.
    pub segments: u64,
    /// Of all segments by the playlist.
    pub length: f64,
    /// What the media turned out to be.
    pub codecs: String,
    /// When what is shown happened, by the program date time; 0 when that is unknown.
    pub playing_date_ms: f64,
    /// What went wrong.
    pub errors: Vec<PlayerError>,
    /// When it ran out of media.
    pub stalls: Vec<f64>,
}

/// An error of hls.js.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlayerError {
    /// Network, media, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name.
    pub details: String,
    /// It can't go on.
    pub fatal: bool,
    /// More of it.
    pub reason: String,
}

/// A browser that plays. It is ended when this is dropped.
pub struct Player {
    playing: Arc<Mutex<Playing>>,
    _browser: Browser,
    _web: Web,
}

/// What and how.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Name of the playlist.
    pub playlist: &'a str,
    /// Where to begin; none is where the player does by itself: at the live edge, or at the beginning of what has ended.
    pub from: Option<f64>,
    /// How fast.
    pub rate: f64,
    /// Not before all of it is there: then nothing but a hole in it can have it wait.
    pub whole: bool,
}

impl<'a> Wish<'a> {
    /// As a player does by itself.
    #[must_use]
    pub fn plain(playlist: &'a str) -> Self {
        Self { playlist, from: None, rate: 1.0, whole: false }
    }
}

impl Player {
    /// Opens a playlist of this directory. None, with the reason printed, when this machine has no hls.js or no Chromium.
    ///
    /// # Panics
    ///
    /// In CI, when one of the two is missing; when the browser can't be started.
    #[must_use]
    #[track_caller]
    pub fn open(directory: &Path, wish: Wish<'_>) -> Option<Self> {
        if !Path::new(HLS_JS).is_file() {
            super::lacking("hls.js", "run scripts/setup");
            return None;
        }
        let playing = Arc::new(Mutex::new(Playing::default()));
        let web = Web::serve(router(directory.to_owned(), playing.clone()));
        let from = wish.from.map(|from| format!("&from={from}")).unwrap_or_default();
        let whole = if wish.whole { "&whole" } else { "" };
        let url = format!("http://{}/?playlist=/media/{}&rate={}{from}{whole}", web.address, wish.playlist, wish.rate);
        Some(Self { _browser: Browser::open(&url)?, _web: web, playing })
    }

    /// How it plays now.
    #[must_use]
    pub fn playing(&self) -> Playing {
        self.playing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until something is true of how it plays.
    ///
    /// # Panics
    ///
    /// When it is not in time, or when an error ends the playing.
    #[track_caller]
    pub fn wait_until(&self, what: &str, deadline: Duration, is_it: impl Fn(&Playing) -> bool) -> Playing {
        let until = Instant::now() + deadline;
        loop {
            let playing = self.playing();
            assert!(!playing.errors.iter().any(|error| error.fatal), "the player gave up: {playing:#?}");
            if is_it(&playing) {
                return playing;
            }
            assert!(Instant::now() < until, "not \"{what}\" within {deadline:?}, but {playing:#?}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn router(directory: PathBuf, playing: Arc<Mutex<Playing>>) -> Router {
    let report = move |body: String| async move {
        let report = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error} in {body}"));
        *playing.lock().unwrap_or_else(PoisonError::into_inner) = report;
    };
    Router::new()
        .route("/", get(|| async { Html(PAGE) }))
        .route("/hls.js", get(|| async { file(Path::new(HLS_JS)).await }))
        .route(
            "/media/{name}",
            get(move |UrlPath(name): UrlPath<String>| async move { file(&directory.join(name)).await }),
        )
        .route("/report", post(report))
}

async fn file(path: &Path) -> Response {
    let kind = match path.extension().and_then(|extension| extension.to_str()) {
        Some("m3u8") => "application/vnd.apple.mpegurl",
        Some("js") => "text/javascript",
        _ => "video/mp4",
    };
    match tokio::fs::read(path).await {
        Ok(bytes) => ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], bytes).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

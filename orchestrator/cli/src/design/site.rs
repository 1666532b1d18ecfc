//! The template's own server: an origin for the files of DIR, or for Wallflower's own page where DIR has none.
//!
//! A browser that was opened by an agent finds its configuration in the page before the first script, put there by DevTools. The
//! workshop's frame is in a browser of the designer's: there, the first script of each page does the same (`frame.js`).

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower::ServiceExt;
use wallflower_domain::failure::{Failure, FailureKind};

use super::folder::Folder;
use super::place;

const FRAME_SCRIPT: &str = include_str!("frame.js");
const MOST_HTML_BYTES: usize = 8 * 1024 * 1024;

/// A running server of the template.
pub(super) struct Site {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Site {
    /// Serves on a free port of this machine. `framed_by` are the origins of the workshop.
    pub(super) async fn serve(folder: &Folder, framed_by: &[String]) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(
                FailureKind::Internal,
                format!("No port of 127.0.0.1 could be opened for the template: {error}."),
            )
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let router = router(folder, framed_by);
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the server of the template ended");
            }
        });
        Ok(Self { address, server })
    }

    /// `http://127.0.0.1:PORT`.
    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) async fn shutdown(self) {
        self.server.abort();
        let _ = self.server.await;
    }
}

fn router(folder: &Folder, framed_by: &[String]) -> Router {
    // As the recorder does: what is found here is found there. The designer may begin with an empty folder.
    let (template, own) = (folder.path().map(wallflower_layout_app::template), wallflower_layout_app::pages());
    let folder = folder.clone();
    let files = Router::new().fallback(move |request: Request| {
        let server = template.as_ref().filter(|_| folder.has_page()).unwrap_or(&own).clone();
        async move { server.oneshot(request).await }
    });
    let ancestors =
        format!("frame-ancestors {}", if framed_by.is_empty() { "'none'".to_owned() } else { framed_by.join(" ") });
    let ancestors = HeaderValue::try_from(ancestors).unwrap_or(HeaderValue::from_static("frame-ancestors 'none'"));
    files.layer(middleware::from_fn_with_state(ancestors, answer)).layer(middleware::from_fn(place::guard))
}

/// Nothing is kept by the browser: what the designer saves is what is shown. Pages get the first script.
async fn answer(State(ancestors): State<HeaderValue>, mut request: Request, next: Next) -> Response {
    for kept in [header::IF_MODIFIED_SINCE, header::IF_NONE_MATCH] {
        request.headers_mut().remove(kept);
    }
    let is_icon = request.uri().path() == "/favicon.ico";
    let (mut head, body) = next.run(request).await.into_parts();
    if is_icon && head.status == StatusCode::NOT_FOUND {
        // Browsers ask for it unasked.
        return StatusCode::NO_CONTENT.into_response();
    }
    head.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let is_html = head.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !is_html || head.status != StatusCode::OK {
        return Response::from_parts(head, body);
    }
    head.headers.insert(header::CONTENT_SECURITY_POLICY, ancestors);
    for gone in [header::CONTENT_LENGTH, header::ETAG, header::LAST_MODIFIED, header::ACCEPT_RANGES] {
        head.headers.remove(gone);
    }
    match to_bytes(body, MOST_HTML_BYTES).await {
        Ok(html) => Response::from_parts(head, Body::from(with_frame_script(&String::from_utf8_lossy(&html)))),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("The page can't be read: {error}.")).into_response(),
    }
}

/// The page with the script before its first one, and on its first line, so that its own lines keep their numbers.
fn with_frame_script(html: &str) -> String {
    let script: Vec<&str> = FRAME_SCRIPT.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let script = format!("<script>{}</script>", script.join(" "));
    let at = ["<head", "<html", "<!doctype"].iter().find_map(|tag| end_of_tag(html, tag)).unwrap_or(0);
    let (before, after) = html.split_at(at);
    [before, &script, after].concat()
}

fn end_of_tag(html: &str, tag: &str) -> Option<usize> {
    let lower = html.to_ascii_lowercase();
    let start = lower.match_indices(tag).map(|(at, _)| at).find(|at| {
        let next = lower.as_bytes().get(at + tag.len());
        next.is_some_and(|byte| *byte == b'>' || byte.is_ascii_whitespace())
    })?;
    lower[start..].find('>').map(|length| start + length + 1)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[test]
    fn the_script_comes_before_every_other_and_moves_no_line() {
        for (html, before) in [
            ("<!doctype html>\n<html>\n<head lang=en>\n<script src=a.js></script>", "<head lang=en>"),
            ("<!doctype html>\n<header><p>Hello", "<!doctype html>"),
            ("<p>Hello", ""),
        ] {
            let page = with_frame_script(html);
            let (start, rest) = page.split_once("<script>(()").expect("it is there");
            assert!(start.ends_with(before), "{page}");
            assert!(!start.contains("<script"), "{page}");
            assert_eq!(page.lines().count(), html.lines().count());
            assert!(rest.contains("</script>"));
        }
    }

    async fn get(folder: &Folder, path: &str) -> (StatusCode, String) {
        let framed_by = ["http://127.0.0.1:7080".to_owned()];
        let request =
            Request::builder().uri(path).header("host", "127.0.0.1:1").body(Body::empty()).expect("a request");
        let response = router(folder, &framed_by).oneshot(request).await.expect("answered");
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("read");
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn a_folder_with_a_page_is_served_as_the_recorder_does_and_one_without_has_wallflowers_own() {
        let temp = tempfile::tempdir().expect("temp dir");
        let folder = Folder::open(Some(temp.path())).expect("there");
        let (status, page) = get(&folder, "/").await;
        assert!(status == StatusCode::OK && page.contains("<title>Wallflower</title>"), "{page}");
        std::fs::write(temp.path().join("index.html"), "<title>Mine</title>").expect("written");
        std::fs::write(temp.path().join("style.css"), "body { color: red }").expect("written");
        let (_, page) = get(&folder, "/").await;
        assert!(page.contains("<title>Mine</title>") && page.contains("wallflower.said"), "{page}");
        assert_eq!(get(&folder, "/style.css").await.1, "body { color: red }");
        assert_eq!(get(&folder, "/wallflower/elements.js").await.0, StatusCode::OK);
        assert_eq!(get(&folder, "/nothing.png").await.0, StatusCode::NOT_FOUND);
        assert_eq!(get(&folder, "/favicon.ico").await.0, StatusCode::NO_CONTENT);
        assert_ne!(get(&folder, "/%2e%2e/secret").await.0, StatusCode::OK);
    }
}

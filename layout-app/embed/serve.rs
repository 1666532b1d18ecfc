use std::borrow::Cow;
use std::path::Path;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};
use tower_http::services::ServeDir;

#[derive(RustEmbed)]
#[folder = "dist/"]
struct Dist;

/// The script that looks at what a page has drawn. Evaluated in a page, it leaves `wallflowerInspect()` there.
pub fn inspector() -> Cow<'static, str> {
    let script = Dist::get("inspect.js").map(|file| file.data).unwrap_or_default();
    match script {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
    }
}

/// One of the embedded files.
pub fn embedded_file(path: &str) -> Option<Cow<'static, [u8]>> {
    Dist::get(path).map(|file| file.data)
}

/// Answers every path with the embedded file of that name; `/` is `index.html`.
///
/// Meant as the fallback of a server's own routes: `Router::new().route(…).fallback_service(pages())`.
///
/// Everything is found below `/wallflower/`, too: where templates ask for `/wallflower/elements.js`, whoever serves them.
pub fn pages() -> Router {
    Router::new().nest("/wallflower", embedded()).fallback(any)
}

/// Answers with the files of a designer's folder; below `/wallflower/` with ours.
pub fn template(folder: &Path) -> Router {
    Router::new().nest("/wallflower", embedded()).fallback_service(ServeDir::new(folder))
}

fn embedded() -> Router {
    Router::new().fallback(any)
}

/// Answers with one embedded file by its path, as [`pages`] does.
pub fn page(path: &str, request: &HeaderMap) -> Response {
    match Dist::get(path) {
        Some(file) => answer(path, file, request),
        None => (StatusCode::NOT_FOUND, plain("There is no such page.")).into_response(),
    }
}

async fn any(method: Method, uri: Uri, request: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        let allow = [(header::ALLOW, "GET, HEAD")];
        return (StatusCode::METHOD_NOT_ALLOWED, allow, plain("Pages can only be read.")).into_response();
    }
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    page(path, &request)
}

fn answer(path: &str, file: EmbeddedFile, request: &HeaderMap) -> Response {
    let tag = etag(&file);
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, content_type(&file));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control(path)));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let fresh = names_tag(request, &tag);
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    if fresh {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, body(file.data)).into_response()
}

fn plain(sentence: &'static str) -> Response {
    ([(header::X_CONTENT_TYPE_OPTIONS, "nosniff")], sentence).into_response()
}

/// Embedded data is static: it is sent from the binary itself, without a copy.
fn body(data: Cow<'static, [u8]>) -> Body {
    match data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes).into(),
        Cow::Owned(bytes) => bytes.into(),
    }
}

fn etag(file: &EmbeddedFile) -> String {
    let digest: String = file.metadata.sha256_hash().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digest}\"")
}

fn names_tag(request: &HeaderMap, tag: &str) -> bool {
    request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').map(str::trim).any(|named| named == "*" || named.trim_start_matches("W/") == tag))
}

/// Vite puts a hash of the content into every name below `assets/`; all other names are reused by the next build.
fn cache_control(path: &str) -> &'static str {
    if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

fn content_type(file: &EmbeddedFile) -> HeaderValue {
    let kind = file.metadata.mimetype();
    let is_text = kind.starts_with("text/") || kind == "application/json";
    let value = if is_text { format!("{kind}; charset=utf-8") } else { kind.to_owned() };
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn ask(method: &str, path: &str, if_none_match: Option<&str>) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(tag) = if_none_match {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        pages().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    fn text_of<'a>(response: &'a Response, name: &str) -> &'a str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[tokio::test]
    async fn the_root_is_the_page_that_is_recorded() {
        let root = ask("GET", "/", None).await;
        assert_eq!(root.status(), StatusCode::OK);
        assert_eq!(text_of(&root, "content-type"), "text/html; charset=utf-8");
        assert_eq!(text_of(&root, "cache-control"), "no-cache");
        assert_eq!(text_of(&root, "x-content-type-options"), "nosniff");
        let named = ask("GET", "/index.html", None).await;
        assert_eq!(text_of(&root, "etag"), text_of(&named, "etag"));
    }

    #[tokio::test]
    async fn every_embedded_file_is_served_whole_and_with_a_type_that_browsers_execute() {
        for path in Dist::iter() {
            let response = ask("GET", &format!("/{path}"), None).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            let kind = text_of(&response, "content-type").to_owned();
            match path.rsplit('.').next() {
                Some("js") => assert_eq!(kind, "text/javascript; charset=utf-8", "{path}"),
                Some("css") => assert_eq!(kind, "text/css; charset=utf-8", "{path}"),
                Some("html") => assert_eq!(kind, "text/html; charset=utf-8", "{path}"),
                _ => assert!(!kind.is_empty(), "{path}"),
            }
            let sent = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            assert!(sent == *Dist::get(&path).unwrap().data, "{path}");
        }
    }

    #[tokio::test]
    async fn a_page_that_has_not_changed_is_not_sent_again() {
        let tag = text_of(&ask("GET", "/index.html", None).await, "etag").to_owned();
        for named in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let response = ask("GET", "/index.html", Some(&named)).await;
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{named}");
            assert_eq!(text_of(&response, "etag"), tag);
            assert!(to_bytes(response.into_body(), 1024).await.unwrap().is_empty());
        }
        assert_eq!(ask("GET", "/index.html", Some("\"other\"")).await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn what_is_not_there_is_said_in_plain_text() {
        for path in ["/nothing.html", "/../Cargo.toml", "/assets/", "/%2e%2e/Cargo.toml"] {
            let response = ask("GET", path, None).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
            assert_eq!(text_of(&response, "content-type"), "text/plain; charset=utf-8");
            assert_eq!(text_of(&response, "x-content-type-options"), "nosniff");
        }
    }

    #[test]
    fn the_script_that_looks_at_pages_is_there_and_stands_alone() {
        let script = inspector();
        assert!(script.contains("wallflowerInspect"), "{script}");
        assert!(!script.contains("import") && !script.contains("export"), "it is no module");
    }

    #[tokio::test]
    async fn a_template_is_served_with_our_scripts_beside_it_and_nothing_else_of_ours() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("index.html"), "<wf-stage>").unwrap();
        std::fs::create_dir(folder.path().join("wallflower")).unwrap();
        std::fs::write(folder.path().join("wallflower/elements.js"), "an old one").unwrap();
        for (path, status, kind) in [
            ("/", 200, "text/html"),
            ("/index.html", 200, "text/html"),
            ("/wallflower/elements.js", 200, "text/javascript; charset=utf-8"),
            ("/wallflower/template.js", 200, "text/javascript; charset=utf-8"),
            ("/elements.js", 404, ""),
            ("/join.html", 404, ""),
            ("/../Cargo.toml", 404, ""),
        ] {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            let response = template(folder.path()).oneshot(request).await.unwrap();
            assert_eq!(response.status().as_u16(), status, "{path}");
            assert_eq!(text_of(&response, "content-type"), kind, "{path}");
            let sent = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            if let Some(ours) = path.strip_prefix("/wallflower/") {
                assert!(sent == *Dist::get(ours).unwrap().data, "{path}");
            }
        }
        let beside = ask("GET", "/wallflower/elements.js", None).await;
        assert_eq!(beside.status(), StatusCode::OK, "whoever serves our pages serves them there, too");
    }

    #[tokio::test]
    async fn pages_can_only_be_read() {
        let response = ask("POST", "/index.html", None).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(text_of(&response, "allow"), "GET, HEAD");
    }
}

//! Who is answered: browsers that mean this machine. A page elsewhere can make a browser ask, but not by our name.

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::{Host, Url};

/// Refuses requests that were not meant for this server, and changes that another page asks for.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let Some(host) = named_host(headers) else { return refused("The request names no host.") };
    // A name that somebody else lets point here (DNS rebinding) is not an address.
    if let Host::Domain(name) = &host
        && name != "localhost"
        && !name.ends_with(".localhost")
    {
        return refused("Open the workshop by its address or as localhost.");
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads && !is_own_page(headers) {
        return refused("Another page may not change anything here.");
    }
    next.run(request).await
}

fn refused(sentence: &'static str) -> Response {
    (StatusCode::FORBIDDEN, sentence).into_response()
}

fn named_host(headers: &HeaderMap) -> Option<Host> {
    let named = headers.get(header::HOST)?.to_str().ok()?;
    Url::parse(&format!("http://{named}/")).ok()?.host().map(|host| host.to_owned())
}

/// Programs send no origin; browsers always do with what is no plain reading.
fn is_own_page(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let named = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://")) == named
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use tower::ServiceExt;

    use super::*;

    async fn ask(method: &str, headers: &[(&str, &str)]) -> StatusCode {
        let router = Router::new().fallback(|| async { "here" }).layer(axum::middleware::from_fn(guard));
        let mut request = Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        router.oneshot(request.body(Body::empty()).expect("a request")).await.expect("answered").status()
    }

    #[tokio::test]
    async fn a_name_that_somebody_else_points_here_is_refused() {
        for (host, status) in [
            ("127.0.0.1:7080", 200),
            ("localhost:7080", 200),
            ("[::1]:7080", 200),
            ("workshop.localhost", 200),
            ("evil.example:7080", 403),
        ] {
            assert_eq!(ask("GET", &[("host", host)]).await.as_u16(), status, "{host}");
        }
        assert_eq!(ask("GET", &[]).await, StatusCode::FORBIDDEN);
    }

    #[tokio::test]
    async fn another_page_may_change_nothing() {
        let host = ("host", "127.0.0.1:7080");
        assert_eq!(ask("PUT", &[host]).await, StatusCode::OK);
        assert_eq!(ask("PUT", &[host, ("origin", "http://127.0.0.1:7080")]).await, StatusCode::OK);
        for origin in ["http://127.0.0.1:7081", "https://evil.example", "null"] {
            assert_eq!(ask("PUT", &[host, ("origin", origin)]).await, StatusCode::FORBIDDEN, "{origin}");
        }
    }
}

//! Problem documents, as sentences with the exit code of whose fault it is.

use reqwest::StatusCode;
use serde::Deserialize;
use wallflower_domain::failure::{Failure, FailureKind, Fault};

use super::http::{Answer, Trouble, TroubleKind};

/// What of it is of use.
#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    r#type: String,
    detail: String,
    field: Option<String>,
    fault: Option<Fault>,
}

/// What an answer that is no success tells. `name` is the server's.
pub(super) fn trouble(name: &str, has_key: bool, answer: &Answer) -> Trouble {
    let status = answer.status;
    let kind = match status {
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => TroubleKind::Busy,
        _ => TroubleKind::Refused,
    };
    let Ok(problem) = serde_json::from_slice::<Problem>(&answer.body) else {
        let sentence =
            format!("{name} answers {status}, but not as Wallflower does; is it the address of a `wallflower serve`?");
        let whose = if kind == TroubleKind::Busy { FailureKind::AgentLost } else { FailureKind::BadRequest };
        return Trouble { failure: Failure::new(whose, sentence), kind };
    };
    // A room or destination that fails is not the server's being busy.
    let kind = if matches!(problem.fault, None | Some(Fault::Platform)) { kind } else { TroubleKind::Refused };
    Trouble { failure: Failure::new(failure_kind(status, problem.fault), sentence(&problem, has_key)), kind }
}

fn failure_kind(status: StatusCode, fault: Option<Fault>) -> FailureKind {
    match fault {
        Some(Fault::Request) => FailureKind::BadRequest,
        Some(Fault::Room) => FailureKind::RoomUnreachable,
        Some(Fault::Destination) => FailureKind::DestinationUnwritable,
        Some(Fault::Platform) => FailureKind::ProgramDied,
        None if status.is_client_error() => FailureKind::BadRequest,
        None => FailureKind::AgentLost,
    }
}

fn sentence(problem: &Problem, has_key: bool) -> String {
    let detail = &problem.detail;
    match (problem.r#type.rsplit(':').next(), &problem.field) {
        (Some("key"), _) if has_key => format!("{detail} Check WALLFLOWER_API_KEY, or --key."),
        (Some("key"), _) => {
            "The server wants an API key: set WALLFLOWER_API_KEY; `wallflower keys create` where it runs makes one."
                .to_owned()
        }
        (_, Some(field)) if !detail.contains(field.as_str()) => format!("{field}: {detail}"),
        _ => detail.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderMap;

    fn told(status: u16, body: &str) -> (String, u8, TroubleKind) {
        let status = StatusCode::from_u16(status).expect("a status");
        let answer = Answer { status, headers: HeaderMap::new(), body: body.into() };
        let Trouble { failure, kind } = trouble("http://h", false, &answer);
        (failure.message.clone(), failure.fault().exit_code(), kind)
    }

    #[test]
    fn a_problem_is_a_sentence_and_whose_fault_it_is() {
        use TroubleKind::{Busy, Refused};
        for (status, body, sentence, code, kind) in [
            (404, r#"{"detail":"There is no recording of this id."}"#, "There is no recording of this id.", 2, Refused),
            (400, r#"{"detail":"Too long.","field":"metadata.a"}"#, "metadata.a: Too long.", 2, Refused),
            (422, r#"{"detail":"No.","fault":"request"}"#, "No.", 2, Refused),
            (502, r#"{"detail":"No.","fault":"room"}"#, "No.", 3, Refused),
            (502, r#"{"detail":"No.","fault":"destination"}"#, "No.", 4, Refused),
            (503, r#"{"detail":"Later.","fault":"platform"}"#, "Later.", 1, Busy),
            (503, r#"{"detail":"Later."}"#, "Later.", 1, Busy),
        ] {
            assert_eq!(told(status, body), (sentence.to_owned(), code, kind), "{body}");
        }
        let (sentence, code, _) = told(401, r#"{"type":"urn:wallflower:problem:key","detail":"x"}"#);
        assert!(sentence.contains("WALLFLOWER_API_KEY") && code == 2, "{sentence}");
    }

    #[test]
    fn what_is_no_problem_document_is_another_server() {
        let (sentence, code, kind) = told(404, "<h1>Not Found</h1>");
        assert!(sentence.contains("http://h answers 404 Not Found") && !sentence.contains("<h1>"), "{sentence}");
        assert_eq!((code, kind), (2, TroubleKind::Refused));
        assert_eq!(told(502, "").2, TroubleKind::Busy, "a proxy before it");
    }
}

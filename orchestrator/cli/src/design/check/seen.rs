//! What is wrong with a page, by what was seen of it in one room.

use serde::Deserialize;
use url::Url;
use wallflower_agent::Seen;

use super::finding::{Finding, Rule};
use super::source::Source;

/// A fault as the script in the page tells it: `layout-app/src/inspect/rules.ts`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    rule: String,
    element: String,
    text: String,
    detail: String,
}

/// All that is wrong. `origin` is the template's own.
pub(super) fn findings(seen: &Seen, origin: &str, allowed: &[String], source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(failure) = &seen.failure {
        found.push(Finding::new(Rule::Ready, failure.message.clone()));
    }
    found.extend(seen.evidence.console.iter().filter_map(|line| console(line, source)));
    let external: Vec<&String> = seen.requests.iter().filter(|url| is_external(url, origin, allowed)).collect();
    for url in &external {
        let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        let message = format!(
            "it loads {url} from {host}, and a recording must not depend on that; put it into the folder, or allow it by --allow-host {host}"
        );
        found.push(Finding::new(Rule::External, message).in_file(source.find([url.as_str(), host.as_str()])));
    }
    for failed in &seen.evidence.failed_requests {
        let (url, why) = failed.rsplit_once(": ").unwrap_or((failed, "failed"));
        // One that should not be made at all has been told.
        if !external.iter().any(|known| known.as_str() == url) && why != "net::ERR_ABORTED" {
            found.push(missing(url, why, origin, source));
        }
    }
    found.extend(texts(&seen.inspection, source));
    found
}

fn console(line: &str, source: &Source) -> Option<Finding> {
    let (kind, text) = line.split_once(": ")?;
    let says = match kind {
        "error" | "assert" => "it prints an error",
        "uncaught" => "its script fails",
        _ => return None,
    };
    let (text, place) = match text.rsplit_once(" (").and_then(|(text, place)| Some((text, place_of(place)?))) {
        Some((text, place)) => (text, Some(place)),
        None => (text, None),
    };
    let place = place.or_else(|| source.find([text]));
    Some(Finding::new(Rule::Console, format!("{says}: {text}")).in_file(place))
}

/// A script's path on its server and the line, as in `/app.js:7)`.
fn place_of(text: &str) -> Option<(String, usize)> {
    let (path, line) = text.strip_suffix(')')?.rsplit_once(':')?;
    let file = path.strip_prefix('/')?;
    let file = if file.is_empty() { "index.html" } else { file };
    Some((file.to_owned(), line.parse().ok()?))
}

fn missing(url: &str, why: &str, origin: &str, source: &Source) -> Finding {
    let path = url.strip_prefix(origin).map(|path| path.trim_start_matches('/'));
    let shown = path.unwrap_or(url);
    let file = shown.rsplit('/').next().unwrap_or(shown);
    let message = match why.strip_prefix("HTTP ") {
        Some("404") => format!("{shown} is not there"),
        Some(status) => format!("{shown} was answered by HTTP {status}"),
        None => format!("{shown} can't be loaded: {why}"),
    };
    Finding::new(Rule::Missing, message).in_file(source.find([shown, file]))
}

fn is_external(url: &str, origin: &str, allowed: &[String]) -> bool {
    let Ok(parsed) = Url::parse(url) else { return false };
    if !matches!(parsed.scheme(), "http" | "https" | "ws" | "wss") || parsed.origin().ascii_serialization() == origin {
        return false;
    }
    !allowed.iter().any(|host| parsed.host_str() == Some(host.as_str()))
}

fn texts(inspection: &serde_json::Value, source: &Source) -> Vec<Finding> {
    let faults: Vec<Fault> = serde_json::from_value(inspection.clone()).unwrap_or_default();
    let finding = |fault: Fault| {
        let rule = match fault.rule.as_str() {
            "overlap" => Rule::Overlap,
            "small" => Rule::Small,
            "contrast" => Rule::Contrast,
            _ => Rule::Overflow,
        };
        let place = source.find_element(&fault.element);
        let message = format!("“{}”: {}", fault.text, fault.detail);
        Finding::new(rule, message).at(fault.element).in_file(place)
    };
    faults.into_iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use wallflower_domain::failure::PageEvidence;

    use super::super::super::folder::Folder;
    use super::*;

    const ORIGIN: &str = "http://127.0.0.1:4000";

    fn seen(console: &[&str], failed: &[&str], requests: &[&str]) -> Seen {
        let owned = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        let evidence = PageEvidence { console: owned(console), failed_requests: owned(failed), screenshot: None };
        Seen { failure: None, evidence, requests: owned(requests), inspection: serde_json::json!([]), picture: None }
    }

    fn told(seen: &Seen, allowed: &[&str]) -> Vec<(Rule, String)> {
        let temp = tempfile::tempdir().expect("temp dir");
        std::fs::write(temp.path().join("index.html"), "<p>\n<img src=a/logo.png>").expect("written");
        let source = Source::read(&Folder::open(Some(temp.path())).expect("there"));
        let allowed: Vec<String> = allowed.iter().map(|host| (*host).to_owned()).collect();
        let found = findings(seen, ORIGIN, &allowed, &source);
        found.iter().map(|finding| (finding.rule, format!("{} {}", finding.place(), finding.message))).collect()
    }

    #[test]
    fn what_is_not_there_is_told_with_the_line_that_wants_it() {
        let page = seen(&[], &["http://127.0.0.1:4000/a/logo.png: HTTP 404"], &["http://127.0.0.1:4000/a/logo.png"]);
        assert_eq!(told(&page, &[]), [(Rule::Missing, "index.html:2 a/logo.png is not there".to_owned())]);
    }

    #[test]
    fn errors_are_told_and_other_lines_are_not() {
        let page = seen(&["log: hello", "error: no such room", "uncaught: TypeError: x (/app.js:7)"], &[], &[]);
        let told = told(&page, &[]);
        assert_eq!(told[0], (Rule::Console, "the page it prints an error: no such room".to_owned()));
        assert!(told[1].1.starts_with("app.js:7 its script fails"), "{told:?}");
        assert_eq!(told.len(), 2);
    }

    #[test]
    fn a_foreign_host_is_told_once_unless_it_is_allowed() {
        let url = "https://fonts.example/a.woff2";
        let page = seen(&[], &["https://fonts.example/a.woff2: net::ERR_NAME_NOT_RESOLVED"], &[url, "data:,x"]);
        let strict = told(&page, &[]);
        assert!(strict.len() == 1 && strict[0].0 == Rule::External, "{strict:?}");
        let allowed = told(&page, &["fonts.example"]);
        assert!(allowed.len() == 1 && allowed[0].0 == Rule::Missing, "{allowed:?}");
    }
}

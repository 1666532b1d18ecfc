//! The bridge to the page: configuration in before the first script, signals out, and everything else that happens to a page kept as
//! evidence for the failure that may follow.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chromiumoxide::Page;
use chromiumoxide::cdp::browser_protocol::inspector::EventTargetCrashed;
use chromiumoxide::cdp::browser_protocol::network::{
    EventLoadingFailed, EventRequestWillBeSent, EventResponseReceived, ResourceType,
};
use chromiumoxide::cdp::browser_protocol::page::{
    AddScriptToEvaluateOnNewDocumentParams, EventLoadEventFired, NavigateParams,
    RemoveScriptToEvaluateOnNewDocumentParams, ScriptIdentifier,
};
use chromiumoxide::cdp::js_protocol::runtime::{
    AddBindingParams, ConsoleApiCalledType, EvaluateParams, EventBindingCalled, EventConsoleApiCalled,
    EventExceptionThrown, RemoteObject,
};
use futures_util::{Stream, StreamExt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use url::Url;
use wallflower_domain::failure::{Failure, FailureKind, PageEvidence};
use wallflower_domain::look::Look;
use wallflower_domain::theme::Theme;
use wallflower_domain::wire::page::{BINDING, LOOK_FUNCTION, PageEnd, PageMessage};

use crate::browser::cdp_failure;
use crate::card;

/// Console lines and failed requests that are kept, each.
const EVIDENCE_LINES: usize = 30;
/// A longer console line is cut.
const LINE_CHARS: usize = 400;
/// Signals that may wait for the session; a page that floods the bridge is read no faster than this.
const SIGNALS: usize = 256;

/// How often the page's main thread is asked whether it lives.
const PING_INTERVAL: Duration = Duration::from_millis(500);
const PAINT_DEADLINE: Duration = Duration::from_secs(if cfg!(test) { 60 } else { 2 });

/// What happens to a page.
#[derive(Debug)]
pub(crate) enum Signal {
    /// The page used the bridge.
    Said(PageMessage),
    /// The page printed one of the two words of LiveKit's template contract.
    ConsoleStart,
    /// See [`Signal::ConsoleStart`].
    ConsoleEnd,
    /// `load` has fired.
    Loaded,
    /// The document was answered with an HTTP error.
    Status(i64),
    /// An exception that nobody caught.
    Threw(String),
    /// The renderer died.
    Crashed,
}

/// What a page finds in a global before its first script runs.
pub(crate) struct Injected {
    global: &'static str,
    json: String,
}

impl Injected {
    pub(crate) fn new(global: &'static str, config: &impl serde::Serialize) -> Result<Self, Failure> {
        let json = serde_json::to_string(config).map_err(|error| {
            Failure::new(FailureKind::Internal, format!("The page's configuration can't be written as JSON: {error}."))
        })?;
        Ok(Self { global, json })
    }
}

/// The page that is recorded.
pub(crate) struct Bridge {
    page: Page,
    signals: mpsc::Receiver<Signal>,
    evidence: Evidence,
    listeners: JoinSet<()>,
    config: FirstScript,
    card: FirstScript,
}

/// What runs in each new document before its own scripts.
#[derive(Default)]
struct FirstScript(Option<ScriptIdentifier>);

impl FirstScript {
    /// The new one is there before the last one is gone, so that no document comes without either.
    async fn set(&mut self, page: &Page, script: Option<String>) -> Result<(), Failure> {
        let added = match script {
            Some(script) => {
                let added = page.execute(AddScriptToEvaluateOnNewDocumentParams::new(script)).await;
                Some(added.map_err(cdp_failure)?.result.identifier.clone())
            }
            None => None,
        };
        if let Some(last) = std::mem::replace(&mut self.0, added) {
            page.execute(RemoveScriptToEvaluateOnNewDocumentParams::new(last)).await.map_err(cdp_failure)?;
        }
        Ok(())
    }
}

impl Bridge {
    /// Prepares an empty page: binding, configuration, listeners. Nothing is loaded yet.
    pub(crate) async fn attach(page: Page, config: Option<Injected>) -> Result<Self, Failure> {
        let (sender, signals) = mpsc::channel(SIGNALS);
        let evidence = Evidence::default();
        let mut listeners = JoinSet::new();
        listen::<EventBindingCalled>(&page, &mut listeners, &sender, &evidence).await?;
        listen::<EventConsoleApiCalled>(&page, &mut listeners, &sender, &evidence).await?;
        listen::<EventExceptionThrown>(&page, &mut listeners, &sender, &evidence).await?;
        listen::<EventLoadEventFired>(&page, &mut listeners, &sender, &evidence).await?;
        listen::<EventTargetCrashed>(&page, &mut listeners, &sender, &evidence).await?;
        listen_to_network(&page, &mut listeners, &sender, &evidence).await?;
        page.execute(AddBindingParams::new(BINDING)).await.map_err(cdp_failure)?;
        let mut bridge =
            Self { page, signals, evidence, listeners, config: FirstScript::default(), card: FirstScript::default() };
        if let Some(config) = config {
            bridge.configure(config).await?;
        }
        Ok(bridge)
    }

    async fn configure(&mut self, Injected { global, json }: Injected) -> Result<(), Failure> {
        self.config.set(&self.page, Some(format!("globalThis.{global} = {json};"))).await
    }

    /// Has documents that come from now on find another configuration.
    pub(crate) async fn reconfigure(&mut self, config: Injected) -> Result<(), Failure> {
        let configured = tokio::time::timeout(PAINT_DEADLINE, self.configure(config)).await;
        configured
            .map_err(|_| Failure::new(FailureKind::PageHung, "The page has not taken its configuration within 2 s."))?
    }

    /// Opens the address. A page that can't be reached is a failure of the room.
    pub(crate) async fn open(&self, url: &str) -> Result<(), Failure> {
        let answer = self.page.execute(NavigateParams::new(url)).await.map_err(cdp_failure)?;
        match answer.result.error_text.as_deref() {
            // An HTTP error without a body; the status comes as a signal.
            None | Some("net::ERR_HTTP_RESPONSE_CODE_FAILURE") => Ok(()),
            Some(error) => Err(Failure::new(
                FailureKind::RoomUnreachable,
                format!(
                    "The page {} can't be reached ({error}); check the address and the network.",
                    without_query(url)
                ),
            )),
        }
    }

    /// Waits until the page has painted twice, so that the first captured frame shows it.
    pub(crate) async fn painted(&self) -> Result<(), Failure> {
        self.evaluate(card::PAINTED).await.map(|_| ())
    }

    /// Covers the page with the card of a pause, and whatever document follows, or shows it again. Returns when that is painted.
    pub(crate) async fn cover(&mut self, card: Option<&Theme>) -> Result<(), Failure> {
        let script = card.map_or_else(card::hidden, card::shown);
        let painted = async {
            self.card.set(&self.page, card.map(card::shown_from_the_beginning)).await?;
            self.evaluate(&script).await
        };
        let painted = tokio::time::timeout(PAINT_DEADLINE, painted).await;
        painted.map_err(|_| Failure::new(FailureKind::PageHung, "The page did not paint within 2 s."))?.map(|_| ())
    }

    /// Tells the page of another look. Returns when it is painted; a page that takes none is as it was.
    pub(crate) async fn look(&self, look: &Look) -> Result<(), Failure> {
        let look = serde_json::to_string(look).map_err(|error| {
            Failure::new(FailureKind::Internal, format!("The look can't be written as JSON: {error}."))
        })?;
        let script = format!(
            "(async () => {{
  if (typeof globalThis.{LOOK_FUNCTION} !== 'function') return 'deaf';
  try {{ await globalThis.{LOOK_FUNCTION}({look}); }} catch (error) {{ return {{ threw: String(error).slice(0, {LINE_CHARS}) }}; }}
  return {painted};
}})()",
            painted = card::PAINTED,
        );
        let answer = tokio::time::timeout(PAINT_DEADLINE, self.evaluate(&script)).await;
        let answer = answer
            .map_err(|_| Failure::new(FailureKind::PageHung, "The page has not changed its look within 2 s."))??;
        match answer {
            serde_json::Value::Bool(true) => Ok(()),
            serde_json::Value::String(_) => {
                let message = format!(
                    "This page does not take changes while it is recorded; it must have a function window.{LOOK_FUNCTION}."
                );
                Err(Failure::new(FailureKind::BadRequest, message))
            }
            other => {
                let threw = other["threw"].as_str().unwrap_or("it gave no answer");
                let message = format!("The page could not change its look: {}", without_tokens(threw));
                Err(Failure::new(FailureKind::PageFailed, message))
            }
        }
    }

    /// Asks the page's main thread over and over whether it lives, whatever page it is, and notes when it last answered. Never resolves.
    pub(crate) fn ask(&self, answered: watch::Sender<Instant>) -> impl Future<Output = Infallible> + use<> {
        let page = self.page.clone();
        async move {
            loop {
                tokio::time::sleep(PING_INTERVAL).await;
                // An error is a crash or a lost browser, which are noticed by themselves. Without a deadline: a page that hangs is to
                // be asked no more.
                if let Ok(ping) = EvaluateParams::builder().expression("1").build()
                    && page.execute(ping).await.is_ok()
                {
                    answered.send_replace(Instant::now());
                }
            }
        }
    }

    /// Width and height of the page's viewport.
    pub(crate) async fn viewport(&self) -> Result<(u64, u64), Failure> {
        let value = self.evaluate("[innerWidth, innerHeight]").await?;
        let side = |index: usize| value.get(index).and_then(serde_json::Value::as_u64).unwrap_or(0);
        Ok((side(0), side(1)))
    }

    /// What an expression comes to in the page; a promise is awaited.
    pub(crate) async fn evaluate(&self, expression: &str) -> Result<serde_json::Value, Failure> {
        let params = EvaluateParams::builder().expression(expression).await_promise(true).return_by_value(true).build();
        let params = params.map_err(|error| Failure::new(FailureKind::Internal, error))?;
        let answer = self.page.execute(params).await.map_err(cdp_failure)?;
        Ok(answer.result.result.value.clone().unwrap_or_default())
    }

    /// The next thing that happens. Cancel safe. A page whose browser has gone says nothing any more.
    pub(crate) async fn next(&mut self) -> Signal {
        match self.signals.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }

    /// What the page had to say so far.
    pub(crate) fn evidence(&self) -> PageEvidence {
        self.evidence.snapshot()
    }

    /// Every address that it has asked for so far, without queries.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.evidence.with(|collected| collected.requested.iter().map(|(_, url)| without_query(url)).collect())
    }

    pub(crate) fn shutdown(mut self) {
        self.listeners.abort_all();
    }
}

/// Something of the page that becomes evidence, a signal, or both.
trait Heard: chromiumoxide::cdp::IntoEventKind + Send + Sync + Unpin + 'static {
    fn heard(&self, evidence: &Evidence) -> Option<Signal>;
}

async fn listen<T: Heard>(
    page: &Page,
    listeners: &mut JoinSet<()>,
    sender: &mpsc::Sender<Signal>,
    evidence: &Evidence,
) -> Result<(), Failure> {
    let events = page.event_listener::<T>().await.map_err(cdp_failure)?;
    let (sender, evidence) = (sender.clone(), evidence.clone());
    listeners.spawn(forward(events, sender, move |event: &T| event.heard(&evidence)));
    Ok(())
}

async fn forward<T>(
    mut events: impl Stream<Item = Arc<T>> + Unpin,
    sender: mpsc::Sender<Signal>,
    mut signal_of: impl FnMut(&T) -> Option<Signal>,
) {
    while let Some(event) = events.next().await {
        if let Some(signal) = signal_of(&event)
            && sender.send(signal).await.is_err()
        {
            return;
        }
    }
}

impl Heard for EventBindingCalled {
    fn heard(&self, evidence: &Evidence) -> Option<Signal> {
        if self.name != BINDING {
            return None;
        }
        match serde_json::from_str(&self.payload) {
            Ok(message) => Some(Signal::Said(message)),
            Err(error) => {
                evidence.console(&format!("the page sent the recorder a message that it does not know: {error}"));
                None
            }
        }
    }
}

impl Heard for EventConsoleApiCalled {
    fn heard(&self, evidence: &Evidence) -> Option<Signal> {
        let words: Vec<String> = self.args.iter().map(text_of).collect();
        let frame = self.stack_trace.as_ref().and_then(|trace| trace.call_frames.first());
        let place = frame.filter(|_| self.r#type == ConsoleApiCalledType::Error);
        let place = place.map(|frame| place_of(&frame.url, frame.line_number)).unwrap_or_default();
        evidence.console(&format!("{}: {}{place}", self.r#type.as_ref(), words.join(" ")));
        words.iter().find_map(|word| match word.as_str() {
            "START_RECORDING" => Some(Signal::ConsoleStart),
            "END_RECORDING" => Some(Signal::ConsoleEnd),
            _ => None,
        })
    }
}

fn text_of(object: &RemoteObject) -> String {
    match &object.value {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => object.description.clone().unwrap_or_default(),
    }
}

impl Heard for EventExceptionThrown {
    fn heard(&self, evidence: &Evidence) -> Option<Signal> {
        let details = &self.exception_details;
        let description = details.exception.as_ref().and_then(|exception| exception.description.as_deref());
        // The first line is the message; the rest is a stack.
        let text = description.unwrap_or(&details.text).lines().next().unwrap_or_default().to_owned();
        let place = details.url.as_deref().map(|url| place_of(url, details.line_number)).unwrap_or_default();
        evidence.console(&format!("uncaught: {text}{place}"));
        Some(Signal::Threw(without_tokens(&text)))
    }
}

/// ` (app.js:7)`: the path of a script on its server, and the line, which DevTools counts from 0.
fn place_of(url: &str, line: i64) -> String {
    match Url::parse(url) {
        Ok(url) => format!(" ({}:{})", url.path(), line + 1),
        Err(_) => String::new(),
    }
}

impl Heard for EventLoadEventFired {
    fn heard(&self, _: &Evidence) -> Option<Signal> {
        Some(Signal::Loaded)
    }
}

impl Heard for EventTargetCrashed {
    fn heard(&self, _: &Evidence) -> Option<Signal> {
        Some(Signal::Crashed)
    }
}

/// Failed requests are known only by an id; their addresses come with the request.
async fn listen_to_network(
    page: &Page,
    listeners: &mut JoinSet<()>,
    sender: &mpsc::Sender<Signal>,
    evidence: &Evidence,
) -> Result<(), Failure> {
    let requests = page.event_listener::<EventRequestWillBeSent>().await.map_err(cdp_failure)?;
    let noted = evidence.clone();
    listeners.spawn(forward(requests, sender.clone(), move |event: &EventRequestWillBeSent| {
        noted.requested(event.request_id.inner(), &event.request.url);
        None
    }));
    let responses = page.event_listener::<EventResponseReceived>().await.map_err(cdp_failure)?;
    let noted = evidence.clone();
    listeners.spawn(forward(responses, sender.clone(), move |event: &EventResponseReceived| {
        let status = event.response.status;
        if status < 400 {
            return None;
        }
        noted.request_failed(Wanted::Url(event.response.url.clone()), &format!("HTTP {status}"));
        (event.r#type == ResourceType::Document).then_some(Signal::Status(status))
    }));
    let failures = page.event_listener::<EventLoadingFailed>().await.map_err(cdp_failure)?;
    let noted = evidence.clone();
    listeners.spawn(forward(failures, sender.clone(), move |event: &EventLoadingFailed| {
        noted.request_failed(Wanted::Request(event.request_id.inner().clone()), &event.error_text);
        None
    }));
    Ok(())
}

/// What a page had to say for itself, bounded.
#[derive(Clone, Default)]
struct Evidence(Arc<Mutex<Collected>>);

#[derive(Default)]
struct Collected {
    console: VecDeque<String>,
    failed_requests: VecDeque<(Wanted, String)>,
    requested: VecDeque<(String, String)>,
}

impl Evidence {
    fn with<T>(&self, change: impl FnOnce(&mut Collected) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn console(&self, line: &str) {
        let line = without_tokens(line);
        self.with(|collected| push(&mut collected.console, line.chars().take(LINE_CHARS).collect()));
    }

    fn requested(&self, id: &str, url: &str) {
        self.with(|collected| {
            if collected.requested.len() == 200 {
                collected.requested.pop_front();
            }
            collected.requested.push_back((id.to_owned(), url.to_owned()));
        });
    }

    fn request_failed(&self, wanted: Wanted, why: &str) {
        self.with(|collected| push(&mut collected.failed_requests, (wanted, why.to_owned())));
    }

    fn snapshot(&self) -> PageEvidence {
        self.with(|collected| PageEvidence {
            console: collected.console.iter().cloned().collect(),
            failed_requests: collected.failed_requests.iter().map(|failed| collected.told(failed)).collect(),
            screenshot: None,
        })
    }
}

/// What was asked for. Its address may be told later than its failure: events of two kinds come by two ways.
enum Wanted {
    Url(String),
    Request(String),
}

impl Collected {
    /// A request that failed, in a line.
    fn told(&self, (wanted, why): &(Wanted, String)) -> String {
        let url = match wanted {
            Wanted::Url(url) => Some(url),
            Wanted::Request(id) => self.requested.iter().rev().find(|(known, _)| known == id).map(|(_, url)| url),
        };
        format!("{}: {why}", url.map_or_else(|| "(unknown address)".to_owned(), |url| without_query(url)))
    }
}

fn push<T>(lines: &mut VecDeque<T>, line: T) {
    if lines.len() == EVIDENCE_LINES {
        lines.pop_front();
    }
    lines.push_back(line);
}

/// An address as it may be shown: query and fragment may hold tokens.
pub(crate) fn without_query(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) => {
            url.set_query(None);
            url.set_fragment(None);
            url.to_string()
        }
        Err(_) => text.split(['?', '#']).next().unwrap_or_default().chars().take(200).collect(),
    }
}

/// Text of a page as it may be shown. Servers and SDKs quote the token that they refuse; every JSON Web Token begins with the
/// base64 of `{"`.
fn without_tokens(text: &str) -> String {
    const TOKEN_START: &str = "eyJ";
    let is_token = |c: char| c.is_ascii_alphanumeric() || "-_.=".contains(c);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(TOKEN_START) {
        let (before, from_token) = rest.split_at(start);
        let end = from_token.find(|c| !is_token(c)).unwrap_or(from_token.len());
        shown.push_str(before);
        shown.push_str("****");
        rest = &from_token[end..];
    }
    shown + rest
}

/// A sentence of a page, as it may be shown.
pub(crate) fn from_page(message: &str) -> String {
    without_tokens(message).chars().take(LINE_CHARS).collect()
}

/// What a page's own failure is to the recording.
pub(crate) fn failure_of_page(fault: wallflower_domain::failure::Fault, message: &str) -> Failure {
    use wallflower_domain::failure::Fault;
    let kind = match fault {
        Fault::Request => FailureKind::RoomRefused,
        Fault::Room => FailureKind::RoomUnreachable,
        Fault::Destination | Fault::Platform => FailureKind::PageFailed,
    };
    Failure::new(kind, without_tokens(message))
}

/// What a page's end is to the recording.
pub(crate) fn end_of_page(end: PageEnd) -> wallflower_domain::recording::EndReason {
    use wallflower_domain::recording::EndReason;
    match end {
        PageEnd::RoomEnded => EndReason::RoomEnded,
        PageEnd::Kicked => EndReason::Kicked,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use wallflower_domain::frame::FrameSize;

    use super::*;
    use crate::browser::{Browser, Screen};
    use crate::programs::Program;
    use crate::workdir::WorkDir;

    #[test]
    fn addresses_are_shown_without_what_may_be_secret() {
        assert_eq!(without_query("https://h/p?token=abc#x"), "https://h/p");
        assert_eq!(without_query("not a url?token=abc"), "not a url");
    }

    #[test]
    fn tokens_are_never_shown() {
        let text = "invalid token: eyJ0eXAiOi.eyJpc3Mi.sig-_x), twice eyJabc";
        assert_eq!(without_tokens(text), "invalid token: ****), twice ****");
        assert_eq!(without_tokens("nothing to hide"), "nothing to hide");
    }

    #[test]
    fn a_request_that_failed_before_its_address_was_told_is_told_with_it() {
        let evidence = Evidence::default();
        evidence.request_failed(Wanted::Request("7".to_owned()), "net::ERR_FAILED");
        assert_eq!(evidence.snapshot().failed_requests, ["(unknown address): net::ERR_FAILED"]);
        evidence.requested("7", "https://h/p?token=abc");
        assert_eq!(evidence.snapshot().failed_requests, ["https://h/p: net::ERR_FAILED"]);
    }

    #[test]
    fn evidence_keeps_the_last_lines_only() {
        let evidence = Evidence::default();
        for number in 0..100 {
            evidence.console(&format!("line {number}"));
        }
        let console = evidence.snapshot().console;
        assert_eq!((console.len(), console.last().map(String::as_str)), (EVIDENCE_LINES, Some("line 99")));
    }

    /// The next document has loaded.
    async fn loaded(bridge: &mut Bridge, what: &str) {
        let loaded = async { while !matches!(bridge.next().await, Signal::Loaded) {} };
        let loaded = tokio::time::timeout(Duration::from_secs(30), loaded).await;
        assert!(loaded.is_ok(), "{what} does not load: {:?}", bridge.evidence());
    }

    #[tokio::test]
    async fn a_document_that_comes_anew_is_covered_and_finds_the_last_configuration() {
        let chromium = Program::Chromium.find().expect("it is installed");
        let work = WorkDir::create("bridge", Path::new("/bin/true")).await.expect("a work directory");
        let (browser, _) = Browser::start(&chromium, &work, Screen::Headless, None).await.expect("a browser");
        let page = browser.open_page(FrameSize::HD).await.expect("a page");
        let config = |number: u32| Injected::new("config", &number).expect("JSON");
        let mut bridge = Bridge::attach(page, Some(config(1))).await.expect("a bridge");
        // What the document is before its first script, what the card is over, and a frame that has none of its own.
        let html = "<script>first = [config, !!document.querySelector('[popover]')]</script><p>room</p>\
                    <iframe srcdoc='<p>frame</p>'></iframe>";
        let file = work.scratch().join("page.html");
        std::fs::write(&file, html).expect("written");
        let seen = "(() => { const card = document.querySelector('[popover]:popover-open'); const box = card?.getBoundingClientRect();
                    const inner = !!frames[0]?.document.querySelector('[popover]');
                    return [...first, !!card && box.width === innerWidth && box.height === innerHeight, inner]; })()";
        bridge.open(&format!("file://{}", file.display())).await.expect("opened");
        loaded(&mut bridge, "the first document").await;
        assert_eq!(bridge.evaluate(seen).await.expect("seen"), serde_json::json!([1, false, false, false]));

        bridge.cover(Some(&Theme::default())).await.expect("covered");
        bridge.reconfigure(config(2)).await.expect("configured");
        assert_eq!(bridge.evaluate(seen).await.expect("seen"), serde_json::json!([1, false, true, false]));
        bridge.evaluate("location.reload()").await.expect("it reloads");
        loaded(&mut bridge, "the one under the card").await;
        assert_eq!(bridge.evaluate(seen).await.expect("seen"), serde_json::json!([2, true, true, false]));
        bridge.cover(Some(&Theme::default())).await.expect("a second time changes nothing");
        assert_eq!(bridge.evaluate(seen).await.expect("seen"), serde_json::json!([2, true, true, false]));

        bridge.cover(None).await.expect("uncovered");
        assert_eq!(bridge.evaluate(seen).await.expect("seen"), serde_json::json!([2, true, false, false]));
        bridge.evaluate("location.reload()").await.expect("it reloads");
        loaded(&mut bridge, "the last one").await;
        assert_eq!(bridge.evaluate(seen).await.expect("seen"), serde_json::json!([2, false, false, false]));
        bridge.shutdown();
        browser.shutdown().await;
        work.close().await;
    }
}

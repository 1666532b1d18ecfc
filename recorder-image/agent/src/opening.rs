//! How the page of a recording is opened, and when it is worth recording.

use std::time::Duration;

use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::look::Look;
use wallflower_domain::wire::agent::{AgentEvent, Job, JobPage};
use wallflower_domain::wire::page::{CONTRACT, PageConfig, PageMessage, PageRoom};

use crate::bridge::{Bridge, Signal, failure_of_page, from_page};
use crate::pages::Pages;
use crate::report::Report;

/// How the page is opened and when it is worth recording.
pub(crate) struct Opening {
    url: String,
    /// What the page finds before its first script runs.
    pub(crate) config: Option<PageConfig>,
    await_start: bool,
    deadline: Duration,
}

impl Opening {
    pub(crate) fn of(job: &Job, look: &Look, pages: &Pages) -> Result<Self, Failure> {
        let config = |room: &PageRoom| PageConfig {
            contract: CONTRACT,
            recording: job.id.clone(),
            room: Some(room.clone()),
            look: look.clone(),
            size: job.size,
            fps: job.fps,
        };
        let (url, config, await_start) = match &job.page {
            JobPage::Stage { room } => (pages.url("index.html"), Some(config(room)), true),
            JobPage::Template { url, room } => (template_url(url, room, look)?, Some(config(room)), true),
            JobPage::TemplateFolder { room, .. } => {
                (template_url(&pages.url("index.html"), room, look)?, Some(config(room)), true)
            }
            JobPage::Page { url, await_start } => (url.clone(), None, *await_start),
        };
        Ok(Self { url, config, await_start, deadline: Duration::from_secs_f64(job.start_deadline_s) })
    }

    /// Opens the page and waits for its start signal, or until it has loaded when none is expected.
    pub(crate) async fn join(&self, bridge: &mut Bridge, report: &Report) -> Result<(), Failure> {
        let mut threw = None;
        let waiting = async {
            bridge.open(&self.url).await?;
            loop {
                match bridge.next().await {
                    Signal::Said(PageMessage::Ready) | Signal::ConsoleStart => break,
                    Signal::Loaded if !self.await_start => break,
                    Signal::Said(PageMessage::Failed { fault, message }) => {
                        return Err(failure_of_page(fault, &message));
                    }
                    Signal::Said(PageMessage::Ended { .. }) | Signal::ConsoleEnd => {
                        return Err(Failure::new(
                            FailureKind::PageFailed,
                            "The page said that it has ended before it had begun.",
                        ));
                    }
                    Signal::Said(PageMessage::Event { event }) => {
                        report.send(AgentEvent::Room { room_event: event });
                    }
                    Signal::Said(PageMessage::Warning { message }) => report.warn(from_page(&message)),
                    Signal::Status(status) => {
                        return Err(Failure::new(
                            FailureKind::PageFailed,
                            format!(
                                "The page answered HTTP {status}; check its address, or mend the server that it is on."
                            ),
                        ));
                    }
                    Signal::Crashed => {
                        return Err(Failure::new(
                            FailureKind::ProgramDied,
                            "The page's renderer crashed while it was loading.",
                        ));
                    }
                    Signal::Threw(text) => threw = Some(text),
                    Signal::Said(PageMessage::Heartbeat { .. }) | Signal::Loaded => {}
                }
            }
            bridge.painted().await
        };
        match tokio::time::timeout(self.deadline, waiting).await {
            Ok(ended) => ended,
            Err(_) => Err(self.no_start_signal(threw)),
        }
    }

    fn no_start_signal(&self, threw: Option<String>) -> Failure {
        let seconds = self.deadline.as_secs_f64();
        let message = match (threw, self.await_start) {
            (Some(text), _) => format!(
                "The page gave no start signal within {seconds} s because its script failed: {text}. Mend the page."
            ),
            (None, true) => format!(
                "The page gave no start signal within {seconds} s; it must call ready (or log START_RECORDING) once it shows the room, or be given longer by --start-deadline."
            ),
            (None, false) => format!(
                "The page did not finish loading within {seconds} s; check its server, or pass a longer --start-deadline."
            ),
        };
        Failure::new(FailureKind::NoStartSignal, message)
    }
}

/// The address of a designer's template. For a LiveKit room it carries the three parameters of LiveKit's own template contract.
fn template_url(text: &str, room: &PageRoom, look: &Look) -> Result<String, Failure> {
    let mut parsed = url::Url::parse(text).map_err(|error| {
        Failure::new(FailureKind::BadRequest, format!("The template's address \"{text}\" can't be read: {error}."))
    })?;
    if let PageRoom::Livekit { url: server, token, .. } = room {
        let ours = ["layout", "url", "token"];
        let kept: Vec<(String, String)> = parsed
            .query_pairs()
            .filter(|(key, _)| !ours.contains(&key.as_ref()))
            .map(|(k, v)| (k.into_owned(), v.into_owned()))
            .collect();
        let mut query = parsed.query_pairs_mut();
        query.clear().extend_pairs(kept);
        query.append_pair("layout", look.layout.name()).append_pair("url", server).append_pair("token", token);
        drop(query);
    }
    Ok(parsed.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wallflower_domain::layout::Layout;
    use wallflower_domain::theme::Theme;

    #[test]
    fn a_livekit_template_gets_the_three_parameters_and_keeps_its_own() {
        let room = PageRoom::Livekit {
            url: "ws://h:7880".into(),
            token: "t.o.k".into(),
            e2ee_key: Some("hunter2".to_owned().into()),
        };
        let look = Look::new(Layout::Speaker, Theme::default());
        let url = template_url("https://t.example/p?brand=1&token=old", &room, &look).expect("valid");
        assert_eq!(url, "https://t.example/p?brand=1&layout=speaker&url=ws%3A%2F%2Fh%3A7880&token=t.o.k");
    }
}

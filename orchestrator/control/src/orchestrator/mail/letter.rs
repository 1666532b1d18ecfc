//! What mail says: the same as text and as HTML, which loads nothing from anywhere.

use wallflower_domain::recording::State;
use wallflower_domain::request::Moment;
use wallflower_domain::secret::Secret;

use super::super::notices::Told;
use super::super::resource::Resource;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// A title in a subject.
const LONGEST_TITLE: usize = 80;

/// A message's words.
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// What there is to say, before it is text or HTML.
struct Words {
    subject: String,
    headline: String,
    /// Sentences, each a paragraph.
    said: Vec<String>,
    /// What the link is for; none where there is nothing to see.
    action: Option<&'static str>,
    facts: Vec<(&'static str, String)>,
}

impl Letter {
    pub(super) fn about(told: &Told) -> Self {
        let words = words(told);
        let link = told.link.as_ref().filter(|_| words.action.is_some()).map(Secret::expose);
        Self { text: text(&words, link), html: html(&words, link), subject: words.subject }
    }
}

fn words(told: &Told) -> Words {
    let recording = &told.recording;
    let title = one_line(&told.title);
    let facts = facts(recording);
    if told.event == "recording.expiring" {
        let when = recording.expires_at.map(date).unwrap_or_default();
        return Words {
            subject: format!("“{title}” will be deleted on {when}"),
            headline: format!("“{title}” will be deleted soon"),
            said: vec![format!(
                "The recording and its files are kept until {when}, and deleted then. Download what you want to keep."
            )],
            action: Some("Watch or download it"),
            facts,
        };
    }
    let has_media = recording.delivery.is_some();
    match (&recording.failure, recording.state) {
        (Some(failure), State::Failed) => {
            let mut said = vec![failure.failure.message.clone()];
            if has_media {
                said.push("What was recorded until then is kept.".to_owned());
            }
            Words {
                subject: format!("Recording failed: “{title}”"),
                headline: format!("“{title}” could not be recorded{}", if has_media { " to its end" } else { "" }),
                said,
                action: has_media.then_some("See what there is"),
                facts,
            }
        }
        _ => Words {
            subject: format!("Your recording is ready: “{title}”"),
            headline: format!("“{title}” is ready"),
            said: Vec::new(),
            action: Some("Watch the recording"),
            facts,
        },
    }
}

fn facts(recording: &Resource) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    facts.extend(recording.started_at.map(|at| ("Recorded", date(at))));
    if let Some(delivery) = &recording.delivery {
        facts.push(("Length", length(delivery.duration_s)));
        let bytes: u64 = delivery.outputs.iter().map(|output| output.bytes).sum();
        if bytes > 0 {
            facts.push(("Size", size(bytes)));
        }
        if !delivery.gaps.is_empty() {
            let lost: f64 = delivery.gaps.iter().map(|gap| gap.length_s).sum();
            facts.push(("Gaps", format!("{}, {} in all", delivery.gaps.len(), length(lost))));
        }
    }
    facts.extend(recording.expires_at.map(|at| ("Kept until", date(at))));
    facts.push(("Id", recording.id.clone()));
    facts
}

fn text(words: &Words, link: Option<&str>) -> String {
    let mut text = format!("{}\n\n", words.headline);
    for sentence in &words.said {
        text.push_str(&format!("{sentence}\n\n"));
    }
    if let Some((link, action)) = link.zip(words.action) {
        text.push_str(&format!("{action}: {link}\n\n"));
    }
    for (name, value) in &words.facts {
        text.push_str(&format!("{name}: {value}\n"));
    }
    if link.is_some() {
        text.push_str("\nWhoever has this link can see the recording until the link expires.\n");
    }
    text
}

fn html(words: &Words, link: Option<&str>) -> String {
    let mut inner =
        format!("<h1 style=\"margin:0 0 16px;font-size:22px;line-height:1.3\">{}</h1>", escaped(&words.headline));
    for sentence in &words.said {
        inner.push_str(&format!("<p style=\"margin:0 0 16px\">{}</p>", escaped(sentence)));
    }
    if let Some((link, action)) = link.zip(words.action) {
        inner.push_str(&format!(
            "<p style=\"margin:24px 0\"><a href=\"{}\" style=\"display:inline-block;padding:12px 22px;border-radius:10px;\
             background:#12946a;color:#ffffff;font-weight:600;text-decoration:none\">{action}</a></p>",
            escaped(link)
        ));
    }
    inner.push_str("<table role=\"presentation\" style=\"border-collapse:collapse;font-size:14px\">");
    for (name, value) in &words.facts {
        inner.push_str(&format!(
            "<tr><td class=\"quiet\" style=\"padding:3px 18px 3px 0;color:#5b6677;vertical-align:top;white-space:nowrap\">{name}</td>\
             <td style=\"padding:3px 0\">{}</td></tr>",
            escaped(value)
        ));
    }
    inner.push_str("</table>");
    if link.is_some() {
        inner.push_str(
            "<p class=\"quiet\" style=\"margin:24px 0 0;font-size:13px;color:#5b6677\">Whoever has this link can see the \
             recording until the link expires.</p>",
        );
    }
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"supported-color-schemes\" content=\"light dark\">\
         <style>@media (prefers-color-scheme:dark){{body,.page{{background:#0e1116!important}}\
         .card{{background:#1b212b!important;color:#f4f6fa!important}}.quiet{{color:#a9b3c3!important}}}}</style></head>\
         <body style=\"margin:0;background:#f1f3f7\"><div class=\"page\" style=\"padding:32px 16px;background:#f1f3f7\">\
         <div class=\"card\" style=\"max-width:520px;margin:0 auto;padding:32px;border-radius:16px;background:#ffffff;color:#141922;\
         font:16px/1.5 Inter,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;overflow-wrap:anywhere\">{inner}</div>\
         <p class=\"quiet\" style=\"margin:16px 0 0;text-align:center;color:#5b6677;\
         font:13px/1.5 Inter,'Segoe UI',Roboto,Helvetica,Arial,sans-serif\">Recorded by Wallflower</p></div></body></html>"
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// For a subject: no line of it begins another header.
fn one_line(text: &str) -> String {
    let line = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    let line = line.collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST_TITLE {
        return line;
    }
    line.chars().take(LONGEST_TITLE - 1).chain(['…']).collect()
}

/// `2026-11-21T17:05:09Z` as `21 November 2026, 17:05 UTC`.
fn date(at: Moment) -> String {
    let text = at.to_string();
    let (day, time) = text.split_once('T').unwrap_or((&text, ""));
    let mut parts = day.split('-');
    let (year, month, day) = (parts.next(), parts.next(), parts.next());
    let month = month.and_then(|month| MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?));
    match (year, month, day, time.get(..5)) {
        (Some(year), Some(month), Some(day), Some(time)) => {
            format!("{} {month} {year}, {time} UTC", day.trim_start_matches('0'))
        }
        _ => text,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lengths of recordings are neither negative nor long"
)]
fn length(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "it is rounded anyway")]
fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        1e9.. => format!("{:.1} GB", bytes / 1e9),
        1e6.. => format!("{:.0} MB", bytes / 1e6),
        _ => format!("{:.0} kB", (bytes / 1e3).max(1.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use wallflower_domain::failure::{Failure, FailureKind};
    use wallflower_domain::record::Record;

    fn told(event: &str, change: impl FnOnce(&mut Value)) -> Told {
        let request = serde_json::from_value(json!({"room": "demo:standup"})).expect("valid");
        let mut record = Record::new("0192", request, None, 1_796_115_600_000_000);
        record.expires_us = Some(1_796_115_600_000_000 + 30 * 86_400_000_000);
        let mut recording = serde_json::to_value(Resource::of(&record, None)).expect("JSON");
        recording["started_at"] = json!("2026-12-01T09:05:09Z");
        change(&mut recording);
        let recording = serde_json::from_value(recording).expect("a recording");
        let link = Some(Secret::new("https://rec.example.org/s/TOKEN"));
        Told { event: event.into(), title: "Weekly <standup>\r\nBcc: all@example.org".into(), link, recording }
    }

    fn delivered(recording: &mut Value) {
        recording["state"] = json!("completed");
        recording["delivery"] = json!({"duration_s": 3723.4, "frames": 1, "outputs": [], "gaps": [], "pauses": []});
    }

    #[test]
    fn a_title_is_one_line_of_plain_text_wherever_it_stands() {
        let letter = Letter::about(&told("recording.completed", delivered));
        assert_eq!(letter.subject, "Your recording is ready: “Weekly <standup> Bcc: all@example.org”");
        assert!(
            letter.html.contains("Weekly &lt;standup&gt;") && !letter.html.contains("<standup>"),
            "{}",
            letter.html
        );
        assert!(letter.text.contains("Watch the recording: https://rec.example.org/s/TOKEN\n"), "{}", letter.text);
        assert!(letter.text.contains("Recorded: 1 December 2026, 09:05 UTC\nLength: 1 h 2 min\n"), "{}", letter.text);
        assert!(letter.text.contains("Kept until: 31 December 2026, 09:00 UTC"), "{}", letter.text);
    }

    #[test]
    fn a_failure_is_told_with_its_reason_and_a_link_only_to_what_there_is() {
        let failed = |recording: &mut Value| {
            recording["state"] = json!("failed");
            let failure = Failure::new(FailureKind::RoomUnreachable, "The room is closed.");
            recording["failure"] = serde_json::to_value(&failure).expect("JSON");
            recording["failure"]["fault"] = json!("room");
            recording["failure"]["retryable"] = json!(true);
        };
        let letter = Letter::about(&told("recording.failed", failed));
        assert!(letter.subject.starts_with("Recording failed"), "{}", letter.subject);
        assert!(letter.text.contains("The room is closed.") && letter.html.contains("The room is closed."));
        assert!(!letter.text.contains("TOKEN") && !letter.html.contains("TOKEN"), "{}", letter.text);
        let letter = Letter::about(&told("recording.failed", |recording| {
            delivered(recording);
            failed(recording);
        }));
        assert!(letter.text.contains("See what there is: https://rec.example.org/s/TOKEN"), "{}", letter.text);
    }

    #[test]
    fn that_a_recording_expires_is_told_with_when() {
        let letter = Letter::about(&told("recording.expiring", delivered));
        assert!(letter.subject.ends_with("will be deleted on 31 December 2026, 09:00 UTC"), "{}", letter.subject);
        assert!(letter.text.contains("Watch or download it: https://"), "{}", letter.text);
    }
}

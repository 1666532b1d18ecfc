//! E-mail: sent from the same outbox as webhooks, one message for each recipient, so that one who can't be reached keeps nobody waiting.
//!
//! ```text
//! smtps://host[:465]   TLS from the start
//! smtp://host[:587]    STARTTLS, or no mail; with `insecure`, TLS where it is offered
//! ```
//!
//! A message that is sent twice has one Message-ID, by which mailboxes tell.

mod letter;

use std::net::IpAddr;
use std::time::Duration;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use rustls::CertificateError;
use wallflower_domain::email::{EmailAddress, MAX_EMAILS};
use wallflower_domain::failure::{Failure, FailureKind};
use wallflower_domain::record::Notice;
use wallflower_domain::request::RecordingRequest;
use wallflower_domain::secret::Secret;

use super::config::EmailConfig;
use super::notices::{Told, Trouble};
use letter::Letter;

/// A server that has not taken a message by then has failed.
const DEADLINE: Duration = Duration::from_secs(30);

/// Sends mail. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// By the server of the configuration. `password` comes before the one in a file.
    pub(crate) fn new(config: &EmailConfig, password: Option<Secret>) -> Result<Self, Failure> {
        let host = config.smtp.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| bad("email.smtp names no host; write it as smtp://mail.example.org"))?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let tls =
            || TlsParameters::new(bare.to_owned()).map_err(|_| bad("email.smtp: TLS can't be used with that host"));
        let is_near = bare == "localhost" || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        let (port, tls) = match (config.smtp.scheme(), config.insecure) {
            ("smtps", false) => (465, Tls::Wrapper(tls()?)),
            ("smtp", false) => (587, Tls::Required(tls()?)),
            // A certificate that nobody else trusts is what loopback has.
            ("smtp", true) if is_near => (587, Tls::None),
            ("smtp", true) => (587, Tls::Opportunistic(tls()?)),
            ("smtps", true) => return Err(bad("email.insecure contradicts smtps://; drop one of the two")),
            _ => return Err(bad("email.smtp begins with smtps:// or smtp://")),
        };
        if !config.smtp.username().is_empty() || config.smtp.password().is_some() {
            return Err(bad("email.smtp has a user in it; name it as email.user, and its password in the environment"));
        }
        let port = config.smtp.port().unwrap_or(port);
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(bare).port(port).tls(tls).timeout(Some(DEADLINE));
        if let Some(user) = &config.user {
            if config.insecure && !is_near {
                return Err(bad("email.user would send its password without TLS; drop email.insecure"));
            }
            let password = password.map_or_else(|| read_password(config), Ok)?;
            builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
        }
        let from = Mailbox::new(Some(config.name.clone()), address(&config.from)?);
        Ok(Self { transport: builder.build(), from })
    }

    /// Sends one.
    pub(crate) async fn send(&self, notice: &Notice) -> Result<(), Trouble> {
        let message = self.message(notice)?;
        match tokio::time::timeout(DEADLINE, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.is_timeout() => Err(late().into()),
            Ok(Err(error)) => {
                // That we are not let in is for the operator to mend, and no word about the message.
                let lasts = error.status().is_some_and(|code| (540..600).contains(&u16::from(code)));
                let why = match (error.status(), distrust(&error)) {
                    (Some(_), _) => format!("The mail server has refused it: {error}."),
                    (None, Some(why)) => format!(
                        "The mail server's certificate can't be trusted ({why}), so that it was told nothing; have its authority among those of \
                         this machine, or name its file by SSL_CERT_FILE."
                    ),
                    (None, None) => format!("The mail server can't be used: {}.", cause(&error)),
                };
                Err(Trouble { why, lasts })
            }
            Err(_) => Err(late().into()),
        }
    }

    fn message(&self, notice: &Notice) -> Result<Message, Trouble> {
        let broken = |why: &str| Trouble { why: format!("The message can't be written: {why}."), lasts: true };
        let to = notice.url.strip_prefix("mailto:").and_then(|to| to.parse::<Address>().ok());
        let to = to.ok_or_else(|| broken("its recipient is none"))?;
        let told: Told = serde_json::from_str(&notice.body).map_err(|_| broken("another version has planned it"))?;
        let Letter { subject, text, html } = Letter::about(&told);
        let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .message_id(Some(format!("<{}@{}>", notice.id, self.from.email.domain())))
            .raw_header(automatic)
            .multipart(MultiPart::alternative_plain_html(text, html));
        message.map_err(|error| broken(&error.to_string()))
    }
}

/// Whether a request may have mail sent.
pub(crate) fn check(config: Option<&EmailConfig>, request: &RecordingRequest) -> Result<(), Failure> {
    if request.emails.is_empty() {
        return Ok(());
    }
    let config = config
        .ok_or_else(|| bad("\"emails\": this server sends no mail; [email] in its configuration has it send some"))?;
    if request.emails.len() > MAX_EMAILS {
        return Err(bad(&format!("\"emails\" names more than {MAX_EMAILS} addresses")));
    }
    let is_allowed = |address: &EmailAddress| {
        config.allow.is_empty() || config.allow.iter().any(|domain| domain.eq_ignore_ascii_case(&address.domain()))
    };
    match request.emails.iter().find(|address| !is_allowed(address)) {
        Some(other) => {
            Err(bad(&format!("\"emails\" names {other}, and this server sends no mail to {}", other.domain())))
        }
        None => Ok(()),
    }
}

fn read_password(config: &EmailConfig) -> Result<Secret, Failure> {
    let Some(path) = &config.password_file else {
        return Err(bad("email.user has no password; set WALLFLOWER_SMTP_PASSWORD, or email.password_file"));
    };
    let text = std::fs::read_to_string(path);
    text.map(|text| Secret::new(text.trim_end_matches(['\r', '\n'])))
        .map_err(|error| bad(&format!("email.password_file, {}, can't be read ({error})", path.display())))
}

fn address(address: &EmailAddress) -> Result<Address, Failure> {
    address.as_str().parse().map_err(|_| bad(&format!("\"{address}\" is no address that mail can be sent to or from")))
}

fn late() -> String {
    format!("The mail server did not answer within {} s.", DEADLINE.as_secs())
}

/// What is wrong with a certificate, if that is why.
fn distrust<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a CertificateError> {
    let mut error = Some(error);
    while let Some(outer) = error {
        // What an I/O error holds is not its source.
        let inner = outer.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = outer.downcast_ref().or_else(|| inner?.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::InvalidCertificate(why)) = tls {
            return Some(why);
        }
        error = outer.source();
    }
    None
}

/// The innermost reason: those around it say less.
fn cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn bad(sentence: &str) -> Failure {
    Failure::new(FailureKind::BadRequest, format!("{sentence}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(more: &str) -> EmailConfig {
        toml::from_str(&format!("from = \"rec@example.org\"\n{more}")).expect("valid")
    }

    #[test]
    fn a_password_is_never_sent_in_the_clear_and_never_told() {
        let password = Some(Secret::new("hunter2"));
        for (more, said) in [
            ("smtp = \"smtp://mail.example.org\"\ninsecure = true\nuser = \"u\"", "without TLS"),
            ("smtp = \"smtp://u:hunter2@mail.example.org\"", "has a user in it"),
            ("smtp = \"smtps://mail.example.org\"\ninsecure = true", "contradicts"),
            ("smtp = \"https://mail.example.org\"", "smtps://"),
        ] {
            let failure = Mailer::new(&config(more), password.clone()).err().expect(more);
            assert!(failure.message.contains(said) && !failure.message.contains("hunter2"), "{failure}");
        }
        let user = "smtp = \"smtps://mail.example.org\"\nuser = \"u\"";
        assert!(Mailer::new(&config(user), password).is_ok());
        let failure = Mailer::new(&config(user), None).err().expect("no password");
        assert!(failure.message.contains("WALLFLOWER_SMTP_PASSWORD"), "{failure}");
    }

    #[test]
    fn requests_have_mail_sent_only_where_the_server_lets_them() {
        let of = |to: &str| {
            serde_json::from_value::<RecordingRequest>(json!({"room": "demo:a", "emails": [to]})).expect("valid")
        };
        let with = |allow: &str| config(&format!("smtp = \"smtp://h\"\nallow = {allow}"));
        assert!(check(Some(&with("[]")), &of("a@anywhere.net")).is_ok());
        assert!(check(Some(&with("[\"Example.org\"]")), &of("a@EXAMPLE.org")).is_ok());
        for (config, to) in [(Some(with("[\"example.org\"]")), "a@sub.example.org"), (None, "a@example.org")] {
            let failure = check(config.as_ref(), &of(to)).expect_err(to);
            assert!(failure.message.contains("\"emails\""), "{failure}");
        }
    }
}

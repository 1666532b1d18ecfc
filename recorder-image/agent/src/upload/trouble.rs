//! What stores answer when they don't do as they are asked, in words for people.

use std::time::Duration;

use wallflower_domain::destination::{Destination, Place};
use wallflower_domain::failure::{Failure, FailureKind};

/// Something went wrong with one request.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) what: What,
    pub(super) failure: Failure,
}

/// What follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The same request may succeed later.
    Passing,
    /// The store has forgotten the parts: the file has to be sent from its beginning.
    PartsLost,
    /// There is no such object.
    Missing,
    /// These credentials may not do that.
    Forbidden,
    /// It will not go better by itself.
    Final,
}

impl Trouble {
    pub(super) fn new(what: What, failure: Failure) -> Self {
        Self { what, failure }
    }

    pub(super) fn refused(sentence: String) -> Self {
        Self::new(What::Final, Failure::new(FailureKind::UploadRefused, sentence))
    }

    pub(super) fn failed(what: What, sentence: String) -> Self {
        Self::new(what, Failure::new(FailureKind::UploadFailed, sentence))
    }

    /// The same after having been waited for.
    pub(super) fn after(self, time: Duration) -> Self {
        let time = match time.as_secs() {
            0..60 => format!("{} s", time.as_secs_f64()),
            seconds => format!("{} min", seconds / 60),
        };
        let message = format!("{} It was tried again for {time}.", self.failure.message);
        Self { failure: Failure { message, ..self.failure }, ..self }
    }
}

/// Words for a destination.
#[derive(Clone, Debug)]
pub(super) struct Words {
    /// What objects are put into: `the bucket "x" at http://h:9000`.
    pub(super) place: String,
    /// Who answers.
    server: String,
    /// Where its credentials are.
    variables: String,
    /// What has to be allowed.
    rights: &'static str,
}

impl Words {
    pub(super) fn of(destination: &Destination) -> Self {
        let (place, server, variables, rights): (_, _, &[&str], _) = match destination.place() {
            Place::S3 { bucket, endpoint, .. } => {
                let server = endpoint
                    .as_ref()
                    .map_or("Amazon S3".to_owned(), |url| url.as_str().trim_end_matches('/').to_owned());
                let variables: &[&str] = &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
                (
                    format!("the bucket \"{bucket}\" at {server}"),
                    server,
                    variables,
                    "s3:PutObject, s3:GetObject and s3:AbortMultipartUpload",
                )
            }
            Place::Google { bucket } => {
                let variables: &[&str] = &["GOOGLE_APPLICATION_CREDENTIALS"];
                let rights = "storage.objects.create, storage.objects.get and storage.multipartUploads.*";
                (format!("the Google Cloud bucket \"{bucket}\""), "Google Cloud Storage".to_owned(), variables, rights)
            }
            Place::Azure { container, .. } => {
                let variables: &[&str] = &["AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"];
                let rights = "the role Storage Blob Data Contributor";
                (format!("the Azure container \"{container}\""), "Azure".to_owned(), variables, rights)
            }
            Place::Directory { path } => (path.clone(), path.clone(), &[], "writing"),
        };
        let prefix = destination.env().map(|env| format!("{env}_")).unwrap_or_default();
        let variables: Vec<String> = variables.iter().map(|name| format!("{prefix}{name}")).collect();
        Self { place, server, variables: variables.join(" and "), rights }
    }

    /// What a store's error means. Its words are not repeated but for its code: they may hold keys and signatures.
    pub(super) fn explain(&self, error: &object_store::Error) -> Trouble {
        if let Some(error) = io_error(error) {
            return self.explain_io(error);
        }
        let text = error.to_string();
        let Self { place, server, variables, rights } = self;
        // Without credentials, those of a machine in the store's own cloud are asked for, where every answer may come from.
        if text.contains("169.254.169.254") || text.contains("metadata.google.internal") {
            let sentence = format!(
                "No credentials for {server} are set, and this machine has none of its own; set {variables} in the environment."
            );
            return Trouble::new(What::Passing, Failure::new(FailureKind::UploadRefused, sentence));
        }
        let code = between(&text, "<Code>", "</Code>").unwrap_or_default();
        let status: u16 = text
            .split_once("status code: ")
            .and_then(|(_, rest)| rest.get(..3))
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(0);
        let said = if code.is_empty() { format!("HTTP {status}") } else { code.to_owned() };
        match code {
            "NoSuchBucket" | "ContainerNotFound" => {
                return Trouble::refused(format!(
                    "There is no {}; create it, or correct the destination.",
                    strip_the(place)
                ));
            }
            "NoSuchUpload" | "InvalidPart" | "InvalidPartOrder" | "InvalidBlockList" | "InvalidBlobOrBlock" => {
                return Trouble::failed(
                    What::PartsLost,
                    format!("The parts that were sent to {place} are lost ({code})."),
                );
            }
            "RequestTimeTooSkewed" => {
                return Trouble::refused(format!("{server} finds the clock of this machine wrong ({code}); set it."));
            }
            "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
                return Trouble::refused(format!(
                    "The region of {place} is another one ({code}); add region=… to the destination, or set AWS_REGION."
                ));
            }
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "ExpiredToken"
            | "InvalidToken"
            | "TokenRefreshRequired"
            | "AuthenticationFailed"
            | "InvalidAuthenticationInfo"
            | "NoAuthenticationInformation"
            | "InvalidSecurity" => {
                return Trouble::refused(format!(
                    "{server} does not accept the credentials ({code}); check {variables}."
                ));
            }
            "QuotaExceeded" | "XMinioStorageFull" | "XMinioAdminBucketQuotaExceeded" => {
                return Trouble::failed(
                    What::Passing,
                    format!("There is no room left in {place} ({code}); make some."),
                );
            }
            _ => {}
        }
        match (error, status) {
            (object_store::Error::Unauthenticated { .. }, _) | (_, 401) => {
                Trouble::refused(format!("{server} does not accept the credentials ({said}); check {variables}."))
            }
            (object_store::Error::PermissionDenied { .. }, _) | (_, 403) => Trouble::new(
                What::Forbidden,
                Failure::new(
                    FailureKind::UploadRefused,
                    format!("The credentials may not do this in {place} ({said}); allow them {rights}."),
                ),
            ),
            (object_store::Error::NotFound { .. }, _) | (_, 404) => Trouble::new(
                What::Missing,
                Failure::new(FailureKind::UploadRefused, format!("There is no such thing in {place} ({said}).")),
            ),
            (_, 429 | 408 | 500..) => {
                Trouble::failed(What::Passing, format!("{server} has trouble of its own ({said})."))
            }
            (_, 300..400) => Trouble::refused(format!(
                "{server} sends elsewhere (HTTP {status}); correct endpoint and region of the destination."
            )),
            (_, 400..) => {
                let hint = if text.to_lowercase().contains("checksum") {
                    "; if it does not know checksums, add checksum=none to the destination"
                } else {
                    ""
                };
                Trouble::refused(format!("{server} does not take the upload ({said}){hint}."))
            }
            _ => self.explain_silence(error, &text),
        }
    }

    /// There was no answer that could be understood.
    fn explain_silence(&self, error: &object_store::Error, text: &str) -> Trouble {
        let Self { server, variables, .. } = self;
        let cause = root(error);
        if cause.contains("certificate") {
            return Trouble::refused(format!(
                "{server} shows a certificate that this machine does not trust ({cause}); let the machine trust its authority, or name a file with its certificate in SSL_CERT_FILE."
            ));
        }
        if text.contains("HTTP error") {
            return Trouble::failed(
                What::Passing,
                format!("{server} can't be reached ({cause}); check the address, and that the server runs."),
            );
        }
        Trouble::refused(format!("Uploads to {} are not set up well ({cause}); check {variables}.", self.place))
    }

    fn explain_io(&self, error: &std::io::Error) -> Trouble {
        Trouble::new(What::Final, crate::delivery::unwritable(std::path::Path::new(&self.place), error))
    }
}

fn strip_the(place: &str) -> &str {
    place.strip_prefix("the ").unwrap_or(place)
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (inner, _) = text.split_once(open)?.1.split_once(close)?;
    // What a server calls its codes; anything else is not repeated.
    (inner.len() <= 64 && inner.chars().all(|c| c.is_ascii_alphanumeric())).then_some(inner)
}

/// The directory's own error; errors of connections are not among them.
fn io_error(error: &object_store::Error) -> Option<&std::io::Error> {
    let object_store::Error::Generic { store: "LocalFileSystem", .. } = error else { return None };
    let mut current: &(dyn std::error::Error + 'static) = error;
    loop {
        if let Some(error) = current.downcast_ref::<std::io::Error>() {
            return Some(error);
        }
        current = current.source()?;
    }
}

/// The innermost cause, such as `Connection refused (os error 111)`.
fn root(error: &object_store::Error) -> String {
    let mut current: &(dyn std::error::Error + 'static) = error;
    while let Some(source) = current.source() {
        current = source;
    }
    let text = current.to_string();
    // A cause that is a page of HTML or XML is none.
    let line = text.lines().next().unwrap_or_default();
    line.chars().take_while(|c| *c != '<').take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Answer(String);

    fn explain(status: &str, body: &str) -> Trouble {
        let answer =
            format!("Error performing PUT http://h/b/k in 1ms - Server returned non-2xx status code: {status}: {body}");
        let words = Words::of(&"s3://recordings?endpoint=http://h:9000&env=BACKUP".parse().expect("a destination"));
        words.explain(&object_store::Error::Generic { store: "S3", source: Box::new(Answer(answer)) })
    }

    #[test]
    fn each_refusal_has_its_own_sentence() {
        let code = |code: &str| format!("<Error><Code>{code}</Code><Message>m</Message></Error>");
        for (status, body, what, kind, says) in [
            (
                "403 Forbidden",
                code("SignatureDoesNotMatch"),
                What::Final,
                FailureKind::UploadRefused,
                "http://h:9000 does not accept the credentials (SignatureDoesNotMatch); check BACKUP_AWS_ACCESS_KEY_ID and BACKUP_AWS_SECRET_ACCESS_KEY.",
            ),
            (
                "404 Not Found",
                code("NoSuchBucket"),
                What::Final,
                FailureKind::UploadRefused,
                "There is no bucket \"recordings\" at http://h:9000; create it, or correct the destination.",
            ),
            (
                "403 Forbidden",
                code("AccessDenied"),
                What::Forbidden,
                FailureKind::UploadRefused,
                "The credentials may not do this in the bucket \"recordings\" at http://h:9000 (AccessDenied); allow them s3:PutObject, s3:GetObject and s3:AbortMultipartUpload.",
            ),
            (
                "403 Forbidden",
                String::new(),
                What::Forbidden,
                FailureKind::UploadRefused,
                "The credentials may not do this in the bucket \"recordings\" at http://h:9000 (HTTP 403); allow them s3:PutObject, s3:GetObject and s3:AbortMultipartUpload.",
            ),
            (
                "404 Not Found",
                code("NoSuchUpload"),
                What::PartsLost,
                FailureKind::UploadFailed,
                "The parts that were sent to the bucket \"recordings\" at http://h:9000 are lost (NoSuchUpload).",
            ),
            (
                "503 Service Unavailable",
                code("SlowDown"),
                What::Passing,
                FailureKind::UploadFailed,
                "http://h:9000 has trouble of its own (SlowDown).",
            ),
            (
                "507 Insufficient Storage",
                code("XMinioStorageFull"),
                What::Passing,
                FailureKind::UploadFailed,
                "There is no room left in the bucket \"recordings\" at http://h:9000 (XMinioStorageFull); make some.",
            ),
            (
                "400 Bad Request",
                "<Error><Code>InvalidArgument</Code><Message>Unsupported header x-amz-checksum-sha256</Message></Error>".into(),
                What::Final,
                FailureKind::UploadRefused,
                "http://h:9000 does not take the upload (InvalidArgument); if it does not know checksums, add checksum=none to the destination.",
            ),
        ] {
            let trouble = explain(status, &body);
            assert_eq!((trouble.what, trouble.failure.kind), (what, kind), "{body}");
            assert_eq!(trouble.failure.message, says);
        }
    }

    #[test]
    fn what_a_server_says_is_not_repeated() {
        let body = "<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKIAHUNTER2</AWSAccessKeyId></Error>";
        let odd = "<Error><Code>hunter2 and more</Code></Error>";
        for body in [body, odd] {
            let message = explain("403 Forbidden", body).failure.message;
            assert!(!message.to_lowercase().contains("hunter2"), "{message}");
        }
    }
}

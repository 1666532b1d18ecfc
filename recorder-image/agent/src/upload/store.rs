//! A destination that is opened with its credentials.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::multipart::MultipartStore;
use object_store::path::Path as Key;
use object_store::{ClientOptions, HeaderValue, ObjectStore, ObjectStoreExt as _, RetryConfig};
use wallflower_domain::destination::{Destination, Naming, Place};
use wallflower_domain::failure::{Failure, FailureKind};

use super::credentials::Credentials;
use super::patience::Pace;
use super::trouble::{Trouble, What, Words};

/// [`Store::check`] says so when it takes longer.
const CHECK_DEADLINE: Duration = Duration::from_secs(10);
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// A server that restarts is not called broken.
const CHECK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// What a check sends.
const PROBE: &str = "wallflower";

/// What stores tell browsers that play from them.
const CONTENT_TYPES: [(&str, &str); 16] = [
    ("mp4", "video/mp4"),
    ("m4s", "video/iso.segment"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("ts", "video/mp2t"),
    ("mkv", "video/x-matroska"),
    ("webm", "video/webm"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("m4a", "audio/mp4"),
    ("mp3", "audio/mpeg"),
    ("flac", "audio/flac"),
    ("wav", "audio/wav"),
    ("vtt", "text/vtt"),
    ("json", "application/json"),
    ("jsonl", "application/x-ndjson"),
    ("jpg", "image/jpeg"),
];

/// An open destination.
pub struct Store {
    destination: Destination,
    pub(super) objects: Arc<dyn ObjectStore>,
    /// How large files are sent; a directory has no need of it.
    pub(super) parts: Option<Arc<dyn MultipartStore>>,
    pub(super) words: Words,
    pub(super) pace: Pace,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.destination.to_string()).finish()
    }
}

impl Store {
    /// Opens a destination. Nothing is asked over the network yet.
    pub fn open(destination: &Destination, credentials: &Credentials) -> Result<Self, Failure> {
        use_ring();
        let refused = |error: &dyn std::fmt::Display| Failure::new(FailureKind::UploadRefused, format!("{error}."));
        let destination = credentials.settle(destination.clone()).map_err(|error| refused(&error))?;
        let words = Words::of(&destination);
        let explain = |error: object_store::Error| words.explain(&error).failure;
        let (objects, parts): (Arc<dyn ObjectStore>, Option<Arc<dyn MultipartStore>>) = match destination.place() {
            Place::S3 { .. } => {
                let store = s3(&destination, credentials).map_err(explain)?;
                (Arc::new(store.clone()), Some(Arc::new(store)))
            }
            Place::Google { bucket } => {
                let mut builder = GoogleCloudStorageBuilder::new()
                    .with_client_options(client(false))
                    .with_retry(retry())
                    .with_bucket_name(bucket);
                for (name, value) in credentials.settings(&destination, "GOOGLE_") {
                    if let Ok(key) = name.parse::<GoogleConfigKey>()
                        && key != GoogleConfigKey::Bucket
                    {
                        builder = builder.with_config(key, value.expose());
                    }
                }
                let store = builder.build().map_err(explain)?;
                (Arc::new(store.clone()), Some(Arc::new(store)))
            }
            Place::Azure { container, account } => {
                let mut builder = MicrosoftAzureBuilder::new().with_client_options(client(false)).with_retry(retry());
                for (name, value) in credentials.settings(&destination, "AZURE_") {
                    if let Ok(key) = name.parse::<AzureConfigKey>() {
                        builder = builder.with_config(key, value.expose());
                    }
                }
                if let Some(account) = account {
                    builder = builder.with_account(account);
                }
                let store = builder.with_container_name(container).build().map_err(explain)?;
                (Arc::new(store.clone()), Some(Arc::new(store)))
            }
            Place::Directory { path } => {
                if !std::path::Path::new(path).is_dir() {
                    let sentence = format!(
                        "{path} is no directory; create it, or mount what is to be there, or correct the destination."
                    );
                    return Err(Failure::new(FailureKind::UploadRefused, sentence));
                }
                (Arc::new(LocalFileSystem::new_with_prefix(path).map_err(explain)?.with_fsync(true)), None)
            }
        };
        Ok(Self { destination, objects, parts, words, pace: Pace::new() })
    }

    /// Where uploads go, with what the environment adds to it.
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Key of a file.
    pub fn key(&self, naming: &Naming, name: &str) -> String {
        self.destination.key(naming, name)
    }

    /// Finds out, within ten seconds, whether an upload would succeed: credentials, bucket, permission to write, server.
    pub async fn check(&self) -> Result<(), Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let key = format!("{}.wallflower-check-{}-{now}", self.destination.folder(), std::process::id());
        let key = Key::parse(key).map_err(|error| self.words.explain(&error.into()).failure)?;
        let checked = async {
            match self.probe(&key).await {
                Err(trouble) if trouble.what == What::Passing => {
                    tokio::time::sleep(CHECK_AGAIN_AFTER).await;
                    self.probe(&key).await
                }
                checked => checked,
            }
        };
        match tokio::time::timeout(CHECK_DEADLINE, checked).await {
            Ok(checked) => checked.map_err(|trouble| self.about_writing(trouble).failure),
            Err(_) => Err(Failure::new(
                FailureKind::UploadFailed,
                format!(
                    "Nothing was heard from {} within {} s; check the address, and that the server runs.",
                    self.words.place,
                    CHECK_DEADLINE.as_secs()
                ),
            )),
        }
    }

    /// Does what an upload does, but leaves nothing.
    async fn probe(&self, key: &Key) -> Result<(), Trouble> {
        let explain = |error| self.words.explain(&error);
        let Some(parts) = &self.parts else {
            self.objects.put(key, PROBE.into()).await.map_err(explain)?;
            return self.objects.delete(key).await.map_err(explain);
        };
        let id = parts.create_multipart(key).await.map_err(explain)?;
        let sent = parts.put_part(key, &id, 0, PROBE.into()).await;
        if let Err(error) = parts.abort_multipart(key, &id).await {
            tracing::warn!(%error, "the check's upload can't be aborted; the store removes it by its own rules");
        }
        sent.map(|_| ()).map_err(explain)
    }

    /// Trouble with writing, in terms of writing: stores that hide what one may not see call it missing.
    pub(super) fn about_writing(&self, trouble: Trouble) -> Trouble {
        match trouble.what {
            What::Missing => Trouble::refused(format!(
                "There is no {}, or the credentials may not see it; create it, or correct the destination.",
                self.words.place.strip_prefix("the ").unwrap_or(&self.words.place)
            )),
            _ => trouble,
        }
    }
}

fn s3(destination: &Destination, credentials: &Credentials) -> object_store::Result<object_store::aws::AmazonS3> {
    let Place::S3 { bucket, endpoint, region, checksum } = destination.place() else {
        return Err(object_store::Error::NotSupported { source: "not S3".into() });
    };
    let http = endpoint.as_ref().is_some_and(|url| url.scheme() == "http");
    // Amazon knows a bucket by its host name, unless a dot in it would make TLS fail; others by its path.
    let by_host = endpoint.is_none() && !bucket.contains('.');
    let mut builder = AmazonS3Builder::new().with_virtual_hosted_style_request(by_host);
    builder = builder.with_client_options(client(http)).with_retry(retry());
    for (name, value) in credentials.settings(destination, "AWS_") {
        if let Ok(key) = name.parse::<AmazonS3ConfigKey>()
            && !matches!(key, AmazonS3ConfigKey::Endpoint | AmazonS3ConfigKey::S3Endpoint | AmazonS3ConfigKey::Bucket)
        {
            builder = builder.with_config(key, value.expose());
        }
    }
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
    }
    if let Some(region) = region {
        builder = builder.with_region(region);
    }
    if *checksum {
        builder = builder.with_checksum_algorithm(Checksum::SHA256);
    }
    builder.with_bucket_name(bucket).build()
}

/// Requests have deadlines of their own, which depend on what they carry.
fn client(http: bool) -> ClientOptions {
    let mut options = ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(CONNECT_DEADLINE)
        .with_user_agent(HeaderValue::from_static(concat!("wallflower/", env!("CARGO_PKG_VERSION"))));
    if http {
        options = options.with_allow_http(true);
    }
    for (suffix, content_type) in CONTENT_TYPES {
        options = options.with_content_type_for_suffix(suffix, content_type);
    }
    options
}

/// All that is tried again is tried again in one place: [`super::patience`].
fn retry() -> RetryConfig {
    RetryConfig { max_retries: 0, retry_timeout: CONNECT_DEADLINE, ..RetryConfig::default() }
}

/// TLS is by ring: it needs no C library of the system, and no CMake to be built.
fn use_ring() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error says that somebody was faster, with whom we are content.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(variables: &[(&str, &str)]) -> Credentials {
        Credentials::of(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    fn open(text: &str, variables: &[(&str, &str)]) -> Result<Store, Failure> {
        Store::open(&text.parse().expect("a destination"), &credentials(variables))
    }

    const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "hunter2")];

    #[tokio::test]
    async fn a_directory_is_checked_by_writing_and_nothing_stays() {
        let folder = tempfile::tempdir().expect("temp dir");
        let url = format!("file://{}", folder.path().display());
        let store = open(&format!("{url}/{{room}}/"), &[]).expect("opened");
        store.check().await.expect("writable");
        assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 0);
        let missing = open(&format!("{url}/missing/"), &[]).expect_err("refused");
        assert_eq!(missing.kind, FailureKind::UploadRefused);
        assert!(missing.message.contains("is no directory"), "{}", missing.message);
    }

    #[tokio::test]
    async fn a_directory_that_can_t_be_written_is_refused() {
        let store = open("file:///proc/self", &[]).expect("opened");
        let failure = store.check().await.expect_err("refused");
        assert_eq!(failure.kind, FailureKind::DestinationUnwritable, "{failure}");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_said_to_be_unreachable() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let store = open(&format!("s3://bucket?endpoint=http://127.0.0.1:{port}"), &KEYS).expect("opened");
        let failure = store.check().await.expect_err("refused");
        assert_eq!(failure.kind, FailureKind::UploadFailed);
        assert!(failure.message.contains("can't be reached (Connection refused"), "{failure}");
        assert!(!format!("{store:?} {failure:?}").contains("hunter2"));
    }

    #[test]
    fn half_of_the_credentials_is_not_enough() {
        let failure = open("s3://bucket", &KEYS[..1]).expect_err("refused");
        assert_eq!(failure.kind, FailureKind::UploadRefused);
        assert!(failure.message.contains("Missing SecretAccessKey"), "{failure}");
    }
}

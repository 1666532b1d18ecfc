//! A real S3 server on loopback.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore as _, ObjectStoreExt as _, RetryConfig};
use tempfile::TempDir;
use uuid::Uuid;
use wallflower_domain::secret::Secret;

use super::lacking;
use super::server::{self, Server, TcpPort};

const DEADLINE: Duration = Duration::from_secs(60);

/// MinIO with a directory and keys of its own; killed when dropped.
#[derive(Debug)]
pub struct MinioServer {
    server: Option<Server>,
    program: PathBuf,
    port: TcpPort,
    access_key: String,
    secret_key: Secret,
    directory: TempDir,
}

impl MinioServer {
    /// Starts one, or says why not: see [`lacking`].
    ///
    /// # Panics
    ///
    /// When it is installed and does not start.
    pub fn start() -> Option<Self> {
        let Some(program) = server::installed("minio") else {
            lacking("MinIO", "`make setup` installs it, or name it by WALLFLOWER_MINIO");
            return None;
        };
        let mut server = Self {
            server: None,
            program,
            port: TcpPort::take(),
            access_key: Uuid::now_v7().simple().to_string(),
            secret_key: Secret::new(Uuid::now_v7().simple().to_string()),
            directory: tempfile::tempdir().expect("a temporary directory can be made"),
        };
        fs::create_dir(server.data()).expect("a temporary directory can be written to");
        server.start_again();
        Some(server)
    }

    /// Starts it at its address, with what is stored in it, after a [`stop`](Self::stop).
    ///
    /// # Panics
    ///
    /// When it runs, or does not start.
    pub fn start_again(&mut self) {
        assert!(self.server.is_none(), "MinIO runs already");
        let mut command = Command::new(&self.program);
        command
            .args(["server", "--quiet", "--address", &self.address().to_string()])
            .arg(self.data())
            // Certificates are looked for in it.
            .env("HOME", self.directory.path())
            .env("MINIO_ROOT_USER", &self.access_key)
            .env("MINIO_ROOT_PASSWORD", self.secret_key.expose())
            .env("MINIO_BROWSER", "off")
            .env("MINIO_UPDATE", "off");
        // Its own word that it is ready comes before it takes requests.
        let ready = || matches!(self.get("ready", "ready"), Err(object_store::Error::NotFound { .. }));
        let server = Server::start(command, &self.directory.path().join("log"), ready);
        self.server = Some(server.unwrap_or_else(|reason| panic!("{reason}")));
    }

    /// Kills it: its connections are cut, and new ones are refused. What is stored stays.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Server::pid)
    }

    /// Where it takes HTTP.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// `http://` address; buckets are named in the path. The region is `us-east-1`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Who may do everything.
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// The secret of [`access_key`](Self::access_key).
    pub fn secret_key(&self) -> &str {
        self.secret_key.expose()
    }

    /// Makes a bucket.
    ///
    /// # Panics
    ///
    /// When there is one of that name.
    #[track_caller]
    pub fn create_bucket(&self, name: &str) {
        // For a server with one disk a bucket is a directory on it, no more.
        fs::create_dir(self.data().join(name))
            .unwrap_or_else(|error| panic!("the bucket {name} can't be made: {error}"));
    }

    /// Stores an object.
    ///
    /// # Errors
    ///
    /// The client's words, when the server refuses or is not there. It tries once.
    pub fn put(&self, bucket: &str, key: &str, bytes: &[u8]) -> object_store::Result<()> {
        let (store, path) = (self.store(bucket), Path::from(key));
        finish(async { store.put(&path, bytes.to_vec().into()).await.map(drop) })
    }

    /// What is stored by that key, if anything is.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    #[track_caller]
    pub fn object(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        match self.get(bucket, key) {
            Ok(bytes) => Some(bytes),
            Err(object_store::Error::NotFound { .. }) => None,
            Err(error) => panic!("{bucket}/{key}: {error}"),
        }
    }

    /// Keys of all that is stored in a bucket, in order.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    #[track_caller]
    pub fn objects(&self, bucket: &str) -> Vec<String> {
        let store = self.store(bucket);
        let listed = finish(async { store.list(None).try_collect::<Vec<_>>().await });
        let listed = listed.unwrap_or_else(|error| panic!("{bucket}: {error}"));
        let mut keys: Vec<_> = listed.into_iter().map(|object| object.location.to_string()).collect();
        keys.sort();
        keys
    }

    fn get(&self, bucket: &str, key: &str) -> object_store::Result<Vec<u8>> {
        let (store, path) = (self.store(bucket), Path::from(key));
        finish(async { store.get(&path).await?.bytes().await.map(|bytes| bytes.to_vec()) })
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn store(&self, bucket: &str) -> AmazonS3 {
        // Clients ask for it even where nothing is encrypted. Only the first call can set it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        AmazonS3Builder::new()
            .with_endpoint(self.endpoint())
            .with_region("us-east-1")
            .with_bucket_name(bucket)
            .with_access_key_id(&self.access_key)
            .with_secret_access_key(self.secret_key.expose())
            .with_allow_http(true)
            .with_client_options(ClientOptions::new().with_allow_http(true).with_timeout(DEADLINE))
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .build()
            .expect("all that it needs was given")
    }
}

/// On a thread of its own, because a test may have a runtime on this one.
fn finish<T: Send>(task: impl Future<Output = T> + Send) -> T {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        runtime.block_on(task)
    };
    thread::scope(|scope| scope.spawn(run).join()).expect("the client does not panic")
}

//! TLS before a server that speaks none, on loopback.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

/// Takes TLS off connections and hands them on; it ends when dropped.
#[derive(Debug)]
pub struct TlsFront {
    port: u16,
    directory: TempDir,
    runtime: Option<Runtime>,
}

impl TlsFront {
    /// Before a port of loopback, with a certificate of its own for `localhost`.
    ///
    /// # Panics
    ///
    /// When it can't be set up.
    #[must_use]
    pub fn before(behind: u16) -> Self {
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        std::fs::write(directory.path().join("ca.pem"), signed.cert.pem()).expect("the certificate can be written");
        let key = signed.signing_key.serialize_der().try_into().expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![signed.cert.der().clone()], key))
            .expect("a configuration");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("tokio wants it so");
        let port = listener.local_addr().expect("a bound socket").port();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("within a runtime");
            let acceptor = TlsAcceptor::from(Arc::new(config));
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut outside) = acceptor.accept(stream).await else { return };
                    let Ok(mut inside) = TcpStream::connect(("127.0.0.1", behind)).await else { return };
                    // Either end may leave at any time.
                    let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                });
            }
        });
        Self { port, directory, runtime: Some(runtime) }
    }

    /// The port that speaks TLS.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Who trusts this certificate trusts this front.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        Path::new(self.directory.path()).join("ca.pem")
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Not here: a test may be within a runtime of its own.
            thread::spawn(move || drop(runtime));
        }
    }
}

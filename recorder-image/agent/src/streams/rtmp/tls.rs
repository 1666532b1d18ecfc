//! Whom an `rtmps` connection trusts.

use std::sync::{Arc, OnceLock};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::Host;

/// The authorities that the machine trusts; `SSL_CERT_FILE` names others. They are read when they are first needed.
#[derive(Clone, Default)]
pub(crate) struct Trust {
    config: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl Trust {
    /// Nobody but this authority.
    #[cfg(test)]
    pub(crate) fn only(authority: tokio_rustls::rustls::pki_types::CertificateDer<'static>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority).expect("a certificate");
        Self { config: Arc::new(OnceLock::from(config(roots).expect("a configuration"))) }
    }

    fn config(&self) -> Result<Arc<ClientConfig>, String> {
        if let Some(config) = self.config.get() {
            return Ok(config.clone());
        }
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (usable, _) = roots.add_parsable_certificates(found.certs);
        if usable == 0 {
            return Err("no certificate authorities are installed on the recorder's machine; install ca-certificates."
                .to_owned());
        }
        let config = config(roots)?;
        Ok(self.config.get_or_init(|| config).clone())
    }

    /// Wraps a connection.
    pub(crate) async fn connect(&self, host: &Host, tcp: TcpStream) -> Result<TlsStream<TcpStream>, String> {
        let trust = self.clone();
        let config = tokio::task::spawn_blocking(move || trust.config())
            .await
            .map_err(|error| format!("the certificate authorities can't be read ({error})."))??;
        let name = match host {
            Host::Ipv4(address) => ServerName::from(std::net::IpAddr::V4(*address)),
            Host::Ipv6(address) => ServerName::from(std::net::IpAddr::V6(*address)),
            Host::Domain(name) => ServerName::try_from(name.trim_end_matches('.').to_owned())
                .map_err(|_| format!("{host} is no name for which there are certificates."))?,
        };
        TlsConnector::from(config).connect(name, tcp).await.map_err(|error| {
            format!("{host} has no TLS connection that can be trusted ({error}); check the address, and the server's certificate.")
        })
    }
}

fn config(roots: RootCertStore) -> Result<Arc<ClientConfig>, String> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS can't be set up ({error})."))?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

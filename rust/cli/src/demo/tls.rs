//! Certificates of the demo's own, which only the demo's phone trusts.

use std::io;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::places;

/// The world's certificate and key, valid for all its names.
#[derive(Debug)]
pub struct Authority {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Clone for Authority {
    fn clone(&self) -> Self {
        Self { certificate: self.certificate.clone(), key: self.key.clone_key() }
    }
}

impl Authority {
    /// Makes a certificate that nobody else has.
    pub fn new() -> io::Result<Self> {
        let names: Vec<_> = places::ALL.iter().map(|place| place.name.to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
        Ok(Self { certificate: made.cert.der().clone(), key: made.signing_key.into() })
    }

    /// For a server that speaks `protocol` (ALPN).
    pub fn server(&self, protocol: &str) -> io::Result<Arc<ServerConfig>> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .with_no_client_auth()
                    .with_single_cert(vec![self.certificate.clone()], self.key.clone_key())
            })
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![protocol.into()];
        Ok(Arc::new(config))
    }

    /// For a client that speaks `protocol` (ALPN).
    pub fn client(&self, protocol: &str) -> io::Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).map_err(io::Error::other)?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.into()];
        Ok(Arc::new(config))
    }
}

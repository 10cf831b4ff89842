//! TLS for the clients of tests: trusts the roots that it is given and nothing else.

mod blind;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Wire;
use crate::certs::Leaf;

/// Whom a client trusts.
#[derive(Clone, Debug)]
pub struct ClientTls {
    verifier: Arc<dyn ServerCertVerifier>,
    identity: Option<Leaf>,
}

/// The certificate that a server presented, in DER.
pub type PeerCertificate = CertificateDer<'static>;

impl ClientTls {
    /// Trusts the certificates in this PEM text.
    ///
    /// # Errors
    /// When the text is not PEM, or a certificate in it cannot be a root.
    pub fn trusting(pem: &str) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(io::Error::other)?;
            roots.add(certificate).map_err(io::Error::other)?;
        }
        let provider = Arc::new(default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(io::Error::other)?;
        Ok(Self {
            verifier,
            identity: None,
        })
    }

    /// Trusts whatever is presented, for tests that look at the certificate themselves or do not care.
    #[must_use]
    pub fn blind() -> Self {
        Self {
            verifier: Arc::new(blind::Blind::default()),
            identity: None,
        }
    }

    /// Shows this certificate to servers that ask for one.
    #[must_use]
    pub fn proving(self, identity: &Leaf) -> Self {
        Self {
            identity: Some(identity.clone()),
            ..self
        }
    }

    /// Shakes hands, offering by ALPN what `wire` says.
    ///
    /// # Errors
    /// When nobody listens, the name is not one, or the handshake fails; also when the server picks another protocol.
    pub async fn connect(
        &self,
        address: SocketAddr,
        server_name: &str,
        wire: Wire,
    ) -> io::Result<TlsStream<TcpStream>> {
        let offered: &[u8] = match wire {
            Wire::Http1 => b"http/1.1",
            Wire::Http2 => b"h2",
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&self.verifier));
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(leaf) => {
                let (chain, key) = leaf.der()?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(io::Error::other)?
            }
        };
        config.alpn_protocols = vec![offered.to_vec()];
        let name = ServerName::try_from(server_name.to_owned()).map_err(io::Error::other)?;
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
        match (wire, stream.get_ref().1.alpn_protocol()) {
            (Wire::Http2, Some(b"h2")) | (Wire::Http1, None | Some(b"http/1.1")) => Ok(stream),
            (_, picked) => Err(io::Error::other(format!("the server picked {picked:?}"))),
        }
    }

    /// The certificate that the server presents for a name.
    ///
    /// # Errors
    /// As [`ClientTls::connect`]; also when there is none.
    pub async fn presented(&self, address: SocketAddr, server_name: &str) -> io::Result<PeerCertificate> {
        let stream = self.connect(address, server_name, Wire::Http1).await?;
        stream
            .get_ref()
            .1
            .peer_certificates()
            .and_then(<[PeerCertificate]>::first)
            .cloned()
            .ok_or_else(|| io::Error::other("no certificate was presented"))
    }
}

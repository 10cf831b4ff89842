//! TLS before a server that knows none: ends it, notes the name that was asked for, and relays what is inside.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::certs::{Ca, Leaf};

/// Stands on a loopback port that the system picks until it is dropped.
#[derive(Debug)]
pub struct TlsFront {
    address: SocketAddr,
    names: Arc<Mutex<Vec<Option<String>>>>,
    accepting: JoinHandle<()>,
}

impl TlsFront {
    /// Shows a certificate and relays to an address. `clients`: only those that show one of this authority's.
    ///
    /// # Errors
    /// When no port can be bound, or the certificate cannot be used.
    pub async fn start(leaf: &Leaf, clients: Option<&Ca>, to: SocketAddr) -> io::Result<Self> {
        let acceptor = TlsAcceptor::from(Arc::new(config(leaf, clients)?));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let names = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&names);
        let accepting = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (acceptor, noted) = (acceptor.clone(), Arc::clone(&noted));
                tokio::spawn(async move {
                    let Ok(mut tls) = acceptor.accept(tcp).await else {
                        return;
                    };
                    let name = tls.get_ref().1.server_name().map(ToOwned::to_owned);
                    noted.lock().unwrap_or_else(PoisonError::into_inner).push(name);
                    if let Ok(mut inner) = TcpStream::connect(to).await {
                        // Either side may end it as it likes.
                        let _ = copy_bidirectional(&mut tls, &mut inner).await;
                    }
                });
            }
        });
        Ok(Self {
            address,
            names,
            accepting,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The server name of each handshake that was made, in their order.
    #[must_use]
    pub fn server_names(&self) -> Vec<Option<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn config(leaf: &Leaf, clients: Option<&Ca>) -> io::Result<ServerConfig> {
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            let root = CertificateDer::from_pem_slice(authority.pem().as_bytes());
            roots
                .add(root.map_err(io::Error::other)?)
                .map_err(io::Error::other)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(io::Error::other)?)
        }
    };
    let (chain, key) = leaf.der()?;
    builder.with_single_cert(chain, key).map_err(io::Error::other)
}

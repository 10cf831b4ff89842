//! TLS to endpoints: whom to believe, who we say we are, and what a failed handshake means.
//!
//! The configuration of a cluster is built from its model and its secrets when a model is applied. It is kept with the
//! cluster's transport, and with it the sessions that can be resumed: these never cross to another set of authorities,
//! names or certificates. A secret that is missing or unusable makes a [`ClientTls`] that only ever fails: nothing is sent
//! in clear text that was meant to be encrypted, and nothing is believed because nobody said whom to believe.
//!
//! The system's authorities are read once, by `rustls-native-certs`, rather than through a platform's verifier: that one
//! cannot check a chain without checking a name, which `subject_alt_names` asks for.

mod names;
mod secrets;
mod verifier;

use std::sync::Arc;

use rustls::client::ClientConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::version::{TLS12, TLS13};
use rustls_pki_types::ServerName;
use seaway_model::UpstreamTls;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::transport::Label;
use crate::error::{Failure, TlsFault};
pub(super) use secrets::Secrets;

/// What is spoken inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    Http1,
    Http2,
    /// Whatever the client of a relay speaks.
    Anything,
}

/// TLS of a cluster, ready for handshakes, or the reason why there are none.
#[derive(Debug)]
pub(super) struct ClientTls {
    /// The one that is sent for every request.
    server_name: Option<ServerName<'static>>,
    ready: Result<Ready, (TlsFault, String)>,
}

#[derive(Debug)]
struct Ready {
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    anything: Arc<ClientConfig>,
}

/// A handshake failed.
#[derive(Debug)]
pub(super) struct HandshakeError {
    pub(super) failure: Failure,
    /// For an operator.
    pub(super) detail: String,
}

impl ClientTls {
    pub(super) fn new(tls: &UpstreamTls, secrets: &Secrets) -> Self {
        let named = tls.server_name.as_deref().map(|name| {
            let invalid = (TlsFault::ServerName, format!("{name} is no server name"));
            ServerName::try_from(name.to_owned()).map_err(|_| invalid)
        });
        let (server_name, problem) = match named {
            Some(Ok(name)) => (Some(name), None),
            Some(Err(problem)) => (None, Some(problem)),
            None => (None, None),
        };
        let ready = match problem {
            Some(problem) => Err(problem),
            None => ready(tls, secrets),
        };
        Self { server_name, ready }
    }

    /// Whether the server name comes from each request.
    pub(super) fn wants_name(&self) -> bool {
        self.server_name.is_none() && self.ready.is_ok()
    }

    /// Why no connection can be made at all.
    pub(super) fn fault(&self) -> Option<TlsFault> {
        self.ready.as_ref().err().map(|(fault, _)| *fault)
    }

    /// The same, for a person.
    pub(super) fn problem(&self) -> Option<&str> {
        self.ready.as_ref().err().map(|(_, problem)| problem.as_str())
    }

    /// Shakes hands.
    pub(super) async fn connect(
        &self,
        tcp: TcpStream,
        label: &Label,
        within: Within,
    ) -> Result<TlsStream<TcpStream>, HandshakeError> {
        let broken = |(fault, detail): &(TlsFault, String)| HandshakeError {
            failure: Failure::UpstreamTls(*fault),
            detail: detail.clone(),
        };
        let ready = self.ready.as_ref().map_err(broken)?;
        let of_request = label.as_ref().and_then(|bound| bound.server_name.as_ref());
        let Some(name) = self.server_name.as_ref().or(of_request) else {
            return Err(broken(&(
                TlsFault::ServerName,
                "the request says no host that could be the server name".to_owned(),
            )));
        };
        let config = match within {
            Within::Http1 => &ready.http1,
            Within::Http2 => &ready.http2,
            Within::Anything => &ready.anything,
        };
        let connector = TlsConnector::from(Arc::clone(config));
        let shaken = connector.connect(name.clone(), tcp).await;
        shaken.map_err(|error| HandshakeError {
            failure: Failure::UpstreamTls(fault_of(&error)),
            detail: error.to_string(),
        })
    }
}

fn ready(tls: &UpstreamTls, secrets: &Secrets) -> Result<Ready, (TlsFault, String)> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let unusable = |error: rustls::Error| (TlsFault::NoSecret, error.to_string());
    let verifier = verifier::build(tls, secrets, &provider)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider) as Arc<CryptoProvider>)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let config = match secrets.identity(tls)? {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|error| {
            let problem = "the client certificate and its key cannot be used";
            (TlsFault::NoSecret, format!("{problem}: {error}"))
        })?,
    };
    // They share what of the configuration is shared by reference: the sessions too.
    let speaking = |protocol: &[u8]| {
        let mut config = config.clone();
        config.alpn_protocols = vec![protocol.to_vec()];
        Arc::new(config)
    };
    Ok(Ready {
        http1: speaking(b"http/1.1"),
        http2: speaking(b"h2"),
        anything: Arc::new(config.clone()),
    })
}

/// What a failed handshake says of the endpoint.
fn fault_of(error: &std::io::Error) -> TlsFault {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    inner.map_or(TlsFault::Handshake, fault)
}

/// What TLS reports, in our words.
pub(super) fn fault(error: &rustls::Error) -> TlsFault {
    use rustls::CertificateError as Bad;
    match error {
        rustls::Error::AlertReceived(_) => TlsFault::Refused,
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::UnknownIssuer => TlsFault::UnknownAuthority,
            Bad::Expired | Bad::ExpiredContext { .. } | Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                TlsFault::Expired
            }
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => TlsFault::WrongName,
            _ => TlsFault::Certificate,
        },
        _ => TlsFault::Handshake,
    }
}

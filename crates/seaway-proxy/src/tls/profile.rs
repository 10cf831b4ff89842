//! What tells one server configuration from another.
//!
//! Two hosts with the same certificate and the same demands share a configuration; whatever differs makes another one,
//! and with it sessions of its own, so that no session passes from a host that asks less to one that asks more.

use std::collections::HashSet;
use std::sync::Arc;

use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, SupportedCipherSuite};
use seaway_model::{ListenerTls, Model, SecretName, ServerCertificate, TlsMode, TlsParameters, TlsVersion};

/// What tells one from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Profile {
    pub(super) secret: SecretName,
    pub(super) alternative: Option<SecretName>,
    pub(super) parameters: TlsParameters,
    pub(super) speaks: Speaks,
}

/// What is spoken inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Speaks {
    /// HTTP, as ALPN chooses.
    Http,
    /// Whatever is relayed: ALPN offers nothing, so that no client is refused for what it would like to speak.
    Anything,
}

impl Profile {
    /// For a handshake with this certificate.
    pub(crate) fn new(certificate: &ServerCertificate, speaks: Speaks) -> Self {
        Self {
            secret: certificate.secret.clone(),
            alternative: certificate.alternative.clone(),
            parameters: certificate.parameters.clone(),
            speaks,
        }
    }

    /// Every one that the model's handshakes may need.
    pub(super) fn all(model: &Model) -> HashSet<Self> {
        let tls = model.listeners.iter().filter_map(|l| l.tls.as_ref());
        tls.flat_map(|tls| tls.certificates.iter().map(|c| Self::new(c, speaks(tls, c))))
            .collect()
    }

    /// Whether it is for handshakes with this certificate.
    pub(crate) fn is_of(&self, certificate: &ServerCertificate) -> bool {
        *self == Self::new(certificate, self.speaks)
    }

    /// The versions that it allows.
    pub(super) fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let TlsParameters { minimum, maximum, .. } = &self.parameters;
        let allows = |v| minimum.is_none_or(|m| m <= v) && maximum.is_none_or(|m| v <= m);
        let all = [(TlsVersion::V1_3, &TLS13), (TlsVersion::V1_2, &TLS12)];
        all.into_iter()
            .filter(|(version, _)| allows(*version))
            .map(|(_, version)| version)
            .collect()
    }

    /// The provider, with the suites of TLS 1.2 that it allows.
    pub(super) fn provider(&self, all: &Arc<CryptoProvider>) -> Arc<CryptoProvider> {
        let wanted = &self.parameters.cipher_suites;
        if wanted.is_empty() {
            return Arc::clone(all);
        }
        let allows = |suite: &SupportedCipherSuite| match openssl_name(suite.suite()) {
            Some(name) => wanted.iter().any(|w| **w == *name),
            // Those of TLS 1.3 have no such names, and are not chosen from.
            None => true,
        };
        let mut provider = CryptoProvider::clone(all);
        provider.cipher_suites.retain(allows);
        Arc::new(provider)
    }
}

/// A certificate whose host has a route of its own is for what that relays.
fn speaks(tls: &ListenerTls, certificate: &ServerCertificate) -> Speaks {
    let is_relayed = tls
        .routes
        .iter()
        .any(|route| route.mode == TlsMode::Terminate && route.host == certificate.host);
    if is_relayed {
        Speaks::Anything
    } else {
        Speaks::Http
    }
}

/// The names of the suites of TLS 1.2 that are sound.
fn openssl_name(suite: CipherSuite) -> Option<&'static str> {
    Some(match suite {
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-ECDSA-CHACHA20-POLY1305",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-RSA-CHACHA20-POLY1305",
        _ => return None,
    })
}

/// The certificates of a host, the better one first. A client gets the first that it can use.
#[derive(Debug)]
pub(super) struct KeyPairs(pub(super) Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for KeyPairs {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let offered = hello.signature_schemes();
        let fits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(offered).is_some();
        // Without one that fits, rustls says so to the client better than we could.
        self.0.iter().find(fits).or(self.0.first()).cloned()
    }
}

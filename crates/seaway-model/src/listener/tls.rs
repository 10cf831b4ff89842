//! What a listener asks of a TLS handshake, and which connections it leaves to others.

use std::sync::Arc;

use serde::Serialize;

use super::Pins;
use crate::{HostMatch, L4Route, SecretName};

/// TLS of a listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct ListenerTls {
    /// Most specific host first, each host once. The first whose host matches the server name is presented; where
    /// none does, the handshake is refused. One for `HostMatch::Any` is the default certificate, which also serves
    /// clients that send no server name.
    pub certificates: Vec<ServerCertificate>,
    /// Connections that are not HTTP to us, by their server name. Most specific host first, each host once. A route
    /// takes a connection when no certificate's host is more specific; where both are for the same host, the route
    /// does. One for `HostMatch::Any` also takes clients that send no server name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<ServerNameRoute>,
}

/// The certificate for a host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerCertificate {
    /// The server names it is presented for.
    pub host: HostMatch,
    /// Which.
    pub secret: SecretName,
    /// A second one for the same host with a key of another kind (RSA beside ECDSA); presented to the clients that can
    /// use only this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alternative: Option<SecretName>,
    /// What else is asked of a handshake for this host.
    #[serde(skip_serializing_if = "TlsParameters::is_default")]
    pub parameters: TlsParameters,
}

impl ServerCertificate {
    /// A certificate for a host, with nothing out of the ordinary.
    #[must_use]
    pub fn new(host: HostMatch, secret: SecretName) -> Self {
        Self {
            host,
            secret,
            alternative: None,
            parameters: TlsParameters::default(),
        }
    }
}

/// What is asked of a handshake besides the certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsParameters {
    /// Whether and how clients must prove who they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientValidation>,
    /// Not below; TLS 1.2 where not said, which is also the lowest that is spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<TlsVersion>,
    /// Not above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<TlsVersion>,
    /// Only these, by their OpenSSL names (`ECDHE-ECDSA-AES128-GCM-SHA256`); empty: all that are sound. They bind
    /// TLS 1.2 only, as everywhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cipher_suites: Vec<Arc<str>>,
}

impl TlsParameters {
    /// Whether nothing out of the ordinary is asked.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum TlsVersion {
    /// 1.2
    #[serde(rename = "1.2")]
    V1_2,
    /// 1.3
    #[serde(rename = "1.3")]
    V1_3,
}

/// Proof that is asked of clients. Who gave it is said upstream in `x-forwarded-client-cert`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientValidation {
    /// The authorities that are believed: a secret with [`crate::Material::Authorities`].
    pub authorities: SecretName,
    /// Without a certificate: refused if true, served if false. A bad certificate is refused in both cases.
    pub required: bool,
    /// One of the certificate's names must be one of these; empty: any name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subject_alt_names: Vec<Arc<str>>,
    /// And it, or its key, must be one of these.
    #[serde(skip_serializing_if = "Pins::is_empty")]
    pub pins: Pins,
}

/// A server name whose connections are relayed rather than served.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct ServerNameRoute {
    /// The server names.
    pub host: HostMatch,
    /// Whether TLS ends here. If so, `certificates` has an entry of the same host.
    pub mode: TlsMode,
    /// Where to.
    pub route: Arc<L4Route>,
}

/// What becomes of the TLS of a relayed connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TlsMode {
    /// It goes through untouched; only the server name is read.
    Passthrough,
    /// It ends here, and what is inside is relayed.
    Terminate,
}

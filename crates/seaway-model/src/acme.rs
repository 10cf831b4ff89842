//! Certificate issuers that speak ACME (RFC 8555): everything that having a certificate made needs to know.
//!
//! Part of the model, because an HttpsCertIssuer is written by users like everything else, and because a changed issuer
//! is a changed model. Secrets in it print as a marker and a hash.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::secret::marker;

/// The directory of Let's Encrypt.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// Version 4 of Cloudflare's API.
pub const CLOUDFLARE_API: &str = "https://api.cloudflare.com/client/v4";

/// A text that is never printed: a password, a token, an HMAC key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Hidden(Arc<str>);

impl Hidden {
    /// Wraps it.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself, for those who must use it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&marker(&self.0))
    }
}

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&marker(&self.0))
    }
}

/// An ACME issuer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AcmeIssuer {
    /// Name of its HttpsCertIssuer.
    pub name: Arc<str>,
    /// URL of the authority's directory (RFC 8555, section 7.1.1).
    pub directory: Arc<str>,
    /// Whom the authority writes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Arc<str>>,
    /// For authorities that want a customer's number (RFC 8555, section 7.3.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_account: Option<ExternalAccount>,
    /// Certificates in PEM that the directory's own certificate is checked against, instead of the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory_roots: Option<Arc<str>>,
    /// How a domain is proven.
    pub method: AcmeMethod,
}

impl AcmeIssuer {
    /// Let's Encrypt, without an e-mail address.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, method: AcmeMethod) -> Self {
        Self {
            name: name.into(),
            directory: LETS_ENCRYPT.into(),
            email: None,
            external_account: None,
            directory_roots: None,
            method,
        }
    }
}

/// External account binding.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExternalAccount {
    /// The key's identifier.
    pub key_id: Arc<str>,
    /// The key in base64url, as authorities hand it out.
    pub hmac_key: Hidden,
}

/// How a domain is proven.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AcmeMethod {
    /// A file on port 80 (RFC 8555, section 8.3).
    Http01,
    /// A handshake on port 443 (RFC 8737).
    TlsAlpn01,
    /// A TXT record on an acme-dns server, to which `_acme-challenge` of the domain is an alias.
    Dns01AcmeDns(AcmeDns),
    /// A TXT record at Cloudflare.
    Dns01Cloudflare(Cloudflare),
}

impl AcmeMethod {
    /// Whether wildcards can be proven by it.
    #[must_use]
    pub fn is_dns(&self) -> bool {
        matches!(self, Self::Dns01AcmeDns(_) | Self::Dns01Cloudflare(_))
    }
}

/// An acme-dns server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AcmeDns {
    /// URL of its API, or only its domain (then over HTTPS).
    pub server: Arc<str>,
    /// Accounts by domain, without a wildcard's `*.`. One that is missing is registered and kept in the data folder.
    pub accounts: BTreeMap<Arc<str>, AcmeDnsAccount>,
    /// Certificates in PEM that the API's own certificate is checked against, instead of the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roots: Option<Arc<str>>,
}

/// An account of acme-dns: what its registration answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AcmeDnsAccount {
    /// The account.
    pub username: Arc<str>,
    /// Its password.
    pub password: Hidden,
    /// What `_acme-challenge` of the domain has to be an alias (CNAME) of.
    pub fulldomain: Arc<str>,
    /// Its first label.
    pub subdomain: Arc<str>,
    /// Networks that updates may come from. Checked by the server.
    pub allowfrom: Vec<Arc<str>>,
}

/// Cloudflare's API.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cloudflare {
    /// Needs `Zone:Read` and `DNS:Edit` of the zones.
    pub api_token: Hidden,
    /// Base of the API: [`CLOUDFLARE_API`], or that of something before it.
    pub api: Arc<str>,
    /// As [`AcmeDns::roots`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roots: Option<Arc<str>>,
}

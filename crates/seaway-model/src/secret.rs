//! Certificates and keys. Wherever a key is printed it prints as a marker and a hash.

use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use crate::{AcmeIssuer, Origin};

/// The identity of a secret: `namespace/name`, or `kind:namespace/name` for one that an issuer will make.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretName(pub Arc<str>);

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something that proves who somebody is, or whom to believe.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Secret {
    /// Its identity.
    pub name: SecretName,
    /// The Secret, or the HttpsCert that asks for one.
    pub origin: Origin,
    /// What it holds.
    pub material: Material,
}

/// What a secret holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Material {
    /// A certificate chain and its key, checked to belong together.
    KeyPair(KeyPair),
    /// Authorities that are believed. As with `Awaited`, whoever runs the model reads what is in files.
    Authorities(Authorities),
    /// Files that hold a key pair, in PEM. As with `Awaited`, whoever runs the model reads them.
    KeyPairFiles {
        /// The chain, leaf first.
        certificate: Arc<str>,
        /// The key of the leaf.
        private_key: Arc<str>,
    },
    /// Nothing yet: an issuer has to make it. Compiling never waits; whoever runs the model fills this in before
    /// handing it to an engine, and an engine that still meets it refuses the handshake.
    Awaited {
        /// Names it must be for; a wildcard as `*.example.com`.
        domains: Vec<Arc<str>>,
        /// Who makes it.
        issuer: IssuerKind,
    },
}

/// Whom to believe, and in what not any more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Authorities {
    /// Their certificates.
    pub certificates: Pem,
    /// Their lists of revoked certificates. Where there are any, every authority of a chain must have one that is not
    /// out of date; without any nobody asks whether a certificate was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Pem>,
}

/// Something in PEM.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Pem {
    /// Itself.
    Text(Arc<str>),
    /// The file that holds it.
    File(Arc<str>),
}

impl Authorities {
    /// Whether a part of it is still to be read from a file.
    #[must_use]
    pub fn is_in_files(&self) -> bool {
        let Self {
            certificates,
            revoked,
        } = self;
        matches!(certificates, Pem::File(_)) || matches!(revoked, Some(Pem::File(_)))
    }

    /// The certificates and the lists as text. `None`: a part of it could not be read from its file.
    #[must_use]
    pub fn text(&self) -> Option<(&Arc<str>, Option<&Arc<str>>)> {
        let Pem::Text(certificates) = &self.certificates else {
            return None;
        };
        match &self.revoked {
            None => Some((certificates, None)),
            Some(Pem::Text(revoked)) => Some((certificates, Some(revoked))),
            Some(Pem::File(_)) => None,
        }
    }
}

/// Of whom nothing was revoked.
impl From<Pem> for Authorities {
    fn from(certificates: Pem) -> Self {
        Self {
            certificates,
            revoked: None,
        }
    }
}

impl<T: Into<Arc<str>>> From<T> for Pem {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

/// A kind of certificate issuer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum IssuerKind {
    /// A local certificate authority, made once and kept.
    TestCa,
    /// An authority that speaks ACME.
    Acme(Arc<AcmeIssuer>),
}

/// A certificate chain with its key, in PEM.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyPair {
    /// Leaf first.
    #[serde(serialize_with = "hashed")]
    pub certificate_chain: Arc<str>,
    /// The key of the leaf.
    pub private_key: PrivateKey,
}

/// A private key in PEM. Never printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PrivateKey(Arc<str>);

impl PrivateKey {
    /// Wraps a key in PEM.
    #[must_use]
    pub fn new(pem: impl Into<Arc<str>>) -> Self {
        Self(pem.into())
    }

    /// The key itself, for those who must use it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&marker(&self.0))
    }
}

impl Serialize for PrivateKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&marker(&self.0))
    }
}

fn hashed<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&marker(text))
}

/// `[redacted 1b9f3a04c2d5e677]`: tells two apart, tells nothing else.
pub(crate) fn marker(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("[redacted {:016x}]", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_as_a_marker_that_tells_two_keys_apart() {
        let (a, b) = (PrivateKey::new("secret-a"), PrivateKey::new("secret-b"));
        assert!(!format!("{a:?}").contains("secret"));
        assert_ne!(format!("{a:?}"), format!("{b:?}"));
    }
}

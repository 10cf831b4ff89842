//! Certificates and keys that are known by their hashes.
//!
//! A hash is kept as its bytes: hexadecimal with colons, without them and base64 are three ways to write one thing, and an
//! engine should not have to know which of them somebody preferred.

use std::fmt;

use serde::{Serialize, Serializer};

/// A hash by SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(pub [u8; 32]);

/// Certificates, or keys, of which one must be a client's. With nothing in either list, any is good.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pins {
    /// Of keys, in the form in which certificates hold them (SubjectPublicKeyInfo, in DER).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Sha256>,
    /// Of whole certificates, in DER.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Sha256>,
}

impl Pins {
    /// Whether any certificate is good.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.certificates.is_empty()
    }
}

/// In hexadecimal digits of lower case, without colons.
impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

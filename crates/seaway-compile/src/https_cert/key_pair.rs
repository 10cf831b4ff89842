//! Whether a Secret holds a certificate chain and the key that belongs to it.
//!
//! The key is read by the same library that will sign with it, so that what is accepted here is accepted there. Its
//! public half is compared with that of the leaf as encoded (SubjectPublicKeyInfo, RFC 5280, 4.1.2.7).

use std::net::IpAddr;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use seaway_api::core::Secret;
use seaway_model::{HostMatch, KeyPair, PrivateKey};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// A key pair, and what its leaf says of itself.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) pair: KeyPair,
    pub(super) leaf: Leaf,
}

/// What matters of a leaf certificate.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaf {
    names: Vec<HostMatch>,
    /// Seconds since 1970.
    pub(super) not_before: i64,
    /// Seconds since 1970.
    pub(super) not_after: i64,
}

impl Leaf {
    /// Whether a client that asks for `host` accepts it (RFC 9525, 6.3: subject alternative names only).
    pub(super) fn covers(&self, host: &HostMatch) -> bool {
        match host {
            HostMatch::Any => true,
            HostMatch::Exact(name) => self.names.iter().any(|pattern| pattern.matches(name)),
            // The certificate's wildcard is for one label, which is as much as a certificate can cover.
            HostMatch::Suffix(suffix) => self.names.contains(&HostMatch::OneLabel(suffix.clone())),
            wildcard => self.names.contains(wildcard),
        }
    }

    /// The names it is for, for a message.
    pub(super) fn names(&self) -> String {
        if self.names.is_empty() {
            return "nothing".to_owned();
        }
        let names: Vec<String> = self.names.iter().map(ToString::to_string).collect();
        names.join(", ")
    }
}

/// Why a Secret is not a key pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyPairError {
    /// Something is missing or malformed, in a clause.
    Not(String),
    /// The two do not belong together.
    Mismatch,
}

/// Checks a Secret.
pub(super) fn check(secret: &Secret) -> Result<Checked, KeyPairError> {
    let (chain_text, key_text) = match is_generic(secret) {
        true => (text(secret, "cert")?, text(secret, "key")?),
        false => (text(secret, "tls.crt")?, text(secret, "tls.key")?),
    };
    let chain = chain(&chain_text)?;
    let leaf = chain.first().map(|leaf| &**leaf).unwrap_or_default();
    let (_, certificate) =
        X509Certificate::from_der(leaf).map_err(|_| not("tls.crt does not hold an X.509 certificate"))?;
    let public = public_key(&key_text)?;
    if certificate.public_key().raw != public {
        return Err(KeyPairError::Mismatch);
    }
    Ok(Checked {
        leaf: Leaf {
            names: names(&certificate),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
        },
        pair: KeyPair {
            certificate_chain: chain_text,
            private_key: PrivateKey::new(key_text),
        },
    })
}

/// Istio's generic form, with other names for the same two keys.
fn is_generic(secret: &Secret) -> bool {
    let has = |key| secret.data.contains_key(key);
    has("cert") && has("key") && !has("tls.crt")
}

fn not(why: impl Into<String>) -> KeyPairError {
    KeyPairError::Not(why.into())
}

fn text(secret: &Secret, key: &str) -> Result<Arc<str>, KeyPairError> {
    let bytes = secret
        .data
        .get(key)
        .filter(|bytes| !bytes.value.is_empty())
        .ok_or_else(|| not(format!("it has no {key}")))?;
    std::str::from_utf8(&bytes.value)
        .map(Arc::from)
        .map_err(|_| not(format!("{key} is not text in PEM")))
}

fn chain(pem: &str) -> Result<Vec<CertificateDer<'static>>, KeyPairError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| not(format!("tls.crt is not PEM: {error}")))?;
    if chain.is_empty() {
        return Err(not("tls.crt holds no certificate in PEM"));
    }
    Ok(chain)
}

/// The public half of a key in PKCS #8, PKCS #1 or SEC 1, encoded as in a certificate.
fn public_key(pem: &str) -> Result<Vec<u8>, KeyPairError> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| not("tls.key holds no private key in PEM (an encrypted key cannot be used)"))?;
    let key = any_supported_type(&key).map_err(|_| {
        not("tls.key is not a key that TLS can use (RSA of 2048 bits or more, ECDSA, Ed25519)")
    })?;
    let public = key
        .public_key()
        .ok_or_else(|| not("tls.key does not give its public key"))?;
    Ok(public.to_vec())
}

fn names(certificate: &X509Certificate<'_>) -> Vec<HostMatch> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let general = &extension.value.general_names;
    general
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => HostMatch::parse_one_label(name).ok(),
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        })
        .filter(|name| *name != HostMatch::Any)
        .collect()
}

fn address(bytes: &[u8]) -> Option<HostMatch> {
    let address: IpAddr = if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        four.into()
    } else {
        <[u8; 16]>::try_from(bytes).ok()?.into()
    };
    Some(HostMatch::Exact(address.to_string().into()))
}

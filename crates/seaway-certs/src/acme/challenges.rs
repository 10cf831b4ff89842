//! Answers to pending challenges, for whoever serves them. Empty but for some seconds every two months, so that looking
//! costs one atomic load.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName};
use seaway_model::{KeyPair, PrivateKey};

/// Shared between the manager, which fills it, and the listeners, which read it.
#[derive(Debug, Default)]
pub struct Challenges {
    table: ArcSwap<Table>,
}

#[derive(Clone, Debug, Default)]
struct Table {
    /// Key authorization by token.
    http: HashMap<Arc<str>, Arc<str>>,
    /// By server name in lower case.
    tls: HashMap<Arc<str>, Arc<KeyPair>>,
}

impl Challenges {
    /// The body for `/.well-known/acme-challenge/{token}` (RFC 8555, section 8.3), if this token is pending.
    #[must_use]
    pub fn http01(&self, token: &str) -> Option<Arc<str>> {
        self.table.load().http.get(token).cloned()
    }

    /// The certificate for a handshake with ALPN `acme-tls/1` alone (RFC 8737), if one is pending for this server name.
    #[must_use]
    pub fn tls_alpn01(&self, server_name: &str) -> Option<Arc<KeyPair>> {
        let table = self.table.load();
        if table.tls.is_empty() {
            return None;
        }
        table.tls.get(&*server_name.to_ascii_lowercase()).cloned()
    }

    pub(crate) fn put_http(&self, token: &str, answer: &str) {
        let (token, answer): (Arc<str>, Arc<str>) = (token.into(), answer.into());
        self.change(|table| {
            table.http.insert(Arc::clone(&token), Arc::clone(&answer));
        });
    }

    pub(crate) fn put_tls(&self, host: &str, digest: &[u8]) -> Result<(), rcgen::Error> {
        let pair = Arc::new(alpn_certificate(host, digest)?);
        let host: Arc<str> = host.to_ascii_lowercase().into();
        self.change(|table| {
            table.tls.insert(Arc::clone(&host), Arc::clone(&pair));
        });
        Ok(())
    }

    pub(crate) fn remove(&self, tokens: &[String], hosts: &[String]) {
        self.change(|table| {
            for token in tokens {
                table.http.remove(&**token);
            }
            for host in hosts {
                table.tls.remove(&*host.to_ascii_lowercase());
            }
        });
    }

    fn change(&self, change: impl Fn(&mut Table)) {
        self.table.rcu(|table| {
            let mut table = Table::clone(table);
            change(&mut table);
            table
        });
    }
}

/// Self-signed, with the acmeIdentifier extension (RFC 8737, section 3).
fn alpn_certificate(host: &str, digest: &[u8]) -> Result<KeyPair, rcgen::Error> {
    if digest.len() != 32 {
        return Err(rcgen::Error::RingUnspecified);
    }
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new([host.to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let made = params.self_signed(&key)?;
    Ok(KeyPair {
        certificate_chain: made.pem().into(),
        private_key: PrivateKey::new(key.serialize_pem()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_pending_token_is_answered() {
        let challenges = Challenges::default();
        assert_eq!(challenges.http01("t"), None);
        challenges.put_http("t", "t.thumb");
        assert_eq!(challenges.http01("t").as_deref(), Some("t.thumb"));
        assert_eq!(challenges.http01("u"), None);
        challenges.remove(&["t".to_owned()], &[]);
        assert_eq!(challenges.http01("t"), None);
    }

    #[test]
    fn a_handshake_for_a_pending_name_gets_the_digest_in_a_critical_extension() {
        let challenges = Challenges::default();
        challenges.put_tls("A.example.com", &[7; 32]).unwrap();
        let pair = challenges.tls_alpn01("a.Example.com").unwrap();
        let pem = crate::leaf::first_block(&pair.certificate_chain).unwrap();
        let certificate = pem.parse_x509().unwrap();
        let extension = certificate
            .extensions()
            .iter()
            .find(|e| e.oid.to_id_string() == "1.3.6.1.5.5.7.1.31");
        let extension = extension.unwrap();
        assert!(extension.critical);
        assert_eq!(extension.value, [&[4, 32][..], &[7; 32]].concat());
        assert!(challenges.tls_alpn01("b.example.com").is_none());
    }
}

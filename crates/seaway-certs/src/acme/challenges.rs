//! Answers to pending challenges, for whoever serves them. Empty but for some seconds every two months, so that looking
//! costs one atomic load.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName};
use seaway_model::{KeyPair, PrivateKey};
use serde::{Deserialize, Serialize};

/// Shared between the manager, which fills it, and the listeners, which read it.
#[derive(Debug, Default)]
pub struct Challenges {
    table: ArcSwap<Table>,
    /// What another process has published, at last sight.
    kept: ArcSwap<Vec<Proof>>,
}

/// What proves one authorization. Nothing of it is secret: the authority and everybody else may ask for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proof {
    pub(crate) host: String,
    pub(crate) token: String,
    /// The key authorization (RFC 8555, section 8.1).
    pub(crate) answer: String,
    /// Its SHA-256.
    pub(crate) digest: Vec<u8>,
    /// Whether it is given in a handshake.
    pub(crate) tls: bool,
    /// The value of a TXT record.
    pub(crate) value: String,
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
    ///
    /// Its acmeIdentifier extension is critical, as the RFC wants it, and rustls refuses such a certificate where it checks
    /// one: use `CertifiedKey::new`, not `with_single_cert` or `from_der`.
    #[must_use]
    pub fn tls_alpn01(&self, server_name: &str) -> Option<Arc<KeyPair>> {
        let table = self.table.load();
        if table.tls.is_empty() {
            return None;
        }
        table.tls.get(&*server_name.to_ascii_lowercase()).cloned()
    }

    /// Adds answers.
    pub(crate) fn add(&self, proofs: &[Proof]) -> Result<(), rcgen::Error> {
        let mut table = Table::clone(&self.table.load());
        for proof in proofs {
            if proof.tls {
                let host: Arc<str> = proof.host.to_ascii_lowercase().into();
                let pair = alpn_certificate(&proof.host, &proof.digest)?;
                table.tls.insert(host, Arc::new(pair));
            } else {
                table.http.insert((*proof.token).into(), (*proof.answer).into());
            }
        }
        self.table.store(Arc::new(table));
        Ok(())
    }

    /// Has exactly these answers, which another process has published. Looked at four times a second, so a table that is the
    /// same is left alone: the key of a handshake takes time to make.
    pub(crate) fn replace(&self, proofs: &[Proof]) -> Result<(), rcgen::Error> {
        let known = self.kept.load();
        if **known == *proofs {
            return Ok(());
        }
        self.kept.store(Arc::new(proofs.to_vec()));
        self.table.store(Arc::default());
        self.add(proofs)
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

    fn proof(host: &str, token: &str, tls: bool) -> Proof {
        Proof {
            host: host.to_owned(),
            token: token.to_owned(),
            answer: format!("{token}.key"),
            digest: vec![7; 32],
            tls,
            value: String::new(),
        }
    }

    #[test]
    fn what_another_process_took_back_is_not_answered_any_more() {
        let challenges = Challenges::default();
        challenges.replace(&[proof("", "t", false)]).unwrap();
        assert!(challenges.http01("t").is_some());
        challenges.replace(&[]).unwrap();
        assert_eq!(challenges.http01("t"), None);
    }

    #[test]
    fn only_a_pending_token_is_answered() {
        let challenges = Challenges::default();
        assert_eq!(challenges.http01("t"), None);
        challenges.add(&[proof("", "t", false)]).unwrap();
        assert_eq!(challenges.http01("t").as_deref(), Some("t.key"));
        assert_eq!(challenges.http01("u"), None);
        challenges.remove(&["t".to_owned()], &[]);
        assert_eq!(challenges.http01("t"), None);
    }

    #[test]
    fn a_handshake_for_a_pending_name_gets_the_digest_in_a_critical_extension() {
        let challenges = Challenges::default();
        challenges.add(&[proof("A.example.com", "t", true)]).unwrap();
        assert_eq!(challenges.http01("t"), None);
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

//! The configurations made from secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ProducesTickets, ServerConfig, ServerSessionMemoryCache, StoresServerSessions};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use seaway_model::{KeyPair, Material, Model, SecretName};

/// Sessions kept for clients that cannot use tickets.
const SESSIONS: usize = 1024;

/// Every certificate that can be presented, by the secret it came from.
#[derive(Debug)]
pub struct Certificates {
    ready: ArcSwap<Ready>,
    provider: Arc<CryptoProvider>,
    sessions: Arc<dyn StoresServerSessions>,
    tickets: Option<Arc<dyn ProducesTickets>>,
}

type Ready = BTreeMap<SecretName, Entry>;

#[derive(Clone, Debug)]
struct Entry {
    made_from: KeyPair,
    config: Arc<ServerConfig>,
}

/// Why a secret cannot be presented.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The PEM text does not hold a chain and a key.
    #[error("tls.crt or tls.key is not PEM: {0}")]
    Pem(String),
    /// The chain and the key do not fit together, or are of a kind that is not supported.
    #[error("the certificate and its key cannot be used: {0}")]
    Unusable(String),
}

impl Default for Certificates {
    fn default() -> Self {
        Self {
            ready: ArcSwap::from_pointee(Ready::new()),
            provider: Arc::new(aws_lc_rs::default_provider()),
            sessions: ServerSessionMemoryCache::new(SESSIONS),
            // Without a source of randomness for ticket keys sessions are kept in memory instead.
            tickets: aws_lc_rs::Ticketer::new().ok(),
        }
    }
}

impl Certificates {
    /// Makes a model's certificates ready *beside* those that are; call [`Self::keep_only`] once the model is published.
    /// Parsing happens here, off the data path, and only for secrets whose content is new. Says what cannot be used.
    pub fn add(&self, model: &Model) -> Vec<(SecretName, CertificateError)> {
        let mut ready = Ready::clone(&self.ready.load());
        let mut errors = Vec::new();
        for (name, secret) in &model.secrets {
            let Material::KeyPair(pair) = &secret.material else {
                // Nothing to present yet: its handshakes are refused.
                ready.remove(name);
                continue;
            };
            if ready.get(name).is_some_and(|entry| entry.made_from == *pair) {
                continue;
            }
            match self.build(pair) {
                Ok(config) => {
                    let entry = Entry {
                        made_from: pair.clone(),
                        config,
                    };
                    ready.insert(name.clone(), entry);
                }
                Err(error) => {
                    ready.remove(name);
                    errors.push((name.clone(), error));
                }
            }
        }
        self.ready.store(Arc::new(ready));
        errors
    }

    /// Forgets what a model does not use.
    pub fn keep_only(&self, model: &Model) {
        let mut ready = Ready::clone(&self.ready.load());
        ready.retain(|name, _| model.secrets.contains_key(name));
        self.ready.store(Arc::new(ready));
    }

    /// What presents this secret.
    #[must_use]
    pub fn config(&self, secret: &SecretName) -> Option<Arc<ServerConfig>> {
        self.ready
            .load()
            .get(secret)
            .map(|entry| Arc::clone(&entry.config))
    }

    fn build(&self, pair: &KeyPair) -> Result<Arc<ServerConfig>, CertificateError> {
        let pem = |e: rustls_pki_types::pem::Error| CertificateError::Pem(e.to_string());
        let unusable = |e: rustls::Error| CertificateError::Unusable(e.to_string());
        let chain = CertificateDer::pem_slice_iter(pair.certificate_chain.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(pem)?;
        let key = PrivateKeyDer::from_pem_slice(pair.private_key.reveal().as_bytes()).map_err(pem)?;
        let certified = CertifiedKey::from_der(chain, key, &self.provider).map_err(unusable)?;
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.session_storage = Arc::clone(&self.sessions);
        if let Some(tickets) = &self.tickets {
            config.ticketer = Arc::clone(tickets);
        }
        Ok(Arc::new(config))
    }
}

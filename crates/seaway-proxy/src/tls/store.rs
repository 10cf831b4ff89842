//! The configurations made from secrets.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    NoServerSessionStorage, ProducesTickets, ServerConfig, ServerSessionMemoryCache, StoresServerSessions,
};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use seaway_model::{KeyPair, Material, Model, Secret, SecretName};

use super::client;
use super::profile::{KeyPairs, Profile, Speaks};

/// Sessions kept for clients that cannot use tickets.
const SESSIONS: usize = 1024;

/// Every configuration that a handshake may need.
#[derive(Debug)]
pub struct Certificates {
    ready: ArcSwap<Ready>,
    provider: Arc<CryptoProvider>,
    resumption: Resumption,
}

type Ready = HashMap<Profile, Entry>;

#[derive(Clone, Debug)]
struct Entry {
    made_from: Ingredients,
    accepting: Accepting,
}

/// Everything a configuration is made from. While it is the same, so is the configuration, and its sessions resume.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ingredients {
    pairs: Vec<(SecretName, KeyPair)>,
    authorities: Option<Believed>,
}

/// Authorities in PEM, and their lists of revoked certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Believed {
    pub(super) certificates: Arc<str>,
    pub(super) revoked: Option<Arc<str>>,
}

/// What a handshake goes on with once the hello is read.
#[derive(Clone, Debug)]
pub(crate) struct Accepting {
    pub(crate) config: Arc<ServerConfig>,
    /// What checks clients, where they are asked who they are.
    pub(crate) client: Option<Arc<dyn ClientCertVerifier>>,
}

/// Where sessions are kept.
#[derive(Clone, Debug)]
struct Resumption {
    sessions: Arc<dyn StoresServerSessions>,
    tickets: Option<Arc<dyn ProducesTickets>>,
}

/// Why a secret cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The PEM text does not hold a chain and a key.
    #[error("tls.crt or tls.key is not PEM: {0}")]
    Pem(String),
    /// The chain and the key do not fit together, or are of a kind that is not supported.
    #[error("the certificate and its key cannot be used: {0}")]
    Unusable(String),
    /// The authorities that clients are to be checked against cannot be used.
    #[error("the authorities for client certificates cannot be used: {0}")]
    Authorities(String),
    /// Versions and cipher suites leave nothing that could be spoken.
    #[error("no handshake is possible with these versions and cipher suites: {0}")]
    Parameters(String),
}

/// A secret that cannot be used as a listener wants to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// For which handshakes.
    pub(crate) profile: Profile,
    /// Which secret.
    pub secret: SecretName,
    /// Why.
    pub error: CertificateError,
    /// Whether the handshakes are refused; otherwise they do without it.
    pub is_fatal: bool,
}

impl Resumption {
    /// A new one, which opens no ticket of another.
    fn new() -> Self {
        // Without a source of randomness for ticket keys sessions are kept in memory instead.
        Self {
            sessions: ServerSessionMemoryCache::new(SESSIONS),
            tickets: aws_lc_rs::Ticketer::new().ok(),
        }
    }

    /// The same for clients that are asked who they are. Only by tickets: a store would keep their certificates.
    fn by_tickets() -> Self {
        Self {
            sessions: Arc::new(NoServerSessionStorage {}),
            tickets: aws_lc_rs::Ticketer::new().ok(),
        }
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self {
            ready: ArcSwap::from_pointee(Ready::new()),
            provider: Arc::new(aws_lc_rs::default_provider()),
            resumption: Resumption::new(),
        }
    }
}

impl Certificates {
    /// Makes a model's certificates ready *beside* those that are; call [`Self::keep_only`] once the model is published.
    /// Parsing happens here, off the data path, and only for what is new. Says what cannot be used.
    pub fn add(&self, model: &Model) -> Vec<Unusable> {
        let mut ready = Ready::clone(&self.ready.load());
        let mut pairs = Pairs::new(model, &self.provider);
        let mut all = Vec::new();
        for profile in Profile::all(model) {
            let mut faults = Faults::default();
            match self.prepare(&profile, &mut pairs, ready.get(&profile), &mut faults) {
                Some(entry) => ready.insert(profile.clone(), entry),
                // Its handshakes are refused.
                None => ready.remove(&profile),
            };
            all.extend(faults.of(&profile));
        }
        self.ready.store(Arc::new(ready));
        all
    }

    /// Forgets what a model does not use.
    pub fn keep_only(&self, model: &Model) {
        let used = Profile::all(model);
        let mut ready = Ready::clone(&self.ready.load());
        ready.retain(|profile, _| used.contains(profile));
        self.ready.store(Arc::new(ready));
    }

    /// What a handshake goes on with.
    #[must_use]
    pub(crate) fn get(&self, profile: &Profile) -> Option<Accepting> {
        self.ready
            .load()
            .get(profile)
            .map(|entry| entry.accepting.clone())
    }

    fn prepare(
        &self,
        profile: &Profile,
        pairs: &mut Pairs<'_>,
        known: Option<&Entry>,
        faults: &mut Faults,
    ) -> Option<Entry> {
        let (made_from, keys) = gather(profile, pairs, faults)?;
        if let Some(known) = known.filter(|known| known.made_from == made_from) {
            return Some(known.clone());
        }
        match self.build(profile, keys, made_from.authorities.as_ref()) {
            Ok(accepting) => Some(Entry { made_from, accepting }),
            Err(error) => {
                let client = profile.parameters.client.as_ref();
                let at = client.filter(|_| matches!(error, CertificateError::Authorities(_)));
                faults.add(at.map_or(&profile.secret, |c| &c.authorities), error);
                None
            }
        }
    }

    fn build(
        &self,
        profile: &Profile,
        keys: Vec<Arc<CertifiedKey>>,
        authorities: Option<&Believed>,
    ) -> Result<Accepting, CertificateError> {
        let parameters = |e: rustls::Error| CertificateError::Parameters(e.to_string());
        let provider = profile.provider(&self.provider);
        let client = match (&profile.parameters.client, authorities) {
            (Some(validation), Some(believed)) => Some(client::verifier(validation, believed, &provider)?),
            _ => None,
        };
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&profile.versions())
            .map_err(parameters)?;
        let builder = match &client {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(KeyPairs(keys)));
        if profile.speaks == Speaks::Http {
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        let resumption = if profile.parameters.is_default() {
            self.resumption.clone()
        } else if client.is_none() {
            Resumption::new()
        } else {
            Resumption::by_tickets()
        };
        config.session_storage = resumption.sessions;
        if let Some(tickets) = resumption.tickets {
            config.ticketer = tickets;
        }
        Ok(Accepting {
            config: Arc::new(config),
            client,
        })
    }
}

/// What there is for a profile. `None` where that is not enough.
fn gather(
    profile: &Profile,
    pairs: &mut Pairs<'_>,
    faults: &mut Faults,
) -> Option<(Ingredients, Vec<Arc<CertifiedKey>>)> {
    let mut keys = Vec::new();
    let mut made_from = Ingredients {
        pairs: Vec::new(),
        authorities: None,
    };
    let names = [Some(&profile.secret), profile.alternative.as_ref()];
    for name in names.into_iter().flatten() {
        match pairs.get(name) {
            Some(Ok((pair, key))) => {
                made_from.pairs.push((name.clone(), pair.clone()));
                keys.push(key);
            }
            Some(Err(error)) => faults.add(name, error),
            // Nothing to present yet.
            None => {}
        }
    }
    if keys.is_empty() {
        return None;
    }
    faults.are_survived();
    if let Some(client) = &profile.parameters.client {
        let found = pairs.model.secrets.get(&client.authorities);
        made_from.authorities = found.and_then(|secret| believed(secret));
        if made_from.authorities.is_none() {
            let error = CertificateError::Authorities("there are none".to_owned());
            faults.add(&client.authorities, error);
            return None;
        }
    }
    Some((made_from, keys))
}

/// `None` also where lists of revoked certificates are asked for and could not be read: believing without them would let in
/// whom they are there to keep out.
fn believed(secret: &Secret) -> Option<Believed> {
    match &secret.material {
        Material::Authorities(authorities) => {
            let (certificates, revoked) = authorities.text()?;
            Some(Believed {
                certificates: Arc::clone(certificates),
                revoked: revoked.cloned(),
            })
        }
        Material::KeyPair(_) | Material::KeyPairFiles { .. } | Material::Awaited { .. } => None,
    }
}

/// What is wrong with one profile.
#[derive(Default)]
struct Faults(Vec<(SecretName, CertificateError, bool)>);

impl Faults {
    fn add(&mut self, secret: &SecretName, error: CertificateError) {
        self.0.push((secret.clone(), error, true));
    }

    /// What was found so far does not stop handshakes.
    fn are_survived(&mut self) {
        for (_, _, is_fatal) in &mut self.0 {
            *is_fatal = false;
        }
    }

    fn of(self, profile: &Profile) -> impl Iterator<Item = Unusable> {
        self.0.into_iter().map(|(secret, error, is_fatal)| Unusable {
            profile: profile.clone(),
            secret,
            error,
            is_fatal,
        })
    }
}

/// The model's key pairs, each parsed once.
struct Pairs<'m> {
    model: &'m Model,
    provider: &'m CryptoProvider,
    parsed: BTreeMap<SecretName, Result<Arc<CertifiedKey>, CertificateError>>,
}

impl<'m> Pairs<'m> {
    fn new(model: &'m Model, provider: &'m CryptoProvider) -> Self {
        Self {
            model,
            provider,
            parsed: BTreeMap::new(),
        }
    }

    /// `None` while there is none yet.
    fn get(
        &mut self,
        name: &SecretName,
    ) -> Option<Result<(&'m KeyPair, Arc<CertifiedKey>), CertificateError>> {
        let Material::KeyPair(pair) = &self.model.secrets.get(name)?.material else {
            return None;
        };
        let parsed = self
            .parsed
            .entry(name.clone())
            .or_insert_with(|| parse(pair, self.provider).map(Arc::new));
        Some(parsed.clone().map(|key| (pair, key)))
    }
}

fn parse(pair: &KeyPair, provider: &CryptoProvider) -> Result<CertifiedKey, CertificateError> {
    let pem = |e: rustls_pki_types::pem::Error| CertificateError::Pem(e.to_string());
    let chain = CertificateDer::pem_slice_iter(pair.certificate_chain.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(pem)?;
    let key = PrivateKeyDer::from_pem_slice(pair.private_key.reveal().as_bytes()).map_err(pem)?;
    CertifiedKey::from_der(chain, key, provider).map_err(|e| CertificateError::Unusable(e.to_string()))
}

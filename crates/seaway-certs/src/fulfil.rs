//! Filling in the secrets that a model awaits.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use seaway_model::{AcmeMethod, IssuerKind, Listener, Material, Model, Origin, Secret, SecretName};

use crate::acme::Manager;
use crate::files::{Files, Source};
use crate::{CertStore, Issued, Issuer};

/// A secret that could not be had, and why. Everything else serves; handshakes for its hosts are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which.
    pub secret: SecretName,
    /// What asked for it.
    pub origin: Origin,
    /// Of what kind.
    pub kind: ProblemKind,
    /// Why it could not be had, and what to do about it.
    pub message: String,
}

/// Whose problem it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// An issuer could not make it.
    NotIssued,
    /// A file that holds it cannot be used. If it could be used before, what it held then still serves.
    File,
}

/// `HttpsCert shop/shop: the ACME issuer …`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)
    }
}

/// What is wrong with the certificate files that a model names, without anything being served or kept: for `check`.
#[must_use]
pub fn file_problems(model: &Model) -> Vec<Problem> {
    let files = Files::default();
    let trouble = |secret: &Arc<Secret>| {
        let message = files.read(&Source::of(&secret.material)?).trouble?;
        Some(Problem {
            secret: secret.name.clone(),
            origin: secret.origin.clone(),
            kind: ProblemKind::File,
            message,
        })
    };
    model.secrets.values().filter_map(trouble).collect()
}

/// The model with every awaited secret that can be had, and with what files hold that the model names. What does not
/// change is shared with `model`. Calling it again gives the same until [`CertStore::renew_at`], until [`CertStore::files_changed`], or until `acme` tells of a change.
///
/// A certificate that `acme` is still making stays awaited and is no problem: [`Manager::status`] says how far it is. What
/// is wanted from it must have been told before: [`Manager::want`] with [`crate::acme::wanted`] of the same model. HTTPS is
/// listened on once there is a certificate, so a listener that has none yet is left out, unless an authority has to look
/// at it (tls-alpn-01).
#[must_use]
pub fn fulfil(
    model: &Model,
    store: &CertStore,
    acme: Option<&Manager>,
    now: SystemTime,
) -> (Model, Vec<Problem>) {
    let mut fulfilled = model.clone();
    let mut work = Work {
        store,
        acme,
        now,
        problems: Vec::new(),
        renewals: BTreeMap::new(),
        files: BTreeSet::new(),
    };
    for secret in fulfilled.secrets.values_mut() {
        if let Some(material) = work.material(secret) {
            *secret = Arc::new(Secret {
                material,
                name: secret.name.clone(),
                origin: secret.origin.clone(),
            });
        }
    }
    store.set_renewals(work.renewals);
    store.files.keep_only(&work.files);
    let secrets = &fulfilled.secrets;
    fulfilled
        .listeners
        .retain(|listener| can_be_opened(listener, secrets));
    (fulfilled, work.problems)
}

/// Filling in, under way.
struct Work<'w> {
    store: &'w CertStore,
    acme: Option<&'w Manager>,
    now: SystemTime,
    problems: Vec<Problem>,
    renewals: BTreeMap<SecretName, SystemTime>,
    files: BTreeSet<Source>,
}

impl Work<'_> {
    /// What takes the place of a secret's material; `None` where it stays as it is.
    fn material(&mut self, secret: &Secret) -> Option<Material> {
        if let Some(source) = Source::of(&secret.material) {
            let reading = self.store.files.read(&source);
            self.files.insert(source);
            if let Some(trouble) = reading.trouble {
                self.problem(secret, ProblemKind::File, trouble);
            }
            return reading.material;
        }
        let Material::Awaited { domains, issuer } = &secret.material else {
            return None;
        };
        let pair = match (issuer, self.acme) {
            (IssuerKind::TestCa, _) => {
                test_ca(self.store, domains, self.now).map(|Issued { pair, renew_at }| {
                    self.renewals.insert(secret.name.clone(), renew_at);
                    Some(pair)
                })
            }
            (IssuerKind::Acme(_), Some(manager)) => Ok(manager.current(&secret.name)),
            (IssuerKind::Acme(issuer), None) => Err(format!(
                "the issuer \"{}\" uses ACME, and nothing here orders certificates; run the gateway with --data",
                issuer.name
            )),
        };
        match pair {
            Ok(pair) => pair.map(Material::KeyPair),
            Err(message) => {
                self.problem(secret, ProblemKind::NotIssued, message);
                None
            }
        }
    }

    fn problem(&mut self, secret: &Secret, kind: ProblemKind, message: String) {
        self.problems.push(Problem {
            secret: secret.name.clone(),
            origin: secret.origin.clone(),
            kind,
            message,
        });
    }
}

fn test_ca(store: &CertStore, domains: &[Arc<str>], now: SystemTime) -> Result<Issued, String> {
    store
        .test_ca(now)
        .and_then(|authority| authority.obtain(domains, now))
        .map_err(|error| error.to_string())
}

/// Whether somebody can do something with this listener: a client, or an authority.
fn can_be_opened(listener: &Listener, secrets: &BTreeMap<SecretName, Arc<Secret>>) -> bool {
    let Some(tls) = &listener.tls else {
        return true;
    };
    if !tls.routes.is_empty() {
        return true;
    }
    let mut materials = tls
        .certificates
        .iter()
        .filter_map(|certificate| secrets.get(&certificate.secret))
        .map(|secret| &secret.material);
    materials.any(|material| match material {
        Material::KeyPair(_) | Material::KeyPairFiles { .. } => true,
        Material::Authorities(_) => false,
        Material::Awaited {
            issuer: IssuerKind::Acme(issuer),
            ..
        } => issuer.method == AcmeMethod::TlsAlpn01,
        Material::Awaited { .. } => false,
    })
}

#[cfg(test)]
mod tests;

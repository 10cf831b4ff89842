//! Filling in the secrets that a model awaits.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use seaway_model::{AcmeMethod, IssuerKind, Listener, Material, Model, Origin, Secret, SecretName};

use crate::acme::Manager;
use crate::{CertStore, Issued, Issuer};

/// A secret that could not be had, and why. Everything else serves; handshakes for its hosts are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which.
    pub secret: SecretName,
    /// What asked for it.
    pub origin: Origin,
    /// Why it could not be had, and what to do about it.
    pub message: String,
}

/// `HttpsCert shop/shop: the ACME issuer …`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)
    }
}

/// The model with every awaited secret that can be had. What does not change is shared with `model`. Calling it again
/// gives the same until [`CertStore::renew_at`], or until `acme` tells of a change.
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
    let mut problems = Vec::new();
    let mut renewals = BTreeMap::new();
    for secret in fulfilled.secrets.values_mut() {
        let Material::Awaited { domains, issuer } = &secret.material else {
            continue;
        };
        let pair = match issuer {
            IssuerKind::TestCa => test_ca(store, domains, now).map(|Issued { pair, renew_at }| {
                renewals.insert(secret.name.clone(), renew_at);
                Some(pair)
            }),
            IssuerKind::Acme(issuer) => match acme {
                Some(manager) => Ok(manager.current(&secret.name)),
                None => Err(format!(
                    "the issuer \"{}\" uses ACME, and nothing here orders certificates; run the gateway with --data",
                    issuer.name
                )),
            },
        };
        match pair {
            Ok(Some(pair)) => {
                *secret = Arc::new(Secret {
                    material: Material::KeyPair(pair),
                    name: secret.name.clone(),
                    origin: secret.origin.clone(),
                });
            }
            Ok(None) => {}
            Err(message) => problems.push(Problem {
                secret: secret.name.clone(),
                origin: secret.origin.clone(),
                message,
            }),
        }
    }
    store.set_renewals(renewals);
    let secrets = &fulfilled.secrets;
    fulfilled
        .listeners
        .retain(|listener| can_be_opened(listener, secrets));
    (fulfilled, problems)
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
    let mut materials = tls
        .certificates
        .iter()
        .filter_map(|certificate| secrets.get(&certificate.secret))
        .map(|secret| &secret.material);
    materials.any(|material| match material {
        Material::KeyPair(_) | Material::KeyPairFiles { .. } => true,
        Material::Authorities(_) | Material::AuthoritiesFile(_) => false,
        Material::Awaited {
            issuer: IssuerKind::Acme(issuer),
            ..
        } => issuer.method == AcmeMethod::TlsAlpn01,
        Material::Awaited { .. } => false,
    })
}

#[cfg(test)]
mod tests;

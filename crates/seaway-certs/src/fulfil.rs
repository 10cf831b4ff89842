//! Filling in the secrets that a model awaits.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use seaway_model::{IssuerKind, Material, Model, Origin, Secret, SecretName};

use crate::{CertStore, Issued, Issuer};

/// A secret that is still awaited, and why. Everything else serves; handshakes for its hosts are refused.
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
/// gives the same until [`CertStore::renew_at`].
#[must_use]
pub fn fulfil(model: &Model, store: &CertStore, now: SystemTime) -> (Model, Vec<Problem>) {
    let mut fulfilled = model.clone();
    let mut problems = Vec::new();
    let mut renewals = BTreeMap::new();
    for secret in fulfilled.secrets.values_mut() {
        let Material::Awaited { domains, issuer } = &secret.material else {
            continue;
        };
        match obtain(store, issuer, domains, now) {
            Ok(Issued { pair, renew_at }) => {
                renewals.insert(secret.name.clone(), renew_at);
                *secret = Arc::new(Secret {
                    material: Material::KeyPair(pair),
                    name: secret.name.clone(),
                    origin: secret.origin.clone(),
                });
            }
            Err(message) => problems.push(Problem {
                secret: secret.name.clone(),
                origin: secret.origin.clone(),
                message,
            }),
        }
    }
    store.set_renewals(renewals);
    (fulfilled, problems)
}

fn obtain(
    store: &CertStore,
    issuer: &IssuerKind,
    domains: &[Arc<str>],
    now: SystemTime,
) -> Result<Issued, String> {
    match issuer {
        IssuerKind::TestCa => store
            .test_ca(now)
            .and_then(|authority| authority.obtain(domains, now))
            .map_err(|error| error.to_string()),
        IssuerKind::Acme(name) => Err(format!(
            "the issuer \"{name}\" uses ACME, which this version cannot do; use an issuer with caForTest, or a Secret of \
             your own with isSelfManaged"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn awaited(name: &str, issuer: IssuerKind, domains: &[&str]) -> (SecretName, Arc<Secret>) {
        let name = SecretName(name.into());
        let secret = Secret {
            name: name.clone(),
            origin: Origin {
                kind: "HttpsCert".into(),
                name: "shop".into(),
                ..Origin::default()
            },
            material: Material::Awaited {
                domains: domains.iter().map(|d| Arc::from(*d)).collect(),
                issuer,
            },
        };
        (name, Arc::new(secret))
    }

    fn model(secrets: impl IntoIterator<Item = (SecretName, Arc<Secret>)>) -> Model {
        Model {
            secrets: secrets.into_iter().collect(),
            ..Model::default()
        }
    }

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000)
    }

    #[test]
    fn an_awaited_secret_gets_a_key_pair_and_the_same_again() {
        let store = CertStore::ephemeral();
        let model = model([awaited("a", IssuerKind::TestCa, &["a.example.com"])]);
        let (first, problems) = fulfil(&model, &store, now());
        assert_eq!(problems, []);
        assert!(matches!(
            first.secrets.values().next().unwrap().material,
            Material::KeyPair(_)
        ));
        assert_eq!(fulfil(&model, &store, now()).0, first);
    }

    #[test]
    fn after_the_time_to_renew_there_is_a_new_one() {
        let store = CertStore::ephemeral();
        let model = model([awaited("a", IssuerKind::TestCa, &["a.example.com"])]);
        let (first, _) = fulfil(&model, &store, now());
        let renew_at = store.renew_at().unwrap();
        assert_ne!(fulfil(&model, &store, renew_at).0, first);
        assert!(store.renew_at().unwrap() > renew_at);
    }

    #[test]
    fn acme_stays_awaited_and_is_told() {
        let (name, secret) = awaited("b", IssuerKind::Acme("letsencrypt".into()), &["b.example.com"]);
        let model = model([(name.clone(), secret)]);
        let (same, problems) = fulfil(&model, &CertStore::ephemeral(), now());
        assert_eq!(same, model);
        assert_eq!(problems[0].secret, name);
        let text = problems[0].to_string();
        assert!(
            text.starts_with("HttpsCert shop: ") && text.contains("letsencrypt"),
            "{text}"
        );
    }

    #[test]
    fn one_that_cannot_be_had_does_not_stop_another() {
        let model = model([
            awaited("bad", IssuerKind::TestCa, &["*"]),
            awaited("good", IssuerKind::TestCa, &["good.example.com"]),
        ]);
        let (fulfilled, problems) = fulfil(&model, &CertStore::ephemeral(), now());
        assert_eq!(problems.len(), 1);
        let good = &fulfilled.secrets[&SecretName("good".into())];
        assert!(matches!(good.material, Material::KeyPair(_)));
    }

    #[test]
    fn what_is_not_awaited_is_shared_and_needs_no_data_folder() {
        let (name, secret) = awaited("a", IssuerKind::TestCa, &["a.example.com"]);
        let (with_key, _) = fulfil(&model([(name.clone(), secret)]), &CertStore::ephemeral(), now());
        let nowhere = CertStore::open("/proc/nowhere".as_ref());
        let (same, problems) = fulfil(&with_key, &nowhere, now());
        assert_eq!(problems, []);
        assert!(Arc::ptr_eq(&same.secrets[&name], &with_key.secrets[&name]));
    }

    #[test]
    fn a_data_folder_that_cannot_be_used_is_a_problem_that_says_what_to_do() {
        let model = model([awaited("a", IssuerKind::TestCa, &["a.example.com"])]);
        let store = CertStore::open("/proc/nowhere".as_ref());
        let (same, problems) = fulfil(&model, &store, now());
        assert_eq!(same, model);
        assert!(problems[0].message.contains("--data"), "{}", problems[0]);
    }
}

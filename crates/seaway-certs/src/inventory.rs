//! Every certificate of a model, wherever it comes from: what `seaway certs`, `/certs`, the dashboard and the metrics
//! show, and what is said loudly when one has expired.
//!
//! It is made when a model is filled in. Only what ACME does changes without that, so it is asked for when somebody looks
//! ([`crate::acme::Manager::status`]) and put in its place. Authorities that are believed are not listed: a bundle of them
//! always holds some that have expired, and that is no news.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use seaway_model::{IssuerKind, Material, Model, Secret, SecretName};

use crate::acme::{CertState, CertStatus};
use crate::{CertStore, Problem, leaf};

/// Every certificate of a model.
#[derive(Clone, Debug, Default)]
pub struct Inventory(Vec<Entry>);

#[derive(Clone, Debug)]
enum Entry {
    /// The manager knows more of it.
    Acme(SecretName),
    /// All there is to say. The state is judged when somebody looks.
    Other(Box<CertStatus>),
}

impl Inventory {
    /// Of a compiled model, and of what [`crate::fulfil`] made of it with the same store.
    #[must_use]
    pub fn of(compiled: &Model, fulfilled: &Model, problems: &[Problem], store: &CertStore) -> Self {
        let hosts = hosts(compiled);
        let entries = compiled.secrets.values().filter_map(|secret| {
            let issuer = match &secret.material {
                Material::Awaited {
                    issuer: IssuerKind::Acme(_),
                    ..
                } => return Some(Entry::Acme(secret.name.clone())),
                Material::Awaited {
                    issuer: IssuerKind::TestCa,
                    ..
                } => "caForTest".to_owned(),
                Material::KeyPair(_) => secret.origin.to_string(),
                Material::KeyPairFiles { certificate, .. } => format!("file {certificate}"),
                Material::Authorities(_) => return None,
            };
            let now = fulfilled.secrets.get(&secret.name);
            let chain = now.and_then(|now| match &now.material {
                Material::KeyPair(pair) => Some(&*pair.certificate_chain),
                _ => None,
            });
            let domains = domains(secret, &hosts, chain);
            let mut status = CertStatus::new(secret.name.clone(), domains, issuer);
            status.expires = chain.and_then(leaf::validity_of).map(|(_, end)| end);
            status.last_error = problems
                .iter()
                .find(|problem| problem.secret == secret.name)
                .map(|problem| problem.message.clone());
            (status.next_step, status.next_at) = next_step(secret, status.expires.is_some(), store);
            Some(Entry::Other(Box::new(status)))
        });
        Self(entries.collect())
    }

    /// The whole list at this time; `acme` is [`crate::acme::Manager::status`].
    #[must_use]
    pub fn status(&self, acme: Vec<CertStatus>, now: SystemTime) -> Vec<CertStatus> {
        let mut acme: BTreeMap<SecretName, CertStatus> = acme
            .into_iter()
            .map(|status| (status.name.clone(), status))
            .collect();
        self.0
            .iter()
            .filter_map(|entry| match entry {
                // Between two configurations the manager may not know it yet.
                Entry::Acme(name) => acme.remove(name),
                Entry::Other(status) => {
                    let mut status = CertStatus::clone(status);
                    status.state = match status.expires {
                        None => CertState::Missing,
                        Some(end) if end <= now => CertState::Expired,
                        Some(_) => CertState::Valid,
                    };
                    Some(status)
                }
            })
            .collect()
    }
}

/// The hosts that listeners present each secret for.
fn hosts(model: &Model) -> BTreeMap<&SecretName, BTreeSet<String>> {
    let mut hosts: BTreeMap<&SecretName, BTreeSet<String>> = BTreeMap::new();
    let listeners = model
        .listeners
        .iter()
        .filter_map(|listener| listener.tls.as_ref());
    for certificate in listeners.flat_map(|tls| &tls.certificates) {
        let both = [Some(&certificate.secret), certificate.alternative.as_ref()];
        for secret in both.into_iter().flatten() {
            let all = hosts.entry(secret).or_default();
            all.insert(certificate.host.to_string());
        }
    }
    hosts
}

/// What it was ordered for, else what it is presented for, else (one that proves who we are upstream) what it says.
fn domains(
    secret: &Secret,
    hosts: &BTreeMap<&SecretName, BTreeSet<String>>,
    chain: Option<&str>,
) -> Vec<String> {
    if let Material::Awaited { domains, .. } = &secret.material {
        return domains.iter().map(ToString::to_string).collect();
    }
    match hosts.get(&secret.name) {
        Some(hosts) => hosts.iter().cloned().collect(),
        None => chain.map(leaf::names_in).unwrap_or_default(),
    }
}

fn next_step(secret: &Secret, is_there: bool, store: &CertStore) -> (String, Option<SystemTime>) {
    let words = match (&secret.material, is_there) {
        (Material::Awaited { .. }, true) => {
            return ("renew it".to_owned(), store.renewal(&secret.name));
        }
        (Material::Awaited { .. }, false) => "make it, when the configuration changes or on SIGHUP",
        (Material::KeyPairFiles { .. }, true) => {
            "none: whoever writes the files renews it; they are read again when they change"
        }
        (Material::KeyPairFiles { .. }, false) => "read the files, when they change",
        _ => "none: whoever writes the Secret renews it",
    };
    (words.to_owned(), None)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use seaway_model::{
        AcmeIssuer, AcmeMethod, HostMatch, KeyPair, Listener, ListenerTls, Origin, Pem, Protocol,
        ServerCertificate,
    };

    use super::*;
    use crate::{TestCa, fulfil};

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn secret(name: &str, material: Material) -> (SecretName, Arc<Secret>) {
        let name = SecretName(name.into());
        let secret = Secret {
            name: name.clone(),
            origin: Origin {
                kind: "Secret".into(),
                namespace: "shop".into(),
                name: "tls".into(),
                ..Origin::default()
            },
            material,
        };
        (name, Arc::new(secret))
    }

    fn pair(name: &str) -> KeyPair {
        let authority = TestCa::ephemeral(now()).unwrap();
        authority.issue(&[name.into()], now()).unwrap()
    }

    /// A model with these secrets; the listener presents those whose name is a host.
    fn model<const N: usize>(secrets: [(SecretName, Arc<Secret>); N]) -> Model {
        let certificates = secrets
            .iter()
            .filter_map(|(name, _)| Some((HostMatch::parse_one_label(&name.0).ok()?, name)))
            .map(|(host, name)| ServerCertificate::new(host, name.clone()))
            .collect();
        let mut model = Model {
            secrets: secrets.into(),
            ..Model::default()
        };
        model.listeners.push(Arc::new(Listener {
            name: "https-443".into(),
            origin: Origin::default(),
            address: None,
            port: 443,
            protocol: Protocol::Https,
            tls: Some(ListenerTls {
                certificates,
                routes: Vec::new(),
            }),
            virtual_hosts: Vec::new(),
            proxy_protocol: false,
            l4: None,
        }));
        model
    }

    /// The list, `later` after it was made.
    fn listed(model: &Model, store: &CertStore, later: Duration) -> Vec<CertStatus> {
        let (fulfilled, problems) = fulfil(model, store, None, now());
        let inventory = Inventory::of(model, &fulfilled, &problems, store);
        inventory.status(Vec::new(), now() + later)
    }

    #[test]
    fn a_certificate_of_ones_own_is_listed_until_it_has_expired_and_then_too() {
        let model = model([secret("a.example.com", Material::KeyPair(pair("a.example.com")))]);
        let store = CertStore::ephemeral();
        let status = listed(&model, &store, Duration::ZERO).remove(0);
        assert_eq!(
            (status.state, &*status.issuer, &status.domains[..]),
            (
                CertState::Valid,
                "Secret shop/tls",
                &["a.example.com".to_owned()][..]
            )
        );
        assert!(status.expires.unwrap() > now() && status.next_step.contains("Secret"));
        assert_eq!(listed(&model, &store, DAY * 91)[0].state, CertState::Expired);
    }

    #[test]
    fn one_of_the_test_authority_is_listed_with_its_renewal() {
        let awaited = Material::Awaited {
            domains: vec!["a.example.com".into()],
            issuer: IssuerKind::TestCa,
        };
        let store = CertStore::ephemeral();
        let status = listed(&model([secret("a.example.com", awaited)]), &store, Duration::ZERO).remove(0);
        assert_eq!(
            (status.state, &*status.issuer, &*status.next_step),
            (CertState::Valid, "caForTest", "renew it")
        );
        assert_eq!(status.next_at, store.renew_at());
    }

    #[test]
    fn files_that_cannot_be_read_are_listed_with_the_reason() {
        let files = Material::KeyPairFiles {
            certificate: "/nowhere/tls.crt".into(),
            private_key: "/nowhere/tls.key".into(),
        };
        let model = model([secret("a.example.com", files)]);
        let status = listed(&model, &CertStore::ephemeral(), Duration::ZERO).remove(0);
        assert_eq!(
            (status.state, &*status.issuer),
            (CertState::Missing, "file /nowhere/tls.crt")
        );
        assert!(
            status
                .last_error
                .unwrap()
                .starts_with("/nowhere/tls.crt cannot be read")
        );
    }

    #[test]
    fn one_that_no_listener_presents_is_listed_by_its_own_names_and_authorities_are_not() {
        let model = model([
            secret("client cert", Material::KeyPair(pair("gateway.example.com"))),
            secret("whom we believe", Material::Authorities(Pem::from("").into())),
        ]);
        let listed = listed(&model, &CertStore::ephemeral(), Duration::ZERO);
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].domains, ["gateway.example.com"]);
    }

    #[test]
    fn what_acme_says_stands_where_its_certificate_stands() {
        let issuer = AcmeIssuer::new("letsencrypt", AcmeMethod::Http01);
        let awaited = Material::Awaited {
            domains: vec!["b.example.com".into()],
            issuer: IssuerKind::Acme(Arc::new(issuer)),
        };
        let model = model([
            secret("a.example.com", Material::KeyPair(pair("a.example.com"))),
            secret("b.example.com", awaited),
            secret("c.example.com", Material::KeyPair(pair("c.example.com"))),
        ]);
        let inventory = Inventory::of(&model, &model, &[], &CertStore::ephemeral());
        let of_acme = CertStatus::new(
            SecretName("b.example.com".into()),
            vec!["b.example.com".to_owned()],
            "letsencrypt",
        );
        let gone = CertStatus::new(SecretName("gone".into()), Vec::new(), "letsencrypt");
        let all = inventory.status(vec![of_acme, gone], now());
        let issuers: Vec<&str> = all.iter().map(|status| &*status.issuer).collect();
        assert_eq!(issuers, ["Secret shop/tls", "letsencrypt", "Secret shop/tls"]);
        assert_eq!(inventory.status(Vec::new(), now()).len(), 2);
    }
}

//! Secrets by name, each checked once however often it is used.

use std::collections::HashMap;
use std::sync::Arc;

use seaway_api::core::Secret as ApiSecret;
use seaway_api::{Object, Spanned};
use seaway_model::{Code, HostMatch, Material, Origin, Secret, SecretName};

use super::Domain;
use super::key_pair::{self, KeyPairError, Leaf};
use crate::findings::{Findings, Reporter, origin_of, place, whereabouts};
use crate::objects::Objects;

const SECONDS_A_DAY: i64 = 86_400;

/// How an object names a Secret.
pub(crate) struct Reference<'r> {
    namespace: &'r str,
    anywhere: bool,
    name: &'r Spanned<Arc<str>>,
    field: &'r str,
    holding: &'r str,
}

impl<'r> Reference<'r> {
    /// In this namespace only.
    pub(crate) fn inside(namespace: &'r str, name: &'r Spanned<Arc<str>>, field: &'r str) -> Self {
        Self {
            namespace,
            anywhere: false,
            name,
            field,
            holding: "of type kubernetes.io/tls",
        }
    }

    /// In this namespace, or the only one of that name.
    pub(crate) fn anywhere(namespace: &'r str, name: &'r Spanned<Arc<str>>, field: &'r str) -> Self {
        Self {
            anywhere: true,
            ..Self::inside(namespace, name, field)
        }
    }

    /// What it must hold if it is no key pair: `with the key ca.crt`.
    pub(crate) fn holding(self, holding: &'r str) -> Self {
        Self { holding, ..self }
    }
}

/// All Secrets.
pub(crate) struct Store<'a> {
    objects: &'a Objects<'a>,
    by_name: HashMap<&'a str, Vec<&'a Object<ApiSecret>>>,
    checked: HashMap<SecretName, Result<Good, KeyPairError>>,
    now: Option<i64>,
}

#[derive(Clone)]
struct Good {
    secret: Arc<Secret>,
    leaf: Leaf,
}

impl<'a> Store<'a> {
    pub(crate) fn new(objects: &'a Objects<'a>, now: Option<i64>) -> Self {
        let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
        for secret in &objects.secrets {
            by_name.entry(&**secret.meta.name).or_default().push(*secret);
        }
        Self {
            objects,
            by_name,
            checked: HashMap::new(),
            now,
        }
    }

    /// The Secret of a reference, checked; otherwise says what is wrong with it.
    pub(crate) fn resolve(
        &mut self,
        reference: &Reference<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Option<Arc<Secret>> {
        let object = self.find(reference, reporter)?;
        let name = SecretName(format!("{}/{}", object.meta.namespace, object.meta.name.value).into());
        let checked = self
            .checked
            .entry(name.clone())
            .or_insert_with(|| check(object, name))
            .clone();
        match checked {
            Ok(good) => {
                self.check_time(&good.leaf, reference, reporter);
                Some(good.secret)
            }
            Err(error) => {
                report_unusable(object, &error, reference, reporter);
                None
            }
        }
    }

    /// Says so when a certificate does not cover a domain it is used for.
    pub(super) fn check_domain(&self, secret: &SecretName, domain: &Domain, reporter: &mut Reporter<'_>) {
        let origin = place(reporter.origin, &domain.field, domain.pos);
        self.check_host(secret, &domain.host, &origin, reporter.findings);
    }

    /// The same for a host that is written at `origin`.
    pub(crate) fn check_host(
        &self,
        secret: &SecretName,
        host: &HostMatch,
        origin: &Origin,
        findings: &mut Findings,
    ) {
        let Some(Ok(good)) = self.checked.get(secret) else {
            return;
        };
        if good.leaf.covers(host) {
            return;
        }
        findings.report(
            Code::CertificateHostMismatch,
            origin.clone(),
            format!(
                "the certificate in Secret {secret} does not cover \"{host}\": it is for {}",
                good.leaf.names()
            ),
            "use a certificate that names this host, or correct the host",
        );
    }

    /// Whether there is one of this name in this namespace.
    pub(crate) fn has(&self, namespace: &str, name: &str) -> bool {
        self.get(namespace, name).is_some()
    }

    /// The one of this name in this namespace, whatever it holds.
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<&'a Object<ApiSecret>> {
        let all = self.by_name.get(name)?;
        all.iter()
            .find(|secret| *secret.meta.namespace == *namespace)
            .copied()
    }

    /// The Secret of a reference, whatever it holds; otherwise says that it is not there.
    pub(crate) fn find(
        &self,
        reference: &Reference<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Option<&'a Object<ApiSecret>> {
        let all = self
            .by_name
            .get(&*reference.name.value)
            .map_or(&[][..], Vec::as_slice);
        let here = all
            .iter()
            .find(|secret| *secret.meta.namespace == *reference.namespace);
        let found = match (here, all) {
            (Some(here), _) => Some(here),
            (None, [only]) if reference.anywhere => Some(only),
            _ => None,
        };
        if found.is_none() {
            let left_out = self
                .objects
                .left_out("Secret", reference.namespace, reference.name);
            report_missing(left_out, all, reference, reporter);
        }
        found.copied()
    }

    fn check_time(&self, leaf: &Leaf, reference: &Reference<'_>, reporter: &mut Reporter<'_>) {
        let Some(now) = self.now else {
            return;
        };
        let name = &reference.name.value;
        let message = if now > leaf.not_after {
            let days = (now - leaf.not_after) / SECONDS_A_DAY;
            format!("the certificate in Secret \"{name}\" expired {days} days ago")
        } else if now < leaf.not_before {
            let days = (leaf.not_before - now) / SECONDS_A_DAY + 1;
            format!("the certificate in Secret \"{name}\" is valid only in {days} days")
        } else {
            return;
        };
        reporter.report(
            Code::CertificateExpired,
            reference.field,
            reference.name.pos,
            message,
            "put a certificate that is valid now into the Secret",
        );
    }
}

fn check(object: &Object<ApiSecret>, name: SecretName) -> Result<Good, KeyPairError> {
    let checked = key_pair::check(&object.spec)?;
    Ok(Good {
        secret: Arc::new(Secret {
            name,
            origin: origin_of(&object.meta),
            material: Material::KeyPair(checked.pair),
        }),
        leaf: checked.leaf,
    })
}

fn report_missing(
    left_out: Option<String>,
    all: &[&Object<ApiSecret>],
    reference: &Reference<'_>,
    reporter: &mut Reporter<'_>,
) {
    let elsewhere: Vec<&str> = all.iter().map(|secret| &*secret.meta.namespace).collect();
    let help = if let Some(help) = left_out {
        help
    } else if elsewhere.is_empty() {
        format!("create the Secret, {}", reference.holding)
    } else {
        format!(
            "there is one in namespace {}; it must be here",
            elsewhere.join(", ")
        )
    };
    reporter.report(
        Code::SecretNotFound,
        reference.field,
        reference.name.pos,
        format!(
            "there is no Secret {}/{}",
            reference.namespace, reference.name.value
        ),
        help,
    );
}

fn report_unusable(
    object: &Object<ApiSecret>,
    error: &KeyPairError,
    reference: &Reference<'_>,
    reporter: &mut Reporter<'_>,
) {
    let secret = origin_of(&object.meta);
    let at = whereabouts(&secret);
    let (code, message, help) = match error {
        KeyPairError::Not(why) => (
            Code::SecretNotKeyPair,
            format!("{secret}{at} is not a key pair: {why}"),
            "it needs tls.crt, the certificate and its intermediates, and tls.key, both in PEM",
        ),
        KeyPairError::Mismatch => (
            Code::KeyMismatch,
            format!("tls.key of {secret}{at} does not belong to the first certificate of tls.crt"),
            "put the key that the certificate was made for into the Secret; the leaf comes first in tls.crt",
        ),
    };
    reporter.report(code, reference.field, reference.name.pos, message, help);
}

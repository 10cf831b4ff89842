//! Certificates: `HttpsCert` with its issuers, and `tls` of Ingresses.
//!
//! A certificate that cannot be had stops neither plain HTTP nor another certificate: its hosts have none, and their
//! handshakes are refused. What an issuer has to make stands in the model as awaited; compiling never waits.

mod acme;
mod issuer;
mod key_pair;
pub(crate) mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use seaway_api::https_cert::HttpsCert;
use seaway_api::ingress::{Ingress, IngressTls};
use seaway_api::{Object, Pos, Spanned};
use seaway_model::{Code, HostMatch, IssuerKind, Material, Origin, Secret, SecretName, ServerCertificate};

use self::issuer::Issuers;
use self::store::{Reference, Store};
use crate::Options;
use crate::findings::{Findings, Reporter, origin_of, place};
use crate::objects::{Objects, is_kalm};
use crate::order::ObjectRank;
use crate::presented::Presented;

/// Namespace of the Secrets of Kalm's cluster-scoped HttpsCerts.
const KALM_SECRET_NAMESPACE: &str = "istio-system";

/// All certificates, and the hosts they are presented for.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    /// By name.
    pub(crate) secrets: BTreeMap<SecretName, Arc<Secret>>,
    /// What is wanted on the default gateway's listener with TLS.
    pub(crate) presented: Vec<Presented>,
    /// Domains that an authority is asked for, each where it is written.
    pub(crate) ordered: Vec<crate::draft::Claim>,
}

/// Compiles the certificates of all objects; the Ingresses are those that Seaway serves.
pub(crate) fn compile<'a>(
    objects: &'a Objects<'a>,
    ingresses: &[&Object<Ingress>],
    options: &Options,
    findings: &mut Findings,
) -> Certificates {
    let mut collector = Collector {
        store: Store::new(objects, options.now),
        issuers: Issuers::new(objects),
        made: BTreeMap::new(),
        presented: Vec::new(),
        ordered: Vec::new(),
    };
    for object in &objects.https_certs {
        collector.https_cert(object, findings);
    }
    for object in ingresses {
        collector.ingress(object, findings);
    }
    Certificates {
        secrets: collector.made,
        presented: collector.presented,
        ordered: collector.ordered,
    }
}

/// A domain as an object writes it.
pub(crate) struct Domain {
    pub(crate) host: HostMatch,
    pub(crate) field: String,
    pub(crate) pos: Pos,
}

struct Collector<'a> {
    store: Store<'a>,
    issuers: Issuers<'a>,
    made: BTreeMap<SecretName, Arc<Secret>>,
    presented: Vec<Presented>,
    ordered: Vec<crate::draft::Claim>,
}

impl Collector<'_> {
    fn https_cert(&mut self, object: &Object<HttpsCert>, findings: &mut Findings) {
        let origin = origin_of(&object.meta);
        let mut reporter = Reporter::new(&origin, findings);
        let domains = domains(&object.spec.domains, "spec.domains", &mut reporter);
        let secret = if object.spec.is_self_managed {
            self.self_managed(object, &domains, &mut reporter)
        } else {
            self.issued(object, &domains, &mut reporter)
        };
        if let Some(secret) = secret.filter(|_| !reporter.left_out()) {
            self.claim(&ObjectRank::new(&object.meta), &secret, domains, &origin);
        }
    }

    fn self_managed(
        &mut self,
        object: &Object<HttpsCert>,
        domains: &[Domain],
        reporter: &mut Reporter<'_>,
    ) -> Option<SecretName> {
        let field = "spec.selfManagedCertSecretName";
        let Some(name) = &object.spec.self_managed_cert_secret_name else {
            reporter.report(
                Code::MissingField,
                field,
                Pos::default(),
                "a self-managed certificate needs the name of its Secret",
                "add spec.selfManagedCertSecretName, or remove spec.isSelfManaged",
            );
            return None;
        };
        let reference = if is_kalm(&object.meta) {
            Reference::anywhere(KALM_SECRET_NAMESPACE, name, field)
        } else {
            Reference::inside(&object.meta.namespace, name, field)
        };
        self.use_secret(&reference, domains, reporter)
    }

    fn use_secret(
        &mut self,
        reference: &Reference<'_>,
        domains: &[Domain],
        reporter: &mut Reporter<'_>,
    ) -> Option<SecretName> {
        let secret = self.store.resolve(reference, reporter)?;
        for domain in domains {
            self.store.check_domain(&secret.name, domain, reporter);
        }
        let name = secret.name.clone();
        self.made.entry(name.clone()).or_insert(secret);
        Some(name)
    }

    /// What an issuer has to make. It is presented already here: whether it is there by now, and whether HTTPS is listened
    /// on without it, is known to who runs the model.
    fn issued(
        &mut self,
        object: &Object<HttpsCert>,
        domains: &[Domain],
        reporter: &mut Reporter<'_>,
    ) -> Option<SecretName> {
        let issuer = self.issuers.of(object, &self.store, reporter)?;
        let by_acme = match &issuer {
            IssuerKind::Acme(acme) if issuer::refuses(acme, domains, reporter) => return None,
            IssuerKind::Acme(_) => true,
            IssuerKind::TestCa => false,
        };
        if reporter.left_out() {
            return None;
        }
        if by_acme {
            self.ordered
                .extend(domains.iter().map(|domain| crate::draft::Claim {
                    host: domain.host.clone(),
                    origin: place(reporter.origin, &domain.field, domain.pos),
                }));
        }
        let name = awaited_name(reporter.origin);
        let secret = Secret {
            name: name.clone(),
            origin: reporter.origin.clone(),
            material: Material::Awaited {
                domains: domains
                    .iter()
                    .map(|domain| domain.host.to_string().into())
                    .collect(),
                issuer,
            },
        };
        self.made.insert(name.clone(), Arc::new(secret));
        Some(name)
    }

    fn ingress(&mut self, object: &Object<Ingress>, findings: &mut Findings) {
        let origin = origin_of(&object.meta);
        let rank = ObjectRank::new(&object.meta);
        for (index, tls) in object.spec.tls.iter().enumerate() {
            let mut reporter = Reporter::new(&origin, findings);
            let domains = ingress_domains(tls, index, &mut reporter);
            // Without a Secret the certificate comes from elsewhere; whether it does is checked with the routes.
            let Some(name) = &tls.secret_name else {
                continue;
            };
            let field = format!("spec.tls[{index}].secretName");
            let reference = Reference::inside(&object.meta.namespace, name, &field);
            if let Some(secret) = self.use_secret(&reference, &domains, &mut reporter) {
                self.claim(&rank, &secret, domains, &origin);
            }
        }
    }

    fn claim(&mut self, rank: &ObjectRank, secret: &SecretName, domains: Vec<Domain>, origin: &Origin) {
        self.presented.extend(domains.into_iter().map(|domain| Presented {
            rank: rank.clone(),
            origin: place(origin, &domain.field, domain.pos),
            certificate: ServerCertificate::new(domain.host, secret.clone()),
        }));
    }
}

/// `httpscert:shop/shop`, or `httpscert:shop` for a cluster-scoped object.
fn awaited_name(origin: &Origin) -> SecretName {
    let Origin { namespace, name, .. } = origin;
    SecretName(if namespace.is_empty() {
        format!("httpscert:{name}").into()
    } else {
        format!("httpscert:{namespace}/{name}").into()
    })
}

fn domains(texts: &[Spanned<Arc<str>>], list: &str, reporter: &mut Reporter<'_>) -> Vec<Domain> {
    let mut domains = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let field = format!("{list}[{index}]");
        match HostMatch::parse_one_label(text) {
            Ok(host) => domains.push(Domain {
                host,
                field,
                pos: text.pos,
            }),
            Err(error) => reporter.report(
                Code::InvalidValue,
                &field,
                text.pos,
                format!("\"{}\" is not a domain of a certificate: {error}", text.value),
                "write a DNS name, \"*.\" and a DNS name, or an IP address",
            ),
        }
    }
    domains
}

/// No hosts: every host, so this is the default certificate.
fn ingress_domains(tls: &Spanned<IngressTls>, index: usize, reporter: &mut Reporter<'_>) -> Vec<Domain> {
    if tls.hosts.is_empty() {
        return vec![Domain {
            host: HostMatch::Any,
            field: format!("spec.tls[{index}]"),
            pos: tls.pos,
        }];
    }
    domains(&tls.hosts, &format!("spec.tls[{index}].hosts"), reporter)
}

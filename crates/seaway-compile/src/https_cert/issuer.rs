//! Certificate issuers: which one an HttpsCert means, and what it can do.

use std::collections::BTreeMap;
use std::sync::Arc;

use seaway_api::https_cert::{HttpsCert, HttpsCertIssuer};
use seaway_api::{Object, Pos};
use seaway_model::{Code, HostMatch};

use super::Domain;
use crate::findings::Reporter;

const FIELD: &str = "spec.httpsCertIssuer";
const DEFAULT_ISSUER: &str = "default-http01-issuer";
/// Names that mean something without an object; an HttpsCertIssuer of that name wins.
const BUILT_IN: [(&str, Issuer); 3] = [
    ("default-cert-issuer", Issuer::TestCa),
    (DEFAULT_ISSUER, Issuer::Http01),
    ("default-dns01-issuer", Issuer::Dns01),
];

/// What an issuer can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Issuer {
    /// The local certificate authority.
    TestCa,
    /// ACME, but no wildcards.
    Http01,
    /// ACME.
    Dns01,
}

/// All issuers, by name.
pub(super) struct Issuers<'a>(BTreeMap<&'a str, Vec<&'a Object<HttpsCertIssuer>>>);

impl<'a> Issuers<'a> {
    pub(super) fn new(objects: &[&'a Object<HttpsCertIssuer>]) -> Self {
        let mut by_name: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for object in objects {
            by_name.entry(&**object.meta.name).or_default().push(*object);
        }
        Self(by_name)
    }

    /// The issuer that an HttpsCert means: of its own namespace, else cluster-scoped, else the only one of that name,
    /// else a built-in one.
    pub(super) fn of(&self, cert: &Object<HttpsCert>, reporter: &mut Reporter<'_>) -> Option<Issuer> {
        let name = wanted(cert);
        let objects = self.0.get(&*name).map_or(&[][..], Vec::as_slice);
        let in_namespace = |namespace: &str| objects.iter().find(|o| *o.meta.namespace == *namespace);
        let object = in_namespace(&cert.meta.namespace)
            .or_else(|| in_namespace(""))
            .or(match objects {
                [only] => Some(only),
                _ => None,
            });
        let found = match object {
            Some(object) => Some(ability(&object.spec)),
            None => BUILT_IN
                .iter()
                .find(|(known, _)| **known == *name)
                .map(|(_, issuer)| *issuer),
        };
        if found.is_none() {
            reporter.report(
                Code::IssuerNotFound,
                FIELD,
                issuer_pos(cert),
                format!("there is no HttpsCertIssuer \"{name}\""),
                "create it, or use \"default-cert-issuer\", the built-in test CA",
            );
        }
        found
    }
}

fn wanted(cert: &Object<HttpsCert>) -> Arc<str> {
    cert.spec
        .https_cert_issuer
        .as_ref()
        .map_or_else(|| DEFAULT_ISSUER.into(), |name| name.value.clone())
}

fn issuer_pos(cert: &Object<HttpsCert>) -> Pos {
    cert.spec
        .https_cert_issuer
        .as_ref()
        .map(|name| name.pos)
        .unwrap_or_default()
}

fn ability(issuer: &HttpsCertIssuer) -> Issuer {
    match issuer {
        HttpsCertIssuer::CaForTest => Issuer::TestCa,
        HttpsCertIssuer::Http01 { .. } => Issuer::Http01,
        HttpsCertIssuer::Dns01 { .. } | HttpsCertIssuer::AcmeCloudFlare { .. } => Issuer::Dns01,
    }
}

/// Reports every wildcard, and says whether there is one.
pub(super) fn refuses_wildcards(domains: &[Domain], reporter: &mut Reporter<'_>) -> bool {
    let wildcards = domains
        .iter()
        .filter(|domain| !matches!(domain.host, HostMatch::Exact(_)));
    let mut any = false;
    for domain in wildcards {
        any = true;
        reporter.report(
            Code::WildcardNeedsDns,
            &domain.field,
            domain.pos,
            format!("a certificate for \"{}\" cannot be had by http-01", domain.host),
            "use a dns-01 issuer, or name the hosts one by one",
        );
    }
    any
}

/// Says that an ACME issuer is not served yet, and gives its name.
pub(super) fn report_unsupported(cert: &Object<HttpsCert>, reporter: &mut Reporter<'_>) -> Arc<str> {
    let name = wanted(cert);
    reporter.report(
        Code::IssuerUnsupported,
        FIELD,
        issuer_pos(cert),
        format!(
            "issuer \"{name}\" works by ACME, which is not served yet, so its domains have no certificate"
        ),
        "use \"httpsCertIssuer: default-cert-issuer\" (the built-in test CA), or a Secret of your own",
    );
    name
}

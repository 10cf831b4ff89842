//! Certificate issuers: which one an HttpsCert means, and what it can prove.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use seaway_api::https_cert::{HttpsCert, HttpsCertIssuer};
use seaway_api::{Object, Pos};
use seaway_model::{AcmeIssuer, AcmeMethod, Code, HostMatch, IssuerKind};

use super::store::Store;
use super::{Domain, acme};
use crate::findings::{Reporter, whereabouts};
use crate::objects::Objects;

const FIELD: &str = "spec.httpsCertIssuer";
const TEST_CA: &str = "default-cert-issuer";
const HTTP01: &str = "default-http01-issuer";
const DNS01: &str = "default-dns01-issuer";

/// All issuers, by name.
pub(super) struct Issuers<'a> {
    objects: &'a Objects<'a>,
    by_name: BTreeMap<&'a str, Vec<&'a Object<HttpsCertIssuer>>>,
}

impl<'a> Issuers<'a> {
    pub(super) fn new(objects: &'a Objects<'a>) -> Self {
        let mut by_name: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for object in &objects.https_cert_issuers {
            by_name.entry(&**object.meta.name).or_default().push(*object);
        }
        Self { objects, by_name }
    }

    /// The issuer that an HttpsCert means: of its own namespace, else cluster-scoped, else the only one of that name,
    /// else a built-in one. `None` after saying why there is none.
    pub(super) fn of(
        &self,
        cert: &Object<HttpsCert>,
        store: &Store<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Option<IssuerKind> {
        let name = wanted(cert);
        if let Some(object) = self.object(&name, &cert.meta.namespace) {
            let kind = acme::issuer_kind(object, store, reporter.findings);
            if kind.is_none() {
                report_unusable(cert, object, reporter);
            }
            return kind;
        }
        // An issuer of a built-in name that could not be read was meant to be used in its stead.
        let left_out = (self.objects)
            .left_out("HttpsCertIssuer", &cert.meta.namespace, &name)
            .or_else(|| self.objects.left_out("HttpsCertIssuer", "", &name));
        match (&*name, left_out) {
            (_, Some(help)) => report_missing(cert, &name, help, reporter),
            (TEST_CA, None) => return Some(IssuerKind::TestCa),
            (HTTP01, None) => {
                let issuer = AcmeIssuer::new(HTTP01, AcmeMethod::Http01);
                return Some(IssuerKind::Acme(Arc::new(issuer)));
            }
            (DNS01, None) => report_missing(
                cert,
                &name,
                "dns-01 needs to know where your DNS is: write an HttpsCertIssuer of that name with \
                 \"dns01: {baseACMEDomain: ...}\" (an acme-dns server) or \"acmeCloudFlare: {apiTokenSecretName: ...}\"",
                reporter,
            ),
            (_, None) => report_missing(
                cert,
                &name,
                "create it, or use \"default-http01-issuer\", which is Let's Encrypt, or \"default-cert-issuer\", the \
                 built-in test CA",
                reporter,
            ),
        }
        None
    }

    fn object(&self, name: &str, namespace: &str) -> Option<&'a Object<HttpsCertIssuer>> {
        let objects = self.by_name.get(name).map_or(&[][..], Vec::as_slice);
        let inside = |namespace: &str| {
            objects
                .iter()
                .copied()
                .find(|object| *object.meta.namespace == *namespace)
        };
        inside(namespace).or_else(|| inside("")).or(match objects {
            [only] => Some(*only),
            _ => None,
        })
    }
}

fn wanted(cert: &Object<HttpsCert>) -> Arc<str> {
    cert.spec
        .https_cert_issuer
        .as_ref()
        .map_or_else(|| HTTP01.into(), |name| name.value.clone())
}

fn issuer_pos(cert: &Object<HttpsCert>) -> Pos {
    cert.spec
        .https_cert_issuer
        .as_ref()
        .map(|name| name.pos)
        .unwrap_or_default()
}

fn report_missing(
    cert: &Object<HttpsCert>,
    name: &str,
    help: impl Into<String>,
    reporter: &mut Reporter<'_>,
) {
    let message = format!("there is no HttpsCertIssuer \"{name}\"");
    reporter.report(Code::IssuerNotFound, FIELD, issuer_pos(cert), message, help);
}

/// What is wrong with the issuer is told there.
fn report_unusable(cert: &Object<HttpsCert>, issuer: &Object<HttpsCertIssuer>, reporter: &mut Reporter<'_>) {
    let issuer = crate::findings::origin_of(&issuer.meta);
    let at = whereabouts(&issuer);
    reporter.report(
        Code::CertificateNotIssued,
        FIELD,
        issuer_pos(cert),
        format!("{issuer}{at} cannot be used, so its domains have no certificate"),
        "mend the issuer as it is said there, or use another one",
    );
}

/// Reports every domain that this authority cannot make a certificate for, and says whether there is one.
pub(super) fn refuses(issuer: &AcmeIssuer, domains: &[Domain], reporter: &mut Reporter<'_>) -> bool {
    let mut any = false;
    for domain in domains {
        let host = &domain.host;
        let (code, message, help) = match host {
            HostMatch::Exact(name) if !is_address(name) => continue,
            HostMatch::Exact(_) => (
                Code::InvalidValue,
                format!("\"{host}\" is an IP address, and ACME issuers are asked for DNS names only"),
                "name the host, use \"httpsCertIssuer: default-cert-issuer\", or a Secret of your own",
            ),
            HostMatch::Any => (
                Code::InvalidValue,
                "no authority makes a certificate for every host (\"*\")".to_owned(),
                "name the hosts one by one, or \"*.\" and a DNS name with a dns-01 issuer",
            ),
            HostMatch::OneLabel(_) | HostMatch::Suffix(_) if issuer.method.is_dns() => continue,
            HostMatch::OneLabel(_) | HostMatch::Suffix(_) => (
                Code::WildcardNeedsDns,
                format!(
                    "a certificate for \"{host}\" cannot be had by {}",
                    method(&issuer.method)
                ),
                "use a dns-01 issuer, or name the hosts one by one",
            ),
        };
        any = true;
        reporter.report(code, &domain.field, domain.pos, message, help);
    }
    any
}

fn is_address(name: &str) -> bool {
    name.trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>()
        .is_ok()
}

fn method(method: &AcmeMethod) -> &'static str {
    match method {
        AcmeMethod::Http01 => "http-01",
        AcmeMethod::TlsAlpn01 => "tls-alpn-01",
        AcmeMethod::Dns01AcmeDns(_) | AcmeMethod::Dns01Cloudflare(_) => "dns-01",
    }
}

//! Certificates: of Secrets, of issuers, of Ingresses.

mod issuers;
mod presented;
mod secrets;

use rcgen::{CertificateParams, KeyPair, SanType};
use seaway_model::{
    AcmeIssuer, AcmeMethod, Code, ConditionStatus, ExternalAccount, Hidden, HostMatch, IssuerKind,
    ListenerTls, Material, Model, Protocol, Report, SecretName,
};

use crate::testing::{SHOP, at, codes, compiled, compiled_with, http_route, ingress, listener, only};
use crate::{Options, compile};

struct Pem {
    certificate: String,
    key: String,
}

fn pem(names: &[&str]) -> Pem {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.subject_alt_names = names
        .iter()
        .map(|name| match name.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName((*name).try_into().expect("a DNS name")),
        })
        .collect();
    let certificate = params.self_signed(&key).expect("a certificate");
    Pem {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    }
}

fn secret(name: &str, namespace: &str, certificate: &str, key: &str) -> String {
    let block = |text: &str| {
        text.lines()
            .map(|line| format!("    {line}\n"))
            .collect::<String>()
    };
    format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         type: kubernetes.io/tls\nstringData:\n  tls.crt: |\n{}  tls.key: |\n{}",
        block(certificate),
        block(key)
    )
}

fn tls_secret(names: &[&str]) -> String {
    let pem = pem(names);
    secret("tls", "shop", &pem.certificate, &pem.key)
}

fn cert(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: seaway.dev/v1alpha1\nkind: HttpsCert\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{{spec}}}\n"
    )
}

fn self_managed(name: &str, domains: &str) -> String {
    cert(
        name,
        &format!("domains: [{domains}], isSelfManaged: true, selfManagedCertSecretName: tls"),
    )
}

fn presented(model: &Model) -> Vec<String> {
    let tls: Option<&ListenerTls> = model
        .listeners
        .iter()
        .find(|listener| listener.protocol == Protocol::Https)
        .and_then(|listener| listener.tls.as_ref());
    tls.map(|tls| {
        tls.certificates
            .iter()
            .map(|c| format!("{} {}", c.host, c.secret))
            .collect()
    })
    .unwrap_or_default()
}

fn ready(report: &Report) -> (ConditionStatus, String) {
    let status = report
        .statuses
        .iter()
        .find(|status| &*status.object.kind == "HttpsCert")
        .expect("a status");
    (
        status.conditions[0].status,
        status.conditions[0].reason.to_string(),
    )
}

fn not_key_pair(certificate: &str, key: &str) -> String {
    let manifests = format!(
        "{}{}",
        self_managed("c", "shop.example.com"),
        secret("tls", "shop", certificate, key)
    );
    let (model, report) = compiled(&manifests);
    assert!(presented(&model).is_empty());
    only(&report, Code::SecretNotKeyPair).message.clone()
}

const RULES: &str = "rules: [{host: a.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 8080}}}}]}}]";

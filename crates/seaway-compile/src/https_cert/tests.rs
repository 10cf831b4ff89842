use rcgen::{CertificateParams, KeyPair, SanType};
use seaway_model::{
    Code, ConditionStatus, HostMatch, IssuerKind, ListenerTls, Material, Model, Protocol, Report, SecretName,
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

#[test]
fn a_secret_of_ones_own_is_presented_for_its_domains() {
    let manifests = format!(
        "{}{}",
        self_managed("c", "shop.example.com, \"*.shop.example.com\", 10.0.0.1"),
        tls_secret(&["shop.example.com", "*.shop.example.com", "10.0.0.1"])
    );
    let (model, report) = compiled(&manifests);
    assert_eq!(codes(&report), []);
    assert_eq!(
        presented(&model),
        [
            "10.0.0.1 shop/tls",
            "shop.example.com shop/tls",
            "*.shop.example.com shop/tls"
        ]
    );
    let hosts = &listener(&model, Protocol::Https)
        .tls
        .as_ref()
        .expect("tls")
        .certificates;
    assert_eq!(hosts[2].host, HostMatch::OneLabel(".shop.example.com".into()));
    let secret = &model.secrets[&SecretName("shop/tls".into())];
    assert!(matches!(secret.material, Material::KeyPair(_)));
    assert_eq!(&*secret.origin.kind, "Secret");
    assert_eq!(ready(&report), (ConditionStatus::True, "Ready".to_owned()));
}

#[test]
fn without_a_certificate_nothing_listens_for_https() {
    let (model, _) = compiled("");
    let names: Vec<_> = model.listeners.iter().map(|listener| &*listener.name).collect();
    assert_eq!(names, ["http-80"]);
}

#[test]
fn a_secret_that_is_not_there_is_named() {
    let (model, report) = compiled(&self_managed("c", "shop.example.com"));
    assert!(presented(&model).is_empty());
    let diagnostic = only(&report, Code::SecretNotFound);
    assert_eq!(diagnostic.message, "there is no Secret shop/tls");
    assert!(at(diagnostic).starts_with("spec.selfManagedCertSecretName 5:"));
    assert_eq!(
        ready(&report),
        (ConditionStatus::False, "InvalidCertificateRef".to_owned())
    );
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

#[test]
fn a_secret_that_is_not_a_key_pair_says_what_is_missing_or_malformed() {
    let good = pem(&["shop.example.com"]);
    let broken = good.certificate.replace("MII", "QUF");
    for (message, expected) in [
        (not_key_pair("hello", &good.key), "tls.crt holds no certificate"),
        (
            not_key_pair(&broken, &good.key),
            "tls.crt does not hold an X.509 certificate",
        ),
        (
            not_key_pair(&good.certificate, "hello"),
            "tls.key holds no private key",
        ),
        (
            not_key_pair(&good.certificate, &good.certificate),
            "tls.key holds no private key",
        ),
    ] {
        assert!(message.contains(expected), "{message}");
    }
    let only_certificate = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: tls, namespace: shop}\nstringData: {tls.crt: x}\n";
    let (_, report) = compiled(&format!("{}{only_certificate}", self_managed("c", "a.com")));
    let message = &only(&report, Code::SecretNotKeyPair).message;
    assert!(message.ends_with("it has no tls.key"), "{message}");
}

#[test]
fn a_key_of_another_certificate_is_a_mismatch() {
    let (one, other) = (pem(&["shop.example.com"]), pem(&["shop.example.com"]));
    let manifests = format!(
        "{}{}",
        self_managed("c", "shop.example.com"),
        secret("tls", "shop", &one.certificate, &other.key)
    );
    let (model, report) = compiled(&manifests);
    assert!(presented(&model).is_empty());
    assert_eq!(codes(&report), [Code::KeyMismatch]);
}

#[test]
fn a_domain_that_the_certificate_does_not_cover_is_a_warning() {
    let manifests = format!(
        "{}{}",
        self_managed("c", "a.example.com, b.c.example.com, \"*.example.com\""),
        tls_secret(&["*.example.com"])
    );
    let (model, report) = compiled(&manifests);
    assert_eq!(presented(&model).len(), 3, "it is presented all the same");
    let diagnostic = only(&report, Code::CertificateHostMismatch);
    assert_eq!(&*diagnostic.origin.field, "spec.domains[1]");
    assert!(
        diagnostic.message.contains("it is for *.example.com"),
        "{}",
        diagnostic.message
    );
}

#[test]
fn expiry_is_checked_only_when_the_time_is_known() {
    let manifests = format!("{}{}", self_managed("c", "a.com"), tls_secret(&["a.com"]));
    // rcgen's certificates are valid from 1975 to 4096.
    for (now, expected) in [
        (None, vec![]),
        (Some(1_800_000_000), vec![]),
        (Some(1), vec![Code::CertificateExpired]),
    ] {
        let options = Options {
            now,
            ..Options::default()
        };
        let (model, report) = compiled_with(&manifests, &options);
        assert_eq!(codes(&report), expected, "{now:?}");
        assert_eq!(presented(&model), ["a.com shop/tls"]);
    }
}

#[test]
fn a_kalm_certificate_finds_its_secret_in_istio_system_or_wherever_the_only_one_is() {
    let kalm = "---\napiVersion: core.kalm.dev/v1alpha1\nkind: HttpsCert\nmetadata: {name: c}\n\
                spec: {domains: [a.com], isSelfManaged: true, selfManagedCertSecretName: tls}\n";
    let pem = pem(&["a.com"]);
    let in_namespace = |namespace: &str| secret("tls", namespace, &pem.certificate, &pem.key);
    let (model, _) = compiled(&format!("{kalm}{}", in_namespace("web")));
    assert_eq!(presented(&model), ["a.com web/tls"]);
    let (model, _) = compiled(&format!(
        "{kalm}{}{}",
        in_namespace("web"),
        in_namespace("istio-system")
    ));
    assert_eq!(presented(&model), ["a.com istio-system/tls"]);
    let (model, report) = compiled(&format!("{kalm}{}{}", in_namespace("web"), in_namespace("other")));
    assert!(presented(&model).is_empty());
    assert!(only(&report, Code::SecretNotFound).help.contains("other, web"));
}

#[test]
fn the_test_ca_is_awaited_and_opens_https() {
    let issuer = "---\napiVersion: seaway.dev/v1alpha1\nkind: HttpsCertIssuer\nmetadata: {name: ca, namespace: shop}\nspec: {caForTest: {}}\n";
    for (name, issuer) in [("default-cert-issuer", ""), ("ca", issuer)] {
        let manifests = format!(
            "{}{issuer}",
            cert(
                "c",
                &format!("domains: [a.com, \"*.b.com\"], httpsCertIssuer: {name}")
            )
        );
        let (model, report) = compiled(&manifests);
        assert_eq!(codes(&report), []);
        assert_eq!(
            presented(&model),
            ["a.com httpscert:shop/c", "*.b.com httpscert:shop/c"]
        );
        let Material::Awaited { domains, issuer } =
            &model.secrets[&SecretName("httpscert:shop/c".into())].material
        else {
            panic!("awaited expected");
        };
        assert_eq!((domains.len(), issuer), (2, &IssuerKind::TestCa));
        assert_eq!(ready(&report).0, ConditionStatus::Unknown);
    }
}

#[test]
fn an_acme_certificate_stays_in_the_model_but_opens_nothing() {
    for spec in [
        "domains: [a.com]",
        "domains: [\"*.a.com\"], httpsCertIssuer: default-dns01-issuer",
    ] {
        let (model, report) = compiled(&cert("c", spec));
        assert_eq!(codes(&report), [Code::IssuerUnsupported]);
        assert!(presented(&model).is_empty());
        let secret = &model.secrets[&SecretName("httpscert:shop/c".into())];
        assert!(matches!(
            &secret.material,
            Material::Awaited {
                issuer: IssuerKind::Acme(_),
                ..
            }
        ));
        assert_eq!(
            ready(&report),
            (ConditionStatus::False, "IssuerUnsupported".to_owned())
        );
    }
}

#[test]
fn http01_cannot_prove_a_wildcard() {
    let (model, report) = compiled(&cert(
        "c",
        "domains: [a.com, \"*.a.com\"], httpsCertIssuer: default-http01-issuer",
    ));
    assert_eq!(codes(&report), [Code::WildcardNeedsDns]);
    assert_eq!(
        &*only(&report, Code::WildcardNeedsDns).origin.field,
        "spec.domains[1]"
    );
    assert!(model.secrets.is_empty());
}

#[test]
fn an_unknown_issuer_is_named() {
    let (model, report) = compiled(&cert("c", "domains: [a.com], httpsCertIssuer: lets-encrypt"));
    assert!(model.secrets.is_empty());
    assert!(
        only(&report, Code::IssuerNotFound)
            .message
            .contains("lets-encrypt")
    );
    assert_eq!(ready(&report).1, "IssuerNotFound");
}

#[test]
fn one_bad_certificate_stops_no_other() {
    let manifests = format!(
        "{}{}{}",
        self_managed("good", "a.com"),
        cert(
            "bad",
            "domains: [b.com], isSelfManaged: true, selfManagedCertSecretName: nothing"
        ),
        tls_secret(&["a.com"])
    );
    let (model, report) = compiled(&manifests);
    assert_eq!(presented(&model), ["a.com shop/tls"]);
    assert_eq!(codes(&report), [Code::SecretNotFound]);
}

#[test]
fn of_two_certificates_for_a_host_the_older_wins() {
    let young = cert("a", "domains: [a.com], httpsCertIssuer: default-cert-issuer");
    let old = self_managed("z", "a.com").replace(
        "namespace: shop}",
        "namespace: shop, creationTimestamp: \"2026-01-02T12:00:00Z\"}",
    );
    let (model, report) = compiled(&format!("{young}{old}{}", tls_secret(&["a.com"])));
    assert_eq!(presented(&model), ["a.com shop/tls"]);
    let diagnostic = only(&report, Code::CertificateConflict);
    assert_eq!(&*diagnostic.origin.name, "a");
    assert!(
        diagnostic.message.contains("HttpsCert shop/z"),
        "{}",
        diagnostic.message
    );
}

#[test]
fn the_same_secret_twice_for_a_host_is_no_conflict() {
    let (_, report) = compiled(&format!(
        "{}{}{}",
        self_managed("a", "a.com"),
        self_managed("b", "a.com"),
        tls_secret(&["a.com"])
    ));
    assert_eq!(codes(&report), []);
}

const RULES: &str = "rules: [{host: a.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 8080}}}}]}}]";

#[test]
fn an_ingress_presents_its_secret_for_its_hosts_or_for_all() {
    let with = |tls: &str| {
        format!(
            "{}{SHOP}{}",
            ingress("i", &format!("tls: [{tls}], {RULES}")),
            tls_secret(&["a.com"])
        )
    };
    let (model, report) = compiled(&with("{hosts: [a.com], secretName: tls}"));
    assert_eq!(codes(&report), []);
    assert_eq!(presented(&model), ["a.com shop/tls"]);
    let (model, _) = compiled(&with("{secretName: tls}"));
    assert_eq!(presented(&model), ["* shop/tls"]);
}

#[test]
fn an_ingress_whose_secret_is_missing_still_serves_http() {
    let (model, report) = compiled(&format!(
        "{}{SHOP}",
        ingress(
            "i",
            &format!("tls: [{{hosts: [a.com], secretName: nothing}}], {RULES}")
        )
    ));
    assert_eq!(crate::testing::hosts(&model), ["a.com"]);
    assert!(at(only(&report, Code::SecretNotFound)).starts_with("spec.tls[0].secretName 5:"));
    let status = &report.statuses[0];
    let refs = status
        .conditions
        .iter()
        .find(|c| &*c.kind == "ResolvedRefs")
        .expect("the condition");
    assert_eq!(
        (refs.status, &*refs.reason),
        (ConditionStatus::False, "InvalidCertificateRef")
    );
}

#[test]
fn tls_without_a_secret_needs_a_certificate_from_elsewhere() {
    let ingress = ingress("i", &format!("tls: [{{hosts: [a.com]}}], {RULES}"));
    let (_, report) = compiled(&format!("{ingress}{SHOP}"));
    assert_eq!(codes(&report), [Code::NoCertificate]);
    let elsewhere = cert("c", "domains: [a.com], httpsCertIssuer: default-cert-issuer");
    let (_, report) = compiled(&format!("{ingress}{SHOP}{elsewhere}"));
    assert_eq!(codes(&report), []);
}

#[test]
fn a_route_for_https_only_needs_a_certificate() {
    let route = http_route(
        "r",
        "hosts: [a.b.com], schemes: [https], destinations: [{host: \"shop:8080\"}]",
    );
    let (_, report) = compiled(&format!("{route}{SHOP}"));
    assert_eq!(at(only(&report, Code::NoCertificate)), "spec.hosts[0] 5:16");
    let wildcard = cert(
        "c",
        "domains: [\"*.b.com\"], httpsCertIssuer: default-cert-issuer",
    );
    let (_, report) = compiled(&format!("{route}{SHOP}{wildcard}"));
    assert_eq!(codes(&report), []);
}

#[test]
fn a_key_is_never_in_what_is_printed() {
    let pem = pem(&["a.com"]);
    let manifests = format!(
        "{}{}",
        self_managed("c", "a.com"),
        secret("tls", "shop", &pem.certificate, &pem.key)
    );
    let mut resources = crate::testing::parsed(&manifests);
    resources.parse_into("broken.yaml", &manifests.replace("name: c,", "name: d,"));
    let (model, report) = compile(&resources, &Options::default());
    let printed = format!("{model:?}{report:?}");
    let inner = pem.key.lines().nth(1).expect("the key's first line");
    assert!(!printed.contains(inner));
}

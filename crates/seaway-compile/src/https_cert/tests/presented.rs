use super::*;

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

use crate::Resource;
use crate::parse::{parse, tests::line};

fn read(kind: &str, spec: &str) -> (Option<Resource>, Vec<String>) {
    let text =
        format!("apiVersion: core.kalm.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: x}}\nspec: {spec}\n");
    let (resources, problems) = parse("f", &text);
    (resources.into_iter().next(), problems.iter().map(line).collect())
}

#[test]
fn domains_are_kept_once_and_in_order() {
    let (resource, problems) = read(
        "HttpsCert",
        "{domains: [b.com, ' A.com ', b.com, '*.a.com'], httpsCertIssuer: x}",
    );
    assert_eq!(problems, [""; 0]);
    let Some(Resource::HttpsCert(cert)) = resource else {
        panic!("{resource:?}");
    };
    let domains: Vec<&str> = cert.spec.domains.iter().map(|d| &*d.value).collect();
    assert_eq!(domains, ["b.com", "a.com", "*.a.com"]);
}

#[test]
fn a_certificate_is_checked() {
    for (spec, expected) in [
        ("{}", "4:7 spec.domains MissingField"),
        ("{domains: []}", "4:7 spec.domains MissingField"),
        ("{domains: ['a.*.com']}", "4:18 spec.domains[0] InvalidValue"),
        (
            "{domains: [a.com], isSelfManaged: true}",
            "4:7 spec.selfManagedCertSecretName MissingField",
        ),
        (
            "{domains: [a.com], isSelfManaged: true, selfManagedCertSecretName: A_B}",
            "4:74 spec.selfManagedCertSecretName InvalidValue",
        ),
    ] {
        let (resource, problems) = read("HttpsCert", spec);
        assert_eq!(resource, None, "{spec}");
        assert!(
            problems[0].starts_with(expected),
            "{spec}\n  {problems:?}\n  not {expected}"
        );
    }
    let (resource, problems) = read("HttpsCert", "{domains: [a.com], selfManagedCertSecretName: b}");
    assert!(resource.is_some());
    assert!(
        problems[0].starts_with("4:26 spec.selfManagedCertSecretName IgnoredField"),
        "{problems:?}"
    );
}

#[test]
fn an_issuer_is_of_exactly_one_kind() {
    for spec in [
        "{caForTest: {}}",
        "{http01: {email: a@b.c}}",
        "{http01: {}}",
        "{acmeCloudFlare: {email: a@b, apiTokenSecretName: b, server: 'https://c/d'}}",
        "{tlsAlpn01: {email: '', externalAccount: {keyID: k, hmacKeySecretName: s}, rootSecretName: r}}",
        "{dns01: {acmeDNSServer: 'http://acme-dns'}}",
        "{acmeCloudFlare: {apiTokenSecretName: b}}",
    ] {
        let (resource, problems) = read("HttpsCertIssuer", spec);
        assert_eq!((resource.is_some(), problems), (true, vec![]), "{spec}");
    }
    for (spec, expected) in [
        ("{}", "4:7 spec MissingField"),
        ("{caForTest: {}, http01: {}}", "4:7 spec ConflictingFields"),
        (
            "{acmeCloudFlare: {}}",
            "4:24 spec.acmeCloudFlare.apiTokenSecretName MissingField",
        ),
        (
            "{http01: {email: mailto:a@b.c}}",
            "4:24 spec.http01.email InvalidValue",
        ),
        (
            "{http01: {email: 'a@b@c'}}",
            "4:24 spec.http01.email InvalidValue",
        ),
        ("{dns01: {email: ops}}", "4:23 spec.dns01.email InvalidValue"),
        ("{dns01: {}}", "4:15 spec.dns01.baseACMEDomain MissingField"),
        (
            "{tlsAlpn01: {externalAccount: {keyID: k}}}",
            "4:37 spec.tlsAlpn01.externalAccount.hmacKeySecretName MissingField",
        ),
        ("{http01: {server: x}}", "4:25 spec.http01.server InvalidValue"),
        (
            "{dns01: {configs: {a.com: {}}}}",
            "4:33 spec.dns01.configs[a.com].username MissingField",
        ),
    ] {
        let (resource, problems) = read("HttpsCertIssuer", spec);
        assert_eq!(resource, None, "{spec}");
        assert!(
            problems[0].starts_with(expected),
            "{spec}\n  {problems:?}\n  not {expected}"
        );
    }
}

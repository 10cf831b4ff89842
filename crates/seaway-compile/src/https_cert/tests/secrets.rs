use super::*;

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

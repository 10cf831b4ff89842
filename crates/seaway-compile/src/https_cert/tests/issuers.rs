use super::*;

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

/// The issuer that `httpscert:shop/c` is awaited from.
fn acme(model: &Model) -> &AcmeIssuer {
    match &model.secrets[&SecretName("httpscert:shop/c".into())].material {
        Material::Awaited {
            issuer: IssuerKind::Acme(issuer),
            ..
        } => issuer,
        other => panic!("{other:?}"),
    }
}

/// An issuer; of Kalm's group, whose issuers are cluster-scoped, where there is no namespace.
fn issuer(namespace: &str, spec: &str) -> String {
    let (group, meta) = if namespace.is_empty() {
        ("core.kalm.dev", "name: mine".to_owned())
    } else {
        ("seaway.dev", format!("name: mine, namespace: {namespace}"))
    };
    format!(
        "---\napiVersion: {group}/v1alpha1\nkind: HttpsCertIssuer\nmetadata: {{{meta}}}\nspec: {{{spec}}}\n"
    )
}

fn opaque(namespace: &str, name: &str, data: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\nstringData: {{{data}}}\n"
    )
}

fn mine(domains: &str) -> String {
    cert("c", &format!("domains: [{domains}], httpsCertIssuer: mine"))
}

/// A route for every host.
fn route() -> String {
    http_route("r", "destinations: [{host: \"10.0.0.1:80\"}]")
}

#[test]
fn without_a_word_it_is_lets_encrypt_by_http01_and_opens_https() {
    for spec in [
        "domains: [a.com]",
        "domains: [a.com], httpsCertIssuer: default-http01-issuer",
    ] {
        let (model, report) = compiled(&format!("{}{}", cert("c", spec), route()));
        assert_eq!(codes(&report), []);
        assert_eq!(presented(&model), ["a.com httpscert:shop/c"]);
        let expected = AcmeIssuer::new("default-http01-issuer", AcmeMethod::Http01);
        assert_eq!(acme(&model), &expected);
        assert_eq!(ready(&report), (ConditionStatus::Unknown, "Issuing".to_owned()));
    }
}

#[test]
fn everything_that_an_issuer_says_reaches_the_model() {
    let manifests = [
        mine("a.com"),
        issuer(
            "shop",
            "tlsAlpn01: {email: a@b.c, server: 'https://ca/dir', rootSecretName: root, \
             externalAccount: {keyID: k, hmacKeySecretName: eab}}",
        ),
        opaque("shop", "root", "ca.crt: '-----BEGIN CERTIFICATE-----'"),
        opaque("shop", "eab", "hmacKey: 'aGk '"),
        route(),
    ];
    let (model, report) = compiled(&manifests.concat());
    assert_eq!(codes(&report), []);
    let expected = AcmeIssuer {
        name: "mine".into(),
        directory: "https://ca/dir".into(),
        email: Some("a@b.c".into()),
        external_account: Some(ExternalAccount {
            key_id: "k".into(),
            hmac_key: Hidden::new("aGk"),
        }),
        directory_roots: Some("-----BEGIN CERTIFICATE-----".into()),
        method: AcmeMethod::TlsAlpn01,
    };
    assert_eq!(acme(&model), &expected);
}

#[test]
fn the_account_of_a_wildcard_is_that_of_its_parent() {
    let account = "{username: u, password: p, fulldomain: f.d, subdomain: f}";
    let spec = format!("dns01: {{baseACMEDomain: d, configs: {{'*.A.com': {account}}}}}");
    let (model, report) = compiled(&[mine("'*.a.com'"), issuer("", &spec), route()].concat());
    assert_eq!(codes(&report), []);
    let AcmeMethod::Dns01AcmeDns(dns) = &acme(&model).method else {
        panic!("{:?}", acme(&model));
    };
    assert_eq!(&*dns.server, "d");
    assert_eq!(dns.accounts.keys().map(|d| &**d).collect::<Vec<_>>(), ["a.com"]);
}

#[test]
fn a_cluster_scoped_issuer_finds_its_token_where_kalm_kept_it() {
    let issuer = issuer("", "acmeCloudFlare: {apiTokenSecretName: token}");
    let token = |namespace: &str| opaque(namespace, "token", &format!("whatever: of-{namespace}"));
    for (secrets, expected) in [
        (
            [token("istio-system"), token("cert-manager")].concat(),
            "of-cert-manager",
        ),
        ([token("istio-system"), token("shop")].concat(), "of-istio-system"),
        (token("elsewhere"), "of-elsewhere"),
    ] {
        let (model, report) = compiled(&[mine("a.com"), issuer.clone(), secrets, route()].concat());
        assert_eq!(codes(&report), []);
        let AcmeMethod::Dns01Cloudflare(cloudflare) = &acme(&model).method else {
            panic!("{:?}", acme(&model));
        };
        assert_eq!(cloudflare.api_token.reveal(), expected);
    }
}

#[test]
fn a_missing_token_is_told_at_the_issuer_and_the_certificate_is_not_ready() {
    let issuer = issuer("shop", "acmeCloudFlare: {apiTokenSecretName: token}");
    let (model, report) = compiled(&[mine("a.com"), issuer.clone(), route()].concat());
    let missing = &only(&report, Code::SecretNotFound).origin;
    assert_eq!(
        (&*missing.kind, &*missing.field),
        ("HttpsCertIssuer", "spec.acmeCloudFlare.apiTokenSecretName")
    );
    assert_eq!(ready(&report), (ConditionStatus::False, "NotIssued".to_owned()));
    assert!(model.secrets.is_empty());

    let secret = opaque("shop", "token", "a: b, c: d");
    let (_, report) = compiled(&[mine("a.com"), issuer, secret, route()].concat());
    assert!(
        only(&report, Code::InvalidValue)
            .message
            .contains("api-token or apiToken")
    );
}

#[test]
fn an_authority_is_asked_for_names_only() {
    for domains in ["'*'", "10.0.0.1", "\"[::1]\""] {
        let (model, report) = compiled(&format!(
            "{}{}",
            cert("c", &format!("domains: [{domains}]")),
            route()
        ));
        assert_eq!(codes(&report), [Code::InvalidValue], "{domains}");
        assert!(model.secrets.is_empty());
    }
}

#[test]
fn a_domain_that_no_route_serves_is_told_and_ordered_all_the_same() {
    let route = |host: &str| {
        http_route(
            "r",
            &format!("hosts: [\"{host}\"], destinations: [{{host: \"10.0.0.1:80\"}}]"),
        )
    };
    for (domain, host, served) in [
        ("a.com", "a.com", true),
        ("x.a.com", "*.a.com", true),
        ("a.com", "b.com", false),
        ("a.com", "*.a.com", false),
    ] {
        let (model, report) = compiled(&[cert("c", &format!("domains: [{domain}]")), route(host)].concat());
        let expected: &[Code] = if served { &[] } else { &[Code::DomainNotServed] };
        assert_eq!(codes(&report), expected, "{domain} {host}");
        assert_eq!(presented(&model).len(), 1);
    }
}

#[test]
fn dns01_has_no_built_in_issuer_and_the_help_says_what_to_write() {
    let manifest = cert("c", "domains: [a.com], httpsCertIssuer: default-dns01-issuer");
    let (_, report) = compiled(&manifest);
    let help = &only(&report, Code::IssuerNotFound).help;
    assert!(
        help.contains("baseACMEDomain") && help.contains("acmeCloudFlare"),
        "{help}"
    );
}

#[test]
fn a_built_in_issuer_does_not_stand_in_for_one_that_cannot_be_read() {
    let broken = issuer("shop", "http01: {server: nonsense}").replace("mine", "default-http01-issuer");
    let manifests = [cert("c", "domains: [a.com]"), broken, route()].concat();
    let mut resources = seaway_api::Resources::default();
    resources.parse_into("test.yaml", &manifests);
    let (model, report) = compile(&resources, &Options::default());
    only(&report, Code::IssuerNotFound);
    assert!(model.secrets.is_empty());
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

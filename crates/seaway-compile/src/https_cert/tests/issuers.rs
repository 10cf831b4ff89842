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

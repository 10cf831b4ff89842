use std::sync::Arc;

use seaway_model::{KeyPair, Material, Model, Origin, PrivateKey, Secret, SecretName};

use super::*;

fn pair(host: &str) -> KeyPair {
    let made = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    KeyPair {
        certificate_chain: made.cert.pem().into(),
        private_key: PrivateKey::new(made.signing_key.serialize_pem()),
    }
}

fn name() -> SecretName {
    SecretName("shop/tls".into())
}

fn model(material: Option<Material>) -> Model {
    let secret = material.map(|material| {
        let secret = Secret {
            name: name(),
            origin: Origin::default(),
            material,
        };
        (name(), Arc::new(secret))
    });
    Model {
        secrets: secret.into_iter().collect(),
        ..Model::default()
    }
}

#[test]
fn an_unchanged_secret_is_not_parsed_again() {
    let certificates = Certificates::default();
    let pair = pair("a");
    certificates.add(&model(Some(Material::KeyPair(pair.clone()))));
    let first = certificates.config(&name()).unwrap();
    certificates.add(&model(Some(Material::KeyPair(pair))));
    assert!(Arc::ptr_eq(&first, &certificates.config(&name()).unwrap()));
}

#[test]
fn a_changed_secret_is_presented_anew() {
    let certificates = Certificates::default();
    certificates.add(&model(Some(Material::KeyPair(pair("a")))));
    let first = certificates.config(&name()).unwrap();
    certificates.add(&model(Some(Material::KeyPair(pair("a")))));
    assert!(!Arc::ptr_eq(&first, &certificates.config(&name()).unwrap()));
}

#[test]
fn a_secret_that_is_gone_is_kept_until_the_model_is_published() {
    let certificates = Certificates::default();
    certificates.add(&model(Some(Material::KeyPair(pair("a")))));
    let without = model(None);
    certificates.add(&without);
    assert!(certificates.config(&name()).is_some());
    certificates.keep_only(&without);
    assert!(certificates.config(&name()).is_none());
}

#[test]
fn a_key_of_another_certificate_is_an_error_and_presents_nothing() {
    let certificates = Certificates::default();
    let mixed = KeyPair {
        private_key: pair("b").private_key,
        ..pair("a")
    };
    let errors = certificates.add(&model(Some(Material::KeyPair(mixed))));
    assert!(matches!(errors.as_slice(), [(_, CertificateError::Unusable(_))]));
    assert!(certificates.config(&name()).is_none());
}

#[test]
fn text_that_is_not_pem_is_an_error() {
    let certificates = Certificates::default();
    let nonsense = KeyPair {
        certificate_chain: "nonsense".into(),
        private_key: PrivateKey::new("nonsense"),
    };
    let errors = certificates.add(&model(Some(Material::KeyPair(nonsense))));
    assert!(
        matches!(errors.as_slice(), [(_, CertificateError::Pem(_))]),
        "{errors:?}"
    );
}

#[test]
fn what_is_offered_is_what_the_document_says() {
    let certificates = Certificates::default();
    certificates.add(&model(Some(Material::KeyPair(pair("a")))));
    let config = certificates.config(&name()).unwrap();
    let provider = config.crypto_provider();
    let mut suites: Vec<String> = provider
        .cipher_suites
        .iter()
        .map(|suite| format!("{:?}", suite.suite()))
        .collect();
    suites.sort();
    assert_eq!(
        suites,
        [
            "TLS13_AES_128_GCM_SHA256",
            "TLS13_AES_256_GCM_SHA384",
            "TLS13_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        ]
    );
    let mut groups: Vec<String> = provider
        .kx_groups
        .iter()
        .map(|group| format!("{:?}", group.name()))
        .collect();
    groups.sort();
    assert_eq!(groups, ["X25519", "X25519MLKEM768", "secp256r1", "secp384r1"]);
    assert_eq!(
        config.max_early_data_size, 0,
        "a request in early data can be replayed"
    );
}

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

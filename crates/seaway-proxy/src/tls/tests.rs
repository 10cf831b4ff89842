use std::sync::Arc;

use rustls::server::ServerConfig;
use seaway_model::{
    Authorities, ClientValidation, HostMatch, KeyPair, L4Route, Listener, ListenerTls, Material, Model,
    Origin, Pem, Pins, PrivateKey, Protocol, Secret, SecretName, ServerCertificate, ServerNameRoute, TlsMode,
    TlsParameters, TlsVersion,
};

use super::profile::{Profile, Speaks};
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

fn certificate() -> ServerCertificate {
    ServerCertificate::new(HostMatch::Any, name())
}

fn model(material: Option<Material>) -> Model {
    let secrets = material.map(|material| (name(), material)).into_iter().collect();
    model_of(certificate(), secrets)
}

/// One listener with one certificate.
fn model_of(certificate: ServerCertificate, secrets: Vec<(SecretName, Material)>) -> Model {
    let listener = Listener {
        name: "https-443".into(),
        origin: Origin::default(),
        address: None,
        port: 443,
        protocol: Protocol::Https,
        proxy_protocol: false,
        tls: Some(ListenerTls {
            certificates: vec![certificate],
            routes: Vec::new(),
        }),
        virtual_hosts: Vec::new(),
        l4: None,
    };
    let secrets = secrets.into_iter().map(|(name, material)| {
        let secret = Secret {
            name: name.clone(),
            origin: Origin::default(),
            material,
        };
        (name, Arc::new(secret))
    });
    Model {
        listeners: vec![Arc::new(listener)],
        secrets: secrets.collect(),
        ..Model::default()
    }
}

fn get(certificates: &Certificates) -> Option<Arc<ServerConfig>> {
    get_of(certificates, &certificate())
}

fn get_of(certificates: &Certificates, certificate: &ServerCertificate) -> Option<Arc<ServerConfig>> {
    let accepting = certificates.get(&Profile::new(certificate, Speaks::Http))?;
    Some(accepting.config)
}

#[test]
fn an_unchanged_secret_is_not_parsed_again() {
    let certificates = Certificates::default();
    let pair = pair("a");
    certificates.add(&model(Some(Material::KeyPair(pair.clone()))));
    let first = get(&certificates).unwrap();
    certificates.add(&model(Some(Material::KeyPair(pair))));
    assert!(Arc::ptr_eq(&first, &get(&certificates).unwrap()));
}

#[test]
fn a_changed_secret_is_presented_anew() {
    let certificates = Certificates::default();
    certificates.add(&model(Some(Material::KeyPair(pair("a")))));
    let first = get(&certificates).unwrap();
    certificates.add(&model(Some(Material::KeyPair(pair("a")))));
    assert!(!Arc::ptr_eq(&first, &get(&certificates).unwrap()));
}

#[test]
fn what_is_not_used_any_more_is_kept_until_the_model_is_published() {
    let certificates = Certificates::default();
    certificates.add(&model(Some(Material::KeyPair(pair("a")))));
    let without = Model::default();
    certificates.add(&without);
    assert!(get(&certificates).is_some());
    certificates.keep_only(&without);
    assert!(get(&certificates).is_none());
}

#[test]
fn a_key_of_another_certificate_is_an_error_and_presents_nothing() {
    let certificates = Certificates::default();
    let mixed = KeyPair {
        private_key: pair("b").private_key,
        ..pair("a")
    };
    let errors = certificates.add(&model(Some(Material::KeyPair(mixed))));
    assert!(matches!(
        errors.as_slice(),
        [Unusable {
            error: CertificateError::Unusable(_),
            is_fatal: true,
            ..
        }]
    ));
    assert!(get(&certificates).is_none());
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
        matches!(
            errors.as_slice(),
            [Unusable {
                error: CertificateError::Pem(_),
                ..
            }]
        ),
        "{errors:?}"
    );
}

#[test]
fn what_is_offered_is_what_the_document_says() {
    let certificates = Certificates::default();
    certificates.add(&model(Some(Material::KeyPair(pair("a")))));
    let config = get(&certificates).unwrap();
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

fn with(parameters: TlsParameters) -> ServerCertificate {
    ServerCertificate {
        parameters,
        ..certificate()
    }
}

fn asking(required: bool) -> TlsParameters {
    TlsParameters {
        client: Some(ClientValidation {
            authorities: SecretName("shop/ca".into()),
            required,
            subject_alt_names: Vec::new(),
            pins: Pins::default(),
        }),
        ..TlsParameters::default()
    }
}

fn authorities() -> (SecretName, Material) {
    (
        SecretName("shop/ca".into()),
        Material::Authorities(Pem::Text(pair("ca").certificate_chain).into()),
    )
}

#[test]
fn only_the_suites_that_are_asked_for_are_offered() {
    let certificates = Certificates::default();
    let certificate = with(TlsParameters {
        cipher_suites: vec!["ECDHE-ECDSA-AES128-GCM-SHA256".into(), "AES128-SHA".into()],
        ..TlsParameters::default()
    });
    let model = model_of(certificate.clone(), vec![(name(), Material::KeyPair(pair("a")))]);
    assert_eq!(certificates.add(&model), []);
    let config = get_of(&certificates, &certificate).unwrap();
    let suites = &config.crypto_provider().cipher_suites;
    let old: Vec<String> = suites
        .iter()
        .filter(|suite| suite.tls13().is_none())
        .map(|suite| format!("{:?}", suite.suite()))
        .collect();
    assert_eq!(old, ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]);
    assert_eq!(suites.len(), 4, "those of TLS 1.3 are left alone");
}

#[test]
fn parameters_that_leave_nothing_to_speak_are_an_error() {
    let certificates = Certificates::default();
    for parameters in [
        TlsParameters {
            maximum: Some(TlsVersion::V1_2),
            cipher_suites: vec!["AES128-SHA".into()],
            ..TlsParameters::default()
        },
        TlsParameters {
            minimum: Some(TlsVersion::V1_3),
            maximum: Some(TlsVersion::V1_2),
            ..TlsParameters::default()
        },
    ] {
        let certificate = with(parameters);
        let model = model_of(certificate.clone(), vec![(name(), Material::KeyPair(pair("a")))]);
        let errors = certificates.add(&model);
        assert!(
            matches!(
                errors.as_slice(),
                [Unusable {
                    error: CertificateError::Parameters(_),
                    ..
                }]
            ),
            "{errors:?}"
        );
        assert!(get_of(&certificates, &certificate).is_none());
    }
}

/// Sound authorities, with a list of what they have revoked.
fn with_list(list: Pem) -> Material {
    let (_, sound) = authorities();
    let Material::Authorities(sound) = sound else {
        panic!("{sound:?}");
    };
    Material::Authorities(Authorities {
        revoked: Some(list),
        ..sound
    })
}

#[test]
fn without_authorities_a_host_that_asks_for_a_client_certificate_is_not_served() {
    let certificates = Certificates::default();
    let certificate = with(asking(false));
    let pair = (name(), Material::KeyPair(pair("a")));
    let (ca, _) = authorities();
    let unread = Material::Authorities(Pem::File("/etc/ca.pem".into()).into());
    let nonsense = Material::Authorities(Pem::from("nonsense").into());
    for secrets in [
        vec![pair.clone()],
        vec![pair.clone(), (ca.clone(), unread)],
        vec![pair.clone(), (ca.clone(), nonsense)],
        vec![
            pair.clone(),
            (ca.clone(), with_list(Pem::File("/etc/ca.crl".into()))),
        ],
        vec![pair.clone(), (ca.clone(), with_list("nonsense".into()))],
    ] {
        let errors = certificates.add(&model_of(certificate.clone(), secrets));
        assert!(
            matches!(
                errors.as_slice(),
                [Unusable {
                    error: CertificateError::Authorities(_),
                    is_fatal: true,
                    ..
                }]
            ),
            "{errors:?}"
        );
        assert_eq!(errors[0].secret, ca);
        assert!(get_of(&certificates, &certificate).is_none());
    }
    assert_eq!(
        certificates.add(&model_of(certificate.clone(), vec![pair, authorities()])),
        []
    );
    assert!(get_of(&certificates, &certificate).is_some());
}

#[test]
fn sessions_of_hosts_that_ask_for_more_are_their_own() {
    let certificates = Certificates::default();
    let secrets = vec![(name(), Material::KeyPair(pair("a"))), authorities()];
    let ticketer = |certificate: ServerCertificate| {
        certificates.add(&model_of(certificate.clone(), secrets.clone()));
        Arc::clone(&get_of(&certificates, &certificate).unwrap().ticketer)
    };
    let plain = ticketer(certificate());
    let sealed = plain.encrypt(b"session").unwrap();
    assert!(plain.decrypt(&sealed).is_some());
    for parameters in [asking(true), asking(false)] {
        assert!(ticketer(with(parameters)).decrypt(&sealed).is_none());
    }
}

#[test]
fn other_authorities_make_sessions_worthless_and_anything_else_does_not() {
    let certificates = Certificates::default();
    let certificate = with(asking(true));
    let pair = (name(), Material::KeyPair(pair("a")));
    let first = vec![pair.clone(), authorities()];
    let add = |secrets: &[_]| {
        certificates.add(&model_of(certificate.clone(), secrets.to_vec()));
        get_of(&certificates, &certificate).unwrap()
    };
    let before = add(&first);
    assert!(Arc::ptr_eq(&before, &add(&first)));
    let sealed = before.ticketer.encrypt(b"session").unwrap();
    let after = add(&[pair, authorities()]);
    assert!(after.ticketer.decrypt(&sealed).is_none());
}

#[test]
fn of_two_certificates_one_that_cannot_be_used_is_done_without() {
    let certificates = Certificates::default();
    let second = SecretName("shop/rsa".into());
    let certificate = ServerCertificate {
        alternative: Some(second.clone()),
        ..certificate()
    };
    let good = Material::KeyPair(pair("a"));
    let bad = Material::KeyPair(KeyPair {
        certificate_chain: "nonsense".into(),
        private_key: PrivateKey::new("nonsense"),
    });
    for (secrets, broken) in [
        (
            vec![(name(), good.clone()), (second.clone(), bad.clone())],
            &second,
        ),
        (vec![(name(), bad), (second.clone(), good)], &name()),
    ] {
        let errors = certificates.add(&model_of(certificate.clone(), secrets));
        assert!(
            matches!(errors.as_slice(), [one] if one.secret == *broken && !one.is_fatal),
            "{errors:?}"
        );
        assert!(get_of(&certificates, &certificate).is_some());
    }
}

#[test]
fn what_is_relayed_may_speak_anything() {
    let certificates = Certificates::default();
    let certificate = certificate();
    let mut model = model_of(certificate.clone(), vec![(name(), Material::KeyPair(pair("a")))]);
    let route = L4Route {
        origin: Origin::default(),
        rule: 0,
        destinations: Vec::new(),
        idle_timeout: None,
        hash_source_ip: false,
    };
    let listener = Arc::make_mut(&mut model.listeners[0]);
    listener.tls.as_mut().unwrap().routes.push(ServerNameRoute {
        host: HostMatch::Any,
        mode: TlsMode::Terminate,
        route: Arc::new(route),
    });
    certificates.add(&model);
    let profile = Profile::new(&certificate, Speaks::Anything);
    assert!(
        certificates
            .get(&profile)
            .unwrap()
            .config
            .alpn_protocols
            .is_empty()
    );
    assert!(
        get_of(&certificates, &certificate).is_none(),
        "HTTP is not served there"
    );
}

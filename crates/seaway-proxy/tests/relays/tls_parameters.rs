//! Versions, suites and a second certificate, each for its own name.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConfig, ProtocolVersion, SupportedCipherSuite};
use seaway_model::*;

use super::support::*;

fn with(host: &str, parameters: TlsParameters) -> ServerCertificate {
    ServerCertificate {
        parameters,
        ..certificate(host)
    }
}

fn client(
    trusted: &[&Made],
    version: &'static rustls::SupportedProtocolVersion,
    suites: impl Fn(&SupportedCipherSuite) -> bool,
) -> Arc<ClientConfig> {
    let mut provider = CryptoProvider::clone(&provider());
    provider.cipher_suites.retain(suites);
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots(trusted))
        .with_no_client_auth();
    Arc::new(config)
}

fn is_called(suite: &SupportedCipherSuite, part: &str) -> bool {
    format!("{:?}", suite.suite()).contains(part)
}

#[tokio::test]
async fn a_name_has_versions_of_its_own() {
    let (new, old, any) = (made("new.example"), made("old.example"), made("any.example"));
    let gate = Gate::new();
    let certificates = vec![
        with(
            "new.example",
            TlsParameters {
                minimum: Some(TlsVersion::V1_3),
                ..TlsParameters::default()
            },
        ),
        with(
            "old.example",
            TlsParameters {
                maximum: Some(TlsVersion::V1_2),
                ..TlsParameters::default()
            },
        ),
        certificate("any.example"),
    ];
    let secrets = [&new, &old, &any].map(|made| made.secret.clone()).to_vec();
    gate.serve(vec![https(certificates, Vec::new())], Vec::new(), secrets);
    let all = [&new, &old, &any];
    let (speaks_12, speaks_13) = (client(&all, &TLS12, |_| true), client(&all, &TLS13, |_| true));
    for (name, with_12, with_13) in [
        ("new.example", false, true),
        ("old.example", true, false),
        ("any.example", true, true),
    ] {
        for (config, works) in [(&speaks_12, with_12), (&speaks_13, with_13)] {
            match shake(&gate, config, name).await {
                Ok(_) => assert!(works, "{name}"),
                Err(error) => {
                    assert!(!works, "{name}: {error}");
                    assert_eq!(alert(&error), AlertDescription::ProtocolVersion);
                }
            }
        }
    }
}

#[tokio::test]
async fn only_the_named_suites_are_spoken_and_those_of_1_3_are_left_alone() {
    let a = made("a.example");
    let gate = Gate::new();
    let parameters = TlsParameters {
        cipher_suites: vec!["ECDHE-ECDSA-AES256-GCM-SHA384".into()],
        ..TlsParameters::default()
    };
    let listener = https(vec![with("a.example", parameters)], Vec::new());
    gate.serve(vec![listener], Vec::new(), vec![a.secret.clone()]);
    let only = |part: &'static str| client(&[&a], &TLS12, move |suite| is_called(suite, part));
    let good = shake(&gate, &only("ECDSA_WITH_AES_256"), "a.example")
        .await
        .unwrap();
    assert_eq!(
        good.get_ref().1.protocol_version(),
        Some(ProtocolVersion::TLSv1_2)
    );
    let error = shake(&gate, &only("ECDSA_WITH_AES_128"), "a.example")
        .await
        .unwrap_err();
    assert_eq!(alert(&error), AlertDescription::HandshakeFailure);
    let modern = client(&[&a], &TLS13, |suite| is_called(suite, "TLS13_AES_128"));
    assert!(shake(&gate, &modern, "a.example").await.is_ok());
}

#[tokio::test]
async fn a_client_gets_the_certificate_that_it_can_use() {
    let ecdsa = made("a.example");
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let params = rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap();
    let rsa = of("rsa", &params.self_signed(&key).unwrap(), &key);
    let gate = Gate::new();
    let both = ServerCertificate {
        alternative: Some(rsa.secret.name.clone()),
        ..certificate("a.example")
    };
    let secrets = vec![ecdsa.secret.clone(), rsa.secret.clone()];
    gate.serve(vec![https(vec![both], Vec::new())], Vec::new(), secrets);
    let all = [&ecdsa, &rsa];
    for (config, expected) in [
        (client(&all, &TLS13, |_| true), &ecdsa),
        (client(&all, &TLS12, |_| true), &ecdsa),
        (client(&all, &TLS12, |suite| is_called(suite, "_RSA_")), &rsa),
    ] {
        let client = shake(&gate, &config, "a.example").await.unwrap();
        assert_eq!(client.get_ref().1.peer_certificates().unwrap()[0], expected.der);
    }
}

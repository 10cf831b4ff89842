use rustls::server::{NoServerSessionStorage, ServerConfig, WebPkiClientVerifier};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::*;

struct Made {
    der: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

fn made(host: &str) -> Made {
    let made = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    Made {
        der: made.cert.der().clone(),
        key: PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap(),
    }
}

fn roots(made: &Made) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(made.der.clone()).unwrap();
    roots
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Believes those who sign themselves with this certificate.
fn verifier(made: &Made, required: bool) -> Arc<dyn ClientCertVerifier> {
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(made)), provider());
    match required {
        true => builder.build().unwrap(),
        false => builder.allow_unauthenticated().build().unwrap(),
    }
}

/// A handshake in memory, tickets included.
fn shake(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>) -> ServerConnection {
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), "a.example".try_into().unwrap()).unwrap();
    for _ in 0..5 {
        let mut flight = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut flight).unwrap();
        }
        feed(&mut server, &flight);
        server.process_new_packets().unwrap();
        flight.clear();
        while server.wants_write() {
            server.write_tls(&mut flight).unwrap();
        }
        let mut unread = flight.as_slice();
        while !unread.is_empty() {
            client.read_tls(&mut unread).unwrap();
            client.process_new_packets().unwrap();
        }
    }
    assert!(!server.is_handshaking());
    server
}

fn server(site: &Made, verifier: Arc<dyn ClientCertVerifier>) -> Arc<ServerConfig> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![site.der.clone()], site.key.clone_key())
        .unwrap();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().unwrap();
    Arc::new(config)
}

fn client(site: &Made, proof: Option<&Made>) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(site));
    Arc::new(match proof {
        Some(proof) => builder
            .with_client_auth_cert(vec![proof.der.clone()], proof.key.clone_key())
            .unwrap(),
        None => builder.with_no_client_auth(),
    })
}

#[test]
fn a_resumed_session_whose_certificate_is_not_good_any_more_is_refused() {
    let (site, good, other) = (made("a.example"), made("good"), made("other"));
    let asked = verifier(&good, true);
    let server = server(&site, Arc::clone(&asked));
    let client = client(&site, Some(&good));
    shake(&server, &client);
    let resumed = shake(&server, &client);
    assert_eq!(resumed.handshake_kind(), Some(HandshakeKind::Resumed));
    let proof = proven(&resumed, &*asked, true).unwrap().unwrap();
    assert_eq!(proof.dns_names, ["good"]);
    // As if the authorities had changed, or time had passed.
    let refused = proven(&resumed, &*verifier(&other, true), true);
    assert!(matches!(refused, Err(HandshakeError::Unproven)));
}

#[test]
fn a_session_without_a_certificate_is_good_only_where_none_is_required() {
    let (site, good) = (made("a.example"), made("good"));
    let server = server(&site, verifier(&good, false));
    let client = client(&site, None);
    shake(&server, &client);
    let resumed = shake(&server, &client);
    assert_eq!(resumed.handshake_kind(), Some(HandshakeKind::Resumed));
    assert!(
        proven(&resumed, &*verifier(&good, false), true)
            .unwrap()
            .is_none()
    );
    let refused = proven(&resumed, &*verifier(&good, true), true);
    assert!(matches!(refused, Err(HandshakeError::Unproven)));
}

//! Handshakes of authorities (RFC 8737).

use std::sync::Arc;

use rustls::AlertDescription;
use seaway_model::{KeyPair, Material};
use seaway_proxy::Options;
use seaway_proxy::challenges::AcmeChallenges;

use super::support::*;
use super::tls::{Made, TlsClient, alert, made, serve, trusting};

/// A proof for one name.
#[derive(Debug)]
struct Pending(Arc<KeyPair>);

impl AcmeChallenges for Pending {
    fn http01(&self, _: &str) -> Option<Arc<str>> {
        None
    }

    fn tls_alpn01(&self, server_name: &str) -> Option<Arc<KeyPair>> {
        (server_name == "a.example").then(|| Arc::clone(&self.0))
    }
}

/// A gateway with a certificate for `a.example` and for `b.example`, and a proof for the first.
fn gate(proof: &Made, site: &[&Made]) -> Gate {
    let Material::KeyPair(pair) = &proof.secret.material else {
        panic!("a pair")
    };
    let gate = Gate::empty(Options {
        challenges: Some(Arc::new(Pending(Arc::new(pair.clone())))),
        ..options()
    });
    serve(&gate, site);
    gate
}

#[test]
fn a_pending_name_gets_its_proof_and_the_connection_is_closed() {
    let (proof, site) = (made("a.example"), made("a.example"));
    let gate = gate(&proof, &[&site]);
    let config = trusting(&[&proof], &["acme-tls/1"]);
    let mut client = TlsClient::connect(&gate, &config, "a.example").unwrap();
    assert_eq!(client.presented(), &proof.der);
    assert_eq!(client.protocol(), Some(&b"acme-tls/1"[..]));
    assert_eq!(client.rest(), "");
    eventually(|| gate.proxy.stats().handshakes == 1);
}

#[test]
fn a_name_that_is_not_pending_is_refused() {
    let (proof, site) = (made("a.example"), made("b.example"));
    let gate = gate(&proof, &[&site]);
    let config = trusting(&[&proof, &site], &["acme-tls/1"]);
    let result = TlsClient::connect(&gate, &config, "b.example");
    assert_eq!(alert(result), AlertDescription::NoApplicationProtocol);
}

#[test]
fn whoever_offers_more_than_the_challenge_gets_the_site() {
    let (proof, site) = (made("a.example"), made("a.example"));
    let gate = gate(&proof, &[&site]);
    let config = trusting(&[&site], &["acme-tls/1", "http/1.1"]);
    let mut client = TlsClient::connect(&gate, &config, "a.example").unwrap();
    assert_eq!(client.presented(), &site.der);
    assert_eq!(client.ask("/x"), "https-443 GET /x 0");
}

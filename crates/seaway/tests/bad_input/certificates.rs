//! Secrets and certificates that cannot be used: plain HTTP and other certificates serve.

use seaway_testkit::certs::{Ca, Leaf};
use seaway_testkit::client::ClientTls;

use crate::support::manifests::{self, documents, https_cert, route};
use crate::{HOST, Street};

const OTHER: &str = "other.example.com";

/// A host with a good certificate beside one with whatever is given. Says who is to be trusted.
async fn beside(secret: impl FnOnce(&Ca) -> Option<String>) -> (Street, ClientTls, Ca) {
    let ca = Ca::new("test");
    let secret = secret(&ca);
    let street = Street::with(|one| {
        let mut parts = vec![
            route(HOST, one.addr()),
            https_cert(HOST, "cert"),
            route(OTHER, one.addr()),
            https_cert(OTHER, "good"),
            ca.leaf(&[OTHER]).secret("test", "good"),
        ];
        parts.extend(secret);
        documents(&parts)
    })
    .await;
    let tls = ClientTls::trusting(&ca.pem()).expect("PEM");
    (street, tls, ca)
}

/// Only that certificate is refused; a good one, once it is there, serves without a restart.
async fn refused_alone(code: &str, secret: impl FnOnce(&Ca) -> Option<String>) {
    let (street, tls, ca) = beside(secret).await;
    street.reported(code, "./shop.yaml:").await;
    street
        .gateway
        .get_https(HOST, "/", &tls)
        .await
        .expect_err("the handshake is refused");
    assert_eq!(street.gateway.who(HOST).await, "one", "plain HTTP");
    let other = street
        .gateway
        .get_https(OTHER, "/", &tls)
        .await
        .expect("the other certificate");
    assert_eq!(other.status, 200);
    let good = [
        route(HOST, street.one.addr()),
        https_cert(HOST, "cert"),
        ca.leaf(&[HOST]).secret("test", "cert"),
    ];
    street.folder.replace("shop.yaml", &documents(&good));
    street
        .gateway
        .until("the good certificate serves", async || {
            street.gateway.get_https(HOST, "/", &tls).await.is_ok()
        })
        .await;
    street
        .gateway
        .metric("seaway_config_last_reload_success", 1.0)
        .await;
}

#[tokio::test]
async fn a_secret_that_is_not_there_refuses_handshakes_for_its_hosts_alone() {
    refused_alone("SW0301", |_| None).await;
}

#[tokio::test]
async fn a_secret_that_is_not_a_key_pair_refuses_handshakes_for_its_hosts_alone() {
    refused_alone("SW0302", |_| {
        Some(
            "apiVersion: v1\nkind: Secret\nmetadata: {name: cert, namespace: test}\n\
             stringData: {tls.crt: nonsense, tls.key: nonsense}\n"
                .to_owned(),
        )
    })
    .await;
}

#[tokio::test]
async fn a_key_of_another_certificate_refuses_handshakes_for_its_hosts_alone() {
    refused_alone("SW0303", |ca| {
        let mixed = Leaf {
            certificate: ca.leaf(&[HOST]).certificate,
            key: ca.leaf(&[HOST]).key,
        };
        Some(mixed.secret("test", "cert"))
    })
    .await;
}

#[tokio::test]
async fn a_certificate_that_served_goes_on_when_its_file_breaks() {
    let (street, tls, _) = beside(|ca| Some(ca.leaf(&[HOST]).secret("test", "cert"))).await;
    street
        .gateway
        .get_https(HOST, "/", &tls)
        .await
        .expect("a handshake");
    let text = std::fs::read_to_string(street.folder.file("shop.yaml")).expect("the file");
    street
        .folder
        .replace("shop.yaml", &text.replace("stringData:", "stringData: ["));
    street.reported("SW0001", "./shop.yaml:").await;
    street
        .gateway
        .get_https(HOST, "/", &tls)
        .await
        .expect("the last good state");
}

#[tokio::test]
async fn an_expired_certificate_serves_with_a_warning() {
    let (street, _, _) = beside(|ca| Some(ca.expired_leaf(&[HOST]).secret("test", "cert"))).await;
    street.reported("SW0305", "./shop.yaml:").await;
    let blind = ClientTls::blind();
    assert_eq!(
        street
            .gateway
            .get_https(HOST, "/", &blind)
            .await
            .expect("a handshake")
            .status,
        200
    );
}

#[tokio::test]
async fn an_issuer_that_is_not_there_is_said_and_plain_http_serves() {
    let street = Street::with(|one| {
        let cert = manifests::test_cert(HOST);
        let cert = cert.split("---\n").nth(1).expect("the HttpsCert").to_owned();
        route(HOST, one.addr()) + "---\n" + &cert
    })
    .await;
    street.reported("SW0306", "./shop.yaml:").await;
    assert_eq!(street.gateway.who(HOST).await, "one");
}

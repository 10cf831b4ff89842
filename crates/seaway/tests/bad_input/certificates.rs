//! Secrets and certificates that cannot be used: plain HTTP and other certificates serve.

use seaway_testkit::certs::{Ca, Leaf};
use seaway_testkit::client::ClientTls;

use crate::support::files::Folder;
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

#[tokio::test]
async fn files_that_a_destination_rule_names_are_told_until_they_are_there() {
    let files = Folder::new();
    let path = |name: &str| files.file(name).to_string_lossy().into_owned();
    let street = Street::with(|one| {
        let rule = format!(
            "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: shop, namespace: test}}\nspec:\n  \
             host: shop.test.svc.cluster.local\n  trafficPolicy:\n    tls:\n      mode: MUTUAL\n      \
             clientCertificate: \"{}\"\n      privateKey: \"{}\"\n      caCertificates: \"{}\"\n",
            path("tls.crt"),
            path("tls.key"),
            path("ca.crt"),
        );
        let route = manifests::route_to(HOST, "shop:8080");
        documents(&[route, manifests::service("shop", one.addr()), rule])
    })
    .await;
    let finding = street.reported("SW0313", "./shop.yaml:").await;
    assert!(
        finding["message"]
            .as_str()
            .is_some_and(|text| text.contains("cannot be read"))
    );
    assert_eq!(street.gateway.findings("SW0313").await.len(), 2);
    let ca = Ca::new("test");
    let leaf = ca.leaf(&["gateway.example.com"]);
    files.write("ca.crt", &ca.pem());
    files.write("tls.crt", &leaf.certificate);
    files.write("tls.key", "not yet a key");
    // Seen by itself.
    street
        .gateway
        .until("one of them is found", async || {
            let found = street.gateway.findings("SW0313").await;
            found.len() == 1
                && found[0]["message"]
                    .as_str()
                    .is_some_and(|text| text.contains("tls.key"))
        })
        .await;
    files.write("tls.key", &leaf.key);
    street.gateway.process.signal(rustix::process::Signal::HUP);
    street
        .gateway
        .until("both are found", async || {
            street.gateway.findings("SW0313").await.is_empty()
        })
        .await;
    let certs = street.gateway.admin_json("/certs").await;
    let listed = certs["certs"].as_array().into_iter().flatten();
    let ours: Vec<_> = listed
        .filter(|cert| cert["domains"][0] == "gateway.example.com")
        .collect();
    assert_eq!(ours.len(), 1, "{certs}");
    assert_eq!(ours[0]["issuer"], format!("file {}", path("tls.crt")));
    let said = street.gateway.process.err.all().join("\n");
    let key = leaf.key.lines().nth(1).expect("a line");
    assert!(!said.contains(key) && !said.contains("not yet a key"));
}

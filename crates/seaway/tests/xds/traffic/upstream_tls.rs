//! TLS to upstreams.

use seaway_model::{Cluster, Trust, UpstreamTls};
use seaway_testkit::certs::Ca;
use seaway_testkit::tls_front::TlsFront;

use super::*;
use crate::backend;

const SHOP: &str = "shop.example.com";

fn tls(server_name: Option<&str>, authority: &str) -> UpstreamTls {
    UpstreamTls {
        server_name: server_name.map(Into::into),
        subject_alt_names: Vec::new(),
        trust: Trust::Secret(name(authority)),
        client_certificate: None,
    }
}

fn over(tls: UpstreamTls, cluster: Cluster) -> Cluster {
    Cluster {
        tls: Some(tls),
        ..cluster
    }
}

#[tokio::test]
async fn an_upstream_is_reached_over_tls_by_its_name_and_nobody_else_in_its_place() {
    let (ca, stranger, shop) = (Ca::new("ours"), Ca::new("another"), backend("shop"));
    let front = TlsFront::start(&ca.leaf(&[SHOP]), None, shop.addr())
        .await
        .expect("a port");
    let to = [front.addr()];
    let model = model(
        vec![http(&[
            ("good.test", "good"),
            ("misnamed.test", "misnamed"),
            ("stranger.test", "stranger"),
        ])],
        vec![
            over(tls(Some(SHOP), "ours"), cluster("good", &to)),
            over(tls(Some("other.example.com"), "ours"), cluster("misnamed", &to)),
            over(tls(Some(SHOP), "another"), cluster("stranger", &to)),
        ],
        vec![authority("ours", &ca), authority("another", &stranger)],
    );
    for engine in engines(&model).await {
        assert_eq!(who(&engine.get("good.test").await), "shop", "{}", engine.name);
        let asked = front.server_names().pop().flatten();
        assert_eq!(asked.as_deref(), Some(SHOP), "{}", engine.name);
        for host in ["misnamed.test", "stranger.test"] {
            assert_eq!(who(&engine.get(host).await), "503", "{} {host}", engine.name);
        }
    }
    assert_eq!(shop.count(), 2);
}

#[tokio::test]
async fn without_a_name_of_its_own_an_upstream_is_asked_for_the_host_of_the_request() {
    let (ca, shop) = (Ca::new("ours"), backend("shop"));
    let front = TlsFront::start(&ca.leaf(&[SHOP]), None, shop.addr())
        .await
        .expect("a port");
    let model = model(
        vec![http(&[(SHOP, "shop"), ("other.example.com", "shop")])],
        vec![over(tls(None, "ours"), cluster("shop", &[front.addr()]))],
        vec![authority("ours", &ca)],
    );
    for engine in engines(&model).await {
        assert_eq!(who(&engine.get(SHOP).await), "shop", "{}", engine.name);
        let asked = front.server_names().pop().flatten();
        assert_eq!(asked.as_deref(), Some(SHOP), "{}", engine.name);
        assert_eq!(
            who(&engine.get("other.example.com").await),
            "503",
            "{}",
            engine.name
        );
    }
}

#[tokio::test]
async fn an_upstream_that_asks_who_comes_is_shown_a_certificate() {
    let (ca, clients, shop) = (Ca::new("ours"), Ca::new("clients"), backend("shop"));
    let front = TlsFront::start(&ca.leaf(&[SHOP]), Some(&clients), shop.addr())
        .await
        .expect("a port");
    let mutual = UpstreamTls {
        client_certificate: Some(name("gateway")),
        ..tls(Some(SHOP), "ours")
    };
    let model = model(
        vec![http(&[("known.test", "known"), ("unknown.test", "unknown")])],
        vec![
            over(mutual, cluster("known", &[front.addr()])),
            over(tls(Some(SHOP), "ours"), cluster("unknown", &[front.addr()])),
        ],
        vec![
            authority("ours", &ca),
            key_pair("gateway", &clients.leaf(&["gateway.test"])),
        ],
    );
    for engine in engines(&model).await {
        assert_eq!(who(&engine.get("known.test").await), "shop", "{}", engine.name);
        assert_eq!(who(&engine.get("unknown.test").await), "503", "{}", engine.name);
    }
}

#[tokio::test]
async fn an_upstream_whose_certificate_was_revoked_gets_nothing_whatever_names_are_asked_for() {
    let ca = Ca::new("ours");
    let (good, revoked) = (ca.leaf(&[SHOP]), ca.leaf(&[SHOP]));
    let shop = backend("shop");
    let started = |leaf| TlsFront::start(leaf, None, shop.addr());
    let sound = started(&good).await.expect("a port");
    let bad = started(&revoked).await.expect("a port");
    let by_names = || UpstreamTls {
        subject_alt_names: vec![SHOP.into()],
        ..tls(Some("other.example.com"), "ours")
    };
    let model = model(
        vec![http(&[
            ("good.test", "good"),
            ("good-by-names.test", "good-by-names"),
            ("revoked.test", "revoked"),
            ("revoked-by-names.test", "revoked-by-names"),
        ])],
        vec![
            over(tls(Some(SHOP), "ours"), cluster("good", &[sound.addr()])),
            over(by_names(), cluster("good-by-names", &[sound.addr()])),
            over(tls(Some(SHOP), "ours"), cluster("revoked", &[bad.addr()])),
            over(by_names(), cluster("revoked-by-names", &[bad.addr()])),
        ],
        vec![revoking("ours", &ca, &[&revoked])],
    );
    for engine in engines(&model).await {
        for (host, expected) in [
            ("good.test", "shop"),
            ("good-by-names.test", "shop"),
            ("revoked.test", "503"),
            ("revoked-by-names.test", "503"),
        ] {
            assert_eq!(who(&engine.get(host).await), expected, "{} {host}", engine.name);
        }
    }
}

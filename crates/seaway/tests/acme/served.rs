//! The first certificate, by each proof that the gateway itself gives.

use seaway_testkit::acme::PebbleOptions;

use crate::support::command::seaway_in;
use crate::support::manifests;
use crate::world::World;
use crate::{HOST, support};

#[tokio::test]
async fn a_host_gets_https_while_its_route_redirects_and_fails_on_purpose() {
    let hostile = "httpRedirectToHttps: true\nfault: {percentage: 100, errorStatus: 503}";
    let world = World::start(hostile, &["--access-log", "json"], PebbleOptions::default()).await;
    world.want("http01", HOST);
    world.served().await;
    let line = world.gateway.process.out_line("acme_challenge").await;
    assert!(
        line.contains("/.well-known/acme-challenge/") && line.contains("200"),
        "{line}"
    );
    let plain = manifests::route(HOST, world.backend.addr());
    world.folder.replace("route.yaml", &plain);
    let tls = world.issued();
    world
        .gateway
        .until("the backend answers over HTTPS", async || {
            let answer = world.gateway.get_https(HOST, "/", &tls).await;
            answer.is_ok_and(|answer| answer.header("x-echo-backend") == Some("one"))
        })
        .await;
}

#[tokio::test]
async fn a_certificate_comes_by_handshakes_alone() {
    let world = World::start("", &[], PebbleOptions::default()).await;
    world.want("tlsAlpn01", HOST);
    world.served().await;
}

#[tokio::test]
async fn operators_see_the_certificate_in_certs_and_in_metrics() {
    let world = World::start("", &[], PebbleOptions::default()).await;
    world.want("http01", HOST);
    world.served().await;
    let cert = world.told("it is valid", |cert| cert["state"] == "valid").await;
    assert_eq!(
        (&cert["domains"][0], &cert["issuer"]),
        (&HOST.into(), &"pebble".into())
    );
    let expires = cert["expires"].as_str().expect("a time");
    let done = seaway_in(world.folder.path(), &["certs", "--admin", &world.admin()]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(
        [HOST, "pebble", "valid", expires]
            .iter()
            .all(|part| done.out.contains(part)),
        "{done:?}"
    );
    let json = seaway_in(
        world.folder.path(),
        &["certs", "--admin", &world.admin(), "-o", "json"],
    )
    .json();
    assert_eq!(json["certs"][0]["state"], "valid");
    world.gateway.metric("seaway_certificate_orders_total", 1.0).await;
    world
        .gateway
        .metric("seaway_certificate_renewals_total", 0.0)
        .await;
    for host in [HOST, "local.example.com"] {
        let series = format!("seaway_certificate_expiry_timestamp_seconds{{domain=\"{host}\"}}");
        let at = world.gateway.sample(&series).await;
        assert!(at.is_some_and(|at| at > 1.7e9), "{host}: {at:?}");
    }
}

#[test]
fn certs_without_a_gateway_says_how_to_name_one() {
    let folder = support::files::Folder::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = closed.local_addr().expect("its address").to_string();
    drop(closed);
    let done = seaway_in(folder.path(), &["certs", "--admin", &address]);
    assert_eq!(done.code, Some(2), "{done:?}");
    assert!(
        done.err.contains("--admin") && done.err.contains(&address),
        "{done:?}"
    );
}

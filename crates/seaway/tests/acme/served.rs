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
    let world = World::new().await;
    world.want("tlsAlpn01", HOST);
    world.served().await;
}

#[tokio::test]
async fn operators_see_the_certificate_in_certs_and_in_metrics() {
    let world = World::new().await;
    world.want("http01", HOST);
    world.served().await;
    let cert = world.told("it is valid", |cert| cert["state"] == "valid").await;
    assert_eq!(
        (&cert["domains"][0], &cert["issuer"]),
        (&HOST.into(), &"pebble".into())
    );
    let expires = cert["expires"].as_str().expect("a time");
    let done = world.certs();
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
    // That of the test authority is listed too.
    for (number, issuer) in ["caForTest", "pebble"].into_iter().enumerate() {
        let cert = &json["certs"][number];
        assert_eq!(
            (&cert["state"], &cert["issuer"]),
            (&"valid".into(), &issuer.into()),
            "{json}"
        );
    }
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

#[tokio::test]
async fn a_certificate_of_ones_own_is_listed_with_the_others() {
    let world = World::new().await;
    let ca = seaway_testkit::certs::Ca::new("test");
    let parts = [
        manifests::https_cert(HOST, "own"),
        ca.leaf(&[HOST]).secret("test", "own"),
    ];
    world.folder.replace("cert.yaml", &manifests::documents(&parts));
    world
        .gateway
        .until("it is listed", async || {
            let all = world.gateway.admin_json("/certs").await;
            let mut all = all["certs"].as_array().into_iter().flatten();
            all.any(|cert| {
                cert["domains"][0] == HOST
                    && cert["state"] == "valid"
                    && cert["issuer"] == "Secret test/own"
                    && cert["expires"].is_string()
                    && cert["nextStep"]
                        .as_str()
                        .is_some_and(|step| step.contains("Secret"))
            })
        })
        .await;
    let page = world.gateway.admin("/").await.text();
    assert!(page.contains("id=\"certificate-rows\""));
}

/// Lines of every private key below a folder.
fn key_lines(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let lines_of = |path: std::path::PathBuf| {
        if path.is_dir() {
            return key_lines(&path);
        }
        let text = std::fs::read_to_string(&path).expect("text");
        let keys = text.split("-----BEGIN PRIVATE KEY-----").skip(1);
        let lines = keys.flat_map(|key| {
            key.lines()
                .map(str::trim)
                .take_while(|line| !line.starts_with("-----"))
        });
        lines.filter(|line| line.len() > 30).map(str::to_owned).collect()
    };
    paths.flat_map(lines_of).collect()
}

#[tokio::test]
async fn no_key_is_ever_in_a_log_a_dump_or_a_list() {
    let world = World::start("", &["--access-log", "json"], PebbleOptions::default()).await;
    world.want("http01", HOST);
    world.served().await;
    let keys = key_lines(&world.folder.file("data"));
    assert!(
        keys.len() > 3,
        "those of the authority, of its certificate and of ours"
    );
    let mut said = world.gateway.process.err.all().join("\n") + &world.gateway.process.out.all().join("\n");
    for path in ["/config", "/certs", "/diagnostics", "/metrics", "/listeners"] {
        said += &world.gateway.admin(path).await.text();
    }
    for key in keys {
        assert!(!said.contains(&key), "a line of a key");
    }
}

//! What the admin port answers.

use crate::support::files::Folder;
use crate::support::gateway::Gateway;
use crate::support::manifests;
use crate::{HOST, backend, serving};

#[tokio::test]
async fn ready_and_live_are_200() {
    let (_folder, _one, gateway) = serving(&[]).await;
    for path in ["/ready", "/live"] {
        assert_eq!(gateway.admin(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn listeners_have_the_shape_of_the_contract() {
    let (_folder, _one, gateway) = serving(&[]).await;
    let listeners = gateway.admin_json("/listeners").await;
    let listener = &listeners["listeners"][0];
    assert_eq!(
        (listener["name"].as_str(), listener["configuredPort"].as_u64()),
        (Some("http-80"), Some(80))
    );
    assert_eq!(listener["protocol"], "http");
    let bound = listener["bound"].as_str().expect("an address");
    assert!(
        bound.starts_with("127.0.0.1:") && !bound.ends_with(":0"),
        "{bound}"
    );
}

#[tokio::test]
async fn config_is_the_model_with_secrets_hidden() {
    let one = backend("one");
    let leaf = seaway_testkit::certs::Ca::new("test").leaf(&[HOST]);
    let parts = [
        manifests::route(HOST, one.addr()),
        manifests::https_cert(HOST, "cert"),
        leaf.secret("test", "cert"),
    ];
    let folder = Folder::with(&[("shop.yaml", &manifests::documents(&parts))]);
    let gateway = Gateway::start(folder.path()).await;
    let config = gateway.admin_json("/config").await;
    assert_eq!(config["listeners"][0]["virtualHosts"][0]["host"], HOST);
    let text = config.to_string();
    let secret = leaf.key.lines().nth(1).expect("a line of the key");
    assert!(!text.contains(secret) && !text.contains("PRIVATE"), "{text}");
}

#[tokio::test]
async fn explain_answers_as_the_command_does() {
    let (folder, _one, gateway) = serving(&[]).await;
    let path = "/explain?method=POST&url=http%3A%2F%2Fshop.example.com%2Fa&header=X-A%3A%201";
    let served = gateway.admin_json(path).await;
    let request = [
        "explain",
        ".",
        "--request",
        "POST http://shop.example.com/a",
        "-H",
        "X-A: 1",
        "-o",
        "json",
    ];
    let said = crate::support::command::seaway_in(folder.path(), &request).json();
    assert_eq!(served, said);
    assert_eq!(served["action"], "forward");
}

#[tokio::test]
async fn clusters_show_endpoints_with_health_and_counts() {
    let (_folder, one, gateway) = serving(&[]).await;
    for _ in 0..3 {
        gateway.answers(HOST, "one").await;
    }
    let clusters = gateway.admin_json("/clusters").await;
    let endpoint = &clusters["clusters"][0]["endpoints"][0];
    assert_eq!(endpoint["address"], one.addr().to_string(), "{clusters}");
    assert_eq!(
        (endpoint["health"].as_str(), endpoint["requests"].as_u64()),
        (Some("healthy"), Some(3))
    );
}

#[tokio::test]
async fn diagnostics_say_what_check_says() {
    let (folder, one, gateway) = serving(&[]).await;
    folder.write(
        "warn.yaml",
        &manifests::route_with("w.example.com", one.addr(), "timeot: 1s"),
    );
    let served = gateway.finding("SW0006").await;
    let said = crate::support::command::seaway_in(folder.path(), &["check", ".", "-o", "json"]).json_lines();
    assert_eq!(served, said[0]);
}

#[tokio::test]
async fn the_dashboard_is_a_page() {
    let (_folder, _one, gateway) = serving(&[]).await;
    let page = gateway.admin("/").await;
    assert_eq!(page.status, 200);
    assert!(
        page.header("content-type")
            .is_some_and(|t| t.starts_with("text/html"))
    );
    assert!(page.text().contains("<title>"), "{}", page.text());
}

#[tokio::test]
async fn what_is_not_there_is_answered_with_what_is() {
    let (_folder, _one, gateway) = serving(&[]).await;
    let answer = gateway.admin("/nonsense").await;
    assert_eq!(answer.status, 404);
    for path in [
        "/ready",
        "/live",
        "/metrics",
        "/listeners",
        "/config",
        "/explain",
        "/clusters",
        "/certs",
        "/diagnostics",
    ] {
        assert!(answer.text().contains(path), "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn with_admin_off_there_is_none_and_the_gateway_serves() {
    let one = backend("one");
    let folder = Folder::with(&[("shop.yaml", &manifests::route(HOST, one.addr()))]);
    let args = crate::support::gateway::arguments(&["."], &["--admin", "off"]);
    let process = crate::support::process::Process::start(folder.path(), &args);
    process.ready(0).await;
    let lines = process.err.all();
    assert!(lines.iter().all(|line| !line.contains("admin")), "{lines:?}");
    let address = lines[0]
        .split(' ')
        .nth(2)
        .and_then(|a| a.parse().ok())
        .expect("an address");
    let mut client = seaway_testkit::client::Client::open(address, seaway_testkit::client::Wire::Http1)
        .await
        .expect("it listens");
    let answer = client
        .send(http::Request::get("/").header("host", HOST), "")
        .await
        .expect("an answer");
    assert_eq!(answer.header("x-echo-backend"), Some("one"));
}

#[tokio::test]
async fn an_admin_port_that_is_taken_ends_with_1_and_names_the_flag() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let folder = Folder::new();
    let args = crate::support::gateway::arguments(&["."], &["--admin", &address]);
    let done = crate::support::command::seaway_in(folder.path(), &args);
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(
        done.err.contains(&address) && done.err.contains("--admin"),
        "{}",
        done.err
    );
    assert!(done.err.lines().all(|line| line != "ready"), "{}", done.err);
}

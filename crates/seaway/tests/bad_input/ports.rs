//! Ports that are taken.

use std::net::TcpListener;

use crate::support::files::Folder;
use crate::support::gateway::Gateway;
use crate::support::process::Process;
use crate::support::{command, manifests};
use crate::{HOST, NEIGHBOUR};

/// A port that somebody has.
fn taken() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    (listener, port)
}

fn arguments(http: &str, https: &str) -> Vec<String> {
    let text = format!(
        "run . --address 127.0.0.1 --admin 127.0.0.1:0 --data data --map-port {http} --map-port {https}"
    );
    text.split(' ').map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_with_what_to_do_and_the_other_listener_serves() {
    let one = seaway_testkit::echo::Backend::start("one").expect("a port");
    let parts = [manifests::route(HOST, one.addr()), manifests::test_cert(HOST)];
    let folder = Folder::with(&[("shop.yaml", &manifests::documents(&parts))]);
    let (listener, port) = taken();
    let gateway = Gateway::of(Process::start(
        folder.path(),
        &arguments("80:0", &format!("443:{port}")),
    ))
    .await;
    let line = gateway.process.line("https-443").await;
    assert!(
        line.starts_with("error: ") && line.contains(&format!("port {port} ")),
        "{line}"
    );
    assert!(line.contains("--map-port 443:"), "{line}");
    gateway.answers(HOST, "one").await;
    let listeners = gateway.admin_json("/listeners").await;
    let https = &listeners["listeners"][1];
    assert!(
        https["bound"].is_null() && https["error"].is_string(),
        "{listeners}"
    );
    // Once it is free, the next change takes it.
    drop(listener);
    folder.write("more.yaml", &manifests::route(NEIGHBOUR, one.addr()));
    gateway
        .process
        .line(&format!("https-443 on 127.0.0.1:{port}"))
        .await;
    gateway.answers(NEIGHBOUR, "one").await;
}

#[test]
fn where_no_port_can_be_bound_it_ends_with_1_and_says_what_to_do() {
    let (_listener, port) = taken();
    let folder = Folder::new();
    let args = arguments(&format!("80:{port}"), "443:0");
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let done = command::seaway_in(folder.path(), &args);
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(done.err.contains("--map-port 80:"), "{}", done.err);
    assert!(done.err.lines().all(|line| line != "ready"), "{}", done.err);
}

//! Limits and the other flags that change what a client meets.

use http::Request;
use seaway_testkit::client::{Client, Raw, Wire};
use std::time::Duration;

use crate::support::SEAWAY;
use crate::support::files::Folder;
use crate::support::gateway::{Gateway, arguments};
use crate::support::manifests;
use crate::support::process::Process;
use crate::{HOST, backend, serving};

#[tokio::test]
async fn a_head_above_the_limit_is_431_and_one_below_is_served() {
    let (_folder, _one, gateway) = serving(&["--max-head-bytes", "2048"]).await;
    let with = |bytes: usize| {
        Request::get("/")
            .header("host", HOST)
            .header("x-long", "x".repeat(bytes))
    };
    assert_eq!(gateway.send(with(1_000)).await.status, 200);
    assert_eq!(gateway.send(with(4_000)).await.status, 431);
    let long = format!("/{}", "x".repeat(4_000));
    assert_eq!(gateway.get(HOST, &long).await.status, 414);
}

#[tokio::test]
async fn more_fields_than_the_limit_are_431() {
    let (_folder, _one, gateway) = serving(&["--max-head-fields", "10"]).await;
    let with = |count: usize| {
        (0..count).fold(Request::get("/").header("host", HOST), |r, i| {
            r.header(format!("x-{i}"), "1")
        })
    };
    assert_eq!(gateway.send(with(9)).await.status, 200);
    assert_eq!(gateway.send(with(10)).await.status, 431);
}

#[tokio::test]
async fn a_head_that_does_not_come_is_408() {
    let (_folder, _one, gateway) = serving(&["--head-timeout", "200ms"]).await;
    let mut raw = Raw::open(gateway.bound(80).await).await.expect("a connection");
    raw.write(b"GET / HTTP/1.1\r\nhost: ").await.expect("written");
    let exchange = raw.read_to_close(Duration::from_secs(20)).await;
    assert_eq!(
        (exchange.status(), exchange.closed),
        (Some(408), true),
        "{}",
        exchange.text()
    );
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let (_folder, _one, gateway) = serving(&["--idle-timeout", "200ms"]).await;
    let mut client = Client::open(gateway.bound(80).await, Wire::Http1)
        .await
        .expect("a connection");
    client
        .send(Request::get("/").header("host", HOST), "")
        .await
        .expect("an answer");
    client.closed().await.expect("closed");
}

#[tokio::test]
async fn connections_above_the_limit_are_closed_at_once() {
    let (_folder, _one, gateway) = serving(&["--max-connections", "1"]).await;
    let address = gateway.bound(80).await;
    let mut first = Client::open(address, Wire::Http1).await.expect("a connection");
    first
        .send(Request::get("/").header("host", HOST), "")
        .await
        .expect("an answer");
    let second = Raw::open(address)
        .await
        .expect("the kernel takes it")
        .read_to_close(Duration::from_secs(20))
        .await;
    assert!(second.closed && second.bytes.is_empty(), "{}", second.text());
    first
        .send(Request::get("/").header("host", HOST), "")
        .await
        .expect("the first one is served");
    gateway
        .metric(
            "seaway_downstream_refused_total{reason=\"too_many_connections\"}",
            1.0,
        )
        .await;
}

#[tokio::test]
async fn as_many_files_are_opened_as_the_system_allows_and_a_quarter_is_kept_for_upstreams() {
    let folder = Folder::with(&[("shop.yaml", &manifests::route(HOST, backend("one").addr()))]);
    let mut command = std::process::Command::new("sh");
    command
        .args([
            "-c",
            "ulimit -Sn 256; ulimit -Hn 1000; exec \"$0\" \"$@\"",
            SEAWAY,
        ])
        .args(arguments(&["."], &[]))
        .current_dir(folder.path());
    let gateway = Gateway::of(Process::spawn(command)).await;
    assert_eq!(gateway.sample("process_max_fds").await, Some(1000.0));
    assert_eq!(
        gateway.sample("seaway_downstream_connections_limit").await,
        Some(750.0)
    );
}

#[tokio::test]
async fn so_many_workers_serve() {
    for workers in ["1", "3"] {
        let (_folder, _one, gateway) = serving(&["--workers", workers]).await;
        gateway.answers(HOST, "one").await;
        let pid = gateway.process.id();
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task"))
            .expect("Linux")
            .flatten();
        let names = tasks.filter_map(|t| std::fs::read_to_string(t.path().join("comm")).ok());
        let number = |name: &String| {
            name.trim()
                .strip_prefix("seaway-")
                .is_some_and(|n| n.parse::<u16>().is_ok())
        };
        let count = names.filter(number).count();
        assert_eq!(count.to_string(), workers);
    }
}

#[tokio::test]
async fn forwarded_headers_are_believed_from_a_trusted_proxy_alone() {
    let ask = || {
        Request::get("/")
            .header("host", HOST)
            .header("x-forwarded-for", "192.0.2.1")
            .header("x-request-id", "r1")
    };
    let (_folder, one, gateway) = serving(&[]).await;
    gateway.send(ask()).await;
    let got = one.requests().remove(0);
    assert_eq!(got.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_ne!(got.header("x-request-id"), Some("r1"));
    let (_folder, one, gateway) = serving(&["--trusted-proxy", "127.0.0.0/8"]).await;
    gateway.send(ask()).await;
    let got = one.requests().remove(0);
    assert_eq!(got.header("x-forwarded-for"), Some("192.0.2.1, 127.0.0.1"));
    assert_eq!(got.header("x-request-id"), Some("r1"));
}

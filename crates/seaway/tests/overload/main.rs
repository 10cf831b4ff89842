//! `seaway run` when more comes than can be served, by the real binary over real sockets.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests"
)]

mod demand;
mod flat_out;
mod polite;
#[path = "../support/mod.rs"]
mod support;
mod way;

use std::time::Duration;

use flat_out::{Ask, CONNECTIONS, FlatOut};
use http::Request;
use rustix::process::Signal;
use seaway_testkit::client::{Client, Wire};
use seaway_testkit::echo::Backend;
use seaway_testkit::load::{Goal, Kind, Load};
use support::files::Folder;
use support::gateway::{Gateway, before_a_backend};
use support::manifests;
use way::{Over, Way};

const HOST: &str = "shop.example.com";
/// Nobody's host: what is served is 404, at the cost of a request and of nothing else.
const NOBODY: &str = "nobody.example.com";
const SHED: [&str; 3] = [
    "seaway_overload_shed_total{cause=\"delay\"}",
    "seaway_overload_shed_total{cause=\"requests\"}",
    "seaway_overload_shed_total{cause=\"memory\"}",
];

async fn serving(more: &[&str]) -> (Folder, Backend, Gateway) {
    before_a_backend(
        HOST,
        &[manifests::test_cert(HOST)],
        &[&["--workers", "1"], more].concat(),
    )
    .await
}

fn get() -> http::request::Builder {
    Request::get("/").header("host", HOST)
}

async fn connect(gateway: &Gateway, wire: Wire) -> Client {
    Client::open(gateway.bound(80).await, wire)
        .await
        .expect("a connection")
}

#[tokio::test]
async fn a_worker_that_is_late_sheds_some_says_so_serves_the_rest_and_recovers() {
    let (_folder, _backend, gateway) = serving(&["--max-delay", "5ms", "--access-log", "json"]).await;
    let load = FlatOut::start(
        Way::to(&gateway, Over::clear(Wire::Http1)).await,
        Ask::of(NOBODY),
        CONNECTIONS,
    );
    gateway
        .until("some are shed and some are served", async || {
            load.seen(503) > 100 && load.seen(404) > 100
        })
        .await;
    // The admin port has a thread of its own.
    for _ in 0..5 {
        assert_eq!(gateway.admin("/ready").await.status, 200);
    }
    assert!(gateway.sample(SHED[0]).await > Some(100.0));
    assert!(gateway.sample("seaway_overload_delay_seconds").await > Some(0.0));
    let shed = load.stop().await;
    assert!(shed.contains("\r\nretry-after: "), "{shed}");
    let line = gateway.process.out_line("\"reason\":\"overloaded\"").await;
    assert!(line.contains("\"response_flags\":\"OM\""), "{line}");

    gateway.metric("seaway_overload_shed_ratio", 0.0).await;
    let mut client = connect(&gateway, Wire::Http1).await;
    for _ in 0..20 {
        assert_eq!(client.send(get(), "").await.expect("an answer").status, 200);
    }
}

#[tokio::test]
async fn a_process_that_was_stopped_sheds_nothing_of_what_follows() {
    let (_folder, _backend, gateway) = serving(&["--max-delay", "20ms"]).await;
    let goal = Goal {
        address: gateway.bound(80).await,
        host: HOST.into(),
        path: "/".into(),
    };
    let load = Load::start(Kind::Http1, &goal, 4);
    let mut answered = 50;
    for _ in 0..3 {
        load.wait_for(answered).await.expect("answers");
        gateway.process.signal(Signal::STOP);
        // That nothing comes for so long says that it has stopped, and has been stopped for long.
        while load
            .wait_for_within(load.totals().ok + 1, Duration::from_millis(400))
            .await
        {}
        gateway.process.signal(Signal::CONT);
        answered = load.totals().ok + 50;
    }
    load.wait_for(answered).await.expect("answers");
    let totals = load.stop().await;
    assert_eq!(totals.failed, 0, "{totals:?}");
    for series in SHED {
        assert_eq!(gateway.sample(series).await, Some(0.0), "{series}");
    }
}

#[tokio::test]
async fn requests_above_the_bound_are_shed_and_those_under_way_are_answered() {
    let (_folder, backend, gateway) = serving(&["--max-requests", "2"]).await;
    let mut held = Vec::new();
    for n in 1..=2 {
        let mut client = connect(&gateway, Wire::Http1).await;
        held.push(tokio::spawn(async move {
            client.send(get().header("x-echo-hold", "1"), "").await
        }));
        backend.wait_for(n).await.expect("the backend has it");
    }
    gateway.metric("seaway_downstream_requests", 2.0).await;

    let mut client = connect(&gateway, Wire::Http2).await;
    let uri = format!("http://{HOST}/");
    let answer = client.send(Request::get(&uri), "").await.expect("an answer");
    let seconds: u32 = answer
        .header("retry-after")
        .expect("when")
        .parse()
        .expect("seconds");
    assert_eq!((answer.status, (1..10).contains(&seconds)), (503, true));
    assert_eq!(answer.header("x-envoy-local-overloaded"), Some("true"));
    let grpc = Request::post(&uri).header("content-type", "application/grpc");
    let answer = client.send(grpc, "").await.expect("an answer");
    assert_eq!((answer.status, answer.header("grpc-status")), (200, Some("14")));
    assert_eq!(gateway.sample(SHED[1]).await, Some(2.0));
    assert_eq!(backend.count(), 2, "what is shed reaches nobody");

    backend.release();
    for answer in held {
        assert_eq!(answer.await.expect("a task").expect("an answer").status, 200);
    }
    gateway.metric("seaway_downstream_requests", 0.0).await;
    assert_eq!(
        client
            .send(Request::get(&uri), "")
            .await
            .expect("an answer")
            .status,
        200
    );
}

#[tokio::test]
async fn a_process_that_holds_more_memory_than_it_may_sheds_and_takes_no_new_connections() {
    // Less than any process holds.
    let (_folder, _backend, gateway) = serving(&["--max-memory", "1000000"]).await;
    let mut client = connect(&gateway, Wire::Http1).await;
    gateway
        .until("it is shed", async || {
            client.send(get(), "").await.expect("an answer").status == 503
        })
        .await;
    let address = gateway.bound(80).await;
    gateway
        .until("a new connection is closed", async || {
            match Client::open(address, Wire::Http1).await {
                Ok(mut client) => client.send(get(), "").await.is_err(),
                Err(_) => true,
            }
        })
        .await;
    assert!(gateway.sample(SHED[2]).await >= Some(1.0));
    assert!(
        gateway
            .sample("seaway_downstream_refused_total{reason=\"out_of_memory\"}")
            .await
            >= Some(1.0)
    );
    assert_eq!(
        gateway.sample("seaway_overload_memory_limit_bytes").await,
        Some(1e6)
    );
    assert_eq!(gateway.admin("/ready").await.status, 200);
}

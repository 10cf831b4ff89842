//! Start, signals, changes, stop.

use http::Request;
use rustix::process::Signal;
use seaway_testkit::client::{Client, Wire};
use seaway_testkit::echo::Behaviour;
use seaway_testkit::load::{Goal, Kind, Load};
use tokio::net::TcpStream;

use crate::support::files::Folder;
use crate::support::gateway::Gateway;
use crate::support::manifests;
use crate::{HOST, backend, serving};

#[tokio::test]
async fn a_start_says_a_line_for_each_listener_then_ready() {
    let one = backend("one");
    let parts = [manifests::route(HOST, one.addr()), manifests::test_cert(HOST)];
    let folder = Folder::with(&[("shop.yaml", &manifests::documents(&parts))]);
    let gateway = Gateway::start(folder.path()).await;
    let (http, https) = (gateway.bound(80).await, gateway.bound(443).await);
    assert_eq!(
        gateway.process.err.all(),
        [
            format!("http-80 on {http} (configured 80)"),
            format!("https-443 on {https} (configured 443)"),
            format!("admin on http://{}", gateway.admin_address()),
            "ready".to_owned(),
        ]
    );
    assert!(
        gateway.process.out.all().is_empty(),
        "no data, no line on standard output"
    );
}

#[tokio::test]
async fn without_any_manifest_there_is_a_gateway_that_answers_404() {
    let folder = Folder::new();
    let gateway = Gateway::start(folder.path()).await;
    assert_eq!(gateway.get(HOST, "/").await.status, 404);
}

#[tokio::test]
async fn a_request_that_is_running_is_finished_before_exit_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let (_folder, one, gateway) = serving(&[]).await;
        one.script([Behaviour::hold()]);
        let address = gateway.bound(80).await;
        let running = tokio::spawn(async move {
            let mut client = Client::open(address, Wire::Http1).await?;
            client.send(Request::get("/").header("host", HOST), "").await
        });
        one.wait_for(1).await.expect("the request arrives");
        gateway.process.signal(signal);
        gateway
            .until("nobody is accepted any more", async || {
                TcpStream::connect(address).await.is_err()
            })
            .await;
        assert!(gateway.process.is_running(), "it ended before its request did");
        one.release();
        let answer = running.await.expect("no panic").expect("an answer");
        assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
        assert_eq!(gateway.process.exit().await, 0);
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_cut_off_at_the_drain_timeout_with_exit_0() {
    let (_folder, one, gateway) = serving(&["--drain-timeout", "100ms"]).await;
    one.script([Behaviour::hold()]);
    let address = gateway.bound(80).await;
    let running = tokio::spawn(async move {
        let mut client = Client::open(address, Wire::Http1).await?;
        client.send(Request::get("/").header("host", HOST), "").await
    });
    one.wait_for(1).await.expect("the request arrives");
    gateway.process.signal(Signal::TERM);
    assert_eq!(gateway.process.exit().await, 0);
    running.await.expect("no panic").expect_err("it was cut off");
    gateway.process.line("1 connection was cut off after 100ms").await;
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let (_folder, _one, gateway) = serving(&[]).await;
    let mut client = Client::open(gateway.bound(80).await, Wire::Http1)
        .await
        .expect("a connection");
    let answer = client
        .send(Request::get("/").header("host", HOST), "")
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200);
    gateway.process.signal(Signal::TERM);
    assert_eq!(gateway.process.exit().await, 0);
    client.closed().await.expect("closed");
}

#[tokio::test]
async fn sighup_reads_the_manifests_again() {
    let (_folder, _one, gateway) = serving(&[]).await;
    let mark = gateway.process.err.mark();
    gateway.process.signal(Signal::HUP);
    gateway
        .process
        .line_from(mark, "configuration 2 serves, no findings")
        .await;
    assert_eq!(
        gateway
            .sample("seaway_config_reloads_total{result=\"success\"}")
            .await,
        Some(2.0)
    );
    gateway.answers(HOST, "one").await;
}

#[tokio::test]
async fn an_edit_serves_without_a_failed_request() {
    let (folder, _one, gateway) = serving(&[]).await;
    let two = backend("two");
    let goal = Goal {
        address: gateway.bound(80).await,
        host: HOST.into(),
        path: "/".into(),
    };
    let loads = [
        Load::start(Kind::Http1, &goal, 2),
        Load::start(Kind::Http2, &goal, 1),
    ];
    for load in &loads {
        load.wait_for(20).await.expect("answers");
    }
    folder.replace("shop.yaml", &manifests::route(HOST, two.addr()));
    two.wait_for(20).await.expect("the change serves");
    for load in loads {
        let totals = load.stop().await;
        assert_eq!((totals.failed, &totals.errors), (0, &Vec::new()), "{totals:?}");
    }
    gateway.process.line("configuration 2 serves").await;
}

#[tokio::test]
async fn a_file_that_is_new_serves_and_one_that_is_removed_does_not() {
    let (folder, one, gateway) = serving(&[]).await;
    assert_eq!(gateway.who("new.example.com").await, "404");
    folder.write("deep/new.yaml", &manifests::route("new.example.com", one.addr()));
    gateway.answers("new.example.com", "one").await;
    folder.remove("deep/new.yaml");
    gateway.answers("new.example.com", "404").await;
    gateway.answers(HOST, "one").await;
}

#[tokio::test]
async fn a_listener_that_is_no_longer_asked_for_is_gone_and_said_so() {
    let (folder, one, gateway) = serving(&[]).await;
    let parts = [manifests::route(HOST, one.addr()), manifests::test_cert(HOST)];
    folder.replace("shop.yaml", &manifests::documents(&parts));
    gateway.process.line("https-443 on 127.0.0.1:").await;
    folder.replace("shop.yaml", &manifests::route(HOST, one.addr()));
    gateway.process.line("https-443 is gone").await;
    gateway.answers(HOST, "one").await;
}

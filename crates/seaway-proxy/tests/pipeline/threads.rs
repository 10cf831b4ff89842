//! The pipeline behind the real listeners, on worker threads.

use std::net::SocketAddr;
use std::time::Duration;

use http::StatusCode;
use hyper_util::rt::TokioIo;
use seaway_model::Cluster;
use seaway_proxy::{Options, Proxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc::UnboundedReceiver;

use super::support::*;
use super::tunnels::{echo, upgrade};

fn start(workers: usize, address: SocketAddr) -> (Proxy, SocketAddr, UnboundedReceiver<Seen>) {
    start_with(workers, cluster("c", &[address]))
}

/// Everything goes to the cluster "c".
pub fn start_with(workers: usize, cluster: Cluster) -> (Proxy, SocketAddr, UnboundedReceiver<Seen>) {
    let (sinks, records) = Recorder::new();
    let options = Options {
        workers,
        address: Some("127.0.0.1".parse().unwrap()),
        port_map: [(80, 0)].into(),
        ..Options::default()
    };
    let proxy = Proxy::start(options, sinks).unwrap();
    let listeners = proxy.apply(&model(vec![forward("c")], vec![cluster]));
    let bound = listeners[0].bound.unwrap();
    (proxy, bound, records)
}

#[tokio::test]
async fn every_request_on_every_thread_is_recorded_once() {
    let address = upstream(|_| async { text(200, "ok") }).await;
    let (proxy, bound, mut records) = start(3, address);
    for _ in 0..30 {
        assert_eq!(fetch(bound, get("/")).await, (StatusCode::OK, "ok".to_owned()));
    }
    tokio::task::spawn_blocking(move || proxy.drain(Duration::from_secs(10)))
        .await
        .unwrap();
    let mut seen = 0;
    while let Some(record) = within(records.recv()).await {
        assert_eq!((record.status, record.flags.len()), (200, 0));
        seen += 1;
    }
    assert_eq!(seen, 30);
}

#[tokio::test]
async fn a_drain_waits_for_a_tunnel() {
    let (proxy, bound, mut records) = start(1, echo().await);
    let response = send(bound, upgrade("websocket")).await;
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let mut tunnel = TokioIo::new(within(hyper::upgrade::on(response)).await.unwrap());
    let drain = tokio::task::spawn_blocking(move || proxy.drain(Duration::from_secs(10)));
    tunnel.write_all(b"hello").await.unwrap();
    let mut echoed = [0; 5];
    within(tunnel.read_exact(&mut echoed)).await.unwrap();
    drop(tunnel);
    assert_eq!(within(drain).await.unwrap().cut_off, 0);
    let seen = within(records.recv()).await.unwrap();
    assert_eq!(
        (seen.status, seen.request_bytes, seen.response_bytes),
        (101, 5, 5)
    );
}

#[tokio::test]
async fn an_answer_without_content_says_no_length_over_http2() {
    let address = raw(|mut stream| async move {
        let _head = stream.read(&mut [0; 4096]).await;
        let answer = b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n";
        let _answered = stream.write_all(answer).await;
    })
    .await;
    let (_proxy, bound, _records) = start(1, address);
    let mut client = connect_http2(bound).await;
    let request = http::Request::get("http://example.com/").body(empty()).unwrap();
    let response = within(client.send_request(request)).await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert!(!response.headers().contains_key("content-length"));
}

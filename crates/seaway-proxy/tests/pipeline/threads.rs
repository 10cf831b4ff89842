//! The pipeline behind the real listeners, on worker threads.

use std::net::SocketAddr;
use std::time::Duration;

use http::StatusCode;
use hyper_util::rt::TokioIo;
use seaway_proxy::{Options, Proxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc::UnboundedReceiver;

use super::support::*;
use super::tunnels::{echo, upgrade};

fn start(workers: usize, address: SocketAddr) -> (Proxy, SocketAddr, UnboundedReceiver<Seen>) {
    let (sinks, records) = Recorder::new();
    let options = Options {
        workers,
        address: Some("127.0.0.1".parse().unwrap()),
        port_map: [(80, 0)].into(),
        ..Options::default()
    };
    let proxy = Proxy::start(options, sinks).unwrap();
    let listeners = proxy.apply(&model(vec![forward("c")], vec![cluster("c", &[address])]));
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

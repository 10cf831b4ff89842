//! Mirrors.

use std::net::SocketAddr;

use http::StatusCode;
use http_body_util::BodyExt as _;
use seaway_model::*;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::support::*;

fn mirrored(parts: u32) -> Route {
    let mut route = forward("main");
    route.mirrors.push(Mirror {
        cluster: ClusterName("copy".into()),
        fraction: Fraction::from_millionths(parts),
    });
    route
}

/// An upstream that tells what it got: request line with Host, and the body.
async fn listening() -> (SocketAddr, UnboundedReceiver<(String, usize)>) {
    let (sender, receiver) = unbounded_channel();
    let address = upstream(move |request| {
        let sender = sender.clone();
        async move {
            let host = request.headers()["host"].to_str().unwrap().to_owned();
            let line = format!("{} {host}{}", request.method(), request.uri());
            let body = request
                .into_body()
                .collect()
                .await
                .map_or(0, |b| b.to_bytes().len());
            let _gone = sender.send((line, body));
            text(200, "copy")
        }
    })
    .await;
    (address, receiver)
}

#[tokio::test]
async fn every_mirror_gets_a_whole_copy() {
    let main = upstream(|request| async move {
        let _read = request.into_body().collect().await;
        text(200, "main")
    })
    .await;
    let (copy, mut got) = listening().await;
    let (other, mut got_too) = listening().await;
    let mut route = mirrored(1_000_000);
    route.mirrors.push(Mirror {
        cluster: ClusterName("other".into()),
        fraction: Fraction::ALL,
    });
    let clusters = vec![
        cluster("main", &[main]),
        cluster("copy", &[copy]),
        cluster("other", &[other]),
    ];
    let gateway = Gateway::start(vec![route], clusters).await;
    let body = vec![b'x'; 40_000];
    assert_eq!(fetch(gateway.http1, post("/", full(body))).await.1, "main");
    let expected = ("POST example.com/".to_owned(), 40_000);
    assert_eq!(within(got.recv()).await.unwrap(), expected);
    assert_eq!(within(got_too.recv()).await.unwrap(), expected);
}

#[tokio::test]
async fn a_copy_has_method_host_path_and_body_of_its_original() {
    let main = upstream(|request| async move {
        let _read = request.into_body().collect().await;
        text(200, "main")
    })
    .await;
    let (copy, mut got) = listening().await;
    let clusters = vec![cluster("main", &[main]), cluster("copy", &[copy])];
    let gateway = Gateway::start(vec![mirrored(1_000_000)], clusters).await;
    let (_, body) = fetch(gateway.http1, post("/a?b=c", full("hello"))).await;
    assert_eq!(body, "main");
    assert_eq!(
        within(got.recv()).await.unwrap(),
        ("POST example.com/a?b=c".to_owned(), 5)
    );
}

#[tokio::test]
async fn a_mirror_that_hangs_slows_nobody() {
    let main = upstream(|request| async move {
        let length = request
            .into_body()
            .collect()
            .await
            .map_or(0, |b| b.to_bytes().len());
        http::Response::new(full(length.to_string()))
    })
    .await;
    // Accepts and reads nothing, so that the copy's body piles up.
    let copy = raw(|stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let clusters = vec![cluster("main", &[main]), cluster("copy", &[copy])];
    let gateway = Gateway::start(vec![mirrored(1_000_000)], clusters).await;
    let body = vec![1; 20 << 20];
    let (status, got) = fetch(gateway.http1, post("/", full(body))).await;
    assert_eq!((status, got), (StatusCode::OK, (20 << 20).to_string()));
}

#[tokio::test]
async fn a_mirror_that_refuses_breaks_nothing() {
    let main = upstream(|_| async { text(200, "main") }).await;
    let clusters = vec![cluster("main", &[main]), cluster("copy", &[refusing().await])];
    let mut gateway = Gateway::start(vec![mirrored(1_000_000)], clusters).await;
    assert_eq!(fetch(gateway.http1, get("/")).await.1, "main");
    let seen = gateway.record().await;
    assert_eq!((seen.status, seen.flags.len()), (200, 0));
}

#[tokio::test]
async fn a_tenth_of_the_requests_is_copied() {
    let main = upstream(|_| async { text(200, "main") }).await;
    let (copy, mut got) = listening().await;
    let clusters = vec![cluster("main", &[main]), cluster("copy", &[copy])];
    let gateway = Gateway::start(vec![mirrored(100_000)], clusters.clone()).await;
    let mut client = connect(gateway.http1).await;
    for _ in 0..500 {
        read(client.send_request(get("/")).await.unwrap()).await;
    }
    for _ in 0..48 {
        within(got.recv()).await.unwrap();
    }
    // More than that come before one that was sent after all of them, or not at all.
    let mut route = mirrored(1_000_000);
    route.origin.name = "last".into();
    let mut gateway = gateway;
    gateway.publish(vec![route], clusters);
    read(client.send_request(get("/last")).await.unwrap()).await;
    let mut copies = 48;
    while within(got.recv()).await.unwrap().0 != "GET example.com/last" {
        copies += 1;
    }
    assert!((48..=52).contains(&copies), "{copies} of 500");
}

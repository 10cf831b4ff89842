use seaway_model::UpstreamProtocol;
use seaway_proxy::error::Failure;
use seaway_proxy::upstream::{Registry, dial, pick};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::*;

const HTTP1: UpstreamProtocol = UpstreamProtocol::Http1;

#[tokio::test]
async fn a_dialled_connection_carries_bytes_and_can_be_half_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let cluster = apply(&Registry::new(), static_cluster(HTTP1, &[address]));
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        stream.write_all(&all).await.unwrap();
    };
    let dialling = async {
        let mut dialled = dial(&cluster, None, None).await.unwrap();
        dialled.stream.write_all(b"hello").await.unwrap();
        dialled.stream.shutdown().await.unwrap();
        let mut back = Vec::new();
        dialled.stream.read_to_end(&mut back).await.unwrap();
        (dialled.endpoint, back)
    };
    let both = async { tokio::join!(serving, dialling) };
    let ((), (endpoint, back)) = tokio::time::timeout(SOON, both).await.unwrap();
    assert_eq!((endpoint, back.as_slice()), (address, b"hello".as_slice()));
}

#[tokio::test]
async fn a_dialled_connection_counts_until_it_is_let_go() {
    let server = serve(Kind::http1("a")).await;
    let registry = Registry::new();
    let cluster = apply(&registry, static_cluster(HTTP1, &[server.address]));
    let dialled = dial(&cluster, None, None).await.unwrap();
    let endpoint = registry.status()[0].endpoints[0].clone();
    assert_eq!((endpoint.in_flight, endpoint.connections), (1, 1));
    drop(dialled);
    let endpoint = registry.status()[0].endpoints[0].clone();
    assert_eq!((endpoint.in_flight, endpoint.connections), (0, 0));
}

#[tokio::test]
async fn an_endpoint_that_refuses_a_dial_is_followed_by_another() {
    let server = serve(Kind::http1("a")).await;
    let (_bound, refusing) = refusing();
    let cluster = apply(
        &Registry::new(),
        static_cluster(HTTP1, &[refusing, server.address]),
    );
    for _ in 0..4 {
        assert_eq!(dial(&cluster, None, None).await.unwrap().endpoint, server.address);
    }
}

#[tokio::test]
async fn a_dial_to_nobody_says_so() {
    let cluster = apply(&Registry::new(), static_cluster(HTTP1, &[]));
    assert_eq!(
        dial(&cluster, None, None).await.unwrap_err(),
        Failure::NoEndpoints
    );
    assert_eq!(pick(&cluster, None).unwrap_err(), Failure::NoEndpoints);
}

#[tokio::test]
async fn what_is_picked_for_datagrams_counts_as_under_way() {
    let address = "127.0.0.1:9".parse().unwrap();
    let cluster = apply(&Registry::new(), static_cluster(HTTP1, &[address]));
    let (picked, guard) = pick(&cluster, None).unwrap();
    assert_eq!((picked, cluster.in_flight()), (address, 1));
    drop(guard);
    assert_eq!(cluster.in_flight(), 0);
}

//! How connections are made and kept: the PROXY protocol, ages, counts, keep-alives.

use std::net::SocketAddr;
use std::sync::Arc;

use seaway_model::{
    CircuitBreakers, Cluster, ConnectionPool, Http2Keepalive, Millis, ProxyProtocolVersion, TcpKeepalive,
    UpstreamProtocol,
};
use seaway_proxy::upstream::{Attempt, Client, ClientAddress, ClusterState, Registry, dial, send};
use socket2::SockRef;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::support::*;

const HTTP1: UpstreamProtocol = UpstreamProtocol::Http1;
const HTTP2: UpstreamProtocol = UpstreamProtocol::Http2;

fn pooled(protocol: UpstreamProtocol, address: SocketAddr, pool: ConnectionPool) -> Arc<ClusterState> {
    let config = Cluster {
        connection_pool: pool,
        ..static_cluster(protocol, &[address])
    };
    apply(&Registry::new(), config)
}

#[tokio::test]
async fn a_connection_serves_so_many_requests_and_no_more() {
    for (protocol, kind) in [(HTTP1, Kind::http1("a")), (HTTP2, Kind::http2("a"))] {
        let mut server = serve(kind).await;
        let pool = ConnectionPool {
            max_requests_per_connection: Some(2),
            ..ConnectionPool::default()
        };
        let cluster = pooled(protocol, server.address, pool);
        let mut reused = Vec::new();
        for _ in 0..5 {
            reused.push(fetch(&cluster).await.1);
        }
        assert_eq!(reused, [false, true, false, true, false], "{protocol:?}");
        until(&mut server.closed, 2).await;
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_when_the_cluster_says_so() {
    for (protocol, kind) in [(HTTP1, Kind::http1("a")), (HTTP2, Kind::http2("a"))] {
        let mut server = serve(kind).await;
        let pool = ConnectionPool {
            idle_timeout: Some(Millis(20)),
            ..ConnectionPool::default()
        };
        let cluster = pooled(protocol, server.address, pool);
        fetch(&cluster).await;
        until(&mut server.closed, 1).await;
    }
}

/// Its pool has a lock, and so has what counts its connections: the same.
#[tokio::test]
async fn an_idle_connection_of_a_cluster_that_limits_them_is_closed_too_and_makes_room() {
    for (protocol, kind) in [(HTTP1, Kind::http1("a")), (HTTP2, Kind::http2("a"))] {
        let mut server = serve(kind).await;
        let config = Cluster {
            connection_pool: ConnectionPool {
                idle_timeout: Some(Millis(20)),
                ..ConnectionPool::default()
            },
            circuit_breakers: CircuitBreakers {
                max_connections: Some(1),
                ..CircuitBreakers::default()
            },
            ..static_cluster(protocol, &[server.address])
        };
        let cluster = apply(&Registry::new(), config);
        for closed in 1..=2 {
            assert!(!fetch(&cluster).await.1);
            until(&mut server.closed, closed).await;
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_too_old_is_closed_and_not_used_again() {
    for (protocol, kind) in [(HTTP1, Kind::http1("a")), (HTTP2, Kind::http2("a"))] {
        let mut server = serve(kind).await;
        let pool = ConnectionPool {
            max_connection_duration: Some(Millis(0)),
            ..ConnectionPool::default()
        };
        let cluster = pooled(protocol, server.address, pool);
        assert!(!fetch(&cluster).await.1);
        assert!(!fetch(&cluster).await.1);
        until(&mut server.closed, 2).await;
    }
}

#[tokio::test]
async fn clusters_that_keep_connections_differently_do_not_share_them() {
    let server = serve(Kind::http1("a")).await;
    let registry = Registry::new();
    let one = static_cluster(HTTP1, &[server.address]);
    let mut other = one.clone();
    other.name = seaway_model::ClusterName("default/shop:80/v2".into());
    other.connection_pool.idle_timeout = Some(Millis(30_000));
    let mut model = seaway_model::Model::default();
    for cluster in [one, other] {
        model.clusters.insert(cluster.name.clone(), Arc::new(cluster));
    }
    let map = registry.apply(&model);
    for cluster in map.iter() {
        assert!(!fetch(cluster).await.1);
    }
    assert_eq!(*server.opened.borrow(), 2);
}

#[tokio::test]
async fn an_http2_connection_has_no_more_streams_than_the_cluster_allows() {
    let mut kind = Kind::http2("a");
    kind.together = 4;
    let server = serve(kind).await;
    let pool = ConnectionPool {
        max_concurrent_streams: Some(2),
        ..ConnectionPool::default()
    };
    let cluster = pooled(HTTP2, server.address, pool);
    tokio::join!(fetch(&cluster), fetch(&cluster), fetch(&cluster), fetch(&cluster));
    assert_eq!(*server.opened.borrow(), 2);
}

#[tokio::test]
async fn a_dead_http2_connection_is_found_by_its_pings() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let pool = ConnectionPool {
        http2_keepalive: Some(Http2Keepalive {
            interval: Millis(20),
            timeout: Millis(20),
        }),
        ..ConnectionPool::default()
    };
    let cluster = pooled(HTTP2, address, pool);
    // Shakes hands and never says anything again.
    let silent = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
        all
    });
    assert!(once(&cluster, get("/")).await.is_err());
    // It was closed, and a PING (type 6) had gone before.
    let all = tokio::time::timeout(SOON, silent).await.unwrap().unwrap();
    assert!(all.windows(5).any(|head| head[..4] == [0, 0, 8, 6]));
}

#[tokio::test]
async fn probes_are_set_as_the_cluster_says() {
    let server = serve(Kind::http1("a")).await;
    let pool = ConnectionPool {
        tcp_keepalive: Some(TcpKeepalive {
            probes: Some(7),
            time: Some(Millis(123_000)),
            interval: Some(Millis(45_000)),
        }),
        ..ConnectionPool::default()
    };
    let cluster = pooled(HTTP1, server.address, pool);
    let dialled = dial(&cluster, None, None).await.unwrap();
    let socket = SockRef::from(&dialled.stream);
    assert!(socket.keepalive().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap().as_secs(), 123);
    assert_eq!(socket.tcp_keepalive_interval().unwrap().as_secs(), 45);
    assert_eq!(socket.tcp_keepalive_retries().unwrap(), 7);
}

/// A server that passes on the first line of each connection, and answers every request after it.
async fn lines() -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                let _gone = tell.send(line);
                let mut line = String::new();
                while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                    if line == "\r\n" {
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na";
                        stream.get_mut().write_all(answer).await.unwrap();
                    }
                    line.clear();
                }
            });
        }
    });
    (address, told)
}

fn announcing(address: SocketAddr, version: ProxyProtocolVersion) -> Arc<ClusterState> {
    let config = Cluster {
        proxy_protocol: Some(version),
        ..static_cluster(HTTP1, &[address])
    };
    apply(&Registry::new(), config)
}

/// Whether the connection was reused.
async fn fetch_for(cluster: &Arc<ClusterState>, client: Option<SocketAddr>) -> bool {
    let local = "198.51.100.1:443".parse().unwrap();
    let attempt = Attempt {
        cluster,
        hash: None,
        avoid: &[],
        client: client.as_ref().map(|peer| Client { peer, local: &local }),
    };
    let sent = send(attempt, get("/")).await.unwrap();
    assert_eq!(text(sent.response.into_body()).await, "a");
    sent.reused
}

#[tokio::test]
async fn each_client_has_connections_of_its_own_that_say_who_it_is() {
    let (address, mut told) = lines().await;
    let cluster = announcing(address, ProxyProtocolVersion::V1);
    let (one, other) = ("192.0.2.1:1111".parse().ok(), "192.0.2.2:2222".parse().ok());
    let reused = [
        fetch_for(&cluster, one).await,
        fetch_for(&cluster, one).await,
        fetch_for(&cluster, other).await,
        fetch_for(&cluster, None).await,
        fetch_for(&cluster, one).await,
    ];
    assert_eq!(reused, [false, true, false, false, true]);
    let lines = [
        told.recv().await.unwrap(),
        told.recv().await.unwrap(),
        told.recv().await.unwrap(),
    ];
    let expected = [
        "PROXY TCP4 192.0.2.1 198.51.100.1 1111 443\r\n",
        "PROXY TCP4 192.0.2.2 198.51.100.1 2222 443\r\n",
        "PROXY UNKNOWN\r\n",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_relay_begins_with_who_the_client_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cluster = announcing(listener.local_addr().unwrap(), ProxyProtocolVersion::V2);
    let client = ClientAddress {
        peer: "[2001:db8::1]:1".parse().unwrap(),
        local: "[2001:db8::2]:2".parse().unwrap(),
    };
    let dialled = dial(&cluster, None, Some(client)).await.unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut header = [0; 52];
    stream.read_exact(&mut header).await.unwrap();
    assert_eq!(header[..14], *b"\r\n\r\n\0\r\nQUIT\n\x21\x21");
    assert_eq!(header[48..], [0, 1, 0, 2]);
    drop(dialled);
}

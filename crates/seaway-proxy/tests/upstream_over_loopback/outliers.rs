//! Endpoints that fail in each of the ways that count, over real sockets, are left out and come back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use http::StatusCode;
use seaway_model::{
    Cluster, EndpointSource, Fraction, Millis, NamedEndpoint, OutlierDetection, UpstreamProtocol,
};
use seaway_proxy::upstream::{ClusterState, HealthWord, Registry, dial};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::*;

const HTTP1: UpstreamProtocol = UpstreamProtocol::Http1;
/// Longer than any of these tests takes.
const LONG: u64 = 600_000;

/// As Istio has it, with room for half of the endpoints.
fn policy(rows: OutlierDetection) -> Option<OutlierDetection> {
    Some(OutlierDetection {
        consecutive_connect_failures: None,
        base_ejection_time: Millis(LONG),
        max_ejection_time: Millis(LONG),
        max_ejection: Fraction::from_millionths(500_000),
        ..rows
    })
}

fn server_errors(limit: u32) -> OutlierDetection {
    OutlierDetection {
        consecutive_5xx: Some(limit),
        ..OutlierDetection::default()
    }
}

fn gateway_errors(limit: u32) -> OutlierDetection {
    OutlierDetection {
        consecutive_gateway_errors: Some(limit),
        ..OutlierDetection::default()
    }
}

fn local_failures(limit: u32) -> OutlierDetection {
    OutlierDetection {
        split_local_origin: true,
        consecutive_local_origin_failures: Some(limit),
        ..OutlierDetection::default()
    }
}

/// A server whose answers have the status that is set; 0 hangs up without one.
async fn moody(status: Arc<AtomicU16>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_moody(stream, Arc::clone(&status)));
        }
    });
    address
}

async fn serve_moody(mut stream: TcpStream, status: Arc<AtomicU16>) {
    while read_head(&mut stream).await.is_some() {
        let status = status.load(Ordering::SeqCst);
        if status == 0 {
            return;
        }
        let answer = format!("HTTP/1.1 {status} Mood\r\ncontent-length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A bad endpoint and a good one under a policy.
async fn pair(bad: SocketAddr, rows: OutlierDetection) -> (Registry, Arc<ClusterState>) {
    let good = serve(Kind::http1("good")).await;
    let registry = Registry::new();
    let config = Cluster {
        outlier_detection: policy(rows),
        ..static_cluster(HTTP1, &[bad, good.address])
    };
    let cluster = apply(&registry, config);
    (registry, cluster)
}

fn is_ejected(registry: &Registry) -> bool {
    registry.status()[0].endpoints[0].health == HealthWord::Ejected
}

/// Sends to the first endpoint by avoiding all others, as often as it takes until it is ejected.
async fn attempts_until_ejected(registry: &Registry, cluster: &Arc<ClusterState>) -> usize {
    let others: Vec<_> = registry.status()[0].endpoints[1..]
        .iter()
        .map(|e| e.address)
        .collect();
    let mut attempts = 0;
    while !is_ejected(registry) {
        attempts += 1;
        assert!(attempts <= 20, "never ejected");
        drop(avoiding(cluster, get("/"), &others).await);
    }
    attempts
}

#[tokio::test]
async fn an_endpoint_is_ejected_for_each_status_that_counts() {
    for (status, rows) in [
        (500, server_errors(3)),
        (503, server_errors(3)),
        (502, gateway_errors(3)),
        (503, gateway_errors(3)),
        (504, gateway_errors(3)),
    ] {
        let mood = Arc::new(AtomicU16::new(status));
        let (registry, cluster) = pair(moody(mood).await, rows).await;
        assert_eq!(attempts_until_ejected(&registry, &cluster).await, 3, "{status}");
        for _ in 0..6 {
            assert_eq!(fetch(&cluster).await.0, "good", "{status}");
        }
    }
}

#[tokio::test]
async fn the_codes_of_a_policy_are_those_that_eject() {
    let rows = OutlierDetection {
        error_codes: vec![429],
        ..server_errors(2)
    };
    let mood = Arc::new(AtomicU16::new(429));
    let (registry, cluster) = pair(moody(mood).await, rows).await;
    assert_eq!(attempts_until_ejected(&registry, &cluster).await, 2);
}

#[tokio::test]
async fn an_endpoint_that_hangs_up_is_ejected_whichever_way_that_is_counted() {
    for rows in [server_errors(3), gateway_errors(3), local_failures(3)] {
        let (registry, cluster) = pair(moody(Arc::default()).await, rows.clone()).await;
        assert_eq!(attempts_until_ejected(&registry, &cluster).await, 3, "{rows:?}");
    }
}

#[tokio::test]
async fn an_endpoint_that_refuses_connections_is_ejected_whichever_way_that_is_counted() {
    for rows in [server_errors(3), gateway_errors(3), local_failures(3)] {
        let (_bound, refusing) = refusing();
        let (registry, cluster) = pair(refusing, rows.clone()).await;
        assert_eq!(attempts_until_ejected(&registry, &cluster).await, 3, "{rows:?}");
        let why = registry.status()[0].endpoints[0].last_error.clone();
        assert!(why.unwrap().contains("refused"));
    }
}

#[tokio::test]
async fn an_endpoint_that_refuses_relays_is_ejected_too() {
    let (_bound, refusing) = refusing();
    let (registry, cluster) = pair(refusing, server_errors(1)).await;
    for _ in 0..4 {
        let dialled = dial(&cluster, None, None).await.unwrap();
        assert_ne!(dialled.endpoint, refusing);
    }
    assert!(is_ejected(&registry));
}

#[tokio::test]
async fn good_answers_between_bad_ones_keep_an_endpoint_in() {
    let mood = Arc::new(AtomicU16::new(500));
    let (registry, cluster) = pair(moody(Arc::clone(&mood)).await, server_errors(2)).await;
    let other = registry.status()[0].endpoints[1].address;
    for round in 0..10 {
        mood.store(if round % 2 == 0 { 500 } else { 200 }, Ordering::SeqCst);
        drop(avoiding(&cluster, get("/"), &[other]).await.unwrap());
    }
    assert!(!is_ejected(&registry));
}

#[tokio::test]
async fn an_ejected_endpoint_returns_when_its_time_is_over() {
    let mood = Arc::new(AtomicU16::new(500));
    let bad = moody(Arc::clone(&mood)).await;
    let good = serve(Kind::http1("good")).await;
    let registry = Registry::new();
    let config = Cluster {
        outlier_detection: Some(OutlierDetection {
            base_ejection_time: Millis(30),
            interval: Some(Millis(10)),
            max_ejection: Fraction::from_millionths(500_000),
            ..server_errors(1)
        }),
        ..static_cluster(HTTP1, &[bad, good.address])
    };
    let cluster = apply(&registry, config);
    let returned = async {
        while registry.status()[0].endpoints[0].ejections == 0 {
            drop(once(&cluster, get("/")).await);
        }
        mood.store(204, Ordering::SeqCst);
        while once(&cluster, get("/")).await.unwrap().response.status() != StatusCode::NO_CONTENT {}
    };
    tokio::time::timeout(SOON, returned).await.expect("it returned");
    assert!(!is_ejected(&registry));
}

#[tokio::test]
async fn never_more_than_the_share_is_ejected_however_many_fail() {
    let mood = Arc::new(AtomicU16::new(503));
    let mut addresses = Vec::new();
    for _ in 0..10 {
        addresses.push(moody(Arc::clone(&mood)).await);
    }
    let registry = Registry::new();
    let config = Cluster {
        outlier_detection: Some(OutlierDetection {
            base_ejection_time: Millis(LONG),
            max_ejection_time: Millis(LONG),
            max_ejection: Fraction::from_millionths(390_000),
            ..server_errors(1)
        }),
        ..static_cluster(HTTP1, &addresses)
    };
    let cluster = apply(&registry, config);
    for _ in 0..100 {
        drop(once(&cluster, get("/")).await.unwrap());
        let ejected = registry.status()[0]
            .endpoints
            .iter()
            .filter(|e| e.health == HealthWord::Ejected)
            .count();
        assert!(ejected <= 3);
    }
    let ejections: u64 = registry.status()[0].endpoints.iter().map(|e| e.ejections).sum();
    assert_eq!(ejections, 3);
}

#[tokio::test]
async fn a_cluster_whose_endpoints_are_all_ejected_for_their_answers_has_none() {
    let mood = Arc::new(AtomicU16::new(503));
    let registry = Registry::new();
    let everybody = OutlierDetection {
        max_ejection: Fraction::ALL,
        base_ejection_time: Millis(LONG),
        max_ejection_time: Millis(LONG),
        ..server_errors(1)
    };
    let mut config = Cluster {
        outlier_detection: Some(everybody.clone()),
        ..static_cluster(HTTP1, &[moody(mood).await])
    };
    let cluster = apply(&registry, config.clone());
    drop(once(&cluster, get("/")).await.unwrap());
    let failure = once(&cluster, get("/")).await.unwrap_err().failure;
    assert_eq!(failure, seaway_proxy::error::Failure::NoEndpoints);
    // With a least share of healthy ones, it panics and uses what it has.
    config.outlier_detection = Some(OutlierDetection {
        min_health: Fraction::from_millionths(500_000),
        ..everybody
    });
    let cluster = apply(&registry, config);
    let status = once(&cluster, get("/")).await.unwrap().response.status();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_grpc_endpoint_is_judged_by_its_status_and_not_by_its_200() {
    let answer =
        "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: 14\r\ncontent-length: 0\r\n\r\n";
    let unavailable = raw(answer, |mut stream| async move {
        let _ = stream.read_u8().await;
    })
    .await;
    let (registry, cluster) = pair(unavailable, gateway_errors(2)).await;
    assert_eq!(attempts_until_ejected(&registry, &cluster).await, 2);
}

#[tokio::test]
async fn ejections_outlive_a_change_of_the_configuration() {
    let mood = Arc::new(AtomicU16::new(500));
    let (registry, cluster) = pair(moody(mood).await, server_errors(1)).await;
    attempts_until_ejected(&registry, &cluster).await;
    let mut changed = (**cluster.config()).clone();
    changed.connection_pool.idle_timeout = Some(Millis(1_000));
    let cluster = apply(&registry, changed);
    assert!(is_ejected(&registry));
    assert_eq!(fetch(&cluster).await.0, "good");
}

#[tokio::test]
async fn the_addresses_of_a_name_are_ejected_like_any_others() {
    let (_bound, refusing) = refusing();
    let registry = Registry::new();
    let good = serve(Kind::http1("good")).await;
    let names =
        [refusing, good.address].map(|address| NamedEndpoint::new(address.ip().to_string(), address.port()));
    let config = Cluster {
        outlier_detection: policy(server_errors(1)),
        ..cluster(HTTP1, EndpointSource::Dns(names.to_vec()))
    };
    let cluster = apply(&registry, config);
    for _ in 0..4 {
        assert_eq!(fetch(&cluster).await.0, "good");
    }
    assert!(is_ejected(&registry));
}

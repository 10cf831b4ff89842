//! Balancing over real sockets: hashes, priorities, localities, calls of one long connection.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use seaway_model::{
    Balancing, Cluster, Endpoint, EndpointSource, Locality, LocalityWeight, Millis, OutlierDetection,
    UpstreamProtocol,
};
use seaway_proxy::upstream::{Attempt, ClusterState, Registry, hash_key, send};

use crate::support::*;

const HTTP1: UpstreamProtocol = UpstreamProtocol::Http1;
const HTTP2: UpstreamProtocol = UpstreamProtocol::Http2;
const NAMES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

async fn servers(count: usize) -> Vec<Server> {
    let mut servers = Vec::new();
    for name in &NAMES[..count] {
        servers.push(serve(Kind::http1(name)).await);
    }
    servers
}

fn addresses(servers: &[Server]) -> Vec<SocketAddr> {
    servers.iter().map(|server| server.address).collect()
}

async fn fetch_hashed(cluster: &Arc<ClusterState>, key: u32) -> SocketAddr {
    let attempt = Attempt {
        cluster,
        hash: Some(hash_key(&key.to_be_bytes())),
        avoid: &[],
        client: None,
    };
    let sent = send(attempt, get("/")).await.unwrap();
    let _ = text(sent.response.into_body()).await;
    sent.endpoint
}

#[tokio::test]
async fn when_one_of_ten_endpoints_leaves_few_keys_move() {
    const KEYS: u32 = 3_000;
    for balancing in [Balancing::RingHash, Balancing::Maglev] {
        let servers = servers(10).await;
        let registry = Registry::new();
        let mut config = Cluster {
            balancing,
            ..static_cluster(HTTP1, &addresses(&servers))
        };
        let cluster = apply(&registry, config.clone());
        let mut before = Vec::new();
        for key in 0..KEYS {
            before.push(fetch_hashed(&cluster, key).await);
        }
        // The one with the median share: which of the system's ports has how many of few keys is chance.
        let mut shares = BTreeMap::<SocketAddr, usize>::new();
        for address in &before {
            *shares.entry(*address).or_default() += 1;
        }
        assert_eq!(shares.len(), 10);
        let mut by_share: Vec<_> = shares.iter().map(|(address, share)| (*share, *address)).collect();
        by_share.sort_unstable();
        let gone = by_share[4].1;
        let left: Vec<_> = addresses(&servers)
            .into_iter()
            .filter(|address| *address != gone)
            .collect();
        config.endpoints = static_cluster(HTTP1, &left).endpoints;
        let cluster = apply(&registry, config);
        let mut moved = 0;
        for key in 0..KEYS {
            let now = fetch_hashed(&cluster, key).await;
            moved += u32::from(now != before[key as usize]);
        }
        assert!(
            moved * 100 <= KEYS * 12,
            "{balancing:?}: {moved} of {KEYS} keys moved"
        );
    }
}

fn placed(address: SocketAddr, priority: u32, zone: &str) -> Endpoint {
    Endpoint {
        priority,
        locality: Some(Locality::of_zone(zone)),
        ..Endpoint::new(address)
    }
}

/// How often each name answers.
async fn answers(cluster: &Arc<ClusterState>, times: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..times {
        *counts.entry(fetch(cluster).await.0).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn a_second_priority_serves_once_the_first_cannot() {
    let servers = servers(1).await;
    let (_bound, refusing) = refusing();
    let mut config = static_cluster(HTTP1, &[]);
    config.endpoints =
        EndpointSource::Static(vec![placed(refusing, 0, "a"), placed(servers[0].address, 1, "b")]);
    let registry = Registry::new();
    let cluster = apply(&registry, config);
    let error = once(&cluster, get("/")).await.unwrap_err();
    assert_eq!(error.endpoint, Some(refusing));
    assert_eq!(
        answers(&cluster, 20).await,
        BTreeMap::from([("0".to_owned(), 20)])
    );
    let status = &registry.status()[0].endpoints;
    assert_eq!((status[0].priority, status[1].priority), (0, 1));
    assert_eq!(status[1].locality, Some(Locality::of_zone("b")));
}

#[tokio::test]
async fn localities_get_what_their_weights_say() {
    let servers = servers(3).await;
    let mut config = static_cluster(HTTP1, &[]);
    config.endpoints = EndpointSource::Static(vec![
        placed(servers[0].address, 0, "a"),
        placed(servers[1].address, 0, "b"),
        placed(servers[2].address, 0, "c"),
    ]);
    let weight = |zone: &str, weight| LocalityWeight {
        locality: Locality::of_zone(zone),
        weight,
    };
    config.balancing_settings.locality_weights = vec![weight("a", 80), weight("b", 20)];
    let cluster = apply(&Registry::new(), config);
    let counts = answers(&cluster, 1_000).await;
    // Five standard deviations are 63.
    assert!(
        counts["0"].abs_diff(800) < 70 && counts["1"].abs_diff(200) < 70,
        "{counts:?}"
    );
    assert_eq!(counts.get("2"), None);
}

#[tokio::test]
async fn each_call_of_one_long_connection_is_balanced_by_itself() {
    let mut addresses = Vec::new();
    let mut servers = Vec::new();
    for name in &NAMES[..4] {
        let server = serve(Kind::http2(name)).await;
        addresses.push(server.address);
        servers.push(server);
    }
    let cluster = apply(&Registry::new(), static_cluster(HTTP2, &addresses));
    let counts = answers(&cluster, 40).await;
    assert!(
        counts.values().all(|count| *count == 10) && counts.len() == 4,
        "{counts:?}"
    );
    // One connection to each, kept for all calls.
    assert!(servers.iter().all(|server| *server.opened.borrow() == 1));
}

#[tokio::test]
async fn ejected_endpoints_of_a_ring_leave_their_keys_to_others_and_get_them_back() {
    let servers = servers(3).await;
    let (bound, address) = refusing();
    let mut all = addresses(&servers);
    all.push(address);
    let config = Cluster {
        balancing: Balancing::RingHash,
        outlier_detection: Some(OutlierDetection {
            base_ejection_time: Millis(20),
            ..OutlierDetection::default()
        }),
        ..static_cluster(HTTP1, &all)
    };
    let cluster = apply(&Registry::new(), config);
    let key = (0..)
        .find(|key: &u32| {
            let hash = Some(hash_key(&key.to_be_bytes()));
            seaway_proxy::upstream::pick(&cluster, hash).unwrap().0 == address
        })
        .unwrap();
    let hash = Some(hash_key(&key.to_be_bytes()));
    let dialled = seaway_proxy::upstream::dial(&cluster, hash, None).await.unwrap();
    assert_ne!(dialled.endpoint, address);
    let _server = serve_on(bound.listen(16).unwrap(), Kind::http1("back"));
    let returned = async { while fetch_hashed(&cluster, key).await != address {} };
    tokio::time::timeout(SOON, returned)
        .await
        .expect("its keys came back");
}

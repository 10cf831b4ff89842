use std::sync::Arc;

use seaway_model::{Balancing, Fraction, RetryBudget, UpstreamProtocol};
use seaway_proxy::upstream::{Attempt, Registry, send};

use crate::support::*;

const HTTP1: UpstreamProtocol = UpstreamProtocol::Http1;

#[test]
fn a_cluster_that_did_not_change_stays_the_very_same() {
    let registry = Registry::new();
    let address = "127.0.0.1:1".parse().unwrap();
    let first = apply(&registry, static_cluster(HTTP1, &[address]));
    let second = apply(&registry, static_cluster(HTTP1, &[address]));
    assert!(Arc::ptr_eq(&first, &second));
}

#[tokio::test]
async fn endpoints_that_stay_keep_their_counts_and_new_ones_start_with_none() {
    let (a, b) = (serve(Kind::http1("a")).await, serve(Kind::http1("b")).await);
    let registry = Registry::new();
    let cluster = apply(&registry, static_cluster(HTTP1, &[a.address]));
    fetch(&cluster).await;
    let _ = apply(&registry, static_cluster(HTTP1, &[b.address, a.address]));
    let requests: Vec<u64> = registry.status()[0]
        .endpoints
        .iter()
        .map(|e| e.requests)
        .collect();
    assert_eq!(requests, [0, 1]);
}

#[tokio::test]
async fn a_request_of_an_older_version_is_not_sent_to_an_endpoint_that_is_gone() {
    let (a, b) = (serve(Kind::http1("a")).await, serve(Kind::http1("b")).await);
    let registry = Registry::new();
    let old = apply(&registry, static_cluster(HTTP1, &[a.address]));
    let _ = apply(&registry, static_cluster(HTTP1, &[b.address]));
    assert_eq!(fetch(&old).await.0, "b");
}

#[tokio::test]
async fn a_change_of_policy_keeps_the_endpoints() {
    let server = serve(Kind::http1("a")).await;
    let registry = Registry::new();
    let mut config = static_cluster(HTTP1, &[server.address]);
    fetch(&apply(&registry, config.clone())).await;
    config.balancing = Balancing::RingHash;
    assert_eq!(fetch(&apply(&registry, config)).await, ("a".into(), true));
    assert_eq!(registry.status()[0].endpoints[0].requests, 2);
}

#[test]
fn retries_under_way_outlive_a_change_of_the_budget() {
    let registry = Registry::new();
    let mut config = static_cluster(HTTP1, &[]);
    config.retry_budget = RetryBudget {
        budget: Fraction::ZERO,
        min_concurrency: 1,
    };
    let _permit = apply(&registry, config.clone()).try_retry().unwrap();
    config.connect_timeout = seaway_model::Millis(1);
    assert!(apply(&registry, config).try_retry().is_none());
}

#[tokio::test]
async fn two_clusters_share_the_connections_of_an_address_but_not_its_counts() {
    let server = serve(Kind::http1("a")).await;
    let registry = Registry::new();
    let one = static_cluster(HTTP1, &[server.address]);
    let mut other = one.clone();
    other.name = seaway_model::ClusterName("default/shop:80/v2".into());
    let mut model = seaway_model::Model::default();
    for cluster in [one, other] {
        model.clusters.insert(cluster.name.clone(), Arc::new(cluster));
    }
    let map = registry.apply(&model);
    let mut clusters: Vec<_> = map.iter().collect();
    clusters.sort_by_key(|cluster| cluster.config().name.clone());
    fetch(clusters[0]).await;
    assert!(fetch(clusters[1]).await.1);
    let requests: Vec<u64> = registry
        .status()
        .iter()
        .map(|c| c.endpoints[0].requests)
        .collect();
    assert_eq!(requests, [1, 1]);
}

#[tokio::test]
async fn draining_endpoints_serve_only_when_no_healthy_one_is_left() {
    let (a, b) = (serve(Kind::http1("a")).await, serve(Kind::http1("b")).await);
    let registry = Registry::new();
    let mut config = static_cluster(HTTP1, &[a.address, b.address]);
    let seaway_model::EndpointSource::Static(endpoints) = &mut config.endpoints else {
        unreachable!()
    };
    endpoints[0].health = seaway_model::EndpointHealth::Draining;
    let drained = endpoints[0].clone();
    let cluster = apply(&registry, config.clone());
    for _ in 0..4 {
        assert_eq!(fetch(&cluster).await.0, "b");
    }
    config.endpoints = seaway_model::EndpointSource::Static(vec![drained]);
    assert_eq!(fetch(&apply(&registry, config)).await.0, "a");
}

#[test]
fn the_future_of_an_attempt_may_be_spawned_and_stays_small() {
    let cluster = apply(&Registry::new(), static_cluster(HTTP1, &[]));
    let attempt = Attempt {
        cluster: &cluster,
        hash: None,
        avoid: &[],
        client: None,
    };
    let future = send(attempt, get("/"));
    // Workers spawn what holds it.
    let _: &dyn Send = &future;
    let size = size_of_val(&future);
    assert!(size <= 4096, "{size} bytes");
}

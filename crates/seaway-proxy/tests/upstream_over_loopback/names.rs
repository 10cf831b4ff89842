//! Clusters of several names, and names that are one endpoint.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use seaway_model::{Balancing, Cluster, EndpointSource, NamedEndpoint, UpstreamProtocol};
use seaway_proxy::upstream::dns::{Answer, Lookup, Resolve, ResolveError};
use seaway_proxy::upstream::{DnsState, Registry};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

use crate::support::*;

const HTTP1: UpstreamProtocol = UpstreamProtocol::Http1;

type Told = Result<Answer, ResolveError>;

/// Answers each name when the test says what with.
#[derive(Debug)]
struct Scripted(BTreeMap<&'static str, Mutex<mpsc::UnboundedReceiver<Told>>>);

impl Resolve for Scripted {
    fn resolve<'a>(&'a self, host: &'a str) -> Lookup<'a> {
        Box::pin(async move {
            match self.0[host].lock().await.recv().await {
                Some(told) => told,
                None => std::future::pending().await,
            }
        })
    }
}

/// A registry whose names are answered by these senders.
fn scripted<const N: usize>(hosts: [&'static str; N]) -> (Registry, [mpsc::UnboundedSender<Told>; N]) {
    let mut told = BTreeMap::new();
    let scripts = hosts.map(|host| {
        let (script, receiver) = mpsc::unbounded_channel();
        told.insert(host, Mutex::new(receiver));
        script
    });
    (Registry::with_resolver(Arc::new(Scripted(told))), scripts)
}

fn loopback(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, last).into()
}

fn answer(addresses: &[IpAddr]) -> Told {
    Ok(Answer {
        addresses: addresses.to_vec(),
        ttl: Duration::ZERO,
    })
}

/// Servers on one port of several loopback addresses, which answer with these names.
async fn on_one_port<const N: usize>(names: [&'static str; N]) -> ([Server; N], u16) {
    'ports: loop {
        let mut listeners = Vec::new();
        let mut port = 0;
        for last in (1..).take(N) {
            // The port that the system gave on the first address may be taken on another.
            let Ok(listener) = TcpListener::bind((loopback(last), port)).await else {
                continue 'ports;
            };
            port = listener.local_addr().unwrap().port();
            listeners.push(listener);
        }
        let mut listeners = listeners.into_iter();
        let servers = names.map(|name| serve_on(listeners.next().unwrap(), Kind::http1(name)));
        return (servers, port);
    }
}

fn named(hosts: &[&str], port: u16) -> Cluster {
    let names = hosts.iter().map(|host| NamedEndpoint::new(*host, port));
    cluster(HTTP1, EndpointSource::Dns(names.collect()))
}

#[tokio::test]
async fn all_names_of_a_cluster_serve_and_each_is_looked_up_by_itself() {
    let (_servers, port) = on_one_port(["a", "b"]).await;
    let (registry, [a, b]) = scripted(["a.test", "b.test"]);
    let cluster = apply(&registry, named(&["a.test", "b.test"], port));
    b.send(answer(&[loopback(2)])).unwrap();
    // The other name is still being looked up.
    assert_eq!(fetch(&cluster).await.0, "b");
    assert_eq!(
        registry.status()[0].dns.as_ref().unwrap().state,
        DnsState::Pending
    );
    a.send(answer(&[loopback(1)])).unwrap();
    let both = async { while fetch(&cluster).await.0 != "a" {} };
    tokio::time::timeout(SOON, both).await.unwrap();
    assert_eq!(registry.status()[0].endpoints.len(), 2);
    assert_eq!(
        registry.status()[0].dns.as_ref().unwrap().state,
        DnsState::Answered
    );
}

#[tokio::test]
async fn a_name_that_fails_takes_nothing_from_the_others_and_is_told() {
    let (_servers, port) = on_one_port(["a"]).await;
    let (registry, [a, b]) = scripted(["a.test", "b.test"]);
    let cluster = apply(&registry, named(&["a.test", "b.test"], port));
    b.send(Err(ResolveError("server failure".into()))).unwrap();
    a.send(answer(&[loopback(1)])).unwrap();
    assert_eq!(fetch(&cluster).await.0, "a");
    let told = async {
        while registry.status()[0].dns.as_ref().unwrap().state != DnsState::Failed {
            fetch(&cluster).await;
        }
    };
    tokio::time::timeout(SOON, told).await.unwrap();
    let error = registry.status()[0].dns.as_ref().unwrap().last_error.clone();
    assert_eq!(error.as_deref(), Some("b.test: server failure"));
}

#[tokio::test]
async fn the_weights_of_names_are_those_of_their_addresses() {
    let (_servers, port) = on_one_port(["a", "b"]).await;
    let (registry, [a, b]) = scripted(["a.test", "b.test"]);
    let mut config = named(&["a.test", "b.test"], port);
    let EndpointSource::Dns(names) = &mut config.endpoints else {
        unreachable!()
    };
    names[0].weight = 3;
    let cluster = apply(&registry, config);
    a.send(answer(&[loopback(1)])).unwrap();
    b.send(answer(&[loopback(2)])).unwrap();
    let both = async {
        while registry.status()[0].endpoints.len() < 2 {
            fetch(&cluster).await;
        }
    };
    tokio::time::timeout(SOON, both).await.unwrap();
    let mut counts = BTreeMap::new();
    for _ in 0..40 {
        *counts.entry(fetch(&cluster).await.0).or_insert(0) += 1;
    }
    assert_eq!((counts["a"], counts["b"]), (30, 10));
}

#[tokio::test]
async fn a_name_that_is_added_leaves_the_others_as_they_are() {
    let (servers, port) = on_one_port(["a", "b"]).await;
    let (registry, [a, b]) = scripted(["a.test", "b.test"]);
    let cluster = apply(&registry, named(&["a.test"], port));
    a.send(answer(&[loopback(1)])).unwrap();
    assert_eq!(fetch(&cluster).await, ("a".into(), false));
    let cluster = apply(&registry, named(&["b.test", "a.test"], port));
    // Its answer and its connection are still there: nobody waits.
    assert_eq!(fetch(&cluster).await, ("a".into(), true));
    b.send(answer(&[loopback(2)])).unwrap();
    let both = async { while fetch(&cluster).await.0 != "b" {} };
    tokio::time::timeout(SOON, both).await.unwrap();
    assert_eq!(*servers[0].opened.borrow(), 1);
}

fn logical(port: u16) -> Cluster {
    Cluster {
        balancing: Balancing::RoundRobin,
        ..cluster(
            HTTP1,
            EndpointSource::LogicalDns(NamedEndpoint::new("cdn.test", port)),
        )
    }
}

#[tokio::test]
async fn of_a_logical_name_the_first_address_serves_and_connections_outlive_its_turns() {
    let (servers, port) = on_one_port(["a", "b"]).await;
    let (registry, [cdn]) = scripted(["cdn.test"]);
    let cluster = apply(&registry, logical(port));
    cdn.send(answer(&[loopback(1), loopback(2)])).unwrap();
    for _ in 0..4 {
        assert_eq!(fetch(&cluster).await.0, "a");
    }
    cdn.send(answer(&[loopback(2), loopback(1)])).unwrap();
    let turned = async {
        while registry.status()[0].endpoints[0].address.ip() != loopback(2) {
            assert_eq!(fetch(&cluster).await.0, "a");
        }
    };
    tokio::time::timeout(SOON, turned).await.unwrap();
    // The connection that is there is used; a new one goes where the name leads now.
    assert_eq!(fetch(&cluster).await, ("a".into(), true));
    let mut held = std::pin::pin!(once(&cluster, get("/")));
    assert!(held.as_mut().now_or_never().is_none());
    assert_eq!(fetch(&cluster).await, ("b".into(), false));
    assert_eq!(held.await.unwrap().endpoint.ip(), loopback(2));
    let status = &registry.status()[0].endpoints;
    assert_eq!((status.len(), *servers[0].opened.borrow()), (1, 1));
    assert!(status[0].requests >= 7);
}

#[tokio::test]
async fn of_a_logical_name_another_address_serves_when_the_first_cannot_be_reached() {
    let (_servers, port) = on_one_port(["a"]).await;
    let (registry, [cdn]) = scripted(["cdn.test"]);
    let cluster = apply(&registry, logical(port));
    // Nobody listens on the second address.
    cdn.send(answer(&[loopback(2), loopback(1)])).unwrap();
    assert_eq!(fetch(&cluster).await.0, "a");
    assert_eq!(registry.status()[0].endpoints[0].connect_failures, 0);
}

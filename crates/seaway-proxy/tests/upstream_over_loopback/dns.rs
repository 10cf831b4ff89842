use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use seaway_model::{EndpointSource, Millis, NamedEndpoint, UpstreamProtocol};
use seaway_proxy::error::Failure;
use seaway_proxy::upstream::dns::{Answer, Lookup, Resolve, ResolveError};
use seaway_proxy::upstream::{ClusterState, DnsState, Registry};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

use crate::support::*;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

type Told = Result<Answer, ResolveError>;

/// Answers a lookup when the test says what with.
#[derive(Debug)]
struct Scripted(Mutex<mpsc::UnboundedReceiver<Told>>);

impl Resolve for Scripted {
    fn resolve<'a>(&'a self, _host: &'a str) -> Lookup<'a> {
        Box::pin(async {
            match self.0.lock().await.recv().await {
                Some(told) => told,
                None => std::future::pending().await,
            }
        })
    }
}

fn scripted() -> (Registry, mpsc::UnboundedSender<Told>) {
    let (script, told) = mpsc::unbounded_channel();
    (
        Registry::with_resolver(Arc::new(Scripted(Mutex::new(told)))),
        script,
    )
}

fn answer(addresses: &[IpAddr]) -> Told {
    Ok(Answer {
        addresses: addresses.to_vec(),
        ttl: Duration::ZERO,
    })
}

fn named(registry: &Registry, host: &str, port: u16) -> Arc<ClusterState> {
    let source = EndpointSource::Dns(vec![NamedEndpoint::new(host, port)]);
    apply(registry, cluster(UpstreamProtocol::Http1, source))
}

/// Two servers on one port of the two loopback addresses.
async fn twins() -> (Server, Server) {
    loop {
        let v4 = TcpListener::bind((V4, 0)).await.unwrap();
        let port = v4.local_addr().unwrap().port();
        // The port may be taken on the other address.
        if let Ok(v6) = TcpListener::bind((V6, port)).await {
            return (serve_on(v4, Kind::http1("v4")), serve_on(v6, Kind::http1("v6")));
        }
    }
}

#[tokio::test]
async fn the_first_request_waits_for_the_first_answer() {
    let server = serve(Kind::http1("a")).await;
    let (registry, script) = scripted();
    let cluster = named(&registry, "shop.test", server.address.port());
    let answering = async { script.send(answer(&[V4])).unwrap() };
    let (fetched, ()) = tokio::join!(fetch(&cluster), answering);
    assert_eq!(fetched.0, "a");
}

#[tokio::test]
async fn the_first_request_waits_no_longer_than_a_connection_may_take() {
    let (registry, _script) = scripted();
    let source = EndpointSource::Dns(vec![NamedEndpoint::new("shop.test", 80)]);
    let mut config = cluster(UpstreamProtocol::Http1, source);
    config.connect_timeout = Millis(20);
    let error = once(&apply(&registry, config), get("/")).await.unwrap_err();
    assert_eq!(error.failure, Failure::NoEndpoints);
}

#[tokio::test]
async fn a_name_that_fails_has_no_endpoints_and_says_why() {
    let (registry, script) = scripted();
    let cluster = named(&registry, "shop.test", 80);
    script.send(Err(ResolveError("no such name".into()))).unwrap();
    let error = once(&cluster, get("/")).await.unwrap_err();
    assert_eq!(error.failure, Failure::NoEndpoints);
    let dns = registry.status()[0].dns.clone().unwrap();
    assert_eq!(
        (dns.state, dns.last_error.as_deref()),
        (DnsState::Failed, Some("no such name"))
    );
}

/// Sends requests until one is answered by this server.
async fn until_served_by(cluster: &Arc<ClusterState>, name: &str) {
    let served = async { while fetch(cluster).await.0 != name {} };
    tokio::time::timeout(SOON, served)
        .await
        .expect("the new address serves");
}

#[tokio::test]
async fn a_name_that_moves_takes_its_requests_along() {
    let (mut v4, v6) = twins().await;
    let (registry, script) = scripted();
    let cluster = named(&registry, "shop.test", v6.address.port());
    script.send(answer(&[V4])).unwrap();
    assert_eq!(fetch(&cluster).await.0, "v4");
    script.send(answer(&[V6])).unwrap();
    until_served_by(&cluster, "v6").await;
    until(&mut v4.closed, 1).await;
}

#[tokio::test]
async fn a_name_that_fails_later_keeps_its_last_good_answer() {
    let server = serve(Kind::http1("a")).await;
    let (registry, script) = scripted();
    let cluster = named(&registry, "shop.test", server.address.port());
    script.send(answer(&[V4])).unwrap();
    fetch(&cluster).await;
    script.send(Err(ResolveError("server failure".into()))).unwrap();
    let failed = async {
        while registry.status()[0]
            .dns
            .as_ref()
            .is_none_or(|dns| dns.state != DnsState::Failed)
        {
            assert_eq!(fetch(&cluster).await.0, "a");
        }
    };
    tokio::time::timeout(SOON, failed)
        .await
        .expect("the failure is seen");
    assert_eq!(fetch(&cluster).await.0, "a");
}

#[tokio::test]
async fn an_address_of_a_name_that_refuses_is_followed_by_another() {
    let server = serve(Kind::http1("a")).await;
    let (registry, script) = scripted();
    // Nobody listens on the IPv6 loopback's side of this port.
    let cluster = named(&registry, "shop.test", server.address.port());
    script.send(answer(&[V6, V4])).unwrap();
    for _ in 0..4 {
        assert_eq!(fetch(&cluster).await.0, "a");
    }
}

#[tokio::test]
async fn an_address_in_the_place_of_a_name_is_not_looked_up() {
    let server = serve(Kind::http1("a")).await;
    let (registry, _script) = scripted();
    let cluster = named(&registry, "127.0.0.1", server.address.port());
    assert_eq!(fetch(&cluster).await.0, "a");
    assert_eq!(registry.status()[0].dns, None);
}

#[tokio::test]
async fn localhost_needs_no_name_server() {
    let server = serve(Kind::http1("a")).await;
    let registry = Registry::new();
    let cluster = named(&registry, "localhost", server.address.port());
    assert_eq!(fetch(&cluster).await.0, "a");
}

#[tokio::test]
async fn an_answer_without_addresses_does_not_take_the_last_good_one_away() {
    let server = serve(Kind::http1("a")).await;
    let (registry, script) = scripted();
    let cluster = named(&registry, "shop.test", server.address.port());
    script.send(answer(&[V4])).unwrap();
    fetch(&cluster).await;
    script.send(answer(&[])).unwrap();
    let failed = async {
        while registry.status()[0]
            .dns
            .as_ref()
            .is_none_or(|dns| dns.state != DnsState::Failed)
        {
            assert_eq!(fetch(&cluster).await.0, "a");
        }
    };
    tokio::time::timeout(SOON, failed)
        .await
        .expect("the failure is seen");
    assert_eq!(registry.status()[0].endpoints.len(), 1);
}

#[tokio::test]
async fn a_change_elsewhere_does_not_ask_the_name_again() {
    let server = serve(Kind::http1("a")).await;
    let (registry, script) = scripted();
    let cluster = named(&registry, "shop.test", server.address.port());
    script.send(answer(&[V4])).unwrap();
    fetch(&cluster).await;
    let mut changed = (**cluster.config()).clone();
    changed.connect_timeout = Millis(1234);
    let cluster = apply(&registry, changed);
    assert_eq!(fetch(&cluster).await, ("a".into(), true));
}

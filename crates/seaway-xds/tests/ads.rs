//! The server and the client of xDS, over sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

#[path = "ads/any_client.rs"]
mod any_client;
#[path = "ads/our_client.rs"]
mod our_client;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType};
use envoy_types::pb::envoy::config::endpoint::v3::{ClusterLoadAssignment, LocalityLbEndpoints};
use seaway_xds::Resources;
use seaway_xds::client::{self, Fault, Judge, State};
use seaway_xds::server::Server;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

const LONG: Duration = Duration::from_secs(30);

/// Clusters `c0` and so on, whose endpoints say how often they changed.
fn resources(count: u32, changed: &BTreeMap<u32, u32>) -> Resources {
    let mut resources = Resources::default();
    for number in 0..count {
        let name = format!("c{number}");
        let cluster = Cluster {
            name: name.clone(),
            cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds as i32)),
            ..Cluster::default()
        };
        let endpoints = ClusterLoadAssignment {
            cluster_name: name.clone(),
            endpoints: vec![LocalityLbEndpoints {
                priority: changed.get(&number).copied().unwrap_or(0),
                ..LocalityLbEndpoints::default()
            }],
            ..ClusterLoadAssignment::default()
        };
        resources.clusters.insert(name.clone(), Arc::new(cluster));
        resources.endpoints.insert(name, Arc::new(endpoints));
    }
    resources
}

struct Running {
    server: Server,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    done: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn start(server: Server, address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = server.clone();
        let done = tokio::spawn(async move {
            let stopped = async {
                let _: Result<(), _> = stopped.await;
            };
            serving.serve(listener, stopped).await.unwrap();
        });
        Self {
            server,
            address,
            stop: Some(stop),
            done,
        }
    }

    async fn with(resources: &Resources) -> Self {
        let server = Server::new("test");
        server.publish(resources);
        Self::start(server, "127.0.0.1:0").await
    }

    async fn stop(mut self) {
        self.stop.take();
        self.done.await.unwrap();
    }

    /// Waits until what is known of the clients is so.
    async fn until(&self, mut is_so: impl FnMut(&Server) -> bool) {
        let looking = async {
            while !is_so(&self.server) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, looking).await.expect("it becomes so");
    }
}

fn nothing_is_bad(_: &Resources) -> Vec<Fault> {
    Vec::new()
}

fn options(server: SocketAddr) -> client::Options {
    client::Options {
        server: server.to_string(),
        node: "node-1".to_owned(),
        cluster: "edge".to_owned(),
        cache: None,
    }
}

fn start_client(options: client::Options, judge: Arc<Judge>) -> watch::Receiver<State> {
    let (sender, receiver) = watch::channel(State::default());
    tokio::spawn(client::run(options, judge, sender));
    receiver
}

async fn until(states: &mut watch::Receiver<State>, is_so: impl FnMut(&State) -> bool) -> State {
    let waited = tokio::time::timeout(LONG, states.wait_for(is_so)).await;
    waited.expect("it becomes so").unwrap().clone()
}

fn holds(state: &State, resources: &Resources) -> bool {
    state.resources.as_deref() == Some(resources)
}

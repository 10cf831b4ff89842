//! The server and the client of xDS, over sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType};
use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::config::endpoint::v3::{ClusterLoadAssignment, LocalityLbEndpoints};
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest,
};
use envoy_types::pb::google::protobuf::UInt32Value;
use envoy_types::pb::google::rpc::Status as RpcStatus;
use seaway_xds::client::{self, Fault, Judge, State};
use seaway_xds::server::Server;
use seaway_xds::{Kind, Resources};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Channel;
use tonic_prost::ProstCodec;

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

#[tokio::test]
async fn a_client_holds_what_is_published_and_follows_it() {
    let first = resources(50, &BTreeMap::new());
    let running = Running::with(&first).await;
    let mut states = start_client(options(running.address), Arc::new(nothing_is_bad));
    until(&mut states, |state| holds(state, &first)).await;
    let before = running.server.clients().counts();
    let second = resources(50, &BTreeMap::from([(7, 1)]));
    let number = running.server.publish(&second);
    until(&mut states, |state| holds(state, &second)).await;
    let after = running.server.clients().counts();
    assert_eq!(after.resources - before.resources, 1);
    assert!(after.bytes - before.bytes < 100);
    running
        .until(|server| server.clients().list()[0].accepted == number)
        .await;
    let client = running.server.clients().list().remove(0);
    assert_eq!(
        (client.node.as_str(), client.cluster.as_str(), client.wire),
        ("node-1", "edge", "delta")
    );
    assert!(client.agent.starts_with("seaway "));
}

#[tokio::test]
async fn a_resource_that_the_client_refuses_is_shown_with_its_words_and_the_rest_arrives() {
    let good = resources(3, &BTreeMap::new());
    let bad = resources(4, &BTreeMap::from([(2, 9)]));
    let judge = |resources: &Resources| -> Vec<Fault> {
        let is_bad = |endpoints: &ClusterLoadAssignment| endpoints.endpoints.iter().any(|e| e.priority == 9);
        let found = resources
            .endpoints
            .iter()
            .filter(|(_, endpoints)| is_bad(endpoints));
        found
            .map(|(name, _)| Fault {
                kind: Kind::Endpoints,
                name: name.clone(),
                reason: "priority 9 is too much".to_owned(),
            })
            .collect()
    };
    let running = Running::with(&good).await;
    let mut states = start_client(options(running.address), Arc::new(judge));
    until(&mut states, |state| holds(state, &good)).await;
    running.server.publish(&bad);
    let mut expected = bad.clone();
    expected
        .endpoints
        .insert("c2".to_owned(), Arc::clone(&good.endpoints["c2"]));
    let state = until(&mut states, |state| {
        holds(state, &expected) && !state.refused.is_empty()
    })
    .await;
    assert_eq!(state.refused[0].reason, "priority 9 is too much");
    running
        .until(|server| server.clients().list()[0].rejected.len() == 1)
        .await;
    let rejected = running.server.clients().list()[0].rejected[0].clone();
    assert_eq!((rejected.kind, rejected.name.as_str()), ("endpoints", "c2"));
    assert!(rejected.message.contains("priority 9 is too much"));
}

#[tokio::test]
async fn a_control_plane_that_comes_back_sends_only_what_is_different() {
    let first = resources(20, &BTreeMap::new());
    let running = Running::with(&first).await;
    let address = running.address;
    let mut states = start_client(options(address), Arc::new(nothing_is_bad));
    until(&mut states, |state| holds(state, &first)).await;
    let server = running.server.clone();
    running.stop().await;
    until(&mut states, |state| !state.connected).await;
    let second = resources(20, &BTreeMap::from([(3, 1)]));
    server.publish(&second);
    let before = server.clients().counts();
    let running = Running::start(server, &address.to_string()).await;
    until(&mut states, |state| state.connected && holds(state, &second)).await;
    let after = running.server.clients().counts();
    assert_eq!(after.resources - before.resources, 1);
}

#[tokio::test]
async fn a_client_with_a_cache_starts_without_its_control_plane() {
    let folder = tempfile::tempdir().unwrap();
    let first = resources(5, &BTreeMap::new());
    let running = Running::with(&first).await;
    let options = client::Options {
        cache: Some(folder.path().join("cache")),
        ..options(running.address)
    };
    let mut states = start_client(options.clone(), Arc::new(nothing_is_bad));
    until(&mut states, |state| holds(state, &first)).await;
    drop(states);
    running.stop().await;
    let mut states = start_client(options, Arc::new(nothing_is_bad));
    let state = until(&mut states, |state| state.trouble.is_some()).await;
    assert!(holds(&state, &first) && state.from_cache && !state.connected);
}

async fn channel(address: SocketAddr) -> AggregatedDiscoveryServiceClient<Channel> {
    AggregatedDiscoveryServiceClient::connect(format!("http://{address}"))
        .await
        .unwrap()
}

type Requests = mpsc::UnboundedSender<DeltaDiscoveryRequest>;

async fn delta(address: SocketAddr) -> (Requests, tonic::Streaming<DeltaDiscoveryResponse>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let request = DeltaDiscoveryRequest {
        node: Some(Node {
            id: "raw".to_owned(),
            ..Node::default()
        }),
        type_url: Kind::Cluster.type_url().to_owned(),
        ..DeltaDiscoveryRequest::default()
    };
    sender.send(request).unwrap();
    let outbound = UnboundedReceiverStream::new(receiver);
    let response = channel(address)
        .await
        .delta_aggregated_resources(outbound)
        .await
        .unwrap();
    (sender, response.into_inner())
}

fn answered(nonce: &str, error: Option<&str>) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        type_url: Kind::Cluster.type_url().to_owned(),
        response_nonce: nonce.to_owned(),
        error_detail: error.map(|message| RpcStatus {
            message: message.to_owned(),
            ..RpcStatus::default()
        }),
        ..DeltaDiscoveryRequest::default()
    }
}

#[tokio::test]
async fn the_state_of_the_world_is_served_too() {
    let running = Running::with(&resources(3, &BTreeMap::new())).await;
    let (sender, receiver) = mpsc::unbounded_channel();
    let request = DiscoveryRequest {
        type_url: Kind::Cluster.type_url().to_owned(),
        ..DiscoveryRequest::default()
    };
    sender.send(request).unwrap();
    let outbound = UnboundedReceiverStream::new(receiver);
    let opened = channel(running.address)
        .await
        .stream_aggregated_resources(outbound)
        .await;
    let mut responses = opened.unwrap().into_inner();
    let response = responses.message().await.unwrap().unwrap();
    assert_eq!(response.resources.len(), 3);
    assert_eq!(response.version_info, "1");
}

#[tokio::test]
async fn whoever_asks_for_what_is_not_served_is_told_nothing_and_shown() {
    let running = Running::with(&resources(1, &BTreeMap::new())).await;
    let (requests, mut responses) = delta(running.address).await;
    responses.message().await.unwrap().unwrap();
    let unknown = DeltaDiscoveryRequest {
        type_url: "type.googleapis.com/envoy.service.runtime.v3.Runtime".to_owned(),
        ..DeltaDiscoveryRequest::default()
    };
    requests.send(unknown).unwrap();
    running
        .until(|server| server.clients().list().iter().any(|c| !c.complaints.is_empty()))
        .await;
}

#[tokio::test]
async fn an_old_nonce_counts_for_nothing_and_the_stream_goes_on() {
    let running = Running::with(&resources(1, &BTreeMap::new())).await;
    let (requests, mut responses) = delta(running.address).await;
    let first = responses.message().await.unwrap().unwrap();
    requests.send(answered("an old one", Some("late"))).unwrap();
    requests.send(answered(&first.nonce, None)).unwrap();
    running.until(|server| server.clients().counts().stale == 1).await;
    running.server.publish(&resources(2, &BTreeMap::new()));
    let second = responses.message().await.unwrap().unwrap();
    assert_eq!(second.resources[0].name, "c1");
    assert_eq!(running.server.clients().counts().rejected, 0);
}

#[tokio::test]
async fn whoever_never_answers_does_not_keep_the_others_waiting() {
    let first = resources(2, &BTreeMap::new());
    let running = Running::with(&first).await;
    let (_requests, mut silent) = delta(running.address).await;
    silent.message().await.unwrap().unwrap();
    let mut states = start_client(options(running.address), Arc::new(nothing_is_bad));
    until(&mut states, |state| holds(state, &first)).await;
    for turn in 1..20 {
        let next = resources(2, &BTreeMap::from([(0, turn)]));
        running.server.publish(&next);
        until(&mut states, |state| holds(state, &next)).await;
    }
}

#[tokio::test]
async fn bytes_that_are_no_requests_end_their_connection_and_no_other() {
    let running = Running::with(&resources(2, &BTreeMap::new())).await;
    for rubbish in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0xff; 4096],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff",
    ] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(rubbish).await.unwrap();
        let mut rest = Vec::new();
        // The end may come as a reset: what was sent was not read.
        let end = tokio::time::timeout(LONG, stream.read_to_end(&mut rest)).await;
        let _: std::io::Result<usize> = end.expect("the connection ends");
    }
    let (_requests, mut responses) = delta(running.address).await;
    assert_eq!(responses.message().await.unwrap().unwrap().resources.len(), 2);
}

#[tokio::test]
async fn a_message_that_is_no_request_ends_its_stream_and_no_other() {
    let running = Running::with(&resources(2, &BTreeMap::new())).await;
    let (requests, mut others) = delta(running.address).await;
    let first = others.message().await.unwrap().unwrap();
    requests.send(answered(&first.nonce, None)).unwrap();
    // A number stands where a request has its node.
    type Rubbish = ProstCodec<UInt32Value, DeltaDiscoveryResponse>;
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", running.address)).unwrap();
    let mut service = tonic::client::Grpc::new(endpoint.connect().await.unwrap());
    service.ready().await.unwrap();
    let path = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
    let rubbish = tokio_stream::once(UInt32Value { value: 7 });
    let opened = service
        .streaming(
            tonic::Request::new(rubbish),
            path.parse().unwrap(),
            Rubbish::default(),
        )
        .await;
    let mut responses = opened.unwrap().into_inner();
    assert!(responses.message().await.is_err());
    running.until(|server| server.clients().connected() == 1).await;
    running.server.publish(&resources(3, &BTreeMap::new()));
    assert_eq!(others.message().await.unwrap().unwrap().resources[0].name, "c2");
}

#[tokio::test]
async fn a_storm_of_clients_that_come_and_go_leaves_nothing_behind() {
    let first = resources(100, &BTreeMap::new());
    let running = Running::with(&first).await;
    let comers = (0..200).map(|number| {
        let address = running.address;
        tokio::spawn(async move {
            let (_requests, mut responses) = delta(address).await;
            if number % 2 == 0 {
                responses.message().await.unwrap().unwrap();
            }
        })
    });
    for comer in comers.collect::<Vec<_>>() {
        comer.await.unwrap();
    }
    running.until(|server| server.clients().connected() == 0).await;
    let mut states = start_client(options(running.address), Arc::new(nothing_is_bad));
    until(&mut states, |state| holds(state, &first)).await;
}

//! The server before clients that are not ours: other ways to ask, and what is no request at all.

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest,
};
use envoy_types::pb::google::protobuf::UInt32Value;
use envoy_types::pb::google::rpc::Status as RpcStatus;
use seaway_xds::Kind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Channel;
use tonic_prost::ProstCodec;

use super::*;

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

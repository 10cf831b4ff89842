//! A data plane that takes everything.

use std::net::SocketAddr;

use anyhow::Result;
use seaway_xds::Kind;
use seaway_xds::pb::envoy::config::core::v3::Node;
use seaway_xds::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use seaway_xds::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::UnboundedReceiverStream;

/// What a client has got, and accepted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub clusters: usize,
    pub endpoints: usize,
    pub routes: usize,
    pub responses: u64,
    pub bytes: u64,
}

/// Many clients.
pub struct Watchers {
    clients: Vec<watch::Receiver<Seen>>,
}

impl Watchers {
    /// Connects so many, one after the other.
    pub async fn connect(server: SocketAddr, count: usize) -> Result<Self> {
        let mut clients = Vec::new();
        for number in 0..count {
            clients.push(connect(server, number).await?);
        }
        Ok(Self { clients })
    }

    /// What each has got.
    pub fn seen(&self) -> Vec<Seen> {
        self.clients.iter().map(|client| *client.borrow()).collect()
    }

    /// Waits until it is so for each. A client that has gone away waits for ever.
    pub async fn until(&mut self, is_so: impl Fn(usize, &Seen) -> bool) {
        for (number, client) in self.clients.iter_mut().enumerate() {
            if client.wait_for(|seen| is_so(number, seen)).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

async fn connect(server: SocketAddr, number: usize) -> Result<watch::Receiver<Seen>> {
    let (requests, outbound) = mpsc::unbounded_channel();
    for kind in [Kind::Cluster, Kind::Listener] {
        let mut hello = ask(kind);
        hello.node = Some(Node {
            id: format!("simulated-{number}"),
            ..Node::default()
        });
        // The receiver is in this very function.
        let _ = requests.send(hello);
    }
    let mut service = AggregatedDiscoveryServiceClient::connect(format!("http://{server}"))
        .await?
        .max_decoding_message_size(usize::MAX);
    let opened = service
        .delta_aggregated_resources(UnboundedReceiverStream::new(outbound))
        .await?;
    let mut responses = opened.into_inner();
    let (sender, receiver) = watch::channel(Seen::default());
    tokio::spawn(async move {
        while let Ok(Some(response)) = responses.message().await {
            let Some(kind) = Kind::of_type_url(&response.type_url) else {
                return;
            };
            for request in answers(kind, &response) {
                if requests.send(request).is_err() {
                    return;
                }
            }
            sender.send_modify(|seen| count(seen, kind, &response));
        }
    });
    Ok(receiver)
}

fn ask(kind: Kind) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        type_url: kind.type_url().to_owned(),
        ..DeltaDiscoveryRequest::default()
    }
}

/// Accepts, and asks for the endpoints of new clusters and the routes of new listeners, which have their names.
fn answers(kind: Kind, response: &DeltaDiscoveryResponse) -> Vec<DeltaDiscoveryRequest> {
    let mut accepted = ask(kind);
    accepted.response_nonce.clone_from(&response.nonce);
    let mut requests = vec![accepted];
    let next = match kind {
        Kind::Cluster => Kind::Endpoints,
        Kind::Listener => Kind::Routes,
        Kind::Endpoints | Kind::Secret | Kind::Routes => return requests,
    };
    let mut more = ask(next);
    more.resource_names_subscribe = response
        .resources
        .iter()
        .map(|resource| resource.name.clone())
        .collect();
    requests.push(more);
    requests
}

fn count(seen: &mut Seen, kind: Kind, response: &DeltaDiscoveryResponse) {
    let resources = response.resources.len();
    match kind {
        Kind::Cluster => seen.clusters += resources,
        Kind::Endpoints => seen.endpoints += resources,
        Kind::Routes => seen.routes += resources,
        Kind::Listener | Kind::Secret => {}
    }
    let body = |resource: &seaway_xds::pb::envoy::service::discovery::v3::Resource| {
        let body = resource
            .resource
            .as_ref()
            .map_or(0, |any| any.value.len() + any.type_url.len());
        (resource.name.len() + resource.version.len() + body) as u64
    };
    seen.bytes += response.resources.iter().map(body).sum::<u64>();
    seen.responses += 1;
}

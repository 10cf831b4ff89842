//! Streams: between what tonic reads and writes and the [`Session`] that decides.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::{ControlPlane, Node, node::UserAgentVersionType};
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::AggregatedDiscoveryService;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse, Resource,
};
use envoy_types::pb::google::protobuf::Any;
use envoy_types::pb::google::rpc::Status as RpcStatus;
use tokio::sync::{mpsc, watch};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::Shared;
use super::clients::Entry;
use super::session::{Answer, Request, Response, Session, Wire};
use super::snapshot::Versioned;
use super::turns::Turn;
use crate::Kind;

/// One response of each type may be under way, so no send ever waits.
const ROOM: usize = 8;
/// So many complaints about a client are kept.
const MAX_COMPLAINTS: usize = 8;

#[derive(Debug)]
pub(super) struct Service {
    pub(super) shared: Arc<Shared>,
    /// Closed when streams shall end.
    pub(super) stopped: watch::Receiver<()>,
}

type Out<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AggregatedDiscoveryService for Service {
    type StreamAggregatedResourcesStream = Out<DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Out<DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        request: tonic::Request<Streaming<DiscoveryRequest>>,
    ) -> Result<tonic::Response<Self::StreamAggregatedResourcesStream>, Status> {
        Ok(tonic::Response::new(start(self, request)))
    }

    async fn delta_aggregated_resources(
        &self,
        request: tonic::Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<tonic::Response<Self::DeltaAggregatedResourcesStream>, Status> {
        Ok(tonic::Response::new(start(self, request)))
    }
}

/// What both wires have in common.
trait Spoken: Send + 'static {
    type Response: Send + 'static;
    const WIRE: Wire;
    fn node(&mut self) -> Option<Node>;
    fn type_url(&self) -> &str;
    fn read(self) -> Request;
    fn write(response: Response, identifier: &str) -> Self::Response;
}

fn start<S: Spoken>(service: &Service, request: tonic::Request<Streaming<S>>) -> Out<S::Response> {
    let (sender, receiver) = mpsc::channel(ROOM);
    let address = request.remote_addr();
    let shared = Arc::clone(&service.shared);
    let mut stopped = service.stopped.clone();
    let inbound = request.into_inner();
    tokio::spawn(async move {
        let entry = shared.clients.enter(S::WIRE, address);
        let driving = drive(&shared, &entry, inbound, &sender);
        let ended = tokio::select! {
            ended = driving => ended,
            _ = stopped.changed() => Err(Status::unavailable("the control plane stops")),
        };
        if let Err(status) = ended {
            // A client that is gone does not hear it.
            let _: Result<(), _> = sender.send(Err(status)).await;
        }
    });
    Box::pin(ReceiverStream::new(receiver))
}

async fn drive<S: Spoken>(
    shared: &Shared,
    entry: &Entry<'_>,
    mut inbound: Streaming<S>,
    outbound: &mpsc::Sender<Result<S::Response, Status>>,
) -> Result<(), Status> {
    let mut snapshots = shared.snapshots.subscribe();
    let mut session = Session::new(S::WIRE, snapshots.borrow_and_update().clone());
    // Of large responses under way, by their nonces.
    let mut turns: Vec<(String, Turn)> = Vec::new();
    loop {
        let until = session.deadline().unwrap_or(Duration::from_secs(1 << 30));
        let pause = until.saturating_sub(shared.epoch.elapsed());
        tokio::select! {
            message = inbound.message() => {
                let Some(message) = message? else { return Ok(()) };
                let answered = take(shared, entry, &mut session, message)?;
                turns.retain(|(nonce, _)| *nonce != answered);
            }
            changed = snapshots.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                session.publish(&snapshots.borrow_and_update());
            }
            () = outbound.closed() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
        while let Some(response) = session.next(shared.epoch.elapsed()) {
            let bytes = response.resources.iter().map(|entry| entry.resource.body.len());
            let bytes: usize = bytes.sum();
            if let Some(turn) = shared.turns.next(bytes).await {
                turns.push((response.nonce.clone(), turn));
            }
            shared.clients.count(|counts| {
                counts.responses += 1;
                counts.resources += response.resources.len() as u64;
                counts.bytes += bytes as u64;
            });
            let response = S::write(response, &shared.identifier);
            if outbound.send(Ok(response)).await.is_err() {
                return Ok(());
            }
        }
        let current = snapshots.borrow().number();
        entry.show(&session, current);
    }
}

/// Tells the session what a client says. The nonce that was answered, if any.
fn take<S: Spoken>(
    shared: &Shared,
    entry: &Entry<'_>,
    session: &mut Session,
    mut message: S,
) -> Result<String, Status> {
    if let Some(node) = message.node() {
        entry.change(|status| {
            status.agent = agent(&node);
            status.node = node.id;
            status.cluster = node.cluster;
        });
    }
    let Some(kind) = Kind::of_type_url(message.type_url()) else {
        let complaint = format!("it asks for {:?}, which is not served here", message.type_url());
        entry.change(|status| {
            if status.complaints.len() < MAX_COMPLAINTS && !status.complaints.contains(&complaint) {
                status.complaints.push(complaint);
            }
        });
        return Ok(String::new());
    };
    let request = message.read();
    let nonce = request.nonce.clone();
    let answer = session.request(kind, request, shared.epoch.elapsed());
    let answer = answer.map_err(|refused| Status::resource_exhausted(refused.to_string()))?;
    shared.clients.count(|counts| match answer {
        Answer::Accepted => counts.accepted += 1,
        Answer::Rejected => counts.rejected += 1,
        Answer::Stale => counts.stale += 1,
        Answer::Unasked => {}
    });
    Ok(nonce)
}

/// `envoy 1.40.0`
fn agent(node: &Node) -> String {
    let version = match &node.user_agent_version_type {
        Some(UserAgentVersionType::UserAgentVersion(version)) => version.clone(),
        Some(UserAgentVersionType::UserAgentBuildVersion(build)) => build
            .version
            .as_ref()
            .map(|v| format!("{}.{}.{}", v.major_number, v.minor_number, v.patch))
            .unwrap_or_default(),
        None => String::new(),
    };
    format!("{} {version}", node.user_agent_name).trim().to_owned()
}

fn words(error: Option<RpcStatus>) -> Option<String> {
    error.map(|error| error.message)
}

fn any(entry: &Versioned) -> Any {
    Any {
        type_url: entry.resource.kind.type_url().to_owned(),
        value: entry.resource.body.clone(),
    }
}

fn control_plane(identifier: &str) -> Option<ControlPlane> {
    Some(ControlPlane {
        identifier: identifier.to_owned(),
    })
}

impl Spoken for DiscoveryRequest {
    type Response = DiscoveryResponse;
    const WIRE: Wire = Wire::StateOfTheWorld;

    fn node(&mut self) -> Option<Node> {
        self.node.take()
    }

    fn type_url(&self) -> &str {
        &self.type_url
    }

    fn read(self) -> Request {
        Request {
            subscribe: self.resource_names,
            nonce: self.response_nonce,
            error: words(self.error_detail),
            ..Request::default()
        }
    }

    fn write(response: Response, identifier: &str) -> DiscoveryResponse {
        DiscoveryResponse {
            version_info: response.version.to_string(),
            resources: response.resources.iter().map(|entry| any(entry)).collect(),
            type_url: response.kind.type_url().to_owned(),
            nonce: response.nonce,
            control_plane: control_plane(identifier),
            ..DiscoveryResponse::default()
        }
    }
}

impl Spoken for DeltaDiscoveryRequest {
    type Response = DeltaDiscoveryResponse;
    const WIRE: Wire = Wire::Delta;

    fn node(&mut self) -> Option<Node> {
        self.node.take()
    }

    fn type_url(&self) -> &str {
        &self.type_url
    }

    fn read(self) -> Request {
        Request {
            subscribe: self.resource_names_subscribe,
            unsubscribe: self.resource_names_unsubscribe,
            held: self.initial_resource_versions.into_iter().collect(),
            nonce: self.response_nonce,
            error: words(self.error_detail),
        }
    }

    fn write(response: Response, identifier: &str) -> DeltaDiscoveryResponse {
        let resource = |entry: &Arc<Versioned>| Resource {
            name: entry.resource.name.to_string(),
            version: format!("{:016x}", entry.version),
            resource: Some(any(entry)),
            ..Resource::default()
        };
        DeltaDiscoveryResponse {
            system_version_info: response.version.to_string(),
            resources: response.resources.iter().map(resource).collect(),
            type_url: response.kind.type_url().to_owned(),
            removed_resources: response.removed.iter().map(ToString::to_string).collect(),
            nonce: response.nonce,
            control_plane: control_plane(identifier),
            ..DeltaDiscoveryResponse::default()
        }
    }
}

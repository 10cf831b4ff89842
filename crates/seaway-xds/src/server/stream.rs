//! Streams: between what is read from clients and written to them and the [`Session`] that decides.
//!
//! tonic reads what clients send. What they are sent goes its own way, which [`super::frame`] explains; that is why the
//! service is not the one that is made from its description.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::{Node, node::UserAgentVersionType};
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::SERVICE_NAME;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use envoy_types::pb::google::rpc::Status as RpcStatus;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use tokio::sync::{mpsc, watch};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::transport::server::TcpConnectInfo;
use tonic::{Status, Streaming};
use tonic_prost::ProstDecoder;

use super::Shared;
use super::clients::Entry;
use super::frame::{Frame, Responses, frame};
use super::session::{Answer, Request, Session, Wire};
use super::turns::Turn;
use crate::Kind;

/// One response of each type may be under way, so no send ever waits.
const ROOM: usize = 8;
/// So many complaints about a client are kept.
const MAX_COMPLAINTS: usize = 8;
/// A request is small, but for the list of what a client holds when it comes back.
const MAX_REQUEST: usize = 64 << 20;

/// `envoy.service.discovery.v3.AggregatedDiscoveryService`.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) shared: Arc<Shared>,
    /// Closed when streams shall end.
    pub(super) stopped: watch::Receiver<()>,
}

impl NamedService for Service {
    const NAME: &'static str = SERVICE_NAME;
}

impl tonic::codegen::Service<http::Request<Body>> for Service {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = request.uri().path().rsplit('/').next();
        ready(Ok(match method {
            Some("StreamAggregatedResources") => start::<DiscoveryRequest>(self, request),
            Some("DeltaAggregatedResources") => start::<DeltaDiscoveryRequest>(self, request),
            _ => Status::unimplemented("this service has no such method").into_http(),
        }))
    }
}

/// What both wires have in common.
trait Spoken: prost::Message + Default + 'static {
    const WIRE: Wire;
    fn node(&mut self) -> Option<Node>;
    fn type_url(&self) -> &str;
    fn read(self) -> Request;
}

fn start<S: Spoken>(service: &Service, request: http::Request<Body>) -> http::Response<Body> {
    let (sender, receiver) = mpsc::channel(ROOM);
    let address = remote(&request);
    let shared = Arc::clone(&service.shared);
    let mut stopped = service.stopped.clone();
    let decoder = ProstDecoder::<S>::default();
    let inbound = Streaming::new_request(decoder, request.into_body(), None, Some(MAX_REQUEST));
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
    let mut response = http::Response::new(Body::new(Responses::new(receiver)));
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, grpc);
    response
}

fn remote(request: &http::Request<Body>) -> Option<SocketAddr> {
    request.extensions().get::<TcpConnectInfo>()?.remote_addr()
}

async fn drive<S: Spoken>(
    shared: &Shared,
    entry: &Entry<'_>,
    mut inbound: Streaming<S>,
    outbound: &mpsc::Sender<Result<Frame, Status>>,
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
            let frame = frame(S::WIRE, &response, &shared.identifier);
            let frame =
                frame.ok_or_else(|| Status::out_of_range("a response has more bytes than gRPC allows"))?;
            if outbound.send(Ok(frame)).await.is_err() {
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

impl Spoken for DiscoveryRequest {
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
}

impl Spoken for DeltaDiscoveryRequest {
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
}

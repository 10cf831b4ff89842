//! A gateway, upstreams and clients on loopback, all on the test's own thread.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use seaway_model::*;
use seaway_proxy::context::{Connection, Made, Shared, TlsConnection};
use seaway_proxy::downstream::serve_http1;
use seaway_proxy::options::Options;
use seaway_proxy::pipeline;
use seaway_proxy::snapshot::Snapshot;
use seaway_proxy::tls::ClientCertificate;
use seaway_proxy::upstream::Registry;
use seaway_telemetry::{Flag, RequestRecord, RequestSink, Sinks};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub type TestBody = UnsyncBoxBody<Bytes, BoxError>;

/// No event in these tests takes longer; what does is a failure and not a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn empty() -> TestBody {
    Empty::new().map_err(|e: Infallible| match e {}).boxed_unsync()
}

pub fn full(bytes: impl Into<Bytes>) -> TestBody {
    Full::new(bytes.into())
        .map_err(|e: Infallible| match e {})
        .boxed_unsync()
}

/// A finished request, as its sink saw it.
#[derive(Debug)]
pub struct Seen {
    pub status: u16,
    pub flags: Vec<Flag>,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub retries: u32,
    pub request_bytes: u64,
    pub response_bytes: u64,
    pub grpc_status: Option<u16>,
    pub upstream: Option<SocketAddr>,
    pub path: String,
    pub route: bool,
}

struct Sink(UnboundedSender<Seen>);

impl RequestSink for Sink {
    fn record(&self, record: &RequestRecord<'_>) {
        let _gone = self.0.send(Seen {
            status: record.status,
            flags: record.flags.to_vec(),
            reason: record.reason.map(str::to_owned),
            message: record.message.map(str::to_owned),
            retries: record.retries,
            request_bytes: record.request_bytes,
            response_bytes: record.response_bytes,
            grpc_status: record.grpc_status,
            upstream: record.upstream,
            path: record.path.to_owned(),
            route: record.route.is_some(),
        });
    }
}

pub struct Gateway {
    pub http1: SocketAddr,
    pub http2: SocketAddr,
    shared: Arc<Shared>,
    registry: Registry,
    version: u64,
    records: UnboundedReceiver<Seen>,
}

impl Gateway {
    pub async fn start(routes: Vec<Route>, clusters: Vec<Cluster>) -> Self {
        Self::with_options(routes, clusters, Options::default()).await
    }

    pub async fn with_options(routes: Vec<Route>, clusters: Vec<Cluster>, options: Options) -> Self {
        Self::with_client(routes, clusters, options, None).await
    }

    /// As if its clients had shown a certificate in a handshake.
    pub async fn with_client(
        routes: Vec<Route>,
        clusters: Vec<Cluster>,
        options: Options,
        client: Option<ClientCertificate>,
    ) -> Self {
        let tls = client.map(|client| TlsConnection {
            server_name: None,
            client: Some(Arc::new(client)),
        });
        let (sender, records) = unbounded_channel();
        pipeline::install_sink(Box::new(Sink(sender)));
        let shared = Arc::new(Shared::new(options));
        let mut gateway = Self {
            http1: listen(Arc::clone(&shared), false, tls.clone()).await,
            http2: listen(Arc::clone(&shared), true, tls).await,
            shared,
            registry: Registry::new(),
            version: 0,
            records,
        };
        gateway.publish(routes, clusters);
        gateway
    }

    pub fn publish(&mut self, routes: Vec<Route>, clusters: Vec<Cluster>) {
        let model = model(routes, clusters);
        self.version += 1;
        let snapshot = Snapshot::build(self.version, &model, &self.registry);
        self.shared.published.store(Arc::new(snapshot));
    }

    /// The next finished request.
    pub async fn record(&mut self) -> Seen {
        within(self.records.recv()).await.expect("the sink is there")
    }
}

/// Routes of every host on one listener.
pub fn model(routes: Vec<Route>, clusters: Vec<Cluster>) -> Arc<Model> {
    let listener = Listener {
        name: "test".into(),
        origin: Origin::default(),
        address: None,
        port: 80,
        protocol: Protocol::Http,
        proxy_protocol: false,
        tls: None,
        virtual_hosts: vec![VirtualHost {
            host: HostMatch::Any,
            routes: routes.into_iter().map(Arc::new).collect(),
        }],
        l4: None,
    };
    Arc::new(Model {
        listeners: vec![Arc::new(listener)],
        clusters: clusters
            .into_iter()
            .map(|c| (c.name.clone(), Arc::new(c)))
            .collect(),
        ..Model::default()
    })
}

/// Makes sinks that send what they see to one receiver.
pub struct Recorder(UnboundedSender<Seen>);

impl Recorder {
    pub fn new() -> (Arc<Self>, UnboundedReceiver<Seen>) {
        let (sender, receiver) = unbounded_channel();
        (Arc::new(Self(sender)), receiver)
    }
}

impl Sinks for Recorder {
    fn sink(&self, _worker: usize) -> Box<dyn RequestSink> {
        Box::new(Sink(self.0.clone()))
    }
}

async fn listen(shared: Arc<Shared>, http2: bool, tls: Option<TlsConnection>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let connection = Arc::new(Connection {
                shared: Arc::clone(&shared),
                worker: 0,
                listener: "test".into(),
                peer,
                local,
                tls: tls.clone(),
                made: Made::default(),
            });
            tokio::spawn(async move {
                if !http2 {
                    serve_http1(stream, &connection, &pipeline::Pipeline).await;
                    return;
                }
                let service = service_fn(|request: Request<Incoming>| {
                    let connection = Arc::clone(&connection);
                    let mut request = request.map(seaway_proxy::body::Body::from);
                    // What the gateway's own HTTP/2 finds on a request that wants a tunnel.
                    if let Some(protocol) = request.extensions_mut().remove::<hyper::ext::Protocol>() {
                        let protocol = seaway_http2::Protocol::from(protocol.as_str());
                        request.extensions_mut().insert(protocol);
                    }
                    async move { Ok::<_, Infallible>(*pipeline::handle(connection, Box::new(request)).await) }
                });
                let _ended = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .enable_connect_protocol()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    local
}

/// An upstream that answers with what a function says.
pub async fn upstream<F, R>(answer: F) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
    R: Future<Output = Response<TestBody>> + Send + 'static,
{
    serve(answer, false).await
}

/// The same, speaking HTTP/2 by prior knowledge.
pub async fn upstream_http2<F, R>(answer: F) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
    R: Future<Output = Response<TestBody>> + Send + 'static,
{
    serve(answer, true).await
}

async fn serve<F, R>(answer: F, http2: bool) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
    R: Future<Output = Response<TestBody>> + Send + 'static,
{
    raw(move |stream| {
        let answer = answer.clone();
        async move {
            let service = service_fn(move |request| {
                let response = answer(request);
                async move { Ok::<_, Infallible>(response.await) }
            });
            let io = TokioIo::new(stream);
            if http2 {
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                let _ended = server.serve_connection(io, service).await;
            } else {
                let server = hyper::server::conn::http1::Builder::new();
                let _ended = server.serve_connection(io, service).with_upgrades().await;
            }
        }
    })
    .await
}

/// An upstream that does with its connections what a function says.
pub async fn raw<F, R>(serve: F) -> SocketAddr
where
    F: Fn(TcpStream) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// An address that refuses connections.
pub async fn refusing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

pub fn text(status: u16, body: &'static str) -> Response<TestBody> {
    Response::builder().status(status).body(full(body)).unwrap()
}

pub fn cluster(name: &str, addresses: &[SocketAddr]) -> Cluster {
    let endpoints = addresses.iter().copied().map(Endpoint::new).collect();
    Cluster {
        balancing: Balancing::RoundRobin,
        outlier_detection: None,
        ..Cluster::new(
            ClusterName(name.into()),
            Origin::default(),
            EndpointSource::Static(endpoints),
        )
    }
}

pub fn cluster_http2(name: &str, addresses: &[SocketAddr]) -> Cluster {
    Cluster {
        protocol: UpstreamProtocol::Http2,
        ..cluster(name, addresses)
    }
}

pub fn route(action: Action) -> Route {
    Route {
        origin: Origin {
            kind: "HttpRoute".into(),
            name: "test".into(),
            ..Origin::default()
        },
        rule: 0,
        matches: Match::When(Conditions::default()),
        cors: None,
        fault: None,
        request_headers: HeaderMutation::default(),
        response_headers: HeaderMutation::default(),
        mirrors: Vec::new(),
        action,
    }
}

pub fn destination(cluster: &str, weight: u32) -> Destination {
    Destination {
        target: Target::Cluster(ClusterName(cluster.into())),
        weight,
        request_headers: HeaderMutation::default(),
        response_headers: HeaderMutation::default(),
    }
}

pub fn to(cluster: &str) -> Forward {
    Forward {
        destinations: vec![destination(cluster, 1)],
        ..Forward::default()
    }
}

pub fn forward(cluster: &str) -> Route {
    route(Action::Forward(to(cluster)))
}

pub fn retry(attempts: u32, on: RetryOn) -> Option<RetryPolicy> {
    Some(RetryPolicy {
        attempts,
        per_try_timeout: None,
        on: vec![on],
        backoff: None,
    })
}

/// An event that must come.
pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("the event came in time")
}

pub fn get(path: &str) -> Request<TestBody> {
    Request::builder()
        .uri(path)
        .header("host", "example.com")
        .body(empty())
        .unwrap()
}

pub fn post(path: &str, body: TestBody) -> Request<TestBody> {
    Request::builder()
        .method("POST")
        .uri(path)
        .header("host", "example.com")
        .body(body)
        .unwrap()
}

pub type Client1 = hyper::client::conn::http1::SendRequest<TestBody>;

/// A connection of an HTTP/1.1 client.
pub async fn connect(address: SocketAddr) -> Client1 {
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    sender
}

/// A connection of an HTTP/2 client.
pub async fn connect_http2(address: SocketAddr) -> hyper::client::conn::http2::SendRequest<TestBody> {
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

/// One request on a connection of its own.
pub async fn send(address: SocketAddr, request: Request<TestBody>) -> Response<Incoming> {
    let mut client = connect(address).await;
    within(client.send_request(request)).await.expect("an answer")
}

/// Status and text of an answer.
pub async fn read(response: Response<Incoming>) -> (StatusCode, String) {
    let (parts, body) = response.into_parts();
    let bytes = within(body.collect()).await.expect("a whole body").to_bytes();
    (parts.status, String::from_utf8_lossy(&bytes).into_owned())
}

pub async fn fetch(address: SocketAddr, request: Request<TestBody>) -> (StatusCode, String) {
    read(send(address, request).await).await
}

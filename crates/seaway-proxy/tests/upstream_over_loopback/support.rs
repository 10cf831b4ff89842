//! Clusters of one line, and servers that count.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use seaway_model::{
    Balancing, Cluster, ClusterName, Endpoint, EndpointHealth, EndpointSource, Millis, Model, Origin,
    OutlierDetection, RetryBudget, UpstreamProtocol,
};
use seaway_proxy::body::Body;
use seaway_proxy::upstream::{Attempt, ClusterState, Registry, SendError, Sent, send};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Barrier, watch};

/// Everything that is waited for comes within this, or the test fails.
pub const SOON: Duration = Duration::from_secs(20);

pub fn static_cluster(protocol: UpstreamProtocol, addresses: &[SocketAddr]) -> Cluster {
    let endpoint = |address: &SocketAddr| Endpoint {
        address: *address,
        weight: 1,
        health: EndpointHealth::Healthy,
        locality: None,
        priority: 0,
    };
    cluster(
        protocol,
        EndpointSource::Static(addresses.iter().map(endpoint).collect()),
    )
}

pub fn cluster(protocol: UpstreamProtocol, endpoints: EndpointSource) -> Cluster {
    Cluster {
        name: ClusterName("default/shop:80".into()),
        origin: Origin::default(),
        service: None,
        subset: None,
        endpoints,
        balancing: Balancing::RoundRobin,
        protocol,
        connect_timeout: Millis(10_000),
        outlier_detection: Some(OutlierDetection::default()),
        retry_budget: RetryBudget::default(),
        balancing_settings: Default::default(),
        tls: None,
        proxy_protocol: None,
        connection_pool: Default::default(),
        circuit_breakers: Default::default(),
    }
}

/// Applies a model of this cluster alone.
pub fn apply(registry: &Registry, cluster: Cluster) -> Arc<ClusterState> {
    let name = cluster.name.clone();
    let mut model = Model::default();
    model.clusters.insert(name.clone(), Arc::new(cluster));
    Arc::clone(registry.apply(&model).get(&name).unwrap())
}

pub fn get(path: &str) -> Request<Body> {
    Request::builder()
        .uri(path)
        .header("host", "shop.example.com")
        .body(Body::Empty)
        .unwrap()
}

/// Sends once, with nothing to avoid.
pub async fn once(cluster: &Arc<ClusterState>, request: Request<Body>) -> Result<Sent, SendError> {
    avoiding(cluster, request, &[]).await
}

pub async fn avoiding(
    cluster: &Arc<ClusterState>,
    request: Request<Body>,
    avoid: &[SocketAddr],
) -> Result<Sent, SendError> {
    let attempt = Attempt {
        cluster,
        hash: None,
        avoid,
        client: None,
    };
    tokio::time::timeout(SOON, send(attempt, request)).await.unwrap()
}

/// Sends, reads the whole body, and lets go of the connection. Returns the body and whether the connection was
/// reused.
pub async fn fetch(cluster: &Arc<ClusterState>) -> (String, bool) {
    let sent = once(cluster, get("/")).await.unwrap();
    let (body, reused) = (sent.response.into_body(), sent.reused);
    (text(body).await, reused)
}

pub async fn text(body: Body) -> String {
    let bytes = tokio::time::timeout(SOON, body.collect())
        .await
        .unwrap()
        .unwrap()
        .to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A server that answers with its name once so many requests are there together.
pub struct Server {
    pub address: SocketAddr,
    pub opened: watch::Receiver<usize>,
    pub closed: watch::Receiver<usize>,
    pub requests: watch::Receiver<usize>,
    /// Send to shut every connection down in peace.
    pub goodbye: watch::Sender<()>,
}

#[derive(Clone)]
pub struct Kind {
    pub name: &'static str,
    pub http2: bool,
    pub together: usize,
    pub max_streams: u32,
}

impl Kind {
    pub fn http1(name: &'static str) -> Self {
        Self {
            name,
            http2: false,
            together: 1,
            max_streams: 100,
        }
    }

    pub fn http2(name: &'static str) -> Self {
        Self {
            http2: true,
            ..Self::http1(name)
        }
    }
}

pub async fn serve(kind: Kind) -> Server {
    serve_on(TcpListener::bind("127.0.0.1:0").await.unwrap(), kind)
}

pub fn serve_on(listener: TcpListener, kind: Kind) -> Server {
    let (opened, opened_seen) = watch::channel(0);
    let (closed, closed_seen) = watch::channel(0);
    let (requests, requests_seen) = watch::channel(0);
    let (goodbye, told) = watch::channel(());
    let address = listener.local_addr().unwrap();
    let (closed, requests) = (Arc::new(closed), Arc::new(requests));
    let barrier = Arc::new(Barrier::new(kind.together));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            opened.send_modify(|count| *count += 1);
            let (closed, requests) = (Arc::clone(&closed), Arc::clone(&requests));
            let (barrier, kind, told) = (Arc::clone(&barrier), kind.clone(), told.clone());
            tokio::spawn(async move {
                serve_connection(stream, kind, barrier, requests, told).await;
                closed.send_modify(|count| *count += 1);
            });
        }
    });
    Server {
        address,
        opened: opened_seen,
        closed: closed_seen,
        requests: requests_seen,
        goodbye,
    }
}

async fn serve_connection(
    stream: TcpStream,
    kind: Kind,
    barrier: Arc<Barrier>,
    requests: Arc<watch::Sender<usize>>,
    mut told: watch::Receiver<()>,
) {
    told.mark_unchanged();
    let name = kind.name;
    let service = service_fn(move |_request: Request<Incoming>| {
        let (barrier, requests) = (Arc::clone(&barrier), Arc::clone(&requests));
        async move {
            requests.send_modify(|count| *count += 1);
            barrier.wait().await;
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(name.as_bytes()))))
        }
    });
    let io = TokioIo::new(stream);
    if kind.http2 {
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder.max_concurrent_streams(kind.max_streams);
        let mut connection = std::pin::pin!(builder.serve_connection(io, service));
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = told.changed() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    } else {
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(io, service);
        let _ = connection.await;
    }
}

pub async fn until(seen: &mut watch::Receiver<usize>, count: usize) {
    let reached = seen.wait_for(|seen| *seen >= count);
    tokio::time::timeout(SOON, reached)
        .await
        .expect("the event came")
        .unwrap();
}

/// An address that refuses, and stays ours while the socket lives.
pub fn refusing() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A server that reads one request head per connection, answers with these bytes, and then does `then`.
pub async fn raw<F, R>(answer: &'static str, then: F) -> SocketAddr
where
    F: Fn(TcpStream) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            if read_head(&mut stream).await.is_some() && stream.write_all(answer.as_bytes()).await.is_ok() {
                tokio::spawn(then(stream));
            }
        }
    });
    address
}

/// Reads up to the empty line.
pub async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

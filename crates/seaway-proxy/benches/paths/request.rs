//! The whole way of a request.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Request};
use http_body_util::BodyExt as _;
use seaway_model::{Endpoint, Model, UpstreamProtocol};
use seaway_proxy::body::Body;
use seaway_proxy::context::{Connection, Shared};
use seaway_proxy::snapshot::Snapshot;
use seaway_proxy::{Options, Proxy, pipeline};
use seaway_telemetry::{Config, Sinks as _, Telemetry};
use tokio::runtime::Builder;

use super::parse::LONG;
use super::{Walk, model};

/// From the head that was read to the end of the response's body, the upstream's side of HTTP/1.1 included. The upstream
/// is a thread that reads and writes, which adds next to nothing.
pub fn pipeline() -> Walk {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let telemetry = Telemetry::new(Config::default());
    let shared = Shared::new(Options::default());
    let snapshot = Snapshot::build(1, &model(upstream(), UpstreamProtocol::Http1), &shared.registry);
    shared.published.store(Arc::new(snapshot));
    let connection = Arc::new(Connection {
        shared: Arc::new(shared),
        worker: 0,
        listener: "http-80".into(),
        peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)),
        local: SocketAddr::from((Ipv4Addr::LOCALHOST, 80)),
        tls: None,
        made: seaway_proxy::context::Made::default(),
    });
    pipeline::install_sink(telemetry.sink(0));
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "shop.example.com"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0)"),
        ("accept", "text/html,application/xhtml+xml"),
        ("accept-language", "en-US,en;q=0.5"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("cookie", "session=0123456789abcdef0123456789abcdef"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let handle = move || {
        let mut request = Box::new(Request::new(Body::Empty));
        *request.uri_mut() = http::Uri::from_static("/api/items?page=2&order=price");
        request.headers_mut().clone_from(&headers);
        pipeline::handle(Arc::clone(&connection), request)
    };
    Box::new(move |times| {
        let _whole = &telemetry;
        runtime.block_on(async {
            for _ in 0..times {
                let response = handle().await;
                assert_eq!(response.status(), 200);
                assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), 5);
            }
        });
    })
}

/// From socket to socket, all threads counted: a client's that writes and reads, the proxy's, and the upstream's.
pub fn loopback() -> Walk {
    let (proxy, address) = serve(upstream(), UpstreamProtocol::Http1);
    let mut client = TcpStream::connect(address).unwrap();
    client.set_nodelay(true).unwrap();
    let mut answer = [0; 4096];
    Box::new(move |times| {
        let _serving = &proxy;
        for _ in 0..times {
            client.write_all(LONG).unwrap();
            let count = client.read(&mut answer).unwrap();
            assert!(answer[..count].starts_with(b"HTTP/1.1 200"));
        }
    })
}

/// A proxy with one worker and one route, and where it listens.
pub fn serve(upstream: SocketAddr, protocol: UpstreamProtocol) -> (Proxy, SocketAddr) {
    let options = Options {
        workers: 1,
        address: Some(Ipv4Addr::LOCALHOST.into()),
        port_map: [(80, 0)].into(),
        ..Options::default()
    };
    let proxy = Proxy::start(options, Telemetry::new(Config::default())).unwrap();
    let status = proxy.apply(&model(upstream, protocol));
    let address = status[0].bound.unwrap();
    (proxy, address)
}

/// Answers every head with the same few bytes.
pub fn upstream() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            std::thread::spawn(move || {
                let mut buffer = [0; 8192];
                // A request of a benchmark comes in one piece.
                while stream.read(&mut buffer).is_ok_and(|count| count > 0) {
                    let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
                }
            });
        }
    });
    address
}

/// One route for everything, to that upstream.
fn model(upstream: SocketAddr, protocol: UpstreamProtocol) -> Arc<Model> {
    let mut cluster = model::cluster(vec![Endpoint::new(upstream)]);
    cluster.protocol = protocol;
    let mut listener = model::listener();
    listener.virtual_hosts.push(seaway_model::VirtualHost {
        host: seaway_model::HostMatch::Any,
        routes: vec![Arc::new(model::route())],
    });
    let mut model = Model::default();
    model.clusters.insert(cluster.name.clone(), Arc::new(cluster));
    model.listeners.push(Arc::new(listener));
    Arc::new(model)
}

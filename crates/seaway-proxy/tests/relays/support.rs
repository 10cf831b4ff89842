//! A proxy whose sink tells what it hears, endpoints that hand their connections to the test, and certificates.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use seaway_model::*;
use seaway_proxy::body::Body;
use seaway_proxy::context::Connection;
use seaway_proxy::{ListenerStatus, Options, Proxy};
use seaway_telemetry::{ConnectionRecord, RequestRecord, RequestSink, Sinks};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// No event in these tests takes longer; what does is a failure and not a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub async fn within<F: IntoFuture>(what: F) -> F::Output {
    tokio::time::timeout(PATIENCE, what)
        .await
        .expect("it does not come")
}

/// What the sink heard of a relayed connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub event: &'static str,
    pub listener: String,
    pub server_name: Option<String>,
    pub reason: Option<String>,
    pub flags: Vec<&'static str>,
    pub received: u64,
    pub sent: u64,
    pub downstream: SocketAddr,
    pub upstream: Option<SocketAddr>,
}

struct Teller(UnboundedSender<Seen>);

impl Sinks for Teller {
    fn sink(&self, _worker: usize) -> Box<dyn RequestSink> {
        Box::new(Self(self.0.clone()))
    }
}

impl Teller {
    fn tell(&self, event: &'static str, record: &ConnectionRecord<'_>) {
        let seen = Seen {
            event,
            listener: record.listener.to_owned(),
            server_name: record.server_name.map(str::to_owned),
            reason: record.reason.map(str::to_owned),
            flags: record.flags.iter().map(|f| f.as_str()).collect(),
            received: record.bytes.received,
            sent: record.bytes.sent,
            downstream: record.downstream,
            upstream: record.upstream,
        };
        self.0.send(seen).ok();
    }
}

impl RequestSink for Teller {
    fn record(&self, _: &RequestRecord<'_>) {}

    fn opened(&self, record: &ConnectionRecord<'_>) {
        self.tell("opened", record);
    }

    fn closed(&self, record: &ConnectionRecord<'_>) {
        self.tell("closed", record);
    }
}

pub fn options() -> Options {
    Options {
        workers: 1,
        address: Some(LOOPBACK),
        port_map: [53, 80, 443, 9000].map(|port| (port, 0)).into(),
        ..Options::default()
    }
}

/// A proxy, and what it tells.
pub struct Gate {
    pub proxy: Arc<Proxy>,
    seen: UnboundedReceiver<Seen>,
}

impl Gate {
    pub fn new() -> Self {
        Self::with(options())
    }

    /// Requests are answered with what is known of who asks.
    pub fn with(options: Options) -> Self {
        let (tell, seen) = unbounded_channel();
        let proxy = Proxy::start_with(options, Arc::new(Teller(tell)), introduce).unwrap();
        let proxy = Arc::new(proxy);
        Self { proxy, seen }
    }

    /// One TCP listener with one route.
    pub fn tcp(route: L4Route, clusters: Vec<Cluster>) -> Self {
        let gate = Self::new();
        gate.serve(
            vec![listener(9000, Protocol::Tcp, Some(route))],
            clusters,
            Vec::new(),
        );
        gate
    }

    pub fn serve(
        &self,
        listeners: Vec<Listener>,
        clusters: Vec<Cluster>,
        secrets: Vec<Secret>,
    ) -> Vec<ListenerStatus> {
        let statuses = self.proxy.apply(&Arc::new(model(listeners, clusters, secrets)));
        for status in &statuses {
            assert!(status.error.is_none() && status.warnings.is_empty(), "{status:?}");
        }
        statuses
    }

    /// Where the listener for a configured port is.
    pub fn address(&self, port: u16) -> SocketAddr {
        let listeners = self.proxy.listeners();
        let status = listeners.iter().find(|l| l.configured_port == port).unwrap();
        status.bound.unwrap_or_else(|| panic!("{status:?}"))
    }

    pub async fn connect(&self, port: u16) -> TcpStream {
        let stream = within(TcpStream::connect(self.address(port))).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    pub async fn seen(&mut self, event: &str) -> Seen {
        loop {
            let seen = within(self.seen.recv()).await.unwrap();
            if seen.event == event {
                return seen;
            }
        }
    }

    pub async fn opened(&mut self) -> Seen {
        self.seen("opened").await
    }

    pub async fn closed(&mut self) -> Seen {
        self.seen("closed").await
    }
}

/// `listener peer server-name subject`, with a dash for what is not known.
async fn introduce(connection: Arc<Connection>, _: Request<Body>) -> Response<Body> {
    let tls = connection.tls.as_ref();
    let name = tls.and_then(|tls| tls.server_name.as_deref());
    let client = tls.and_then(|tls| tls.client.as_deref());
    let text = format!(
        "{} {} {} {}\n",
        connection.listener,
        connection.peer,
        name.unwrap_or("-"),
        client.map_or("-", |client| &client.subject),
    );
    Response::new(Body::Full(Bytes::from(text)))
}

pub const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// What [`introduce`] said, of an answer that is there up to its end.
pub fn introduction(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let (_, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
    body.trim_end().to_owned()
}

pub fn model(listeners: Vec<Listener>, clusters: Vec<Cluster>, secrets: Vec<Secret>) -> Model {
    Model {
        listeners: listeners.into_iter().map(Arc::new).collect(),
        clusters: clusters
            .into_iter()
            .map(|c| (c.name.clone(), Arc::new(c)))
            .collect(),
        secrets: secrets
            .into_iter()
            .map(|s| (s.name.clone(), Arc::new(s)))
            .collect(),
    }
}

/// `tcp-9000`
pub fn listener(port: u16, protocol: Protocol, l4: Option<L4Route>) -> Listener {
    let word = match protocol {
        Protocol::Http => "http",
        Protocol::Https => "https",
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    Listener {
        name: format!("{word}-{port}").into(),
        origin: Origin::default(),
        address: None,
        port,
        protocol,
        proxy_protocol: false,
        tls: None,
        virtual_hosts: Vec::new(),
        l4: l4.map(Arc::new),
    }
}

pub fn route(destinations: &[(&str, u32)]) -> L4Route {
    L4Route {
        origin: Origin::default(),
        rule: 0,
        destinations: destinations
            .iter()
            .map(|(cluster, weight)| L4Destination {
                target: Target::Cluster(ClusterName((*cluster).into())),
                weight: *weight,
            })
            .collect(),
        idle_timeout: None,
        hash_source_ip: false,
    }
}

pub fn to(cluster: &str) -> L4Route {
    route(&[(cluster, 1)])
}

pub fn cluster(name: &str, endpoints: &[SocketAddr]) -> Cluster {
    let endpoints = endpoints.iter().map(|address| Endpoint::new(*address)).collect();
    Cluster::new(
        ClusterName(name.into()),
        Origin::default(),
        EndpointSource::Static(endpoints),
    )
}

/// An endpoint that hands every connection to the test.
pub struct Server {
    pub address: SocketAddr,
    listener: TcpListener,
}

impl Server {
    pub async fn start() -> Self {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        Self {
            address: listener.local_addr().unwrap(),
            listener,
        }
    }

    pub async fn accept(&self) -> TcpStream {
        within(self.listener.accept()).await.unwrap().0
    }
}

/// An endpoint that says a word first and then sends everything back.
pub async fn echo(word: &'static str) -> SocketAddr {
    let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                stream.write_all(word.as_bytes()).await.ok();
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await.ok();
                write.shutdown().await.ok();
            });
        }
    });
    address
}

/// An address at which nobody listens, as long as what is returned with it lives.
pub fn nobody() -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(LOOPBACK, 0).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// So many bytes.
pub async fn read(stream: &mut (impl tokio::io::AsyncRead + Unpin), count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    within(stream.read_exact(&mut bytes)).await.unwrap();
    bytes
}

/// Everything up to an orderly end.
pub async fn rest(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    within(stream.read_to_end(&mut bytes)).await.unwrap();
    bytes
}

pub async fn write(stream: &mut (impl tokio::io::AsyncWrite + Unpin), bytes: &[u8]) {
    within(stream.write_all(bytes)).await.unwrap();
    within(stream.flush()).await.unwrap();
}

/// A certificate that signs itself, or was signed by an authority.
pub struct Made {
    pub secret: Secret,
    pub der: CertificateDer<'static>,
    pub key: rustls_pki_types::PrivateKeyDer<'static>,
}

pub fn made(host: &str) -> Made {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new([host.to_owned()]).unwrap();
    of(host, &params.self_signed(&key).unwrap(), &key)
}

/// As a secret `test/NAME`.
pub fn of(name: &str, certificate: &rcgen::Certificate, key: &rcgen::KeyPair) -> Made {
    let pair = KeyPair {
        certificate_chain: certificate.pem().into(),
        private_key: PrivateKey::new(key.serialize_pem()),
    };
    Made {
        secret: secret(name, Material::KeyPair(pair)),
        der: certificate.der().clone(),
        key: rustls_pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
    }
}

pub fn secret(name: &str, material: Material) -> Secret {
    Secret {
        name: SecretName(format!("test/{name}").into()),
        origin: Origin::default(),
        material,
    }
}

pub fn certificate(host: &str) -> ServerCertificate {
    let secret = SecretName(format!("test/{host}").into());
    ServerCertificate::new(HostMatch::parse(host).unwrap(), secret)
}

/// `https-443`
pub fn https(certificates: Vec<ServerCertificate>, routes: Vec<(&str, TlsMode, L4Route)>) -> Listener {
    let routes = routes.into_iter().map(|(host, mode, route)| ServerNameRoute {
        host: HostMatch::parse(host).unwrap(),
        mode,
        route: Arc::new(route),
    });
    Listener {
        tls: Some(ListenerTls {
            certificates,
            routes: routes.collect(),
        }),
        ..listener(443, Protocol::Https, None)
    }
}

pub fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A client that believes these, and proves nothing.
pub fn trusting(certificates: &[&Made], alpn: &[&str]) -> Arc<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(certificates))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
    Arc::new(config)
}

pub fn roots(certificates: &[&Made]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for made in certificates {
        roots.add(made.der.clone()).unwrap();
    }
    roots
}

pub type Tls = tokio_rustls::client::TlsStream<TcpStream>;

/// Shakes hands with the HTTPS listener.
pub async fn shake(gate: &Gate, config: &Arc<ClientConfig>, name: &str) -> std::io::Result<Tls> {
    let tcp = gate.connect(443).await;
    shake_on(tcp, config, name).await
}

pub async fn shake_on(tcp: TcpStream, config: &Arc<ClientConfig>, name: &str) -> std::io::Result<Tls> {
    let name = rustls_pki_types::ServerName::try_from(name.to_owned()).unwrap();
    within(tokio_rustls::TlsConnector::from(Arc::clone(config)).connect(name, tcp)).await
}

/// What was said instead of an answer.
pub fn alert(error: &std::io::Error) -> rustls::AlertDescription {
    let inner = error.get_ref().and_then(|e| e.downcast_ref());
    match inner {
        Some(rustls::Error::AlertReceived(alert)) => *alert,
        _ => panic!("{error:?}"),
    }
}

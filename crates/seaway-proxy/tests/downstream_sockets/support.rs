//! A proxy whose handler tells what reaches it, and clients that speak in bytes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use seaway_model::*;
use seaway_proxy::body::Body;
use seaway_proxy::context::Connection;
use seaway_proxy::downstream::guard::Refusal;
use seaway_proxy::{ListenerStatus, Options, Proxy};
use seaway_telemetry::{RequestRecord, RequestSink, Sinks};
use tokio::sync::Semaphore;

/// No event in these tests takes longer; what does is a failure and not a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub const LOOPBACK: std::net::IpAddr = std::net::IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What reached the handler, and the words of what the proxy recorded by itself.
pub struct Gate {
    pub proxy: Arc<Proxy>,
    pub reached: Arc<Mutex<mpsc::Receiver<String>>>,
    /// One permit lets one request for `/hold` go on.
    pub release: Arc<Semaphore>,
    pub records: Records,
}

pub type Records = Arc<Mutex<Vec<(u16, String)>>>;

struct TestSinks(Records);
struct TestSink(Records);

impl Sinks for TestSinks {
    fn sink(&self, _worker: usize) -> Box<dyn RequestSink> {
        Box::new(TestSink(Arc::clone(&self.0)))
    }
}

impl RequestSink for TestSink {
    fn record(&self, record: &RequestRecord<'_>) {
        let reason = record.reason.unwrap_or_default().to_owned();
        self.0.lock().unwrap().push((record.status, reason));
    }
}

pub fn options() -> Options {
    Options {
        workers: 1,
        address: Some(LOOPBACK),
        port_map: [80, 81, 443].map(|port| (port, 0)).into(),
        ..Options::default()
    }
}

impl Gate {
    /// HTTP on 80.
    pub fn http() -> Self {
        Self::with(options())
    }

    pub fn with(options: Options) -> Self {
        let gate = Self::empty(options);
        gate.apply(vec![listener("http-80", 80)]);
        gate
    }

    pub fn empty(options: Options) -> Self {
        let records = Records::default();
        let sinks: Arc<dyn Sinks> = Arc::new(TestSinks(Arc::clone(&records)));
        let release = Arc::new(Semaphore::new(0));
        let (tell, reached) = mpsc::channel();
        let handler = {
            let release = Arc::clone(&release);
            move |connection, request| handle(connection, request, tell.clone(), Arc::clone(&release))
        };
        Self {
            proxy: Arc::new(Proxy::start_with(options, sinks, handler).unwrap()),
            reached: Arc::new(Mutex::new(reached)),
            release,
            records,
        }
    }

    pub fn apply(&self, listeners: Vec<Listener>) -> Vec<ListenerStatus> {
        self.apply_with(listeners, Vec::new())
    }

    pub fn apply_with(&self, listeners: Vec<Listener>, secrets: Vec<Secret>) -> Vec<ListenerStatus> {
        self.proxy.apply(&Arc::new(Model {
            listeners: listeners.into_iter().map(Arc::new).collect(),
            secrets: secrets
                .into_iter()
                .map(|s| (s.name.clone(), Arc::new(s)))
                .collect(),
            ..Model::default()
        }))
    }

    pub fn address(&self, name: &str) -> SocketAddr {
        let listeners = self.proxy.listeners();
        let status = listeners.iter().find(|l| *l.name == *name).unwrap();
        status.bound.unwrap_or_else(|| panic!("{status:?}"))
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address("http-80"))
    }

    /// The next request that reached the handler.
    pub fn next(&self) -> String {
        self.reached
            .lock()
            .unwrap()
            .recv_timeout(PATIENCE)
            .expect("a request reaches the handler")
    }

    /// The same, without holding up the other tasks of this thread.
    pub async fn next_async(&self) -> String {
        let reached = Arc::clone(&self.reached);
        let next = move || reached.lock().unwrap().recv_timeout(PATIENCE);
        tokio::task::spawn_blocking(next)
            .await
            .unwrap()
            .expect("a request reaches the handler")
    }

    /// Nothing has reached the handler since the last that was asked for.
    pub fn is_untouched(&self) -> bool {
        self.reached.lock().unwrap().try_recv().is_err()
    }
}

/// A proxy with the real pipeline.
pub fn with_pipeline(options: Options) -> (Proxy, Records) {
    let records = Records::default();
    let sinks = Arc::new(TestSinks(Arc::clone(&records)));
    (Proxy::start(options, sinks).unwrap(), records)
}

pub fn listener(name: &str, port: u16) -> Listener {
    Listener {
        name: name.into(),
        origin: Origin::default(),
        address: None,
        port,
        protocol: Protocol::Http,
        tls: None,
        virtual_hosts: Vec::new(),
        proxy_protocol: false,
        l4: None,
    }
}

/// Says what it got. Paths: `/hold` waits for a permit, `/block` blocks the worker's thread until there is one,
/// `/ignore` answers without reading the body, `/fail` answers 502, `/upgrade` switches to an echo.
async fn handle(
    connection: Arc<Connection>,
    mut request: Request<Body>,
    tell: mpsc::Sender<String>,
    release: Arc<Semaphore>,
) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let said = format!("{} {} {path}", connection.listener, request.method());
    tell.send(said.clone()).ok();
    match path.as_str() {
        "/hold" => release.acquire().await.unwrap().forget(),
        "/block" => {
            while release.try_acquire().map(|p| p.forget()).is_err() {
                std::thread::yield_now();
            }
        }
        "/ignore" => return text(&said),
        "/upgrade" => return upgrade(connection, &mut request),
        "/headers" => return text(&format!("{:?}", request.headers())),
        _ => {}
    }
    match request.into_body().collect().await {
        Ok(body) if path == "/echo" => Response::new(Body::Full(body.to_bytes())),
        Ok(body) => text(&format!("{said} {}", body.to_bytes().len())),
        Err(error) => {
            let refusal = Refusal::find(&error).map(|r| r.reason.word());
            tell.send(format!("refused {refusal:?}")).ok();
            let mut response = text("the body broke");
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        }
    }
}

fn text(text: &str) -> Response<Body> {
    Response::new(Body::Full(Bytes::from(text.to_owned())))
}

/// 101 on HTTP/1.1, 200 to an extended CONNECT on HTTP/2.
fn upgrade(connection: Arc<Connection>, request: &mut Request<Body>) -> Response<Body> {
    let is_connect = request.method() == http::Method::CONNECT;
    let upgraded = seaway_proxy::switch::of(request.extensions_mut());
    tokio::spawn(async move {
        let mut io = upgraded.await.unwrap();
        let (mut read, mut write) = tokio::io::split(&mut io);
        tokio::io::copy(&mut read, &mut write).await.ok();
        tokio::io::AsyncWriteExt::shutdown(&mut write).await.ok();
        drop(connection);
    });
    if is_connect {
        return Response::new(Body::Empty);
    }
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response
        .headers_mut()
        .insert(header::UPGRADE, HeaderValue::from_static("echo"));
    response
}

/// A client that speaks in bytes.
pub struct Client {
    pub stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self
    }

    /// Everything up to the end of the connection.
    pub fn rest(&mut self) -> String {
        self.stream.read_to_end(&mut self.unread).unwrap();
        String::from_utf8_lossy(&std::mem::take(&mut self.unread)).into_owned()
    }

    /// One response whose body has a length, as head and body.
    pub fn response(&mut self) -> (String, String) {
        let head = self.until("\r\n\r\n");
        let length = head
            .lines()
            .find_map(|l| l.strip_prefix("content-length: "))
            .map_or(0, |l| l.parse().unwrap());
        let body = self.take(length);
        (head, body)
    }

    pub fn until(&mut self, end: &str) -> String {
        loop {
            let found = self.unread.windows(end.len()).position(|w| w == end.as_bytes());
            if let Some(at) = found {
                return self.take(at + end.len());
            }
            self.read_some();
        }
    }

    pub fn take(&mut self, count: usize) -> String {
        while self.unread.len() < count {
            self.read_some();
        }
        String::from_utf8(self.unread.drain(..count).collect()).unwrap()
    }

    fn read_some(&mut self) {
        let mut buffer = [0; 4096];
        let count = self.stream.read(&mut buffer).unwrap();
        let unread = String::from_utf8_lossy(&self.unread).into_owned();
        assert!(count > 0, "the connection ended after {unread:?}");
        self.unread.extend_from_slice(&buffer[..count]);
    }
}

pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// The statuses of the responses in a text.
pub fn statuses(text: &str) -> Vec<u16> {
    let after = text.split("HTTP/1.1 ").skip(1);
    after.filter_map(|rest| rest.get(..3)?.parse().ok()).collect()
}

/// Waits for something that the proxy does after the client has seen the end.
pub fn eventually(what: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !what() {
        assert!(start.elapsed() < PATIENCE, "it does not happen");
        std::thread::yield_now();
    }
}

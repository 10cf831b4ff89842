//! One proxy for all configurations, a few backends that are reused for whatever clusters there are, and requests sent
//! to it.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use seaway_model::{
    Endpoint, EndpointHealth, EndpointSource, KeyPair, Material, Model, Origin, PrivateKey, Protocol,
};
use seaway_proxy::{ListenerStatus, Options, Proxy};
use seaway_telemetry::{RequestRecord, RequestSink, Sinks};
use seaway_testkit::certs::Leaf;
use seaway_testkit::client::{self, Client, ClientTls, Raw};
use seaway_testkit::echo::Backend;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::requests::{Ask, Wire};

/// Longer than anything here takes; who waits so long has hung.
const DEADLINE: Duration = Duration::from_secs(20);
/// More clusters than a configuration has.
const BACKENDS: usize = 48;

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: BTreeMap<String, Vec<String>>,
    pub body: Vec<u8>,
}

impl Reply {
    /// The first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.first().map(String::as_str)
    }
}

/// What the proxy has noted of a request.
#[derive(Debug)]
pub struct Noted {
    pub status: u16,
    pub reason: Option<String>,
    pub route: Option<(Origin, u32)>,
    pub cluster: Option<String>,
}

/// What became of a request.
#[derive(Debug)]
pub enum Outcome {
    /// Nothing listens, or the handshake was refused.
    NotConnected,
    Answered(Box<(Reply, Noted)>),
}

pub struct Served {
    proxy: Proxy,
    listeners: Vec<ListenerStatus>,
    backends: Vec<Backend>,
    leaf: Leaf,
    notes: UnboundedReceiver<Noted>,
    /// Kept alive over configurations, so that these also change under a connection.
    kept: Option<Raw>,
}

impl Served {
    pub fn start(leaf: Leaf) -> io::Result<Self> {
        let (sender, notes) = unbounded_channel();
        let options = Options {
            workers: 2,
            address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            port_map: BTreeMap::from([(80, 0), (443, 0)]),
            ..Options::default()
        };
        let backends = (0..BACKENDS).map(|slot| Backend::start(slot.to_string()));
        Ok(Self {
            proxy: Proxy::start(options, Arc::new(Tap(sender)))?,
            listeners: Vec::new(),
            backends: backends.collect::<io::Result<_>>()?,
            leaf,
            notes,
            kept: None,
        })
    }

    /// Puts real backends and certificates into a model and serves it. The model as it is served, and the backend of
    /// each cluster.
    pub fn apply(&mut self, model: Model) -> (Arc<Model>, BTreeMap<String, String>) {
        let (model, slots) = self.prepare(model);
        self.serve(&model);
        (model, slots)
    }

    /// Serves a model that was prepared.
    pub fn serve(&mut self, model: &Arc<Model>) {
        self.listeners = self.proxy.apply(model);
    }

    /// Puts real backends and certificates into a model.
    pub fn prepare(&self, mut model: Model) -> (Arc<Model>, BTreeMap<String, String>) {
        let mut slots = BTreeMap::new();
        let mut free = self.backends.iter();
        for (name, cluster) in &mut model.clusters {
            let cluster = Arc::make_mut(cluster);
            if matches!(&cluster.endpoints, EndpointSource::Static(endpoints) if endpoints.is_empty()) {
                continue;
            }
            let backend = free.next().expect("more backends than clusters");
            slots.insert(name.0.to_string(), backend.name().to_owned());
            cluster.endpoints = EndpointSource::Static(vec![Endpoint {
                address: backend.addr(),
                weight: 1,
                health: EndpointHealth::Healthy,
                locality: None,
                priority: 0,
            }]);
        }
        for secret in model.secrets.values_mut() {
            Arc::make_mut(secret).material = Material::KeyPair(KeyPair {
                certificate_chain: self.leaf.certificate.clone().into(),
                private_key: PrivateKey::new(self.leaf.key.clone()),
            });
        }
        (Arc::new(model), slots)
    }

    /// Sends a request and waits for its answer and the note of it.
    pub async fn send(&mut self, ask: &Ask) -> io::Result<Outcome> {
        let Some(bound) = self.bound(ask.tls) else {
            return Ok(Outcome::NotConnected);
        };
        while self.notes.try_recv().is_ok() {}
        let reply = match (ask.tls, ask.wire) {
            (false, Wire::Http1) => within(self.over_kept(bound, ask)).await?,
            _ => match ask_at(bound, ask).await? {
                Some(reply) => reply,
                None => return Ok(Outcome::NotConnected),
            },
        };
        let noted = within(async {
            self.notes
                .recv()
                .await
                .ok_or_else(|| io::ErrorKind::BrokenPipe.into())
        });
        Ok(Outcome::Answered(Box::new((reply, noted.await?))))
    }

    fn bound(&self, tls: bool) -> Option<SocketAddr> {
        let protocol = if tls { Protocol::Https } else { Protocol::Http };
        self.listeners.iter().find(|l| l.protocol == protocol)?.bound
    }

    async fn over_kept(&mut self, bound: SocketAddr, ask: &Ask) -> io::Result<Reply> {
        let mut raw = match self.kept.take() {
            Some(raw) => raw,
            None => Raw::open(bound).await?,
        };
        let reply = over_http1(&mut raw, ask).await?;
        if reply.header("connection") != Some("close") {
            self.kept = Some(raw);
        }
        Ok(reply)
    }
}

/// Sends a request over a connection of its own. `None`: the handshake was refused.
pub async fn ask_at(bound: SocketAddr, ask: &Ask) -> io::Result<Option<Reply>> {
    let reply = match (ask.tls, ask.wire) {
        (false, Wire::Http1) => within(over_http1(&mut Raw::open(bound).await?, ask)).await?,
        (false, Wire::Http2) => over_http2(Client::open(bound, client::Wire::Http2).await?, ask).await?,
        (true, Wire::Http1) => match shake_hands(bound, ask, client::Wire::Http1).await {
            Some(stream) => within(over_http1(&mut Raw::over(stream), ask)).await?,
            None => return Ok(None),
        },
        (true, Wire::Http2) => match shake_hands(bound, ask, client::Wire::Http2).await {
            Some(stream) => over_http2(Client::over(stream, client::Wire::Http2).await?, ask).await?,
            None => return Ok(None),
        },
    };
    Ok(Some(reply))
}

async fn within<T>(what: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "nothing came");
    tokio::time::timeout(DEADLINE, what).await.map_err(late)?
}

async fn shake_hands(
    bound: SocketAddr,
    ask: &Ask,
    wire: client::Wire,
) -> Option<impl AsyncRead + AsyncWrite + Unpin + Send + use<>> {
    let name = ask.name.trim_matches(['[', ']']);
    ClientTls::blind().connect(bound, name, wire).await.ok()
}

async fn over_http1<S: AsyncRead + AsyncWrite + Unpin>(raw: &mut Raw<S>, ask: &Ask) -> io::Result<Reply> {
    let mut text = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", ask.method, ask.target, ask.host);
    for (name, value) in &ask.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !ask.body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", ask.body.len()));
    }
    text.push_str("\r\n");
    text.push_str(ask.body);
    raw.write(text.as_bytes()).await?;
    let answer = raw.read_answer_to(ask.method).await?;
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in answer.head.lines().filter_map(|line| line.split_once(':')) {
        let values = headers.entry(name.to_ascii_lowercase()).or_default();
        values.push(value.trim().to_owned());
    }
    Ok(Reply {
        status: answer.status,
        headers,
        body: answer.body,
    })
}

async fn over_http2(mut client: Client, ask: &Ask) -> io::Result<Reply> {
    let mut request = Request::builder().method(ask.method).uri(ask.uri());
    for (name, value) in &ask.headers {
        request = request.header(*name, value);
    }
    let answer = client.send(request, ask.body).await?;
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in &answer.headers {
        let values = headers.entry(name.as_str().to_owned()).or_default();
        values.push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    Ok(Reply {
        status: answer.status,
        headers,
        body: answer.body.to_vec(),
    })
}

/// Tells the test what the proxy notes.
struct Tap(UnboundedSender<Noted>);

impl Sinks for Tap {
    fn sink(&self, _: usize) -> Box<dyn RequestSink> {
        Box::new(Self(self.0.clone()))
    }
}

impl RequestSink for Tap {
    fn record(&self, record: &RequestRecord<'_>) {
        // The test is gone when nobody receives.
        let _ = self.0.send(Noted {
            status: record.status,
            reason: record.reason.map(ToOwned::to_owned),
            route: record.route.map(|route| (route.origin.clone(), route.rule)),
            cluster: record.cluster.map(|cluster| cluster.name.0.to_string()),
        });
    }
}

//! A case, served: the real proxy on ports that the system picks, an echo backend for every cluster, and the probes'
//! requests over real connections. What comes back is compared with what `explain` says, field by field.

mod backends;
mod envoy;
mod relayed;
mod url;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use seaway_model::{Model, Protocol};
use seaway_proxy::{ListenerStatus, Options, Proxy};
use seaway_route::RouteTable;
use seaway_telemetry::{RequestRecord, RequestSink, Sinks};
use seaway_testkit::cases::Probe;
use seaway_testkit::client::{ClientTls, Raw, RawAnswer, Wire};
use seaway_testkit::echo::{Backend, Received};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};

use self::backends::with_backends;
use self::url::Url;

/// Serves a model and sends the probes; one line for each thing that is not as explained.
pub async fn run(id: &str, model: Model, probes: &[Probe]) -> Vec<String> {
    Served::start(model).send_all(id, probes).await
}

/// The same with a real Envoy instead of our proxy.
pub async fn run_envoy(id: &str, model: Model, probes: &[Probe]) -> Vec<String> {
    match Served::start_envoy(model).await {
        Ok(served) => served.send_all(id, probes).await,
        Err(error) => vec![format!("{id}: {error}")],
    }
}

/// A listener that serves.
#[derive(Debug)]
struct Bound {
    port: u16,
    protocol: Protocol,
    address: SocketAddr,
}

struct Served {
    table: RouteTable,
    /// What serves, kept alive.
    _engine: Box<dyn std::any::Any>,
    listeners: Vec<Bound>,
    /// By cluster; a cluster without endpoints has none.
    backends: BTreeMap<String, Backend>,
}

impl Served {
    fn start(model: Model) -> Self {
        let (model, backends) = with_backends(model);
        let model = Arc::new(model);
        let options = Options {
            workers: 1,
            address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            port_map: model.listeners.iter().map(|l| (l.port, 0)).collect(),
            ..Options::default()
        };
        let sinks: Arc<dyn Sinks> = Arc::new(Silent);
        let proxy = Proxy::start(options, sinks).expect("a proxy");
        let listeners = proxy.apply(&model);
        Self {
            table: RouteTable::build(&model),
            _engine: Box::new(proxy),
            listeners: listeners.iter().filter_map(bound).collect(),
            backends,
        }
    }

    async fn send_all(&self, id: &str, probes: &[Probe]) -> Vec<String> {
        let mut wrong = Vec::new();
        for probe in probes.iter().filter(|probe| probe.source.is_none()) {
            let explanation = super::explained(&self.table, probe);
            let differences = match self.check(probe, &explanation).await {
                Ok(differences) => differences,
                Err(error) => vec![error.to_string()],
            };
            let title = probe.title();
            wrong.extend(differences.iter().map(|d| format!("{id}: {title}: {d}")));
        }
        wrong
    }

    async fn check(&self, probe: &Probe, explanation: &Value) -> io::Result<Vec<String>> {
        if let Some(mode) = explanation["mode"].as_str() {
            return self.relayed(mode, probe, explanation).await;
        }
        let before = self.counts();
        let answer = self.send(probe).await;
        if explanation["action"] == "none" {
            return Ok(match answer {
                Ok(answer) => vec![format!("expected no connection, got status {}", answer.status)],
                Err(_) => Vec::new(),
            });
        }
        let answer = answer?;
        let mut wrong = Vec::new();
        for (name, value) in probe.expect.response_headers.iter().flatten() {
            let got = answer.header(name);
            if got != Some(value) {
                wrong.push(format!("answer's header {name}: expected {value:?}, got {got:?}"));
            }
        }
        let injected = explanation
            .pointer("/fault/abort/percentage")
            .and_then(Value::as_f64);
        let status = explanation.pointer("/fault/abort/status").unwrap_or(&Value::Null);
        if injected == Some(100.0) {
            wrong.extend(differs("status", status, answer.status));
            return Ok(wrong);
        }
        // One in a hundred, say, is as it should be.
        let by_chance = injected > Some(0.0) && answer.header("x-echo-backend").is_none();
        if by_chance && *status == u64::from(answer.status) {
            return Ok(wrong);
        }
        match explanation["action"].as_str() {
            Some("redirect") => {
                let redirect = &explanation["redirect"];
                wrong.extend(differs("status", &redirect["status"], answer.status));
                wrong.extend(differs(
                    "location",
                    &redirect["location"],
                    answer.header("location"),
                ));
            }
            Some("forward") => {
                wrong.extend(self.forwarded(explanation, &answer));
                // A request that reaches nobody is not copied either.
                if answer.header("x-echo-backend").is_some() {
                    self.mirrored(explanation, &before).await?;
                }
            }
            _ => wrong.extend(differs(
                "status",
                explanation.pointer("/respond/status").unwrap_or(&Value::Null),
                answer.status,
            )),
        }
        Ok(wrong)
    }

    fn counts(&self) -> BTreeMap<String, usize> {
        self.backends
            .iter()
            .map(|(name, backend)| (name.clone(), backend.count()))
            .collect()
    }

    /// The backend of one of the destinations answered, and got what the explanation says.
    fn forwarded(&self, explanation: &Value, answer: &RawAnswer) -> Vec<String> {
        let destinations = explanation["destinations"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let Some(backend) = answer.header("x-echo-backend") else {
            return self.unanswered(destinations, answer.status);
        };
        let takes = |d: &&Value| d["cluster"] == backend && d["share"].as_f64() > Some(0.0);
        if !destinations.iter().any(|d| takes(&d)) {
            return vec![format!("{backend} answered, which is none of the destinations")];
        }
        let newest = self
            .backends
            .get(backend)
            .and_then(|backend| backend.requests().pop());
        let Some(received) = newest else {
            return vec![format!("{backend} answered but remembers nothing")];
        };
        as_received(&explanation["upstreamRequest"], &received)
    }

    /// No backend answered: only right where a destination cannot be reached, and then with its status.
    fn unanswered(&self, destinations: &[Value], status: u16) -> Vec<String> {
        let expected: Vec<u64> = destinations
            .iter()
            .filter(|d| d["share"].as_f64() > Some(0.0))
            .filter_map(|d| match d["cluster"].as_str() {
                Some(cluster) if self.backends.contains_key(cluster) => None,
                Some(_) => Some(503),
                None => d.pointer("/fail/status").and_then(Value::as_u64),
            })
            .collect();
        if expected.contains(&u64::from(status)) {
            return Vec::new();
        }
        vec![format!(
            "status {status} from the gateway itself; only {expected:?} could be"
        )]
    }

    /// Every copy that is always made arrives.
    async fn mirrored(&self, explanation: &Value, before: &BTreeMap<String, usize>) -> io::Result<()> {
        for mirror in explanation["mirrors"].as_array().into_iter().flatten() {
            let always = mirror["percentage"].as_f64() == Some(100.0);
            let name = mirror["cluster"].as_str().unwrap_or_default();
            if let (true, Some(backend)) = (always, self.backends.get(name)) {
                let seen = before.get(name).copied().unwrap_or_default();
                backend.wait_for(seen + 1).await?;
            }
        }
        Ok(())
    }

    async fn send(&self, probe: &Probe) -> io::Result<RawAnswer> {
        let (method, url) = probe.method_and_url();
        let url = Url::parse(url).ok_or(io::ErrorKind::InvalidInput)?;
        let port = probe.port.unwrap_or(url.port);
        let bound = self.bound(port, if url.tls { Protocol::Https } else { Protocol::Http })?;
        let host = probe
            .header_pairs()
            .find(|(name, _)| name.eq_ignore_ascii_case("host"));
        let host = host.map_or_else(|| url.host_header(), |(_, host)| host.to_owned());
        let mut request = format!("{method} {} HTTP/1.1\r\nHost: {host}\r\n", url.path);
        for (name, value) in probe.header_pairs() {
            if !name.eq_ignore_ascii_case("host") {
                request.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        request.push_str("\r\n");
        if url.tls {
            let stream = ClientTls::blind()
                .connect(bound, url.server_name(), Wire::Http1)
                .await?;
            ask(Raw::over(stream), method, &request).await
        } else {
            ask(Raw::open(bound).await?, method, &request).await
        }
    }

    fn bound(&self, port: u16, protocol: Protocol) -> io::Result<SocketAddr> {
        self.listeners
            .iter()
            .find(|listener| listener.port == port && listener.protocol == protocol)
            .map(|listener| listener.address)
            .ok_or_else(|| io::Error::other(format!("nothing listens on {port}: {:?}", self.listeners)))
    }
}

fn bound(status: &ListenerStatus) -> Option<Bound> {
    Some(Bound {
        port: status.configured_port,
        protocol: status.protocol,
        address: status.bound?,
    })
}

async fn ask<S>(mut raw: Raw<S>, method: &str, request: &str) -> io::Result<RawAnswer>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    raw.write(request.as_bytes()).await?;
    let answer = raw.read_answer_to(method);
    tokio::time::timeout(std::time::Duration::from_secs(30), answer)
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer in half a minute"))?
}

fn differs<T: serde::Serialize>(what: &str, expected: &Value, got: T) -> Option<String> {
    let got = serde_json::to_value(got).expect("JSON");
    (*expected != got).then(|| format!("{what}: explained {expected}, got {got}"))
}

/// Compares what a backend got with what the explanation says that it gets.
fn as_received(upstream: &Value, received: &Received) -> Vec<String> {
    let mut wrong = Vec::new();
    wrong.extend(differs("method", &upstream["method"], &received.method));
    wrong.extend(differs("path", &upstream["path"], &received.path));
    wrong.extend(differs("host", &upstream["host"], &received.host));
    let map = |field: &str| upstream[field].as_object().cloned().unwrap_or_default();
    for (name, value) in map("headersSet") {
        wrong.extend(differs(
            &name,
            &Value::Array(vec![value]),
            received.headers.get(&name),
        ));
    }
    for (name, value) in map("headersAdded") {
        let all = received
            .headers
            .get(&name)
            .map(|values| values.join(", "))
            .unwrap_or_default();
        if !all.ends_with(value.as_str().unwrap_or_default()) {
            wrong.push(format!("{name}: explained that {value} is added, got {all:?}"));
        }
    }
    for name in upstream["headersRemoved"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        if received.headers.contains_key(name) && !map("headersAdded").contains_key(name) {
            wrong.push(format!("{name}: explained as removed, but it was received"));
        }
    }
    wrong
}

/// Nobody reads what happened.
struct Silent;

impl Sinks for Silent {
    fn sink(&self, _: usize) -> Box<dyn RequestSink> {
        Box::new(Self)
    }
}

impl RequestSink for Silent {
    fn record(&self, _: &RequestRecord<'_>) {}
}

//! Traffic of every kind through a real Envoy, and through our own proxy from the same words.
//!
//! That a model comes back from Envoy's words as it was says nothing of what Envoy does with them. Here it does it, and
//! our proxy, which has read the same words, does the same.

mod balancing;
mod connections;
mod upstream_tls;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::Request;
use seaway_model::{
    Action, Authorities, Cluster, ClusterName, Conditions, Destination, Endpoint, EndpointSource, Forward,
    HeaderMutation, HostMatch, L4Destination, L4Route, Listener, Match, Material, Model, Origin, Pem,
    Protocol, Route, Secret, SecretName, Target, VirtualHost,
};
use seaway_proxy::Proxy;
use seaway_telemetry::{RequestRecord, RequestSink, Sinks};
use seaway_testkit::certs::{Ca, Leaf};
use seaway_testkit::client::{Answer, Client, Wire};
use seaway_testkit::envoy::Envoy;
use seaway_xds::{Delivery, decode, encode, json, static_bootstrap};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What serves a model.
struct Engine {
    name: &'static str,
    bound: BTreeMap<String, SocketAddr>,
    _serving: Serving,
}

#[expect(dead_code, reason = "kept until the test is over")]
enum Serving {
    Envoy(Envoy),
    Proxy(Proxy),
}

/// A model, served by a real Envoy and by our proxy.
async fn engines(model: &Model) -> [Engine; 2] {
    let ports = model
        .listeners
        .iter()
        .map(|listener| (listener.port, 0))
        .collect();
    let mut options = seaway_xds::Options {
        delivery: Delivery::Static,
        port_map: ports,
        address: Some(LOOPBACK),
    };
    let encoded = encode(model, &options);
    assert_eq!(encoded.unsupported, []);
    let bootstrap = json::to_value(&static_bootstrap(&encoded.resources, None)).expect("JSON");
    let envoy = Envoy::start(&bootstrap).await.expect("an Envoy that accepts it");
    let bound = envoy.listeners().await.expect("listeners");
    let theirs = Engine {
        name: "Envoy",
        bound,
        _serving: Serving::Envoy(envoy),
    };
    options.delivery = Delivery::Ads;
    let decoded = decode(&encode(model, &options).resources);
    assert_eq!(decoded.rejected, []);
    [theirs, ours(decoded.model, options.port_map)]
}

fn ours(model: Model, port_map: BTreeMap<u16, u16>) -> Engine {
    let options = seaway_proxy::Options {
        workers: 1,
        address: Some(LOOPBACK),
        port_map,
        ..seaway_proxy::Options::default()
    };
    let proxy = Proxy::start(options, Arc::new(Deaf)).expect("a proxy");
    let listeners = proxy.apply(&Arc::new(model));
    let bound = listeners
        .iter()
        .map(|l| (l.name.to_string(), l.bound.expect("it is bound")));
    Engine {
        name: "our proxy",
        bound: bound.collect(),
        _serving: Serving::Proxy(proxy),
    }
}

impl Engine {
    /// Where a listener is.
    fn at(&self, listener: &str) -> SocketAddr {
        let bound = self.bound.get(listener);
        *bound.unwrap_or_else(|| panic!("{} has no {listener}: {:?}", self.name, self.bound))
    }

    /// A connection to the plain listener.
    async fn client(&self) -> Client {
        Client::open(self.at("http-80"), Wire::Http1)
            .await
            .expect("a connection")
    }

    /// `GET http://host/`
    async fn get(&self, host: &str) -> Answer {
        ask(&mut self.client().await, host).await
    }
}

async fn ask(client: &mut Client, host: &str) -> Answer {
    let request = Request::get("/").header("host", host);
    client.send(request, "").await.expect("an answer")
}

/// Who answered; otherwise the status.
fn who(answer: &Answer) -> String {
    let backend = answer.header("x-echo-backend");
    backend.map_or_else(|| answer.status.to_string(), ToOwned::to_owned)
}

struct Deaf;

impl Sinks for Deaf {
    fn sink(&self, _: usize) -> Box<dyn RequestSink> {
        Box::new(Self)
    }
}

impl RequestSink for Deaf {
    fn record(&self, _: &RequestRecord<'_>) {}
}

fn model(listeners: Vec<Listener>, clusters: Vec<Cluster>, secrets: Vec<Secret>) -> Model {
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
fn listener(protocol: Protocol, port: u16, l4: Option<L4Route>) -> Listener {
    let word = format!("{protocol:?}").to_lowercase();
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

/// `http-80`, with a route from each host to a cluster.
fn http(hosts: &[(&str, &str)]) -> Listener {
    Listener {
        virtual_hosts: virtual_hosts(hosts),
        ..listener(Protocol::Http, 80, None)
    }
}

fn virtual_hosts(hosts: &[(&str, &str)]) -> Vec<VirtualHost> {
    let hosts = hosts.iter().map(|(host, cluster)| VirtualHost {
        host: HostMatch::parse(host).expect("a host"),
        routes: vec![Arc::new(to(cluster))],
    });
    hosts.collect()
}

/// A route for everything.
fn to(cluster: &str) -> Route {
    Route {
        origin: Origin::default(),
        rule: 0,
        matches: Match::When(Conditions::default()),
        cors: None,
        fault: None,
        request_headers: HeaderMutation::default(),
        response_headers: HeaderMutation::default(),
        mirrors: Vec::new(),
        action: Action::Forward(Forward {
            destinations: vec![Destination {
                target: Target::Cluster(ClusterName(cluster.into())),
                weight: 1,
                request_headers: HeaderMutation::default(),
                response_headers: HeaderMutation::default(),
            }],
            ..Forward::default()
        }),
    }
}

/// A route for connections or sessions.
fn l4(destinations: &[(&str, u32)]) -> L4Route {
    let destinations = destinations.iter().map(|(cluster, weight)| L4Destination {
        target: Target::Cluster(ClusterName((*cluster).into())),
        weight: *weight,
    });
    L4Route {
        origin: Origin::default(),
        rule: 0,
        destinations: destinations.collect(),
        idle_timeout: None,
        hash_source_ip: false,
    }
}

fn cluster(name: &str, endpoints: &[SocketAddr]) -> Cluster {
    let endpoints = endpoints.iter().map(|address| Endpoint::new(*address)).collect();
    of(name, EndpointSource::Static(endpoints))
}

fn of(name: &str, endpoints: EndpointSource) -> Cluster {
    Cluster::new(ClusterName(name.into()), Origin::default(), endpoints)
}

/// `test/NAME`
fn name(name: &str) -> SecretName {
    SecretName(format!("test/{name}").into())
}

fn secret(of: &str, material: Material) -> Secret {
    Secret {
        name: name(of),
        origin: Origin::default(),
        material,
    }
}

fn authority(of: &str, ca: &Ca) -> Secret {
    secret(of, Material::Authorities(Pem::from(ca.pem()).into()))
}

/// The same, which has revoked these.
fn revoking(of: &str, ca: &Ca, leaves: &[&Leaf]) -> Secret {
    let authorities = Authorities {
        certificates: ca.pem().into(),
        revoked: Some(ca.revoking(leaves).into()),
    };
    secret(of, Material::Authorities(authorities))
}

fn key_pair(of: &str, leaf: &Leaf) -> Secret {
    let pair = seaway_model::KeyPair {
        certificate_chain: leaf.certificate.clone().into(),
        private_key: seaway_model::PrivateKey::new(leaf.key.clone()),
    };
    secret(of, Material::KeyPair(pair))
}

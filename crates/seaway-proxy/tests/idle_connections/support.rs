//! What the system says of this process, and a proxy whose sinks say nothing.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use seaway_model::{Cluster, ClusterName, Endpoint, EndpointSource, Origin};
use seaway_proxy::{Options, Proxy};
use seaway_telemetry::{RequestRecord, RequestSink, Sinks};

struct Silence;

/// Descriptors for everything else.
const OTHERS: usize = 100;

impl Sinks for Silence {
    fn sink(&self, _: usize) -> Box<dyn RequestSink> {
        Box::new(Self)
    }
}

impl RequestSink for Silence {
    fn record(&self, _: &RequestRecord<'_>) {}
}

/// A proxy on loopback; the system picks the ports of these listeners.
pub fn start(workers: usize, ports: &[u16]) -> Proxy {
    let options = Options {
        workers,
        address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        port_map: ports.iter().map(|port| (*port, 0)).collect(),
        ..Options::default()
    };
    Proxy::start(options, Arc::new(Silence)).unwrap()
}

/// A cluster of one endpoint.
pub fn cluster(endpoint: SocketAddr) -> Cluster {
    let endpoints = EndpointSource::Static(vec![Endpoint::new(endpoint)]);
    Cluster::new(ClusterName("c".into()), Origin::default(), endpoints)
}

/// How many connections can be measured that take so many descriptors each, since both ends are in this process.
pub fn affordable(most: usize, each: usize) -> usize {
    let count = most.min((descriptors() - OTHERS) / each);
    assert!(
        count >= 50,
        "too few descriptors are allowed to measure anything: {count}"
    );
    count
}

/// How many files this process may have open.
fn descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let soft = line.split_whitespace().nth(3).unwrap();
    soft.parse().unwrap_or(usize::MAX)
}

/// Bytes of memory that this process has in use.
pub fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    let kibibytes: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes * 1024
}

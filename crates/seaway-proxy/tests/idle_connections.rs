//! What idle connections cost. A test binary of its own, since it asks the system what the whole process costs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what goes wrong in a test has to stop it"
)]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use seaway_model::*;
use seaway_proxy::Proxy;

use self::support::{affordable, cluster, resident};

#[path = "idle_connections/support.rs"]
mod support;

/// Each takes four descriptors here. 10,000 would need more than many a machine allows; the cost of one does not depend on
/// how many there are.
const MOST: usize = 4_000;

/// 10,000 are to stay under 200 MiB.
const ALLOWED: usize = 200 * 1024 * 1024 / 10_000;

#[test]
fn ten_thousand_idle_connections_would_stay_under_200_mebibytes() {
    let count = affordable(MOST, 4);
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (_proxy, address) = start(server.local_addr().unwrap());
    // What is needed once, however many there are.
    let first = connect(address, &server);
    let before = resident();
    let all: Vec<_> = (0..count).map(|_| connect(address, &server)).collect();
    let each = resident().saturating_sub(before) / count;
    println!("{each} bytes for each of {count}");
    assert!(each < ALLOWED, "{each} bytes for each of {count}");
    drop((first, all));
}

/// A connection through which more has gone than it may keep room for.
fn connect(address: SocketAddr, server: &TcpListener) -> (TcpStream, TcpStream) {
    let mut client = TcpStream::connect(address).unwrap();
    let (mut upstream, _) = server.accept().unwrap();
    let mut bytes = [7; 50_000];
    client.write_all(&bytes).unwrap();
    upstream.read_exact(&mut bytes).unwrap();
    upstream.write_all(&bytes).unwrap();
    client.read_exact(&mut bytes).unwrap();
    (client, upstream)
}

fn start(endpoint: SocketAddr) -> (Proxy, SocketAddr) {
    let proxy = support::start(2, &[9000]);
    let cluster = cluster(endpoint);
    let listener = Listener {
        name: "tcp-9000".into(),
        origin: Origin::default(),
        address: None,
        port: 9000,
        protocol: Protocol::Tcp,
        proxy_protocol: false,
        tls: None,
        virtual_hosts: Vec::new(),
        l4: Some(Arc::new(L4Route {
            origin: Origin::default(),
            rule: 0,
            destinations: vec![L4Destination {
                target: Target::Cluster(cluster.name.clone()),
                weight: 1,
            }],
            idle_timeout: None,
            hash_source_ip: false,
        })),
    };
    let model = Model {
        listeners: vec![Arc::new(listener)],
        clusters: [(cluster.name.clone(), Arc::new(cluster))].into(),
        ..Model::default()
    };
    let statuses = proxy.apply(&Arc::new(model));
    let address = statuses.first().unwrap().bound.unwrap();
    (proxy, address)
}

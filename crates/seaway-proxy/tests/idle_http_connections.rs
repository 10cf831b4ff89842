//! What idle connections cost that have served a request. A test binary of its own, since it asks the system what the
//! whole process costs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what goes wrong in a test has to stop it"
)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use seaway_model::*;
use seaway_proxy::Proxy;

use self::support::{affordable, cluster, resident};

#[path = "idle_connections/support.rs"]
mod support;

/// The cost of one does not depend on how many there are.
const MOST: usize = 5_000;

const PLAIN: usize = 8 * 1024;
const TLS: usize = 24 * 1024;

const HOST: &str = "a.example";

#[test]
fn idle_connections_cost_little_once_they_have_served() {
    // Those without TLS may still be closing while those with it are opened.
    let count = affordable(MOST, 4);
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    let proxy = start(answering(), &made);
    let bound = |name: &str| {
        let listeners = proxy.listeners();
        let listener = listeners.iter().find(|l| *l.name == *name).unwrap();
        listener.bound.unwrap_or_else(|| panic!("{listener:?}"))
    };

    let (plain, tls) = (bound("http-80"), bound("https-443"));
    let config = trusting(&made);
    let plain = cost(count, || ask(TcpStream::connect(plain).unwrap()));
    let tls = cost(count, || {
        let client = ClientConnection::new(Arc::clone(&config), HOST.try_into().unwrap()).unwrap();
        // Only the socket is kept: what the client knows of the session is not what is measured.
        ask(StreamOwned::new(client, TcpStream::connect(tls).unwrap())).sock
    });
    println!("{plain} bytes for each of {count}, {tls} with TLS");
    assert!(plain <= PLAIN, "{plain} bytes for each of {count}");
    assert!(tls <= TLS, "{tls} bytes for each of {count} with TLS");
}

/// What each of so many keeps.
fn cost(count: usize, connect: impl Fn() -> TcpStream) -> usize {
    // What is needed once, however many there are.
    let first: Vec<_> = (0..20).map(|_| connect()).collect();
    let before = resident();
    let all: Vec<_> = (0..count).map(|_| connect()).collect();
    let each = resident().saturating_sub(before) / count;
    drop((first, all));
    each
}

/// Has one request answered.
fn ask<IO: Read + Write>(mut io: IO) -> IO {
    io.write_all(format!("GET /x HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: a browser\r\n\r\n").as_bytes())
        .unwrap();
    let mut got = Vec::new();
    let mut byte = [0];
    while !got.ends_with(b"\r\n\r\nok") {
        io.read_exact(&mut byte).unwrap();
        got.push(byte[0]);
    }
    assert!(got.starts_with(b"HTTP/1.1 200 "));
    io
}

/// An upstream that answers every request.
fn answering() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        request.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if request.ends_with(b"\r\n\r\n") {
            request.clear();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
        }
    }
}

fn start(endpoint: SocketAddr, made: &rcgen::CertifiedKey<rcgen::KeyPair>) -> Proxy {
    let proxy = support::start(1, &[80, 443]);
    let cluster = cluster(endpoint);
    let secret = Secret {
        name: SecretName("s".into()),
        origin: Origin::default(),
        material: Material::KeyPair(KeyPair {
            certificate_chain: made.cert.pem().into(),
            private_key: PrivateKey::new(made.signing_key.serialize_pem()),
        }),
    };
    let tls = ListenerTls {
        certificates: vec![ServerCertificate {
            host: HostMatch::parse(HOST).unwrap(),
            secret: secret.name.clone(),
            alternative: None,
            parameters: Default::default(),
        }],
        routes: Vec::new(),
    };
    let listeners = vec![
        Arc::new(listener("http-80", 80, Protocol::Http, None, &cluster.name)),
        Arc::new(listener(
            "https-443",
            443,
            Protocol::Https,
            Some(tls),
            &cluster.name,
        )),
    ];
    proxy.apply(&Arc::new(Model {
        listeners,
        clusters: [(cluster.name.clone(), Arc::new(cluster))].into(),
        secrets: [(secret.name.clone(), Arc::new(secret))].into(),
    }));
    proxy
}

fn listener(
    name: &str,
    port: u16,
    protocol: Protocol,
    tls: Option<ListenerTls>,
    cluster: &ClusterName,
) -> Listener {
    let forward = Forward {
        destinations: vec![Destination {
            target: Target::Cluster(cluster.clone()),
            weight: 1,
            request_headers: HeaderMutation::default(),
            response_headers: HeaderMutation::default(),
        }],
        ..Forward::default()
    };
    let route = Route {
        origin: Origin::default(),
        rule: 0,
        matches: Match::When(Conditions::default()),
        cors: None,
        fault: None,
        request_headers: HeaderMutation::default(),
        response_headers: HeaderMutation::default(),
        mirrors: Vec::new(),
        action: Action::Forward(forward),
    };
    Listener {
        name: name.into(),
        origin: Origin::default(),
        address: None,
        port,
        protocol,
        proxy_protocol: false,
        tls,
        virtual_hosts: vec![VirtualHost {
            host: HostMatch::Any,
            routes: vec![Arc::new(route)],
        }],
        l4: None,
    }
}

fn trusting(made: &rcgen::CertifiedKey<rcgen::KeyPair>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
}

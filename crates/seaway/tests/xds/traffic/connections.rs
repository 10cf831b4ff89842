//! Connections and datagrams that are relayed, and what is asked of those who connect.

use seaway_model::{
    ClientValidation, ListenerTls, Pins, ProxyProtocolVersion, ServerCertificate, ServerNameRoute, TlsMode,
    TlsParameters,
};
use seaway_testkit::client::ClientTls;
use seaway_testkit::echo::Backend;
use seaway_testkit::tls_front::TlsFront;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

use super::*;
use crate::backend;
use crate::support::DEADLINE;

fn named(backend: &Backend) -> Cluster {
    cluster(backend.name(), &[backend.addr()])
}

/// `GET` over a connection of its own.
async fn get(to: SocketAddr, first: &[u8]) -> Answer {
    let mut tcp = TcpStream::connect(to).await.expect("a connection");
    tcp.write_all(first).await.expect("written");
    let mut client = Client::over(tcp, Wire::Http1).await.expect("a client");
    ask(&mut client, "a.test").await
}

#[tokio::test]
async fn connections_are_relayed_by_weight() {
    let (one, two, never) = (backend("one"), backend("two"), backend("never"));
    let route = l4(&[("one", 1), ("two", 1), ("never", 0)]);
    let model = model(
        vec![listener(Protocol::Tcp, 9000, Some(route))],
        [&one, &two, &never].map(named).into(),
        Vec::new(),
    );
    for engine in engines(&model).await {
        let mut seen = BTreeMap::<String, u32>::new();
        for _ in 0..60 {
            *seen
                .entry(who(&get(engine.at("tcp-9000"), b"").await))
                .or_default() += 1;
        }
        let names: Vec<&str> = seen.keys().map(String::as_str).collect();
        assert_eq!(names, ["one", "two"], "{}", engine.name);
        assert!(
            seen.values().all(|count| *count > 10),
            "{}: {seen:?}",
            engine.name
        );
    }
}

#[tokio::test]
async fn datagrams_go_to_their_upstream_and_answers_come_back() {
    let upstream = UdpSocket::bind((LOOPBACK, 0)).await.expect("a port");
    let address = upstream.local_addr().expect("an address");
    let echoing = tokio::spawn(async move {
        let mut space = [0; 2048];
        while let Ok((count, peer)) = upstream.recv_from(&mut space).await {
            let answer = [b"heard ", &space[..count]].concat();
            upstream.send_to(&answer, peer).await.expect("sent");
        }
    });
    let route = l4(&[("names", 1)]);
    let model = model(
        vec![listener(Protocol::Udp, 53, Some(route))],
        vec![cluster("names", &[address])],
        Vec::new(),
    );
    for engine in engines(&model).await {
        let client = UdpSocket::bind((LOOPBACK, 0)).await.expect("a port");
        client.connect(engine.at("udp-53")).await.expect("an address");
        client.send(b"hello").await.expect("sent");
        let mut space = [0; 2048];
        let count = timeout(DEADLINE, client.recv(&mut space))
            .await
            .expect("in time")
            .expect("an answer");
        assert_eq!(&space[..count], b"heard hello", "{}", engine.name);
    }
    echoing.abort();
}

#[tokio::test]
async fn a_client_behind_a_balancer_is_who_the_proxy_header_names() {
    let shop = backend("shop");
    let front = Listener {
        proxy_protocol: true,
        ..http(&[("*", "shop")])
    };
    let model = model(vec![front], vec![named(&shop)], Vec::new());
    for engine in engines(&model).await {
        let header = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n";
        let answer = get(engine.at("http-80"), header).await;
        let received = answer.received().expect("an echo");
        let client = received
            .headers
            .get("x-forwarded-for")
            .and_then(|values| values.first());
        assert_eq!(client.map(String::as_str), Some("192.0.2.7"), "{}", engine.name);
    }
}

/// What an upstream hears first of a client that says `hello`.
async fn heard(engine: &Engine, upstream: &TcpListener) -> (Vec<u8>, SocketAddr) {
    let mut client = TcpStream::connect(engine.at("tcp-9000"))
        .await
        .expect("a connection");
    client.write_all(b"hello").await.expect("written");
    let (mut accepted, _) = timeout(DEADLINE, upstream.accept())
        .await
        .expect("in time")
        .expect("a connection");
    let mut heard = Vec::new();
    while !heard.ends_with(b"hello") {
        let read = timeout(DEADLINE, accepted.read_buf(&mut heard))
            .await
            .expect("in time");
        assert_ne!(read.expect("bytes"), 0, "{} ends it: {heard:?}", engine.name);
    }
    (heard, client.local_addr().expect("an address"))
}

#[tokio::test]
async fn an_upstream_is_told_by_a_proxy_header_who_the_client_is() {
    let upstream = TcpListener::bind((LOOPBACK, 0)).await.expect("a port");
    for version in [ProxyProtocolVersion::V1, ProxyProtocolVersion::V2] {
        let mut told = cluster("told", &[upstream.local_addr().expect("an address")]);
        told.proxy_protocol = Some(version);
        let route = l4(&[("told", 1)]);
        let model = model(
            vec![listener(Protocol::Tcp, 9000, Some(route))],
            vec![told],
            Vec::new(),
        );
        for engine in engines(&model).await {
            let (bytes, client) = heard(&engine, &upstream).await;
            match version {
                ProxyProtocolVersion::V1 => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let words: Vec<&str> = text.split(' ').collect();
                    let expected = ["PROXY", "TCP4", "127.0.0.1", "127.0.0.1"];
                    assert_eq!(
                        words.get(..4),
                        Some(expected.as_slice()),
                        "{}: {text}",
                        engine.name
                    );
                    assert_eq!(
                        words.get(4),
                        Some(&&*client.port().to_string()),
                        "{}: {text}",
                        engine.name
                    );
                }
                ProxyProtocolVersion::V2 => {
                    // The signature, a connection over TCP and IPv4, and after both addresses the client's port.
                    assert!(
                        bytes.starts_with(b"\r\n\r\n\0\r\nQUIT\n\x21\x11"),
                        "{}: {bytes:?}",
                        engine.name
                    );
                    assert_eq!(
                        bytes.get(24..26),
                        Some(client.port().to_be_bytes().as_slice()),
                        "{}",
                        engine.name
                    );
                }
            }
        }
    }
}

fn https(certificates: Vec<ServerCertificate>, routes: Vec<ServerNameRoute>) -> Listener {
    Listener {
        tls: Some(ListenerTls { certificates, routes }),
        virtual_hosts: virtual_hosts(&[("served.test", "inside")]),
        ..listener(Protocol::Https, 443, None)
    }
}

fn certificate(host: &str) -> ServerCertificate {
    ServerCertificate::new(HostMatch::parse(host).expect("a host"), name("ours"))
}

async fn get_https(engine: &Engine, host: &str, tls: &ClientTls) -> std::io::Result<Answer> {
    let mut client = Client::open_tls(engine.at("https-443"), Wire::Http1, host, tls).await?;
    client.send(Request::get("/").header("host", host), "").await
}

#[tokio::test]
async fn a_server_name_decides_whether_a_connection_is_served_relayed_or_passed_through() {
    let (ours, theirs) = (Ca::new("ours"), Ca::new("theirs"));
    let (inside, outside) = (backend("inside"), backend("outside"));
    let front = TlsFront::start(&theirs.leaf(&["passed.test"]), None, outside.addr())
        .await
        .expect("a port");
    let route = |host: &str, mode, cluster: &str| ServerNameRoute {
        host: HostMatch::parse(host).expect("a host"),
        mode,
        route: Arc::new(l4(&[(cluster, 1)])),
    };
    let model = model(
        vec![https(
            vec![certificate("ended.test"), certificate("served.test")],
            vec![
                route("ended.test", TlsMode::Terminate, "inside"),
                route("passed.test", TlsMode::Passthrough, "front"),
            ],
        )],
        vec![named(&inside), cluster("front", &[front.addr()])],
        vec![key_pair("ours", &ours.leaf(&["served.test", "ended.test"]))],
    );
    let trusting = |ca: &Ca| ClientTls::trusting(&ca.pem()).expect("a root");
    for engine in engines(&model).await {
        for (host, ca, expected) in [
            ("served.test", &ours, "inside"),
            ("ended.test", &ours, "inside"),
            ("passed.test", &theirs, "outside"),
        ] {
            let answer = get_https(&engine, host, &trusting(ca)).await.expect("an answer");
            assert_eq!(who(&answer), expected, "{} {host}", engine.name);
        }
        // A connection that was passed through never was ours; one that is ended here is not read.
        let refused = get_https(&engine, "unknown.test", &ClientTls::blind()).await;
        assert!(refused.is_err(), "{}", engine.name);
    }
}

#[tokio::test]
async fn clients_that_have_to_prove_who_they_are_do_or_are_refused() {
    let (ours, clients, strangers) = (Ca::new("ours"), Ca::new("clients"), Ca::new("strangers"));
    let inside = backend("inside");
    let mut asking = certificate("served.test");
    asking.parameters = TlsParameters {
        client: Some(ClientValidation {
            authorities: name("clients"),
            required: true,
            subject_alt_names: vec!["good.test".into()],
            pins: Pins::default(),
        }),
        ..TlsParameters::default()
    };
    let model = model(
        vec![https(vec![asking], Vec::new())],
        vec![named(&inside)],
        vec![
            key_pair("ours", &ours.leaf(&["served.test"])),
            authority("clients", &clients),
        ],
    );
    let trusting = || ClientTls::trusting(&ours.pem()).expect("a root");
    for engine in engines(&model).await {
        let good = trusting().proving(&clients.leaf(&["good.test"]));
        let answer = get_https(&engine, "served.test", &good).await.expect("an answer");
        let received = answer.received().expect("an echo");
        let told = received
            .headers
            .get("x-forwarded-client-cert")
            .and_then(|values| values.first());
        assert!(
            told.is_some_and(|told| told.contains("DNS=good.test")),
            "{}: {told:?}",
            engine.name
        );
        for bad in [
            trusting(),
            trusting().proving(&strangers.leaf(&["good.test"])),
            trusting().proving(&clients.leaf(&["other.test"])),
        ] {
            let refused = get_https(&engine, "served.test", &bad).await;
            assert!(refused.is_err(), "{}: {refused:?}", engine.name);
        }
    }
    assert_eq!(inside.count(), 2);
}

#[tokio::test]
async fn clients_are_pinned_by_their_certificates_or_their_keys() {
    let (ours, clients) = (Ca::new("ours"), Ca::new("clients"));
    let inside = backend("inside");
    let (by_key, by_hash, other) = (
        clients.leaf(&["a.test"]),
        clients.leaf(&["b.test"]),
        clients.leaf(&["c.test"]),
    );
    let mut asking = certificate("served.test");
    asking.parameters.client = Some(ClientValidation {
        authorities: name("clients"),
        required: true,
        subject_alt_names: Vec::new(),
        pins: Pins {
            keys: vec![by_key.key_hash()],
            certificates: vec![by_hash.hash()],
        },
    });
    let model = model(
        vec![https(vec![asking], Vec::new())],
        vec![named(&inside)],
        vec![
            key_pair("ours", &ours.leaf(&["served.test"])),
            authority("clients", &clients),
        ],
    );
    let proving = |leaf| ClientTls::trusting(&ours.pem()).expect("a root").proving(leaf);
    for engine in engines(&model).await {
        for leaf in [&by_key, &by_hash] {
            let answer = get_https(&engine, "served.test", &proving(leaf))
                .await
                .expect("an answer");
            assert_eq!(who(&answer), "inside", "{}", engine.name);
        }
        let refused = get_https(&engine, "served.test", &proving(&other)).await;
        assert!(refused.is_err(), "{}: {refused:?}", engine.name);
    }
}

#[tokio::test]
async fn a_client_whose_certificate_was_revoked_is_refused() {
    let (ours, clients) = (Ca::new("ours"), Ca::new("clients"));
    let inside = backend("inside");
    let (good, revoked) = (clients.leaf(&["a.test"]), clients.leaf(&["b.test"]));
    let mut asking = certificate("served.test");
    asking.parameters.client = Some(ClientValidation {
        authorities: name("clients"),
        required: true,
        subject_alt_names: Vec::new(),
        pins: Pins::default(),
    });
    let model = model(
        vec![https(vec![asking], Vec::new())],
        vec![named(&inside)],
        vec![
            key_pair("ours", &ours.leaf(&["served.test"])),
            revoking("clients", &clients, &[&revoked]),
        ],
    );
    let proving = |leaf| ClientTls::trusting(&ours.pem()).expect("a root").proving(leaf);
    for engine in engines(&model).await {
        let answer = get_https(&engine, "served.test", &proving(&good))
            .await
            .expect("an answer");
        assert_eq!(who(&answer), "inside", "{}", engine.name);
        let refused = get_https(&engine, "served.test", &proving(&revoked)).await;
        assert!(refused.is_err(), "{}: {refused:?}", engine.name);
    }
}

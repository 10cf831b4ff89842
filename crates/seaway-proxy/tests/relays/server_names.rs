//! TLS that goes by its server name: through, or taken off.

use std::sync::Arc;
use std::time::Duration;

use rustls::AlertDescription;
use seaway_model::*;
use seaway_proxy::Options;
use seaway_proxy::challenges::AcmeChallenges;
use tokio::net::TcpStream;

use super::support::*;

/// TLS of its own, which says a word and sends everything back.
async fn tls_echo(made: &Made, word: &'static str) -> std::net::SocketAddr {
    let config = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.der.clone()], made.key.clone_key())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let server = Server::start().await;
    let address = server.address;
    tokio::spawn(async move {
        loop {
            let stream = server.accept().await;
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await.unwrap();
                write(&mut stream, word.as_bytes()).await;
                let (mut read, mut write) = tokio::io::split(stream);
                tokio::io::copy(&mut read, &mut write).await.ok();
            });
        }
    });
    address
}

#[tokio::test]
async fn a_name_decides_who_ends_its_tls() {
    let (theirs, ours, site) = (made("theirs.example"), made("ours.example"), made("site.example"));
    let (behind, plain) = (tls_echo(&theirs, "tls").await, echo("tcp").await);
    let mut gate = Gate::new();
    let listener = https(
        vec![certificate("ours.example"), certificate("site.example")],
        vec![
            ("theirs.example", TlsMode::Passthrough, to("behind")),
            ("ours.example", TlsMode::Terminate, to("plain")),
        ],
    );
    let clusters = vec![cluster("behind", &[behind]), cluster("plain", &[plain])];
    gate.serve(
        vec![listener],
        clusters,
        vec![ours.secret.clone(), site.secret.clone()],
    );
    let config = trusting(&[&theirs, &ours, &site], &[]);

    for (name, made, word) in [
        ("theirs.example", &theirs, b"tls"),
        ("ours.example", &ours, b"tcp"),
    ] {
        let mut client = shake(&gate, &config, name).await.unwrap();
        assert_eq!(client.get_ref().1.peer_certificates().unwrap()[0], made.der);
        assert_eq!(read(&mut client, 3).await, word);
        write(&mut client, b"and back").await;
        assert_eq!(read(&mut client, 8).await, b"and back");
        assert_eq!(gate.opened().await.server_name.as_deref(), Some(name));
    }
    let mut client = shake(&gate, &config, "site.example").await.unwrap();
    write(&mut client, GET).await;
    assert!(introduction(&rest(&mut client).await).starts_with("https-443 "));
    let stats = gate.proxy.stats();
    assert_eq!((stats.passed_through, stats.handshakes), (1, 2));
}

#[tokio::test]
async fn what_goes_through_is_untouched_from_the_first_byte() {
    let server = Server::start().await;
    let gate = Gate::new();
    let listener = https(Vec::new(), vec![("a.example", TlsMode::Passthrough, to("c"))]);
    gate.serve(vec![listener], vec![cluster("c", &[server.address])], Vec::new());
    let mut hello = Vec::new();
    let name = "a.example".try_into().unwrap();
    let mut session = rustls::ClientConnection::new(trusting(&[], &["h2"]), name).unwrap();
    session.write_tls(&mut hello).unwrap();
    // More than the hello, in pieces.
    hello.extend_from_slice(b"whatever comes after it");
    let mut client = gate.connect(443).await;
    for piece in hello.chunks(7) {
        write(&mut client, piece).await;
    }
    let mut upstream = server.accept().await;
    assert_eq!(read(&mut upstream, hello.len()).await, hello);
    write(&mut upstream, b"not even TLS").await;
    assert_eq!(read(&mut client, 12).await, b"not even TLS");
}

#[tokio::test]
async fn a_name_that_nobody_has_is_refused() {
    let a = made("a.example");
    let gate = Gate::new();
    let routes = vec![("b.example", TlsMode::Passthrough, to("c"))];
    let listener = https(vec![certificate("a.example")], routes);
    gate.serve(vec![listener], vec![cluster("c", &[])], vec![a.secret.clone()]);
    let error = shake(&gate, &trusting(&[&a], &[]), "c.example")
        .await
        .unwrap_err();
    assert_eq!(alert(&error), AlertDescription::UnrecognisedName);
}

#[tokio::test]
async fn whoever_sends_no_name_goes_where_all_names_go() {
    let address = made("127.0.0.1");
    let behind = tls_echo(&address, "all").await;
    let gate = Gate::new();
    let serve = |host: &str| {
        let listener = https(Vec::new(), vec![(host, TlsMode::Passthrough, to("c"))]);
        gate.serve(vec![listener], vec![cluster("c", &[behind])], Vec::new());
    };
    let config = trusting(&[&address], &[]);
    serve("*");
    let mut client = shake(&gate, &config, "127.0.0.1").await.unwrap();
    assert_eq!(read(&mut client, 3).await, b"all");
    serve("*.example");
    let error = shake(&gate, &config, "127.0.0.1").await.unwrap_err();
    assert_eq!(alert(&error), AlertDescription::UnrecognisedName);
}

#[tokio::test]
async fn what_is_taken_off_may_speak_anything() {
    let a = made("a.example");
    let gate = Gate::new();
    let routes = vec![("a.example", TlsMode::Terminate, to("c"))];
    let listener = https(vec![certificate("a.example")], routes);
    let clusters = vec![cluster("c", &[echo("!").await])];
    gate.serve(vec![listener], clusters, vec![a.secret.clone()]);
    let mut client = shake(&gate, &trusting(&[&a], &["postgresql"]), "a.example")
        .await
        .unwrap();
    assert_eq!(read(&mut client, 1).await, b"!");
    assert_eq!(client.get_ref().1.alpn_protocol(), None);
}

#[tokio::test]
async fn a_hello_that_does_not_come_is_not_waited_for() {
    let mut options = options();
    options.limits.handshake_timeout = Duration::from_millis(30);
    let gate = Gate::with(options);
    let listener = https(Vec::new(), vec![("*", TlsMode::Passthrough, to("c"))]);
    gate.serve(vec![listener], vec![cluster("c", &[])], Vec::new());
    for start in [&b""[..], b"\x16\x03\x01"] {
        let mut client = gate.connect(443).await;
        write(&mut client, start).await;
        assert_eq!(rest(&mut client).await, b"");
    }
}

#[tokio::test]
async fn what_is_not_tls_is_not_passed_through() {
    let server = Server::start().await;
    let gate = Gate::new();
    let listener = https(Vec::new(), vec![("*", TlsMode::Passthrough, to("c"))]);
    gate.serve(vec![listener], vec![cluster("c", &[server.address])], Vec::new());
    let mut client = gate.connect(443).await;
    write(&mut client, GET).await;
    // An alert, and the end. The rest of the request was never read, so that the end may be a reset.
    let mut bytes = Vec::new();
    within(tokio::io::AsyncReadExt::read_to_end(&mut client, &mut bytes))
        .await
        .ok();
    assert_eq!(bytes.first(), Some(&21), "{bytes:?}");
    assert_eq!(gate.proxy.stats().passed_through, 0);
}

/// A proof for one name.
#[derive(Debug)]
struct Pending(Arc<KeyPair>);

impl AcmeChallenges for Pending {
    fn http01(&self, _: &str) -> Option<Arc<str>> {
        None
    }

    fn tls_alpn01(&self, server_name: &str) -> Option<Arc<KeyPair>> {
        (server_name == "a.example").then(|| Arc::clone(&self.0))
    }
}

#[tokio::test]
async fn a_proof_that_is_pending_comes_before_every_route() {
    let (proof, theirs) = (made("a.example"), made("b.example"));
    let Material::KeyPair(pair) = &proof.secret.material else {
        panic!("a pair")
    };
    let gate = Gate::with(Options {
        challenges: Some(Arc::new(Pending(Arc::new(pair.clone())))),
        ..options()
    });
    let behind = tls_echo(&theirs, "!").await;
    let listener = https(Vec::new(), vec![("*", TlsMode::Passthrough, to("c"))]);
    gate.serve(vec![listener], vec![cluster("c", &[behind])], Vec::new());
    let config = trusting(&[&proof, &theirs], &["acme-tls/1"]);
    let client = shake(&gate, &config, "a.example").await.unwrap();
    assert_eq!(client.get_ref().1.peer_certificates().unwrap()[0], proof.der);
    // A name that is not pending is the business of whoever has it.
    let client = shake(&gate, &config, "b.example").await.unwrap();
    assert_eq!(client.get_ref().1.peer_certificates().unwrap()[0], theirs.der);
}

#[tokio::test]
async fn half_a_connection_may_be_closed_inside_tls() {
    let a = made("a.example");
    let server = Server::start().await;
    let gate = Gate::new();
    let routes = vec![("a.example", TlsMode::Terminate, to("c"))];
    let listener = https(vec![certificate("a.example")], routes);
    let clusters = vec![cluster("c", &[server.address])];
    gate.serve(vec![listener], clusters, vec![a.secret.clone()]);
    let mut client: Tls = shake(&gate, &trusting(&[&a], &[]), "a.example").await.unwrap();
    write(&mut client, b"question").await;
    within(tokio::io::AsyncWriteExt::shutdown(&mut client))
        .await
        .unwrap();
    let mut upstream: TcpStream = server.accept().await;
    assert_eq!(rest(&mut upstream).await, b"question");
    write(&mut upstream, b"answer").await;
    drop(upstream);
    assert_eq!(rest(&mut client).await, b"answer");
}

//! TLS to endpoints: who is believed, who we say we are, and what happens when that changes.

#[path = "tls/server.rs"]
mod server;

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair, SanType};
use seaway_model::{
    Cluster, EndpointSource, Material, Model, NamedEndpoint, Origin, Pem, PrivateKey, Secret, SecretName,
    Trust, UpstreamProtocol, UpstreamTls,
};
use seaway_proxy::error::{Failure, TlsFault};
use seaway_proxy::upstream::{ClusterState, Registry, dial};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::*;
use server::{Authority, Identity, serve_tls};

const HTTP1: UpstreamProtocol = UpstreamProtocol::Http1;
const HTTP2: UpstreamProtocol = UpstreamProtocol::Http2;

fn secret(name: &str, material: Material) -> Secret {
    Secret {
        name: SecretName(name.into()),
        origin: Origin::default(),
        material,
    }
}

fn authorities(authority: &Authority) -> Secret {
    secret(
        "default/ca",
        Material::Authorities(Pem::from(authority.pem()).into()),
    )
}

fn key_pair(identity: &Identity) -> Secret {
    let pair = seaway_model::KeyPair {
        certificate_chain: identity.chain.as_str().into(),
        private_key: PrivateKey::new(identity.key.as_str()),
    };
    secret("default/client", Material::KeyPair(pair))
}

/// Believes the authorities of the secret, and nothing more.
fn tls() -> UpstreamTls {
    UpstreamTls {
        trust: Trust::Secret(SecretName("default/ca".into())),
        ..UpstreamTls::default()
    }
}

fn with_tls(protocol: UpstreamProtocol, address: SocketAddr, tls: UpstreamTls) -> Cluster {
    Cluster {
        tls: Some(tls),
        ..static_cluster(protocol, &[address])
    }
}

fn apply_with(registry: &Registry, cluster: Cluster, secrets: Vec<Secret>) -> Arc<ClusterState> {
    let name = cluster.name.clone();
    let mut model = Model::default();
    model.clusters.insert(name.clone(), Arc::new(cluster));
    model.secrets = secrets
        .into_iter()
        .map(|secret| (secret.name.clone(), Arc::new(secret)))
        .collect();
    Arc::clone(registry.apply(&model).get(&name).unwrap())
}

async fn failure(cluster: &Arc<ClusterState>) -> Failure {
    let error = once(cluster, get("/")).await.unwrap_err();
    assert!(error.request.is_some(), "nothing was sent");
    error.failure
}

#[tokio::test]
async fn the_requests_host_is_the_server_name_and_is_checked() {
    let authority = Authority::new();
    for (protocol, spoken) in [(HTTP1, "http/1.1"), (HTTP2, "h2")] {
        let mut server = serve_tls(&authority.for_host("shop.example.com"), None).await;
        let config = with_tls(protocol, server.address, tls());
        let cluster = apply_with(&Registry::new(), config, vec![authorities(&authority)]);
        assert_eq!(fetch(&cluster).await, ("a".into(), false));
        assert_eq!(fetch(&cluster).await, ("a".into(), true));
        let seen = server.seen.recv().await.unwrap();
        assert_eq!(seen.server_name.as_deref(), Some("shop.example.com"));
        assert_eq!(seen.protocol.as_deref(), Some(spoken));
    }
}

#[tokio::test]
async fn a_connection_for_one_host_is_not_used_for_another() {
    let authority = Authority::new();
    let mut server = serve_tls(&authority.for_host("*.example.com"), None).await;
    let config = with_tls(HTTP1, server.address, tls());
    let cluster = apply_with(&Registry::new(), config, vec![authorities(&authority)]);
    fetch(&cluster).await;
    let mut other = get("/");
    other
        .headers_mut()
        .insert("host", "other.example.com:8443".parse().unwrap());
    let sent = once(&cluster, other).await.unwrap();
    assert!(!sent.reused);
    drop(sent);
    assert!(fetch(&cluster).await.1);
    let names = [
        server.seen.recv().await.unwrap(),
        server.seen.recv().await.unwrap(),
    ];
    let names = names.map(|seen| seen.server_name.unwrap());
    assert_eq!(names, ["shop.example.com", "other.example.com"]);
}

#[tokio::test]
async fn a_fixed_server_name_is_sent_and_checked_instead() {
    let authority = Authority::new();
    let mut server = serve_tls(&authority.for_host("backend.internal"), None).await;
    let fixed = UpstreamTls {
        server_name: Some("backend.internal".into()),
        ..tls()
    };
    let config = with_tls(HTTP1, server.address, fixed);
    let cluster = apply_with(&Registry::new(), config, vec![authorities(&authority)]);
    fetch(&cluster).await;
    assert_eq!(
        server.seen.recv().await.unwrap().server_name.as_deref(),
        Some("backend.internal")
    );
}

#[tokio::test]
async fn a_certificate_that_does_not_fit_is_refused_with_what_is_wrong() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let wrong_name = serve_tls(&ours.for_host("other.example.com"), None).await;
    let stranger = serve_tls(&theirs.for_host("shop.example.com"), None).await;
    let plain = serve(Kind::http1("a")).await;
    for (address, fault) in [
        (wrong_name.address, TlsFault::WrongName),
        (stranger.address, TlsFault::UnknownAuthority),
        (plain.address, TlsFault::Handshake),
    ] {
        let registry = Registry::new();
        let cluster = apply_with(
            &registry,
            with_tls(HTTP1, address, tls()),
            vec![authorities(&ours)],
        );
        let failed = failure(&cluster).await;
        assert_eq!(failed, Failure::UpstreamTls(fault));
        let outcome = failed.outcome();
        assert_eq!((outcome.status, outcome.untouched), (503, true));
        let endpoint = &registry.status()[0].endpoints[0];
        assert_eq!(endpoint.connect_failures, 1);
        assert!(endpoint.last_error.is_some());
    }
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_refused() {
    let authority = Authority::new();
    let mut params = CertificateParams::new(vec!["shop.example.com".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2001, 1, 1);
    params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    let key = KeyPair::generate().unwrap();
    let identity = Identity {
        chain: params.signed_by(&key, &authority.0).unwrap().pem(),
        key: key.serialize_pem(),
    };
    let server = serve_tls(&identity, None).await;
    let config = with_tls(HTTP1, server.address, tls());
    let cluster = apply_with(&Registry::new(), config, vec![authorities(&authority)]);
    assert_eq!(failure(&cluster).await, Failure::UpstreamTls(TlsFault::Expired));
}

#[tokio::test]
async fn names_that_are_accepted_replace_the_one_that_is_asked_for() {
    let authority = Authority::new();
    let spiffe = "spiffe://cluster.local/ns/default/sa/shop";
    let identity = authority.issue(vec![SanType::URI(spiffe.try_into().unwrap())]);
    let server = serve_tls(&identity, None).await;
    for (accepted, fault) in [(spiffe, None), ("shop.example.com", Some(TlsFault::WrongName))] {
        let named = UpstreamTls {
            subject_alt_names: vec![accepted.into()],
            ..tls()
        };
        let config = with_tls(HTTP1, server.address, named);
        let cluster = apply_with(&Registry::new(), config, vec![authorities(&authority)]);
        let result = once(&cluster, get("/"))
            .await
            .map(drop)
            .map_err(|error| error.failure);
        assert_eq!(result.err(), fault.map(Failure::UpstreamTls));
    }
}

#[tokio::test]
async fn accepted_names_do_not_make_a_stranger_believed() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let server = serve_tls(&theirs.for_host("shop.example.com"), None).await;
    let named = UpstreamTls {
        subject_alt_names: vec!["shop.example.com".into()],
        ..tls()
    };
    let config = with_tls(HTTP1, server.address, named);
    let cluster = apply_with(&Registry::new(), config, vec![authorities(&ours)]);
    assert_eq!(
        failure(&cluster).await,
        Failure::UpstreamTls(TlsFault::UnknownAuthority)
    );
}

#[tokio::test]
async fn whoever_believes_anybody_speaks_to_anybody() {
    let server = serve_tls(&Authority::new().for_host("whatever.invalid"), None).await;
    let anybody = UpstreamTls {
        trust: Trust::Anybody,
        ..UpstreamTls::default()
    };
    let cluster = apply_with(
        &Registry::new(),
        with_tls(HTTP1, server.address, anybody),
        Vec::new(),
    );
    assert_eq!(fetch(&cluster).await.0, "a");
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_who_asks_for_it() {
    let authority = Authority::new();
    let mut server = serve_tls(&authority.for_host("shop.example.com"), Some(&authority)).await;
    let mutual = UpstreamTls {
        client_certificate: Some(SecretName("default/client".into())),
        ..tls()
    };
    let secrets = vec![
        authorities(&authority),
        key_pair(&authority.for_host("gateway.example.com")),
    ];
    let config = with_tls(HTTP1, server.address, mutual);
    let cluster = apply_with(&Registry::new(), config, secrets);
    assert_eq!(fetch(&cluster).await.0, "a");
    assert!(server.seen.recv().await.unwrap().with_certificate);
}

#[tokio::test]
async fn a_server_that_does_not_believe_our_certificate_is_named_as_the_reason() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let server = serve_tls(&ours.for_host("shop.example.com"), Some(&theirs)).await;
    let mutual = UpstreamTls {
        client_certificate: Some(SecretName("default/client".into())),
        ..tls()
    };
    let secrets = vec![
        authorities(&ours),
        key_pair(&ours.for_host("gateway.example.com")),
    ];
    for protocol in [HTTP1, HTTP2] {
        let config = with_tls(protocol, server.address, mutual.clone());
        let cluster = apply_with(&Registry::new(), config, secrets.clone());
        let failure = once(&cluster, get("/")).await.unwrap_err().failure;
        assert_eq!(failure, Failure::UpstreamTls(TlsFault::Refused), "{protocol:?}");
    }
}

#[tokio::test]
async fn without_its_secrets_a_cluster_fails_and_sends_nothing() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mutual = UpstreamTls {
        client_certificate: Some(SecretName("default/client".into())),
        ..tls()
    };
    let broken = secret("default/ca", Material::Authorities(Pem::from("no PEM").into()));
    for (tls, secrets, problem) in [
        (tls(), Vec::new(), "default/ca"),
        (tls(), vec![broken], "no authority in PEM"),
        (mutual, vec![authorities(&authority)], "default/client"),
    ] {
        let registry = Registry::new();
        let cluster = apply_with(&registry, with_tls(HTTP1, address, tls), secrets);
        assert_eq!(failure(&cluster).await, Failure::UpstreamTls(TlsFault::NoSecret));
        let error = dial(&cluster, None, None).await.unwrap_err();
        assert_eq!(error, Failure::UpstreamTls(TlsFault::NoSecret));
        let status = &registry.status()[0];
        assert!(
            status.transport_error.as_ref().unwrap().contains(problem),
            "{status:?}"
        );
        // The endpoint has nothing to do with it.
        assert_eq!(
            (
                status.endpoints[0].connect_failures,
                status.endpoints[0].ejections
            ),
            (0, 0)
        );
    }
    let accepted = futures_util::FutureExt::now_or_never(listener.accept());
    assert!(accepted.is_none(), "nobody came");
}

#[tokio::test]
async fn a_secret_that_comes_later_mends_the_cluster() {
    let authority = Authority::new();
    let server = serve_tls(&authority.for_host("shop.example.com"), None).await;
    let registry = Registry::new();
    let config = with_tls(HTTP1, server.address, tls());
    let cluster = apply_with(&registry, config.clone(), Vec::new());
    assert_eq!(failure(&cluster).await, Failure::UpstreamTls(TlsFault::NoSecret));
    let cluster = apply_with(&registry, config, vec![authorities(&authority)]);
    assert_eq!(fetch(&cluster).await.0, "a");
    assert_eq!(registry.status()[0].transport_error, None);
}

#[tokio::test]
async fn a_secret_that_rotates_serves_new_connections_and_breaks_no_old_one() {
    let (old, new) = (Authority::new(), Authority::new());
    let authority = Authority::new();
    let mut before = serve_tls(&authority.for_host("shop.example.com"), Some(&old)).await;
    let mutual = UpstreamTls {
        client_certificate: Some(SecretName("default/client".into())),
        ..tls()
    };
    let secrets = |of: &Authority| {
        vec![
            authorities(&authority),
            key_pair(&of.for_host("gateway.example.com")),
        ]
    };
    let registry = Registry::new();
    let config = with_tls(HTTP1, before.address, mutual);
    let cluster = apply_with(&registry, config.clone(), secrets(&old));
    let under_way = once(&cluster, get("/")).await.unwrap();
    before.seen.recv().await.unwrap();
    let rotated = apply_with(&registry, config, secrets(&new));
    // What is under way ends in peace; what is new shows the new certificate, which this server does not know.
    assert_eq!(text(under_way.response.into_body()).await, "a");
    drop(under_way.in_flight);
    let refused = once(&rotated, get("/")).await.unwrap_err().failure;
    assert_eq!(refused, Failure::UpstreamTls(TlsFault::Refused));
    assert_eq!(registry.status()[0].endpoints[0].requests, 2);
}

#[tokio::test]
async fn sessions_are_resumed() {
    let authority = Authority::new();
    let mut server = serve_tls(&authority.for_host("shop.example.com"), None).await;
    let mut config = with_tls(HTTP1, server.address, tls());
    config.connection_pool.max_requests_per_connection = Some(1);
    let cluster = apply_with(&Registry::new(), config, vec![authorities(&authority)]);
    for _ in 0..2 {
        assert_eq!(fetch(&cluster).await, ("a".into(), false));
    }
    let resumed = [
        server.seen.recv().await.unwrap(),
        server.seen.recv().await.unwrap(),
    ]
    .map(|seen| seen.resumed);
    assert_eq!(resumed, [false, true]);
}

#[tokio::test]
async fn a_relay_speaks_tls_to_the_name_of_its_endpoint_and_offers_no_protocol() {
    let authority = Authority::new();
    let mut server = serve_tls(&authority.for_host("localhost"), None).await;
    let source = EndpointSource::Dns(vec![NamedEndpoint::new("localhost", server.address.port())]);
    let config = Cluster {
        tls: Some(tls()),
        ..cluster(HTTP1, source)
    };
    // Who resolves names.
    let registry = Registry::new();
    let cluster = apply_with(&registry, config, vec![authorities(&authority)]);
    let mut dialled = dial(&cluster, None, None).await.unwrap();
    dialled.stream.write_all(b"x").await.unwrap();
    assert_eq!(dialled.stream.read_u8().await.unwrap(), b'x');
    let seen = server.seen.recv().await.unwrap();
    assert_eq!(
        (seen.server_name.as_deref(), seen.protocol),
        (Some("localhost"), None)
    );
}

#[tokio::test]
async fn an_address_is_checked_as_an_address() {
    let authority = Authority::new();
    let identity = authority.issue(vec![SanType::IpAddress("127.0.0.1".parse().unwrap())]);
    let server = serve_tls(&identity, None).await;
    let config = with_tls(HTTP1, server.address, tls());
    let cluster = apply_with(&Registry::new(), config, vec![authorities(&authority)]);
    dial(&cluster, None, None).await.unwrap();
    let mut request = get("/");
    request.headers_mut().insert("host", "127.0.0.1".parse().unwrap());
    assert!(once(&cluster, request).await.is_ok());
}

#[tokio::test]
async fn a_host_that_is_no_server_name_is_refused() {
    let authority = Authority::new();
    let server = serve_tls(&authority.for_host("shop.example.com"), None).await;
    let config = with_tls(HTTP1, server.address, tls());
    let cluster = apply_with(&Registry::new(), config, vec![authorities(&authority)]);
    let mut request = get("/");
    request
        .headers_mut()
        .insert("host", "not..a..name".parse().unwrap());
    let failure = once(&cluster, request).await.unwrap_err().failure;
    assert_eq!(failure, Failure::UpstreamTls(TlsFault::ServerName));
}

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use http::header::{ACCEPT, ALLOW, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST};
use http::{Request, StatusCode};
use seaway_model::{
    Code, Diagnostic, KeyPair, Listener, Material, Model, Origin, Position, PrivateKey, Protocol, Report,
    Secret, SecretName,
};

use seaway_route::RouteTable;

use super::*;
use crate::proxy::ListenerStatus;
use crate::snapshot::Snapshot;
use crate::upstream::{ClusterMap, ClusterStatus};

struct Fake {
    waiting_for: Vec<String>,
    snapshot: Arc<Snapshot>,
}

impl AdminState for Fake {
    fn ready(&self) -> Readiness {
        Readiness {
            ready: self.waiting_for.is_empty(),
            waiting_for: self.waiting_for.clone(),
        }
    }
    fn listeners(&self) -> Vec<ListenerStatus> {
        vec![ListenerStatus {
            name: "http-80".into(),
            configured_port: 80,
            bound: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 41233))),
            protocol: Protocol::Http,
            error: None,
            warnings: Vec::new(),
        }]
    }
    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }
    fn clusters(&self) -> Vec<ClusterStatus> {
        Vec::new()
    }
    fn metrics(&self, openmetrics: bool) -> String {
        format!("openmetrics {openmetrics}")
    }
    fn report(&self) -> Arc<Report> {
        Arc::new(Report {
            diagnostics: vec![Diagnostic {
                origin: Origin {
                    kind: "HttpRoute".into(),
                    name: "shop".into(),
                    field: "spec.hosts".into(),
                    position: Some(Position {
                        file: "shop.yaml".into(),
                        line: 7,
                        column: 3,
                    }),
                    ..Origin::default()
                },
                code: Code::InvalidValue,
                message: "it is wrong".into(),
                help: "right it".into(),
            }],
            statuses: Vec::new(),
        })
    }
}

fn fake() -> Fake {
    let secret = SecretName("ns/tls".into());
    let model = Model {
        listeners: vec![Arc::new(Listener {
            name: "http-80".into(),
            origin: Origin::default(),
            address: None,
            port: 80,
            protocol: Protocol::Http,
            tls: None,
            virtual_hosts: Vec::new(),
            proxy_protocol: false,
            l4: None,
        })],
        secrets: [(
            secret.clone(),
            Arc::new(Secret {
                name: secret,
                origin: Origin::default(),
                material: Material::KeyPair(KeyPair {
                    certificate_chain: "the chain".into(),
                    private_key: PrivateKey::new("the key"),
                }),
            }),
        )]
        .into(),
        ..Model::default()
    };
    Fake {
        waiting_for: Vec::new(),
        snapshot: Arc::new(Snapshot {
            version: 3,
            table: RouteTable::build(&Arc::new(model)),
            clusters: ClusterMap::default(),
        }),
    }
}

fn ask_as(
    state: &Fake,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> http::Response<bytes::Bytes> {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer::answer(
        state,
        "127.0.0.1:9901".parse().unwrap(),
        &request.body(()).unwrap(),
    )
}

fn ask(target: &str) -> http::Response<bytes::Bytes> {
    ask_as(&fake(), "GET", target, &[("host", "localhost:9901")])
}

fn json(response: &http::Response<bytes::Bytes>) -> serde_json::Value {
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    serde_json::from_slice(response.body()).unwrap()
}

#[test]
fn readiness_names_what_is_awaited() {
    let mut state = fake();
    let host = [("host", "localhost")];
    let response = ask_as(&state, "GET", "/ready", &host);
    assert_eq!(
        (response.status(), &**response.body()),
        (StatusCode::OK, &b"ready\n"[..])
    );
    state.waiting_for = vec!["the first configuration".into(), "http-80".into()];
    let response = ask_as(&state, "GET", "/ready", &host);
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        &**response.body(),
        b"not ready, waiting for: the first configuration, http-80\n"
    );
}

#[test]
fn listeners_are_told_as_the_contract_says() {
    assert_eq!(
        json(&ask("/listeners")),
        serde_json::json!({"listeners": [
            {"name": "http-80", "configuredPort": 80, "bound": "127.0.0.1:41233", "protocol": "http"}
        ]})
    );
}

#[test]
fn the_configuration_never_shows_a_key() {
    for target in ["/config", "/config?format=pretty"] {
        let response = ask(target);
        let text = String::from_utf8(response.body().to_vec()).unwrap();
        assert!(text.contains("[redacted ") && !text.contains("the key"), "{text}");
        assert_eq!(response.headers()["x-seaway-config-version"], "3");
    }
}

#[test]
fn a_format_that_does_not_exist_is_refused_with_those_that_do() {
    let response = ask("/config?format=xml");
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(
        json(&response)["error"]
            .as_str()
            .unwrap()
            .contains("format=pretty")
    );
}

#[test]
fn explain_answers_for_the_configuration_that_serves() {
    let explanation = json(&ask(
        "/explain?method=GET&url=http%3A%2F%2Fshop.example.com%2Fcart&header=x-a:%201",
    ));
    assert_eq!(explanation["listener"], "http-80");
    assert_eq!(explanation["respond"]["status"], 404);
}

#[test]
fn explain_says_what_is_wrong_with_the_question() {
    for target in [
        "/explain",
        "/explain?url=ftp://x/",
        "/explain?url=http://x/&port=x",
    ] {
        let response = ask(target);
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{target}");
        assert!(json(&response)["error"].is_string());
    }
}

#[test]
fn diagnostics_have_the_form_of_check() {
    assert_eq!(
        json(&ask("/diagnostics"))["diagnostics"][0],
        serde_json::json!({
            "severity": "error", "code": "SW0103", "message": "it is wrong", "help": "right it",
            "object": {"apiVersion": "", "kind": "HttpRoute", "namespace": "", "name": "shop"},
            "field": "spec.hosts", "file": "shop.yaml", "line": 7, "column": 3,
        })
    );
}

#[test]
fn metrics_come_in_the_format_that_is_asked_for() {
    let state = fake();
    let accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
    let response = ask_as(
        &state,
        "GET",
        "/metrics",
        &[(HOST.as_str(), "localhost"), (ACCEPT.as_str(), accept)],
    );
    assert_eq!(&**response.body(), b"openmetrics true");
    assert!(
        response.headers()[CONTENT_TYPE]
            .to_str()
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    assert_eq!(&**ask("/metrics").body(), b"openmetrics false");
}

#[test]
fn what_is_not_there_is_answered_with_what_is() {
    let response = ask("/nothing");
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let text = String::from_utf8(response.body().to_vec()).unwrap();
    for path in [
        "/ready",
        "/live",
        "/metrics",
        "/listeners",
        "/config",
        "/explain",
        "/clusters",
        "/certs",
        "/clients",
        "/diagnostics",
    ] {
        assert!(text.contains(path), "{path}");
        assert_ne!(ask(path).status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[test]
fn only_reading_is_allowed() {
    let response = ask_as(&fake(), "POST", "/config", &[("host", "localhost")]);
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()[ALLOW], "GET, HEAD");
}

#[test]
fn a_strangers_page_gets_nothing_and_no_answer_is_shared_across_origins() {
    let response = ask_as(&fake(), "GET", "/config", &[("host", "evil.example:9901")]);
    assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST);
    let response = ask_as(
        &fake(),
        "GET",
        "/config",
        &[("host", "localhost"), ("origin", "http://evil.example")],
    );
    assert!(
        !response
            .headers()
            .keys()
            .any(|name| name.as_str().starts_with("access-control-"))
    );
    assert_eq!(response.headers()["cross-origin-resource-policy"], "same-origin");
}

#[test]
fn every_answer_has_a_content_policy() {
    for target in ["/", "/ready", "/config", "/nothing"] {
        let response = ask(target);
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
    }
}

/// A whole exchange over a socket.
fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_serves_over_a_socket_and_closes_after_each_answer() {
    let admin = Admin::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Arc::new(fake())).unwrap();
    let address = admin.local_addr();
    let answer = exchange(
        address,
        &format!("GET /ready HTTP/1.1\r\nhost: {address}\r\n\r\n"),
    );
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nready\n"),
        "{answer}"
    );
    let answer = exchange(address, &format!("HEAD / HTTP/1.1\r\nhost: {address}\r\n\r\n"));
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
    admin.shutdown();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_taken_address_is_an_error_that_names_the_flag() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let error = Admin::start(taken.local_addr().unwrap(), Arc::new(fake())).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains("--admin"), "{error}");
}

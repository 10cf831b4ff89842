//! What of a head passes, and what does not.

use http::{HeaderMap, Request, StatusCode};
use seaway_model::*;
use seaway_proxy::options::Options;
use seaway_proxy::tls::ClientCertificate;

use super::support::*;

fn without(name: &str) -> HeaderMutation {
    HeaderMutation::from(FieldChanges {
        remove: vec![name.into()],
        ..FieldChanges::default()
    })
}

/// An upstream that sends back the head it got as its body: `name: value` lines after the target.
pub async fn mirror_of_heads() -> std::net::SocketAddr {
    upstream(|request| async move {
        let mut text = format!("{} {}\n", request.method(), request.uri());
        for (name, value) in request.headers() {
            text.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
        }
        http::Response::new(full(text))
    })
    .await
}

/// What the upstream got.
struct Got {
    line: String,
    headers: HeaderMap,
}

fn parse(body: &str) -> Got {
    let (line, rest) = body.split_once('\n').unwrap();
    let mut headers = HeaderMap::new();
    for field in rest.lines() {
        let (name, value) = field.split_once(": ").unwrap();
        headers.append(
            http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
            value.parse().unwrap(),
        );
    }
    Got {
        line: line.to_owned(),
        headers,
    }
}

async fn forwarded(route: Route, options: Options, request: Request<TestBody>) -> Got {
    let address = mirror_of_heads().await;
    let gateway = Gateway::with_options(vec![route], vec![cluster("c", &[address])], options).await;
    let (status, body) = fetch(gateway.http1, request).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    parse(&body)
}

fn request(fields: &[(&'static str, &'static str)]) -> Request<TestBody> {
    let mut request = get("/");
    for (name, value) in fields {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn headers_of_the_connection_do_not_pass() {
    let fields = [
        ("connection", "keep-alive, x-hop"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("te", "gzip"),
        ("x-hop", "1"),
        ("x-end", "2"),
    ];
    let got = forwarded(forward("c"), Options::default(), request(&fields)).await;
    for name in ["connection", "keep-alive", "proxy-connection", "te", "x-hop"] {
        assert!(!got.headers.contains_key(name), "{name} passed");
    }
    assert_eq!(got.headers["x-end"], "2");
}

#[tokio::test]
async fn a_stranger_cannot_say_where_a_request_came_from() {
    let fields = [
        ("x-forwarded-for", "192.0.2.9"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil"),
        ("x-request-id", "mine"),
        ("forwarded", "for=192.0.2.9"),
    ];
    let got = forwarded(forward("c"), Options::default(), request(&fields)).await;
    assert_eq!(got.headers["x-forwarded-for"], "127.0.0.1");
    assert_eq!(got.headers["x-forwarded-proto"], "http");
    assert_eq!(got.headers["x-request-id"].len(), 36);
    assert!(!got.headers.contains_key("x-forwarded-host") && !got.headers.contains_key("forwarded"));
}

#[tokio::test]
async fn a_trusted_peer_is_believed_and_continued() {
    let options = Options {
        trusted_proxies: vec![("127.0.0.0".parse().unwrap(), 8)],
        ..Options::default()
    };
    let fields = [
        ("x-forwarded-for", "192.0.2.9"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "mine"),
    ];
    let got = forwarded(forward("c"), options, request(&fields)).await;
    assert_eq!(got.headers["x-forwarded-for"], "192.0.2.9, 127.0.0.1");
    assert_eq!(got.headers["x-forwarded-proto"], "https");
    assert_eq!(got.headers["x-request-id"], "mine");
}

const PROOF: &str = "x-forwarded-client-cert";

/// What the upstream gets of a client that says who it is, and shows a certificate or none.
async fn vouched(trusted: bool, certificate: bool) -> Option<String> {
    let network = ("127.0.0.0".parse().unwrap(), 8);
    let options = Options {
        trusted_proxies: trusted.then_some(network).into_iter().collect(),
        ..Options::default()
    };
    let client = certificate.then(|| ClientCertificate {
        subject: "CN=client".into(),
        uris: vec!["spiffe://a/b".into()],
        dns_names: Vec::new(),
        hash: "0a1b".into(),
    });
    let clusters = vec![cluster("c", &[mirror_of_heads().await])];
    let gateway = Gateway::with_client(vec![forward("c")], clusters, options, client).await;
    let request = request(&[(PROOF, "Hash=theirs"), (PROOF, "Hash=older")]);
    let got = parse(&fetch(gateway.http1, request).await.1);
    let value = got.headers.get(PROOF)?;
    assert_eq!(
        got.headers.get_all(PROOF).iter().count(),
        if trusted && !certificate { 2 } else { 1 }
    );
    Some(value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn what_a_client_says_of_its_certificate_is_replaced_by_what_it_showed() {
    let shown = "Hash=0a1b;Subject=\"CN=client\";URI=spiffe://a/b";
    assert_eq!(vouched(false, true).await.as_deref(), Some(shown));
    assert_eq!(vouched(false, false).await, None);
}

#[tokio::test]
async fn what_a_trusted_peer_says_of_a_certificate_is_kept_and_continued() {
    let joined = "Hash=theirs,Hash=older,Hash=0a1b;Subject=\"CN=client\";URI=spiffe://a/b";
    assert_eq!(vouched(true, true).await.as_deref(), Some(joined));
    assert_eq!(vouched(true, false).await.as_deref(), Some("Hash=theirs"));
}

#[tokio::test]
async fn a_route_may_ask_who_the_client_has_proved_to_be() {
    let mut asking = route(Action::Respond(DirectResponse {
        status: 204,
        body: None,
    }));
    asking.matches = Match::When(Conditions {
        headers: vec![HeaderMatch {
            name: PROOF.into(),
            value: ValueMatch::Is(StringMatch::Prefix("Hash=0a1b;".into())),
        }],
        ..Conditions::default()
    });
    let client = ClientCertificate {
        subject: "CN=client".into(),
        hash: "0a1b".into(),
        ..ClientCertificate::default()
    };
    for (client, status) in [(Some(client), 204), (None, 404)] {
        let gateway = Gateway::with_client(vec![asking.clone()], vec![], Options::default(), client).await;
        let lie = request(&[(PROOF, "Hash=0a1b;Subject=\"CN=client\"")]);
        assert_eq!(fetch(gateway.http1, lie).await.0, status);
    }
}

#[tokio::test]
async fn the_destinations_changes_come_after_the_routes() {
    let set = |value: &str| {
        HeaderMutation::from(FieldChanges {
            set: vec![("x-who".into(), value.into())],
            ..FieldChanges::default()
        })
    };
    let mut to = to("c");
    to.destinations[0].request_headers = set("destination");
    let mut route = route(Action::Forward(to));
    route.request_headers = set("route");
    let got = forwarded(route, Options::default(), get("/")).await;
    assert_eq!(got.headers["x-who"], "destination");
}

#[tokio::test]
async fn path_and_host_are_rewritten_and_the_query_stays() {
    let mut to = to("c");
    to.rewrite.path = Some(PathRewrite::Full("/new".into()));
    to.rewrite.host = Some(HostRewrite::Literal("internal.example.com".into()));
    let got = forwarded(route(Action::Forward(to)), Options::default(), get("/old?a=%20b")).await;
    assert_eq!(got.line, "GET /new?a=%20b");
    assert_eq!(got.headers["host"], "internal.example.com");
}

#[tokio::test]
async fn what_is_matched_is_what_is_forwarded() {
    let got = forwarded(forward("c"), Options::default(), get("/a//b/%2e%2e/./c?x=//")).await;
    assert_eq!(got.line, "GET /a/c?x=//");
}

#[tokio::test]
async fn options_of_everything_is_forwarded_as_it_is() {
    let mut request = get("*");
    *request.method_mut() = http::Method::OPTIONS;
    let got = forwarded(forward("c"), Options::default(), request).await;
    assert_eq!(got.line, "OPTIONS *");
}

#[tokio::test]
async fn a_response_loses_its_connection_headers_and_keeps_its_own() {
    let address = upstream(|_| async {
        let mut response = text(200, "x");
        for (name, value) in [("keep-alive", "timeout=5"), ("server", "theirs"), ("x-end", "1")] {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        response
    })
    .await;
    let mut route = forward("c");
    route.response_headers = without("x-end");
    let gateway = Gateway::start(vec![route], vec![cluster("c", &[address])]).await;
    let response = send(gateway.http1, get("/")).await;
    assert!(!response.headers().contains_key("keep-alive") && !response.headers().contains_key("x-end"));
    assert_eq!(response.headers()["server"], "theirs");
    assert_eq!(response.headers().get_all("date").iter().count(), 1);
}

async fn refused(request: Request<TestBody>) -> StatusCode {
    let gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[])]).await;
    fetch(gateway.http1, request).await.0
}

#[tokio::test]
async fn a_request_that_two_readers_could_read_differently_is_refused() {
    let two_hosts = request(&[("host", "other.example.com")]);
    let other_target = Request::builder()
        .uri("http://other.example.com/")
        .header("host", "example.com")
        .body(empty())
        .unwrap();
    let no_host = Request::builder().uri("/").body(empty()).unwrap();
    for (case, request) in [
        ("two hosts", two_hosts),
        ("another target", other_target),
        ("no host", no_host),
        ("hidden dots", get("/a%2f../b")),
        ("encoded NUL", get("/a%00")),
        ("GET *", get("*")),
    ] {
        assert_eq!(refused(request).await, StatusCode::BAD_REQUEST, "{case}");
    }
}

#[tokio::test]
async fn a_tunnel_to_anywhere_is_refused() {
    let request = Request::builder()
        .method("CONNECT")
        .uri("example.com:443")
        .header("host", "example.com:443")
        .body(empty())
        .unwrap();
    assert_eq!(refused(request).await, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn over_http2_the_authority_becomes_the_host() {
    let address = mirror_of_heads().await;
    let gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    let mut client = connect_http2(gateway.http2).await;
    let request = Request::builder()
        .uri("http://example.com/x")
        .body(empty())
        .unwrap();
    let (status, body) = read(client.send_request(request).await.unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    let got = parse(&body);
    assert_eq!(
        (got.line.as_str(), got.headers["host"].to_str().unwrap()),
        ("GET /x", "example.com")
    );
}

#[tokio::test]
async fn over_http2_authority_and_host_must_agree() {
    let gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[])]).await;
    let mut client = connect_http2(gateway.http2).await;
    let request = Request::builder()
        .uri("http://example.com/x")
        .header("host", "other.example.com")
        .body(empty())
        .unwrap();
    let (status, _) = read(client.send_request(request).await.unwrap()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_target_that_is_too_long_is_refused() {
    let mut options = Options::default();
    options.limits.head_bytes = 100;
    let gateway = Gateway::with_options(vec![forward("c")], vec![cluster("c", &[])], options).await;
    let path = format!("/{}", "a".repeat(100));
    assert_eq!(fetch(gateway.http1, get(&path)).await.0, StatusCode::URI_TOO_LONG);
}

#[tokio::test]
async fn a_condition_on_host_holds_over_http_2_as_well() {
    let own = Conditions {
        headers: vec![HeaderMatch {
            name: "host".into(),
            value: ValueMatch::Is(StringMatch::Exact("shop.example.com".into())),
        }],
        ..Conditions::default()
    };
    let route = Route {
        matches: Match::When(own),
        ..forward("c")
    };
    let address = upstream(|_| async { text(200, "hello") }).await;
    let gateway = Gateway::start(vec![route], vec![cluster("c", &[address])]).await;
    let mut client = connect_http2(gateway.http2).await;
    let mut request = get("http://shop.example.com/");
    request.headers_mut().remove(http::header::HOST);
    let response = within(client.send_request(request)).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_server_is_named_where_the_upstream_does_not_name_itself() {
    let address = mirror_of_heads().await;
    let gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    let response = send(gateway.http1, get("/")).await;
    assert_eq!(response.headers()["server"], "seaway");
}

#[tokio::test]
async fn a_route_may_take_the_servers_name_away() {
    let address = mirror_of_heads().await;
    let mut route = forward("c");
    route.response_headers = without("server");
    let gateway = Gateway::start(vec![route], vec![cluster("c", &[address])]).await;
    let response = send(gateway.http1, get("/")).await;
    assert!(!response.headers().contains_key("server"));
}

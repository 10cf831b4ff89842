//! Answers that are made here, and what they look like in the record.

use std::sync::Arc;

use http::{Request, StatusCode};
use seaway_model::*;
use seaway_telemetry::Flag;

use super::support::*;

#[tokio::test]
async fn a_request_without_a_route_is_not_found() {
    let mut gateway = Gateway::start(vec![], vec![]).await;
    let (status, body) = fetch(gateway.http1, get("/x?y=1")).await;
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::NOT_FOUND, "no route (no_route)\n")
    );
    let seen = gateway.record().await;
    assert_eq!(
        (seen.status, seen.flags, seen.route),
        (404, vec![Flag::NoRoute], false)
    );
    assert_eq!(
        (seen.reason.as_deref(), seen.path.as_str()),
        (Some("no_route"), "/x?y=1")
    );
}

#[tokio::test]
async fn grpc_gets_its_own_status_in_the_head() {
    let gateway = Gateway::start(vec![], vec![]).await;
    let mut request = post("/svc/Method", empty());
    request
        .headers_mut()
        .insert("content-type", "application/grpc+proto".parse().unwrap());
    let response = send(gateway.http1, request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["grpc-status"], "12");
    assert_eq!(response.headers()["grpc-message"], "no route (no_route)");
}

#[tokio::test]
async fn an_answer_to_head_has_a_length_and_no_body() {
    let gateway = Gateway::start(vec![], vec![]).await;
    let mut request = get("/");
    *request.method_mut() = http::Method::HEAD;
    let response = send(gateway.http1, request).await;
    assert_eq!(response.headers()["content-length"], "20");
    assert_eq!(read(response).await.1, "");
}

#[tokio::test]
async fn a_redirect_names_the_place_and_takes_the_routes_headers() {
    let mut redirect = route(Action::Redirect(Redirect {
        status: 308,
        scheme: Some("https".into()),
        host: None,
        port: None,
        path: None,
    }));
    redirect.response_headers = HeaderMutation::from(FieldChanges {
        set: vec![("x-route".into(), "1".into())],
        ..FieldChanges::default()
    });
    let gateway = Gateway::start(vec![redirect], vec![]).await;
    let response = send(gateway.http1, get("/a/../b?c=d")).await;
    assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(response.headers()["location"], "https://example.com/b?c=d");
    assert_eq!(response.headers()["x-route"], "1");
}

#[tokio::test]
async fn a_direct_response_is_answered_here() {
    let direct = DirectResponse {
        status: 429,
        body: Some("later".into()),
    };
    let mut gateway = Gateway::start(vec![route(Action::Respond(direct))], vec![]).await;
    let (status, body) = fetch(gateway.http1, get("/")).await;
    assert_eq!((status.as_u16(), body.as_str()), (429, "later"));
    let seen = gateway.record().await;
    assert_eq!((seen.response_bytes, seen.flags.len()), (5, 0));
}

fn with_cors(mut route: Route) -> Route {
    route.cors = Some(Box::new(Cors {
        allow_origins: vec![OriginMatch::Exact("https://app.example.com".into())],
        allow_methods: vec!["GET".into()],
        expose_headers: vec!["x-page".into()],
        ..Cors::default()
    }));
    route
}

#[tokio::test]
async fn a_preflight_is_answered_without_the_upstream() {
    let address = upstream(|_| async { text(500, "not asked") }).await;
    let gateway = Gateway::start(vec![with_cors(forward("c"))], vec![cluster("c", &[address])]).await;
    let request = Request::builder()
        .method("OPTIONS")
        .uri("/")
        .header("host", "example.com")
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "GET")
        .body(empty())
        .unwrap();
    let response = send(gateway.http1, request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.headers()["access-control-allow-origin"],
        "https://app.example.com"
    );
    assert_eq!(response.headers()["access-control-allow-methods"], "GET");
}

#[tokio::test]
async fn a_preflight_from_elsewhere_is_forwarded_only_where_the_route_says_so() {
    let address = upstream(|_| async { text(204, "") }).await;
    for (forwarded, status) in [(true, 204), (false, 200)] {
        let mut route = with_cors(forward("c"));
        if let Some(cors) = &mut route.cors {
            cors.forward_unmatched_preflights = forwarded;
        }
        let gateway = Gateway::start(vec![route], vec![cluster("c", &[address])]).await;
        let request = Request::builder()
            .method("OPTIONS")
            .uri("/")
            .header("host", "example.com")
            .header("origin", "https://evil.example.com")
            .header("access-control-request-method", "GET")
            .body(empty())
            .unwrap();
        let response = send(gateway.http1, request).await;
        assert_eq!(response.status(), status);
        assert!(!response.headers().contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_rule_is_in_the_record_and_not_in_the_answer() {
    let wrong = || Failure {
        status: 500,
        reason: FailureReason::InvalidRule,
        message: "http[2].rewrite.uri: must begin with a slash".into(),
    };
    let split = Forward {
        destinations: vec![Destination {
            target: Target::Fail(wrong()),
            ..destination("", 1)
        }],
        ..Forward::default()
    };
    for action in [Action::Fail(wrong()), Action::Forward(split)] {
        let mut gateway = Gateway::start(vec![route(action)], vec![]).await;
        let (status, body) = fetch(gateway.http1, get("/")).await;
        assert_eq!(status.as_u16(), 500);
        assert!(
            body.contains("invalid_rule") && !body.contains("rewrite"),
            "{body}"
        );
        let seen = gateway.record().await;
        assert_eq!(seen.message.as_deref(), Some(&*wrong().message));
    }
}

#[tokio::test]
async fn a_cross_origin_request_is_forwarded_and_its_answer_opened() {
    let address = upstream(|_| async { text(200, "data") }).await;
    let gateway = Gateway::start(vec![with_cors(forward("c"))], vec![cluster("c", &[address])]).await;
    let mut request = get("/");
    request
        .headers_mut()
        .insert("origin", "https://app.example.com".parse().unwrap());
    let response = send(gateway.http1, request).await;
    assert_eq!(
        response.headers()["access-control-allow-origin"],
        "https://app.example.com"
    );
    assert_eq!(response.headers()["access-control-expose-headers"], "x-page");
    assert_eq!(read(response).await.1, "data");
}

#[tokio::test]
async fn a_cluster_without_endpoints_is_unavailable() {
    let mut gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[])]).await;
    assert_eq!(
        fetch(gateway.http1, get("/")).await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let seen = gateway.record().await;
    assert_eq!(
        (seen.flags, seen.reason.as_deref()),
        (vec![Flag::NoHealthyUpstream], Some("no_endpoints"))
    );
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_unavailable() {
    let address = refusing().await;
    let mut gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    assert_eq!(
        fetch(gateway.http1, get("/")).await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let seen = gateway.record().await;
    assert_eq!(
        (seen.flags, seen.upstream),
        (vec![Flag::UpstreamConnectionFailure], Some(address))
    );
}

#[tokio::test]
async fn an_endpoint_that_hangs_up_is_a_bad_gateway() {
    let address = raw(|mut stream| async move {
        use tokio::io::AsyncReadExt as _;
        let _some = stream.read(&mut [0; 64]).await;
    })
    .await;
    let mut gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    assert_eq!(
        fetch(gateway.http1, post("/", empty())).await.0,
        StatusCode::BAD_GATEWAY
    );
    let seen = gateway.record().await;
    assert_eq!(seen.flags, [Flag::UpstreamConnectionTermination]);
}

#[tokio::test]
async fn a_client_that_goes_away_while_it_waits_is_recorded_once() {
    let arrived = Arc::new(tokio::sync::Notify::new());
    let seen_by_upstream = Arc::clone(&arrived);
    let address = upstream(move |_| {
        seen_by_upstream.notify_one();
        std::future::pending()
    })
    .await;
    let mut gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    let mut client = tokio::net::TcpStream::connect(gateway.http1).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut client, request)
        .await
        .unwrap();
    within(arrived.notified()).await;
    // A client that only closes its own side still waits for its answer.
    client.set_zero_linger().unwrap();
    drop(client);
    let seen = gateway.record().await;
    assert_eq!(
        (seen.status, seen.flags),
        (0, vec![Flag::DownstreamConnectionTermination])
    );
    assert_eq!(seen.reason.as_deref(), Some("client_gone"));
}

#[tokio::test]
async fn a_client_that_goes_away_while_it_reads_keeps_the_status_it_got() {
    let address = upstream(|_| async {
        let endless = futures_util::stream::repeat_with(|| {
            Ok::<_, BoxError>(http_body::Frame::data(bytes::Bytes::from_static(&[7; 16384])))
        });
        http::Response::new(http_body_util::BodyExt::boxed_unsync(
            http_body_util::StreamBody::new(endless),
        ))
    })
    .await;
    let mut gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    let response = send(gateway.http1, get("/")).await;
    drop(response);
    let seen = gateway.record().await;
    assert_eq!(
        (seen.status, seen.flags),
        (200, vec![Flag::DownstreamConnectionTermination])
    );
}

#[tokio::test]
async fn an_http2_stream_that_its_client_resets_is_recorded_once() {
    let arrived = Arc::new(tokio::sync::Notify::new());
    let seen_by_upstream = Arc::clone(&arrived);
    let address = upstream(move |_| {
        seen_by_upstream.notify_one();
        std::future::pending()
    })
    .await;
    let mut gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    let mut client = connect_http2(gateway.http2).await;
    let request = Request::builder()
        .uri("http://example.com/")
        .body(empty())
        .unwrap();
    let answer = client.send_request(request);
    tokio::select! {
        _ = answer => panic!("there is no answer"),
        () = arrived.notified() => {}
    }
    let seen = gateway.record().await;
    assert_eq!(
        (seen.status, seen.flags),
        (0, vec![Flag::DownstreamConnectionTermination])
    );
}

//! What a cluster's settings do to whole requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use seaway_model::*;
use seaway_telemetry::Flag;
use tokio::io::AsyncReadExt as _;
use tokio::sync::{Semaphore, mpsc};

use super::support::*;

/// Ejects after so many 5xx, for longer than a test takes.
fn ejecting(limit: u32, cluster: Cluster) -> Cluster {
    Cluster {
        outlier_detection: Some(OutlierDetection {
            consecutive_connect_failures: None,
            consecutive_5xx: Some(limit),
            base_ejection_time: Millis(600_000),
            max_ejection_time: Millis(600_000),
            ..OutlierDetection::default()
        }),
        ..cluster
    }
}

#[tokio::test]
async fn a_request_above_the_limit_is_told_so_as_envoy_tells_it() {
    let go = Arc::new(Semaphore::new(0));
    let (tell, mut told) = mpsc::unbounded_channel();
    let held = Arc::clone(&go);
    let address = upstream(move |_| {
        let (held, tell) = (Arc::clone(&held), tell.clone());
        async move {
            tell.send(()).unwrap();
            let _go = held.acquire().await.unwrap();
            text(200, "held")
        }
    })
    .await;
    let limited = Cluster {
        circuit_breakers: CircuitBreakers {
            max_requests: Some(1),
            ..CircuitBreakers::default()
        },
        ..cluster("c", &[address])
    };
    let mut gateway = Gateway::start(vec![forward("c")], vec![limited]).await;
    let first = tokio::spawn(fetch(gateway.http1, get("/")));
    within(told.recv()).await.unwrap();
    let refused = send(gateway.http1, get("/")).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["x-envoy-overloaded"], "true");
    drop(refused);
    let seen = gateway.record().await;
    assert_eq!(seen.flags, [Flag::UpstreamOverflow]);
    assert_eq!(seen.reason.as_deref(), Some("overflow"));
    assert_eq!((seen.retries, seen.upstream), (0, None));
    go.add_permits(1);
    assert_eq!(first.await.unwrap().0, StatusCode::OK);
}

#[tokio::test]
async fn an_endpoint_that_lets_requests_run_out_of_time_is_ejected() {
    let stuck = upstream(|_| std::future::pending()).await;
    let good = upstream(|_| async { text(200, "good") }).await;
    let mut to = to("c");
    to.timeout = Some(Millis(40));
    let routes = vec![route(Action::Forward(to))];
    let clusters = vec![ejecting(2, cluster("c", &[stuck, good]))];
    let mut gateway = Gateway::start(routes, clusters).await;
    let mut slow = 0;
    for _ in 0..12 {
        let (status, _) = fetch(gateway.http1, get("/")).await;
        let seen = gateway.record().await;
        if status == StatusCode::GATEWAY_TIMEOUT {
            slow += 1;
            assert_eq!(seen.upstream, Some(stuck));
        }
    }
    assert_eq!(slow, 2);
}

/// A gRPC server with that status in its trailers, which counts its calls.
async fn grpc(status: &'static str, calls: Arc<AtomicUsize>) -> std::net::SocketAddr {
    upstream_http2(move |_| {
        calls.fetch_add(1, Ordering::SeqCst);
        async move {
            let mut trailers = http::HeaderMap::new();
            trailers.insert("grpc-status", status.parse().unwrap());
            let frames = [
                Ok::<_, BoxError>(Frame::data("reply".into())),
                Ok(Frame::trailers(trailers)),
            ];
            Response::builder()
                .header("content-type", "application/grpc")
                .body(StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync())
                .unwrap()
        }
    })
    .await
}

fn call() -> http::Request<TestBody> {
    let mut request = post("http://example.com/shop.Shop/Buy", full("request"));
    let headers = request.headers_mut();
    headers.insert("content-type", "application/grpc".parse().unwrap());
    headers.insert("te", "trailers".parse().unwrap());
    headers.remove("host");
    request
}

/// Calls one after the other on one connection.
async fn calls_on_one_connection(gateway: &Gateway, times: usize) {
    let mut client = connect_http2(gateway.http2).await;
    for _ in 0..times {
        let answer = within(client.send_request(call())).await.unwrap();
        within(answer.into_body().collect()).await.unwrap();
    }
}

#[tokio::test]
async fn the_calls_of_one_long_grpc_connection_are_balanced_one_by_one() {
    let counts: [Arc<AtomicUsize>; 3] = Default::default();
    let mut addresses = Vec::new();
    for count in &counts {
        addresses.push(grpc("0", Arc::clone(count)).await);
    }
    let gateway = Gateway::start(vec![forward("c")], vec![cluster_http2("c", &addresses)]).await;
    calls_on_one_connection(&gateway, 30).await;
    assert_eq!(counts.map(|count| count.load(Ordering::SeqCst)), [10, 10, 10]);
}

#[tokio::test]
async fn a_grpc_endpoint_whose_trailers_say_that_it_is_unavailable_is_ejected() {
    let (bad, good): (Arc<AtomicUsize>, Arc<AtomicUsize>) = Default::default();
    let addresses = [
        grpc("14", Arc::clone(&bad)).await,
        grpc("0", Arc::clone(&good)).await,
    ];
    let clusters = vec![ejecting(3, cluster_http2("c", &addresses))];
    let gateway = Gateway::start(vec![forward("c")], clusters).await;
    calls_on_one_connection(&gateway, 20).await;
    assert_eq!((bad.load(Ordering::SeqCst), good.load(Ordering::SeqCst)), (3, 17));
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_spoken_to_in_tls_is_recorded_with_the_reason() {
    let plain = upstream(|_| async { text(200, "plain") }).await;
    let encrypted = Cluster {
        tls: Some(UpstreamTls {
            trust: Trust::Anybody,
            ..UpstreamTls::default()
        }),
        ..cluster("c", &[plain])
    };
    let mut gateway = Gateway::start(vec![forward("c")], vec![encrypted]).await;
    let (status, body) = fetch(gateway.http1, get("/")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("no TLS connection"), "{body}");
    let seen = gateway.record().await;
    assert_eq!(seen.flags, [Flag::UpstreamConnectionFailure]);
    assert_eq!(seen.reason.as_deref(), Some("upstream_tls_handshake"));
    assert_eq!(seen.upstream, Some(plain));
}

#[tokio::test]
async fn a_cluster_without_its_secret_answers_503_and_says_which_kind_of_thing_is_missing() {
    let plain = upstream(|_| async { text(200, "in clear text") }).await;
    let encrypted = Cluster {
        tls: Some(UpstreamTls {
            trust: Trust::Secret(SecretName("default/nobody".into())),
            ..UpstreamTls::default()
        }),
        ..cluster("c", &[plain])
    };
    let mut gateway = Gateway::start(vec![forward("c")], vec![encrypted]).await;
    assert_eq!(
        fetch(gateway.http1, get("/")).await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(
        gateway.record().await.reason.as_deref(),
        Some("upstream_tls_no_secret")
    );
}

#[tokio::test]
async fn an_endpoint_hears_who_the_client_is() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let address = raw(move |mut stream| {
        let tell = tell.clone();
        async move {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                line.push(stream.read_u8().await.unwrap());
            }
            tell.send(String::from_utf8(line).unwrap()).unwrap();
        }
    })
    .await;
    let announcing = Cluster {
        proxy_protocol: Some(ProxyProtocolVersion::V1),
        ..cluster("c", &[address])
    };
    let gateway = Gateway::start(vec![forward("c")], vec![announcing]).await;
    let _broken_off = send(gateway.http1, get("/")).await;
    let line = within(told.recv()).await.unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[..4], ["PROXY", "TCP4", "127.0.0.1", "127.0.0.1"]);
    assert_eq!(words[5], gateway.http1.port().to_string());
}

//! Bodies in both directions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::support::*;

const CHUNK: usize = 64 * 1024;
const HUNDRED_MB: u64 = 100 << 20;

/// Chunks up to a length, counted as they are asked for.
fn counted(total: u64, made: Arc<AtomicU64>) -> TestBody {
    let chunks = futures_util::stream::iter((0..total / CHUNK as u64).map(move |_| {
        made.fetch_add(CHUNK as u64, Ordering::SeqCst);
        Ok::<_, BoxError>(Frame::data(Bytes::from_static(&[0; CHUNK])))
    }));
    StreamBody::new(chunks).boxed_unsync()
}

async fn length(mut body: hyper::body::Incoming) -> u64 {
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame.unwrap().data_ref().map_or(0, |d| d.len() as u64);
    }
    length
}

#[tokio::test]
async fn an_upload_of_a_hundred_megabytes_streams_through() {
    let address = upstream(|request| async move {
        let length = length(request.into_body()).await;
        http::Response::new(full(length.to_string()))
    })
    .await;
    let mut gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    let body = counted(HUNDRED_MB, Arc::default());
    assert_eq!(
        fetch(gateway.http1, post("/", body)).await.1,
        HUNDRED_MB.to_string()
    );
    assert_eq!(gateway.record().await.request_bytes, HUNDRED_MB);
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_the_upstream() {
    let made = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&made);
    let address = upstream(move |_| {
        let body = counted(HUNDRED_MB, Arc::clone(&counter));
        async move { http::Response::new(body) }
    })
    .await;
    let gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    let mut response = send(gateway.http1, get("/")).await;
    let mut read = 0;
    // What was made and not read sits in the buffers of four sockets and two proxies' worth of hyper.
    while let Some(frame) = within(response.frame()).await {
        read += frame.unwrap().into_data().unwrap().len() as u64;
        let ahead = made.load(Ordering::SeqCst).saturating_sub(read);
        assert!(ahead < 24 << 20, "{ahead} bytes ahead of a reader at {read}");
        if read < HUNDRED_MB / 4 {
            settle(&made).await;
        }
    }
    assert_eq!(read, HUNDRED_MB);
}

/// Lets everybody else run until the upstream stops making chunks.
async fn settle(made: &AtomicU64) {
    let mut last = u64::MAX;
    while last != made.load(Ordering::SeqCst) {
        last = made.load(Ordering::SeqCst);
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn an_upload_is_not_asked_for_before_the_upstream_wants_it() {
    let address = raw(|mut stream| async move {
        let mut buffer = [0; 4096];
        let _head = stream.read(&mut buffer).await;
        let _no = stream
            .write_all(b"HTTP/1.1 413 Payload Too Large\r\ncontent-length: 0\r\n\r\n")
            .await;
        let _more = stream.read(&mut buffer).await;
    })
    .await;
    let gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    let mut stream = tokio::net::TcpStream::connect(gateway.http1).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    within(stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 413");
}

#[tokio::test]
async fn an_upload_is_asked_for_when_the_upstream_wants_it() {
    let address = upstream(|request| async move {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        http::Response::new(full(body))
    })
    .await;
    let gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    let mut stream = tokio::net::TcpStream::connect(gateway.http1).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\nconnection: close\r\ncontent-length: 5\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    within(stream.read_exact(&mut go_on)).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"),
        "{answer}"
    );
}

#[tokio::test]
async fn the_answer_to_head_keeps_the_length_of_what_get_would_give() {
    let address = upstream(|_| async { text(200, "hello") }).await;
    let gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    let mut request = get("/");
    *request.method_mut() = http::Method::HEAD;
    let response = send(gateway.http1, request).await;
    assert_eq!(response.headers()["content-length"], "5");
    assert_eq!(read(response).await.1, "");
}

#[tokio::test]
async fn content_that_an_http_2_upstream_sends_for_head_does_not_pass() {
    let chunks = || futures_util::stream::iter([Ok::<_, BoxError>(Frame::data("hello".into()))]);
    let address =
        upstream_http2(move |_| async move { http::Response::new(StreamBody::new(chunks()).boxed_unsync()) })
            .await;
    let mut gateway = Gateway::start(vec![forward("c")], vec![cluster_http2("c", &[address])]).await;
    let mut client = connect_http2(gateway.http2).await;
    let mut request = get("http://c/");
    request.headers_mut().remove(http::header::HOST);
    *request.method_mut() = http::Method::HEAD;
    let response = within(client.send_request(request)).await.expect("an answer");
    assert_eq!(read(response).await, (StatusCode::OK, String::new()));
    assert_eq!(gateway.record().await.flags.len(), 0);
}

#[tokio::test]
async fn an_answer_without_content_stays_without() {
    for status in [204, 304] {
        let address =
            upstream(move |_| async move { http::Response::builder().status(status).body(empty()).unwrap() })
                .await;
        let mut gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
        let response = send(gateway.http1, get("/")).await;
        assert_eq!(response.status(), status);
        assert!(!response.headers().contains_key("transfer-encoding"));
        read(response).await;
        assert_eq!(gateway.record().await.flags.len(), 0);
    }
}

#[tokio::test]
async fn an_http_1_0_client_is_served() {
    let address = upstream(|_| async {
        let chunks = futures_util::stream::iter([Ok::<_, BoxError>(Frame::data("hello".into()))]);
        http::Response::new(StreamBody::new(chunks).boxed_unsync())
    })
    .await;
    let gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    let mut stream = tokio::net::TcpStream::connect(gateway.http1).await.unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.0 200") && answer.ends_with("\r\n\r\nhello"),
        "{answer}"
    );
}

/// Echoes the body and ends with gRPC's trailers.
async fn grpc() -> std::net::SocketAddr {
    upstream_http2(|request| async move {
        let te = request.headers().get("te").is_some_and(|te| te == "trailers");
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", if te { "0" } else { "13" }.parse().unwrap());
        let frames = [
            Ok::<_, BoxError>(Frame::data(body)),
            Ok(Frame::trailers(trailers)),
        ];
        http::Response::builder()
            .header("content-type", "application/grpc")
            .body(StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync())
            .unwrap()
    })
    .await
}

#[tokio::test]
async fn grpc_passes_with_its_trailers() {
    let address = grpc().await;
    let mut gateway = Gateway::start(vec![forward("c")], vec![cluster_http2("c", &[address])]).await;
    let mut client = connect_http2(gateway.http2).await;
    let request = Request::builder()
        .method("POST")
        .uri("http://example.com/svc/Method")
        .header("te", "trailers")
        .header("content-type", "application/grpc")
        .body(full("message"))
        .unwrap();
    let response = within(client.send_request(request)).await.unwrap();
    let body = within(response.into_body().collect()).await.unwrap();
    assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(body.to_bytes(), "message");
    let seen = gateway.record().await;
    assert_eq!(
        (seen.grpc_status, seen.request_bytes, seen.response_bytes),
        (Some(0), 7, 7)
    );
}

#[tokio::test]
async fn http1_clients_reach_http2_upstreams_and_the_other_way_round() {
    let http2 = upstream_http2(|request| async move {
        text(
            200,
            if request.uri().authority().is_some() {
                "h2"
            } else {
                "?"
            },
        )
    })
    .await;
    let gateway = Gateway::start(vec![forward("c")], vec![cluster_http2("c", &[http2])]).await;
    assert_eq!(
        fetch(gateway.http1, get("/")).await,
        (StatusCode::OK, "h2".to_owned())
    );

    let http1 = upstream(|_| async { text(200, "h1") }).await;
    let gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[http1])]).await;
    let mut client = connect_http2(gateway.http2).await;
    let request = Request::builder()
        .uri("http://example.com/")
        .body(empty())
        .unwrap();
    let answer = read(within(client.send_request(request)).await.unwrap()).await;
    assert_eq!(answer, (StatusCode::OK, "h1".to_owned()));
}

#[tokio::test]
async fn trailers_of_a_request_pass() {
    let address = upstream_http2(|request| async move {
        let body = request.into_body().collect().await.unwrap();
        let sum = body.trailers().map(|t| t["x-sum"].to_str().unwrap().to_owned());
        http::Response::new(full(sum.unwrap_or_default()))
    })
    .await;
    let gateway = Gateway::start(vec![forward("c")], vec![cluster_http2("c", &[address])]).await;
    let mut client = connect_http2(gateway.http2).await;
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "42".parse().unwrap());
    let frames = [
        Ok::<_, BoxError>(Frame::data("data".into())),
        Ok(Frame::trailers(trailers)),
    ];
    let body = StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
    let request = Request::builder()
        .method("POST")
        .uri("http://example.com/")
        .body(body)
        .unwrap();
    assert_eq!(
        read(within(client.send_request(request)).await.unwrap()).await.1,
        "42"
    );
}

/// Sends the beginning of a chunked upload to an upstream that waits for all of it.
async fn upload_in_progress(chunk: &str) -> (Gateway, tokio::net::TcpStream) {
    let began = Arc::new(tokio::sync::Notify::new());
    let notify = Arc::clone(&began);
    let address = upstream(move |request| {
        let notify = Arc::clone(&notify);
        async move {
            let mut body = request.into_body();
            while let Some(Ok(_)) = body.frame().await {
                notify.notify_one();
            }
            text(200, "read")
        }
    })
    .await;
    let gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    let mut stream = tokio::net::TcpStream::connect(gateway.http1).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    within(began.notified()).await;
    stream.write_all(chunk.as_bytes()).await.unwrap();
    (gateway, stream)
}

#[tokio::test]
async fn a_body_that_is_no_body_is_the_clients_fault() {
    let (mut gateway, _stream) = upload_in_progress("no length\r\n").await;
    let seen = gateway.record().await;
    assert_eq!((seen.status, seen.reason.as_deref()), (400, Some("bad_request")));
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_its_body_is_gone() {
    let (mut gateway, stream) = upload_in_progress("").await;
    drop(stream);
    let seen = gateway.record().await;
    assert_eq!((seen.status, seen.reason.as_deref()), (0, Some("client_gone")));
}

#[tokio::test]
async fn an_upstream_that_never_says_continue_gets_the_body_all_the_same() {
    let address = raw(|mut stream| async move {
        let mut got = String::new();
        let mut buffer = [0; 1024];
        while !got.ends_with("hello") {
            let read = stream.read(&mut buffer).await.unwrap();
            got.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        let _sent = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .await;
    })
    .await;
    let gateway = Gateway::start(vec![forward("c")], vec![cluster("c", &[address])]).await;
    let mut request = post("/", full("hello"));
    request
        .headers_mut()
        .insert("expect", "100-continue".parse().unwrap());
    assert_eq!(fetch(gateway.http1, request).await.1, "ok");
}

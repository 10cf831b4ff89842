//! Trying again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::StatusCode;
use http_body_util::BodyExt as _;
use seaway_model::*;
use seaway_telemetry::Flag;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::unbounded_channel;

use super::support::*;

fn retrying(policy: Option<RetryPolicy>) -> Route {
    let mut to = to("c");
    to.retry = policy.map(Box::new);
    route(Action::Forward(to))
}

/// Answers 503 so many times, then 200 with the number of bytes it got.
async fn failing(times: usize) -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let tries = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&tries);
    let address = upstream(move |request| {
        let turn = counter.fetch_add(1, Ordering::SeqCst);
        async move {
            let length = request
                .into_body()
                .collect()
                .await
                .map_or(0, |b| b.to_bytes().len());
            let status = if turn < times { 503 } else { 200 };
            http::Response::builder()
                .status(status)
                .body(full(length.to_string()))
                .unwrap()
        }
    })
    .await;
    (address, tries)
}

#[tokio::test]
async fn a_request_is_tried_until_it_succeeds_and_its_body_is_sent_again() {
    let (address, _) = failing(2).await;
    let policy = retry(3, RetryOn::ServerError);
    let mut gateway = Gateway::start(vec![retrying(policy)], vec![cluster("c", &[address])]).await;
    let (status, body) = fetch(gateway.http1, post("/", full("hello"))).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "5"));
    let seen = gateway.record().await;
    assert_eq!((seen.retries, seen.request_bytes, seen.flags.len()), (2, 5, 0));
}

#[tokio::test]
async fn a_retry_goes_to_an_endpoint_that_was_not_tried() {
    let (broken, tries) = failing(usize::MAX).await;
    let (whole, _) = failing(0).await;
    let policy = retry(1, RetryOn::ServerError);
    for balancing in [
        Balancing::RoundRobin,
        Balancing::LeastRequest,
        Balancing::Random,
        Balancing::RingHash,
    ] {
        let both = Cluster {
            balancing,
            ..cluster("c", &[broken, whole])
        };
        let gateway = Gateway::start(vec![retrying(policy.clone())], vec![both]).await;
        let before = tries.load(Ordering::SeqCst);
        while tries.load(Ordering::SeqCst) < before + 5 {
            assert_eq!(
                fetch(gateway.http1, get("/")).await.0,
                StatusCode::OK,
                "{balancing:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_above_a_circuit_breaker_is_told_so_at_once_and_not_tried_again() {
    let (arrived, mut arrivals) = unbounded_channel();
    let release = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&release);
    let address = upstream(move |_| {
        let (arrived, held) = (arrived.clone(), Arc::clone(&held));
        async move {
            let _gone = arrived.send(());
            held.acquire().await.unwrap().forget();
            text(200, "served")
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
    let policy = retry(3, RetryOn::ServerError);
    let mut gateway = Gateway::start(vec![retrying(policy)], vec![limited]).await;
    let first = tokio::spawn(fetch(gateway.http1, get("/")));
    within(arrivals.recv()).await.unwrap();
    let second = send(gateway.http1, get("/")).await;
    assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(second.headers()["x-envoy-overloaded"], "true");
    assert!(read(second).await.1.ends_with("(overflow)\n"));
    let seen = gateway.record().await;
    assert_eq!(
        (seen.flags, seen.reason.as_deref(), seen.retries),
        (vec![Flag::UpstreamOverflow], Some("overflow"), 0)
    );
    release.add_permits(1);
    assert_eq!(
        within(first).await.unwrap(),
        (StatusCode::OK, "served".to_owned())
    );
}

#[tokio::test]
async fn when_no_try_is_left_the_last_answer_stands_and_is_marked() {
    let (address, tries) = failing(usize::MAX).await;
    let policy = retry(2, RetryOn::Status(503));
    let mut gateway = Gateway::start(vec![retrying(policy)], vec![cluster("c", &[address])]).await;
    assert_eq!(
        fetch(gateway.http1, get("/")).await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(tries.load(Ordering::SeqCst), 3);
    let seen = gateway.record().await;
    assert_eq!(
        (seen.retries, seen.flags),
        (2, vec![Flag::UpstreamRetryLimitExceeded])
    );
}

#[tokio::test]
async fn an_outcome_that_the_policy_does_not_name_is_not_tried_again() {
    let (address, tries) = failing(usize::MAX).await;
    let policy = retry(2, RetryOn::ConnectFailure);
    let gateway = Gateway::start(vec![retrying(policy)], vec![cluster("c", &[address])]).await;
    fetch(gateway.http1, get("/")).await;
    assert_eq!(tries.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_body_above_the_bound_is_not_sent_again() {
    let (address, tries) = failing(1).await;
    let policy = retry(2, RetryOn::ServerError);
    let gateway = Gateway::start(vec![retrying(policy)], vec![cluster("c", &[address])]).await;
    let body = vec![0; 65 * 1024];
    assert_eq!(
        fetch(gateway.http1, post("/", full(body))).await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(tries.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_spent_budget_ends_the_tries() {
    let (address, tries) = failing(usize::MAX).await;
    let mut cluster = cluster("c", &[address]);
    cluster.retry_budget = RetryBudget {
        budget: Fraction::ZERO,
        min_concurrency: 0,
    };
    let mut gateway = Gateway::start(vec![retrying(retry(5, RetryOn::ServerError))], vec![cluster]).await;
    assert_eq!(
        fetch(gateway.http1, get("/")).await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(tries.load(Ordering::SeqCst), 1);
    assert_eq!(gateway.record().await.flags, [Flag::UpstreamOverflow]);
}

#[tokio::test]
async fn a_try_that_takes_too_long_is_given_up_for_another() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&tries);
    let address = upstream(move |_| {
        let first = counter.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            if first {
                std::future::pending::<()>().await;
            }
            text(200, "second")
        }
    })
    .await;
    let policy = RetryPolicy {
        attempts: 1,
        per_try_timeout: Some(Millis(100)),
        on: vec![RetryOn::Reset],
        backoff: None,
    };
    let mut gateway = Gateway::start(vec![retrying(Some(policy))], vec![cluster("c", &[address])]).await;
    assert_eq!(fetch(gateway.http1, get("/")).await.1, "second");
    assert_eq!(gateway.record().await.retries, 1);
}

#[tokio::test]
async fn without_a_policy_an_endpoint_that_refuses_is_not_noticed() {
    let alive = upstream(|request| async move {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        http::Response::new(full(body))
    })
    .await;
    let endpoints = [refusing().await, alive];
    let gateway = Gateway::start(vec![retrying(None)], vec![cluster("c", &endpoints)]).await;
    for _ in 0..6 {
        let (status, body) = fetch(gateway.http1, post("/", full("hello"))).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, "hello"));
    }
}

/// Answers the first request of each connection, and hangs up on the second.
async fn one_request_a_connection() -> std::net::SocketAddr {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    raw(|mut stream| async move {
        let mut buffer = [0; 4096];
        let _head = stream.read(&mut buffer).await;
        let _sent = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .await;
        let _second = stream.read(&mut buffer).await;
    })
    .await
}

#[tokio::test]
async fn an_idle_connection_that_was_closed_under_a_get_is_not_noticed() {
    let address = one_request_a_connection().await;
    let mut gateway = Gateway::start(vec![retrying(None)], vec![cluster("c", &[address])]).await;
    let mut client = connect(gateway.http1).await;
    for retries in [0, 1] {
        let (status, _) = read(client.send_request(get("/")).await.unwrap()).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(gateway.record().await.retries, retries);
    }
}

#[tokio::test]
async fn an_idle_connection_that_was_closed_under_a_post_is_a_bad_gateway() {
    let address = one_request_a_connection().await;
    let gateway = Gateway::start(vec![retrying(None)], vec![cluster("c", &[address])]).await;
    let mut client = connect(gateway.http1).await;
    read(client.send_request(get("/")).await.unwrap()).await;
    let (status, _) = read(client.send_request(post("/", empty())).await.unwrap()).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
}

/// Answers each connection's first request, and refuses the second.
async fn refusing_the_second_stream() -> std::net::SocketAddr {
    raw(|stream| async move {
        let mut h2 = h2::server::handshake(stream).await.unwrap();
        let mut served = 0;
        while let Some(Ok((_, mut respond))) = h2.accept().await {
            served += 1;
            if served == 2 {
                respond.send_reset(h2::Reason::REFUSED_STREAM);
            } else {
                let _sent = respond.send_response(http::Response::new(()), true);
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_get_that_was_refused_on_a_connection_that_had_served_is_sent_again() {
    let address = refusing_the_second_stream().await;
    let mut gateway = Gateway::start(vec![retrying(None)], vec![cluster_http2("c", &[address])]).await;
    let mut client = connect(gateway.http1).await;
    for retries in [0, 1] {
        let (status, _) = read(client.send_request(get("/")).await.unwrap()).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(gateway.record().await.retries, retries);
    }
}

#[tokio::test]
async fn a_body_that_was_half_sent_when_the_try_failed_is_sent_whole_to_the_next() {
    let (chunks, body) = unbounded_channel::<&'static str>();
    let tries = Arc::new(AtomicUsize::new(0));
    let address = upstream(move |request| {
        let first = tries.fetch_add(1, Ordering::SeqCst) == 0;
        let chunks = chunks.clone();
        async move {
            let mut body = request.into_body();
            if first {
                // Answers after the first half and without the second.
                let _half = body.frame().await;
                return text(503, "not yet");
            }
            let _second = chunks.send("world");
            drop(chunks);
            http::Response::new(full(body.collect().await.unwrap().to_bytes()))
        }
    })
    .await;
    let policy = retry(1, RetryOn::ServerError);
    let gateway = Gateway::start(vec![retrying(policy)], vec![cluster("c", &[address])]).await;
    let frames = futures_util::stream::unfold((Some("hello "), body), |(first, mut body)| async move {
        let chunk = match first {
            Some(first) => first,
            None => body.recv().await?,
        };
        let last = chunk == "world";
        if last {
            body.close();
        }
        Some((
            Ok::<_, BoxError>(http_body::Frame::data(chunk.into())),
            (None, body),
        ))
    });
    let body = http_body_util::StreamBody::new(frames).boxed_unsync();
    let (status, echoed) = fetch(gateway.http1, post("/", body)).await;
    assert_eq!((status, echoed.as_str()), (StatusCode::OK, "hello world"));
}

//! Time limits.

use std::time::Duration;

use http::StatusCode;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use seaway_model::*;
use seaway_proxy::options::{Limits, Options};
use seaway_telemetry::Flag;

use super::support::*;

fn limited(timeout: u64) -> Route {
    let mut to = to("c");
    to.timeout = Some(Millis(timeout));
    route(Action::Forward(to))
}

fn idle(limit: u64) -> Options {
    Options {
        limits: Limits {
            stream_idle_timeout: Duration::from_millis(limit),
            ..Limits::default()
        },
        ..Options::default()
    }
}

/// A body of one chunk that never ends.
fn stuck() -> TestBody {
    use futures_util::StreamExt as _;
    let first = futures_util::stream::iter([Ok::<_, BoxError>(Frame::data("first".into()))]);
    StreamBody::new(first.chain(futures_util::stream::pending())).boxed_unsync()
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_in_time_is_a_gateway_timeout() {
    let address = upstream(|_| std::future::pending()).await;
    let mut gateway = Gateway::start(vec![limited(50)], vec![cluster("c", &[address])]).await;
    assert_eq!(
        fetch(gateway.http1, get("/")).await.0,
        StatusCode::GATEWAY_TIMEOUT
    );
    let seen = gateway.record().await;
    assert_eq!(
        (seen.status, seen.flags),
        (504, vec![Flag::UpstreamRequestTimeout])
    );
}

#[tokio::test]
async fn a_response_that_does_not_end_in_time_is_broken_off() {
    let address = upstream(|_| async { http::Response::new(stuck()) }).await;
    let mut gateway = Gateway::start(vec![limited(100)], vec![cluster("c", &[address])]).await;
    let response = send(gateway.http1, get("/")).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(within(response.into_body().collect()).await.is_err());
    let seen = gateway.record().await;
    assert_eq!(
        (seen.status, seen.flags),
        (200, vec![Flag::UpstreamRequestTimeout])
    );
    assert_eq!(seen.response_bytes, 5);
}

#[tokio::test]
async fn a_response_on_which_nothing_moves_is_broken_off() {
    let address = upstream(|_| async { http::Response::new(stuck()) }).await;
    let routes = vec![forward("c")];
    let mut gateway = Gateway::with_options(routes, vec![cluster("c", &[address])], idle(100)).await;
    let response = send(gateway.http1, get("/")).await;
    assert!(within(response.into_body().collect()).await.is_err());
    assert_eq!(gateway.record().await.flags, [Flag::StreamIdleTimeout]);
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_body_is_told_so() {
    let address = upstream(|request| async move {
        let _whole = request.into_body().collect().await;
        text(200, "read")
    })
    .await;
    let routes = vec![forward("c")];
    let mut gateway = Gateway::with_options(routes, vec![cluster("c", &[address])], idle(100)).await;
    assert_eq!(
        fetch(gateway.http1, post("/", stuck())).await.0,
        StatusCode::REQUEST_TIMEOUT
    );
    let seen = gateway.record().await;
    assert_eq!(
        (seen.flags, seen.request_bytes),
        (vec![Flag::StreamIdleTimeout], 5)
    );
}

#[tokio::test]
async fn a_stream_that_moves_lives_longer_than_the_idle_limit() {
    let address = upstream(|_| async {
        let ticks = futures_util::stream::unfold(0, |turn| async move {
            let mut timer = tokio::time::interval(Duration::from_millis(40));
            timer.tick().await;
            timer.tick().await;
            (turn < 8).then(|| (Ok::<_, BoxError>(Frame::data("tick".into())), turn + 1))
        });
        http::Response::new(StreamBody::new(ticks).boxed_unsync())
    })
    .await;
    let routes = vec![forward("c")];
    let gateway = Gateway::with_options(routes, vec![cluster("c", &[address])], idle(200)).await;
    assert_eq!(fetch(gateway.http1, get("/")).await.1, "tick".repeat(8));
}

#[tokio::test]
async fn a_limit_for_a_try_does_not_cut_off_its_response() {
    let address = upstream(|_| async {
        let late = futures_util::stream::once(async {
            let mut timer = tokio::time::interval(Duration::from_millis(150));
            timer.tick().await;
            timer.tick().await;
            Ok::<_, BoxError>(Frame::data("late".into()))
        });
        http::Response::new(StreamBody::new(late).boxed_unsync())
    })
    .await;
    let mut to = to("c");
    to.retry = Some(Box::new(RetryPolicy {
        attempts: 1,
        per_try_timeout: Some(Millis(100)),
        on: vec![RetryOn::Reset],
        backoff: None,
    }));
    let routes = vec![route(Action::Forward(to))];
    let gateway = Gateway::start(routes, vec![cluster("c", &[address])]).await;
    assert_eq!(fetch(gateway.http1, get("/")).await.1, "late");
}

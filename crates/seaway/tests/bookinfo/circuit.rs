//! Circuit breaking.

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::Request;
use seaway_testkit::echo::Backend;

use super::world::World;

/// One connection, and one request that waits for it.
pub const RULE: &[&str] = &["circuit-breaking/platform.yaml", "circuit-breaking/rule.yaml"];

#[tokio::test]
async fn the_third_request_at_once_is_answered_503_and_the_others_are_served() {
    let pod = Backend::start("httpbin").expect("a port");
    let world = World::start(RULE, vec![(7131, pod.addr())], &[]).await;
    let held = || {
        Request::get("/")
            .header("host", "httpbin:8000")
            .header("x-echo-hold", "1")
    };
    let mut asked: FuturesUnordered<_> = (0..3).map(|_| world.call(held())).collect();
    let refused = asked.next().await.expect("an answer");
    assert_eq!(refused.status, 503, "{}", refused.text());
    pod.release();
    while let Some(served) = asked.next().await {
        assert_eq!(served.status, 200, "{}", served.text());
    }
    assert_eq!(
        (pod.count(), pod.connections()),
        (2, 2),
        "no connection is used twice"
    );
}

#[tokio::test]
async fn a_pod_that_answers_with_an_error_is_left_out() {
    let pod = Backend::start("httpbin").expect("a port");
    let world = World::start(RULE, vec![(7131, pod.addr())], &[]).await;
    let failing = Request::get("/")
        .header("host", "httpbin:8000")
        .header("x-echo-status", "500");
    assert_eq!(world.call(failing).await.status, 500);
    world
        .gateway
        .until("nobody is left", async || {
            world.get("httpbin:8000").await.status == 503
        })
        .await;
}

//! Requests to services that somebody else runs.

use http::Request;
use seaway_testkit::echo::Backend;

use super::world::World;

/// A host outside.
pub const ENTRY: &[&str] = &["egress/entry.yaml"];

/// Which is not waited for for long.
pub const TIMEOUT: &[&str] = &["egress/entry.yaml", "egress/timeout.yaml"];

#[tokio::test]
async fn a_declared_host_is_reached_and_others_are_refused() {
    let catalogue = Backend::start("catalogue").expect("a port");
    let world = World::start(ENTRY, vec![(7141, catalogue.addr())], &[]).await;
    let answer = world.get("catalogue.example.com").await;
    assert_eq!(
        answer.header("x-echo-backend"),
        Some("catalogue"),
        "{}",
        answer.text()
    );
    let by_proxy = Request::get("http://catalogue.example.com/books").header("host", "catalogue.example.com");
    assert_eq!(
        world.call(by_proxy).await.header("x-echo-backend"),
        Some("catalogue")
    );
    assert_eq!(world.get("other.example.com").await.status, 404);
}

#[tokio::test]
async fn a_host_that_is_slow_is_not_waited_for() {
    let catalogue = Backend::start("catalogue").expect("a port");
    let world = World::start(TIMEOUT, vec![(7141, catalogue.addr())], &[]).await;
    assert_eq!(world.get("catalogue.example.com").await.status, 200);
    let slow = Request::get("/")
        .header("host", "catalogue.example.com")
        .header("x-echo-hold", "1");
    assert_eq!(world.call(slow).await.status, 504);
    catalogue.release();
}

//! What cannot be had, and what is said of it.

use seaway_testkit::acme::PebbleOptions;

use crate::HOST;
use crate::support::command::seaway_in;
use crate::world::World;

#[tokio::test]
async fn a_wildcard_by_http_is_refused_before_anybody_is_asked() {
    let world = World::start("", &[], PebbleOptions::default()).await;
    world.want("http01", "*.example.com");
    let finding = world.gateway.finding("SW0307").await;
    let help = finding["help"].as_str().expect("a remedy");
    assert!(help.contains("dns"), "{finding}");
    assert_eq!(world.cert().await, None);
    world.gateway.answers(HOST, "one").await;
}

#[tokio::test]
async fn a_name_that_the_authority_blocks_is_told_in_its_words() {
    let options = PebbleOptions {
        blocked_domains: vec![HOST.to_owned()],
        ..PebbleOptions::default()
    };
    let world = World::start("", &[], options).await;
    world.want("http01", HOST);
    let cert = world
        .told("there is an error", |cert| cert["lastError"].is_string())
        .await;
    assert_eq!(cert["expires"], serde_json::Value::Null);
    let done = seaway_in(world.folder.path(), &["certs", "--admin", &world.admin()]);
    assert_eq!(done.code, Some(1), "{done:?}");
    let error = cert["lastError"].as_str().expect("a text");
    assert!(done.out.contains(error), "{error}\n{done:?}");
    let text = world.gateway.admin("/metrics").await.text();
    assert!(text.contains("seaway_certificate_failures_total{kind="), "{text}");
    // Plain HTTP goes on.
    world.gateway.answers(HOST, "one").await;
}

//! A CA on a bad day: the proxy before Pebble. `cargo xtask parts` brings Pebble.
#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

#[path = "acme/support.rs"]
mod support;

use std::io;

use http::Request;
use instant_acme::{Identifier, NewOrder};
use seaway_testkit::acme::{Fault, Flaky, PebbleOptions, Place};
use seaway_testkit::client::{Answer, ClientTls, Wire};
use support::{account, ask, dns, issue_one, pebble};
use tokio::io::AsyncWriteExt;

fn address_of(flaky: &Flaky) -> std::net::SocketAddr {
    let url = flaky.directory_url();
    let authority = url.trim_start_matches("https://").trim_end_matches("/dir");
    authority.parse().expect("an address")
}

async fn through(flaky: &Flaky, path: &str) -> io::Result<Answer> {
    ask(address_of(flaky), &flaky.tls_root_pem(), Request::get(path)).await
}

#[tokio::test]
async fn a_whole_order_passes_the_proxy_and_survives_bad_nonces() {
    let dns = dns().await;
    let pebble = pebble(PebbleOptions::default(), &dns).await;
    let flaky = Flaky::start(&pebble).expect("a proxy");
    let account = account(flaky.directory_url(), &flaky.tls_root_pem(), None)
        .await
        .expect("an account");
    flaky.inject(Place::NewOrder, 1, Fault::BadNonce);
    flaky.inject(Place::Finalize, 1, Fault::BadNonce);
    issue_one(&account, &dns, "example.com")
        .await
        .expect("a certificate");
    assert_eq!(
        (flaky.count(Place::NewOrder), flaky.count(Place::Finalize)),
        (2, 2)
    );
    assert_eq!(flaky.count(Place::Certificate), 1);
}

#[tokio::test]
async fn injected_answers_come_as_often_as_ordered_and_only_where_ordered() {
    let dns = dns().await;
    let pebble = pebble(PebbleOptions::default(), &dns).await;
    let flaky = Flaky::start(&pebble).expect("a proxy");
    flaky.inject(
        Place::Directory,
        1,
        Fault::RateLimited {
            retry_after: Some("3600".to_owned()),
        },
    );
    flaky.inject(Place::Directory, 1, Fault::Unavailable { retry_after: None });
    let elsewhere = through(&flaky, "/nonce-plz").await.expect("an answer");
    let limited = through(&flaky, "/dir").await.expect("an answer");
    let unavailable = through(&flaky, "/dir").await.expect("an answer");
    let last = through(&flaky, "/dir").await.expect("an answer");
    let statuses = [elsewhere.status, limited.status, unavailable.status, last.status];
    assert_eq!(statuses, [204, 429, 503, 200]);
    assert_eq!(limited.header("retry-after"), Some("3600"));
    assert_eq!(limited.header("content-type"), Some("application/problem+json"));
    assert!(limited.header("replay-nonce").is_some());
    assert!(limited.text().contains("urn:ietf:params:acme:error:rateLimited"));
    assert_eq!(unavailable.header("retry-after"), None);
}

#[tokio::test]
async fn a_lost_answer_was_still_an_act_and_a_reset_was_none() {
    let dns = dns().await;
    let pebble = pebble(PebbleOptions::default(), &dns).await;
    let flaky = Flaky::start(&pebble).expect("a proxy");
    flaky.inject(Place::Directory, 1, Fault::Reset);
    through(&flaky, "/dir").await.expect_err("a reset");
    flaky.inject(Place::Directory, 1, Fault::AnswerLost);
    through(&flaky, "/dir").await.expect_err("a reset");
    pebble
        .log()
        .wait_for("GET /dir -> calling handler()", 1)
        .await
        .expect("Pebble was asked");
    // The reset one would have been written before.
    assert_eq!(pebble.log().count("GET /dir -> calling handler()"), 1);
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let dns = dns().await;
    let pebble = pebble(PebbleOptions::default(), &dns).await;
    let flaky = Flaky::start(&pebble).expect("a proxy");
    flaky.inject(Place::Anywhere, 1, Fault::Reset);
    let tls = ClientTls::trusting(&flaky.tls_root_pem()).expect("a root");
    let mut stream = tls
        .connect(address_of(&flaky), "127.0.0.1", Wire::Http1)
        .await
        .expect("a connection");
    stream
        .write_all(b"GET /dir HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .expect("a request");
    let error = tokio::io::AsyncReadExt::read_u8(&mut stream)
        .await
        .expect_err("no answer");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_client_can_be_ended_in_the_middle_of_a_step() {
    let dns = dns().await;
    let pebble = pebble(PebbleOptions::default(), &dns).await;
    let flaky = Flaky::start(&pebble).expect("a proxy");
    let account = account(flaky.directory_url(), &flaky.tls_root_pem(), None)
        .await
        .expect("an account");
    flaky.inject(Place::NewOrder, 1, Fault::SilenceAfter);
    let identifiers = [Identifier::Dns("example.com".to_owned())];
    let order = NewOrder::new(&identifiers);
    tokio::select! {
        order = account.new_order(&order) => panic!("an answer: {:?}", order.err()),
        done = flaky.calls().wait_until_done("POST", Place::NewOrder.path(), 1) => done.expect("a call"),
    }
    pebble
        .log()
        .wait_for("POST /order-plz -> calling handler()", 1)
        .await
        .expect("Pebble was asked");
}

#[tokio::test]
async fn an_absent_proxy_refuses_and_comes_back_with_the_same_server() {
    let dns = dns().await;
    let pebble = pebble(PebbleOptions::default(), &dns).await;
    let flaky = Flaky::start(&pebble).expect("a proxy");
    let account = account(flaky.directory_url(), &flaky.tls_root_pem(), None)
        .await
        .expect("an account");
    flaky.down().await;
    let refused = through(&flaky, "/dir").await.expect_err("nobody");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    flaky.up().expect("the same port");
    issue_one(&account, &dns, "example.com")
        .await
        .expect("a certificate");
}

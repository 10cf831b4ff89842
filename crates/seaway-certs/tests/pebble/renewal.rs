//! Renewal information (RFC 9773). Pebble has none, so the proxy before it does.

use std::time::{Duration, SystemTime};

use seaway_certs::acme::{CertStatus, utc};
use seaway_model::{AcmeMethod, KeyPair};
use seaway_testkit::acme::{Fault, Place, SuggestedRenewal};

use crate::DAY;
use crate::bench::Bench;

const HOUR: Duration = Duration::from_secs(60 * 60);
const INFO: &str = "/renewal-info/";

/// From now on the authority wants every certificate renewed between these times from now.
fn suggest(bench: &Bench, from: Duration, to: Duration) {
    let at = |after| utc(SystemTime::now() + after);
    bench.flaky.suggest_renewal(SuggestedRenewal {
        start: at(from),
        end: at(to),
        retry_after: 6 * 3600,
    });
}

/// A certificate of an authority that has renewal information, asked for the first time.
async fn issued(bench: &mut Bench) -> (seaway_certs::acme::Wanted, KeyPair) {
    let wanted = bench.wanted(AcmeMethod::Http01, &["shop.example.com"]);
    bench.start(std::slice::from_ref(&wanted));
    let pair = bench.certificate(&wanted.name, None).await;
    bench.move_clock(Duration::from_secs(120));
    asked(bench, 1).await;
    (wanted, pair)
}

/// Waits until the authority was asked so often, and the answer is taken.
async fn asked(bench: &Bench, times: usize) -> CertStatus {
    let calls = bench.flaky.calls();
    calls
        .wait_until_done("GET", INFO, times)
        .await
        .expect("a question");
    bench.status(|status| status.next_at.is_some()).await
}

fn hours_until(status: &CertStatus, from: SystemTime) -> u64 {
    let at = status.next_at.expect("a time");
    at.duration_since(from).unwrap_or_default().as_secs() / 3600
}

#[tokio::test]
async fn a_suggested_window_is_obeyed_although_two_thirds_of_the_life_are_left() {
    let mut bench = Bench::new().await;
    suggest(&bench, DAY * 3, DAY * 4);
    let (wanted, first) = issued(&mut bench).await;
    // Before the window it is only asked again.
    bench.move_clock(DAY * 2);
    asked(&bench, 2).await;
    assert_eq!(bench.flaky.count(Place::NewOrder), 1);
    bench.move_clock(DAY * 2);
    bench.certificate(&wanted.name, Some(&first)).await;
    assert_eq!(bench.flaky.count(Place::NewOrder), 2);
}

#[tokio::test]
async fn the_order_names_the_certificate_that_it_replaces() {
    let mut bench = Bench::new().await;
    suggest(&bench, DAY * 3, DAY * 4);
    let (wanted, first) = issued(&mut bench).await;
    bench.move_clock(DAY * 5);
    bench.certificate(&wanted.name, Some(&first)).await;
    let asked = bench.flaky.calls().all();
    let asked = asked.iter().find_map(|call| call.path.strip_prefix(INFO));
    let asked = asked.expect("a question").to_owned();
    assert_eq!(bench.flaky.replaced(), [None, Some(asked)]);
}

#[tokio::test]
async fn it_is_asked_again_when_retry_after_says() {
    let mut bench = Bench::new().await;
    suggest(&bench, DAY * 30, DAY * 31);
    issued(&mut bench).await;
    let now = SystemTime::now() + Duration::from_secs(120);
    let hours = |status: &CertStatus| hours_until(status, now);
    bench.status(|status| (5..=6).contains(&hours(status))).await;
    bench.move_clock(HOUR * 7);
    asked(&bench, 2).await;
    bench.status(|status| (11..=13).contains(&hours(status))).await;
    assert_eq!(bench.flaky.calls().count("GET", INFO), 2);
}

#[tokio::test]
async fn a_certificate_that_the_authority_wants_replaced_now_is_replaced_now() {
    let mut bench = Bench::new().await;
    suggest(&bench, DAY * 30, DAY * 31);
    let (wanted, first) = issued(&mut bench).await;
    // As before a mass revocation: the window has passed.
    suggest(&bench, Duration::ZERO, Duration::from_secs(1));
    bench.move_clock(HOUR * 7);
    bench.certificate(&wanted.name, Some(&first)).await;
}

#[tokio::test]
async fn an_authority_that_has_replaced_it_already_gets_an_order_without_it() {
    let mut bench = Bench::new().await;
    suggest(&bench, DAY * 3, DAY * 4);
    let (wanted, first) = issued(&mut bench).await;
    bench.flaky.inject(
        Place::NewOrder,
        1,
        Fault::Problem {
            status: 409,
            kind: "alreadyReplaced".to_owned(),
            detail: "another order has replaced it".to_owned(),
        },
    );
    bench.move_clock(DAY * 5);
    bench.status(|status| status.last_error.is_some()).await;
    bench.manager().retry(&wanted.name);
    bench.certificate(&wanted.name, Some(&first)).await;
    // The refused one was not passed on.
    assert_eq!(bench.flaky.replaced(), [None, None]);
}

#[tokio::test]
async fn renewal_information_that_fails_is_no_failure_of_the_certificate() {
    let mut bench = Bench::new().await;
    suggest(&bench, DAY * 3, DAY * 4);
    let wanted = bench.wanted(AcmeMethod::Http01, &["shop.example.com"]);
    bench.start(std::slice::from_ref(&wanted));
    let first = bench.certificate(&wanted.name, None).await;
    bench
        .flaky
        .inject(Place::RenewalInfo, 1, Fault::Unavailable { retry_after: None });
    bench.move_clock(Duration::from_secs(120));
    let status = asked(&bench, 1).await;
    assert_eq!(status.last_error, None);
    // Without it the old rule holds.
    bench.move_clock(DAY * 61);
    bench.certificate(&wanted.name, Some(&first)).await;
}

//! The manager against a real ACME server. `cargo xtask parts` brings it.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "pebble/bench.rs"]
mod bench;
#[path = "pebble/renewal.rs"]
mod renewal;

use std::sync::Arc;
use std::time::Duration;

use bench::{Bench, key_type, names, wanted};
use instant_acme::{Account, AccountCredentials};
use seaway_certs::acme::{CertState, FailureKind};
use seaway_model::{AcmeDns, AcmeDnsAccount, AcmeMethod, Cloudflare, ExternalAccount, Hidden};
use seaway_testkit::acme::{self as kit, Fault, PebbleOptions, Place, Scheme};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test]
async fn a_first_certificate_by_http01_is_for_all_its_domains() {
    let mut bench = Bench::new().await;
    let wanted = bench.wanted(AcmeMethod::Http01, &["shop.example.com", "www.shop.example.com"]);
    bench.start(std::slice::from_ref(&wanted));
    let pair = bench.certificate(&wanted.name, None).await;
    assert_eq!(names(&pair), ["shop.example.com", "www.shop.example.com"]);
    assert_eq!(
        key_type(&pair),
        "1.2.840.10045.2.1",
        "ECDSA by default (RFC 5480)"
    );
    let status = &bench.manager().status()[0];
    assert_eq!((status.state, &status.last_error), (CertState::Valid, &None));
    assert_eq!(bench.manager().counters().orders, 1);
}

#[tokio::test]
async fn tls_alpn01_needs_no_port_80() {
    let mut bench = Bench::new().await;
    let wanted = bench.wanted(AcmeMethod::TlsAlpn01, &["shop.example.com"]);
    bench.start(std::slice::from_ref(&wanted));
    bench.certificate(&wanted.name, None).await;
}

#[tokio::test]
async fn a_clock_that_moves_on_renews_and_the_old_certificate_serves_meanwhile() {
    let mut bench = Bench::new().await;
    let wanted = bench.wanted(AcmeMethod::Http01, &["shop.example.com"]);
    bench.start(std::slice::from_ref(&wanted));
    let first = bench.certificate(&wanted.name, None).await;
    bench.move_clock(DAY * 61);
    assert!(bench.manager().current(&wanted.name).is_some());
    bench.certificate(&wanted.name, Some(&first)).await;
    assert_eq!(bench.manager().counters().renewals, 1);
}

#[tokio::test]
async fn after_a_restart_what_is_on_disk_serves_and_nothing_is_ordered() {
    let mut bench = Bench::new().await;
    let wanted = bench.wanted(AcmeMethod::Http01, &["shop.example.com"]);
    bench.start(std::slice::from_ref(&wanted));
    let first = bench.certificate(&wanted.name, None).await;
    bench.status(|status| status.state == CertState::Valid).await;
    bench.kill();
    bench.start(std::slice::from_ref(&wanted));
    assert_eq!(bench.manager().current(&wanted.name), Some(first));
    bench.status(|status| status.next_step.starts_with("renew")).await;
    assert_eq!(bench.flaky.count(Place::NewOrder), 1);
}

#[tokio::test]
async fn bad_nonces_are_asked_again() {
    let mut bench = Bench::with(PebbleOptions {
        nonce_reject_percent: 15,
        ..PebbleOptions::default()
    })
    .await;
    let wanted = bench.wanted(AcmeMethod::Http01, &["shop.example.com"]);
    bench.start(std::slice::from_ref(&wanted));
    bench.certificate(&wanted.name, None).await;
}

#[tokio::test]
async fn a_name_and_its_wildcard_come_by_acme_dns_with_a_configured_account() {
    let mut bench = Bench::new().await;
    let service = kit::AcmeDns::start(Scheme::Http, "acme-dns.test", &bench.dns).expect("a service");
    let owner = service.register();
    service.delegate("example.com", &owner).await.expect("an alias");
    let account = AcmeDnsAccount {
        username: owner.username.clone().into(),
        password: Hidden::new(owner.password.clone()),
        fulldomain: owner.fulldomain.clone().into(),
        subdomain: owner.subdomain.clone().into(),
        allowfrom: Vec::new(),
    };
    let method = AcmeMethod::Dns01AcmeDns(AcmeDns {
        server: service.url().into(),
        accounts: [("example.com".into(), account)].into(),
        roots: None,
    });
    let wanted = bench.wanted(method, &["example.com", "*.example.com"]);
    bench.start(std::slice::from_ref(&wanted));
    let pair = bench.certificate(&wanted.name, None).await;
    assert_eq!(names(&pair), ["*.example.com", "example.com"]);
    assert_eq!(bench.manager().status()[0].aliases[0].target, owner.fulldomain);
}

#[tokio::test]
async fn an_alias_that_is_missing_is_told_and_found_when_it_is_made() {
    let mut bench = Bench::new().await;
    let service = kit::AcmeDns::start(Scheme::Http, "acme-dns.test", &bench.dns).expect("a service");
    let method = AcmeMethod::Dns01AcmeDns(AcmeDns {
        server: service.url().into(),
        accounts: Default::default(),
        roots: None,
    });
    let wanted = bench.wanted(method, &["example.com"]);
    bench.start(std::slice::from_ref(&wanted));
    let status = bench
        .status(|status| status.last_error_kind == Some(FailureKind::Dns))
        .await;
    let alias = &status.aliases[0];
    let error = status.last_error.expect("an error");
    assert_eq!(
        (&*alias.name, alias.there),
        ("_acme-challenge.example.com", Some(false))
    );
    assert!(error.contains(&format!("CNAME {}", alias.target)), "{error}");
    bench
        .dns
        .set_cname(&alias.name, &alias.target)
        .await
        .expect("an alias");
    bench.manager().retry(&wanted.name);
    bench.certificate(&wanted.name, None).await;
    assert_eq!(bench.flaky.count(Place::NewOrder), 1);
}

#[tokio::test]
async fn a_wildcard_comes_by_cloudflare_and_nothing_is_left_there() {
    let mut bench = Bench::new().await;
    let service =
        kit::Cloudflare::start(Scheme::Http, "the-token", &["example.com"], &bench.dns).expect("a service");
    let method = AcmeMethod::Dns01Cloudflare(Cloudflare {
        api_token: Hidden::new("the-token"),
        api: service.url().into(),
        roots: None,
    });
    let wanted = bench.wanted(method, &["shop.example.com", "*.shop.example.com"]);
    bench.start(std::slice::from_ref(&wanted));
    bench.certificate(&wanted.name, None).await;
    assert!(service.records().is_empty(), "{:?}", service.records());
}

#[tokio::test]
async fn a_token_that_cloudflare_refuses_is_told_and_not_shown() {
    let mut bench = Bench::new().await;
    let service =
        kit::Cloudflare::start(Scheme::Http, "the-token", &["example.com"], &bench.dns).expect("a service");
    let method = AcmeMethod::Dns01Cloudflare(Cloudflare {
        api_token: Hidden::new("another-token"),
        api: service.url().into(),
        roots: None,
    });
    let wanted = bench.wanted(method, &["shop.example.com"]);
    bench.start(&[wanted]);
    let status = bench
        .status(|status| status.last_error_kind == Some(FailureKind::Dns))
        .await;
    let error = status.last_error.expect("an error");
    assert!(
        error.contains("DNS:Edit") && !error.contains("another-token"),
        "{error}"
    );
}

#[tokio::test]
async fn an_account_that_was_deactivated_is_made_anew() {
    let mut bench = Bench::new().await;
    let wanted = bench.wanted(AcmeMethod::Http01, &["shop.example.com"]);
    bench.start(std::slice::from_ref(&wanted));
    let first = bench.certificate(&wanted.name, None).await;
    let folder = bench.data.path().join("acme/accounts");
    let file = std::fs::read_dir(&folder)
        .expect("accounts")
        .next()
        .expect("one")
        .expect("one")
        .path();
    let text = std::fs::read_to_string(&file).expect("an account");
    let kept: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let credentials: AccountCredentials =
        serde_json::from_value(kept["credentials"].clone()).expect("credentials");
    let root = bench.data.path().join("root.pem");
    std::fs::write(&root, bench.flaky.tls_root_pem()).expect("a root");
    let account = Account::builder_with_root(&root).expect("a client");
    let account = account.from_credentials(credentials).await.expect("an account");
    account.deactivate().await.expect("its end");
    bench.move_clock(DAY * 61);
    bench
        .status(|status| status.last_error_kind == Some(FailureKind::Account))
        .await;
    bench.manager().retry(&wanted.name);
    bench.certificate(&wanted.name, Some(&first)).await;
    assert_ne!(std::fs::read_to_string(&file).expect("an account"), text);
}

#[tokio::test]
async fn another_directory_gives_another_certificate_while_the_old_one_serves() {
    let mut bench = Bench::new().await;
    let first = bench.wanted(AcmeMethod::Http01, &["shop.example.com"]);
    bench.start(std::slice::from_ref(&first));
    let old = bench.certificate(&first.name, None).await;
    let mut issuer = bench.issuer(AcmeMethod::Http01);
    issuer.directory = bench.pebble.directory_url().into();
    issuer.directory_roots = Some(bench.pebble.tls_root_pem().into());
    bench.manager().want(vec![wanted(issuer, &["shop.example.com"])]);
    assert_eq!(bench.manager().current(&first.name).as_ref(), Some(&old));
    bench.certificate(&first.name, Some(&old)).await;
}

#[tokio::test]
async fn an_authority_that_wants_a_customers_key_gets_it() {
    let key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let mut bench = Bench::with(PebbleOptions {
        external_account_keys: [("kid-1".to_owned(), key.to_owned())].into(),
        ..PebbleOptions::default()
    })
    .await;
    let mut issuer = bench.issuer(AcmeMethod::Http01);
    let without = wanted(issuer.clone(), &["shop.example.com"]);
    issuer.external_account = Some(ExternalAccount {
        key_id: "kid-1".into(),
        hmac_key: Hidden::new(key),
    });
    bench.start(&[without]);
    let status = bench
        .status(|status| status.last_error_kind == Some(FailureKind::Refused))
        .await;
    assert!(status.last_error.expect("an error").contains("HMAC"));
    let with = wanted(issuer, &["shop.example.com"]);
    bench.manager().want(vec![with.clone()]);
    bench.certificate(&with.name, None).await;
}

#[tokio::test]
async fn a_challenge_that_fails_is_told_and_recovers() {
    let mut bench = Bench::new().await;
    let wanted = bench.wanted(AcmeMethod::Http01, &["shop.example.com"]);
    bench
        .dns
        .set_failing("shop.example.com", true)
        .await
        .expect("DNS");
    bench.start(std::slice::from_ref(&wanted));
    let status = bench
        .status(|status| status.last_error_kind == Some(FailureKind::Challenge))
        .await;
    let error = status.last_error.expect("an error");
    assert!(
        error.starts_with("shop.example.com: ") && error.contains("check"),
        "{error}"
    );
    bench
        .dns
        .set_failing("shop.example.com", false)
        .await
        .expect("DNS");
    bench.manager().retry(&wanted.name);
    bench.certificate(&wanted.name, None).await;
}

#[tokio::test]
async fn retry_after_of_a_rate_limit_is_waited_for() {
    let mut bench = Bench::new().await;
    let wanted = bench.wanted(AcmeMethod::Http01, &["shop.example.com"]);
    let retry_after = Some("7300".to_owned());
    bench
        .flaky
        .inject(Place::NewOrder, 1, Fault::RateLimited { retry_after });
    bench.start(std::slice::from_ref(&wanted));
    let limited =
        |status: &seaway_certs::acme::CertStatus| status.last_error_kind == Some(FailureKind::RateLimited);
    bench.status(limited).await;
    bench.manager().retry(&wanted.name);
    bench.move_clock(Duration::from_secs(7200));
    assert_eq!(bench.flaky.count(Place::NewOrder), 1);
    bench.move_clock(Duration::from_secs(100));
    bench.certificate(&wanted.name, None).await;
}

#[tokio::test]
async fn an_authority_that_is_gone_for_an_hour_keeps_the_order() {
    let mut bench = Bench::new().await;
    let wanted = bench.wanted(AcmeMethod::Http01, &["shop.example.com"]);
    bench
        .flaky
        .inject(Place::Authorization, 1, Fault::Unavailable { retry_after: None });
    bench.start(std::slice::from_ref(&wanted));
    bench
        .status(|status| status.last_error_kind == Some(FailureKind::Unreachable))
        .await;
    bench.flaky.down().await;
    bench.move_clock(DAY / 24);
    bench
        .status(|status| {
            status
                .last_error
                .as_ref()
                .is_some_and(|error| error.contains("cannot be reached"))
        })
        .await;
    bench.flaky.up().expect("the same port");
    bench.move_clock(DAY / 24);
    bench.certificate(&wanted.name, None).await;
    assert_eq!(bench.flaky.count(Place::NewOrder), 1);
}

/// Kills the process in a step whose answer never comes, and starts another. The orders that were made.
async fn killed_at(place: Place, fault: Fault) -> usize {
    let mut bench = Bench::new().await;
    let wanted = bench.wanted(AcmeMethod::Http01, &["shop.example.com"]);
    bench.flaky.inject(place, 1, fault);
    bench.start(std::slice::from_ref(&wanted));
    bench
        .flaky
        .calls()
        .wait_until_done("POST", place.path(), 1)
        .await
        .expect("the step");
    bench.kill();
    bench.start(std::slice::from_ref(&wanted));
    bench.certificate(&wanted.name, None).await;
    bench.flaky.count(Place::NewOrder)
}

#[tokio::test]
async fn a_process_killed_at_any_step_of_an_order_goes_on_with_it() {
    for place in [
        Place::Order,
        Place::Authorization,
        Place::Challenge,
        Place::Finalize,
        Place::Certificate,
    ] {
        assert_eq!(killed_at(place, Fault::SilenceAfter).await, 1, "{place:?}");
    }
}

#[tokio::test]
async fn a_process_killed_before_it_knows_of_its_order_makes_one_more_and_only_one() {
    assert_eq!(killed_at(Place::NewOrder, Fault::SilenceAfter).await, 2);
}

#[tokio::test]
async fn a_process_killed_while_it_registers_goes_on() {
    assert_eq!(killed_at(Place::NewAccount, Fault::SilenceAfter).await, 1);
}

#[tokio::test]
async fn a_name_that_the_authority_blocks_is_told_with_its_remedy() {
    let mut bench = Bench::with(PebbleOptions {
        blocked_domains: vec!["blocked.example".to_owned()],
        ..PebbleOptions::default()
    })
    .await;
    let blocked = bench.wanted(AcmeMethod::Http01, &["a.blocked.example"]);
    let good = bench.wanted(AcmeMethod::Http01, &["shop.example.com"]);
    bench.start(&[blocked, good.clone()]);
    let status = bench
        .status(|status| status.last_error_kind == Some(FailureKind::Refused))
        .await;
    assert!(status.last_error.expect("an error").contains("remove it"));
    bench.certificate(&good.name, None).await;
}

#[tokio::test]
async fn two_processes_on_one_folder_order_once_and_both_serve() {
    let mut bench = Bench::new().await;
    let wanted = bench.wanted(AcmeMethod::Http01, &["shop.example.com"]);
    bench.start(std::slice::from_ref(&wanted));
    // The first has the right to order.
    bench
        .flaky
        .calls()
        .wait_for("GET", "/dir", 1)
        .await
        .expect("a step");
    let clock: seaway_certs::acme::Clock = Arc::new(std::time::SystemTime::now);
    let (sender, mut changes) = tokio::sync::mpsc::unbounded_channel();
    let on_change = move |_| sender.send(()).unwrap_or_default();
    let second = seaway_certs::acme::Manager::start(bench.data.path(), clock, on_change).expect("a manager");
    second.want(vec![wanted.clone()]);
    let pair = bench.certificate(&wanted.name, None).await;
    changes.recv().await.expect("a change");
    assert_eq!(second.current(&wanted.name), Some(pair));
    assert_eq!(bench.flaky.count(Place::NewOrder), 1);
    assert_eq!(second.counters().orders, 0);
}

#[tokio::test]
async fn a_process_that_waits_answers_the_challenges_of_the_one_that_orders() {
    let mut bench = Bench::new().await;
    let wanted = bench.wanted(AcmeMethod::Http01, &["shop.example.com"]);
    bench.start(std::slice::from_ref(&wanted));
    bench
        .flaky
        .calls()
        .wait_for("GET", "/dir", 1)
        .await
        .expect("a step");
    let clock: seaway_certs::acme::Clock = Arc::new(std::time::SystemTime::now);
    let second = seaway_certs::acme::Manager::start(bench.data.path(), clock, |_| {}).expect("a manager");
    second.want(vec![wanted.clone()]);
    // All questions of the authority arrive at the second.
    bench.answer_from(&second);
    bench.certificate(&wanted.name, None).await;
    assert_eq!(
        (bench.manager().counters().issued, second.counters().issued),
        (1, 0)
    );
}

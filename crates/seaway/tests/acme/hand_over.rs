//! Two processes on one data folder: for a moment, and for longer.

use rustix::process::Signal;
use seaway_testkit::acme::{Fault, PebbleOptions, Place};

use crate::HOST;
use crate::world::World;

#[tokio::test]
async fn a_new_binary_in_the_middle_of_an_order_goes_on_with_that_order() {
    let mut world = World::start("", &["--drain-timeout", "5s"], PebbleOptions::default()).await;
    // The authority is told that the proofs are there, and its answer never comes.
    world.flaky.inject(Place::Challenge, 1, Fault::SilenceAfter);
    world.want("http01", HOST);
    let calls = world.flaky.calls();
    calls
        .wait_until_done("POST", Place::Challenge.path(), 1)
        .await
        .expect("a step");
    let mark = world.gateway.process.err.mark();
    world.gateway.process.signal(Signal::USR2);
    world.gateway.follow(mark).await;
    assert_eq!(world.gateway.process.exit().await, 0);
    world.served().await;
    assert_eq!(world.flaky.count(Place::NewOrder), 1);
    assert_eq!(world.flaky.count(Place::NewAccount), 1);
    let ordered = world.gateway.sample("seaway_certificate_orders_total").await;
    assert_eq!(ordered, Some(0.0), "the new process made no order");
    world.gateway.process.signal_all(Signal::TERM);
    world.gateway.process.silent().await;
}

#[tokio::test]
async fn a_second_process_on_the_same_folder_waits_and_serves_what_the_first_one_had() {
    let world = World::new().await;
    // The first holds the right to order, and stands still in its order.
    world
        .flaky
        .inject(Place::NewOrder, 1, Fault::Unavailable { retry_after: None });
    world.want("http01", HOST);
    world
        .told("the order failed", |cert| cert["lastError"].is_string())
        .await;
    let second = world.second().await;
    let next = |certs: &serde_json::Value| {
        let all = certs["certs"].as_array().cloned().unwrap_or_default();
        all.iter()
            .find(|cert| cert["name"] == "httpscert:test/shop")
            .is_some_and(|cert| {
                cert["nextStep"]
                    .as_str()
                    .is_some_and(|step| step.contains("other process"))
            })
    };
    second
        .until("it waits", async || next(&second.admin_json("/certs").await))
        .await;
    world.reload();
    world.served().await;
    let tls = world.issued();
    second
        .until("it serves the first one's certificate", async || {
            second.get_https(HOST, "/", &tls).await.is_ok()
        })
        .await;
    assert_eq!(second.sample("seaway_certificate_orders_total").await, Some(0.0));
    // The one that failed, and the one that was answered.
    assert_eq!(world.flaky.count(Place::NewOrder), 2);
}

//! How long those wait who are served, while others ask for more and more, at once after each answer and many requests
//! ahead.
//!
//! What is compared is compared within one run: when shedding has just begun, and at several times that demand. With
//! `--nocapture` the figures are shown; [`strict`](crate::support::strict) says how they are measured.

use std::time::Duration;

use crate::flat_out::FlatOut;
use crate::polite::{Latency, Polite};
use crate::support::gateway::Gateway;
use crate::support::strict;
use crate::{HOST, NOBODY, SHED, serving};

const MAX_DELAY: Duration = Duration::from_millis(10);
const FLAG: [&str; 2] = ["--max-delay", "10ms"];
/// A request waits for its turn about so many times: to be read, to be sent, and to be answered.
const TURNS: u32 = 3;
/// Latency of those who are served, at most so many times that at the moment when shedding begins. Without the bound on
/// refusals they were served no more, or a minute later; so where everybody shares the machine, more says enough.
fn times() -> u32 {
    if strict::is() { 3 } else { 8 }
}

/// Whoever asks now and then is not crowded out by who asks at once again: of so many requests one is served.
fn one_in() -> usize {
    if strict::is() { 10 } else { 40 }
}

/// Connections that come at a time, until shedding begins.
const STEP: usize = 16;
const MOST: usize = 2_000;

#[tokio::test]
async fn those_who_are_served_wait_hardly_longer_however_many_ask_for_more() {
    let begins = demand(HOST, NOBODY).await;
    let [first, .., last] = &begins[..] else {
        panic!("nothing was measured")
    };
    let kept = times() * first.median.max(TURNS * MAX_DELAY);
    assert!(last.median <= kept, "{last:?}, and not {kept:?}");
    assert!(last.shed <= (one_in() - 1) * answers(), "{last:?}");
}

/// Adds connections until some requests are shed, and then many times as many. Gives back what polite clients meet each
/// time.
async fn demand(host: &str, of_flood: &str) -> Vec<Latency> {
    let (_folder, _backend, gateway) = serving(&FLAG).await;
    let address = gateway.bound(80).await;
    let polite = Polite::start(address, host);
    show("quiet", 0, &gateway, polite.served(answers()).await).await;
    let mut flood = Vec::new();
    let mut once = 0;
    while gateway.sample(SHED[0]).await == Some(0.0) && once < MOST {
        once += STEP;
        flood.push(FlatOut::start(address, of_flood, STEP));
        polite.served(answers() / 4).await;
    }
    let (mut all, mut connections) = (Vec::new(), once);
    for times in [1, 2, 5, 10] {
        let more = once * times - connections;
        if more > 0 {
            flood.push(FlatOut::start(address, of_flood, more));
            connections += more;
        }
        // The first of them see how it becomes that.
        polite.served(answers() / 2).await;
        let latency = polite.served(answers()).await;
        show(&format!("{times} x"), connections, &gateway, latency).await;
        all.push(latency);
        assert_eq!(gateway.admin("/ready").await.status, 200);
    }
    for flat_out in flood {
        flat_out.stop().await;
    }
    polite.stop().await;
    all
}

fn answers() -> usize {
    if strict::is() { 400 } else { 100 }
}

async fn show(what: &str, connections: usize, gateway: &Gateway, latency: Latency) {
    let share = gateway.sample("seaway_overload_shed_ratio").await;
    let delay = gateway.sample("seaway_overload_delay_seconds").await;
    let Latency { median, p99, shed } = latency;
    eprintln!(
        "{what:>6} {connections:>5} connections: p50 {median:>9.2?} p99 {p99:>9.2?} shed {shed:>5} of them, share {:.2} delay {:.1} ms",
        share.unwrap_or_default(),
        delay.unwrap_or_default() * 1e3
    );
}

//! How long those wait who are served, while others ask for more and more, at once after each answer and many requests
//! ahead.
//!
//! What is compared is compared within one run: when shedding has just begun, and at several times that demand. With
//! `--nocapture` the figures are shown; [`strict`](crate::support::strict) says how they are measured.

use std::time::Duration;

use seaway_testkit::client::Wire;
use tokio::sync::Mutex;

use crate::flat_out::{Ask, FlatOut};
use crate::polite::{Latency, Polite};
use crate::support::gateway::Gateway;
use crate::support::strict;
use crate::way::{Over, Way};
use crate::{HOST, NOBODY, SHED, serving};

const MAX_DELAY: Duration = Duration::from_millis(10);
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
/// Demand, in multiples of that at which shedding begins.
const DEMANDS: [usize; 4] = [1, 2, 5, 10];

/// Demands take turns: two at a time would be another test.
static TURN: Mutex<()> = Mutex::const_new(());

/// Who asks for more of what costs nothing upstream, so that the worker itself is what there is too little of.
struct Demand {
    name: &'static str,
    over: Over,
    /// Bytes that a connection of theirs may cost.
    each: u64,
}

/// What was met at one multiple.
#[derive(Clone, Copy, Debug)]
struct Met {
    connections: usize,
    latency: Latency,
    resident: u64,
}

#[tokio::test]
async fn those_who_are_served_wait_hardly_longer_however_many_ask_for_more() {
    holds(&Demand {
        name: "HTTP/1.1",
        over: Over::clear(Wire::Http1),
        each: 64 * 1024,
    })
    .await;
}

#[tokio::test]
async fn those_who_are_served_over_http2_wait_hardly_longer_however_many_ask_for_more() {
    holds(&Demand {
        name: "HTTP/2",
        over: Over::clear(Wire::Http2),
        each: 256 * 1024,
    })
    .await;
}

#[tokio::test]
async fn those_who_are_served_inside_tls_wait_hardly_longer_however_many_ask_for_more() {
    holds(&Demand {
        name: "HTTP/1.1, TLS",
        over: Over::tls(Wire::Http1),
        each: 128 * 1024,
    })
    .await;
}

#[tokio::test]
async fn those_who_are_served_over_http2_inside_tls_wait_hardly_longer_however_many_ask_for_more() {
    holds(&Demand {
        name: "HTTP/2, TLS",
        over: Over::tls(Wire::Http2),
        each: 320 * 1024,
    })
    .await;
}

/// Here it is handshakes that there are too many of: nothing is shed, each waits for its turn.
#[tokio::test]
async fn those_who_keep_their_connection_wait_hardly_longer_however_many_shake_hands() {
    let _turn = TURN.lock().await;
    let (_folder, _backend, gateway) = serving(&["--max-delay", "10ms"]).await;
    let way = Way::to(&gateway, Over::tls(Wire::Http1)).await;
    let polite = Polite::start(way, HOST);
    eprintln!("handshakes");
    look("quiet", 0, &gateway, polite.served(answers()).await).await;
    let ask = Ask {
        is_anew: true,
        ..Ask::of(NOBODY)
    };
    let (mut flood, mut all) = (Vec::new(), Vec::new());
    for more in [16, 16, 48, 80] {
        flood.push(FlatOut::start(way, ask, more));
        let connections = all.last().map_or(0, |met: &Met| met.connections) + more;
        polite.served(answers() / 2).await;
        let latency = polite.served(answers()).await;
        all.push(look("", connections, &gateway, latency).await);
        assert_eq!(gateway.admin("/ready").await.status, 200);
    }
    for flat_out in flood {
        flat_out.stop().await;
    }
    polite.stop().await;
    keep_to(&all, 128 * 1024);
}

/// Here it is places among the requests under way.
#[tokio::test]
async fn however_many_ask_for_what_is_slow_upstream_some_are_answered_and_memory_stays_bounded() {
    let _turn = TURN.lock().await;
    let (_folder, _backend, gateway) = serving(&["--max-requests", "64"]).await;
    let way = Way::to(&gateway, Over::clear(Wire::Http2)).await;
    let ask = Ask {
        fields: &[("x-echo-delay-ms", "50"), ("x-echo-answer", "empty")],
        ..Ask::of(HOST)
    };
    eprintln!("slow upstream");
    let (mut flood, mut connections, mut first) = (Vec::<FlatOut>::new(), 0, 0);
    for more in [16, 16, 48, 80] {
        flood.push(FlatOut::start(way, ask, more));
        connections += more;
        let seen = |status| flood.iter().map(|flat_out| flat_out.seen(status)).sum::<u64>();
        let before = [seen(200), seen(503)];
        gateway
            .until("some are answered and others are shed", async || {
                seen(200) > before[0] + 500 && seen(503) > before[1] + 5_000
            })
            .await;
        assert_eq!(gateway.admin("/ready").await.status, 200);
        assert!(gateway.sample("seaway_downstream_requests").await <= Some(64.0));
        let resident = gateway.process.resident();
        let (ok, shed) = (seen(200) - before[0], seen(503) - before[1]);
        eprintln!(
            "{connections:>5} connections: {ok} answered, {shed} shed, memory {} KiB",
            resident / 1024
        );
        first = if first == 0 { resident } else { first };
        let most = 256 * 1024 * (connections - 16) as u64 + 8 * 1024 * 1024;
        assert!(
            resident.saturating_sub(first) <= most,
            "{resident} bytes after {first}"
        );
    }
    for flat_out in flood {
        flat_out.stop().await;
    }
}

async fn holds(demand: &Demand) {
    let _turn = TURN.lock().await;
    keep_to(&meets(demand).await, demand.each);
}

/// What was met at the greatest demand is held against what was at the smallest. `each`: bytes that a connection may cost.
fn keep_to(met: &[Met], each: u64) {
    let [first, .., last] = met else {
        panic!("nothing was measured")
    };
    let kept = times() * first.latency.median.max(TURNS * MAX_DELAY);
    assert!(last.latency.median <= kept, "{last:?}, and not {kept:?}");
    assert!(last.latency.shed <= (one_in() - 1) * answers(), "{last:?}");
    let grown = last.resident.saturating_sub(first.resident);
    let most = each * (last.connections - first.connections) as u64;
    assert!(grown <= most, "{grown} bytes, {most} are allowed");
}

/// Adds connections until some requests are shed, and then many times as many. Gives back what polite clients meet each
/// time.
async fn meets(demand: &Demand) -> Vec<Met> {
    let (_folder, _backend, gateway) = serving(&["--max-delay", "10ms"]).await;
    let way = Way::to(&gateway, demand.over).await;
    let polite = Polite::start(way, HOST);
    eprintln!("{}", demand.name);
    look("quiet", 0, &gateway, polite.served(answers()).await).await;
    let mut flood = Vec::new();
    let mut once = 0;
    while gateway.sample(SHED[0]).await == Some(0.0) && once < MOST {
        once += STEP;
        flood.push(FlatOut::start(way, Ask::of(NOBODY), STEP));
        polite.served(answers() / 4).await;
    }
    let (mut all, mut connections) = (Vec::new(), once);
    for times in DEMANDS {
        let more = once * times - connections;
        if more > 0 {
            flood.push(FlatOut::start(way, Ask::of(NOBODY), more));
            connections += more;
        }
        // The first of them see how it becomes that.
        polite.served(answers() / 2).await;
        let latency = polite.served(answers()).await;
        all.push(look(&format!("{times} x"), connections, &gateway, latency).await);
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

async fn look(what: &str, connections: usize, gateway: &Gateway, latency: Latency) -> Met {
    let share = gateway.sample("seaway_overload_shed_ratio").await;
    let delay = gateway.sample("seaway_overload_delay_seconds").await;
    let resident = gateway.process.resident();
    let Latency { median, p99, shed } = latency;
    eprintln!(
        "{what:>6} {connections:>5} connections: p50 {median:>9.2?} p99 {p99:>9.2?} shed {shed:>5} of them, share {:.2} delay {:.1} ms, memory {:.1} MiB",
        share.unwrap_or_default(),
        delay.unwrap_or_default() * 1e3,
        resident as f64 / 1024.0 / 1024.0
    );
    Met {
        connections,
        latency,
        resident,
    }
}

//! Floods, by the real binary on loopback, each bounded in count: ordinary clients that are served alongside see no error
//! and about the latency that they are used to, and the gateway holds little for each attacker.
//!
//! That is a test that a busy machine does not fail. What is promised, at most twice the usual latency, is shown by the same
//! floods with [`support::strict`]: there no latency is good in any case, and attackers come at a rate that is bounded.
//!
//! A quiet time and a flood take turns, and what ordinary clients meet in both is compared. The machine may be shared and
//! slow, so a latency below [`NOISE`] is good in any case. With `--nocapture` the figures are shown.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests"
)]

mod attack;
mod bounds;
mod connections;
mod frames;
mod http2;
mod ordinary;
mod slow;
#[path = "../support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use attack::{Attack, Target};
use ordinary::{Ordinary, Phase};
use seaway_testkit::echo::Backend;
use support::files::Folder;
use support::gateway::{Gateway, before_a_backend};
use support::{manifests, strict};
use tokio::sync::Mutex;

const HOST: &str = "shop.example.com";
/// A median below this is no harm: on a machine that is shared with other tests, it is what a quiet one may show.
const NOISE: Duration = Duration::from_millis(30);
/// Rounds, and answers of each kind of client in each phase of a round.
const MEASURE: (usize, usize) = (3, 40);
const MEASURE_STRICTLY: (usize, usize) = (5, 150);

/// Floods take turns: two at a time would be another test.
static TURN: Mutex<()> = Mutex::const_new(());

/// What a flood may cost.
struct Allowed {
    /// Bytes for each of the attacker's connections.
    each: u64,
    /// The median latency of ordinary clients that is good in any case.
    latency: Duration,
}

impl Allowed {
    const fn each(each: u64) -> Self {
        Self { each, latency: NOISE }
    }
}

async fn serving(more: &[&str]) -> (Folder, Backend, Gateway) {
    let flags = [&["--workers", "1"], more].concat();
    before_a_backend(HOST, &[manifests::test_cert(HOST)], &flags).await
}

/// Floods a gateway with these flags, and holds it to what it promises. Gives it back for a closer look.
async fn flood(name: &str, flags: &[&str], attack: Attack, allowed: Allowed) -> Gateway {
    let _turn = TURN.lock().await;
    let (_folder, _backend, gateway) = serving(flags).await;
    let address = gateway.bound(80).await;
    let ordinary = Ordinary::start(address, HOST);
    let (rounds, answers) = if strict::is() { MEASURE_STRICTLY } else { MEASURE };
    ordinary.answers(answers).await;
    let before = gateway.process.resident();
    let (mut most, mut busy) = (before, Duration::ZERO);
    let mut flooded_for = Duration::ZERO;
    for _ in 0..rounds {
        ordinary.enter(Phase::Quiet);
        ordinary.answers(answers).await;
        let target = Target::start(gateway.bound(attack.port).await, HOST, attack);
        target.under_way().await;
        ordinary.enter(Phase::Flood);
        let (worked, start) = (processor_time(&gateway), Instant::now());
        ordinary.answers(answers).await;
        busy += processor_time(&gateway).saturating_sub(worked);
        flooded_for += start.elapsed();
        most = most.max(gateway.process.resident());
        ordinary.enter(Phase::Between);
        target.stop().await;
    }
    let seen = ordinary.stop().await;
    let grown = most.saturating_sub(before);
    let share = 100.0 * busy.as_secs_f64() / flooded_for.as_secs_f64();
    eprintln!(
        "{name:<28} {seen} busy {share:>3.0} %, memory +{} KiB",
        grown / 1024
    );
    assert!(seen.errors.is_empty(), "{name}: {:?}", seen.errors);
    let (quiet, flooded) = (seen.median(Phase::Quiet), seen.median(Phase::Flood));
    let always_good = if strict::is() {
        Duration::ZERO
    } else {
        allowed.latency
    };
    assert!(flooded <= always_good.max(2 * quiet), "{name}: {seen}");
    let most = 8 * 1024 * 1024 + allowed.each * attack.connections as u64;
    assert!(grown <= most, "{name}: {grown} bytes, {most} are allowed");
    assert_eq!(gateway.admin("/ready").await.status, 200);
    gateway
}

/// User and system time of the gateway, in steps of ten milliseconds.
fn processor_time(gateway: &Gateway) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", gateway.process.id())).expect("Linux");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    // The 14th and 15th (proc(5)); the name is the second.
    let fields = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.map(|field| field.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}

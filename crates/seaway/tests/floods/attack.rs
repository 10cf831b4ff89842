//! Whoever attacks: some connections on a thread of their own, each doing the same thing again and again, until it is told
//! to stop or has done it often enough.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};

use crate::support::{DEADLINE, strict};

/// What is done.
#[derive(Clone, Copy)]
pub struct Attack {
    /// Of the listener, as configured.
    pub port: u16,
    /// At the same time.
    pub connections: usize,
    /// How often each of them does it at most, in one flood.
    pub times: usize,
    /// How often all of them together do it in a second, where it is meant strictly; otherwise, as often as they can. A
    /// flood without a bound on its rate takes the whole core, and shows who gets it, and not what it costs.
    pub a_second: u32,
    /// Once. An error is what the gateway does to defend itself.
    pub does: fn(Goal) -> Deed,
}

pub type Deed = Pin<Box<dyn Future<Output = io::Result<()>>>>;

/// Where to.
#[derive(Clone)]
pub struct Goal {
    pub address: SocketAddr,
    pub host: Arc<str>,
    done: Arc<watch::Sender<usize>>,
}

impl Goal {
    /// Says that the attack is under way.
    pub fn hit(&self) {
        self.done.send_modify(|done| *done += 1);
    }
}

/// An attack that is under way.
pub struct Target {
    done: watch::Receiver<usize>,
    connections: usize,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Target {
    pub fn start(address: SocketAddr, host: &str, attack: Attack) -> Self {
        let (done, seen) = watch::channel(0);
        let (stop, stopped) = oneshot::channel();
        let goal = Goal {
            address,
            host: host.into(),
            done: Arc::new(done),
        };
        let thread = std::thread::spawn(move || {
            strict::step_back();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            let all = (0..attack.connections).map(|number| again_and_again(goal.clone(), attack, number));
            runtime.block_on(async {
                tokio::select! {
                    _ = futures_util::future::join_all(all) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            done: seen,
            connections: attack.connections,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Waits until each connection has hit once, on average.
    pub async fn under_way(&self) {
        let mut done = self.done.clone();
        let all = done.wait_for(|done| *done >= self.connections);
        assert!(
            timeout(DEADLINE, all).await.is_ok(),
            "the attack does not get under way"
        );
    }

    pub async fn stop(mut self) {
        // It may have done all that it may.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let thread = self.thread.take().expect("it runs");
        let ended = tokio::task::spawn_blocking(move || thread.join());
        ended.await.expect("a thread").expect("the attack ends");
    }
}

async fn again_and_again(goal: Goal, attack: Attack, number: usize) {
    let mut pace = strict::is().then(|| pace(attack, number));
    let times = if strict::is() { usize::MAX } else { attack.times };
    for _ in 0..times {
        if let Some(pace) = &mut pace {
            pace.tick().await;
        }
        // What is done to an attacker is not his test's business.
        let _ = (attack.does)(goal.clone()).await;
        // A runtime that has nothing else to do must still hear that it is over.
        tokio::task::yield_now().await;
    }
    std::future::pending::<()>().await;
}

/// When one of them has its turns.
fn pace(attack: Attack, number: usize) -> Interval {
    let a_second = f64::from(attack.a_second) * strict::factor();
    let between = |count: usize| Duration::from_secs_f64(count as f64 / a_second);
    let mut pace = interval_at(Instant::now() + between(number), between(attack.connections));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

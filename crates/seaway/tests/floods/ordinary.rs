//! Ordinary clients, on a thread of their own: one that keeps its connection, one that opens a new one each time, one that
//! speaks HTTP/2. Each asks, waits for the answer, and asks again a moment later.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use http::Request;
use seaway_testkit::client::{Client, Wire};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::support::DEADLINE;

/// Between two questions.
const PACE: Duration = Duration::from_millis(3);

/// What happens meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Something begins or ends.
    Between,
    /// Nothing.
    Quiet,
    /// The flood.
    Flood,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Kept,
    Fresh,
    Http2,
}

const KINDS: [Kind; 3] = [Kind::Kept, Kind::Fresh, Kind::Http2];

/// The clients.
pub struct Ordinary {
    seen: Arc<Mutex<Seen>>,
    counts: watch::Receiver<[usize; 3]>,
    phase: watch::Sender<(Phase, usize)>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// What they saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// In which round of which phase, and how long it took.
    samples: Vec<(Phase, usize, Duration)>,
    pub errors: Vec<String>,
}

impl Ordinary {
    pub fn start(address: SocketAddr, host: &str) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (counted, counts) = watch::channel([0; 3]);
        let counted = Arc::new(counted);
        let (phase, now) = watch::channel((Phase::Between, 0));
        let (stop, stopping) = watch::channel(false);
        let (host, kept) = (host.to_owned(), Arc::clone(&seen));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            let clients = KINDS.into_iter().map(|kind| {
                let client = One {
                    kind,
                    address,
                    host: host.clone(),
                    kept: None,
                };
                run(
                    client,
                    Arc::clone(&kept),
                    Arc::clone(&counted),
                    now.clone(),
                    stopping.clone(),
                )
            });
            runtime.block_on(futures_util::future::join_all(clients));
        });
        Self {
            seen,
            counts,
            phase,
            stop,
            thread: Some(thread),
        }
    }

    /// From now on it is this phase; the next round begins with each that is quiet.
    pub fn enter(&self, phase: Phase) {
        self.phase
            .send_modify(|now| *now = (phase, now.1 + usize::from(phase == Phase::Quiet)));
    }

    /// Waits until each of them has had so many answers more.
    pub async fn answers(&self, more: usize) {
        let mut counts = self.counts.clone();
        let goal = counts.borrow_and_update().map(|count| count + more);
        let all = counts.wait_for(|counts| counts.iter().zip(goal).all(|(count, goal)| *count >= goal));
        if timeout(2 * DEADLINE, all).await.is_err() {
            panic!("ordinary clients get no answers: {:?}", lock(&self.seen).errors);
        }
    }

    /// Ends when the last answers have come.
    pub async fn stop(mut self) -> Seen {
        self.stop.send_replace(true);
        let thread = self.thread.take().expect("it runs");
        let ended = tokio::task::spawn_blocking(move || thread.join());
        ended.await.expect("a thread").expect("the clients end");
        std::mem::take(&mut *lock(&self.seen))
    }
}

impl Seen {
    /// The median over all rounds of the medians of each.
    pub fn median(&self, phase: Phase) -> Duration {
        self.of(phase, 50)
    }

    fn of(&self, phase: Phase, percent: usize) -> Duration {
        let rounds = self
            .samples
            .iter()
            .map(|sample| sample.1)
            .max()
            .unwrap_or_default();
        let mut all: Vec<Duration> = (0..=rounds)
            .filter_map(|round| {
                let of_round = |s: &&(Phase, usize, Duration)| (s.0, s.1) == (phase, round);
                quantile(
                    self.samples.iter().filter(of_round).map(|s| s.2).collect(),
                    percent,
                )
            })
            .collect();
        all.sort();
        quantile(all, 50).expect("answers in this phase")
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = |phase, percent| self.of(phase, percent).as_micros();
        write!(
            f,
            "quiet p50 {:>6} p99 {:>6} us, flood p50 {:>6} p99 {:>6} us;",
            micros(Phase::Quiet, 50),
            micros(Phase::Quiet, 99),
            micros(Phase::Flood, 50),
            micros(Phase::Flood, 99)
        )
    }
}

fn quantile(mut samples: Vec<Duration>, percent: usize) -> Option<Duration> {
    samples.sort();
    let place = (samples.len() * percent / 100).min(samples.len().checked_sub(1)?);
    samples.get(place).copied()
}

struct One {
    kind: Kind,
    address: SocketAddr,
    host: String,
    kept: Option<Client>,
}

impl One {
    async fn ask(&mut self) -> io::Result<()> {
        let wire = match self.kind {
            Kind::Http2 => Wire::Http2,
            Kind::Kept | Kind::Fresh => Wire::Http1,
        };
        let mut client = match self.kept.take() {
            Some(client) => client,
            None => Client::open(self.address, wire).await?,
        };
        let request = match wire {
            Wire::Http1 => Request::get("/").header("host", &self.host),
            Wire::Http2 => Request::get(format!("http://{}/", self.host)),
        };
        let answer = client
            .send(request.header("x-echo-answer", "sized=100"), "")
            .await?;
        if !matches!(self.kind, Kind::Fresh) {
            self.kept = Some(client);
        }
        match answer.status {
            200 => Ok(()),
            status => Err(io::Error::other(format!("status {status}: {}", answer.text()))),
        }
    }
}

async fn run(
    mut client: One,
    seen: Arc<Mutex<Seen>>,
    counted: Arc<watch::Sender<[usize; 3]>>,
    phase: watch::Receiver<(Phase, usize)>,
    stopping: watch::Receiver<bool>,
) {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !*stopping.borrow() {
        pace.tick().await;
        let (asked_in, start) = (*phase.borrow(), Instant::now());
        let answer = client.ask().await;
        let took = start.elapsed();
        match answer {
            Ok(()) => lock(&seen).samples.push((asked_in.0, asked_in.1, took)),
            Err(error) => {
                let kind = client.kind;
                lock(&seen)
                    .errors
                    .push(format!("{kind:?} in {asked_in:?}: {error:?}"));
            }
        }
        counted.send_modify(|counts| counts[client.kind as usize] += 1);
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Clients that ask now and then, one request at a time, and note how long each answer takes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use http::Request;
use seaway_testkit::client::Wire;
use tokio::sync::watch;
use tokio::time::{interval, timeout};

use crate::support::DEADLINE;
use crate::way::Way;

const CLIENTS: usize = 8;
/// Between two questions of each.
const PACE: Duration = Duration::from_millis(5);

/// Clients on a thread of their own.
pub struct Polite {
    seen: Arc<Mutex<Seen>>,
    served: watch::Receiver<usize>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    /// How long those took that were served.
    served: Vec<Duration>,
    shed: usize,
}

impl Polite {
    pub fn start(way: Way, host: &str) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (count, served) = watch::channel(0);
        let (stop, stopping) = watch::channel(false);
        let (host, kept) = (host.to_owned(), Arc::clone(&seen));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let clients = (0..CLIENTS).map(|_| client(way, &host, &kept, &count, &stopping));
            runtime
                .expect("a runtime")
                .block_on(futures_util::future::join_all(clients));
        });
        Self {
            seen,
            served,
            stop,
            thread,
        }
    }

    /// Waits until so many have been served from now on; gives back the median and the 99th of hundred, and how many were
    /// shed meanwhile.
    pub async fn served(&self, more: usize) -> Latency {
        *lock(&self.seen) = Seen::default();
        let mut served = self.served.clone();
        let goal = *served.borrow_and_update() + more;
        let reached = timeout(4 * DEADLINE, served.wait_for(|count| *count >= goal)).await;
        reached.expect("polite clients are served").expect("they run");
        let mut seen = std::mem::take(&mut *lock(&self.seen));
        seen.served.sort();
        let at = |percent| seen.served[seen.served.len() * percent / 100];
        Latency {
            median: at(50),
            p99: at(99),
            shed: seen.shed,
        }
    }

    pub async fn stop(self) {
        self.stop.send_replace(true);
        let ended = tokio::task::spawn_blocking(move || self.thread.join());
        ended.await.expect("a thread").expect("the clients end");
    }
}

/// What those met who were served.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    pub median: Duration,
    pub p99: Duration,
    pub shed: usize,
}

async fn client(
    way: Way,
    host: &str,
    seen: &Mutex<Seen>,
    count: &watch::Sender<usize>,
    stopping: &watch::Receiver<bool>,
) {
    let mut client = way.client().await.expect("a connection");
    let target = way.target(host);
    let mut pace = interval(PACE);
    while !*stopping.borrow() {
        pace.tick().await;
        let start = Instant::now();
        let request = Request::get(&target);
        let request = match way.over.wire {
            Wire::Http1 => request.header("host", host),
            Wire::Http2 => request,
        };
        let answer = client.send(request, "").await.expect("an answer");
        let took = start.elapsed();
        if answer.status == 503 {
            lock(seen).shed += 1;
        } else {
            lock(seen).served.push(took);
            count.send_modify(|count| *count += 1);
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

//! More requests than can be served, at next to no cost for who sends them: many connections, many requests in each write.

mod http1;
mod http2;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use seaway_testkit::client::Wire;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;

use crate::support::strict;
use crate::way::Way;

/// As many as one test needs.
pub const CONNECTIONS: usize = 64;
/// Requests that are written at once, and whose answers are then waited for.
const AT_ONCE: usize = 32;

/// What is asked for on each connection.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// `/` of this host.
    pub host: &'static str,
    /// With these fields.
    pub fields: &'static [(&'static str, &'static str)],
    /// Whether each request comes on a connection of its own.
    pub is_anew: bool,
}

impl Ask {
    /// Many requests at once on connections that are kept.
    pub const fn of(host: &'static str) -> Self {
        Self {
            host,
            fields: &[],
            is_anew: false,
        }
    }
}

/// Load that is under way.
pub struct FlatOut {
    seen: Arc<Mutex<Seen>>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    statuses: BTreeMap<u16, u64>,
    /// The head of a 503, where it is text.
    shed: String,
}

/// What a connection says, and how it takes what comes back.
trait Speech: Send {
    /// So many requests.
    fn asks(&mut self, count: usize) -> Vec<u8>;
    /// Takes what is whole out of the buffer; gives back how many answers ended in it.
    fn takes(&mut self, buffer: &mut Vec<u8>, seen: &Mutex<Seen>) -> usize;
}

impl FlatOut {
    /// Asks on so many connections.
    pub fn start(way: Way, ask: Ask, connections: usize) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (stop, stopping) = watch::channel(false);
        let noted = Arc::clone(&seen);
        let thread = std::thread::spawn(move || {
            if ask.is_anew {
                // A handshake costs a client as much as the gateway.
                strict::step_back();
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let all = (0..connections).map(|_| run(way, ask, &noted, &stopping));
            runtime
                .expect("a runtime")
                .block_on(futures_util::future::join_all(all));
        });
        Self { seen, stop, thread }
    }

    /// How many answers had this status.
    pub fn seen(&self, status: u16) -> u64 {
        lock(&self.seen)
            .statuses
            .get(&status)
            .copied()
            .unwrap_or_default()
    }

    /// Ends it when what is under way has been answered; gives back the head of a 503.
    pub async fn stop(self) -> String {
        self.stop.send_replace(true);
        let ended = tokio::task::spawn_blocking(move || self.thread.join());
        ended.await.expect("a thread").expect("no connection failed");
        std::mem::take(&mut lock(&self.seen).shed)
    }
}

async fn run(way: Way, ask: Ask, seen: &Mutex<Seen>, stopping: &watch::Receiver<bool>) {
    let times = if ask.is_anew { 1 } else { usize::MAX };
    let at_once = if ask.is_anew { 1 } else { AT_ONCE };
    while !*stopping.borrow() {
        let talked = talk(way, ask, (times, at_once), seen, stopping).await;
        talked.expect("an answer to each request");
    }
}

/// Writes so many times so many requests on one connection.
async fn talk(
    way: Way,
    ask: Ask,
    (times, at_once): (usize, usize),
    seen: &Mutex<Seen>,
    stopping: &watch::Receiver<bool>,
) -> io::Result<()> {
    let mut stream = way.connect().await?;
    let mut speech: Box<dyn Speech> = match way.over.wire {
        Wire::Http1 => Box::new(http1::Text::new(ask)),
        Wire::Http2 => Box::new(http2::Frames::new(way, ask)),
    };
    let mut buffer = Vec::new();
    for _ in 0..times {
        if *stopping.borrow() {
            break;
        }
        stream.write_all(&speech.asks(at_once)).await?;
        stream.flush().await?;
        let mut left = at_once;
        while left > 0 {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(io::Error::other("the connection ended"));
            }
            left = left.saturating_sub(speech.takes(&mut buffer, seen));
        }
    }
    Ok(())
}

fn count(seen: &mut Seen, status: u16) {
    *seen.statuses.entry(status).or_default() += 1;
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

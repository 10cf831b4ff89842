//! More requests than can be served, at next to no cost for who sends them: many connections, many requests in each write.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// As many as one test needs.
pub const CONNECTIONS: usize = 64;
/// Requests that are written at once, and whose answers are then waited for.
const AT_ONCE: usize = 32;

/// Load that is under way.
pub struct FlatOut {
    seen: Arc<Mutex<Seen>>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    statuses: BTreeMap<u16, u64>,
    /// The head of a 503.
    shed: String,
}

impl FlatOut {
    /// Asks for `/` of a host on so many connections.
    pub fn start(address: SocketAddr, host: &str, connections: usize) -> Self {
        let request = format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n").repeat(AT_ONCE);
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (stop, stopping) = watch::channel(false);
        let noted = Arc::clone(&seen);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let all = (0..connections).map(|_| ask(address, &request, &noted, &stopping));
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

async fn ask(address: SocketAddr, request: &str, seen: &Mutex<Seen>, stopping: &watch::Receiver<bool>) {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let mut buffer = Vec::new();
    while !*stopping.borrow() {
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut left = AT_ONCE;
        while left > 0 {
            let count = stream.read_buf(&mut buffer).await.expect("answers");
            assert!(count > 0, "the connection ended");
            left = left.saturating_sub(note(&mut buffer, seen));
        }
    }
}

/// Counts the answers whose heads are whole, and forgets them.
fn note(buffer: &mut Vec<u8>, seen: &Mutex<Seen>) -> usize {
    let text = String::from_utf8_lossy(buffer).into_owned();
    let Some(end) = text.rfind("\r\n\r\n") else {
        return 0;
    };
    let (heads, _) = text.split_at(end + 4);
    let mut seen = lock(seen);
    let mut count = 0;
    for answer in heads.split("HTTP/1.1 ").skip(1) {
        let status = answer.get(..3).and_then(|s| s.parse().ok()).expect("a status");
        *seen.statuses.entry(status).or_default() += 1;
        count += 1;
        if status == 503 && seen.shed.is_empty() {
            seen.shed = answer.to_owned();
        }
    }
    buffer.drain(..heads.len());
    count
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Bytes, to a running proxy, over a real socket.
//!
//! Promised: it answers or closes, whatever comes; it forwards no more requests than the guard takes for requests; and
//! what it forwards has one reading only, which a second reader that shares no code with it confirms.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use seaway_api::Resources;
use seaway_proxy::downstream::guard::{Guard, HeadLimits};
use seaway_proxy::{Options, Proxy};
use seaway_telemetry::{RequestRecord, RequestSink, Sinks};

use super::{Trace, strict};

/// The proxy must have answered or closed by then.
const DEADLINE: Duration = Duration::from_secs(10);
/// Longer inputs only cost time.
const LONGEST: usize = 16 * 1024;

/// Runs one input.
///
/// # Panics
/// When a promise is broken.
#[must_use]
pub fn run(input: &[u8]) -> Trace {
    static RIG: LazyLock<Mutex<Rig>> = LazyLock::new(|| Mutex::new(Rig::start()));
    let input = input.get(..input.len().min(LONGEST)).unwrap_or_default();
    // One at a time, so that what the upstream got is known to come from this input.
    let rig = RIG.lock().unwrap_or_else(PoisonError::into_inner);
    rig.upstream.records().clear();
    let answer = rig.exchange(input);
    rig.settle();

    let forwarded = rig.upstream.records().clone();
    let mut heads = 0;
    for bytes in &forwarded {
        match strict::read(bytes, true) {
            Ok(read) => heads += read.heads,
            Err(why) => panic!("the proxy forwarded {why}: {:?}", String::from_utf8_lossy(bytes)),
        }
    }
    let taken = heads_taken(input);
    assert!(
        heads <= taken,
        "the proxy forwarded {heads} requests of {taken}: {forwarded:?}"
    );
    let statuses: Vec<_> = answer
        .windows(12)
        .filter(|w| w.starts_with(b"HTTP/1.1 "))
        .take(4)
        .collect();
    Trace::of(&(heads.min(4), statuses))
}

/// How many requests the input has. HTTP/2, which is not counted here, could be any number.
fn heads_taken(input: &[u8]) -> u64 {
    let limits = HeadLimits {
        bytes: 64 * 1024,
        fields: 100,
    };
    let mut guard = Guard::new(limits, true);
    let mut at = 0;
    loop {
        let fed = guard.feed(input.get(at..).unwrap_or_default());
        at += fed.consumed;
        match fed.stop {
            None | Some(seaway_proxy::downstream::guard::Stop::Refused(_)) => return guard.messages(),
            Some(seaway_proxy::downstream::guard::Stop::Http2) => return u64::MAX,
            // The upstream of the rig never switches protocols.
            Some(seaway_proxy::downstream::guard::Stop::Held) => guard.resume(),
        }
    }
}

/// A proxy with one route, to an upstream that answers anything with 200 and keeps what it gets.
struct Rig {
    address: SocketAddr,
    upstream: Arc<Upstream>,
    proxy: Proxy,
}

/// What the upstream knows of its connections.
#[derive(Debug, Default)]
struct Upstream {
    port: u16,
    /// What came by each connection.
    records: Mutex<Vec<Vec<u8>>>,
    /// How many were accepted, and how many are over.
    counts: Mutex<(u64, u64)>,
    changed: Condvar,
}

impl Rig {
    #[allow(clippy::expect_used, reason = "without a loopback there is nothing to fuzz")]
    fn start() -> Self {
        let upstream = Upstream::start();
        let port = upstream.port;
        let manifest = format!(
            "apiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {{name: all, namespace: fuzz}}\n\
             spec: {{destinations: [{{host: \"127.0.0.1:{port}\"}}]}}\n"
        );
        let mut resources = Resources::default();
        resources.parse_into("fuzz.yaml", &manifest);
        let (model, _) = seaway_compile::compile(&resources, &seaway_compile::Options::default());
        let options = Options {
            workers: 1,
            address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            port_map: [(80, 0)].into(),
            ..Options::default()
        };
        let sinks: Arc<dyn Sinks> = Arc::new(Silent);
        let proxy = Proxy::start(options, sinks).expect("threads");
        let listeners = proxy.apply(&Arc::new(model));
        let address = listeners
            .first()
            .and_then(|listener| listener.bound)
            .expect("a loopback port");
        Self {
            address,
            upstream,
            proxy,
        }
    }

    /// Waits until nothing of the last input is under way, so that nothing of it is taken for the next one's.
    fn settle(&self) {
        let left = self.proxy.shared().connections.wait_for_none(DEADLINE);
        assert!(
            left == 0,
            "the proxy keeps the connection although the client is gone"
        );
        // The queue of the listener is in order: once ours is accepted, all before it are.
        let accepted = self
            .upstream
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        if TcpStream::connect((Ipv4Addr::LOCALHOST, self.upstream.port)).is_ok() {
            self.upstream.wait(|now, over| now > accepted && now == over);
        }
    }

    /// Sends everything, says that nothing more comes, and reads to the end.
    fn exchange(&self, input: &[u8]) -> Vec<u8> {
        let mut answer = Vec::new();
        let Ok(mut stream) = TcpStream::connect(self.address) else {
            panic!("the proxy does not listen any more");
        };
        // A proxy that has seen enough closes before everything is sent: no failure.
        let _ = stream.write_all(input);
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.set_read_timeout(Some(DEADLINE));
        match stream.read_to_end(&mut answer) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the proxy neither answered nor closed in {DEADLINE:?}")
            }
            _ => answer,
        }
    }
}

impl Upstream {
    /// A thread for each connection.
    #[allow(clippy::expect_used, reason = "without a loopback there is nothing to fuzz")]
    fn start() -> Arc<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
        let upstream = Arc::new(Self {
            port: listener.local_addr().expect("an address").port(),
            ..Self::default()
        });
        let accepting = Arc::clone(&upstream);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                accepting.count(|counts| counts.0 += 1);
                let upstream = Arc::clone(&accepting);
                thread::spawn(move || {
                    upstream.answer(stream);
                    upstream.count(|counts| counts.1 += 1);
                });
            }
        });
        upstream
    }

    fn records(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, change: impl FnOnce(&mut (u64, u64))) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Waits until `done` holds for what was accepted and what is over.
    fn wait(&self, done: impl Fn(u64, u64) -> bool) {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .changed
            .wait_timeout_while(counts, DEADLINE, |counts| !done(counts.0, counts.1));
        let late = waited.is_ok_and(|(_, timeout)| timeout.timed_out());
        assert!(
            !late,
            "the proxy keeps an upstream connection although the client is gone"
        );
    }

    /// Answers a request once it is whole, and closes: every request has a connection of its own.
    fn answer(&self, mut stream: TcpStream) {
        let mut got = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            got.extend_from_slice(buffer.get(..count).unwrap_or_default());
            let whole = strict::read(&got, false);
            // What is no request is answered as well: the record says the rest.
            if whole.map_or_else(|why| !why.ends_with("without an end"), |read| read.heads > 0) {
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
                break;
            }
        }
        if !got.is_empty() {
            self.records().push(got);
        }
    }
}

/// Nobody reads what happened.
struct Silent;

impl Sinks for Silent {
    fn sink(&self, _: usize) -> Box<dyn RequestSink> {
        Box::new(Self)
    }
}

impl RequestSink for Silent {
    fn record(&self, _: &RequestRecord<'_>) {}
}

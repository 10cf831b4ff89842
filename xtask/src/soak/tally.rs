//! What is counted: exchanges that went well, and everything that went wrong, with its reason and its time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Serialize;

/// So many faults of a sort are kept with their reasons; all are counted.
const KEPT: usize = 10;

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One request after the other on connections that are kept.
    Http1,
    /// The same with pauses in which a server may close the connection.
    Http1Seldom,
    /// A connection for each request.
    Http1New,
    /// Requests over TLS, with a handshake now and then.
    Http1Tls,
    /// Bodies of some MiB to the upstream.
    Upload,
    /// Bodies of some MiB from the upstream.
    Download,
    /// Streams side by side on one connection.
    Http2,
    /// The same over TLS.
    Http2Tls,
    /// Calls with one message each way.
    Grpc,
    /// Calls that last, with messages both ways.
    GrpcStream,
    /// WebSockets that last.
    WebSocket,
    /// Relayed connections for a few lines each.
    TcpShort,
    /// Relayed connections that last.
    TcpLong,
}

impl Kind {
    /// In the order of the table.
    pub const ALL: [Self; 13] = [
        Self::Http1,
        Self::Http1Seldom,
        Self::Http1New,
        Self::Http1Tls,
        Self::Upload,
        Self::Download,
        Self::Http2,
        Self::Http2Tls,
        Self::Grpc,
        Self::GrpcStream,
        Self::WebSocket,
        Self::TcpShort,
        Self::TcpLong,
    ];

    /// For the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1 keep-alive",
            Self::Http1Seldom => "HTTP/1.1 with pauses",
            Self::Http1New => "HTTP/1.1 new connections",
            Self::Http1Tls => "HTTP/1.1 over TLS",
            Self::Upload => "uploads",
            Self::Download => "downloads",
            Self::Http2 => "HTTP/2",
            Self::Http2Tls => "HTTP/2 over TLS",
            Self::Grpc => "gRPC unary",
            Self::GrpcStream => "gRPC streams",
            Self::WebSocket => "WebSockets",
            Self::TcpShort => "TCP, short",
            Self::TcpLong => "TCP, long",
        }
    }
}

/// Something that should not have happened, or is worth knowing.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    /// Since the load began.
    pub seconds: f64,
    pub gateway: String,
    pub what: String,
    pub reason: String,
}

/// The sums of a kind at a gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// Requests with the answer that they should have; on streams: messages that came back.
    pub requests: u64,
    /// Connections and streams.
    pub opened: u64,
    /// Requests, connects and handshakes that failed.
    pub failed: u64,
    /// Streams that ended although their client had not ended them.
    pub closed: u64,
    /// Requests that the server had certainly not answered when it closed the connection, which a client may repeat and
    /// ours did (RFC 9112, 9.3.1; RFC 9113, 6.8).
    pub repeated: u64,
}

/// All of them.
#[derive(Debug)]
pub struct Tally {
    rows: Vec<Arc<Row>>,
    faults: Arc<Faults>,
}

/// One kind at one gateway. Clients add to it.
#[derive(Debug)]
pub struct Row {
    pub kind: Kind,
    pub gateway: &'static str,
    requests: AtomicU64,
    opened: AtomicU64,
    failed: AtomicU64,
    closed: AtomicU64,
    repeated: AtomicU64,
    faults: Arc<Faults>,
}

/// What went wrong, wherever.
#[derive(Debug)]
pub struct Faults {
    began: Instant,
    /// Faults of others than clients: of the processes, of changes that are not served.
    others: AtomicU64,
    kept: Mutex<Vec<Fault>>,
}

impl Tally {
    /// With a row for each kind at each gateway.
    pub fn new(gateways: &[&'static str]) -> Self {
        let faults = Arc::new(Faults {
            began: Instant::now(),
            others: AtomicU64::new(0),
            kept: Mutex::default(),
        });
        let row = |gateway: &'static str, kind| {
            Arc::new(Row {
                kind,
                gateway,
                requests: AtomicU64::new(0),
                opened: AtomicU64::new(0),
                failed: AtomicU64::new(0),
                closed: AtomicU64::new(0),
                repeated: AtomicU64::new(0),
                faults: Arc::clone(&faults),
            })
        };
        let rows = gateways
            .iter()
            .flat_map(|gateway| Kind::ALL.into_iter().map(move |kind| row(gateway, kind)))
            .collect();
        Self { rows, faults }
    }

    pub fn rows(&self) -> &[Arc<Row>] {
        &self.rows
    }

    pub fn faults(&self) -> &Arc<Faults> {
        &self.faults
    }
}

impl Row {
    /// A request has its answer, a message came back.
    pub fn answered(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection or a stream is there.
    pub fn opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    /// A request, a connect or a handshake failed.
    pub fn failed(&self, reason: &str) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.keep("failed", reason);
    }

    /// A stream ended, and not by its client.
    pub fn closed(&self, reason: &str) {
        self.closed.fetch_add(1, Ordering::Relaxed);
        self.keep("closed", reason);
    }

    /// A request is sent again, as the protocol allows.
    pub fn repeated(&self, reason: &str) {
        self.repeated.fetch_add(1, Ordering::Relaxed);
        self.keep("repeated", reason);
    }

    /// Up to now.
    pub fn sums(&self) -> Sums {
        Sums {
            requests: self.requests.load(Ordering::Relaxed),
            opened: self.opened.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            closed: self.closed.load(Ordering::Relaxed),
            repeated: self.repeated.load(Ordering::Relaxed),
        }
    }

    fn keep(&self, word: &str, reason: &str) {
        self.faults
            .keep(self.gateway, format!("{}, {word}", self.kind.name()), reason);
    }
}

impl Faults {
    /// Something other than a client's exchange went wrong.
    pub fn other(&self, gateway: &str, what: impl Into<String>, reason: impl AsRef<str>) {
        self.others.fetch_add(1, Ordering::Relaxed);
        self.keep(gateway, what.into(), reason.as_ref());
    }

    pub fn others(&self) -> u64 {
        self.others.load(Ordering::Relaxed)
    }

    /// The first of each sort, in the order in which they were noticed.
    pub fn kept(&self) -> Vec<Fault> {
        self.lock().clone()
    }

    fn keep(&self, gateway: &str, what: String, reason: &str) {
        let mut kept = self.lock();
        let of_its_sort = kept
            .iter()
            .filter(|fault| fault.gateway == gateway && fault.what == what);
        if of_its_sort.count() < KEPT {
            kept.push(Fault {
                seconds: self.began.elapsed().as_secs_f64(),
                gateway: gateway.to_owned(),
                what,
                reason: reason.to_owned(),
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_repeated_is_told_but_is_no_failure() {
        let tally = Tally::new(&["one"]);
        let row = tally.rows().first().expect("a row");
        row.answered();
        row.repeated("closed before the answer");
        let sums = Sums {
            requests: 1,
            repeated: 1,
            ..Sums::default()
        };
        assert_eq!(row.sums(), sums);
        assert_eq!(tally.faults().kept().len(), 1);
        assert_eq!(tally.faults().others(), 0);
    }

    #[test]
    fn a_process_that_fails_is_a_fault_without_a_row() {
        let tally = Tally::new(&["one"]);
        tally.faults().other("one", "process", "ended with 70");
        assert_eq!(tally.faults().others(), 1);
    }

    #[test]
    fn of_each_sort_more_faults_are_counted_than_are_kept() {
        let tally = Tally::new(&["one"]);
        let row = tally.rows().first().expect("a row");
        for _ in 0..=KEPT {
            row.failed("x");
        }
        row.closed("y");
        assert_eq!(row.sums().failed, KEPT as u64 + 1);
        assert_eq!(tally.faults().kept().len(), KEPT + 1);
    }
}

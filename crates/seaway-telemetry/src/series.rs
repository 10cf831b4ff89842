//! The counters of one label set in one worker's shard.
//!
//! Each cell is written by one thread only, so adding is a relaxed load and a relaxed store: no locked instruction, no
//! cache line that another worker writes. A reader sees every cell at some recent value; a histogram's count is the
//! sum of the buckets it read, so count and buckets always agree.

mod histogram;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use seaway_model::Cluster;

pub(crate) use self::histogram::{BOUNDS, HistogramSeries, HistogramSums, HistogramTotals};
use crate::{Bytes, ConnectionRecord, Flag, RequestRecord, Transport};

/// What is counted for one label set.
pub(crate) trait Series: Default {
    /// Summed over shards.
    type Totals: Clone + Default;

    /// Lines of a scrape that one label set takes.
    const LINES: usize;

    /// Adds this shard's part to the sum over all shards.
    fn add_to(&self, totals: &mut Self::Totals);

    /// Takes over the counts of a shard whose worker is gone.
    fn absorb(&self, other: &Self);

    /// How many requests or connections.
    fn count(totals: &Self::Totals) -> u64;
}

/// A counter with one writer.
#[derive(Debug, Default)]
pub(crate) struct Cell(AtomicU64);

impl Cell {
    /// Adds. Two threads that add to one cell lose counts; a shard belongs to one.
    pub(crate) fn add(&self, n: u64) {
        self.0
            .store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One label set of Istio's counter of requests, in one shard.
#[derive(Debug, Default)]
pub(crate) struct RequestSeries {
    requests: Cell,
    /// Shown as one sum over all label sets.
    retries: Cell,
}

impl RequestSeries {
    /// Counts a request.
    pub(crate) fn observe(&self, record: &RequestRecord<'_>) {
        self.requests.add(1);
        if record.retries > 0 {
            self.retries.add(u64::from(record.retries));
        }
    }
}

/// One label set summed over shards.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestSums {
    pub(crate) requests: u64,
    pub(crate) retries: u64,
}

impl Series for RequestSeries {
    type Totals = RequestSums;

    const LINES: usize = 1;

    fn add_to(&self, totals: &mut RequestSums) {
        totals.requests = totals.requests.wrapping_add(self.requests.get());
        totals.retries = totals.retries.wrapping_add(self.retries.get());
    }

    fn absorb(&self, other: &Self) {
        self.requests.add(other.requests.get());
        self.retries.add(other.retries.get());
    }

    fn count(totals: &RequestSums) -> u64 {
        totals.requests
    }
}

/// One label set of Istio's TCP metrics, in one shard: connections whose bytes are passed on unread.
#[derive(Debug, Default)]
pub(crate) struct TcpSeries {
    opened: Cell,
    closed: Cell,
    /// To the client.
    sent: Cell,
    /// From the client.
    received: Cell,
}

impl TcpSeries {
    /// Counts a connection that has left HTTP. It is only known when it is over, so what was opened and what was closed
    /// are the same number.
    pub(crate) fn observe(&self, record: &RequestRecord<'_>) {
        self.open();
        self.close();
        self.pass(Bytes {
            received: record.request_bytes,
            sent: record.response_bytes,
        });
    }

    pub(crate) fn open(&self) {
        self.opened.add(1);
    }

    pub(crate) fn close(&self) {
        self.closed.add(1);
    }

    pub(crate) fn pass(&self, bytes: Bytes) {
        self.received.add(bytes.received);
        self.sent.add(bytes.sent);
    }
}

/// One label set summed over shards.
#[derive(Clone, Debug, Default)]
pub(crate) struct TcpSums {
    pub(crate) opened: u64,
    pub(crate) closed: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

impl Series for TcpSeries {
    type Totals = TcpSums;

    const LINES: usize = 4;

    fn add_to(&self, totals: &mut TcpSums) {
        totals.opened = totals.opened.wrapping_add(self.opened.get());
        totals.closed = totals.closed.wrapping_add(self.closed.get());
        totals.sent = totals.sent.wrapping_add(self.sent.get());
        totals.received = totals.received.wrapping_add(self.received.get());
    }

    fn absorb(&self, other: &Self) {
        self.opened.add(other.opened.get());
        self.closed.add(other.closed.get());
        self.sent.add(other.sent.get());
        self.received.add(other.received.get());
    }

    fn count(totals: &TcpSums) -> u64 {
        totals.opened.max(totals.closed)
    }
}

/// What tells label sets apart, small enough to be hashed for every request.
///
/// The cluster is known by its address in memory. Whoever keeps a key keeps a `Weak` to the cluster beside it, so that
/// the address is not given to another cluster meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    cluster: usize,
    pub(crate) status: u16,
    pub(crate) grpc_status: Option<u16>,
    pub(crate) flags: u32,
    pub(crate) is_grpc: bool,
}

/// The same for relayed connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionKey {
    cluster: usize,
    pub(crate) flags: u32,
    pub(crate) transport: Transport,
}

impl ConnectionKey {
    pub(crate) fn of(record: &ConnectionRecord<'_>) -> Self {
        Self {
            cluster: place(record.cluster),
            flags: set(record.flags),
            transport: record.transport,
        }
    }
}

fn place(cluster: Option<&Arc<Cluster>>) -> usize {
    cluster.map_or(0, |cluster| Arc::as_ptr(cluster).addr())
}

fn set(flags: &[Flag]) -> u32 {
    flags.iter().fold(0, |set, flag| set | flag.bit())
}

/// gRPC's own codes are 0 to 16; a peer that makes up others means "unknown" (gRPC, status codes).
const GRPC_UNKNOWN: u16 = 2;
const GRPC_LAST: u16 = 16;

impl Key {
    pub(crate) fn of(record: &RequestRecord<'_>) -> Self {
        Self {
            cluster: place(record.cluster),
            status: record.status,
            grpc_status: record
                .grpc_status
                .filter(|_| record.is_grpc)
                .map(|s| if s > GRPC_LAST { GRPC_UNKNOWN } else { s }),
            flags: set(record.flags),
            is_grpc: record.is_grpc,
        }
    }
}

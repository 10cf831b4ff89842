//! Limits and settings of the data plane. Defaults are what a public gateway should have.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use crate::challenges::AcmeChallenges;
use crate::pace::Least;

/// Longer than anything lasts, and short enough to be added to any moment.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Settings of the whole proxy.
#[derive(Clone, Debug)]
pub struct Options {
    /// Worker threads.
    pub workers: usize,
    /// Bind here instead of the listeners' own addresses.
    pub address: Option<IpAddr>,
    /// Configured port to the port that is bound; 0 lets the system pick.
    pub port_map: BTreeMap<u16, u16>,
    /// Peers (addresses or networks `10.0.0.0/8`) whose `x-forwarded-*` and `x-request-id` are believed.
    pub trusted_proxies: Vec<(IpAddr, u8)>,
    /// What is refused.
    pub limits: Limits,
    /// Listening sockets taken over from another process, by the keys that its [`crate::Proxy::listener_fds`] gave.
    /// Those that the first model does not use are closed.
    pub inherited: Vec<(String, Arc<OwnedFd>)>,
    /// What certificate authorities are shown. `None`: nothing, and their requests are like any other.
    pub challenges: Option<Arc<dyn AcmeChallenges>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            address: None,
            port_map: BTreeMap::new(),
            trusted_proxies: Vec::new(),
            limits: Limits::default(),
            inherited: Vec::new(),
            challenges: None,
        }
    }
}

/// What a client may cost.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a request head, request line included. Above: 431, or 414 when the target alone is too long.
    pub head_bytes: usize,
    /// Fields of a request head. Above: 431.
    pub head_fields: usize,
    /// From the first byte of a head (or the accept) to its end. The same for a header of the PROXY protocol.
    pub head_timeout: Duration,
    /// An HTTP/1.1 connection without a request.
    pub idle_timeout: Duration,
    /// A stream on which nothing moves in either direction. Zero: for ever.
    pub stream_idle_timeout: Duration,
    /// Bytes a second that a client must take or give on average while nothing but it is waited for, over so long a time
    /// as a stream may stand still.
    pub rate: u64,
    /// A listener that goes away leaves its idle HTTP/1.1 connections open for so long, since a request may be on its
    /// way that would be lost; it is answered with `connection: close`. A process that drains passes datagrams back to
    /// clients for so long.
    pub drain_grace: Duration,
    /// From accept to the end of a TLS handshake, or to a server name by which the connection goes on untouched.
    pub handshake_timeout: Duration,
    /// Downstream connections of all workers; fewer where the system does not allow that many open files.
    pub connections: usize,
    /// Sessions of datagrams of all workers. Each has a socket; anybody can begin one with one datagram, and may lie about
    /// its address, so the limit is one of its own.
    pub sessions: usize,
    /// Requests under way, of all workers, each of which has an equal part: those above are shed.
    pub requests: usize,
    /// How late a worker may be for long, before it sheds new requests. Zero: as late as it is.
    pub delay: Duration,
    /// Bytes that the process may hold, before it sheds new requests. `None`: nine tenths of what its control group or
    /// the machine has.
    pub memory: Option<u64>,
    /// HTTP/2 streams of one connection.
    pub concurrent_streams: u32,
    /// HTTP/2 streams that a client may reset before they are answered, before the connection is closed (CVE-2023-44487).
    pub reset_streams: usize,
    /// A request body is kept for a retry up to so many bytes.
    pub replay_bytes: usize,
}

impl Limits {
    /// What a client must take or give. Where a stream may stand still for ever, so may a client.
    pub(crate) fn least(&self) -> Least {
        let window = self.stream_idle_timeout;
        Least {
            window: if window.is_zero() { FOREVER } else { window },
            rate: self.rate,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 64 * 1024,
            head_fields: 100,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            stream_idle_timeout: Duration::from_secs(300),
            rate: 240,
            drain_grace: Duration::from_secs(1),
            handshake_timeout: Duration::from_secs(10),
            connections: 50_000,
            sessions: 10_000,
            requests: 100_000,
            delay: Duration::from_millis(50),
            memory: None,
            concurrent_streams: 128,
            reset_streams: 50,
            replay_bytes: 64 * 1024,
        }
    }
}

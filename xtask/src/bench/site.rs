//! What every proxy is given: the same routes, the same upstreams, the same certificate.

use std::net::SocketAddr;
use std::time::Duration;

use super::certificate::Certificate;
use super::upstream::Upstreams;

/// What a proxy has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// HTTP/1.1 to the upstream; HTTP/1.1 in the clear, and HTTP/1.1 and HTTP/2 over TLS 1.3 from clients.
    Web(Routes),
    /// gRPC in the clear on both sides.
    Grpc,
    /// Bytes, whatever they are.
    Tcp,
}

/// By what requests find their upstream. All but `One` are in the clear only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routes {
    /// One host, everything to one upstream.
    One,
    /// So many routes on one host, `/p0/` and so on.
    Paths(usize),
    /// So many hosts, `h0.bench.example.com` and so on, with a route each.
    Hosts(usize),
    /// Who sends `x-canary: yes`, or a user agent with `iPhone` in it, goes to `v2`; nine tenths of the others go to `v1`
    /// and one tenth to `v2`. What fails to connect, or with 502 to 504, is tried twice more.
    Rules,
}

/// A job with what it needs.
pub struct Site<'a> {
    pub job: Job,
    pub upstreams: &'a Upstreams,
    pub certificate: &'a Certificate,
}

/// Where a running proxy is asked.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// HTTP, gRPC or TCP in the clear.
    pub plain: SocketAddr,
    /// HTTP over TLS; the same as `plain` where the job has none.
    pub tls: SocketAddr,
}

/// Nothing times out while it is measured: every proxy waits this long for whatever it waits for.
pub const PATIENCE: Duration = Duration::from_secs(600);

impl Job {
    /// The same with one route, where there are many.
    pub fn with_one_route(self) -> Option<Self> {
        match self {
            Self::Web(Routes::Paths(2..) | Routes::Hosts(2..)) => Some(Self::Web(Routes::Paths(1))),
            _ => None,
        }
    }
}

impl Routes {
    /// The path and host of route `number`.
    pub fn ask(self, number: usize) -> (String, String) {
        let host = super::certificate::HOST;
        match self {
            Self::One | Self::Rules => ("/x".to_owned(), host.to_owned()),
            Self::Paths(count) => (format!("/p{}/x", number % count), host.to_owned()),
            Self::Hosts(count) => ("/x".to_owned(), format!("h{}.{host}", number % count)),
        }
    }
}

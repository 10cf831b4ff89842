//! What is compared: each scenario is a job for the proxies and a way to ask them.

mod bulk;
mod grpc;
mod handshake;
pub mod http1;
mod http2;
mod routes;
mod tcp;
mod websocket;

use std::sync::Arc;

use anyhow::Result;
use futures_util::future::BoxFuture;
use rustls::ClientConfig;

use super::certificate::Certificate;
use super::load::{Lanes, Requests, get};
use super::site::{Job, Routes, Target};

/// A scenario.
pub struct Scenario {
    /// As it is chosen.
    pub name: &'static str,
    /// What happens, for tables.
    pub about: &'static str,
    pub job: Job,
    /// Whether clients come over TLS.
    pub tls: bool,
    pub measure: Measure,
}

impl Scenario {
    /// The same, but clients come over TLS.
    const fn over_tls(self) -> Self {
        Self { tls: true, ..self }
    }
}

/// What is measured.
#[derive(Clone, Copy)]
pub enum Measure {
    /// What a request costs and how long it takes, with so many at a time.
    Requests { lanes: usize, connect: Connect },
    /// What a connection holds that does nothing.
    Idle,
    /// What a proxy holds: fresh, after load, and with 10,000 routes.
    Memory,
}

/// Makes lanes to a proxy.
pub type Connect = for<'a> fn(Way<'a>) -> BoxFuture<'a, Result<Lanes>>;

/// To whom lanes lead, and how many.
#[derive(Clone, Copy)]
pub struct Way<'a> {
    pub target: Target,
    pub job: Job,
    pub certificate: &'a Certificate,
    pub count: usize,
}

impl Way<'_> {
    fn client(&self, protocol: &str) -> Result<Arc<ClientConfig>> {
        self.certificate.client(protocol)
    }

    /// A request for each of the job's routes.
    fn requests(&self) -> Requests {
        let (routes, count) = match self.job {
            Job::Web(routes @ (Routes::Paths(count) | Routes::Hosts(count))) => (routes, count),
            Job::Web(routes) => (routes, 1),
            Job::Grpc | Job::Tcp => (Routes::One, 1),
        };
        let asked = (0..count).map(|number| routes.ask(number));
        asked.map(|(path, host)| get(&path, &host)).collect()
    }
}

const LANES: usize = 64;

const fn requests(
    name: &'static str,
    about: &'static str,
    job: Job,
    lanes: usize,
    connect: Connect,
) -> Scenario {
    let measure = Measure::Requests { lanes, connect };
    Scenario {
        name,
        about,
        job,
        tls: false,
        measure,
    }
}

/// All, in the order of the tables.
pub const SCENARIOS: &[Scenario] = &[
    requests(
        "h1",
        "HTTP/1.1, 64 connections that stay open",
        Job::Web(Routes::One),
        LANES,
        http1::plain,
    ),
    requests(
        "h1-tls",
        "the same over TLS 1.3",
        Job::Web(Routes::One),
        LANES,
        http1::tls,
    )
    .over_tls(),
    requests(
        "h2-tls",
        "HTTP/2 over TLS 1.3, 8 connections with 8 streams each, HTTP/1.1 to the upstream",
        Job::Web(Routes::One),
        LANES,
        http2::tls,
    )
    .over_tls(),
    requests(
        "grpc",
        "gRPC, one message each way, 8 connections with 8 calls each, HTTP/2 without TLS on both sides",
        Job::Grpc,
        LANES,
        grpc::plain,
    ),
    requests(
        "handshake",
        "a new connection, a whole TLS 1.3 handshake, one request; 16 at a time",
        Job::Web(Routes::One),
        16,
        handshake::tls,
    )
    .over_tls(),
    requests(
        "download-1m",
        "answers of 1 MiB, 8 connections",
        Job::Web(Routes::One),
        8,
        bulk::download,
    ),
    requests(
        "download-1m-tls",
        "the same over TLS 1.3",
        Job::Web(Routes::One),
        8,
        bulk::download_tls,
    )
    .over_tls(),
    requests(
        "upload-1m",
        "requests of 1 MiB, 8 connections",
        Job::Web(Routes::One),
        8,
        bulk::upload,
    ),
    requests(
        "upload-1m-tls",
        "the same over TLS 1.3",
        Job::Web(Routes::One),
        8,
        bulk::upload_tls,
    )
    .over_tls(),
    requests(
        "websocket",
        "WebSocket messages of 64 bytes that come back, 64 connections",
        Job::Web(Routes::One),
        LANES,
        websocket::plain,
    ),
    requests(
        "tcp",
        "1 KiB over TCP that comes back, 64 connections",
        Job::Tcp,
        LANES,
        tcp::messages,
    ),
    requests(
        "tcp-1m",
        "1 MiB over TCP that comes back, 8 connections",
        Job::Tcp,
        8,
        tcp::bulk,
    ),
    requests(
        "routes-1",
        "HTTP/1.1 as above, 1 route on one host",
        Job::Web(Routes::Paths(1)),
        LANES,
        routes::plain,
    ),
    requests(
        "routes-100",
        "100 routes on one host, asked in turn",
        Job::Web(Routes::Paths(100)),
        LANES,
        routes::plain,
    ),
    requests(
        "routes-10000",
        "10,000 routes on one host, asked in turn",
        Job::Web(Routes::Paths(10_000)),
        LANES,
        routes::plain,
    ),
    requests(
        "routes-10000-hosts",
        "10,000 routes on as many hosts, asked in turn",
        Job::Web(Routes::Hosts(10_000)),
        LANES,
        routes::plain,
    ),
    requests(
        "rules",
        "HTTP/1.1 as above, two routes with header conditions before a split between subsets, and retries",
        Job::Web(Routes::Rules),
        LANES,
        routes::plain,
    ),
    Scenario {
        name: "idle-plain",
        about: "5,000 connections that have asked once and wait",
        job: Job::Web(Routes::One),
        tls: false,
        measure: Measure::Idle,
    },
    Scenario {
        name: "idle-tls",
        about: "5,000 connections over TLS 1.3 that have asked once and wait",
        job: Job::Web(Routes::One),
        tls: true,
        measure: Measure::Idle,
    },
    Scenario {
        name: "memory",
        about: "resident memory after one request, after 64 busy connections, and with 10,000 routes",
        job: Job::Web(Routes::One),
        tls: false,
        measure: Measure::Memory,
    },
];

//! The clients: a steady mix of everything that a gateway serves.
//!
//! Each is careful as a client should be: it heeds `connection: close` and GOAWAY, looks whether an idle connection has been
//! closed before it uses it, and sends a request again only where the protocol says that it was not answered. All else
//! that goes wrong is counted. The load is paced and not as much as the machine can do, since what is looked for are
//! mistakes; where the machine is too slow for the pace, there is less.

mod grpc;
mod http1;
mod http2;
mod tcp;
mod websocket;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use seaway_testkit::client::ClientTls;
use tokio::task::JoinSet;

use super::changes::Seen;
use super::gateway::Ports;
use super::stop::Stop;
use super::tally::{Kind, Row, Tally};

/// An exchange that takes longer hangs.
const DEADLINE: Duration = Duration::from_secs(30);

/// What every client has.
#[derive(Clone)]
pub struct Client {
    row: Arc<Row>,
    ports: Ports,
    trust: ClientTls,
    seen: Seen,
    stop: Stop,
    /// How long streams last at most.
    longest: Duration,
}

/// A gateway, as clients know it.
pub struct Target {
    pub ports: Ports,
    pub trust: ClientTls,
    pub seen: Seen,
    pub longest: Duration,
}

/// Starts everything at a gateway.
pub fn start(target: &Target, tally: &Tally, stop: &Stop, tasks: &mut JoinSet<()>) {
    let of_gateway = |row: &&Arc<Row>| row.gateway == target.seen.gateway;
    for row in tally.rows().iter().filter(of_gateway) {
        let client = Client {
            row: Arc::clone(row),
            ports: target.ports,
            trust: target.trust.clone(),
            seen: target.seen.clone(),
            stop: stop.clone(),
            longest: target.longest,
        };
        client.start(tasks);
    }
}

impl Client {
    /// Starts as many of its kind as belong into the mix.
    fn start(self, tasks: &mut JoinSet<()>) {
        use http1::Habit;
        let mut times = |count: usize, start: &dyn Fn(Self, &mut JoinSet<()>)| {
            for _ in 0..count {
                start(self.clone(), tasks);
            }
        };
        match self.row.kind {
            Kind::Http1 => times(4, &|c, tasks| spawn(tasks, http1::ask(c, Habit::KEEP))),
            Kind::Http1Seldom => times(6, &|c, tasks| spawn(tasks, http1::ask(c, Habit::SELDOM))),
            Kind::Http1New => times(2, &|c, tasks| spawn(tasks, http1::ask(c, Habit::NEW))),
            Kind::Http1Tls => times(2, &|c, tasks| spawn(tasks, http1::ask(c, Habit::TLS))),
            Kind::Upload => times(1, &|c, tasks| spawn(tasks, http1::ask(c, Habit::UPLOAD))),
            Kind::Download => times(1, &|c, tasks| spawn(tasks, http1::ask(c, Habit::DOWNLOAD))),
            Kind::Http2 | Kind::Http2Tls | Kind::Grpc => times(1, &|c, tasks| http2::start(c, tasks)),
            Kind::GrpcStream => times(2, &|c, tasks| grpc::start(c, tasks)),
            Kind::WebSocket => times(4, &|c, tasks| spawn(tasks, websocket::talk(c))),
            Kind::TcpShort => times(2, &|c, tasks| spawn(tasks, tcp::short(c))),
            Kind::TcpLong => times(2, &|c, tasks| spawn(tasks, tcp::long(c))),
        }
    }

    /// Between two requests.
    async fn pause(&mut self, range: &Range<Duration>) {
        self.stop.pause(between(range)).await;
    }

    /// How long the next stream lasts.
    fn duration(&self) -> Duration {
        between(&(Duration::from_secs(1)..self.longest))
    }
}

fn spawn(tasks: &mut JoinSet<()>, client: impl Future<Output = ()> + Send + 'static) {
    tasks.spawn(client);
}

fn between(range: &Range<Duration>) -> Duration {
    let width = range.end.saturating_sub(range.start);
    range.start + width.mul_f64(fastrand::f64())
}

/// Waits for something, but not for ever.
async fn in_time<T, E: ToString>(other: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match tokio::time::timeout(DEADLINE, other).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err(format!("nothing happened for {DEADLINE:?}")),
    }
}

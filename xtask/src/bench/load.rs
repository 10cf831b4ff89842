//! Load: lanes that ask one thing after the other, in two ways.
//!
//! In `saturate` every lane asks again as soon as it was answered: that keeps a proxy busy, and shows what a request costs.
//! In `paced` requests are due at fixed times, and the next free lane takes the next one: latency counts from when a request
//! was due, and not from when a lane got round to it, so that a proxy that stalls is charged for all that had to wait
//! meanwhile.

mod bulk;
mod connect;
mod grpc;
mod handshake;
mod http1;
mod http2;
mod relay;
mod websocket;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

pub use bulk::{download, upload};
pub use connect::{Stream, any};
pub use grpc::Unary;
pub use handshake::Handshake;
pub use http1::{Http1, Requests, get};
pub use http2::Http2;
pub use relay::Relay;
pub use websocket::WebSocket;

/// Asks one thing after the other: a connection, or a stream of one.
pub trait Lane: Send {
    /// Asks once, and sees that the answer is right.
    fn ask(&mut self) -> BoxFuture<'_, Result<()>>;
}

/// Lanes that are connected and ready.
pub type Lanes = Vec<Box<dyn Lane>>;

/// Has every lane ask for so long; gives the number of answers, and the lanes back.
pub async fn saturate(lanes: Lanes, time: Duration) -> Result<(u64, Lanes)> {
    let end = Instant::now() + time;
    let tasks: Vec<_> = lanes
        .into_iter()
        .map(|mut lane| {
            tokio::spawn(async move {
                let mut answers = 0;
                while Instant::now() < end {
                    lane.ask().await?;
                    answers += 1;
                }
                anyhow::Ok((answers, lane))
            })
        })
        .collect();
    let (mut answers, mut lanes) = (0, Vec::new());
    for task in tasks {
        let (some, lane) = task.await??;
        answers += some;
        lanes.push(lane);
    }
    Ok((answers, lanes))
}

/// When requests are due: the next one's number, taken by one lane at a time.
struct Schedule {
    next: Mutex<u32>,
    start: Instant,
    interval: Duration,
    count: u32,
}

impl Schedule {
    /// Waits for the next request to be due, and tells when that was; nothing once all were given out.
    ///
    /// Only the lane that holds the number waits, and it does so by yielding: timers here are a millisecond coarse.
    async fn due(&self) -> Option<Instant> {
        let mut next = self.next.lock().await;
        if *next >= self.count {
            return None;
        }
        let due = self.start + self.interval * *next;
        *next += 1;
        while Instant::now() < due {
            tokio::task::yield_now().await;
        }
        Some(due)
    }
}

/// Asks `rate` times a second for so long; gives the time to each answer in microseconds, and the lanes back.
pub async fn paced(lanes: Lanes, rate: f64, time: Duration) -> Result<(Vec<f64>, Lanes)> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of requests, from two small positive numbers"
    )]
    let count = (rate * time.as_secs_f64()).ceil() as u32;
    let schedule = Arc::new(Schedule {
        next: Mutex::new(0),
        start: Instant::now() + Duration::from_millis(1),
        interval: Duration::from_secs_f64(1.0 / rate),
        count,
    });
    let tasks: Vec<_> = lanes
        .into_iter()
        .map(|mut lane| {
            let schedule = Arc::clone(&schedule);
            tokio::spawn(async move {
                let mut times = Vec::new();
                while let Some(due) = schedule.due().await {
                    lane.ask().await?;
                    times.push(due.elapsed().as_secs_f64() * 1e6);
                }
                anyhow::Ok((times, lane))
            })
        })
        .collect();
    let (mut times, mut lanes) = (Vec::new(), Vec::new());
    for task in tasks {
        let (some, lane) = task.await??;
        times.extend(some);
        lanes.push(lane);
    }
    Ok((times, lanes))
}

/// The value below which this share of sorted values lies.
pub fn quantile(sorted: &[f64], share: f64) -> Result<f64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into what is in memory"
    )]
    let index = ((sorted.len() as f64) * share) as usize;
    let last = sorted.len().saturating_sub(1);
    sorted
        .get(index.min(last))
        .copied()
        .context("nothing was answered")
}

#[cfg(test)]
mod tests;

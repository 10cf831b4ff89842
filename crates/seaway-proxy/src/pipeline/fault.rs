//! Faults on purpose: first the delay, then the error, each with its own dice.

use std::pin::pin;

use seaway_model::Fault;
use seaway_telemetry::Flag;

use super::chance;
use super::exchange::Exchange;
use crate::error::Failure;

/// Delays and fails a request as its route asks. A client that goes away ends the wait, since the codec drops the future.
///
/// # Errors
/// The injected error, or the limit that the delay passed.
pub(crate) async fn inject(exchange: &mut Exchange, fault: &Fault) -> Result<(), Failure> {
    if let Some(delay) = &fault.delay
        && chance::roll(delay.fraction)
    {
        exchange.flag(Flag::DelayInjected);
        let wait = pin!(tokio::time::sleep(delay.duration.duration()));
        exchange.clock.limit(None, wait).await?;
        exchange.clock.moved(tokio::time::Instant::now());
    }
    match &fault.abort {
        Some(abort) if chance::roll(abort.fraction) => Err(Failure::FaultInjected {
            status: abort.status,
            grpc_status: abort.grpc_status,
        }),
        _ => Ok(()),
    }
}

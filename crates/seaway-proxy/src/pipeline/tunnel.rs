//! A connection that has left HTTP: bytes in both directions until both sides are done.
//!
//! Runs in a task of its own, because a codec gives its connection away only after the response that upgrades it. The
//! exchange goes along and keeps its downstream connection counted, so a drain waits for it; the route's time limit does
//! not, since a tunnel has no end that one could be late for. The idle limit stays. What moves the bytes is what moves
//! those of any relayed connection ([`crate::l4`]), so a tunnel without traffic has no buffers.

use std::pin::pin;
use std::sync::Arc;

use tokio::time::Instant;

use super::exchange::Exchange;
use crate::body::Transfer;
use crate::error::Failure;
use crate::l4::{Ended, Moved, Relay};
use crate::switch::{Switched, Switching};

/// Joins two connections once both are there, in the background. The exchange is recorded when it is over.
pub(crate) fn join(mut exchange: Box<Exchange>, client: Switching, upstream: Switching) {
    tokio::spawn(async move {
        // Needed for a moment only, and a tunnel may stay for days.
        match Box::pin(meet(&mut exchange, client, upstream)).await {
            Ok((client, upstream)) => relay(&mut exchange, client, upstream).await,
            Err(failure) => exchange.note(failure),
        }
        exchange.end();
    });
}

async fn meet(
    exchange: &mut Exchange,
    client: Switching,
    upstream: Switching,
) -> Result<(Switched, Switched), Failure> {
    exchange.clock.go_on_without_end(Instant::now());
    let both = async { tokio::try_join!(client, upstream) };
    let met = exchange.clock.limit(None, pin!(both)).await?;
    met.map_err(|_| Failure::ClientGone)
}

async fn relay(exchange: &mut Exchange, client: Switched, upstream: Switched) {
    let upload = Arc::new(Transfer::new(Instant::now()));
    exchange.upload = Some(Arc::clone(&upload));
    let relay = Relay::new(client, Vec::new(), upstream, exchange.clock.let_go());
    let mut before = Moved::default();
    let ended = relay.run(|moved, _| {
        // Most of what moves goes one way, and to add nothing costs as much as to add something.
        if moved.up > before.up {
            upload.add(moved.up - before.up);
        }
        exchange.count_response(moved.down - before.down);
        before = moved;
    });
    match ended.await {
        Ended::Idle => exchange.note(Failure::StreamIdle),
        // One side hanging up without a goodbye is how most tunnels end.
        Ended::Done | Ended::Downstream | Ended::Upstream => {}
    }
}

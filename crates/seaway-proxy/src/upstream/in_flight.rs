//! The guard of a request that is under way: counts it, and owns its place on a connection.

use std::future::Future;
use std::sync::Arc;

use super::cluster::Live;
use super::endpoint::EndpointState;
use super::http2::StreamGuard;
use super::pool::{self, Http1Sender};

/// A request under way. Keep it until the response's body, or the tunnel after an upgrade, has ended: when it is
/// dropped, the counters of endpoint and cluster go down and an HTTP/1.1 connection goes back to its pool.
#[derive(Debug)]
#[must_use]
pub struct InFlight {
    live: Arc<Live>,
    endpoint: Arc<EndpointState>,
    lease: Lease,
}

/// A request's place on a connection. Only held, for what happens when it is dropped.
#[derive(Debug)]
pub(super) enum Lease {
    /// No connection yet.
    None,
    /// The whole of it.
    Http1(Http1Sender),
    /// A stream of it.
    Http2(#[expect(dead_code, reason = "held for its drop")] StreamGuard),
}

impl InFlight {
    pub(super) fn begin(live: &Arc<Live>, endpoint: Arc<EndpointState>) -> Self {
        live.load.enter();
        endpoint.enter();
        Self {
            live: Arc::clone(live),
            endpoint,
            lease: Lease::None,
        }
    }

    /// Waits until no cluster lists the endpoint any more.
    pub(crate) fn endpoint_gone(&self) -> impl Future<Output = ()> + Send + 'static {
        let place = Arc::clone(&self.endpoint.place);
        async move { place.gone().await }
    }

    pub(super) fn endpoint(&self) -> &Arc<EndpointState> {
        &self.endpoint
    }

    pub(super) fn hold(&mut self, lease: Lease) {
        self.lease = lease;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.live.load.leave();
        self.endpoint.leave();
        if let Lease::Http1(sender) = std::mem::replace(&mut self.lease, Lease::None) {
            pool::give_back(&self.endpoint.place, sender);
        }
    }
}

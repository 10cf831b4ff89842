//! The guard of a request that is under way: counts it, and owns its place on a connection.

use std::future::Future;
use std::sync::Arc;

use super::cluster::{ClusterState, Live};
use super::http2::StreamGuard;
use super::members::Member;
use super::outlier::Event;
use super::pool::{self, Http1Connection};
use crate::error::{self, Failure};

/// A request under way. Keep it until the response's body, or the tunnel after an upgrade, has ended: when it is
/// dropped, the counters of endpoint and cluster go down and an HTTP/1.1 connection goes back to its pool.
#[derive(Debug)]
#[must_use]
pub struct InFlight {
    live: Arc<Live>,
    member: Arc<Member>,
    lease: Lease,
    /// Where the end of a gRPC answer, which says how it went, is still to come and matters.
    awaits_status: Option<Arc<ClusterState>>,
}

/// A request's place on a connection. Only held, for what happens when it is dropped.
#[derive(Debug)]
pub(super) enum Lease {
    /// No connection yet.
    None,
    /// The whole of it.
    Http1(Http1Connection),
    /// A stream of it.
    Http2(#[expect(dead_code, reason = "held for its drop")] StreamGuard),
}

impl InFlight {
    /// Counts a request, if so many may be under way.
    ///
    /// # Errors
    /// [`Failure::Overflow`].
    pub(super) fn begin(live: &Arc<Live>, member: Arc<Member>, limit: Option<u32>) -> Result<Self, Failure> {
        if !live.load.enter(limit) {
            return Err(Failure::Overflow);
        }
        member.state.enter();
        Ok(Self {
            live: Arc::clone(live),
            member,
            lease: Lease::None,
            awaits_status: None,
        })
    }

    /// Waits until no cluster lists the endpoint any more.
    pub(crate) fn endpoint_gone(&self) -> impl Future<Output = ()> + Send + 'static {
        let place = Arc::clone(&self.member.place);
        async move { place.gone().await }
    }

    pub(super) fn member(&self) -> &Arc<Member> {
        &self.member
    }

    pub(super) fn hold(&mut self, lease: Lease) {
        self.lease = lease;
    }

    /// The answer is judged by the gRPC status in its trailers.
    pub(super) fn await_status(&mut self, cluster: &Arc<ClusterState>) {
        self.awaits_status = Some(Arc::clone(cluster));
    }

    /// The gRPC status has come, with the trailers.
    pub(crate) fn grpc_status(&mut self, status: u16) {
        if let Some(cluster) = self.awaits_status.take() {
            let status = error::http_status(status);
            cluster.report(&self.member.state, Event::Answered(status));
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.live.load.leave();
        self.member.state.leave();
        if let Lease::Http1(connection) = std::mem::replace(&mut self.lease, Lease::None) {
            pool::give_back(&self.member.place, connection);
        }
    }
}

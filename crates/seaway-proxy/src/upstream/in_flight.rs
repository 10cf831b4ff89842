//! The guard of a request that is under way: counts it, and owns its place on an HTTP/2 connection.

use std::future::Future;
use std::sync::Arc;

use super::cluster::{ClusterState, Live};
use super::http2::StreamGuard;
use super::members::Member;
use super::outlier::Event;
use crate::error::{self, Failure};

/// A request under way. Keep it until the response's body, or the tunnel after an upgrade, has ended: when it is
/// dropped, the counters of endpoint and cluster go down. An HTTP/1.1 connection is the body's.
#[derive(Debug)]
#[must_use]
pub struct InFlight {
    live: Arc<Live>,
    member: Arc<Member>,
    stream: Option<StreamGuard>,
    /// Where the end of a gRPC answer, which says how it went, is still to come and matters.
    awaits_status: Option<Arc<ClusterState>>,
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
            stream: None,
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

    /// Holds its place on a connection that others use as well.
    pub(super) fn hold(&mut self, stream: StreamGuard) {
        self.stream = Some(stream);
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
    }
}

//! What the sink hears of a relayed connection: that it is there, now and then what it moves, and its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use seaway_model::{Cluster, L4Route};
use seaway_telemetry::{Bytes, ConnectionRecord, Flag, RequestSink, Transport};
use tokio::time::Instant;

use super::relay::Moved;
use crate::error::Failure;
use crate::worker;

/// How often bytes are told while some move; Istio's interval.
const TELLING: Duration = Duration::from_secs(15);

/// One connection's. Its end is told when it is dropped, on whatever way that comes about.
#[derive(Debug)]
pub(crate) struct Account {
    start: SystemTime,
    began: Instant,
    transport: Transport,
    listener: Arc<str>,
    server_name: Option<Arc<str>>,
    downstream: SocketAddr,
    route: Arc<L4Route>,
    cluster: Option<Arc<Cluster>>,
    upstream: Option<SocketAddr>,
    bytes: Bytes,
    told: Bytes,
    told_at: Instant,
    is_opened: bool,
    failure: Option<Failure>,
    message: Option<Arc<str>>,
}

impl Account {
    /// For a connection that has just come in.
    pub(crate) fn new(
        transport: Transport,
        listener: &Arc<str>,
        server_name: Option<&Arc<str>>,
        downstream: SocketAddr,
        route: &Arc<L4Route>,
    ) -> Self {
        let began = Instant::now();
        Self {
            start: SystemTime::now(),
            began,
            transport,
            listener: Arc::clone(listener),
            server_name: server_name.map(Arc::clone),
            downstream,
            route: Arc::clone(route),
            cluster: None,
            upstream: None,
            bytes: Bytes::default(),
            told: Bytes::default(),
            told_at: began,
            is_opened: false,
            failure: None,
            message: None,
        }
    }

    /// Which cluster it was given to.
    pub(crate) fn goes_to(&mut self, cluster: &Arc<Cluster>) {
        self.cluster = Some(Arc::clone(cluster));
    }

    /// It is known where it goes.
    pub(crate) fn opened(&mut self, upstream: SocketAddr) {
        self.upstream = Some(upstream);
        self.tell(|sink, record| sink.opened(record));
        self.is_opened = true;
    }

    /// So much has gone through so far.
    pub(crate) fn moved(&mut self, moved: Moved, now: Instant) {
        self.bytes = Bytes {
            received: moved.up,
            sent: moved.down,
        };
        if now.duration_since(self.told_at) >= TELLING {
            self.tell(|sink, record| sink.moved(record));
            self.told = self.bytes;
            self.told_at = now;
        }
    }

    /// Why it came to nothing, or was cut off.
    pub(crate) fn failed(&mut self, failure: Failure) {
        self.failure = Some(failure);
    }

    /// The same, where the configuration is at fault.
    pub(crate) fn failed_by(&mut self, failure: &seaway_model::Failure) {
        self.failure = Some(Failure::Configuration(failure.reason, failure.status));
        self.message = Some(Arc::clone(&failure.message));
    }

    fn tell(&self, event: impl FnOnce(&dyn RequestSink, &ConnectionRecord<'_>)) {
        let outcome = self.failure.map(Failure::outcome);
        let flag: Option<Flag> = outcome.and_then(|o| o.flag);
        let record = ConnectionRecord {
            start: self.start,
            duration: self.began.elapsed(),
            listener: &self.listener,
            transport: self.transport,
            server_name: self.server_name.as_deref(),
            flags: flag.as_slice(),
            reason: outcome.map(|o| o.reason),
            message: self.message.as_deref(),
            bytes: self.bytes,
            told: self.told,
            downstream: self.downstream,
            route: Some(&self.route),
            cluster: self.cluster.as_ref(),
            upstream: self.upstream,
            retries: 0,
        };
        // A thread that is no worker has no sink.
        let _heard = worker::with_sink(|sink| event(sink, &record));
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if !self.is_opened {
            self.tell(|sink, record| sink.opened(record));
        }
        self.tell(|sink, record| sink.closed(record));
    }
}

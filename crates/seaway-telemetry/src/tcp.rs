//! Istio's TCP metrics, for connections whose bytes are passed on without being read (upgrades, later TCP routes).
//!
//! A connection looks its counters up once and adds to shared atomics, which costs nothing beside a connection.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use seaway_model::Cluster;

use crate::Flag;
use crate::catalog::{
    ISTIO_TCP_CLOSED, ISTIO_TCP_LABELS, ISTIO_TCP_OPENED, ISTIO_TCP_RECEIVED_BYTES, ISTIO_TCP_SENT_BYTES,
};
use crate::exposition::Exposition;
use crate::instrument::Counter;
use crate::labels::{self, Identity};

/// The counters of one label set. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct TcpCounters {
    /// Connections opened.
    pub opened: Counter,
    /// Connections closed.
    pub closed: Counter,
    /// Bytes from the upstream to the client.
    pub sent: Counter,
    /// Bytes from the client to the upstream.
    pub received: Counter,
}

#[derive(Debug, Default)]
pub(crate) struct TcpMetrics(Mutex<BTreeMap<String, TcpCounters>>);

impl TcpMetrics {
    pub(crate) fn counters(
        &self,
        identity: &Identity,
        cluster: Option<&Cluster>,
        flags: &[Flag],
        max_series: usize,
    ) -> TcpCounters {
        let set = flags.iter().fold(0, |set, flag| set | flag.bit());
        let mut labels = labels::tcp(identity, cluster, set);
        let mut series = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if series.len() >= max_series && !series.contains_key(&labels) {
            labels = labels::overflow(ISTIO_TCP_LABELS, identity);
        }
        series.entry(labels).or_default().clone()
    }

    pub(crate) fn collect(&self, exposition: &mut Exposition) {
        let series = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (labels, counters) in &*series {
            for (metric, counter) in [
                (ISTIO_TCP_OPENED, &counters.opened),
                (ISTIO_TCP_CLOSED, &counters.closed),
                (ISTIO_TCP_SENT_BYTES, &counters.sent),
                (ISTIO_TCP_RECEIVED_BYTES, &counters.received),
            ] {
                exposition.family(metric).rendered(labels, counter.get());
            }
        }
    }
}

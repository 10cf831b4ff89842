//! Everything that is counted, in one place: made once per process, handed to workers as [`Sinks`], read by a scrape.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use seaway_model::Cluster;

use crate::access_log::AccessLog;
use crate::catalog::{
    ACCESS_LOG_DROPPED, BUILD_INFO, ISTIO_LABELS, ISTIO_REQUEST_BYTES, ISTIO_REQUEST_DURATION,
    ISTIO_REQUESTS_TOTAL, ISTIO_RESPONSE_BYTES, METRICS_OVERFLOW, METRICS_SERIES, UPSTREAM_RETRIES,
};
use crate::exposition::{Exposition, Format};
use crate::labels::{self, Identity};
use crate::process;
use crate::registry::{Registry, Sum};
use crate::series::{BOUNDS, HistogramTotals};
use crate::status::{ConfigStatus, Reload};
use crate::tcp::{TcpCounters, TcpMetrics};
use crate::worker::WorkerSink;
use crate::{Flag, RequestSink, Sinks};

/// Settings.
#[derive(Debug)]
pub struct Config {
    /// Of the binary.
    pub version: Arc<str>,
    /// Who the gateway is.
    pub identity: Identity,
    /// Most label sets of Istio's metrics. Each costs about half a kilobyte a worker, and some fifty kilobytes of a
    /// scrape.
    pub max_series: usize,
    /// Where requests are logged; `None` for nowhere.
    pub access_log: Option<AccessLog>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            identity: Identity::default(),
            max_series: 10_000,
            access_log: None,
        }
    }
}

/// Adds to a scrape what is only known while it is made.
pub type Collector = Box<dyn Fn(&mut Exposition) + Send + Sync>;

type SharedCollector = Arc<dyn Fn(&mut Exposition) + Send + Sync>;

/// Metrics and the access log of one process.
pub struct Telemetry {
    version: Arc<str>,
    identity: Arc<Identity>,
    max_series: usize,
    registry: Arc<Registry>,
    tcp: TcpMetrics,
    config: ConfigStatus,
    collectors: Mutex<Vec<SharedCollector>>,
    access_log: Option<AccessLog>,
}

impl Telemetry {
    /// Ready to count.
    #[must_use]
    pub fn new(config: Config) -> Arc<Self> {
        let Config {
            version,
            identity,
            max_series,
            access_log,
        } = config;
        let overflow = labels::overflow(ISTIO_LABELS, &identity);
        Arc::new(Self {
            version,
            identity: Arc::new(identity),
            max_series,
            registry: Arc::new(Registry::new(max_series, overflow)),
            tcp: TcpMetrics::default(),
            config: ConfigStatus::default(),
            collectors: Mutex::default(),
            access_log,
        })
    }

    /// The counters of connections to a cluster whose bytes are passed on unread. `flags` is empty for a connection
    /// that is opened; one that is closed may have some.
    #[must_use]
    pub fn tcp(&self, cluster: Option<&Cluster>, flags: &[Flag]) -> TcpCounters {
        self.tcp.counters(&self.identity, cluster, flags, self.max_series)
    }

    /// Remembers how a reading of the configuration went.
    pub fn reloaded(&self, reload: Reload) {
        self.config.set(reload);
    }

    /// Calls `collector` at every scrape. It may add samples to any family, also to one that is here.
    pub fn register(&self, collector: Collector) {
        self.collectors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::from(collector));
    }

    /// A scrape.
    #[must_use]
    pub fn render(&self, format: Format) -> String {
        let mut exposition = Exposition::new(format);
        self.collect_requests(&mut exposition);
        self.tcp.collect(&mut exposition);
        exposition.family(BUILD_INFO).sample(&[&self.version], 1_u64);
        self.config.collect(&mut exposition);
        if let Some(log) = &self.access_log {
            let (full, write) = log.dropped();
            let mut dropped = exposition.family(ACCESS_LOG_DROPPED);
            dropped.sample(&["full"], full);
            dropped.sample(&["write"], write);
        }
        process::collect(&mut exposition);
        // Called without the lock, so that a collector may register another.
        let collectors = self
            .collectors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for collector in collectors {
            collector(&mut exposition);
        }
        exposition.finish()
    }

    /// Writes what the access log still holds. Call it when no worker is left; lines that come later are lost, and
    /// counted.
    pub fn shutdown(&self) {
        if let Some(log) = &self.access_log {
            log.shutdown();
        }
    }

    fn collect_requests(&self, exposition: &mut Exposition) {
        let Sum {
            series,
            retries,
            overflow,
        } = self.registry.sum();
        exposition.family(UPSTREAM_RETRIES).sample(&[], retries);
        exposition.family(METRICS_OVERFLOW).sample(&[], overflow);
        exposition.family(METRICS_SERIES).sample(&[], series.len() as u64);
        for (labels, totals) in &series {
            exposition
                .family(ISTIO_REQUESTS_TOTAL)
                .rendered(labels, totals.requests());
            for (metric, histogram, divisor) in [
                (ISTIO_REQUEST_DURATION, &totals.duration, 1000.0),
                (ISTIO_REQUEST_BYTES, &totals.request_bytes, 1.0),
                (ISTIO_RESPONSE_BYTES, &totals.response_bytes, 1.0),
            ] {
                let HistogramTotals { buckets, sum } = histogram;
                #[expect(clippy::cast_precision_loss, reason = "both formats know floats only")]
                let sum = *sum as f64 / divisor;
                exposition.family(metric).histogram(labels, &BOUNDS, buckets, sum);
            }
        }
    }
}

impl Sinks for Telemetry {
    fn sink(&self, _worker: usize) -> Box<dyn RequestSink> {
        Box::new(WorkerSink::new(
            Arc::clone(&self.registry),
            Arc::clone(&self.identity),
            self.access_log.as_ref().map(AccessLog::lane),
        ))
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry")
            .field("version", &self.version)
            .field("identity", &self.identity)
            .field("access_log", &self.access_log)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! Everything that is counted, in one place: made once per process, handed to workers as [`Sinks`], read by a scrape.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::access_log::AccessLog;
use crate::catalog::{
    ACCESS_LOG_DROPPED, BUILD_INFO, ISTIO_REQUEST_BYTES, ISTIO_REQUEST_DURATION, ISTIO_REQUESTS_TOTAL,
    ISTIO_RESPONSE_BYTES, ISTIO_TCP_CLOSED, ISTIO_TCP_OPENED, ISTIO_TCP_RECEIVED_BYTES, ISTIO_TCP_SENT_BYTES,
    METRICS_OVERFLOW, METRICS_SERIES, UPSTREAM_RETRIES,
};
use crate::exposition::{Exposition, Format};
use crate::labels::Identity;
use crate::process;
use crate::registry::{Registries, Sum};
use crate::series::{BOUNDS, HistogramSums, HistogramTotals, RequestSums, TcpSums};
use crate::status::{ConfigStatus, Reload};
use crate::worker::WorkerSink;
use crate::{RequestSink, Sinks};

/// Of a scrape, by default. What scrapes gives up at some size, and a gateway must not need hundreds of megabytes to
/// say how it is.
pub(crate) const SCRAPE_BYTES: usize = 48 << 20;

/// Settings.
#[derive(Debug)]
pub struct Config {
    /// Of the binary.
    pub version: Arc<str>,
    /// Who the gateway is.
    pub identity: Identity,
    /// How long the text of a scrape may become, in bytes, for Istio's metrics. Three quarters are for histograms, of
    /// which one label set takes some fifty kilobytes; a sixth is for the counter of requests, one kilobyte each.
    pub scrape_bytes: usize,
    /// Where requests are logged; `None` for nowhere.
    pub access_log: Option<AccessLog>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            identity: Identity::default(),
            scrape_bytes: SCRAPE_BYTES,
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
    registries: Arc<Registries>,
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
            scrape_bytes,
            access_log,
        } = config;
        let registries = Registries::new(scrape_bytes, &identity);
        Arc::new(Self {
            version,
            identity: Arc::new(identity),
            registries: Arc::new(registries),
            config: ConfigStatus::default(),
            collectors: Mutex::default(),
            access_log,
        })
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
        self.collect_histograms(&mut exposition);
        self.collect_tcp(&mut exposition);
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
        let sum = self.registries.requests.sum();
        collect_limits(exposition, "requests", &sum);
        let mut all_retries = 0_u64;
        for (labels, RequestSums { requests, retries }) in &sum.series {
            exposition
                .family(ISTIO_REQUESTS_TOTAL)
                .rendered(labels, *requests);
            all_retries = all_retries.wrapping_add(*retries);
        }
        exposition.family(UPSTREAM_RETRIES).sample(&[], all_retries);
    }

    fn collect_histograms(&self, exposition: &mut Exposition) {
        let sum = self.registries.histograms.sum();
        collect_limits(exposition, "histograms", &sum);
        for (labels, totals) in &sum.series {
            let HistogramSums {
                duration,
                request_bytes,
                response_bytes,
            } = totals;
            for (metric, histogram, divisor) in [
                (ISTIO_REQUEST_DURATION, duration, 1000.0),
                (ISTIO_REQUEST_BYTES, request_bytes, 1.0),
                (ISTIO_RESPONSE_BYTES, response_bytes, 1.0),
            ] {
                let HistogramTotals { buckets, sum } = histogram;
                #[expect(clippy::cast_precision_loss, reason = "both formats know floats only")]
                let sum = *sum as f64 / divisor;
                exposition.family(metric).histogram(labels, &BOUNDS, buckets, sum);
            }
        }
    }

    fn collect_tcp(&self, exposition: &mut Exposition) {
        let sum = self.registries.tcp.sum();
        collect_limits(exposition, "tcp", &sum);
        for (labels, totals) in &sum.series {
            let TcpSums {
                opened,
                closed,
                sent,
                received,
            } = *totals;
            for (metric, count) in [
                (ISTIO_TCP_OPENED, opened),
                (ISTIO_TCP_CLOSED, closed),
                (ISTIO_TCP_SENT_BYTES, sent),
                (ISTIO_TCP_RECEIVED_BYTES, received),
            ] {
                exposition.family(metric).rendered(labels, count);
            }
        }
    }
}

fn collect_limits<T>(exposition: &mut Exposition, of: &str, sum: &Sum<T>) {
    exposition
        .family(METRICS_SERIES)
        .sample(&[of], sum.series.len() as u64);
    exposition.family(METRICS_OVERFLOW).sample(&[of], sum.overflow);
}

impl Sinks for Telemetry {
    fn sink(&self, _worker: usize) -> Box<dyn RequestSink> {
        Box::new(WorkerSink::new(
            Arc::clone(&self.registries),
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

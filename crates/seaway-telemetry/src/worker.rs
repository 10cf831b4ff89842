//! The sink of one worker thread: the hot path of telemetry.
//!
//! For a request of a kind that this worker has met before: one small hash look-up, seven additions to memory that only
//! this thread writes, and a line of the access log where that is on. No lock, no allocation.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use rustc_hash::FxHashMap;
use seaway_model::Cluster;

use crate::access_log::LogLane;
use crate::labels::{self, Identity};
use crate::registry::Registries;
use crate::series::{ConnectionKey, HistogramSeries, Key, RequestSeries, TcpSeries};
use crate::{ConnectionRecord, RequestRecord, RequestSink, Transport};

/// Below so many kinds of requests nothing is swept.
const SWEEP_FROM: usize = 256;
/// The status of a connection that has left HTTP: its record comes when it is over, with the bytes of both directions.
const SWITCHING_PROTOCOLS: u16 = 101;

/// One per worker thread.
pub(crate) struct WorkerSink {
    registries: Arc<Registries>,
    identity: Arc<Identity>,
    shards: Shards,
    known: RefCell<Known>,
    relayed: RefCell<Relayed>,
    log: Option<LogLane>,
}

/// This worker's shard of each registry.
struct Shards {
    requests: u64,
    histograms: u64,
    tcp: u64,
}

/// The kinds of requests that this worker has met.
struct Known {
    series: FxHashMap<Key, Member>,
    /// Sweep when there are so many.
    sweep_at: usize,
}

/// The kinds of relayed connections that this worker has met.
struct Relayed {
    series: FxHashMap<ConnectionKey, (Arc<TcpSeries>, Option<Weak<Cluster>>)>,
    /// Sweep when there are so many.
    sweep_at: usize,
}

struct Member {
    requests: Arc<RequestSeries>,
    histograms: Arc<HistogramSeries>,
    /// For connections that have left HTTP.
    tcp: Option<Arc<TcpSeries>>,
    /// Keeps the cluster's address from being used again, but not the cluster. `None` for requests without a cluster.
    cluster: Option<Weak<Cluster>>,
}

impl Member {
    fn observe(&self, record: &RequestRecord<'_>) {
        self.requests.observe(record);
        self.histograms.observe(record);
        if let Some(tcp) = &self.tcp {
            tcp.observe(record);
        }
    }
}

impl WorkerSink {
    pub(crate) fn new(registries: Arc<Registries>, identity: Arc<Identity>, log: Option<LogLane>) -> Self {
        let shards = Shards {
            requests: registries.requests.open_shard(),
            histograms: registries.histograms.open_shard(),
            tcp: registries.tcp.open_shard(),
        };
        Self {
            registries,
            identity,
            shards,
            known: RefCell::new(Known {
                series: FxHashMap::default(),
                sweep_at: SWEEP_FROM,
            }),
            relayed: RefCell::new(Relayed {
                series: FxHashMap::default(),
                sweep_at: SWEEP_FROM,
            }),
            log,
        }
    }

    fn count(&self, record: &RequestRecord<'_>) {
        let key = Key::of(record);
        let mut known = self.known.borrow_mut();
        if let Some(member) = known.series.get(&key) {
            member.observe(record);
        } else {
            let member = self.meet(&key, record);
            member.observe(record);
            known.sweep();
            known.series.insert(key, member);
        }
    }

    /// The counters of a relayed connection's kind.
    fn connections(&self, record: &ConnectionRecord<'_>) -> Arc<TcpSeries> {
        let key = ConnectionKey::of(record);
        let mut relayed = self.relayed.borrow_mut();
        if let Some((series, _)) = relayed.series.get(&key) {
            return Arc::clone(series);
        }
        let cluster = record.cluster.map(|c| &**c);
        let labels = labels::tcp(&self.identity, cluster, key.transport, key.flags);
        let series = self.registries.tcp.series(self.shards.tcp, &labels);
        relayed.sweep();
        let kept = record.cluster.map(Arc::downgrade);
        relayed.series.insert(key, (Arc::clone(&series), kept));
        series
    }

    /// The first request of its kind.
    #[cold]
    fn meet(&self, key: &Key, record: &RequestRecord<'_>) -> Member {
        let cluster = record.cluster.map(|c| &**c);
        let labels = labels::http(&self.identity, cluster, key);
        let tcp = (key.status == SWITCHING_PROTOCOLS).then(|| {
            let labels = labels::tcp(&self.identity, cluster, Transport::Tcp, key.flags);
            self.registries.tcp.series(self.shards.tcp, &labels)
        });
        Member {
            requests: self.registries.requests.series(self.shards.requests, &labels),
            histograms: self.registries.histograms.series(self.shards.histograms, &labels),
            tcp,
            cluster: record.cluster.map(Arc::downgrade),
        }
    }
}

impl Known {
    /// Forgets clusters that are gone, now and then, so that reloads do not pile up. Their counts stay in the registry.
    fn sweep(&mut self) {
        if self.series.len() < self.sweep_at {
            return;
        }
        self.series
            .retain(|_, member| member.cluster.as_ref().is_none_or(|c| c.strong_count() > 0));
        self.sweep_at = (self.series.len() * 2).max(SWEEP_FROM);
    }
}

impl Relayed {
    /// As [`Known::sweep`].
    fn sweep(&mut self) {
        if self.series.len() < self.sweep_at {
            return;
        }
        self.series
            .retain(|_, (_, cluster)| cluster.as_ref().is_none_or(|c| c.strong_count() > 0));
        self.sweep_at = (self.series.len() * 2).max(SWEEP_FROM);
    }
}

impl RequestSink for WorkerSink {
    fn logs(&self) -> bool {
        self.log.is_some()
    }

    fn record(&self, record: &RequestRecord<'_>) {
        self.count(record);
        if let Some(log) = &self.log {
            log.write(record);
        }
    }

    fn opened(&self, record: &ConnectionRecord<'_>) {
        self.connections(record).open();
    }

    fn moved(&self, record: &ConnectionRecord<'_>) {
        self.connections(record).pass(record.news());
    }

    fn closed(&self, record: &ConnectionRecord<'_>) {
        let series = self.connections(record);
        series.pass(record.news());
        series.close();
        if let Some(log) = &self.log {
            log.write(record);
        }
    }
}

impl Drop for WorkerSink {
    fn drop(&mut self) {
        let Shards {
            requests,
            histograms,
            tcp,
        } = self.shards;
        self.registries.requests.close_shard(requests);
        self.registries.histograms.close_shard(histograms);
        self.registries.tcp.close_shard(tcp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Series;
    use crate::{Bytes, Flag, fixture};

    fn sink(registries: &Arc<Registries>) -> WorkerSink {
        WorkerSink::new(Arc::clone(registries), Arc::default(), None)
    }

    fn registries() -> Arc<Registries> {
        Arc::new(Registries::new(usize::MAX, &Identity::default()))
    }

    fn statuses(sink: &WorkerSink, statuses: std::ops::Range<u16>) {
        for status in statuses {
            sink.record(&RequestRecord {
                status,
                ..fixture::record()
            });
        }
    }

    #[test]
    fn shards_are_summed() {
        let registries = registries();
        let (one, two) = (sink(&registries), sink(&registries));
        one.record(&fixture::record());
        two.record(&fixture::record());
        two.record(&fixture::record());
        let sum = registries.requests.sum();
        assert_eq!(sum.series.len(), 1);
        assert_eq!(sum.series[0].1.requests, 3);
        let sum = registries.histograms.sum();
        assert_eq!(HistogramSeries::count(&sum.series[0].1), 3);
    }

    #[test]
    fn the_counts_of_a_worker_outlive_it() {
        let registries = registries();
        let worker = sink(&registries);
        worker.record(&RequestRecord {
            retries: 2,
            status: 101,
            ..fixture::record()
        });
        drop(worker);
        let sum = registries.requests.sum();
        assert_eq!((sum.series[0].1.requests, sum.series[0].1.retries), (1, 2));
        assert_eq!(
            HistogramSeries::count(&registries.histograms.sum().series[0].1),
            1
        );
        assert_eq!(registries.tcp.sum().series[0].1.closed, 1);
    }

    #[test]
    fn connections_that_left_http_are_counted_with_their_bytes() {
        let registries = registries();
        let (one, two) = (sink(&registries), sink(&registries));
        for (sink, received, sent) in [(&one, 3, 40), (&two, 5, 60)] {
            sink.record(&RequestRecord {
                status: 101,
                request_bytes: received,
                response_bytes: sent,
                ..fixture::record()
            });
        }
        one.record(&fixture::record());
        let sum = registries.tcp.sum();
        assert_eq!(sum.series.len(), 1);
        let (labels, totals) = &sum.series[0];
        assert_eq!((totals.opened, totals.closed), (2, 2));
        assert_eq!((totals.received, totals.sent), (8, 100));
        assert!(labels.contains("request_protocol=\"tcp\""), "{labels}");
    }

    #[test]
    fn a_relayed_connection_is_seen_while_it_lives() {
        let registries = registries();
        let sink = sink(&registries);
        let cluster = fixture::service_cluster("db", "store", None);
        let at = |bytes, told| ConnectionRecord {
            cluster: Some(&cluster),
            bytes: Bytes {
                received: bytes,
                sent: 10 * bytes,
            },
            told: Bytes {
                received: told,
                sent: 10 * told,
            },
            ..fixture::connection()
        };
        let totals = || {
            let totals = registries.tcp.sum().series[0].1.clone();
            (totals.opened, totals.closed, totals.received, totals.sent)
        };
        sink.opened(&at(0, 0));
        assert_eq!(totals(), (1, 0, 0, 0));
        sink.moved(&at(5, 0));
        assert_eq!(totals(), (1, 0, 5, 50));
        sink.closed(&at(7, 5));
        assert_eq!(totals(), (1, 1, 7, 70));
        assert_eq!(registries.tcp.sum().series.len(), 1);
    }

    #[test]
    fn connections_are_told_apart_by_transport_flags_and_cluster() {
        let registries = registries();
        let sink = sink(&registries);
        let clusters = ["a", "b"].map(|name| fixture::service_cluster(name, "ns", None));
        for cluster in &clusters {
            for transport in [Transport::Tcp, Transport::Udp] {
                for flags in [&[][..], &[Flag::UpstreamConnectionFailure]] {
                    sink.closed(&ConnectionRecord {
                        cluster: Some(cluster),
                        transport,
                        flags,
                        ..fixture::connection()
                    });
                }
            }
        }
        let sum = registries.tcp.sum();
        assert_eq!(sum.series.len(), 8);
        assert!(sum.series.iter().all(|(_, totals)| totals.closed == 1));
        let count = |part: &str| {
            sum.series
                .iter()
                .filter(|(labels, _)| labels.contains(part))
                .count()
        };
        assert_eq!(count("request_protocol=\"udp\""), 4);
        assert_eq!(count("response_flags=\"UF\""), 4);
        assert_eq!(count("destination_service=\"a.ns.svc.cluster.local\""), 4);
    }

    #[test]
    fn label_sets_beyond_the_limit_share_one_series_and_are_counted() {
        let registries = Arc::new(Registries::new(12 * 2000, &Identity::default()));
        let sink = sink(&registries);
        statuses(&sink, 200..210);
        let sum = registries.requests.sum();
        let own = sum.series.len() - 1;
        assert!((1..10).contains(&own), "{own} of 10");
        assert_eq!(sum.overflow, 10 - own as u64);
    }

    #[test]
    fn requests_are_told_apart_when_histograms_no_longer_are() {
        let registries = Arc::new(Registries::new(200_000, &Identity::default()));
        let sink = sink(&registries);
        statuses(&sink, 200..210);
        assert_eq!(registries.requests.sum().series.len(), 10);
        let histograms = registries.histograms.sum();
        assert!(histograms.overflow > 0, "{}", histograms.overflow);
    }

    #[test]
    fn a_cluster_at_the_address_of_a_dead_one_is_not_taken_for_it() {
        let registries = registries();
        let sink = sink(&registries);
        for i in 0..1000 {
            let cluster = fixture::service_cluster(&format!("s{i}"), "ns", None);
            sink.record(&RequestRecord {
                cluster: Some(&cluster),
                ..fixture::record()
            });
        }
        let sum = registries.requests.sum();
        assert_eq!(sum.series.len(), 1000);
        assert!(sum.series.iter().all(|(_, totals)| totals.requests == 1));
    }

    #[test]
    fn reloads_do_not_pile_up_in_a_worker() {
        let registries = registries();
        let sink = sink(&registries);
        for _ in 0..10_000 {
            let cluster = fixture::service_cluster("shop", "ns", None);
            sink.record(&RequestRecord {
                cluster: Some(&cluster),
                ..fixture::record()
            });
        }
        assert!(sink.known.borrow().series.len() <= SWEEP_FROM);
        let sum = registries.requests.sum();
        assert_eq!((sum.series.len(), sum.series[0].1.requests), (1, 10_000));
    }
}

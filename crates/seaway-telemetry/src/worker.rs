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
use crate::registry::Registry;
use crate::series::{Cell, Key, RequestSeries};
use crate::{RequestRecord, RequestSink};

/// Below so many kinds of requests nothing is swept.
const SWEEP_FROM: usize = 256;

/// One per worker thread.
pub(crate) struct WorkerSink {
    registry: Arc<Registry>,
    identity: Arc<Identity>,
    shard: u64,
    retries: Arc<Cell>,
    known: RefCell<Known>,
    log: Option<LogLane>,
}

/// The kinds of requests that this worker has met.
struct Known {
    series: FxHashMap<Key, Member>,
    /// Sweep when there are so many.
    sweep_at: usize,
}

struct Member {
    series: Arc<RequestSeries>,
    /// Keeps the cluster's address from being used again, but not the cluster. `None` for requests without a cluster.
    cluster: Option<Weak<Cluster>>,
}

impl WorkerSink {
    pub(crate) fn new(registry: Arc<Registry>, identity: Arc<Identity>, log: Option<LogLane>) -> Self {
        let (shard, retries) = registry.open_shard();
        Self {
            registry,
            identity,
            shard,
            retries,
            known: RefCell::new(Known {
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
            member.series.observe(record);
        } else {
            let series = self.meet(&mut known, key, record);
            series.observe(record);
        }
        if record.retries > 0 {
            self.retries.add(u64::from(record.retries));
        }
    }

    /// The first request of its kind.
    #[cold]
    fn meet(&self, known: &mut Known, key: Key, record: &RequestRecord<'_>) -> Arc<RequestSeries> {
        known.sweep();
        let labels = labels::http(&self.identity, record.cluster.map(|c| &**c), &key);
        let series = self.registry.series(self.shard, labels);
        let member = Member {
            series: Arc::clone(&series),
            cluster: record.cluster.map(Arc::downgrade),
        };
        known.series.insert(key, member);
        series
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

impl RequestSink for WorkerSink {
    fn record(&self, record: &RequestRecord<'_>) {
        self.count(record);
        if let Some(log) = &self.log {
            log.write(record);
        }
    }
}

impl Drop for WorkerSink {
    fn drop(&mut self) {
        self.registry.close_shard(self.shard);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn sink(registry: &Arc<Registry>) -> WorkerSink {
        WorkerSink::new(Arc::clone(registry), Arc::default(), None)
    }

    fn registry(max: usize) -> Arc<Registry> {
        Arc::new(Registry::new(max, "overflow".into()))
    }

    #[test]
    fn shards_are_summed() {
        let registry = registry(10);
        let (one, two) = (sink(&registry), sink(&registry));
        one.record(&fixture::record());
        two.record(&fixture::record());
        two.record(&fixture::record());
        let sum = registry.sum();
        assert_eq!(sum.series.len(), 1);
        assert_eq!(sum.series[0].1.requests(), 3);
    }

    #[test]
    fn the_counts_of_a_worker_outlive_it() {
        let registry = registry(10);
        let worker = sink(&registry);
        worker.record(&RequestRecord {
            retries: 2,
            ..fixture::record()
        });
        drop(worker);
        let sum = registry.sum();
        assert_eq!((sum.series[0].1.requests(), sum.retries), (1, 2));
    }

    #[test]
    fn label_sets_beyond_the_limit_share_one_series_and_are_counted() {
        let registry = registry(2);
        let sink = sink(&registry);
        for status in 200..210 {
            sink.record(&RequestRecord {
                status,
                ..fixture::record()
            });
        }
        let sum = registry.sum();
        assert_eq!((sum.series.len(), sum.overflow), (3, 8));
    }

    #[test]
    fn a_cluster_at_the_address_of_a_dead_one_is_not_taken_for_it() {
        let registry = registry(10_000);
        let sink = sink(&registry);
        for i in 0..1000 {
            let cluster = fixture::service_cluster(&format!("s{i}"), "ns", None);
            sink.record(&RequestRecord {
                cluster: Some(&cluster),
                ..fixture::record()
            });
        }
        let sum = registry.sum();
        assert_eq!(sum.series.len(), 1000);
        assert!(sum.series.iter().all(|(_, totals)| totals.requests() == 1));
    }

    #[test]
    fn reloads_do_not_pile_up_in_a_worker() {
        let registry = registry(10_000);
        let sink = sink(&registry);
        for _ in 0..10_000 {
            let cluster = fixture::service_cluster("shop", "ns", None);
            sink.record(&RequestRecord {
                cluster: Some(&cluster),
                ..fixture::record()
            });
        }
        assert!(sink.known.borrow().series.len() <= SWEEP_FROM);
        let sum = registry.sum();
        assert_eq!((sum.series.len(), sum.series[0].1.requests()), (1, 10_000));
    }
}

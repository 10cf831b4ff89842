//! Counters and gauges for what happens per connection or less often.
//!
//! They are plain shared atomics: a connection costs far more than the cache line that two workers may share here.
//! What happens per request is counted in shards instead, see [`crate::Sinks`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::catalog::Metric;
use crate::exposition::{Exposition, Value};

/// Most label sets of one family; the next ones share a series whose label values are all `overflow`.
const MAX_LABEL_SETS: usize = 10_000;

/// The label value of what no longer got a series of its own.
pub(crate) const OVERFLOW: &str = "overflow";

/// Only grows. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// One more.
    pub fn inc(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The count.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Goes up and down. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Gauge {
    /// One more.
    pub fn inc(&self) {
        self.add(1);
    }

    /// One less.
    pub fn dec(&self) {
        self.add(-1);
    }

    /// So many more, or less.
    pub fn add(&self, n: i64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Exactly so many.
    pub fn set(&self, n: i64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// How many now.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// One more, until the guard is dropped.
    #[must_use]
    pub fn track(&self) -> GaugeGuard {
        self.inc();
        GaugeGuard(self.clone())
    }
}

/// Counts one in a gauge for as long as it lives.
#[derive(Debug)]
pub struct GaugeGuard(Gauge);

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// What a family can be made of.
pub trait Instrument: Clone + Default {
    /// As a sample.
    fn value(&self) -> Value;
}

impl Instrument for Counter {
    fn value(&self) -> Value {
        Value::Count(self.get())
    }
}

impl Instrument for Gauge {
    fn value(&self) -> Value {
        Value::Whole(self.get())
    }
}

/// A metric with labels: one instrument for each set of label values.
#[derive(Debug)]
pub struct Family<I, const N: usize> {
    metric: &'static Metric,
    members: Mutex<BTreeMap<[Arc<str>; N], I>>,
}

impl<I: Instrument, const N: usize> Family<I, N> {
    /// Without members. The metric must have `N` labels.
    #[must_use]
    pub fn new(metric: &'static Metric) -> Self {
        debug_assert_eq!(metric.labels.len(), N, "{}", metric.name);
        Self {
            metric,
            members: Mutex::new(BTreeMap::new()),
        }
    }

    /// The instrument for these label values, made if it is not there. Takes a lock: keep what it returns.
    pub fn with(&self, values: [&str; N]) -> I {
        let mut members = self.lock();
        let key = values.map(Arc::from);
        if members.len() >= MAX_LABEL_SETS && !members.contains_key(&key) {
            return members.entry([OVERFLOW; N].map(Arc::from)).or_default().clone();
        }
        members.entry(key).or_default().clone()
    }

    /// Forgets the members for which `keep` is false: what they were about is gone.
    pub fn retain(&self, mut keep: impl FnMut(&[Arc<str>; N]) -> bool) {
        self.lock().retain(|labels, _| keep(labels));
    }

    /// Adds every member to a scrape.
    pub fn collect(&self, exposition: &mut Exposition) {
        let mut samples = exposition.family(self.metric);
        for (labels, instrument) in self.lock().iter() {
            let labels: [&str; N] = std::array::from_fn(|i| labels.get(i).map_or("", |l| &**l));
            samples.sample(&labels, instrument.value());
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<[Arc<str>; N], I>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{DOWNSTREAM_REFUSED, Kind};
    use crate::exposition::Format;

    #[test]
    fn the_same_labels_are_the_same_counter() {
        let family: Family<Counter, 1> = Family::new(DOWNSTREAM_REFUSED);
        family.with(["a"]).inc();
        family.with(["a"]).add(2);
        assert_eq!(family.with(["a"]).get(), 3);
    }

    #[test]
    fn a_tracked_gauge_falls_when_the_guard_goes() {
        let gauge = Gauge::default();
        let guard = gauge.track();
        assert_eq!(gauge.get(), 1);
        drop(guard);
        assert_eq!(gauge.get(), 0);
    }

    #[test]
    fn a_family_keeps_a_bounded_number_of_label_sets_and_loses_no_count() {
        let family: Family<Counter, 1> = Family::new(DOWNSTREAM_REFUSED);
        for i in 0..MAX_LABEL_SETS + 5 {
            family.with([&i.to_string()]).inc();
        }
        assert_eq!(family.lock().len(), MAX_LABEL_SETS + 1);
        assert_eq!(family.with([OVERFLOW]).get(), 5);
    }

    #[test]
    fn a_member_that_is_not_kept_leaves_the_scrape() {
        assert_eq!(DOWNSTREAM_REFUSED.kind, Kind::Counter);
        let family: Family<Counter, 1> = Family::new(DOWNSTREAM_REFUSED);
        family.with(["gone"]).inc();
        family.with(["kept"]).inc();
        family.retain(|[reason]| &**reason == "kept");
        let mut exposition = Exposition::new(Format::Prometheus);
        family.collect(&mut exposition);
        let text = exposition.finish();
        assert!(text.contains("kept") && !text.contains("gone"), "{text}");
    }
}

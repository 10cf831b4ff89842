//! Which label sets there are, and which shard counts which of them.
//!
//! One lock, taken when a worker meets a label set for the first time, when a worker ends, and by the reader while it
//! sums. A worker that has met a label set keeps the way to its counters and never comes here again.
//!
//! What is bounded is the size of the text that a scrape becomes, not a number of label sets: names differ in length,
//! and a histogram takes sixty-six times the room of a counter. So histograms have a budget of their own, and when it is
//! spent the counters of requests still tell label sets apart.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::catalog::{ISTIO_LABELS, ISTIO_TCP_LABELS};
use crate::labels::{self, Identity};
use crate::series::{HistogramSeries, RequestSeries, Series, TcpSeries};

/// The series of what no longer gets one of its own. Always there, shown only when it has counted something.
const OVERFLOW: usize = 0;
/// The shard that keeps the counts of workers that are gone.
const RETIRED: u64 = 0;
/// What a line has besides its labels: the longest name of a metric, the bucket, the value.
const LINE_OVERHEAD: usize = 80;

/// Everything that is counted for each request.
#[derive(Debug)]
pub(crate) struct Registries {
    pub(crate) requests: Registry<RequestSeries>,
    pub(crate) histograms: Registry<HistogramSeries>,
    pub(crate) tcp: Registry<TcpSeries>,
}

impl Registries {
    /// A scrape of all of them has at most about so many bytes.
    pub(crate) fn new(scrape_bytes: usize, identity: &Identity) -> Self {
        let http = || labels::overflow(ISTIO_LABELS, identity);
        Self {
            requests: Registry::new(scrape_bytes / 12 * 2, http()),
            histograms: Registry::new(scrape_bytes / 12 * 9, http()),
            tcp: Registry::new(scrape_bytes / 12, labels::overflow(ISTIO_TCP_LABELS, identity)),
        }
    }
}

/// All label sets and all shards.
#[derive(Debug)]
pub(crate) struct Registry<S> {
    max_bytes: usize,
    state: Mutex<State<S>>,
}

#[derive(Debug)]
struct State<S> {
    /// By rendered labels.
    ids: HashMap<Arc<str>, usize>,
    /// By id.
    labels: Vec<Arc<str>>,
    /// Of a scrape.
    bytes: usize,
    shards: BTreeMap<u64, Shard<S>>,
    next_shard: u64,
}

type Shard<S> = BTreeMap<usize, Arc<S>>;

/// What all shards together have counted.
#[derive(Debug)]
pub(crate) struct Sum<T> {
    /// Labels and counts, in the order in which the label sets appeared.
    pub(crate) series: Vec<(Arc<str>, T)>,
    /// What the overflow series has counted.
    pub(crate) overflow: u64,
}

impl<S: Series> Registry<S> {
    /// Label sets for at most so many bytes of a scrape.
    pub(crate) fn new(max_bytes: usize, overflow_labels: String) -> Self {
        let overflow: Arc<str> = overflow_labels.into();
        Self {
            max_bytes,
            state: Mutex::new(State {
                ids: HashMap::new(),
                bytes: bytes::<S>(&overflow),
                labels: vec![overflow],
                shards: BTreeMap::from([(RETIRED, Shard::new())]),
                next_shard: RETIRED + 1,
            }),
        }
    }

    /// A new shard.
    pub(crate) fn open_shard(&self) -> u64 {
        let mut state = self.lock();
        let id = state.next_shard;
        state.next_shard += 1;
        state.shards.insert(id, Shard::new());
        id
    }

    /// Moves a shard's counts to the retired one. Its worker must not count any more.
    pub(crate) fn close_shard(&self, id: u64) {
        let mut state = self.lock();
        let Some(closed) = state.shards.remove(&id) else {
            return;
        };
        let retired = state.shards.entry(RETIRED).or_default();
        for (id, series) in closed {
            retired.entry(id).or_default().absorb(&series);
        }
    }

    /// The counters of a label set in a shard; those of the overflow series when there are too many.
    pub(crate) fn series(&self, shard: u64, labels: &str) -> Arc<S> {
        let mut state = self.lock();
        let bytes = state.bytes + bytes::<S>(labels);
        let id = match state.ids.get(labels) {
            Some(id) => *id,
            None if bytes > self.max_bytes => OVERFLOW,
            None => {
                let labels: Arc<str> = labels.into();
                let id = state.labels.len();
                state.labels.push(Arc::clone(&labels));
                state.ids.insert(labels, id);
                state.bytes = bytes;
                id
            }
        };
        let shard = state.shards.entry(shard).or_default();
        Arc::clone(shard.entry(id).or_default())
    }

    /// Sums every shard.
    pub(crate) fn sum(&self) -> Sum<S::Totals> {
        let state = self.lock();
        let mut totals = vec![S::Totals::default(); state.labels.len()];
        for (id, series) in state.shards.values().flatten() {
            if let Some(total) = totals.get_mut(*id) {
                series.add_to(total);
            }
        }
        let overflow = totals.get(OVERFLOW).map_or(0, S::count);
        let series = state
            .labels
            .iter()
            .cloned()
            .zip(totals)
            .filter(|(_, totals)| S::count(totals) > 0)
            .collect();
        Sum { series, overflow }
    }

    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a label set takes of a scrape.
fn bytes<S: Series>(labels: &str) -> usize {
    S::LINES * (labels.len() + LINE_OVERHEAD)
}

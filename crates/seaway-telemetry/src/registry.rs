//! Which label sets there are, and which shard counts which of them.
//!
//! One lock, taken when a worker meets a label set for the first time, when a worker ends, and by the reader while it
//! sums. A worker that has met a label set keeps the way to its counters and never comes here again.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::series::{Cell, RequestSeries, Totals};

/// The series of what no longer gets one of its own. Always there, shown only when it has counted something.
const OVERFLOW: usize = 0;
/// The shard that keeps the counts of workers that are gone.
const RETIRED: u64 = 0;

/// All label sets and all shards.
#[derive(Debug)]
pub(crate) struct Registry {
    max_series: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// By rendered labels.
    ids: HashMap<Arc<str>, usize>,
    /// By id.
    labels: Vec<Arc<str>>,
    shards: BTreeMap<u64, Shard>,
    next_shard: u64,
}

#[derive(Debug, Default)]
struct Shard {
    series: BTreeMap<usize, Arc<RequestSeries>>,
    retries: Arc<Cell>,
}

/// What all shards together have counted.
#[derive(Debug)]
pub(crate) struct Sum {
    /// Labels and counts, in the order in which the label sets appeared.
    pub(crate) series: Vec<(Arc<str>, Totals)>,
    pub(crate) retries: u64,
    /// Requests in the overflow series.
    pub(crate) overflow: u64,
}

impl Registry {
    /// At most so many label sets.
    pub(crate) fn new(max_series: usize, overflow_labels: String) -> Self {
        let overflow: Arc<str> = overflow_labels.into();
        Self {
            max_series,
            state: Mutex::new(State {
                ids: HashMap::new(),
                labels: vec![overflow],
                shards: BTreeMap::from([(RETIRED, Shard::default())]),
                next_shard: RETIRED + 1,
            }),
        }
    }

    /// A new shard, and its counter of retries.
    pub(crate) fn open_shard(&self) -> (u64, Arc<Cell>) {
        let mut state = self.lock();
        let id = state.next_shard;
        state.next_shard += 1;
        let shard = state.shards.entry(id).or_default();
        (id, Arc::clone(&shard.retries))
    }

    /// Moves a shard's counts to the retired one. Its worker must not count any more.
    pub(crate) fn close_shard(&self, id: u64) {
        let mut state = self.lock();
        let Some(closed) = state.shards.remove(&id) else {
            return;
        };
        let retired = state.shards.entry(RETIRED).or_default();
        retired.retries.add(closed.retries.get());
        for (id, series) in closed.series {
            retired.series.entry(id).or_default().absorb(&series);
        }
    }

    /// The counters of a label set in a shard; those of the overflow series when there are too many.
    pub(crate) fn series(&self, shard: u64, labels: String) -> Arc<RequestSeries> {
        let mut state = self.lock();
        let id = match state.ids.get(&*labels) {
            Some(id) => *id,
            None if state.ids.len() >= self.max_series => OVERFLOW,
            None => {
                let labels: Arc<str> = labels.into();
                let id = state.labels.len();
                state.labels.push(Arc::clone(&labels));
                state.ids.insert(labels, id);
                id
            }
        };
        let shard = state.shards.entry(shard).or_default();
        Arc::clone(shard.series.entry(id).or_default())
    }

    /// Sums every shard.
    pub(crate) fn sum(&self) -> Sum {
        let state = self.lock();
        let mut totals = vec![Totals::default(); state.labels.len()];
        let mut retries = 0_u64;
        for shard in state.shards.values() {
            retries = retries.wrapping_add(shard.retries.get());
            for (id, series) in &shard.series {
                if let Some(total) = totals.get_mut(*id) {
                    series.add_to(total);
                }
            }
        }
        let overflow = totals.get(OVERFLOW).map_or(0, Totals::requests);
        let series = state
            .labels
            .iter()
            .cloned()
            .zip(totals)
            .filter(|(_, totals)| totals.requests() > 0)
            .collect();
        Sum {
            series,
            retries,
            overflow,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

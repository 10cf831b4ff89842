//! Histograms with Istio's buckets.

use super::{Cell, Series};
use crate::RequestRecord;

/// Upper bounds of Istio's (Envoy's) buckets, for milliseconds and for bytes.
pub(crate) const BOUNDS: [f64; 19] = [
    0.5,
    1.0,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1_000.0,
    2_500.0,
    5_000.0,
    10_000.0,
    30_000.0,
    60_000.0,
    300_000.0,
    600_000.0,
    1_800_000.0,
    3_600_000.0,
];

/// The bounds in thousandths, so that finding a bucket needs no floating point.
const THOUSANDTHS: [u64; 19] = [
    500,
    1_000,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
    600_000_000,
    1_800_000_000,
    3_600_000_000,
];

/// Buckets of a histogram: one more than bounds.
pub(crate) const BUCKETS: usize = BOUNDS.len() + 1;

/// A histogram with one writer.
#[derive(Debug, Default)]
struct Histogram {
    buckets: [Cell; BUCKETS],
    sum: Cell,
}

impl Histogram {
    /// `thousandths` finds the bucket, `amount` is summed.
    fn observe(&self, thousandths: u64, amount: u64) {
        let bucket = THOUSANDTHS.partition_point(|bound| *bound < thousandths);
        if let Some(cell) = self.buckets.get(bucket) {
            cell.add(1);
        }
        self.sum.add(amount);
    }

    fn add_to(&self, totals: &mut HistogramTotals) {
        for (total, cell) in totals.buckets.iter_mut().zip(&self.buckets) {
            *total = total.wrapping_add(cell.get());
        }
        totals.sum = totals.sum.wrapping_add(self.sum.get());
    }

    fn absorb(&self, other: &Self) {
        for (mine, theirs) in self.buckets.iter().zip(&other.buckets) {
            mine.add(theirs.get());
        }
        self.sum.add(other.sum.get());
    }
}

/// One label set of Istio's histograms, in one shard.
#[derive(Debug, Default)]
pub(crate) struct HistogramSeries {
    /// Sum in microseconds.
    duration: Histogram,
    request_bytes: Histogram,
    response_bytes: Histogram,
}

impl HistogramSeries {
    /// Counts a request.
    pub(crate) fn observe(&self, record: &RequestRecord<'_>) {
        let micros = u64::try_from(record.duration.as_micros()).unwrap_or(u64::MAX);
        self.duration.observe(micros, micros);
        self.request_bytes
            .observe(record.request_bytes.saturating_mul(1000), record.request_bytes);
        self.response_bytes
            .observe(record.response_bytes.saturating_mul(1000), record.response_bytes);
    }
}

impl Series for HistogramSeries {
    type Totals = HistogramSums;

    /// Of each of the three: buckets with infinity, sum and count.
    const LINES: usize = 3 * (BUCKETS + 2);

    fn add_to(&self, totals: &mut HistogramSums) {
        self.duration.add_to(&mut totals.duration);
        self.request_bytes.add_to(&mut totals.request_bytes);
        self.response_bytes.add_to(&mut totals.response_bytes);
    }

    fn absorb(&self, other: &Self) {
        self.duration.absorb(&other.duration);
        self.request_bytes.absorb(&other.request_bytes);
        self.response_bytes.absorb(&other.response_bytes);
    }

    fn count(totals: &HistogramSums) -> u64 {
        totals.duration.buckets.iter().sum()
    }
}

/// A histogram summed over shards.
#[derive(Clone, Debug, Default)]
pub(crate) struct HistogramTotals {
    pub(crate) buckets: [u64; BUCKETS],
    pub(crate) sum: u64,
}

/// One label set summed over shards.
#[derive(Clone, Debug, Default)]
pub(crate) struct HistogramSums {
    pub(crate) duration: HistogramTotals,
    pub(crate) request_bytes: HistogramTotals,
    pub(crate) response_bytes: HistogramTotals,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integer_bounds_are_the_float_bounds() {
        for (bound, thousandths) in BOUNDS.iter().zip(THOUSANDTHS) {
            #[expect(clippy::cast_precision_loss, reason = "all far below 2^53")]
            let expected = thousandths as f64 / 1000.0;
            assert!((bound - expected).abs() < f64::EPSILON);
        }
    }

    proptest! {
        #[test]
        fn a_value_is_in_the_first_bucket_whose_bound_is_not_below_it(thousandths in 0_u64..5_000_000_000) {
            let histogram = Histogram::default();
            histogram.observe(thousandths, 1);
            let found = histogram.buckets.iter().position(|b| b.get() == 1);
            let expected = THOUSANDTHS.iter().position(|b| thousandths <= *b).unwrap_or(BUCKETS - 1);
            prop_assert_eq!(found, Some(expected));
        }
    }

    #[test]
    fn an_amount_beyond_every_bound_is_still_counted() {
        let histogram = Histogram::default();
        histogram.observe(u64::MAX, 7);
        let mut totals = HistogramTotals::default();
        histogram.add_to(&mut totals);
        assert_eq!((totals.buckets.last(), totals.sum), (Some(&1), 7));
    }
}

//! Splitting requests between destinations, exactly over time.
//!
//! A split among `n` destinations is a chain of two-way splits: the first destination against all others, the second
//! against those after it, and so on. Each link adds its weight to a counter at every request that reaches it and takes
//! the request when the counter passes the sum of what is left (Bresenham's line). So
//! - over every `total` requests in a row each destination gets exactly its weight, wherever one begins to count;
//! - between, a two-way split is never off by a whole request, and a split of `n` by little more than one;
//! - a counter that starts anywhere is as good as any other, so each thread starts at a random point, and a canary of
//!   5 % gets 5 % of the first requests too, however many threads there are.
//!
//! Smooth weighted round robin, the usual choice, has no such free starting point: all threads of all replicas
//! would give the first request to the largest destination.

use smallvec::SmallVec;

/// The counters of one split.
#[derive(Clone, Debug)]
pub(crate) struct Split {
    counters: SmallVec<[u64; 4]>,
}

impl Split {
    /// Starts at a random point.
    pub(crate) fn new(weights: impl Iterator<Item = u32> + Clone, mut below: impl FnMut(u64) -> u64) -> Self {
        let mut rest: u64 = weights.clone().map(u64::from).sum();
        let counters = weights
            .map(|weight| {
                let counter = below(rest);
                rest -= u64::from(weight);
                counter
            })
            .collect();
        Self { counters }
    }

    /// The next request's destination. `weights` are those of `new`.
    pub(crate) fn next(&mut self, weights: impl Iterator<Item = u32> + Clone) -> usize {
        let mut rest: u64 = weights.clone().map(u64::from).sum();
        for (index, (weight, counter)) in weights.zip(&mut self.counters).enumerate() {
            let weight = u64::from(weight);
            *counter += weight;
            if weight > 0 && *counter >= rest {
                *counter -= rest;
                return index;
            }
            rest -= weight;
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::chance::below;
    use super::*;

    fn counts(split: &mut Split, weights: &[u32], requests: u64) -> Vec<u64> {
        let mut counts = vec![0; weights.len()];
        for _ in 0..requests {
            counts[split.next(weights.iter().copied())] += 1;
        }
        counts
    }

    proptest! {
        #[test]
        fn every_cycle_is_exact_wherever_it_begins(
            weights in prop::collection::vec(0_u32..50, 1..6),
            before in 0_u64..500,
        ) {
            let total: u64 = weights.iter().map(|w| u64::from(*w)).sum();
            prop_assume!(total > 0);
            let mut split = Split::new(weights.iter().copied(), below);
            counts(&mut split, &weights, before);
            let expected: Vec<u64> = weights.iter().map(|w| u64::from(*w)).collect();
            prop_assert_eq!(counts(&mut split, &weights, total), expected);
        }

        #[test]
        fn two_destinations_are_never_off_by_a_request(
            weights in prop::array::uniform2(1_u32..u32::MAX),
            requests in 1_u64..2000,
        ) {
            let total = f64::from(weights[0]) + f64::from(weights[1]);
            let mut split = Split::new(weights.iter().copied(), below);
            let got = counts(&mut split, &weights, requests);
            let expected = requests as f64 * f64::from(weights[0]) / total;
            prop_assert!((got[0] as f64 - expected).abs() < 1.000_001, "{} of {}", got[0], expected);
        }
    }

    #[test]
    fn one_in_a_thousand_is_one_in_a_thousand() {
        let mut split = Split::new([1, 999].into_iter(), below);
        assert_eq!(counts(&mut split, &[1, 999], 10_000), [10, 9_990]);
    }

    #[test]
    fn a_weight_of_zero_gets_nothing() {
        let mut split = Split::new([0, 1, 0].into_iter(), below);
        assert_eq!(counts(&mut split, &[0, 1, 0], 100), [0, 100, 0]);
    }

    #[test]
    fn many_threads_together_give_a_canary_its_share_of_their_first_requests() {
        let canary = (0..20_000)
            .filter(|_| Split::new([95, 5].into_iter(), below).next([95, 5].into_iter()) == 1)
            .count();
        assert!(
            (800..1200).contains(&canary),
            "{canary} of 20000, expected about 1000"
        );
    }
}

//! Round robin: whose turn it is, as a sequence that is computed once.
//!
//! The k-th turn of an endpoint of weight w is due at (k + p) / w, and the sequence is all turns in the order they are
//! due, so the turns of a heavy endpoint are spread among those of light ones. The phase p, between 0 and 1, is each
//! endpoint's own multiple of the golden ratio: with one phase for all, endpoints of equal weight would be due at the
//! same moments, and heavy ones would have their turns in a row between those moments.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Sequences are at most so long, or sixteen turns for each endpoint; weights are rounded to fit, none to nothing.
const LONGEST: u64 = 4096;

#[derive(Debug)]
pub(super) struct Turns {
    order: Vec<u32>,
    endpoints: usize,
}

impl Turns {
    pub(super) fn new(weights: &[u32]) -> Self {
        Self {
            order: sequence(&fitted(weights)),
            endpoints: weights.len(),
        }
    }

    /// An endpoint that may not be chosen gives up its turn to the one after it *in time*, by taking another number:
    /// passing the turn to its neighbour in the sequence would double that neighbour's share.
    pub(super) fn choose(
        &self,
        eligible: &impl Fn(usize) -> bool,
        mut turn: impl FnMut() -> u64,
    ) -> Option<usize> {
        let length = self.order.len() as u64;
        if length == 0 {
            return (0..self.endpoints).find(|index| eligible(*index));
        }
        let mut at = 0;
        for _ in 0..self.order.len().min(32) {
            at = usize::try_from(turn() % length).unwrap_or(0);
            if let Some(index) = self.order.get(at).map(|index| *index as usize)
                && eligible(index)
            {
                return Some(index);
            }
        }
        let after = self.order.iter().cycle().skip(at).take(self.order.len());
        let mut after = after.map(|index| *index as usize);
        after
            .find(|index| eligible(*index))
            .or_else(|| (0..self.endpoints).find(|index| eligible(*index)))
    }
}

/// Weights without their common divisor, scaled down when the sequence would be too long.
fn fitted(weights: &[u32]) -> Vec<u32> {
    let divisor = weights.iter().copied().fold(0, gcd).max(1);
    let total: u64 = weights.iter().map(|weight| u64::from(weight / divisor)).sum();
    let longest = LONGEST.max(weights.len() as u64 * 16);
    let fit = |weight: u32| {
        let weight = u64::from(weight / divisor);
        if total <= longest || weight == 0 {
            return weight;
        }
        ((weight * longest + total / 2) / total).max(1)
    };
    weights
        .iter()
        .map(|weight| u32::try_from(fit(*weight)).unwrap_or(u32::MAX))
        .collect()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A turn that is due at `numerator / weight`, in units of 2⁻³².
#[derive(PartialEq, Eq)]
struct Due {
    numerator: u64,
    weight: u32,
    index: u32,
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        let mine = u128::from(self.numerator) * u128::from(other.weight);
        let theirs = u128::from(other.numerator) * u128::from(self.weight);
        mine.cmp(&theirs).then(self.index.cmp(&other.index))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn sequence(weights: &[u32]) -> Vec<u32> {
    const GOLDEN: u32 = 0x9E37_79B9;
    let indices = || (0u32..).zip(weights).filter(|(_, weight)| **weight > 0);
    if weights.iter().all(|weight| *weight <= 1) {
        return indices().map(|(index, _)| index).collect();
    }
    let total: usize = weights.iter().map(|weight| *weight as usize).sum();
    let mut due: BinaryHeap<Reverse<Due>> = indices()
        .map(|(index, &weight)| {
            let numerator = u64::from(GOLDEN.wrapping_mul(index.wrapping_add(1)));
            Reverse(Due {
                numerator,
                weight,
                index,
            })
        })
        .collect();
    let mut order = Vec::with_capacity(total);
    while order.len() < total {
        let Some(Reverse(next)) = due.pop() else { break };
        order.push(next.index);
        due.push(Reverse(Due {
            numerator: next.numerator + (1 << 32),
            ..next
        }));
    }
    order
}

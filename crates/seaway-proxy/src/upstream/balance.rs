//! Choosing one of the endpoints of a cluster: pure, without a clock, with the randomness passed in.
//!
//! A [`Balancer`] is built when the endpoints change and never changes itself, so threads share it without a lock.
//! Who may be chosen is the caller's predicate, since it changes by the moment: a draw from all endpoints that falls
//! on one that may not be chosen is repeated among those that may, which gives each exactly its weight's share of
//! them, and costs nothing while all may be chosen.
//!
//! Above the policies stand, only where a cluster asks for them, [`layers`] (priorities and localities) and [`warmth`]
//! (slow start).
//!
//! Rejected: the usual smooth weighted round robin, which writes to every endpoint's counter at every choice and so
//! needs a lock; its sequence is computed once instead, and a shared number counts along it.

pub mod layers;
mod maglev;
pub mod priority;
pub mod ring;
mod turns;
pub mod warmth;

use std::net::SocketAddr;

use seaway_model::{Balancing, BalancingSettings};

use maglev::Maglev;
use ring::Ring;
use turns::Turns;

/// Uniformly distributed numbers.
pub trait Rng {
    /// The next one.
    fn next(&mut self) -> u64;
}

impl<F: FnMut() -> u64> Rng for F {
    fn next(&mut self) -> u64 {
        self()
    }
}

/// Uniform in `0..bound`; 0 when the bound is.
fn below(rng: &mut impl Rng, bound: u64) -> u64 {
    scaled(rng.next(), bound)
}

/// A number that is uniform over all of its bits, brought into `0..bound`.
fn scaled(number: u64, bound: u64) -> u64 {
    let wide = (u128::from(number) * u128::from(bound)) >> 64;
    u64::try_from(wide).unwrap_or(0)
}

/// How an endpoint is chosen, prepared for one set of endpoints.
#[derive(Debug)]
pub struct Balancer {
    weights: Vec<u32>,
    /// Running sums of the weights; empty when all weights are equal.
    sums: Vec<u64>,
    plan: Plan,
}

#[derive(Debug)]
enum Plan {
    LeastRequest,
    Random,
    RoundRobin(Turns),
    RingHash(Ring),
    Maglev(Maglev),
}

impl Balancer {
    /// Prepares a policy for these addresses and weights. A weight of zero is chosen only when nothing else may be.
    #[must_use]
    pub fn new(policy: Balancing, settings: &BalancingSettings, endpoints: &[(SocketAddr, u32)]) -> Self {
        let weights: Vec<u32> = endpoints.iter().map(|(_, weight)| *weight).collect();
        let plan = match policy {
            Balancing::LeastRequest => Plan::LeastRequest,
            Balancing::Random => Plan::Random,
            Balancing::RoundRobin => Plan::RoundRobin(Turns::new(&weights)),
            Balancing::RingHash => Plan::RingHash(Ring::new(endpoints, settings.minimum_ring_size)),
            Balancing::Maglev => Plan::Maglev(Maglev::new(endpoints, settings.maglev_table_size)),
        };
        let uniform = weights.windows(2).all(|pair| pair.first() == pair.last());
        let sums = if uniform {
            Vec::new()
        } else {
            running_sums(&weights)
        };
        Self { weights, sums, plan }
    }

    /// Chooses one for which `eligible` holds; `None` when there is none.
    ///
    /// `load` is how many requests an endpoint has under way, `turn` counts up by one each time it is called, `hash`
    /// is what a hashing policy goes by; without one it goes by chance.
    pub fn choose(
        &self,
        eligible: impl Fn(usize) -> bool,
        load: impl Fn(usize) -> u64,
        hash: Option<u64>,
        turn: impl FnMut() -> u64,
        rng: &mut impl Rng,
    ) -> Option<usize> {
        match &self.plan {
            Plan::LeastRequest => self.least_request(&eligible, load, rng),
            Plan::Random => self.draw(&eligible, rng),
            Plan::RoundRobin(turns) => turns.choose(&eligible, turn),
            Plan::RingHash(ring) => ring.choose(hash.unwrap_or_else(|| rng.next()), &eligible),
            Plan::Maglev(maglev) => {
                let hash = hash.unwrap_or_else(|| rng.next());
                let chosen = maglev.choose(hash, &eligible);
                chosen.or_else(|| self.draw_among(&eligible, rng))
            }
        }
    }

    /// Two different endpoints at random, and of these the one with less under way for its weight. Where they are
    /// level the first stands, which was drawn by weight: ties favour nobody.
    fn least_request(
        &self,
        eligible: &impl Fn(usize) -> bool,
        load: impl Fn(usize) -> u64,
        rng: &mut impl Rng,
    ) -> Option<usize> {
        let first = self.draw(eligible, rng)?;
        let Some(second) = self.draw(&|index| index != first && eligible(index), rng) else {
            return Some(first);
        };
        let weight = |index| u128::from(self.weight(index).max(1));
        let of_first = u128::from(load(first)) * weight(second);
        let of_second = u128::from(load(second)) * weight(first);
        Some(if of_second < of_first { second } else { first })
    }

    /// One at random, by weight.
    fn draw(&self, eligible: &impl Fn(usize) -> bool, rng: &mut impl Rng) -> Option<usize> {
        let index = self.draw_from_all(rng);
        if eligible(index) && self.weight(index) > 0 {
            return Some(index);
        }
        self.draw_among(eligible, rng)
    }

    fn draw_from_all(&self, rng: &mut impl Rng) -> usize {
        if let Some(total) = self.sums.last() {
            let roll = below(rng, *total);
            return self.sums.partition_point(|sum| *sum <= roll);
        }
        usize::try_from(below(rng, self.weights.len() as u64)).unwrap_or(0)
    }

    /// The slow way, when some may not be chosen.
    fn draw_among(&self, eligible: &impl Fn(usize) -> bool, rng: &mut impl Rng) -> Option<usize> {
        let candidates = || (0..self.weights.len()).filter(|index| eligible(*index));
        let total: u64 = candidates().map(|index| u64::from(self.weight(index))).sum();
        if total == 0 {
            let count = candidates().count() as u64;
            let nth = usize::try_from(below(rng, count)).unwrap_or(0);
            return candidates().nth(nth);
        }
        let mut roll = below(rng, total);
        candidates().find(|index| {
            let weight = u64::from(self.weight(*index));
            let here = roll < weight;
            roll = roll.saturating_sub(weight);
            here
        })
    }

    fn weight(&self, index: usize) -> u32 {
        self.weights.get(index).copied().unwrap_or(0)
    }
}

fn running_sums(weights: &[u32]) -> Vec<u64> {
    weights
        .iter()
        .scan(0u64, |sum, weight| {
            *sum += u64::from(*weight);
            Some(*sum)
        })
        .collect()
}

#[cfg(test)]
pub(super) mod tests;

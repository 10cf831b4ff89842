//! Slow start: an endpoint that has just appeared gets its share bit by bit. Pure.
//!
//! The share is Envoy's `max(minimum, (age / duration) ^ (1 / aggression))`. It is applied by refusing: a policy's choice
//! of a cold endpoint stands with that probability and is otherwise made again. So every policy keeps its own way of
//! choosing, nothing is rebuilt while shares grow, and once all are warm it costs nothing. Shares are relative to the
//! warmest: where all endpoints are new, all are equal from the start.
//!
//! Not done: Envoy also starts an endpoint slowly again when an active health check, which does not exist here, finds
//! it well. An ejection that is over does not start it anew there either.

use std::time::Duration;

use seaway_model::Warmup;

use super::Rng;

/// Numbers of 32 bits.
const WHOLE: f64 = 4_294_967_296.0;
/// How often a choice is made again. At a share of a tenth one choice in a thousand stands that should have been
/// refused, since the tries were used up.
const TRIES: usize = 64;

/// The share of its weight that an endpoint of this age gets, from 0 to 1.
#[must_use]
pub fn share(warmup: &Warmup, age: Duration) -> f64 {
    let duration = warmup.duration.duration();
    if age >= duration {
        return 1.0;
    }
    let aggression = f64::from(warmup.aggression.max(1)) / 1000.0;
    let grown = (age.as_secs_f64() / duration.as_secs_f64()).powf(aggression.recip());
    let minimum = f64::from(warmup.minimum.millionths()) / 1_000_000.0;
    grown.max(minimum).clamp(0.0, 1.0)
}

/// Chooses by `choose` until a choice stands. `age` is of a choice, `oldest` of the oldest endpoint.
pub fn choose<R: Rng>(
    warmup: &Warmup,
    oldest: Duration,
    age: impl Fn(usize) -> Duration,
    rng: &mut R,
    mut choose: impl FnMut(&mut R) -> Option<usize>,
) -> Option<usize> {
    let warmest = share(warmup, oldest).max(f64::MIN_POSITIVE);
    let mut chosen = None;
    for _ in 0..TRIES {
        let index = choose(rng)?;
        chosen = Some(index);
        let share = (share(warmup, age(index)) / warmest).min(1.0);
        if stands(share, rng) {
            break;
        }
    }
    chosen
}

/// True with that probability.
fn stands(share: f64, rng: &mut impl Rng) -> bool {
    let roll = u32::try_from(rng.next() >> 32).unwrap_or(u32::MAX);
    share >= 1.0 || f64::from(roll) < share * WHOLE
}

#[cfg(test)]
mod tests {
    use seaway_model::{Balancing, BalancingSettings, Fraction, Millis};

    use super::super::tests::{Seeded, endpoints};
    use super::super::{Balancer, Rng as _};
    use super::*;

    fn warmup(minimum: u32, aggression: u32) -> Warmup {
        Warmup {
            duration: Millis(10_000),
            minimum: Fraction::from_millionths(minimum),
            aggression,
        }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_share_grows_with_age_from_its_least_to_one() {
        let linear = warmup(100_000, 1000);
        let shares: Vec<f64> = [0, 1, 5, 10, 99].map(|s| share(&linear, at(s))).to_vec();
        assert_eq!(shares, [0.1, 0.1, 0.5, 1.0, 1.0]);
    }

    #[test]
    fn aggression_bends_the_growth() {
        // (1/4) ^ (1/2) and (1/4) ^ 2.
        assert!((share(&warmup(0, 2000), Duration::from_millis(2500)) - 0.5).abs() < 1e-9);
        assert!((share(&warmup(0, 500), Duration::from_millis(2500)) - 0.0625).abs() < 1e-9);
    }

    /// The share of an endpoint of that age among three that are warm.
    fn part_of_the_new(policy: Balancing, age: Duration) -> f64 {
        let warmup = warmup(100_000, 1000);
        let balancer = Balancer::new(policy, &BalancingSettings::default(), &endpoints(&[1; 4]));
        let mut rng = Seeded(23);
        let turn = std::cell::Cell::new(0u64);
        let mut hits = 0u32;
        let times = 40_000u32;
        for _ in 0..times {
            let age_of = |index| if index == 3 { age } else { at(60) };
            let chosen = choose(&warmup, at(60), age_of, &mut rng, |rng| {
                let next = || turn.replace(turn.get() + 1);
                balancer.choose(|_| true, |_| 0, None, next, rng)
            });
            hits += u32::from(chosen == Some(3));
        }
        f64::from(hits) / f64::from(times)
    }

    #[test]
    fn a_new_endpoint_gets_its_growing_part() {
        for policy in [Balancing::RoundRobin, Balancing::LeastRequest, Balancing::Random] {
            for (seconds, share) in [(0, 0.1), (5, 0.5), (10, 1.0)] {
                let due = share / (3.0 + share);
                let part = part_of_the_new(policy, at(seconds));
                assert!(
                    (part - due).abs() < 0.01,
                    "{policy:?} after {seconds} s: {part}, not {due}"
                );
            }
        }
    }

    #[test]
    fn where_all_are_new_no_choice_is_refused() {
        let mut rng = Seeded(1);
        let mut calls = 0;
        let _ = choose(
            &warmup(0, 1000),
            at(1),
            |_| at(1),
            &mut rng,
            |rng| {
                calls += 1;
                Some(usize::try_from(rng.next() % 3).unwrap())
            },
        );
        assert_eq!(calls, 1);
    }
}

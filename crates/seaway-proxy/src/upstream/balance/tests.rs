use std::cell::Cell;

use proptest::prelude::*;

// By name, since proptest's prelude has an `Rng` too.
use super::{Balancer, Balancing, BalancingSettings, Rng, SocketAddr, ring};

/// Marsaglia's xorshift64*: simulations are replayed from their seed.
pub(in crate::upstream) struct Seeded(pub(in crate::upstream) u64);

impl Rng for Seeded {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

pub(super) fn endpoints(weights: &[u32]) -> Vec<(SocketAddr, u32)> {
    (1..)
        .zip(weights)
        .map(|(host, &weight)| (SocketAddr::from(([10, 0, 0, host], 8080)), weight))
        .collect()
}

/// Chooses `times` times with no load anywhere, and counts.
fn counts(policy: Balancing, weights: &[u32], eligible: impl Fn(usize) -> bool, times: usize) -> Vec<usize> {
    let balancer = Balancer::new(policy, &BalancingSettings::default(), &endpoints(weights));
    let turn = Cell::new(0);
    let mut rng = Seeded(7);
    let mut counts = vec![0; weights.len()];
    for _ in 0..times {
        let next = || turn.replace(turn.get() + 1);
        let index = balancer.choose(&eligible, |_| 0, None, next, &mut rng).unwrap();
        counts[index] += 1;
    }
    counts
}

fn assert_near(counts: &[usize], expected: &[usize], tolerance: usize) {
    for (count, expected) in counts.iter().zip(expected) {
        assert!(
            count.abs_diff(*expected) <= tolerance,
            "{counts:?} is not near {expected}"
        );
    }
}

const POLICIES: [Balancing; 5] = [
    Balancing::LeastRequest,
    Balancing::RoundRobin,
    Balancing::Random,
    Balancing::RingHash,
    Balancing::Maglev,
];

#[test]
fn round_robin_gives_each_endpoint_its_turn() {
    assert_eq!(counts(Balancing::RoundRobin, &[1, 1, 1], |_| true, 9), [3, 3, 3]);
}

#[test]
fn weighted_round_robin_is_exact_over_a_cycle() {
    assert_eq!(
        counts(Balancing::RoundRobin, &[5, 1, 1], |_| true, 70),
        [50, 10, 10]
    );
}

#[test]
fn a_heavy_endpoint_has_its_turns_spread_among_those_of_light_ones() {
    let balancer = Balancer::new(
        Balancing::RoundRobin,
        &BalancingSettings::default(),
        &endpoints(&[50, 10, 10]),
    );
    let turn = Cell::new(0);
    let order: Vec<_> = (0..14)
        .map(|_| {
            let next = || turn.replace(turn.get() + 1);
            balancer
                .choose(|_| true, |_| 0, None, next, &mut Seeded(1))
                .unwrap()
        })
        .collect();
    assert!(order.windows(4).all(|four| four != [0; 4]), "{order:?}");
}

#[test]
fn the_turns_of_an_ejected_endpoint_are_shared_by_the_others() {
    let counts = counts(Balancing::RoundRobin, &[1, 1, 1, 1], |index| index != 1, 300);
    assert_eq!(counts, [100, 0, 100, 100]);
}

#[test]
fn weights_too_large_for_a_sequence_keep_their_shares() {
    let counts = counts(Balancing::RoundRobin, &[1_000_003, 1_000_033 * 3], |_| true, 4096);
    assert_near(&counts, &[1024, 3072], 2);
}

#[test]
fn random_goes_by_weight() {
    let counts = counts(Balancing::Random, &[1, 2, 7], |_| true, 10_000);
    assert_near(&counts, &[1000, 2000, 7000], 200);
}

#[test]
fn random_among_some_goes_by_their_weights() {
    let counts = counts(Balancing::Random, &[1, 2, 7], |index| index != 2, 9_000);
    assert_near(&counts, &[3000, 6000, 0], 200);
}

#[test]
fn least_request_without_load_favours_nobody() {
    let counts = counts(Balancing::LeastRequest, &[1, 1, 1, 1], |_| true, 8_000);
    assert_near(&counts, &[2000; 4], 150);
}

#[test]
fn least_request_of_two_always_takes_the_freer() {
    let balancer = Balancer::new(
        Balancing::LeastRequest,
        &BalancingSettings::default(),
        &endpoints(&[1, 1]),
    );
    let mut rng = Seeded(3);
    for _ in 0..100 {
        let load = |index| if index == 0 { 5 } else { 4 };
        assert_eq!(balancer.choose(|_| true, load, None, || 0, &mut rng), Some(1));
    }
}

#[test]
fn least_request_keeps_loads_in_the_ratio_of_weights() {
    let balancer = Balancer::new(
        Balancing::LeastRequest,
        &BalancingSettings::default(),
        &endpoints(&[1, 3]),
    );
    let mut rng = Seeded(11);
    let mut load = [0u64; 2];
    for _ in 0..4000 {
        let at = load;
        let index = balancer
            .choose(|_| true, |i| at[i], None, || 0, &mut rng)
            .unwrap();
        load[index] += 1;
    }
    assert!(load[0].abs_diff(1000) < 20, "{load:?}");
}

#[test]
fn a_slow_endpoint_gets_less_from_least_request() {
    // Each endpoint finishes one request per `cost` steps; one request comes per step.
    let balancer = Balancer::new(
        Balancing::LeastRequest,
        &BalancingSettings::default(),
        &endpoints(&[1; 5]),
    );
    let cost = [4u64, 4, 4, 4, 40];
    let (mut load, mut served) = ([0u64; 5], [0u64; 5]);
    let mut rng = Seeded(5);
    for step in 1..=20_000u64 {
        let at = load;
        let index = balancer
            .choose(|_| true, |i| at[i], None, || 0, &mut rng)
            .unwrap();
        load[index] += 1;
        served[index] += 1;
        for (load, cost) in load.iter_mut().zip(cost) {
            if step.is_multiple_of(cost) {
                *load = load.saturating_sub(1);
            }
        }
    }
    assert!(served[4] * 4 < served[0], "{served:?}");
}

#[test]
fn the_hash_of_a_key_never_changes() {
    // XXH64 with seed 0, from its specification's reference implementation.
    assert_eq!(ring::hash_key(b""), 0xEF46_DB37_51D8_E999);
    assert_eq!(ring::hash_key(b"abc"), 0x44BC_2CF5_AD77_0999);
}

proptest! {
    #[test]
    fn what_is_chosen_may_be_chosen_and_something_is_if_anything_may(
        weights in prop::collection::vec(0u32..5, 1..40),
        mask in any::<u64>(),
        seed in 1u64..,
    ) {
        let eligible = |index: usize| mask >> index & 1 == 1;
        let any = (0..weights.len()).any(eligible);
        for policy in POLICIES {
            let balancer = Balancer::new(policy, &BalancingSettings::default(), &endpoints(&weights));
            let mut rng = Seeded(seed);
            for turn in 0..20 {
                let chosen = balancer.choose(eligible, |i| i as u64, None, || turn, &mut rng);
                prop_assert_eq!(chosen.is_some(), any);
                prop_assert!(chosen.is_none_or(eligible));
            }
        }
    }

    #[test]
    fn an_endpoint_without_weight_is_left_alone_while_others_have_some(seed in 1u64..) {
        for policy in POLICIES {
            let balancer = Balancer::new(policy, &BalancingSettings::default(), &endpoints(&[0, 3, 0, 1]));
            let mut rng = Seeded(seed);
            for turn in 0..20 {
                let chosen = balancer.choose(|_| true, |_| 0, None, || turn, &mut rng);
                prop_assert!(matches!(chosen, Some(1 | 3)));
            }
        }
    }
}

mod hashing;

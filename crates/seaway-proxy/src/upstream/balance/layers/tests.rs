use seaway_model::LocalityWeight;

use super::super::tests::Seeded;
use super::*;

/// Draws from a group by its balancer.
struct Draw<'r>(&'r mut Seeded);

impl Pick for Draw<'_> {
    fn pick(
        &mut self,
        balancer: &Balancer,
        eligible: &dyn Fn(usize) -> bool,
        _member: &dyn Fn(usize) -> usize,
    ) -> Option<usize> {
        balancer.choose(eligible, |_| 0, None, || 0, self.0)
    }
}

/// Endpoints of (priority, zone).
fn placed(places: &[(u32, &str)]) -> Vec<Placed> {
    (1..)
        .zip(places)
        .map(|(host, (priority, zone))| Placed {
            address: SocketAddr::from(([10, 0, 0, host], 80)),
            weight: 1,
            priority: *priority,
            locality: Some(Locality::of_zone(*zone)),
        })
        .collect()
}

fn weighted(weights: &[(&str, u32)]) -> BalancingSettings {
    let weight = |(zone, weight): &(&str, u32)| LocalityWeight {
        locality: Locality::of_zone(*zone),
        weight: *weight,
    };
    BalancingSettings {
        locality_weights: weights.iter().map(weight).collect(),
        ..BalancingSettings::default()
    }
}

const TIMES: usize = 20_000;

/// How often each is chosen, in whole per cent, with some of them down.
fn per_cent(settings: &BalancingSettings, endpoints: &[Placed], down: &[usize]) -> Vec<usize> {
    let layers = Layers::new(Balancing::Random, settings, endpoints).unwrap();
    let (mut rng, mut draws) = (Seeded(17), Seeded(18));
    let mut counts = vec![0; endpoints.len()];
    let scene = Scene {
        up: |index| !down.contains(&index),
        fresh: |_| true,
        min_health: Fraction::ZERO,
    };
    for _ in 0..TIMES {
        let chosen = layers.choose(&scene, None, &mut rng, &mut Draw(&mut draws));
        counts[chosen.unwrap()] += 1;
    }
    counts
        .into_iter()
        .map(|count| (count * 100 + TIMES / 2) / TIMES)
        .collect()
}

fn near(actual: &[usize], expected: &[usize]) {
    let close = actual.iter().zip(expected).all(|(a, e)| a.abs_diff(*e) <= 1);
    assert!(
        close && actual.len() == expected.len(),
        "{actual:?} is not {expected:?}"
    );
}

const TWO_LEVELS: [(u32, &str); 6] = [(0, "a"), (0, "a"), (0, "a"), (0, "a"), (1, "b"), (1, "b")];

#[test]
fn without_priorities_and_localities_there_are_no_layers() {
    let endpoints = placed(&[(0, "a"), (0, "b")]);
    assert!(Layers::new(Balancing::Random, &BalancingSettings::default(), &endpoints).is_none());
}

#[test]
fn only_the_first_priority_serves_while_it_is_well() {
    let counts = per_cent(&BalancingSettings::default(), &placed(&TWO_LEVELS), &[]);
    near(&counts, &[25, 25, 25, 25, 0, 0]);
}

#[test]
fn what_the_first_priority_cannot_carry_goes_to_the_second() {
    // Two of four are left: 1.4 × 50 % stay.
    let counts = per_cent(&BalancingSettings::default(), &placed(&TWO_LEVELS), &[0, 1]);
    near(&counts, &[0, 0, 35, 35, 15, 15]);
}

#[test]
fn a_gap_between_priorities_is_no_priority() {
    let endpoints = placed(&[(0, "a"), (7, "b")]);
    near(
        &per_cent(&BalancingSettings::default(), &endpoints, &[0]),
        &[0, 100],
    );
}

#[test]
fn localities_get_their_weights_however_many_endpoints_they_have() {
    let endpoints = placed(&[(0, "a"), (0, "b"), (0, "b"), (0, "c")]);
    let counts = per_cent(&weighted(&[("a", 80), ("b", 20)]), &endpoints, &[]);
    near(&counts, &[80, 10, 10, 0]);
}

#[test]
fn a_locality_that_fails_hands_over_what_it_cannot_carry() {
    // "a" has one of four left: it carries 80 × 0.35 = 28 to 20 of "b".
    let endpoints = placed(&[(0, "a"), (0, "a"), (0, "a"), (0, "a"), (0, "b")]);
    let counts = per_cent(&weighted(&[("a", 80), ("b", 20)]), &endpoints, &[0, 1, 2]);
    near(&counts, &[0, 0, 0, 58, 42]);
}

#[test]
fn a_locality_that_is_gone_leaves_everything_to_the_others() {
    let endpoints = placed(&[(0, "a"), (0, "b")]);
    near(
        &per_cent(&weighted(&[("a", 80), ("b", 20)]), &endpoints, &[0]),
        &[0, 100],
    );
}

#[test]
fn an_endpoint_that_was_tried_is_chosen_only_when_no_other_is_up() {
    let endpoints = placed(&[(0, "a"), (1, "b")]);
    let layers = Layers::new(Balancing::Random, &BalancingSettings::default(), &endpoints).unwrap();
    let (mut rng, mut draws) = (Seeded(1), Seeded(2));
    let mut choose = |up: &dyn Fn(usize) -> bool| {
        let scene = Scene {
            up,
            fresh: |index| index != 0,
            min_health: Fraction::ZERO,
        };
        layers.choose(&scene, None, &mut rng, &mut Draw(&mut draws))
    };
    assert_eq!(choose(&|_| true), Some(1));
    assert_eq!(choose(&|index| index == 0), Some(0));
}

#[test]
fn a_priority_in_panic_uses_everybody() {
    let endpoints = placed(&[(0, "a"), (0, "a"), (0, "a"), (1, "b")]);
    let layers = Layers::new(Balancing::Random, &BalancingSettings::default(), &endpoints).unwrap();
    let scene = Scene {
        up: |_| false,
        fresh: |_| true,
        min_health: Fraction::from_millionths(500_000),
    };
    let (mut rng, mut draws) = (Seeded(1), Seeded(2));
    let mut seen = [false; 4];
    for _ in 0..200 {
        seen[layers
            .choose(&scene, None, &mut rng, &mut Draw(&mut draws))
            .unwrap()] = true;
    }
    assert_eq!(seen, [true; 4]);
}

#[test]
fn a_key_stays_where_it_is_while_nothing_changes_and_keys_fill_all_parts() {
    let endpoints = placed(&[(0, "a"), (0, "b"), (0, "b"), (1, "c")]);
    let layers = Layers::new(
        Balancing::RingHash,
        &weighted(&[("a", 1), ("b", 1), ("c", 1)]),
        &endpoints,
    )
    .unwrap();
    let scene = Scene {
        up: |index| index != 1,
        fresh: |_| true,
        min_health: Fraction::ZERO,
    };
    struct ByHash(u64);
    impl Pick for ByHash {
        fn pick(
            &mut self,
            balancer: &Balancer,
            eligible: &dyn Fn(usize) -> bool,
            _member: &dyn Fn(usize) -> usize,
        ) -> Option<usize> {
            balancer.choose(eligible, |_| 0, Some(self.0), || 0, &mut Seeded(1))
        }
    }
    let mut counts = [0usize; 4];
    for key in 0..4_000u32 {
        let hash = super::super::ring::hash_key(&key.to_be_bytes());
        let choose = |seed| layers.choose(&scene, Some(hash), &mut Seeded(seed), &mut ByHash(hash));
        assert_eq!(choose(1), choose(2));
        counts[choose(1).unwrap()] += 1;
    }
    // Two of three are up: 93 % stay in the first priority, of which "b" carries 0.7 and "a" all of its weight.
    assert!(counts[1] == 0 && counts[3].abs_diff(267) < 60, "{counts:?}");
    assert!(
        counts[0].abs_diff(2196) < 130 && counts[2].abs_diff(1537) < 130,
        "{counts:?}"
    );
}

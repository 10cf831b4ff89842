//! Consistent hashing: who keeps a key when endpoints come and go.

use std::collections::BTreeMap;

use super::*;

const HASHING: [Balancing; 2] = [Balancing::RingHash, Balancing::Maglev];
const KEYS: usize = 20_000;

fn balancer(policy: Balancing, endpoints: &[(SocketAddr, u32)]) -> Balancer {
    Balancer::new(policy, &BalancingSettings::default(), endpoints)
}

/// Where the keys of a set go, by address.
fn placement(
    policy: Balancing,
    endpoints: &[(SocketAddr, u32)],
    set: &str,
    eligible: impl Fn(usize) -> bool,
) -> Vec<SocketAddr> {
    let balancer = balancer(policy, endpoints);
    (0..KEYS)
        .map(|key| {
            let hash = Some(ring::hash_key(format!("{set}-{key}").as_bytes()));
            let index = balancer.choose(&eligible, |_| 0, hash, || 0, &mut Seeded(1));
            endpoints[index.unwrap()].0
        })
        .collect()
}

/// Addresses of a cluster that no other seed has.
fn addresses(seed: u64, count: usize) -> Vec<(SocketAddr, u32)> {
    let mut rng = Seeded(seed);
    let address = |_| {
        let [a, b, c, port, port_too, ..] = rng.next().to_be_bytes();
        let port = u16::from_be_bytes([port, port_too]);
        (SocketAddr::from(([10, a, b, c], port)), 1)
    };
    (0..count).map(address).collect()
}

#[test]
fn a_key_always_goes_to_the_same_endpoint() {
    for policy in HASHING {
        let all = endpoints(&[1; 10]);
        assert_eq!(
            placement(policy, &all, "user", |_| true),
            placement(policy, &all, "user", |_| true)
        );
    }
}

#[test]
fn removing_one_of_ten_endpoints_moves_at_most_twelve_per_cent_of_the_keys() {
    for policy in HASHING {
        for (seed, set) in (1..=3).zip(["user", "10.1.2.", "ÿ"]) {
            let all = addresses(seed, 10);
            let before = placement(policy, &all, set, |_| true);
            for removed in 0..10 {
                let mut left = all.clone();
                left.remove(removed);
                let after = placement(policy, &left, set, |_| true);
                let moved = before.iter().zip(&after).filter(|(a, b)| a != b).count();
                assert!(
                    moved * 100 <= KEYS * 12,
                    "{policy:?} {seed}: {moved} of {KEYS} keys moved"
                );
            }
        }
    }
}

#[test]
fn a_ring_moves_only_the_keys_of_the_endpoint_that_leaves() {
    let all = endpoints(&[1; 10]);
    let before = placement(Balancing::RingHash, &all, "user", |_| true);
    let mut left = all;
    let (gone, _) = left.remove(3);
    let after = placement(Balancing::RingHash, &left, "user", |_| true);
    assert!(before.iter().zip(&after).all(|(a, b)| *a == gone || a == b));
}

#[test]
fn ejecting_an_endpoint_moves_only_its_keys_and_spreads_them() {
    for policy in HASHING {
        let all = endpoints(&[1; 10]);
        let gone = all[4].0;
        let before = placement(policy, &all, "user", |_| true);
        let after = placement(policy, &all, "user", |index| index != 4);
        assert!(before.iter().zip(&after).all(|(a, b)| *a == gone || a == b));
        let mut heirs = BTreeMap::<SocketAddr, usize>::new();
        for (_, heir) in before.iter().zip(&after).filter(|(a, _)| **a == gone) {
            *heirs.entry(*heir).or_default() += 1;
        }
        assert_eq!(heirs.len(), 9);
        assert!(
            heirs.values().all(|keys| *keys < KEYS / 10 / 3),
            "{policy:?} {heirs:?}"
        );
    }
}

#[test]
fn ejecting_an_endpoint_moves_keys_on_a_ring_where_removing_it_does() {
    let all = endpoints(&[1; 10]);
    let ejected = placement(Balancing::RingHash, &all, "user", |index| index != 4);
    let mut left = all;
    left.remove(4);
    assert_eq!(ejected, placement(Balancing::RingHash, &left, "user", |_| true));
}

#[test]
fn keys_are_spread_by_weight() {
    for policy in HASHING {
        let all = endpoints(&[1, 1, 2]);
        let mut counts = BTreeMap::<SocketAddr, usize>::new();
        for address in placement(policy, &all, "user", |_| true) {
            *counts.entry(address).or_default() += 1;
        }
        let counts: Vec<_> = counts.into_values().collect();
        assert_near(&counts, &[5000, 5000, 10_000], 700);
    }
}

#[test]
fn the_order_of_endpoints_does_not_move_keys() {
    for policy in HASHING {
        let all = endpoints(&[1; 7]);
        let mut reversed = all.clone();
        reversed.reverse();
        assert_eq!(
            placement(policy, &all, "user", |_| true),
            placement(policy, &reversed, "user", |_| true)
        );
    }
}

#[test]
fn a_larger_ring_spreads_keys_more_evenly() {
    let all = endpoints(&[1; 10]);
    let largest = |minimum| {
        let settings = BalancingSettings {
            minimum_ring_size: Some(minimum),
            ..BalancingSettings::default()
        };
        let balancer = Balancer::new(Balancing::RingHash, &settings, &all);
        let mut counts = [0usize; 10];
        for key in 0..KEYS {
            let hash = Some(ring::hash_key(&key.to_be_bytes()));
            counts[balancer
                .choose(|_| true, |_| 0, hash, || 0, &mut Seeded(1))
                .unwrap()] += 1;
        }
        counts.into_iter().max().unwrap()
    };
    assert!(largest(1_000_000) < largest(1));
}

#[test]
fn a_small_table_serves_all_the_same() {
    let settings = BalancingSettings {
        maglev_table_size: Some(101),
        ..BalancingSettings::default()
    };
    let balancer = Balancer::new(Balancing::Maglev, &settings, &endpoints(&[1; 10]));
    let mut counts = [0usize; 10];
    for key in 0..KEYS {
        let hash = Some(ring::hash_key(&key.to_be_bytes()));
        counts[balancer
            .choose(|_| true, |_| 0, hash, || 0, &mut Seeded(1))
            .unwrap()] += 1;
    }
    // Ten or eleven of 101 entries each.
    assert_near(&counts, &[KEYS / 10; 10], KEYS / 10 / 4);
}

//! Maglev hashing: a table of a prime number of entries, each owned by an endpoint, and a key goes to the entry of its
//! hash. Spreads keys more evenly than a ring, and finds an owner in one step; when an endpoint leaves, a few keys of
//! others move too.
//!
//! The table is filled as in section 3.4 of the paper (Eisenbud et al., NSDI 2016): each endpoint has a permutation of
//! the entries, and in turn takes the first of its own that is free. A weight is a share of the turns, as in Envoy: an
//! endpoint skips rounds until it has missed as much as the heaviest has had.
//!
//! An endpoint that may not be chosen at the moment keeps its entries, and its keys are hashed again until they fall on
//! one that may: only its keys move, and they spread over all others. Building a table without it, as Envoy does,
//! would move others' keys as well, twice.
//!
//! As for the ring, what is hashed is part of the product's contract.

use std::net::SocketAddr;

use twox_hash::XxHash64;

/// Entries where nobody says how many: Envoy's number, a prime.
const ENTRIES: u32 = 65_537;
/// Envoy's limit. More would cost memory for nothing.
const MOST_ENTRIES: u32 = 5_000_011;
/// How often a key is hashed again before any endpoint is taken that may be chosen.
const REHASHES: u64 = 64;

#[derive(Debug)]
pub(super) struct Maglev {
    /// Index of the endpoint that owns each entry.
    owners: Vec<u32>,
    endpoints: usize,
}

impl Maglev {
    /// `entries` that is no prime is replaced by the next one, so that every permutation reaches every entry.
    pub(super) fn new(endpoints: &[(SocketAddr, u32)], entries: Option<u32>) -> Self {
        let entries = next_prime(entries.unwrap_or(ENTRIES).clamp(2, MOST_ENTRIES));
        Self {
            owners: fill(endpoints, entries),
            endpoints: endpoints.len(),
        }
    }

    pub(super) fn choose(&self, hash: u64, eligible: &impl Fn(usize) -> bool) -> Option<usize> {
        let entries = self.owners.len() as u64;
        let mut hash = hash;
        for again in 0..REHASHES {
            let at = usize::try_from(hash.checked_rem(entries)?).ok()?;
            let owner = *self.owners.get(at)? as usize;
            if eligible(owner) {
                return Some(owner);
            }
            hash = XxHash64::oneshot(again, &hash.to_le_bytes());
        }
        self.any(hash, eligible)
    }

    /// The slow way, when very few may be chosen: from a place that the hash says on, the first that may.
    fn any(&self, hash: u64, eligible: &impl Fn(usize) -> bool) -> Option<usize> {
        let start = usize::try_from(hash.checked_rem(self.endpoints as u64)?).ok()?;
        let all = 0..self.endpoints;
        all.clone()
            .cycle()
            .skip(start)
            .take(all.len())
            .find(|index| eligible(*index))
    }
}

/// Where an endpoint is in its permutation of the entries.
struct Row {
    index: u32,
    next: u64,
    skip: u64,
    weight: u64,
    /// What it has to have missed before its next turn, in units of the heaviest weight.
    due: u64,
}

fn fill(endpoints: &[(SocketAddr, u32)], entries: u32) -> Vec<u32> {
    const FREE: u32 = u32::MAX;
    let size = u64::from(entries);
    let mut rows: Vec<Row> = rows(endpoints, size);
    let heaviest = rows.iter().map(|row| row.weight).max().unwrap_or(0);
    if heaviest == 0 {
        return Vec::new();
    }
    let mut owners = vec![FREE; entries as usize];
    let mut taken = 0;
    let mut round: u64 = 0;
    while taken < size {
        round += 1;
        for row in &mut rows {
            if round * row.weight < row.due || taken == size {
                continue;
            }
            row.due += heaviest;
            while let Some(owner) = usize::try_from(row.next).ok().and_then(|at| owners.get_mut(at)) {
                row.next = (row.next + row.skip) % size;
                if *owner == FREE {
                    *owner = row.index;
                    taken += 1;
                    break;
                }
            }
        }
    }
    owners
}

/// Sorted by address, so that the order of the list does not decide who takes an entry first.
fn rows(endpoints: &[(SocketAddr, u32)], size: u64) -> Vec<Row> {
    let mut sorted: Vec<(u32, &SocketAddr, u32)> = (0u32..)
        .zip(endpoints)
        .filter(|(_, (_, weight))| *weight > 0)
        .map(|(index, (address, weight))| (index, address, *weight))
        .collect();
    sorted.sort_unstable_by_key(|(_, address, _)| **address);
    let row = |(index, address, weight): (u32, &SocketAddr, u32)| {
        let text = address.to_string();
        Row {
            index,
            next: XxHash64::oneshot(0, text.as_bytes()) % size,
            skip: XxHash64::oneshot(1, text.as_bytes()) % (size - 1) + 1,
            weight: u64::from(weight),
            due: 0,
        }
    };
    sorted.into_iter().map(row).collect()
}

fn next_prime(from: u32) -> u32 {
    (from..).find(|number| is_prime(*number)).unwrap_or(ENTRIES)
}

fn is_prime(number: u32) -> bool {
    let divides = |divisor: &u32| number.is_multiple_of(*divisor);
    number >= 2
        && !(2..)
            .take_while(|divisor| divisor * divisor <= number)
            .any(|divisor| divides(&divisor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_is_no_prime_becomes_the_next_one() {
        let sizes: Vec<u32> = [2, 4, 100, 65_537, 65_538].into_iter().map(next_prime).collect();
        assert_eq!(sizes, [2, 5, 101, 65_537, 65_539]);
    }

    #[test]
    fn a_table_smaller_than_the_list_still_finds_everybody_who_is_left() {
        let endpoints: Vec<_> = (1..=9)
            .map(|host| (SocketAddr::from(([10, 0, 0, host], 80)), 1))
            .collect();
        let maglev = Maglev::new(&endpoints, Some(3));
        for only in 0..9 {
            assert_eq!(maglev.choose(7, &|index| index == only), Some(only));
        }
    }
}

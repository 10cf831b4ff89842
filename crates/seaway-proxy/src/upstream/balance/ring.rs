//! Consistent hashing: endpoints own points on a ring, and a key goes to the next point after its hash.
//!
//! The hash is XXH64 of the address as text, seeded with the point's number, and is part of the product's contract:
//! processes, restarts and releases must agree on it, or every cache behind a gateway goes cold at an upgrade.

use std::net::SocketAddr;

use twox_hash::XxHash64;

/// Points of an endpoint of average weight. The share of an endpoint with so many varies by 3 % of itself (one standard
/// deviation, `1 / sqrt(POINTS)`), so that one of ten endpoints never has 12 % of the keys; at 256 one in three hundred
/// has.
const POINTS: u64 = 1024;
/// Above so many points in all, endpoints get half as many each, and half of that, down to [`FEWEST`].
const MOST: u64 = 1 << 18;
const FEWEST: u64 = 16;
/// Nobody gets a larger ring by asking for one: Envoy's limit.
const MOST_ASKED: u64 = 8 << 20;

/// The stable hash for the keys of a hashing policy: the same in every process and release.
#[must_use]
pub fn hash_key(key: &[u8]) -> u64 {
    XxHash64::oneshot(0, key)
}

#[derive(Debug)]
pub(super) struct Ring {
    /// Sorted. Hash, and index of the endpoint.
    points: Vec<(u64, u32)>,
    endpoints: usize,
}

impl Ring {
    /// `minimum`: at least so many points in all, where that is more than there would be.
    pub(super) fn new(endpoints: &[(SocketAddr, u32)], minimum: Option<u32>) -> Self {
        let total: u64 = endpoints.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let weighted = endpoints.iter().filter(|(_, weight)| *weight > 0).count() as u64;
        let minimum = u64::from(minimum.unwrap_or(0))
            .min(MOST_ASKED)
            .div_ceil(weighted.max(1));
        let each = points_each(weighted).max(minimum);
        let mut points = Vec::new();
        for (index, (address, weight)) in (0u32..).zip(endpoints) {
            if *weight == 0 {
                continue;
            }
            let scaled = u128::from(each) * u128::from(*weight) * u128::from(weighted);
            let count = (scaled + u128::from(total) / 2) / u128::from(total.max(1));
            let count = u64::try_from(count).unwrap_or(MOST).max(1);
            let text = address.to_string();
            points.extend((0..count).map(|nth| (XxHash64::oneshot(nth, text.as_bytes()), index)));
        }
        points.sort_unstable();
        Self {
            points,
            endpoints: endpoints.len(),
        }
    }

    /// The owner of the first point at or after `hash` that may be chosen.
    pub(super) fn choose(&self, hash: u64, eligible: &impl Fn(usize) -> bool) -> Option<usize> {
        let start = self.points.partition_point(|(point, _)| *point < hash);
        let (before, after) = self.points.split_at(start.min(self.points.len()));
        let mut clockwise = after.iter().chain(before).map(|(_, index)| *index as usize);
        clockwise
            .find(|index| eligible(*index))
            .or_else(|| (0..self.endpoints).find(|index| eligible(*index)))
    }
}

/// Halved rather than divided, so that adding one endpoint to many seldom changes everybody's points.
fn points_each(endpoints: u64) -> u64 {
    let mut each = POINTS;
    while each > FEWEST && each.saturating_mul(endpoints) > MOST {
        each /= 2;
    }
    each
}

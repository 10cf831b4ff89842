//! Chance: one small generator per thread, and percentages that come out exactly.
//!
//! Faults are independent of each other and of everything else, so they roll dice. Mirrors promise a share, so they
//! spread it: with dice alone, 1 % of 1,000 requests is anything between 2 and 20.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

use seaway_model::Fraction;

/// One million, the denominator of [`Fraction`].
const WHOLE: u32 = 1_000_000;

thread_local! {
    static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(std::thread::current().id()));
}

/// The next number of this thread's generator (splitmix64). Not for secrets.
pub(crate) fn next_u64() -> u64 {
    STATE.with(|state| {
        let next = state.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        state.set(next);
        let mut z = next;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

/// Uniform in `0..bound`, as nearly as 64 bits allow; 0 for a bound of 0.
pub(crate) fn below(bound: u64) -> u64 {
    let wide = u128::from(next_u64()) * u128::from(bound);
    u64::try_from(wide >> 64).unwrap_or(0)
}

/// Rolls the dice once.
pub(crate) fn roll(share: Fraction) -> bool {
    share.takes(u32::try_from(below(u64::from(WHOLE))).unwrap_or(0))
}

/// Spreads a share over time: after `n` requests, `n × share` were taken, give or take two.
///
/// Time is cut into cells of one taken request each, and the request is taken at a random point of its cell. Plain
/// error diffusion would take every tenth request, and a split of 50:50 on the same route would then send all copies
/// of the same version.
#[derive(Clone, Debug)]
pub(crate) struct Spread {
    /// Where in the present cell we are, in millionths.
    position: u32,
    /// Where in the present cell the request is taken.
    at: u32,
    /// Whether the present cell's was taken, or is owed.
    passed: bool,
    /// Cells passed whose request is still to be taken.
    owed: u32,
}

impl Spread {
    /// Starts at a random point of a cell.
    pub(crate) fn new(mut below: impl FnMut(u64) -> u64) -> Self {
        let mut random = || u32::try_from(below(u64::from(WHOLE))).unwrap_or(0);
        let (position, at) = (random(), random());
        Self {
            position,
            at,
            passed: at < position,
            owed: 0,
        }
    }

    /// Whether this request is one of the share.
    pub(crate) fn takes(&mut self, share: Fraction, mut below: impl FnMut(u64) -> u64) -> bool {
        // Everything is a promise about each request, not about many.
        if share == Fraction::ALL {
            return true;
        }
        self.position += share.millionths();
        self.pass();
        if self.position >= WHOLE {
            self.position -= WHOLE;
            self.at = u32::try_from(below(u64::from(WHOLE))).unwrap_or(0);
            self.passed = false;
            self.pass();
        }
        let takes = self.owed > 0;
        self.owed -= u32::from(takes);
        takes
    }

    fn pass(&mut self) {
        if !self.passed && self.position > self.at {
            self.passed = true;
            self.owed += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_spread_share_is_never_off_by_more_than_two(parts in 0_u32..=1_000_000, requests in 1_u32..3000) {
            let share = Fraction::from_millionths(parts);
            let mut spread = Spread::new(below);
            let taken = (0..requests).filter(|_| spread.takes(share, below)).count();
            let expected = f64::from(requests) * f64::from(parts) / f64::from(WHOLE);
            prop_assert!((taken as f64 - expected).abs() <= 2.0, "{taken} of {expected}");
        }
    }

    #[test]
    fn all_is_all_and_nothing_is_nothing() {
        let mut spread = Spread::new(below);
        assert!((0..1000).all(|_| spread.takes(Fraction::ALL, below)));
        assert!((0..100).all(|_| !Spread::new(below).takes(Fraction::ZERO, below)));
    }

    #[test]
    fn a_number_below_a_bound_is_below_it() {
        assert!((0..10_000).all(|_| below(7) < 7));
        assert_eq!(below(0), 0);
    }
}

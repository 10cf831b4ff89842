//! How much of the traffic each priority gets: pure.
//!
//! Envoy's rules. A priority can carry `1.4 × its healthy share`, but not more than everything: with 72 % of its
//! endpoints healthy the first priority still takes all, below that the rest spills over to the next. Where all
//! priorities together cannot carry everything, what there is is divided in proportion.
//!
//! *Panic*: only where all together cannot carry everything, a priority of which less than `min_health` is healthy uses
//! all its endpoints, ejected ones too: too few would otherwise be crushed by the load of all. When every priority
//! panics, traffic goes by the number of endpoints.
//!
//! Counted are endpoints, not weights (Envoy's default). Not done: Envoy's *degraded* endpoints, and
//! `fail_traffic_on_panic`.

use seaway_model::Fraction;
use smallvec::SmallVec;

use super::scaled;

/// Loads are parts of this.
const WHOLE: u64 = 1_000_000;
/// Envoy's over-provisioning factor, in hundredths.
const OVER_PROVISIONING: u64 = 140;

/// The endpoints of a priority, or of a locality in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// All of them.
    pub total: u64,
    /// Those that may be chosen without further thought.
    pub healthy: u64,
}

impl Health {
    /// How much of its traffic it can carry, in millionths: the healthy share with over-provisioning.
    #[must_use]
    pub fn capacity(self) -> u64 {
        let scaled = self
            .healthy
            .saturating_mul(WHOLE)
            .saturating_mul(OVER_PROVISIONING);
        (scaled / self.total.max(1) / 100).min(WHOLE)
    }

    fn is_below(self, share: Fraction) -> bool {
        self.healthy.saturating_mul(WHOLE) < self.total.saturating_mul(u64::from(share.millionths()))
    }
}

/// The part of one priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// In millionths of all traffic; those of all priorities add up to a million, unless nothing is healthy.
    pub millionths: u64,
    /// Whether all its endpoints may be chosen.
    pub panic: bool,
}

/// The loads of all priorities.
pub type Loads = SmallVec<[Load; 4]>;

/// Divides the traffic among priorities, the first one first.
#[must_use]
pub fn loads(levels: &[Health], min_health: Fraction) -> Loads {
    let capacities: SmallVec<[u64; 4]> = levels.iter().map(|level| level.capacity()).collect();
    let together = capacities.iter().sum::<u64>().min(WHOLE);
    let panics = |level: &Health| together < WHOLE && level.total > 0 && level.is_below(min_health);
    let populated = || levels.iter().filter(|level| level.total > 0);
    let all_panic = populated().next().is_some() && populated().all(panics);
    if all_panic {
        let everybody: u64 = levels.iter().map(|level| level.total).sum();
        let share = |level: &Health| level.total * WHOLE / everybody.max(1);
        return completed(levels.iter().map(|level| (share(level), panics(level))));
    }
    let mut left = WHOLE;
    completed(levels.iter().zip(&capacities).map(|(level, capacity)| {
        let load = (capacity * WHOLE).checked_div(together).unwrap_or(0).min(left);
        left -= load;
        (load, panics(level))
    }))
}

/// Gives what rounding left over to the first priority that has any.
fn completed(parts: impl Iterator<Item = (u64, bool)>) -> Loads {
    let mut loads: Loads = parts
        .map(|(millionths, panic)| Load { millionths, panic })
        .collect();
    let given: u64 = loads.iter().map(|load| load.millionths).sum();
    if let Some(first) = loads.iter_mut().find(|load| load.millionths > 0) {
        first.millionths += WHOLE - given;
    }
    loads
}

/// Which part of a whole a number, uniform over all its bits, falls on. `None` when there are no parts.
pub(super) fn part(parts: impl Iterator<Item = u64> + Clone, number: u64) -> Option<usize> {
    let total: u64 = parts.clone().sum();
    let mut roll = scaled(number, total);
    parts.enumerate().find_map(|(index, part)| {
        let here = roll < part;
        roll = roll.saturating_sub(part);
        here.then_some(index)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NO_PANIC: Fraction = Fraction::ZERO;

    fn level(healthy: u64, total: u64) -> Health {
        Health { total, healthy }
    }

    /// In whole per cent.
    fn per_cent(levels: &[Health], min_health: Fraction) -> Vec<u64> {
        let loads = loads(levels, min_health);
        loads
            .iter()
            .map(|load| (load.millionths + 5_000) / 10_000)
            .collect()
    }

    #[test]
    fn a_healthy_first_priority_takes_everything() {
        assert_eq!(per_cent(&[level(4, 4), level(4, 4)], NO_PANIC), [100, 0]);
    }

    #[test]
    fn a_quarter_may_fail_before_anything_spills_over() {
        assert_eq!(per_cent(&[level(72, 100), level(9, 9)], NO_PANIC), [100, 0]);
        assert_eq!(per_cent(&[level(71, 100), level(9, 9)], NO_PANIC), [99, 1]);
        assert_eq!(per_cent(&[level(50, 100), level(9, 9)], NO_PANIC), [70, 30]);
        assert_eq!(per_cent(&[level(25, 100), level(9, 9)], NO_PANIC), [35, 65]);
        assert_eq!(per_cent(&[level(0, 100), level(9, 9)], NO_PANIC), [0, 100]);
    }

    #[test]
    fn three_priorities_are_filled_one_after_the_other() {
        // Envoy's own table of examples.
        assert_eq!(
            per_cent(&[level(25, 100), level(25, 100), level(1, 1)], NO_PANIC),
            [35, 35, 30]
        );
        assert_eq!(
            per_cent(&[level(25, 100), level(25, 100), level(10, 100)], NO_PANIC),
            [42, 42, 17]
        );
    }

    #[test]
    fn what_all_together_cannot_carry_is_divided_in_proportion() {
        assert_eq!(per_cent(&[level(20, 100), level(20, 100)], NO_PANIC), [50, 50]);
        assert_eq!(per_cent(&[level(5, 100), level(15, 100)], NO_PANIC), [25, 75]);
    }

    #[test]
    fn with_nothing_healthy_and_no_panic_nobody_gets_anything() {
        assert_eq!(per_cent(&[level(0, 4), level(0, 4)], NO_PANIC), [0, 0]);
    }

    #[test]
    fn a_priority_panics_only_while_all_together_are_too_weak() {
        let half = Fraction::from_millionths(500_000);
        let panics = |levels: &[Health]| loads(levels, half).iter().map(|l| l.panic).collect::<Vec<_>>();
        assert_eq!(panics(&[level(1, 4), level(4, 4)]), [false, false]);
        assert_eq!(panics(&[level(1, 4), level(1, 4)]), [true, true]);
        assert_eq!(panics(&[level(1, 10), level(5, 10)]), [true, false]);
    }

    #[test]
    fn when_all_panic_traffic_goes_by_the_number_of_endpoints() {
        let half = Fraction::from_millionths(500_000);
        assert_eq!(per_cent(&[level(0, 3), level(0, 1)], half), [75, 25]);
    }

    proptest! {
        #[test]
        fn loads_add_up_and_go_only_where_somebody_is(
            levels in prop::collection::vec((0u64..20, 0u64..20), 1..6),
            min_health in 0u32..=1_000_000,
        ) {
            let levels: Vec<Health> = levels.iter().map(|(a, b)| level(*a.min(b), *b)).collect();
            let loads = loads(&levels, Fraction::from_millionths(min_health));
            let sum: u64 = loads.iter().map(|load| load.millionths).sum();
            let anybody = levels.iter().zip(&loads).any(|(l, load)| l.healthy > 0 || load.panic);
            prop_assert_eq!(sum, if anybody { WHOLE } else { 0 });
            for (level, load) in levels.iter().zip(&loads) {
                prop_assert!(load.millionths == 0 || level.healthy > 0 || load.panic);
            }
        }
    }
}

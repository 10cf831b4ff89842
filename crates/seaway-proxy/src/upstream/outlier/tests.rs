use proptest::prelude::*;
use seaway_model::{Fraction, Millis};

use super::*;

const ALONE: Crowd = Crowd {
    total: 10,
    ejected: 0,
};

fn policy(failures: u32) -> OutlierDetection {
    OutlierDetection {
        consecutive_connect_failures: Some(failures),
        base_ejection_time: Millis(5_000),
        max_ejection_time: Millis(12_000),
        max_ejection: Fraction::ALL,
        ..OutlierDetection::default()
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn so_many_failures_in_a_row_eject() {
    let mut outlier = Outlier::default();
    assert_eq!(outlier.failure(at(0), &policy(3), ALONE), None);
    assert_eq!(outlier.failure(at(0), &policy(3), ALONE), None);
    assert_eq!(outlier.failure(at(0), &policy(3), ALONE), Some(at(5)));
    assert!(outlier.is_ejected(at(4)));
}

#[test]
fn a_success_between_failures_starts_the_row_anew() {
    let mut outlier = Outlier::default();
    outlier.failure(at(0), &policy(2), ALONE);
    outlier.success();
    assert_eq!(outlier.failure(at(0), &policy(2), ALONE), None);
}

#[test]
fn an_ejection_ends_by_itself() {
    let mut outlier = Outlier::default();
    outlier.failure(at(0), &policy(1), ALONE);
    assert!(!outlier.is_ejected(at(5)));
}

#[test]
fn ejections_in_a_row_grow_up_to_the_longest() {
    let mut outlier = Outlier::default();
    assert_eq!(outlier.failure(at(0), &policy(1), ALONE), Some(at(5)));
    assert_eq!(outlier.failure(at(5), &policy(1), ALONE), Some(at(15)));
    assert_eq!(outlier.failure(at(15), &policy(1), ALONE), Some(at(27)));
    assert_eq!(outlier.failure(at(27), &policy(1), ALONE), Some(at(39)));
}

#[test]
fn a_success_makes_the_next_ejection_short_again() {
    let mut outlier = Outlier::default();
    outlier.failure(at(0), &policy(1), ALONE);
    outlier.failure(at(5), &policy(1), ALONE);
    outlier.success();
    assert!(!outlier.is_ejected(at(6)));
    assert_eq!(outlier.failure(at(20), &policy(1), ALONE), Some(at(25)));
}

#[test]
fn failures_while_ejected_do_not_make_it_longer() {
    let mut outlier = Outlier::default();
    outlier.failure(at(0), &policy(1), ALONE);
    assert_eq!(outlier.failure(at(3), &policy(1), ALONE), None);
    assert!(!outlier.is_ejected(at(5)));
}

#[test]
fn no_more_than_the_share_is_ejected() {
    let mut half = policy(1);
    half.max_ejection = Fraction::from_millionths(500_000);
    let crowd = |ejected| Crowd { total: 4, ejected };
    assert!(Outlier::default().failure(at(0), &half, crowd(1)).is_some());
    assert_eq!(Outlier::default().failure(at(0), &half, crowd(2)), None);
}

#[test]
fn one_of_two_may_always_be_ejected() {
    let mut tiny = policy(1);
    tiny.max_ejection = Fraction::from_millionths(1);
    let crowd = |ejected| Crowd { total: 2, ejected };
    assert!(Outlier::default().failure(at(0), &tiny, crowd(0)).is_some());
    assert_eq!(Outlier::default().failure(at(0), &tiny, crowd(1)), None);
}

/// What happens to one of the endpoints of a simulation.
#[derive(Clone, Copy, Debug)]
enum Event {
    Failure(usize),
    Success(usize),
    Wait(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0usize..5).prop_map(Event::Failure),
        1 => (0usize..5).prop_map(Event::Success),
        2 => (0u64..8_000).prop_map(Event::Wait),
    ];
    prop::collection::vec(event, 0..200)
}

proptest! {
    #[test]
    fn whatever_happens_the_share_and_the_longest_ejection_hold(
        events in events(),
        millionths in 0u32..=1_000_000,
        failures in 1u32..4,
    ) {
        let mut policy = policy(failures);
        policy.max_ejection = Fraction::from_millionths(millionths);
        let allowed = (5 * millionths as usize / 1_000_000).max(1);
        let mut outliers = vec![Outlier::default(); 5];
        let mut now = Duration::ZERO;
        for event in events {
            let ejected = outliers.iter().filter(|outlier| outlier.is_ejected(now)).count();
            match event {
                Event::Failure(index) => {
                    if let Some(until) = outliers[index].failure(now, &policy, Crowd { total: 5, ejected }) {
                        prop_assert!(until - now <= policy.max_ejection_time.duration());
                    }
                }
                Event::Success(index) => outliers[index].success(),
                Event::Wait(millis) => now += Duration::from_millis(millis),
            }
            let ejected = outliers.iter().filter(|outlier| outlier.is_ejected(now)).count();
            prop_assert!(ejected <= allowed);
        }
        let late = now + policy.max_ejection_time.duration();
        prop_assert!(outliers.iter().all(|outlier| !outlier.is_ejected(late)));
    }
}

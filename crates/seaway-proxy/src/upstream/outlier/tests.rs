use proptest::prelude::*;
use seaway_model::{Fraction, Millis};

use super::*;

const ALONE: Crowd = Crowd {
    total: 10,
    ejected: 0,
    healthy: 10,
};

/// Our own: connections only.
fn connections(failures: u32) -> OutlierDetection {
    OutlierDetection {
        consecutive_connect_failures: Some(failures),
        base_ejection_time: Millis(5_000),
        max_ejection_time: Millis(12_000),
        max_ejection: Fraction::ALL,
        ..OutlierDetection::default()
    }
}

/// As Istio has it.
fn answers(failures: u32) -> OutlierDetection {
    OutlierDetection {
        consecutive_connect_failures: None,
        consecutive_5xx: Some(failures),
        base_ejection_time: Millis(30_000),
        max_ejection_time: Millis(300_000),
        ..OutlierDetection::default()
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What the event does, with room for everybody. Until when the endpoint is ejected.
fn on(outlier: &mut Outlier, event: Event, now: Duration, policy: &OutlierDetection) -> Option<Duration> {
    in_crowd(outlier, event, now, policy, ALONE)
}

fn in_crowd(
    outlier: &mut Outlier,
    event: Event,
    now: Duration,
    policy: &OutlierDetection,
    crowd: Crowd,
) -> Option<Duration> {
    let cause = outlier.count(event, now, policy)?;
    outlier
        .eject(cause, now, policy, crowd)
        .map(|ejection| ejection.until)
}

/// Events of one kind until the endpoint is ejected, which it must be by so many.
fn times_until_ejected(event: Event, policy: &OutlierDetection) -> Option<usize> {
    let mut outlier = Outlier::default();
    (1..=20).find(|_| on(&mut outlier, event, at(0), policy).is_some())
}

#[test]
fn so_many_connect_failures_in_a_row_eject() {
    assert_eq!(times_until_ejected(Event::Unreachable, &connections(3)), Some(3));
}

#[test]
fn a_connection_between_failures_starts_the_row_anew() {
    let mut outlier = Outlier::default();
    on(&mut outlier, Event::Unreachable, at(0), &connections(2));
    on(&mut outlier, Event::Connected, at(0), &connections(2));
    assert_eq!(on(&mut outlier, Event::Unreachable, at(0), &connections(2)), None);
}

#[test]
fn each_way_to_fail_counts_as_istio_counts_it() {
    let five = answers(5);
    for status in [500, 502, 503, 504, 599] {
        assert_eq!(
            times_until_ejected(Event::Answered(status), &five),
            Some(5),
            "{status}"
        );
    }
    assert_eq!(times_until_ejected(Event::Unreachable, &five), Some(5));
    assert_eq!(times_until_ejected(Event::Unanswered, &five), Some(5));
    for status in [200, 404, 499, 600] {
        assert_eq!(
            times_until_ejected(Event::Answered(status), &five),
            None,
            "{status}"
        );
    }
}

#[test]
fn gateway_errors_are_three_answers_and_no_answer() {
    let gateway = OutlierDetection {
        consecutive_5xx: None,
        consecutive_gateway_errors: Some(4),
        ..answers(1)
    };
    for status in [502, 503, 504] {
        assert_eq!(
            times_until_ejected(Event::Answered(status), &gateway),
            Some(4),
            "{status}"
        );
    }
    assert_eq!(times_until_ejected(Event::Unanswered, &gateway), Some(4));
    assert_eq!(times_until_ejected(Event::Unreachable, &gateway), Some(4));
    assert_eq!(times_until_ejected(Event::Answered(500), &gateway), None);
}

#[test]
fn a_500_ends_the_row_of_gateway_errors() {
    let gateway = OutlierDetection {
        consecutive_5xx: None,
        consecutive_gateway_errors: Some(2),
        ..answers(1)
    };
    let mut outlier = Outlier::default();
    for status in [503, 500, 503] {
        assert_eq!(on(&mut outlier, Event::Answered(status), at(0), &gateway), None);
    }
}

#[test]
fn failures_of_local_origin_that_are_split_off_have_a_row_of_their_own() {
    let split = OutlierDetection {
        split_local_origin: true,
        consecutive_local_origin_failures: Some(3),
        ..answers(2)
    };
    assert_eq!(times_until_ejected(Event::Unanswered, &split), Some(3));
    assert_eq!(times_until_ejected(Event::Unreachable, &split), Some(3));
    assert_eq!(times_until_ejected(Event::Answered(500), &split), Some(2));
    let mut outlier = Outlier::default();
    for event in [
        Event::Unanswered,
        Event::Unanswered,
        Event::Answered(500),
        Event::Unanswered,
        Event::Unanswered,
    ] {
        assert_eq!(on(&mut outlier, event, at(0), &split), None, "{event:?}");
    }
}

#[test]
fn failures_of_local_origin_that_are_split_off_may_go_uncounted() {
    let split = OutlierDetection {
        split_local_origin: true,
        ..answers(2)
    };
    assert_eq!(times_until_ejected(Event::Unanswered, &split), None);
}

#[test]
fn the_codes_of_a_policy_replace_5xx() {
    let codes = OutlierDetection {
        error_codes: vec![429, 500],
        ..answers(2)
    };
    assert_eq!(times_until_ejected(Event::Answered(429), &codes), Some(2));
    assert_eq!(times_until_ejected(Event::Answered(500), &codes), Some(2));
    assert_eq!(times_until_ejected(Event::Answered(503), &codes), None);
}

#[test]
fn a_good_answer_starts_the_row_anew() {
    let mut outlier = Outlier::default();
    for status in [500, 500, 200, 500, 500] {
        assert_eq!(
            on(&mut outlier, Event::Answered(status), at(0), &answers(3)),
            None
        );
    }
    assert_eq!(
        on(&mut outlier, Event::Answered(500), at(0), &answers(3)),
        Some(at(30))
    );
}

#[test]
fn an_ejection_ends_by_itself() {
    let mut outlier = Outlier::default();
    on(&mut outlier, Event::Unreachable, at(0), &connections(1));
    assert!(outlier.is_ejected(at(4)) && !outlier.is_ejected(at(5)));
}

#[test]
fn with_an_interval_an_ejection_ends_at_the_next_look() {
    let looking = OutlierDetection {
        interval: Some(Millis(20_000)),
        ..answers(1)
    };
    let mut outlier = Outlier::default();
    assert_eq!(
        on(&mut outlier, Event::Answered(500), at(1), &looking),
        Some(at(40))
    );
    assert_eq!(
        on(&mut Outlier::default(), Event::Answered(500), at(10), &looking),
        Some(at(40))
    );
}

#[test]
fn ejections_in_a_row_grow_up_to_the_longest() {
    let (mut outlier, policy) = (Outlier::default(), connections(1));
    let untils = [0, 5, 15, 27].map(|now| on(&mut outlier, Event::Unreachable, at(now), &policy));
    assert_eq!(untils, [5, 15, 27, 39].map(|until| Some(at(until))));
}

#[test]
fn time_without_an_ejection_makes_the_next_shorter_again() {
    let (mut outlier, policy) = (Outlier::default(), answers(1));
    let mut eject = |now: u64| on(&mut outlier, Event::Answered(500), at(now), &policy).unwrap() - at(now);
    assert_eq!((eject(0), eject(30), eject(90)), (at(30), at(60), at(90)));
    // Over at 180; two base times later two of the three are forgiven.
    assert_eq!(eject(240), at(60));
    assert_eq!(eject(10_000), at(30));
}

#[test]
fn a_connection_forgives_an_endpoint_that_was_unreachable() {
    let (mut outlier, policy) = (Outlier::default(), connections(1));
    on(&mut outlier, Event::Unreachable, at(0), &policy);
    on(&mut outlier, Event::Unreachable, at(5), &policy);
    on(&mut outlier, Event::Connected, at(6), &policy);
    assert!(!outlier.is_ejected(at(6)) && outlier.is_clean());
    assert_eq!(
        on(&mut outlier, Event::Unreachable, at(20), &policy),
        Some(at(25))
    );
}

#[test]
fn a_connection_does_not_forgive_bad_answers() {
    let (mut outlier, policy) = (Outlier::default(), answers(1));
    on(&mut outlier, Event::Answered(503), at(0), &policy);
    on(&mut outlier, Event::Connected, at(1), &policy);
    on(&mut outlier, Event::Answered(200), at(1), &policy);
    assert!(outlier.is_ejected(at(29)));
}

#[test]
fn failures_while_ejected_do_not_make_it_longer() {
    let (mut outlier, policy) = (Outlier::default(), connections(1));
    on(&mut outlier, Event::Unreachable, at(0), &policy);
    assert_eq!(on(&mut outlier, Event::Unreachable, at(3), &policy), None);
    assert!(!outlier.is_ejected(at(5)));
}

/// Whether one more of so many is ejected.
fn is_room(millionths: u32, total: usize, ejected: usize) -> bool {
    let policy = OutlierDetection {
        max_ejection: Fraction::from_millionths(millionths),
        ..answers(1)
    };
    let crowd = Crowd {
        total,
        ejected,
        healthy: total - ejected,
    };
    let mut outlier = Outlier::default();
    in_crowd(&mut outlier, Event::Answered(500), at(0), &policy, crowd).is_some()
}

#[test]
fn no_more_than_the_share_is_ejected_rounded_down() {
    assert!(is_room(500_000, 4, 1) && !is_room(500_000, 4, 2));
    assert!(is_room(100_000, 10, 0) && !is_room(100_000, 10, 1));
    assert!(!is_room(100_000, 9, 0));
    assert!(is_room(1_000_000, 1, 0) && !is_room(0, 1, 0));
}

#[test]
fn an_endpoint_for_which_there_was_no_room_is_ejected_once_there_is() {
    let (mut outlier, policy) = (Outlier::default(), connections(2));
    let full = Crowd { ejected: 10, ..ALONE };
    for _ in 0..3 {
        assert_eq!(
            in_crowd(&mut outlier, Event::Unreachable, at(0), &policy, full),
            None
        );
    }
    assert!(on(&mut outlier, Event::Unreachable, at(0), &policy).is_some());
}

#[test]
fn nobody_is_ejected_where_too_few_are_healthy() {
    let policy = OutlierDetection {
        min_health: Fraction::from_millionths(500_000),
        ..answers(1)
    };
    let crowd = |healthy| Crowd {
        total: 10,
        ejected: 10 - healthy,
        healthy,
    };
    let eject = |healthy| {
        let mut outlier = Outlier::default();
        in_crowd(&mut outlier, Event::Answered(500), at(0), &policy, crowd(healthy)).is_some()
    };
    assert!(eject(5) && !eject(4));
}

/// What happens to one of the endpoints of a simulation.
#[derive(Clone, Copy, Debug)]
enum Step {
    Event(usize, Event),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let event = prop_oneof![
        2 => Just(Event::Unreachable),
        2 => Just(Event::Unanswered),
        2 => Just(Event::Answered(503)),
        2 => Just(Event::Answered(500)),
        1 => Just(Event::Answered(200)),
        1 => Just(Event::Connected),
    ];
    let step = prop_oneof![
        5 => (0usize..5, event).prop_map(|(index, event)| Step::Event(index, event)),
        2 => (0u64..8_000).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..200)
}

fn policies() -> impl Strategy<Value = OutlierDetection> {
    let row = || prop::option::of(1u32..4);
    let rows = (row(), row(), row(), row(), any::<bool>());
    let times = (
        prop::option::of(1u64..5_000),
        1u64..6_000,
        6_000u64..15_000,
        0u32..=1_000_000,
    );
    (rows, times).prop_map(
        |((connect, server, gateway, local, split), (interval, base, max, share))| OutlierDetection {
            consecutive_connect_failures: connect,
            consecutive_5xx: server,
            consecutive_gateway_errors: gateway,
            consecutive_local_origin_failures: local,
            split_local_origin: split,
            error_codes: Vec::new(),
            interval: interval.map(Millis),
            base_ejection_time: Millis(base),
            max_ejection_time: Millis(max),
            max_ejection: Fraction::from_millionths(share),
            min_health: Fraction::ZERO,
        },
    )
}

proptest! {
    #[test]
    fn whatever_happens_the_share_and_the_longest_ejection_hold_and_all_return(
        steps in steps(),
        policy in policies(),
    ) {
        let allowed = 5 * policy.max_ejection.millionths() as usize / 1_000_000;
        let longest = policy.max_ejection_time.0 + policy.interval.map_or(0, |interval| interval.0);
        let longest = Duration::from_millis(longest);
        let mut outliers = vec![Outlier::default(); 5];
        let mut now = Duration::ZERO;
        let ejected = |outliers: &[Outlier], now| outliers.iter().filter(|o| o.is_ejected(now)).count();
        for step in steps {
            let crowd = Crowd { total: 5, ejected: ejected(&outliers, now), healthy: 5 };
            match step {
                Step::Event(index, event) => {
                    let until = in_crowd(&mut outliers[index], event, now, &policy, crowd);
                    prop_assert!(until.is_none_or(|until| until - now <= longest));
                }
                Step::Wait(millis) => now += Duration::from_millis(millis),
            }
            prop_assert!(ejected(&outliers, now) <= allowed);
        }
        prop_assert_eq!(ejected(&outliers, now + longest), 0);
    }
}

use std::cell::Cell;

use seaway_model::{Cluster, ClusterName, EndpointSource, Fraction, Millis, Model, Origin, OutlierDetection};

use super::super::balance::tests::Seeded;
use super::super::outlier::Event;
use super::super::transport::Transports;
use super::*;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Endpoints 10.0.0.1, 10.0.0.2 and so on.
fn endpoints(count: u8) -> Vec<Listed> {
    let endpoint = |host| Endpoint::new(SocketAddr::from(([10, 0, 0, host], 80)));
    (1..=count).map(|host| Listed::from(&endpoint(host))).collect()
}

fn spec(listed: Vec<Listed>) -> Spec {
    let source = EndpointSource::Static(Vec::new());
    let cluster = Cluster::new(ClusterName("test".into()), Origin::default(), source);
    Spec {
        listed,
        policy: Balancing::RoundRobin,
        settings: BalancingSettings::default(),
        transport: Transports::default().of(&cluster, &Model::default()),
    }
}

fn build(spec: Spec, old: Option<&EndpointSet>, now: Duration) -> EndpointSet {
    EndpointSet::build(spec, old, &Homes::default(), &Arc::default(), now)
}

/// How often each of the endpoints is chosen in 1,200 times; the last number is how often nobody is.
fn counts(set: &EndpointSet, now: Duration, avoid: &[SocketAddr], min_health: Fraction) -> Vec<usize> {
    let turn = Cell::new(0u64);
    let mut rng = Seeded(99);
    let mut counts = vec![0; set.members.len() + 1];
    for _ in 0..1_200 {
        let asked = Asked {
            hash: None,
            avoid,
            min_health,
        };
        let next = || turn.replace(turn.get() + 1);
        let chosen = set.choose(asked, || now, next, &mut rng);
        let index =
            chosen.and_then(|chosen| set.members.iter().position(|member| Arc::ptr_eq(member, chosen)));
        counts[index.unwrap_or(set.members.len())] += 1;
    }
    counts
}

fn simply(set: &EndpointSet) -> Vec<usize> {
    counts(set, at(1), &[], Fraction::ZERO)
}

/// Ejects an endpoint for an hour.
fn eject(member: &Member, event: Event) {
    let policy = OutlierDetection {
        consecutive_5xx: (event != Event::Unreachable).then_some(1),
        base_ejection_time: Millis(3_600_000),
        max_ejection_time: Millis(3_600_000),
        ..OutlierDetection::default()
    };
    let crowd = super::super::outlier::Crowd {
        total: 1,
        ejected: 0,
        healthy: 1,
    };
    member.state.judge(|outlier| {
        let cause = outlier.count(event, at(0), &policy).unwrap();
        outlier.eject(cause, at(0), &policy, crowd).unwrap();
    });
}

#[test]
fn everybody_is_chosen_while_nobody_fails() {
    assert_eq!(
        simply(&build(spec(endpoints(3)), None, at(0))),
        [400, 400, 400, 0]
    );
}

#[test]
fn an_ejected_endpoint_is_not_chosen_and_what_was_tried_comes_last() {
    let set = build(spec(endpoints(3)), None, at(0));
    eject(&set.members[0], Event::Answered(500));
    assert_eq!(simply(&set), [0, 600, 600, 0]);
    let tried = [set.members[1].address];
    assert_eq!(counts(&set, at(1), &tried, Fraction::ZERO), [0, 0, 1200, 0]);
    let tried = [set.members[1].address, set.members[2].address];
    assert_eq!(counts(&set, at(1), &tried, Fraction::ZERO), [0, 600, 600, 0]);
}

#[test]
fn an_ejection_ends_with_its_time() {
    let set = build(spec(endpoints(2)), None, at(0));
    eject(&set.members[0], Event::Answered(500));
    assert_eq!(counts(&set, at(3_599), &[], Fraction::ZERO), [0, 1200, 0]);
    assert_eq!(counts(&set, at(3_600), &[], Fraction::ZERO), [600, 600, 0]);
}

#[test]
fn endpoints_that_terminate_come_before_those_that_cannot_be_reached() {
    let mut listed = endpoints(3);
    listed[1].endpoint.health = EndpointHealth::Draining;
    let set = build(spec(listed), None, at(0));
    assert_eq!(simply(&set), [600, 0, 600, 0]);
    eject(&set.members[0], Event::Unreachable);
    eject(&set.members[2], Event::Unreachable);
    assert_eq!(simply(&set), [0, 1200, 0, 0]);
    eject(&set.members[1], Event::Unreachable);
    assert_eq!(simply(&set), [600, 0, 600, 0]);
}

#[test]
fn nobody_is_tried_who_was_ejected_for_answers() {
    let set = build(spec(endpoints(2)), None, at(0));
    eject(&set.members[0], Event::Answered(500));
    eject(&set.members[1], Event::Unreachable);
    assert_eq!(simply(&set), [0, 1200, 0]);
    let set = build(spec(endpoints(1)), None, at(0));
    eject(&set.members[0], Event::Unanswered);
    assert_eq!(simply(&set), [0, 1200]);
}

#[test]
fn where_too_few_are_healthy_everybody_is_chosen() {
    let set = build(spec(endpoints(4)), None, at(0));
    set.members[..3]
        .iter()
        .for_each(|member| eject(member, Event::Answered(500)));
    let half = Fraction::from_millionths(500_000);
    assert_eq!(counts(&set, at(1), &[], half), [300, 300, 300, 300, 0]);
    let quarter = Fraction::from_millionths(250_000);
    assert_eq!(counts(&set, at(1), &[], quarter), [0, 0, 0, 1200, 0]);
}

#[test]
fn a_second_priority_terminating_endpoints_and_unreachable_ones_follow_in_this_order() {
    let mut listed = endpoints(3);
    listed[1].endpoint.health = EndpointHealth::Draining;
    listed[2].endpoint.priority = 1;
    let set = build(spec(listed), None, at(0));
    // One of two in the first priority terminates: 1.4 × 50 % stay.
    let first = simply(&set);
    assert!(first[0].abs_diff(840) < 80 && first[1] == 0, "{first:?}");
    eject(&set.members[0], Event::Unreachable);
    assert_eq!(simply(&set), [0, 0, 1200, 0]);
    eject(&set.members[2], Event::Unreachable);
    assert_eq!(simply(&set), [0, 1200, 0, 0]);
    eject(&set.members[1], Event::Unreachable);
    assert_eq!(simply(&set), [1200, 0, 0, 0]);
}

#[test]
fn an_endpoint_that_appears_starts_slowly_beside_those_that_were_there() {
    let warm = |count| {
        let mut spec = spec(endpoints(count));
        spec.settings.warmup = Some(Warmup {
            duration: Millis(100_000),
            minimum: Fraction::from_millionths(100_000),
            aggression: 1000,
        });
        spec
    };
    let old = build(warm(2), None, at(0));
    assert_eq!(counts(&old, at(1), &[], Fraction::ZERO), [600, 600, 0]);
    let set = build(warm(3), Some(&old), at(1_000));
    // A tenth of the share of the others, half of it, all of it.
    for (age, due) in [(0, 57), (50, 240), (100, 400)] {
        let new = counts(&set, at(1_000 + age), &[], Fraction::ZERO)[2];
        assert!(new.abs_diff(due) < 60, "{new} instead of {due} after {age} s");
    }
}

#[test]
fn what_stays_keeps_its_state_and_what_leaves_is_forgotten() {
    let old = build(spec(endpoints(2)), None, at(0));
    eject(&old.members[0], Event::Answered(500));
    let without = build(spec(endpoints(2).split_off(1)), Some(&old), at(1));
    assert!(Arc::ptr_eq(&old.members[1].state, &without.members[0].state));
    let again = build(spec(endpoints(2)), Some(&without), at(2));
    assert_eq!(simply(&again), [600, 600, 0]);
}

#[test]
fn an_address_that_is_listed_twice_is_one_endpoint() {
    let mut listed = endpoints(2);
    listed.extend(endpoints(1));
    assert_eq!(build(spec(listed), None, at(0)).members.len(), 2);
}

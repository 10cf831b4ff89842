use super::*;
use crate::bench::compare::Samples;

fn row(peer: &'static str, metric: Metric, values: &[f64]) -> Row {
    Row {
        peer,
        version: String::new(),
        samples: Samples::from([(metric, values.to_vec())]),
    }
}

fn comparison(scenario: &'static str, rows: Vec<Row>) -> Comparison {
    Comparison {
        scenario,
        about: "",
        rate: None,
        rows,
    }
}

fn outcome(verdicts: &[Verdict], promise: &str) -> Outcome {
    let found = verdicts.iter().find(|verdict| verdict.promise == promise);
    found.expect("this promise is judged").outcome
}

#[test]
fn the_better_of_two_is_what_ours_is_held_against() {
    let cpu = Metric::CpuMicros;
    let rows = vec![
        row(OURS, cpu, &[9.5]),
        row("nginx", cpu, &[10.0]),
        row("haproxy", cpu, &[9.0]),
    ];
    let verdicts = all(&[comparison("h1", rows)]);
    assert_eq!(
        outcome(&verdicts, "h1: CPU at most 1.0 of haproxy"),
        Outcome::Broken
    );
}

#[test]
fn ratios_are_of_the_same_round() {
    let cpu = Metric::CpuMicros;
    // The second round was slow for both.
    let rows = vec![
        row(OURS, cpu, &[9.0, 90.0, 9.0]),
        row("nginx", cpu, &[10.0, 100.0, 10.0]),
    ];
    let verdicts = all(&[comparison("h1", rows)]);
    let verdict = verdicts.first().expect("a verdict");
    assert_eq!(
        (verdict.outcome, verdict.seen.as_str()),
        (Outcome::Kept, "0.90 (0.90 to 0.90 in 3 rounds)")
    );
}

#[test]
fn a_limit_inside_of_the_spread_is_a_tie() {
    assert_eq!(judge(&[0.9, 1.0, 1.1], 1.0), Outcome::Kept);
    assert_eq!(judge(&[0.9, 1.1, 1.2], 1.0), Outcome::Tie);
    assert_eq!(judge(&[1.05, 1.1, 1.2], 1.0), Outcome::Broken);
}

#[test]
fn half_of_the_scenarios_must_be_a_tenth_ahead() {
    let cpu = Metric::CpuMicros;
    let of = |ours: f64| comparison("h1", vec![row(OURS, cpu, &[ours]), row("nginx", cpu, &[10.0])]);
    let promise = "CPU at most 0.9 of the better of nginx and haproxy in half of the scenarios";
    assert_eq!(outcome(&all(&[of(8.0), of(9.5)]), promise), Outcome::Kept);
    assert_eq!(
        outcome(&all(&[of(8.0), of(9.5), of(9.5)]), promise),
        Outcome::Broken
    );
}

#[test]
fn many_routes_are_held_against_one_in_the_same_rounds() {
    let cpu = Metric::CpuMicros;
    let of = |many: f64| {
        let rows = vec![
            row(OURS, cpu, &[many, 2.0 * many]),
            row(ONE_ROUTE, cpu, &[10.0, 20.0]),
        ];
        all(&[comparison("routes-10000", rows)])
    };
    let promise = "routes-10000: CPU at most 1.1 of one route";
    assert_eq!(outcome(&of(10.9), promise), Outcome::Kept);
    assert_eq!(outcome(&of(11.5), promise), Outcome::Broken);
}

#[test]
fn ours_with_one_route_is_no_peer() {
    let p50 = Metric::P50Micros;
    let rows = vec![
        row(OURS, p50, &[10.0]),
        row(ONE_ROUTE, p50, &[9.0]),
        row("nginx", p50, &[11.0]),
    ];
    let verdicts = all(&[comparison("routes-10000", rows)]);
    let promise = "routes-10000: p50 no worse than that of nginx";
    assert_eq!(outcome(&verdicts, promise), Outcome::Kept);
}

#[test]
fn memory_has_limits_of_its_own() {
    let of = |kib: f64| comparison("idle-tls", vec![row(OURS, Metric::KibPerConnection, &[kib])]);
    let promise = "idle-tls: at most 24 KiB for each connection";
    assert_eq!(outcome(&all(&[of(24.0)]), promise), Outcome::Kept);
    assert_eq!(outcome(&all(&[of(24.5)]), promise), Outcome::Broken);
}

#[test]
fn what_was_not_measured_is_not_judged() {
    assert!(all(&[]).is_empty());
}

#[test]
fn the_relay_that_only_moves_bytes_is_no_peer() {
    let (cpu, p50) = (Metric::CpuMicros, Metric::P50Micros);
    let of = |metric| {
        let rows = vec![
            row(OURS, metric, &[10.0]),
            row(KERNEL, metric, &[5.0]),
            row("nginx", metric, &[11.0]),
        ];
        all(&[comparison("h1", rows)])
    };
    assert_eq!(
        outcome(&of(p50), "h1: p50 no worse than that of nginx"),
        Outcome::Kept
    );
    assert_eq!(outcome(&of(cpu), "h1: CPU at most 1.0 of nginx"), Outcome::Kept);
}

#[test]
fn a_part_of_envoy_that_is_broken_tells_what_the_kernel_alone_takes() {
    let cpu = Metric::CpuMicros;
    let seen = |ours: f64| {
        let rows = vec![
            row(OURS, cpu, &[ours]),
            row("envoy", cpu, &[100.0]),
            row(KERNEL, cpu, &[31.0]),
        ];
        let verdicts = all(&[comparison("h1", rows)]);
        let promise = "h1: CPU at most 0.3 of envoy";
        let found = verdicts.into_iter().find(|verdict| verdict.promise == promise);
        found.expect("this promise is judged").seen
    };
    assert_eq!(
        seen(40.0),
        "0.40 (0.40 to 0.40 in 1 rounds) (the kernel alone: 0.31)"
    );
    assert_eq!(seen(20.0), "0.20 (0.20 to 0.20 in 1 rounds)");
}

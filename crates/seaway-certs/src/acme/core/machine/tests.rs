//! One transition each.

use super::*;

const DIRECTORY: &str = "https://ca.test/dir";
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

struct Bench {
    record: Record,
    ledger: Ledger,
    policy: Policy,
    now: Timestamp,
}

impl Bench {
    fn new() -> Self {
        Self {
            record: Record {
                names: vec!["a.example.com".into()],
                ..Record::default()
            },
            ledger: Ledger::default(),
            policy: Policy::new(7),
            now: Timestamp::default().after(DAY * 20_000),
        }
    }

    fn next(&self) -> Next {
        self.next_from(DIRECTORY)
    }

    fn next_from(&self, directory: &str) -> Next {
        let cx = Context {
            directory,
            policy: &self.policy,
            now: self.now,
        };
        next(&self.record, &self.ledger, cx)
    }

    /// Does what is due, with this outcome.
    fn step(&mut self, outcome: Outcome) {
        let step = self.due();
        begin(&mut self.record, &mut self.ledger, step, self.now);
        let cx = Context {
            directory: DIRECTORY,
            policy: &self.policy,
            now: self.now,
        };
        apply(&mut self.record, &mut self.ledger, step, outcome, cx);
    }

    /// Waits, if that is what is to be done.
    fn due(&mut self) -> Step {
        loop {
            match self.next() {
                Next::Do(step) => return step,
                Next::Wait(at, _) => {
                    assert!(at > self.now, "a pause that is over");
                    self.now = at;
                }
            }
        }
    }

    fn issue(&mut self) {
        self.step(Outcome::Ordered("https://ca.test/order/1".into()));
        self.step(Outcome::Answered);
        self.step(Outcome::Ready);
        self.step(Outcome::Finalized);
        let (from, to) = (self.now, self.now.after(DAY * 90));
        self.step(Outcome::Issued(from, to));
    }
}

#[test]
fn an_order_goes_through_its_phases_to_a_certificate() {
    let mut bench = Bench::new();
    assert_eq!(bench.next(), Next::Do(Step::Order));
    bench.step(Outcome::Ordered("u".into()));
    assert_eq!(bench.next(), Next::Do(Step::Challenge));
    bench.step(Outcome::Answered);
    assert_eq!(bench.due(), Step::Poll);
    bench.step(Outcome::Pending(None));
    assert_eq!(bench.due(), Step::Poll);
    bench.step(Outcome::Ready);
    assert_eq!(bench.next(), Next::Do(Step::Finalize));
    bench.step(Outcome::Finalized);
    assert_eq!(bench.next(), Next::Do(Step::Download));
    let now = bench.now;
    bench.step(Outcome::Issued(now, now.after(DAY * 90)));
    assert!(matches!(bench.next(), Next::Wait(_, Waiting::Renewal)));
}

#[test]
fn the_authority_is_asked_about_renewal_and_followed() {
    let mut bench = Bench::new();
    bench.issue();
    assert_eq!(bench.due(), Step::AskRenewal);
    let window = (bench.now.after(DAY * 3), bench.now.after(DAY * 4));
    bench.step(Outcome::Renewal(Some(window), DAY * 10));
    let Next::Wait(at, Waiting::Renewal) = bench.next() else {
        panic!("{:?}", bench.next())
    };
    assert!((window.0..window.1).contains(&at));
    bench.now = at;
    assert_eq!(bench.next(), Next::Do(Step::Order));
}

#[test]
fn an_authority_that_is_away_keeps_the_order() {
    let mut bench = Bench::new();
    bench.step(Outcome::Ordered("u".into()));
    bench.step(Outcome::Answered);
    bench.step(Outcome::Failed(Failure::new(FailureKind::Unreachable, "away")));
    assert!(matches!(bench.next(), Next::Wait(_, Waiting::Pause)));
    assert_eq!(bench.due(), Step::Challenge);
    assert_eq!(bench.record.order.as_ref().map(|o| &*o.url), Some("u"));
}

#[test]
fn a_refused_validation_makes_a_new_order_after_a_pause() {
    let mut bench = Bench::new();
    bench.step(Outcome::Ordered("u".into()));
    bench.step(Outcome::Answered);
    let mut failure = Failure::new(FailureKind::Challenge, "not seen");
    failure.order_lost = true;
    bench.step(Outcome::Failed(failure));
    assert!(matches!(bench.next(), Next::Wait(_, Waiting::Pause)));
    assert_eq!(bench.due(), Step::Order);
}

#[test]
fn retry_after_is_respected_to_the_second() {
    let mut bench = Bench::new();
    let mut failure = Failure::new(FailureKind::RateLimited, "slow down");
    failure.retry_after = Some(HOUR * 31);
    bench.step(Outcome::Failed(failure));
    let asked = bench.now.after(HOUR * 31);
    assert_eq!(bench.next(), Next::Wait(asked, Waiting::Pause));
}

#[test]
fn after_a_restart_the_answers_are_published_again_for_the_same_order() {
    let mut bench = Bench::new();
    bench.step(Outcome::Ordered("u".into()));
    bench.step(Outcome::Answered);
    resume(&mut bench.record);
    assert_eq!(bench.due(), Step::Challenge);
    assert_eq!(bench.record.order.map(|o| o.url), Some("u".into()));
}

#[test]
fn another_directory_is_asked_at_once_and_the_old_certificate_stays() {
    let mut bench = Bench::new();
    bench.issue();
    assert_eq!(bench.next_from("https://other.test/dir"), Next::Do(Step::Order));
    assert!(bench.record.issued.is_some());
}

#[test]
fn two_kinds_of_failure_that_take_turns_still_slow_down() {
    let mut bench = Bench::new();
    let begin = bench.now;
    for round in 0..60 {
        let kind = [FailureKind::Account, FailureKind::Order][round % 2];
        bench.step(Outcome::Failed(Failure::new(kind, "")));
        if bench.record.not_before.is_none() {
            panic!("no pause");
        }
    }
    assert!(bench.now.since(begin) > HOUR / 6, "{:?}", bench.now.since(begin));
}

#[test]
fn asking_for_a_certificate_again_is_one_certificate_in_the_ledger() {
    let mut bench = Bench::new();
    bench.policy.certificates_per_set.count = 1;
    bench.step(Outcome::Ordered("u".into()));
    bench.step(Outcome::Answered);
    bench.step(Outcome::Ready);
    bench.step(Outcome::Failed(Failure::new(FailureKind::Unreachable, "away")));
    assert_eq!(bench.due(), Step::Finalize);
}

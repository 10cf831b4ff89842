//! A year with thirty certificates: an authority with the published limits of Let's Encrypt that goes down, answers that
//! it is asked too often, and cannot see proofs for days; and a process that dies at any step, before or after the
//! authority has acted. What is on disk is what was written by `serde`.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const DIRECTORY: &str = "https://ca.test/dir";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Status {
    Pending,
    Ready,
    Processing,
    Valid,
    Invalid,
}

#[derive(Debug)]
struct Order {
    names: Vec<String>,
    status: Status,
    created: Timestamp,
    told: bool,
    certificate: Option<(Timestamp, Timestamp)>,
}

/// The authority.
struct Authority {
    down: Vec<(Timestamp, Timestamp)>,
    /// Hosts whose proof cannot be seen, from and to.
    blind: Vec<(String, Timestamp, Timestamp)>,
    orders: Vec<Order>,
    certificates: Vec<(Timestamp, Vec<String>)>,
    failed: Vec<(Timestamp, String)>,
    renewal_info: bool,
    life: Duration,
}

fn within(spans: &[(Timestamp, Timestamp)], now: Timestamp) -> bool {
    spans.iter().any(|(from, to)| (*from..*to).contains(&now))
}

impl Authority {
    fn act(&mut self, step: Step, record: &Record, now: Timestamp, rng: &mut Rng) -> Outcome {
        if within(&self.down, now) {
            let mut failure = Failure::new(FailureKind::Unreachable, "down");
            failure.not_ordered = true;
            return Outcome::Failed(failure);
        }
        if rng.u32(..1000) < 5 {
            let mut failure = Failure::new(FailureKind::RateLimited, "too many");
            failure.retry_after = Some(SECOND * rng.u32(1..7200));
            failure.not_ordered = true;
            return Outcome::Failed(failure);
        }
        match step {
            Step::AskRenewal => self.renewal(record, now, rng),
            Step::Order => self.order(record, now),
            _ => {
                let url = &record.order.as_ref().expect("a step of an order").url;
                self.of_order(url.parse().expect("an index"), step, now, rng)
            }
        }
    }

    fn renewal(&self, record: &Record, now: Timestamp, rng: &mut Rng) -> Outcome {
        let issued = record.issued.as_ref().expect("a certificate");
        let life = issued.not_after.since(issued.not_before);
        let window = self.renewal_info.then(|| {
            // Once in a while everything has to be renewed at once.
            let start = if rng.u32(..500) == 0 {
                now
            } else {
                issued.not_before.after(life * 6 / 10)
            };
            (start, start.after(DAY * 2))
        });
        Outcome::Renewal(window, DAY)
    }

    fn order(&mut self, record: &Record, now: Timestamp) -> Outcome {
        self.orders.push(Order {
            names: record.names.clone(),
            status: Status::Pending,
            created: now,
            told: false,
            certificate: None,
        });
        Outcome::Ordered((self.orders.len() - 1).to_string())
    }

    fn of_order(&mut self, index: usize, step: Step, now: Timestamp, rng: &mut Rng) -> Outcome {
        let blind = |name: &String| {
            let seen = |(host, from, to): &(String, Timestamp, Timestamp)| {
                host == name && (*from..*to).contains(&now)
            };
            self.blind.iter().any(seen)
        };
        let order = &mut self.orders[index];
        if now.since(order.created) > DAY * 7 && order.status != Status::Valid {
            order.status = Status::Invalid;
        }
        let lost = |kind| {
            let mut failure = Failure::new(kind, "lost");
            failure.order_lost = true;
            failure
        };
        match (step, order.status) {
            (_, Status::Invalid) => Outcome::Failed(lost(FailureKind::Order)),
            (Step::Challenge, Status::Pending) => {
                order.told = true;
                Outcome::Answered
            }
            (Step::Poll, Status::Pending) if order.told && rng.bool() => {
                let failed: Vec<String> = order.names.iter().filter(|n| blind(n)).cloned().collect();
                if failed.is_empty() {
                    order.status = Status::Ready;
                    return Outcome::Ready;
                }
                order.status = Status::Invalid;
                self.failed.extend(failed.iter().map(|host| (now, host.clone())));
                let mut failure = lost(FailureKind::Challenge);
                failure.hosts = failed;
                Outcome::Failed(failure)
            }
            (Step::Poll, Status::Pending) => Outcome::Pending(Some(SECOND * 3)),
            (Step::Challenge | Step::Poll, _) => Outcome::Ready,
            (Step::Finalize, Status::Ready) => {
                order.status = Status::Processing;
                Outcome::Finalized
            }
            (Step::Finalize, Status::Processing | Status::Valid) => Outcome::Finalized,
            (Step::Download, Status::Processing) if rng.bool() => Outcome::Pending(None),
            (Step::Download, Status::Processing) => {
                order.status = Status::Valid;
                order.certificate = Some((now, now.after(self.life)));
                self.certificates.push((now, order.names.clone()));
                Outcome::Issued(now, now.after(self.life))
            }
            (Step::Download, Status::Valid) => {
                let (from, to) = order.certificate.expect("it was made");
                Outcome::Issued(from, to)
            }
            other => panic!("{other:?}"),
        }
    }

    /// The limits of Let's Encrypt, not ours.
    fn check_limits(&self, seed: u64) {
        let orders: Vec<_> = self.orders.iter().map(|o| o.created).collect();
        assert!(most_within(&orders, HOUR * 3) <= 300, "seed {seed}: orders");
        let mut sets: BTreeMap<&[String], Vec<Timestamp>> = BTreeMap::new();
        for (at, names) in &self.certificates {
            sets.entry(names).or_default().push(*at);
        }
        for (names, times) in sets {
            assert!(
                most_within(&times, DAY * 7) <= 5,
                "seed {seed}: certificates for {names:?}"
            );
        }
        let mut hosts: BTreeMap<&str, Vec<Timestamp>> = BTreeMap::new();
        for (at, host) in &self.failed {
            hosts.entry(host).or_default().push(*at);
        }
        for (host, times) in hosts {
            assert!(
                most_within(&times, HOUR) <= 5,
                "seed {seed}: failed validations of {host}"
            );
        }
    }
}

fn most_within(times: &[Timestamp], window: Duration) -> usize {
    let mut begin = 0;
    let mut most = 0;
    for (end, at) in times.iter().enumerate() {
        while at.since(times[begin]) >= window {
            begin += 1;
        }
        most = most.max(end - begin + 1);
    }
    most
}

/// The process, and its disk.
struct Process {
    records: Vec<Record>,
    ledger: Ledger,
    disk: (Vec<String>, String),
    /// When each was due at last sight.
    due: Vec<Timestamp>,
    /// Orders that the authority made, and whose answer died with the process.
    answers_lost: usize,
}

impl Process {
    fn new(names: Vec<Vec<String>>) -> Self {
        let records = names.into_iter().map(|names| Record {
            names,
            ..Record::default()
        });
        let mut made = Self {
            records: records.collect(),
            ledger: Ledger::default(),
            disk: (Vec::new(), String::new()),
            due: Vec::new(),
            answers_lost: 0,
        };
        made.due = vec![Timestamp::default(); made.records.len()];
        made.disk.0 = vec![String::new(); made.records.len()];
        (0..made.records.len()).for_each(|index| made.write(index));
        made
    }

    fn write(&mut self, index: usize) {
        self.disk.0[index] = serde_json::to_string(&self.records[index]).expect("JSON");
        self.disk.1 = serde_json::to_string(&self.ledger).expect("JSON");
    }

    fn restart(&mut self) {
        let record = |text: &String| {
            let mut record = serde_json::from_str(text).expect("a record");
            resume(&mut record);
            record
        };
        self.records = self.disk.0.iter().map(record).collect();
        self.ledger = serde_json::from_str(&self.disk.1).expect("a ledger");
        self.due.fill(Timestamp::default());
    }

    /// The record that is due first. Times are remembered, and only the first is looked at again: what another one did
    /// can make it wait longer, never shorter.
    fn soonest(&mut self, policy: &Policy, now: Timestamp) -> (usize, Next) {
        let cx = Context {
            directory: DIRECTORY,
            policy,
            now,
        };
        loop {
            let (index, due) = self
                .due
                .iter()
                .copied()
                .enumerate()
                .min_by_key(|(_, due)| *due)
                .expect("records");
            let next = next(&self.records[index], &self.ledger, cx);
            match next {
                Next::Wait(at, _) if at != due => self.due[index] = at,
                next => return (index, next),
            }
        }
    }
}

struct Year {
    rng: Rng,
    seed: u64,
    policy: Policy,
    authority: Authority,
    process: Process,
    begin: Timestamp,
}

impl Year {
    fn new(seed: u64, life: Duration) -> Self {
        let mut rng = Rng::with_seed(seed);
        let begin = Timestamp::default().after(DAY * 20_000);
        let names: Vec<Vec<String>> = (0..30)
            .map(|i| {
                (0..=rng.usize(..3))
                    .map(|j| format!("h{j}.site{i}.example{}.com", i % 7))
                    .collect()
            })
            .collect();
        let mut authority = Authority {
            down: Vec::new(),
            blind: Vec::new(),
            orders: Vec::new(),
            certificates: Vec::new(),
            failed: Vec::new(),
            renewal_info: rng.bool(),
            life,
        };
        for _ in 0..20 {
            let at = begin.after(HOUR * rng.u32(24..24 * 365));
            authority
                .down
                .push((at, at.after((life / 40).min(HOUR * rng.u32(1..72)))));
        }
        for _ in 0..60 {
            let host = names[rng.usize(..30)][0].clone();
            let at = begin.after(HOUR * rng.u32(24..24 * 365));
            let to = at.after((life / 20).min(HOUR * rng.u32(1..120)));
            authority.blind.push((host, at, to));
        }
        Self {
            policy: Policy::new(seed),
            authority,
            process: Process::new(names),
            begin,
            rng,
            seed,
        }
    }

    fn run(&mut self) {
        let mut now = self.begin;
        while now.since(self.begin) < DAY * 365 {
            let (index, next) = self.process.soonest(&self.policy, now);
            match next {
                Next::Wait(at, _) => {
                    assert!(at > now, "seed {}: a pause that is over", self.seed);
                    now = at;
                    self.check_expiry(now);
                }
                Next::Do(step) => {
                    self.step(index, step, now);
                    now = now.after(SECOND * self.rng.u32(1..4));
                }
            }
        }
    }

    fn step(&mut self, index: usize, step: Step, now: Timestamp) {
        self.process.due[index] = now;
        // One step in eighty kills the process: before it begins, before or after the authority acts, after the writing.
        let death = self.rng.u32(..320);
        if death == 0 {
            return self.process.restart();
        }
        begin(
            &mut self.process.records[index],
            &mut self.process.ledger,
            step,
            now,
        );
        self.process.write(index);
        if death == 1 {
            return self.process.restart();
        }
        let outcome = self
            .authority
            .act(step, &self.process.records[index], now, &mut self.rng);
        if death == 2 {
            self.process.answers_lost += usize::from(matches!(outcome, Outcome::Ordered(_)));
            return self.process.restart();
        }
        let cx = Context {
            directory: DIRECTORY,
            policy: &self.policy,
            now,
        };
        apply(
            &mut self.process.records[index],
            &mut self.process.ledger,
            step,
            outcome,
            cx,
        );
        self.process.write(index);
        if death == 3 {
            self.process.restart();
        }
    }

    /// No trouble of the simulation lasts as long as a third of a life, so none may end in an expired certificate.
    fn check_expiry(&self, now: Timestamp) {
        if now.since(self.begin) < DAY {
            return;
        }
        for record in &self.process.records {
            let end = record.issued.as_ref().map(|issued| issued.not_after);
            assert!(
                end.is_some_and(|end| end > now),
                "seed {}: {:?} has no certificate, {record:#?}",
                self.seed,
                record.names
            );
        }
    }

    fn check_orders(&self) {
        let process = &self.process;
        let used = process.records.iter().filter_map(|record| record.order.as_ref());
        let used = used.count() + process.answers_lost;
        let open = self.authority.orders.iter();
        let open = open
            .filter(|order| !matches!(order.status, Status::Valid | Status::Invalid))
            .count();
        assert!(
            open <= used,
            "seed {}: {open} orders are open, {used} are known",
            self.seed
        );
        // One certificate for every order that did not fail: none was asked for twice.
        let valid = self
            .authority
            .orders
            .iter()
            .filter(|o| o.status == Status::Valid)
            .count();
        assert_eq!(valid, self.authority.certificates.len(), "seed {}", self.seed);
        let a_year =
            usize::try_from(DAY.as_secs() * 365 * 30 * 2 / self.authority.life.as_secs()).expect("small");
        assert!(
            valid < a_year + 60,
            "seed {}: {valid} certificates in a year",
            self.seed
        );
    }
}

fn years(seeds: std::ops::Range<u64>, life: Duration) {
    for seed in seeds {
        let mut year = Year::new(seed, life);
        year.run();
        year.authority.check_limits(seed);
        year.check_orders();
    }
}

#[test]
fn in_a_year_of_outages_and_crashes_no_certificate_expires_and_no_limit_is_reached() {
    years(0..10, DAY * 90);
}

#[test]
fn nor_do_certificates_that_live_for_forty_five_days() {
    years(100..104, DAY * 45);
}

#[test]
fn nor_do_certificates_that_live_for_six_days() {
    years(200..202, DAY * 6);
}

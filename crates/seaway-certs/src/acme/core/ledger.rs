//! What was asked of one directory within the last week, and what may still be asked.

use serde::{Deserialize, Serialize};

use super::policy::{Policy, Rate};
use super::{Record, Timestamp};

/// Written to disk before an order is sent: a crash may count one too many, never one too few.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    at: Timestamp,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum What {
    Order { names: String },
    Certificate { names: String, renewal: bool },
    FailedValidation { host: String },
}

/// A limit that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Orders,
    OrdersPerSet,
    CertificatesPerSet,
    CertificatesPerDomain,
    FailedValidations,
}

impl Limit {
    /// What is limited.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Orders => "orders at this authority",
            Self::OrdersPerSet => "orders for these names in a week",
            Self::CertificatesPerSet => "certificates for these names in a week",
            Self::CertificatesPerDomain => "new certificates below this domain in a week",
            Self::FailedValidations => "failed validations of a host in an hour",
        }
    }
}

impl Ledger {
    /// When one more order may be made, with the limit that says so. `None`: now.
    pub(crate) fn order_allowed(
        &self,
        record: &Record,
        renewal: bool,
        policy: &Policy,
        now: Timestamp,
    ) -> Option<(Timestamp, Limit)> {
        let names = record.names.join(",");
        let of_set = |what: &What| matches!(what, What::Order { names: of } if *of == names);
        [
            self.check(policy.orders, Limit::Orders, now, |what| {
                matches!(what, What::Order { .. })
            }),
            self.check(policy.orders_per_set, Limit::OrdersPerSet, now, of_set),
            self.certificate_allowed(record, renewal, policy, now),
            self.challenge_allowed(record, policy, now),
        ]
        .into_iter()
        .flatten()
        .max_by_key(|(at, _)| *at)
    }

    /// When one more certificate may be asked for.
    pub(crate) fn certificate_allowed(
        &self,
        record: &Record,
        renewal: bool,
        policy: &Policy,
        now: Timestamp,
    ) -> Option<(Timestamp, Limit)> {
        let names = record.names.join(",");
        let of_set = |what: &What| matches!(what, What::Certificate { names: of, .. } if *of == names);
        let per_set = self.check(
            policy.certificates_per_set,
            Limit::CertificatesPerSet,
            now,
            of_set,
        );
        let per_domain = (!renewal).then(|| {
            let domains = record.names.iter().map(|name| registered_domain(name));
            domains.filter_map(|domain| {
                let below = |what: &What| match what {
                    What::Certificate {
                        names,
                        renewal: false,
                    } => names.split(',').any(|name| registered_domain(name) == domain),
                    _ => false,
                };
                self.check(
                    policy.certificates_per_domain,
                    Limit::CertificatesPerDomain,
                    now,
                    below,
                )
            })
        });
        per_domain
            .into_iter()
            .flatten()
            .chain(per_set)
            .max_by_key(|(at, _)| *at)
    }

    /// When the authority may be told to look once more.
    pub(crate) fn challenge_allowed(
        &self,
        record: &Record,
        policy: &Policy,
        now: Timestamp,
    ) -> Option<(Timestamp, Limit)> {
        let hosts = record.names.iter().map(|name| bare(name));
        hosts
            .filter_map(|host| {
                let failed = |what: &What| matches!(what, What::FailedValidation { host: of } if of == host);
                self.check(policy.failed_validations, Limit::FailedValidations, now, failed)
            })
            .max_by_key(|(at, _)| *at)
    }

    fn check(
        &self,
        rate: Rate,
        limit: Limit,
        now: Timestamp,
        counts: impl Fn(&What) -> bool,
    ) -> Option<(Timestamp, Limit)> {
        let within = |entry: &&Entry| now.since(entry.at) < rate.window && counts(&entry.what);
        let mut times: Vec<_> = self.entries.iter().filter(within).map(|entry| entry.at).collect();
        times.sort_unstable();
        let oldest_that_must_go = times.len().checked_sub(rate.count)?;
        let at = times.get(oldest_that_must_go)?;
        Some((at.after(rate.window), limit))
    }

    pub(super) fn ordered(&mut self, record: &Record, now: Timestamp) {
        let names = record.names.join(",");
        self.push(now, What::Order { names });
    }

    /// The order was certainly not made.
    pub(super) fn not_ordered(&mut self, record: &Record) {
        let names = record.names.join(",");
        let of_set = |entry: &Entry| matches!(&entry.what, What::Order { names: of } if *of == names);
        if let Some(index) = self.entries.iter().rposition(of_set) {
            self.entries.remove(index);
        }
    }

    pub(super) fn certified(&mut self, record: &Record, renewal: bool, now: Timestamp) {
        let names = record.names.join(",");
        self.push(now, What::Certificate { names, renewal });
    }

    pub(super) fn failed(&mut self, host: &str, now: Timestamp) {
        let host = bare(host).to_owned();
        self.push(now, What::FailedValidation { host });
    }

    fn push(&mut self, at: Timestamp, what: What) {
        self.entries
            .retain(|entry| at.since(entry.at) < Policy::LONGEST_WINDOW);
        self.entries.push(Entry { at, what });
    }
}

fn bare(name: &str) -> &str {
    name.strip_prefix("*.").unwrap_or(name)
}

/// The domain that was registered: its last two labels, or three below a country's `co`, `com` and the like.
///
/// An authority goes by the Public Suffix List. Without its 200 kB we take too little of a name in places, never too
/// much, so that we count more names together than it does: the limit is reached early, not late.
pub(crate) fn registered_domain(name: &str) -> &str {
    const SECOND_LEVELS: [&str; 10] = ["ac", "co", "com", "edu", "gov", "net", "ne", "or", "org", "go"];
    let name = bare(name);
    let mut labels = name.rsplit('.');
    let (top, second) = (
        labels.next().unwrap_or_default(),
        labels.next().unwrap_or_default(),
    );
    let take = if top.len() == 2 && SECOND_LEVELS.contains(&second) {
        3
    } else {
        2
    };
    match name.rmatch_indices('.').nth(take - 1) {
        Some((dot, _)) => name.get(dot + 1..).unwrap_or(name),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn record(names: &[&str]) -> Record {
        Record {
            names: names.iter().map(|n| (*n).to_owned()).collect(),
            ..Record::default()
        }
    }

    fn start() -> Timestamp {
        Timestamp::default().after(Duration::from_secs(1_800_000_000))
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_registered_domain_is_two_labels_or_three_below_a_countrys_second_level() {
        assert_eq!(registered_domain("*.a.b.example.com"), "example.com");
        assert_eq!(registered_domain("a.b.example.co.uk"), "example.co.uk");
        assert_eq!(registered_domain("example.com"), "example.com");
        assert_eq!(registered_domain("localhost"), "localhost");
    }

    #[test]
    fn a_fifth_certificate_for_the_same_names_waits_until_the_first_is_a_week_old() {
        let (policy, mut ledger) = (Policy::new(0), Ledger::default());
        let record = record(&["a.example.com"]);
        for hour in 0..4 {
            assert_eq!(
                ledger.order_allowed(&record, true, &policy, start().after(HOUR * 4)),
                None
            );
            ledger.certified(&record, true, start().after(HOUR * hour));
        }
        let (at, limit) = ledger
            .order_allowed(&record, true, &policy, start().after(HOUR * 4))
            .expect("a limit");
        assert_eq!(
            (at, limit),
            (start().after(HOUR * 24 * 7), Limit::CertificatesPerSet)
        );
        assert_eq!(ledger.order_allowed(&record, true, &policy, at), None);
    }

    #[test]
    fn first_certificates_below_one_domain_are_counted_together_and_renewals_are_not() {
        let (policy, mut ledger) = (Policy::new(0), Ledger::default());
        for i in 0..40 {
            ledger.certified(&record(&[&format!("h{i}.example.com")]), false, start());
        }
        let next = record(&["new.example.com"]);
        let limit = ledger.order_allowed(&next, false, &policy, start());
        assert_eq!(limit.map(|(_, l)| l), Some(Limit::CertificatesPerDomain));
        assert_eq!(ledger.order_allowed(&next, true, &policy, start()), None);
        assert_eq!(
            ledger.order_allowed(&record(&["new.example.org"]), false, &policy, start()),
            None
        );
    }

    #[test]
    fn an_order_that_was_not_made_is_given_back() {
        let mut policy = Policy::new(0);
        policy.orders.count = 1;
        let (mut ledger, record) = (Ledger::default(), record(&["a.example.com"]));
        ledger.ordered(&record, start());
        let limit = ledger.order_allowed(&record, false, &policy, start());
        assert_eq!(limit, Some((start().after(HOUR * 3), Limit::Orders)));
        ledger.not_ordered(&record);
        assert_eq!(ledger.order_allowed(&record, false, &policy, start()), None);
    }

    #[test]
    fn a_wildcard_and_its_domain_are_one_host_for_failed_validations() {
        let (policy, mut ledger) = (Policy::new(0), Ledger::default());
        for _ in 0..3 {
            ledger.failed("*.example.com", start());
        }
        let limit = ledger.challenge_allowed(&record(&["example.com"]), &policy, start());
        assert_eq!(limit.map(|(_, l)| l), Some(Limit::FailedValidations));
    }
}

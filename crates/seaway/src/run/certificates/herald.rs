//! What is said aloud of certificates, on standard error: failures, their end, and an expiry. Each change once.
//!
//! Pure: it compares how certificates are with how they were when it last looked. A failure that goes on is one message
//! however often it is tried again; `seaway certs` and the metrics have the rest.

use std::collections::BTreeMap;
use std::time::SystemTime;

use seaway_certs::acme::{CertState, CertStatus, FailureKind, utc};
use seaway_model::SecretName;

/// Domains that a line names; of more their number is told.
const NAMED: usize = 3;

/// Remembers what was said.
#[derive(Debug, Default)]
pub struct Herald {
    known: BTreeMap<SecretName, Known>,
}

/// How a certificate was.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    /// Another configuration of it is another certificate, whose failures are news.
    asked: (Vec<String>, String, Option<String>),
    trouble: Option<FailureKind>,
    expires: Option<SystemTime>,
    expired: bool,
}

/// The next moment at which a certificate expires that is valid now.
pub fn next_expiry(list: &[CertStatus], now: SystemTime) -> Option<SystemTime> {
    list.iter()
        .filter_map(|status| status.expires)
        .filter(|at| *at > now)
        .min()
}

impl Herald {
    /// What is new.
    pub fn news(&mut self, list: &[CertStatus]) -> Vec<String> {
        let mut lines = Vec::new();
        // By what is wrong: a folder that cannot be written is one failure, not one for each certificate.
        let mut troubles: BTreeMap<&str, Vec<&CertStatus>> = BTreeMap::new();
        let mut known = BTreeMap::new();
        for status in list {
            let now = Known::of(status);
            let before = self.known.get(&status.name).filter(|b| b.asked == now.asked);
            if now.trouble.is_some() && before.is_none_or(|before| before.trouble != now.trouble) {
                let error = status.last_error.as_deref().unwrap_or_default();
                troubles.entry(error).or_default().push(status);
            }
            lines.extend(before.and_then(|before| improvement(before, &now, status)));
            if now.expired && before.is_none_or(|before| !before.expired) {
                lines.push(expired(status));
            }
            known.insert(status.name.clone(), now);
        }
        self.known = known;
        lines.extend(
            troubles
                .into_iter()
                .map(|(error, statuses)| failed(error, &statuses)),
        );
        lines
    }
}

impl Known {
    fn of(status: &CertStatus) -> Self {
        Self {
            asked: (
                status.domains.clone(),
                status.issuer.clone(),
                status.directory.clone(),
            ),
            trouble: status.last_error_kind,
            expires: status.expires,
            expired: status.state == CertState::Expired,
        }
    }
}

fn improvement(before: &Known, now: &Known, status: &CertStatus) -> Option<String> {
    let what = format!("certificate for {}", named(&[status]));
    match now.expires {
        // Of others whoever puts them there knows.
        Some(end) if before.expires != now.expires && status.directory.is_some() => Some(format!(
            "{what} (issuer {}): it came, valid until {}",
            status.issuer,
            utc(end)
        )),
        _ if before.trouble.is_some() && now.trouble.is_none() => {
            Some(format!("{what}: the failure is over; next: {}", next(status)))
        }
        _ => None,
    }
}

fn expired(status: &CertStatus) -> String {
    let at = status.expires.map(utc).unwrap_or_default();
    format!(
        "error: certificate for {} ({}) HAS EXPIRED on {at}: it keeps serving, and clients refuse it; next: {}",
        named(&[status]),
        status.issuer,
        next(status)
    )
}

fn failed(error: &str, statuses: &[&CertStatus]) -> String {
    let next = statuses.first().map(|status| next(status)).unwrap_or_default();
    let ends = statuses
        .iter()
        .filter(|status| status.state != CertState::Expired)
        .filter_map(|status| status.expires);
    let meanwhile = match (ends.min(), statuses) {
        (Some(end), [_]) => format!("; the one that is there serves, valid until {}", utc(end)),
        (Some(end), _) => format!("; those that are there serve, the first until {}", utc(end)),
        (None, _) => String::new(),
    };
    format!(
        "error: certificate for {}: {error}; next: {next}{meanwhile}",
        named(statuses)
    )
}

/// `a.example.com, b.example.com and 12 more`
fn named(statuses: &[&CertStatus]) -> String {
    let all: Vec<&str> = statuses
        .iter()
        .flat_map(|status| &status.domains)
        .map(String::as_str)
        .collect();
    let first = all.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

fn next(status: &CertStatus) -> String {
    match status.next_at {
        Some(at) => format!("{} ({})", status.next_step, utc(at)),
        None => status.next_step.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(day: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + day * 86_400)
    }

    fn valid(domain: &str) -> CertStatus {
        let name = SecretName(format!("httpscert:{domain}").into());
        let mut status = CertStatus::new(name, vec![domain.to_owned()], "letsencrypt");
        status.directory = Some("https://ca.test/dir".to_owned());
        status.state = CertState::Valid;
        status.expires = Some(at(90));
        status.next_step = "renew it".to_owned();
        status.next_at = Some(at(60));
        status
    }

    fn failing(domain: &str, kind: FailureKind, error: &str) -> CertStatus {
        CertStatus {
            last_error: Some(error.to_owned()),
            last_error_kind: Some(kind),
            ..valid(domain)
        }
    }

    #[test]
    fn what_is_well_from_the_beginning_is_not_worth_a_word() {
        assert_eq!(Herald::default().news(&[valid("a")]), [""; 0]);
    }

    #[test]
    fn a_failure_is_said_once_however_often_it_happens_and_so_is_its_end() {
        let mut herald = Herald::default();
        let failure = |error| [failing("a", FailureKind::Challenge, error)];
        let said = herald.news(&failure("the proof cannot be seen (1)"));
        assert_eq!(
            said,
            [
                "error: certificate for a: the proof cannot be seen (1); next: renew it (2027-03-16T08:00:00Z); \
              the one that is there serves, valid until 2027-04-15T08:00:00Z"
            ]
        );
        assert_eq!(herald.news(&failure("the proof cannot be seen (2)")), [""; 0]);
        assert_eq!(
            herald.news(&[valid("a")]),
            ["certificate for a: the failure is over; next: renew it (2027-03-16T08:00:00Z)"]
        );
        assert_eq!(herald.news(&failure("the proof cannot be seen (3)")).len(), 1);
    }

    #[test]
    fn a_failure_of_another_kind_is_news_and_so_is_one_of_another_configuration() {
        let mut herald = Herald::default();
        herald.news(&[failing("a", FailureKind::Dns, "no record")]);
        let refused = failing("a", FailureKind::Refused, "no");
        assert_eq!(herald.news(std::slice::from_ref(&refused)).len(), 1);
        let elsewhere = CertStatus {
            issuer: "another".to_owned(),
            ..refused
        };
        assert_eq!(herald.news(&[elsewhere]).len(), 1);
    }

    #[test]
    fn a_failure_that_many_share_is_one_line() {
        let broken: Vec<CertStatus> = ["a", "b", "c", "d", "e"]
            .map(|domain| failing(domain, FailureKind::Disk, "cannot write /data"))
            .into();
        let said = Herald::default().news(&broken);
        assert_eq!(said.len(), 1);
        assert!(
            said[0].starts_with("error: certificate for a, b, c and 2 more: cannot write /data;"),
            "{said:?}"
        );
    }

    #[test]
    fn an_expiry_is_said_once_and_loudly_wherever_the_certificate_comes_from() {
        let mut herald = Herald::default();
        let of_a_secret = CertStatus {
            directory: None,
            issuer: "Secret shop/tls".to_owned(),
            ..valid("a")
        };
        assert_eq!(herald.news(std::slice::from_ref(&of_a_secret)), [""; 0]);
        let expired = CertStatus {
            state: CertState::Expired,
            ..of_a_secret
        };
        let said = herald.news(std::slice::from_ref(&expired));
        assert!(
            said[0].starts_with(
                "error: certificate for a (Secret shop/tls) HAS EXPIRED on 2027-04-15T08:00:00Z"
            ),
            "{said:?}"
        );
        assert_eq!(herald.news(&[expired]), [""; 0]);
    }

    #[test]
    fn one_that_came_is_said_with_its_end() {
        let mut herald = Herald::default();
        let missing = CertStatus {
            state: CertState::Missing,
            expires: None,
            ..valid("a")
        };
        assert_eq!(herald.news(&[missing]), [""; 0]);
        assert_eq!(
            herald.news(&[valid("a")]),
            ["certificate for a (issuer letsencrypt): it came, valid until 2027-04-15T08:00:00Z"]
        );
    }

    #[test]
    fn the_next_expiry_is_the_first_that_is_still_to_come() {
        let mut later = valid("b");
        later.expires = Some(at(100));
        let list = [valid("a"), later];
        assert_eq!(next_expiry(&list, at(0)), Some(at(90)));
        assert_eq!(next_expiry(&list, at(90)), Some(at(100)));
        assert_eq!(next_expiry(&list, at(100)), None);
    }
}

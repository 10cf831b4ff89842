//! Certificates in a scrape.

use std::collections::BTreeMap;
use std::time::SystemTime;

use seaway_certs::acme::{CertStatus, Counters};
use seaway_telemetry::Exposition;
use seaway_telemetry::catalog::{
    CERTIFICATE_EXPIRY, CERTIFICATE_FAILURES, CERTIFICATE_ORDERS, CERTIFICATE_RENEWALS,
};

/// Until when what serves is valid, by domain. Of two certificates for a domain the earlier end counts.
pub fn expiries(exposition: &mut Exposition, list: &[CertStatus]) {
    let mut samples = exposition.family(CERTIFICATE_EXPIRY);
    for (domain, at) in earliest(list) {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        samples.sample(&[domain], since.as_secs());
    }
}

fn earliest(list: &[CertStatus]) -> BTreeMap<&str, SystemTime> {
    let mut all = BTreeMap::new();
    for status in list {
        let Some(at) = status.expires else { continue };
        for domain in &status.domains {
            let earliest = all.entry(domain.as_str()).or_insert(at);
            *earliest = at.min(*earliest);
        }
    }
    all
}

/// What was done to have them.
pub fn counts(exposition: &mut Exposition, counters: &Counters) {
    exposition.family(CERTIFICATE_ORDERS).sample(&[], counters.orders);
    exposition
        .family(CERTIFICATE_RENEWALS)
        .sample(&[], counters.renewals);
    let mut failures = exposition.family(CERTIFICATE_FAILURES);
    for (kind, count) in &counters.failures {
        failures.sample(&[kind.as_str()], *count);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use seaway_model::SecretName;

    use super::*;

    #[test]
    fn of_two_certificates_for_a_domain_the_earlier_end_counts() {
        let certificate = |domains: &[&str], expires: Option<u64>| {
            let domains = domains.iter().map(ToString::to_string).collect();
            let mut status = CertStatus::new(SecretName("s".into()), domains, "issuer");
            status.expires = expires.map(|at| SystemTime::UNIX_EPOCH + Duration::from_secs(at));
            status
        };
        let list = [
            certificate(&["a", "b"], Some(20)),
            certificate(&["a"], Some(10)),
            certificate(&["c"], None),
        ];
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(earliest(&list), [("a", at(10)), ("b", at(20))].into());
    }
}

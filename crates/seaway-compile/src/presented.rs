//! Which certificate a listener presents for which host.
//!
//! Objects of several dialects may ask for the same host on the same port. The older object has it, and the other is told:
//! a certificate that changes with the order of files would be worse than either.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use seaway_model::{Code, HostMatch, Origin, ServerCertificate};

use crate::findings::{Findings, whereabouts};
use crate::order::ObjectRank;
use crate::site::Socket;

/// A certificate that an object wants presented for a host.
#[derive(Clone, Debug)]
pub(crate) struct Presented {
    /// The place of the object among others.
    pub(crate) rank: ObjectRank,
    /// Where it asks for it.
    pub(crate) origin: Origin,
    /// What it asks for.
    pub(crate) certificate: ServerCertificate,
}

/// What each listener presents, settled.
pub(crate) fn settle_all(
    claims: BTreeMap<Socket, Vec<Presented>>,
    findings: &mut Findings,
) -> BTreeMap<Socket, Vec<Presented>> {
    claims
        .into_iter()
        .map(|(socket, claims)| (socket, settle(claims, findings)))
        .collect()
}

/// One for each host, most specific host first. The older object wins a host, then the first by namespace and name.
fn settle(mut claims: Vec<Presented>, findings: &mut Findings) -> Vec<Presented> {
    claims.sort_by(|a, b| (&a.rank, &a.origin).cmp(&(&b.rank, &b.origin)));
    let mut winners: BTreeMap<HostMatch, Presented> = BTreeMap::new();
    for claim in claims {
        match winners.entry(claim.certificate.host.clone()) {
            Entry::Vacant(free) => {
                free.insert(claim);
            }
            Entry::Occupied(taken) if taken.get().certificate == claim.certificate => {}
            Entry::Occupied(taken) => report_conflict(taken.get(), claim, findings),
        }
    }
    winners.into_values().collect()
}

/// Whether a client that asks for this host gets one of these, which are settled.
pub(crate) fn cover(presented: &[Presented], host: &HostMatch) -> bool {
    let presents = |wanted: &HostMatch| {
        presented
            .binary_search_by(|presented| presented.certificate.host.cmp(wanted))
            .is_ok()
    };
    let many_labels = |text: &str| {
        let mut rests = text.match_indices('.').filter_map(|(dot, _)| text.get(dot..));
        rests.any(|rest| presents(&HostMatch::Suffix(rest.into())))
    };
    let covered = match host {
        HostMatch::Exact(name) => {
            let one_label = name.find('.').and_then(|dot| name.get(dot..));
            one_label.is_some_and(|rest| presents(&HostMatch::OneLabel(rest.into()))) || many_labels(name)
        }
        HostMatch::Suffix(suffix) | HostMatch::OneLabel(suffix) => {
            presents(&HostMatch::OneLabel(suffix.clone())) || many_labels(suffix)
        }
        // Of all hosts, those that have a certificate are served.
        HostMatch::Any => return !presented.is_empty(),
    };
    covered || presents(host) || presents(&HostMatch::Any)
}

fn report_conflict(winner: &Presented, loser: Presented, findings: &mut Findings) {
    let message = format!(
        "{} has a certificate for \"{}\" already{}, so this one is not presented for it",
        winner.origin,
        loser.certificate.host,
        whereabouts(&winner.origin)
    );
    findings.report(
        Code::CertificateConflict,
        loser.origin,
        message,
        "remove the host from one of the two; the older object wins",
    );
}

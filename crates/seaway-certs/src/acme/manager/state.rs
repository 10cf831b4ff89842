//! What the manager knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use seaway_model::{AcmeIssuer, KeyPair, SecretName};

use crate::acme::challenges::Proof;
use crate::acme::core::{
    Context, FailureKind, LastError, Ledger, Next, Policy, Record, Step, Timestamp, next, resume,
};
use crate::acme::dns::Dns;
use crate::acme::status::{self, AliasStatus, CertState, CertStatus, Counters};
use crate::acme::storage::Storage;
use crate::acme::wanted::Wanted;
use crate::leaf::{self, Names};

#[derive(Default)]
pub(super) struct State {
    pub(super) wanted: Vec<Entry>,
    /// By names: two HttpsCerts for the same names share one certificate.
    pub(super) certificates: BTreeMap<Names, Certificate>,
    /// By directory. Only read by the process that orders.
    pub(super) ledgers: BTreeMap<Arc<str>, Ledger>,
    pub(super) counters: Counters,
    /// Whether this process orders.
    pub(super) orders_here: bool,
    /// Why it cannot know.
    pub(super) folder_trouble: Option<String>,
}

/// Something wanted.
pub(super) struct Entry {
    wanted: Wanted,
    /// Or why it can never be had.
    names: Result<Names, String>,
}

/// A certificate that is wanted, or was.
pub(super) struct Certificate {
    pub(super) record: Record,
    pub(super) pair: Option<KeyPair>,
    /// `None`: not wanted any more.
    pub(super) issuer: Option<Arc<AcmeIssuer>>,
    pub(super) working: Option<Step>,
}

impl Certificate {
    /// Ends the pause after a failure, but not one that an authority asked for.
    fn retry(&mut self) {
        let failed = self.record.last_error.as_ref();
        let ours = |error: &LastError| error.kind != FailureKind::RateLimited && !error.patience_asked;
        if failed.is_some_and(ours) {
            self.record.not_before = None;
        }
    }
}

impl State {
    pub(super) fn want(&mut self, wanted: Vec<Wanted>, storage: &Storage) {
        let before: BTreeMap<Names, Option<Arc<AcmeIssuer>>> = self
            .certificates
            .iter_mut()
            .map(|(names, certificate)| (names.clone(), certificate.issuer.take()))
            .collect();
        self.wanted.clear();
        for wanted in wanted {
            let names = check(&wanted);
            if let Ok(names) = &names {
                let certificate = self.load(names, storage);
                let issuer = certificate
                    .issuer
                    .get_or_insert_with(|| Arc::clone(&wanted.issuer));
                // What was wrong may have been repaired.
                if before
                    .get(names)
                    .and_then(Option::as_ref)
                    .is_some_and(|old| old != issuer)
                {
                    certificate.record.not_before = None;
                }
            }
            self.wanted.push(Entry { wanted, names });
        }
    }

    /// The certificate of these names, from disk if it is not known.
    fn load(&mut self, names: &Names, storage: &Storage) -> &mut Certificate {
        self.certificates.entry(names.clone()).or_insert_with(|| {
            // A folder that cannot be read is told by the thread, which needs it for more.
            let (mut record, pair) = storage
                .certificate(names)
                .unwrap_or_else(|_| (empty(names), None));
            resume(&mut record);
            Certificate {
                record,
                pair,
                issuer: None,
                working: None,
            }
        })
    }

    /// Reads all from disk again, as another process had the right to write it. True if something else serves now.
    pub(super) fn reload(&mut self, storage: &Storage) -> bool {
        let mut changed = false;
        for (names, certificate) in &mut self.certificates {
            let Ok((mut record, pair)) = storage.certificate(names) else {
                continue;
            };
            resume(&mut record);
            certificate.record = record;
            if pair.is_some() && pair != certificate.pair {
                certificate.pair = pair;
                changed = true;
            }
        }
        self.ledgers.clear();
        changed
    }

    /// Answers that this process or another has published.
    pub(super) fn proofs(&self, storage: &Storage) -> Vec<Proof> {
        self.certificates
            .keys()
            .flat_map(|names| storage.proofs(names))
            .collect()
    }

    pub(super) fn current(&self, name: &SecretName) -> Option<KeyPair> {
        let entry = self.wanted.iter().find(|entry| entry.wanted.name == *name)?;
        let names = entry.names.as_ref().ok()?;
        let own = self
            .certificates
            .get(names)
            .and_then(|certificate| certificate.pair.clone());
        own.or_else(|| self.best_for(names))
    }

    /// While names change: a certificate that covers most of them.
    fn best_for(&self, names: &Names) -> Option<KeyPair> {
        let covered = |of: &Names| {
            names
                .iter()
                .filter(|name| of.iter().any(|other| other == *name))
                .count()
        };
        self.certificates
            .iter()
            .filter(|(of, certificate)| certificate.pair.is_some() && covered(of) > 0)
            .max_by_key(|(of, _)| covered(of))
            .and_then(|(_, certificate)| certificate.pair.clone())
    }

    pub(super) fn retry(&mut self, name: &SecretName) {
        let entry = self.wanted.iter().find(|entry| entry.wanted.name == *name);
        if let Some(Ok(names)) = entry.map(|entry| &entry.names)
            && let Some(certificate) = self.certificates.get_mut(names)
        {
            certificate.retry();
        }
    }

    pub(super) fn retry_all(&mut self) {
        self.certificates.values_mut().for_each(Certificate::retry);
    }

    /// What is to be done for a certificate.
    pub(super) fn next(&self, certificate: &Certificate, policy: &Policy, now: Timestamp) -> Option<Next> {
        let issuer = certificate.issuer.as_ref()?;
        let none = Ledger::default();
        let ledger = self.ledgers.get(&issuer.directory).unwrap_or(&none);
        let cx = Context {
            directory: &issuer.directory,
            policy,
            now,
        };
        Some(next(&certificate.record, ledger, cx))
    }

    pub(super) fn status(&self, now: Timestamp, policy: &Policy, dns: &Dns) -> Vec<CertStatus> {
        self.wanted
            .iter()
            .map(|entry| self.status_of(entry, now, policy, dns))
            .collect()
    }

    fn status_of(&self, entry: &Entry, now: Timestamp, policy: &Policy, dns: &Dns) -> CertStatus {
        let Wanted {
            name,
            domains,
            issuer,
        } = &entry.wanted;
        let domains = domains.iter().map(ToString::to_string).collect();
        let mut status = CertStatus::new(name.clone(), domains, &*issuer.name);
        status.directory = Some(issuer.directory.to_string());
        status.state = CertState::Refused;
        let certificate = match &entry.names {
            Ok(names) => self.certificates.get(names),
            Err(why) => {
                status.last_error = Some(why.clone());
                status.last_error_kind = Some(FailureKind::Refused);
                None
            }
        };
        let Some(certificate) = certificate else {
            return status;
        };
        let record = &certificate.record;
        status.state = status::state(record, now);
        status.expires = record.issued.as_ref().map(|issued| issued.not_after.into());
        // While names change, one that covers some of them serves.
        if record.issued.is_none()
            && let Ok(names) = &entry.names
            && let Some(pair) = self.best_for(names)
            && let Some((_, end)) = leaf::validity_of(&pair.certificate_chain)
        {
            status.expires = Some(end);
            status.state = match Timestamp::from(end) <= now {
                true => CertState::Expired,
                false => CertState::Renewing,
            };
        }
        status.last_error = record.last_error.as_ref().map(|error| error.message.clone());
        status.last_error_kind = record.last_error.as_ref().map(|error| error.kind);
        status.aliases = aliases(record, dns);
        if let Some(next) = self.next(certificate, policy, now) {
            (status.next_step, status.next_at) = status::next_step(record, next, certificate.working);
        }
        if let Some(trouble) = &self.folder_trouble {
            status.last_error = Some(trouble.clone());
            status.last_error_kind = Some(FailureKind::Disk);
        } else if !self.orders_here {
            status.next_step =
                "wait until the other process on this data folder ends; its certificates serve here too"
                    .into();
            status.next_at = None;
        }
        status
    }
}

fn empty(names: &Names) -> Record {
    Record {
        names: names.iter().map(str::to_owned).collect(),
        ..Record::default()
    }
}

fn check(wanted: &Wanted) -> Result<Names, String> {
    let names = Names::new(&wanted.domains).map_err(|error| error.to_string())?;
    if !wanted.issuer.method.is_dns()
        && let Some(wildcard) = names.iter().find(|name| name.starts_with("*."))
    {
        return Err(format!(
            "{wildcard} can only be proven by DNS, and the issuer \"{}\" does not; use an issuer with dns01 or \
             acmeCloudFlare",
            wanted.issuer.name
        ));
    }
    Ok(names)
}

fn aliases(record: &Record, dns: &Dns) -> Vec<AliasStatus> {
    let domains = record
        .names
        .iter()
        .map(|name| name.strip_prefix("*.").unwrap_or(name));
    let mut aliases: Vec<AliasStatus> = domains
        .filter_map(|domain| {
            let alias = dns.alias(domain)?;
            Some(AliasStatus {
                name: format!("_acme-challenge.{domain}"),
                target: alias.target,
                there: alias.there,
            })
        })
        .collect();
    aliases.dedup();
    aliases
}

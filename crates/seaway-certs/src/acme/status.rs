//! What `seaway certs` and `/certs` show of a certificate, wherever it comes from, and the counters of metrics.

use std::collections::BTreeMap;
use std::time::SystemTime;

use seaway_model::SecretName;
use serde::Serialize;
use time::OffsetDateTime;

use super::core::{FailureKind, Limit, Next, Phase, Record, Step, Timestamp, Waiting};

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertStatus {
    /// Of which secret of the model.
    pub name: SecretName,
    /// What it is for.
    pub domains: Vec<String>,
    /// Name of the issuer; for what no issuer makes, where it is kept.
    pub issuer: String,
    /// URL of the authority's directory, if it speaks ACME.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// How it is.
    pub state: CertState,
    /// In plain words, what happens next.
    pub next_step: String,
    /// When; absent if now, or if it depends on somebody.
    #[serde(serialize_with = "rfc3339", skip_serializing_if = "Option::is_none")]
    pub next_at: Option<SystemTime>,
    /// Until when the certificate that serves is valid.
    #[serde(serialize_with = "rfc3339", skip_serializing_if = "Option::is_none")]
    pub expires: Option<SystemTime>,
    /// The last failure since the last success, in plain words with what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error_kind: Option<FailureKind>,
    /// For dns-01 by acme-dns: what the user must create.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<AliasStatus>,
}

/// How a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CertState {
    /// None yet.
    Missing,
    /// One serves.
    Valid,
    /// One serves, and a new one is being had.
    Renewing,
    /// One serves although it has expired, as none newer could be had.
    Expired,
    /// It will not be had until the configuration changes.
    Refused,
}

/// A CNAME record that the user must create.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AliasStatus {
    /// `_acme-challenge.` and the domain.
    pub name: String,
    /// What it has to lead to.
    pub target: String,
    /// Whether it did when last looked. `None`: not looked yet.
    pub there: Option<bool>,
}

/// Counters since the start of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counters {
    /// Orders that were sent.
    pub orders: u64,
    /// Certificates that came.
    pub issued: u64,
    /// Of these, for names that had one.
    pub renewals: u64,
    /// Failures by kind.
    pub failures: BTreeMap<FailureKind, u64>,
}

impl CertStatus {
    /// One that nothing else is known of.
    #[must_use]
    pub fn new(name: SecretName, domains: Vec<String>, issuer: impl Into<String>) -> Self {
        Self {
            name,
            domains,
            issuer: issuer.into(),
            directory: None,
            state: CertState::Missing,
            next_step: "none, until the configuration changes".to_owned(),
            next_at: None,
            expires: None,
            last_error: None,
            last_error_kind: None,
            aliases: Vec::new(),
        }
    }
}

pub(super) fn state(record: &Record, now: Timestamp) -> CertState {
    match &record.issued {
        None => CertState::Missing,
        Some(issued) if issued.not_after <= now => CertState::Expired,
        Some(_) if record.order.is_some() => CertState::Renewing,
        Some(_) => CertState::Valid,
    }
}

/// What happens next, and when.
pub(super) fn next_step(record: &Record, next: Next, working: Option<Step>) -> (String, Option<SystemTime>) {
    if let Some(step) = working {
        return (format!("now: {}", doing(step)), None);
    }
    match next {
        Next::Do(step) => (doing(step).to_owned(), None),
        Next::Wait(at, Waiting::Renewal) => (
            "renew it, or ask the authority when to".to_owned(),
            Some(at.into()),
        ),
        Next::Wait(at, Waiting::Limit(limit)) => (waiting_for(limit), Some(at.into())),
        Next::Wait(at, Waiting::Pause) => {
            let step = match record.order.as_ref().map(|order| order.phase) {
                None => Step::Order,
                Some(Phase::Challenging) => Step::Challenge,
                Some(Phase::Validating) => Step::Poll,
                Some(Phase::Finalizing) => Step::Finalize,
                Some(Phase::Downloading) => Step::Download,
            };
            (doing(step).to_owned(), Some(at.into()))
        }
    }
}

fn waiting_for(limit: Limit) -> String {
    format!("order it: waits, as the limit of {} is reached", limit.words())
}

fn doing(step: Step) -> &'static str {
    match step {
        Step::AskRenewal => "ask the authority when to renew it",
        Step::Order => "order it",
        Step::Challenge => "publish the proofs, and tell the authority",
        Step::Poll => "ask whether the authority has seen the proofs",
        Step::Finalize => "send the request for the certificate",
        Step::Download => "fetch the certificate",
    }
}

fn rfc3339<S: serde::Serializer>(time: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        None => serializer.serialize_none(),
        Some(time) => serializer.serialize_str(&utc(*time)),
    }
}

/// `2026-11-22T10:00:00Z`
#[must_use]
pub fn utc(time: SystemTime) -> String {
    let t = OffsetDateTime::from(time);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

//! What is known of one certificate.

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// The state of one certificate. Written to disk after every change; a process that starts goes on from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The names that it is for, sorted.
    pub(crate) names: Vec<String>,
    /// The certificate that serves.
    pub(crate) issued: Option<IssuedInfo>,
    /// The order in progress.
    pub(crate) order: Option<OrderRecord>,
    /// Nothing is done before: polling, back-off, or because the authority says so.
    pub(crate) not_before: Option<Timestamp>,
    /// Consecutive failures.
    #[serde(default)]
    pub(crate) failures: u32,
    /// The last of them. Gone when a certificate comes.
    pub(crate) last_error: Option<LastError>,
    /// The authority would not have the order replace the last certificate (RFC 9773, section 5).
    #[serde(default)]
    pub(crate) without_replaces: bool,
}

/// A certificate that came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IssuedInfo {
    /// Who signed it: the URL of the directory.
    pub(crate) directory: String,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// When the authority suggests to renew it (RFC 9773, section 4.2), from and to.
    pub(crate) window: Option<(Timestamp, Timestamp)>,
    /// When to ask for that again.
    pub(crate) ask_again: Timestamp,
}

/// An order that the authority has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrderRecord {
    /// At whose: the URL of the directory.
    pub(crate) directory: String,
    /// Its URL (RFC 8555, section 7.4).
    pub(crate) url: String,
    pub(crate) phase: Phase,
    /// How often this phase was asked for, for growing pauses.
    pub(crate) polls: u32,
    /// Whether the certificate is in the ledger.
    pub(crate) counted: bool,
    /// Whether there was a certificate for the same names from the same authority.
    pub(crate) renewal: bool,
}

/// How far an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Phase {
    /// Answers have to be published, and the authority told. Also after a restart, which loses what was published.
    Challenging,
    /// The authority looks at the answers.
    Validating,
    /// It has seen them; the certificate may be asked for.
    Finalizing,
    /// Asked for, not fetched.
    Downloading,
}

/// Why a step failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastError {
    pub(crate) kind: FailureKind,
    /// In plain words, with what to do.
    pub(crate) message: String,
    pub(crate) at: Timestamp,
    /// The authority said how long to wait, which nobody here may shorten.
    #[serde(default)]
    pub(crate) patience_asked: bool,
}

/// A kind of failure: decides how long to wait, and labels the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailureKind {
    /// The authority does not answer, or says that it is not well.
    Unreachable,
    /// The authority's limits.
    RateLimited,
    /// The authority could not see the proof.
    Challenge,
    /// The authority will not, until something is changed.
    Refused,
    /// The account is not known there, or was revoked.
    Account,
    /// The order is gone.
    Order,
    /// The DNS service refuses, or is away.
    Dns,
    /// The data folder.
    Disk,
    /// An answer that makes no sense.
    Unexpected,
}

impl FailureKind {
    /// For a metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::RateLimited => "rate_limited",
            Self::Challenge => "challenge",
            Self::Refused => "refused",
            Self::Account => "account",
            Self::Order => "order",
            Self::Dns => "dns",
            Self::Disk => "disk",
            Self::Unexpected => "unexpected",
        }
    }
}

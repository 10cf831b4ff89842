//! What becomes of a request that a route has taken.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{ClusterName, Fraction, HashOn, HeaderMutation, Millis, Pattern, RetryPolicy};

/// What a route does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Send it on.
    Forward(Forward),
    /// Answer with a redirect.
    Redirect(Redirect),
    /// Answer here.
    Respond(DirectResponse),
    /// Answer with an error, because the configuration is at fault.
    Fail(Failure),
}

/// Sending on, to one of several destinations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Forward {
    /// At least one; the sum of their weights is above zero. The share of each is its weight over the sum, exactly.
    pub destinations: Vec<Destination>,
    /// Changes to path and host.
    #[serde(default, skip_serializing_if = "Rewrite::is_empty")]
    pub rewrite: Rewrite,
    /// From the end of the request head to the end of the response, retries included. `None`: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Millis>,
    /// Whether and when to try again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Box<RetryPolicy>>,
    /// What a hashing balancer hashes; the first that the request has. Empty: nothing, and the choice is random.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hash_on: Vec<HashOn>,
}

/// One of the destinations of a split.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Destination {
    /// Where to.
    pub target: Target,
    /// Relative to the other destinations' weights.
    pub weight: u32,
    /// Changes for requests that go here, after the route's.
    #[serde(default, skip_serializing_if = "HeaderMutation::is_empty")]
    pub request_headers: HeaderMutation,
    /// Changes for responses that come from here, before the route's.
    #[serde(default, skip_serializing_if = "HeaderMutation::is_empty")]
    pub response_headers: HeaderMutation,
}

/// Where a destination leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// A cluster of the model.
    Cluster(ClusterName),
    /// Nowhere: this share of the requests is answered with an error, and the other destinations keep theirs.
    Fail(Failure),
}

/// Changes to where a request says it goes. The query is always kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rewrite {
    /// The path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathRewrite>,
    /// The host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostRewrite>,
}

impl Rewrite {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A change to the path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PathRewrite {
    /// The matched prefix becomes this text; a path matched exactly or by a regular expression becomes it as a whole.
    /// `/` strips the prefix. The result always starts with exactly one slash, and joining never makes `//`.
    Prefix(Arc<str>),
    /// The whole path becomes this text.
    Full(Arc<str>),
    /// Every match of the expression in the path becomes the substitution, `\1` to `\9` being its groups.
    Regex {
        /// Not anchored.
        pattern: Pattern,
        /// Text with `\0` to `\9` for groups.
        substitution: Arc<str>,
    },
}

/// A change to the host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HostRewrite {
    /// This text.
    Literal(Arc<str>),
}

/// A redirect. What is `None` stays as in the request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// `http` or `https`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Arc<str>>,
    /// Without a port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Arc<str>>,
    /// `None` with a scheme: that scheme's own port. `None` without: the request's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The path; the query stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<RedirectPath>,
}

/// The path of a redirect.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RedirectPath {
    /// The whole path becomes this.
    Full(Arc<str>),
    /// The matched prefix becomes this.
    Prefix(Arc<str>),
}

/// An answer that the configuration asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectResponse {
    /// Status.
    pub status: u16,
    /// Body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Arc<str>>,
}

/// An answer because the configuration is at fault.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// 500 or 503.
    pub status: u16,
    /// Why, as a stable word for logs, metrics and `explain`.
    pub reason: FailureReason,
    /// Why, for a person.
    pub message: Arc<str>,
}

/// Why the configuration makes a route or a destination fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// The Service is not there.
    ServiceNotFound,
    /// The Service has no such port.
    PortNotFound,
    /// The backend is of a kind that Seaway cannot forward to.
    UnsupportedBackend,
    /// The Service has no subset of that name.
    SubsetNotFound,
    /// The rule is invalid.
    InvalidRule,
    /// TLS to the upstream is asked for in a way that cannot be had.
    TlsUnavailable,
}

impl FailureReason {
    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServiceNotFound => "service_not_found",
            Self::PortNotFound => "port_not_found",
            Self::UnsupportedBackend => "unsupported_backend",
            Self::SubsetNotFound => "subset_not_found",
            Self::InvalidRule => "invalid_rule",
            Self::TlsUnavailable => "tls_unavailable",
        }
    }
}

impl Forward {
    /// The sum of all weights.
    #[must_use]
    pub fn total_weight(&self) -> u64 {
        self.destinations.iter().map(|d| u64::from(d.weight)).sum()
    }

    /// The share of a weight, in millionths, for people; engines use the weights.
    #[must_use]
    pub fn share(&self, weight: u32) -> Fraction {
        let total = self.total_weight().max(1);
        let parts = u64::from(weight) * 1_000_000 / total;
        Fraction::from_millionths(u32::try_from(parts).unwrap_or(u32::MAX))
    }
}

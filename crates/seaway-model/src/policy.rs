//! What happens to a request on its way: CORS, faults, mirrors, header changes, retries.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{ClusterName, Fraction, Millis, Pattern};

/// Changes to headers, applied in the order remove, set, add. Names are lower case.
///
/// Most routes and destinations have none, and each has two of these: one without changes takes no memory of its own. It
/// is read as [`FieldChanges`], and made from them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(from = "FieldChanges")]
pub struct HeaderMutation(Option<Box<FieldChanges>>);

/// What a [`HeaderMutation`] changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FieldChanges {
    /// Replaces every field of that name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<(Arc<str>, Arc<str>)>,
    /// Adds a field beside those that are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<(Arc<str>, Arc<str>)>,
    /// Removes every field of that name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<Arc<str>>,
}

impl FieldChanges {
    const NONE: Self = Self {
        set: Vec::new(),
        add: Vec::new(),
        remove: Vec::new(),
    };
}

impl HeaderMutation {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

/// No changes and changes that are all empty are the same, and compare so.
impl From<FieldChanges> for HeaderMutation {
    fn from(changes: FieldChanges) -> Self {
        Self((changes != FieldChanges::NONE).then(|| Box::new(changes)))
    }
}

impl Serialize for HeaderMutation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        FieldChanges::serialize(self, serializer)
    }
}

impl std::ops::Deref for HeaderMutation {
    type Target = FieldChanges;

    fn deref(&self) -> &FieldChanges {
        static NONE: FieldChanges = FieldChanges::NONE;
        self.0.as_deref().unwrap_or(&NONE)
    }
}

/// Cross-origin resource sharing, answered here (Fetch standard, 3.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cors {
    /// Origins that are allowed.
    pub allow_origins: Vec<OriginMatch>,
    /// Methods of a preflight answer; `*` alone for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_methods: Vec<Arc<str>>,
    /// Headers of a preflight answer; `*` alone for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_headers: Vec<Arc<str>>,
    /// Headers that scripts may read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expose_headers: Vec<Arc<str>>,
    /// Whether cookies may come along.
    pub allow_credentials: bool,
    /// Preflights of other origins: forwarded if true, answered here without permission if false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forward_unmatched_preflights: bool,
    /// How long a preflight answer may be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<u64>,
}

/// An origin that CORS allows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OriginMatch {
    /// `*`
    Any,
    /// `https://app.example.com`
    Exact(Arc<str>),
    /// Starts with (Istio).
    Prefix(Arc<str>),
    /// `https://*.example.com`: what stands before and after the star, which covers one or more characters.
    Wildcard {
        /// `https://`
        before: Arc<str>,
        /// `.example.com`
        after: Arc<str>,
    },
    /// Matches as a whole.
    Regex(Pattern),
}

/// A fault on purpose. The delay comes first, then the abort.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fault {
    /// Wait first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
    /// Answer with an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort: Option<Abort>,
}

/// A delay before a request goes on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Delay {
    /// The share of requests.
    pub fraction: Fraction,
    /// How long.
    pub duration: Millis,
}

/// An error instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Abort {
    /// The share of requests.
    pub fraction: Fraction,
    /// 200 to 599.
    pub status: u16,
    /// gRPC requests get this status instead, 1 to 16. `None`: the one that stands for `status`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc_status: Option<u8>,
}

/// A copy of requests, whose answers are thrown away.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mirror {
    /// Where the copies go.
    pub cluster: ClusterName,
    /// The share of requests that is copied.
    pub fraction: Fraction,
}

/// When to try a request again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryPolicy {
    /// Tries after the first one.
    pub attempts: u32,
    /// Limit for one try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_try_timeout: Option<Millis>,
    /// On which outcomes; sorted, each once.
    pub on: Vec<RetryOn>,
    /// The first pause is drawn from zero to this, and each later one from twice the span before, up to ten times this.
    /// `None`: 25 ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Millis>,
}

/// An outcome after which a request may be tried again. The words are Envoy's (`x-envoy-retry-on`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryOn {
    /// Any 5xx answer, and no answer at all (refused, reset, per-try timeout).
    #[serde(rename = "5xx")]
    ServerError,
    /// 502, 503 or 504.
    GatewayError,
    /// The connection broke before the response head came, or the try timed out.
    Reset,
    /// The connection broke before anything of the request was sent on it.
    ResetBeforeRequest,
    /// No connection could be made.
    ConnectFailure,
    /// HTTP/2 `REFUSED_STREAM`: the upstream says it did nothing.
    RefusedStream,
    /// 409.
    #[serde(rename = "retriable-4xx")]
    Retriable4xx,
    /// gRPC status `CANCELLED`, in the response head.
    Cancelled,
    /// gRPC status `DEADLINE_EXCEEDED`, in the response head.
    DeadlineExceeded,
    /// gRPC status `INTERNAL`, in the response head.
    Internal,
    /// gRPC status `RESOURCE_EXHAUSTED`, in the response head.
    ResourceExhausted,
    /// gRPC status `UNAVAILABLE`, in the response head.
    Unavailable,
    /// This status.
    #[serde(untagged)]
    Status(u16),
}

impl RetryOn {
    /// The outcome that Envoy calls so; `None` for a word that is not one, also for a status.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "5xx" => Self::ServerError,
            "gateway-error" => Self::GatewayError,
            "reset" => Self::Reset,
            "reset-before-request" => Self::ResetBeforeRequest,
            "connect-failure" => Self::ConnectFailure,
            "refused-stream" => Self::RefusedStream,
            "retriable-4xx" => Self::Retriable4xx,
            "cancelled" => Self::Cancelled,
            "deadline-exceeded" => Self::DeadlineExceeded,
            "internal" => Self::Internal,
            "resource-exhausted" => Self::ResourceExhausted,
            "unavailable" => Self::Unavailable,
            _ => return None,
        })
    }
}

/// What a hashing balancer hashes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HashOn {
    /// The value of this header, lower case.
    Header(Arc<str>),
    /// The value of this cookie.
    Cookie(Arc<str>),
    /// The value of this cookie, which is made up and set on the response where the request has none.
    GeneratedCookie(GeneratedCookie),
    /// The value of this query parameter.
    Query(Arc<str>),
    /// The client's address.
    SourceIp,
}

/// A cookie that is made so that a client comes back to its endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GeneratedCookie {
    /// Its name.
    pub name: Arc<str>,
    /// `Path`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Arc<str>>,
    /// `Max-Age`; zero: a session cookie.
    pub ttl: Millis,
    /// Further attributes, the value empty for those without one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<(Arc<str>, Arc<str>)>,
}

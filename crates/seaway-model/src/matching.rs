//! What a request must look like for a route to take it.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Pattern;

/// What a route takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Match {
    /// A request for which all of these hold.
    When(Conditions),
    /// Nothing, ever, and why. Kept in the model so that `explain` can say so.
    Never {
        /// Why nothing can match.
        because: Arc<str>,
    },
}

/// Conditions that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conditions {
    /// On the normalised path, without the query.
    pub path: PathMatch,
    /// One of these, upper case; empty for any method.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<Arc<str>>,
    /// All of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderMatch>,
    /// All of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<QueryMatch>,
    /// All of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<CookieMatch>,
    /// The client's address is one of these, sorted: the pods that a rule is for. `None`: anybody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources: Option<Arc<[IpAddr]>>,
}

/// A condition on the path. Case-sensitive, on the path as it is sent, percent-encoding kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PathMatch {
    /// Any path.
    #[default]
    Any,
    /// Exactly this.
    Exact(Arc<str>),
    /// This and what lies below it by path elements: `/foo` takes `/foo`, `/foo/` and `/foo/bar`, not `/foobar`.
    /// Written without a trailing slash; `/` is `Any`.
    Elements(Arc<str>),
    /// Whatever starts with this text: `/foo` takes `/foobar` too (Kalm, Istio).
    Prefix(Arc<str>),
    /// As `Exact`, but ASCII letters match in either case; written in lower case (Istio's `ignoreUriCase`).
    ExactIgnoringCase(Arc<str>),
    /// As `Prefix`, but ASCII letters match in either case; written in lower case.
    PrefixIgnoringCase(Arc<str>),
    /// A path that matches as a whole.
    Regex(Pattern),
}

/// A condition on a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StringMatch {
    /// Equal.
    Exact(Arc<str>),
    /// Starts with.
    Prefix(Arc<str>),
    /// Ends with.
    Suffix(Arc<str>),
    /// Matches as a whole.
    Regex(Pattern),
}

/// A condition on a value that may be absent.
///
/// A negated condition holds where the positive one does not, so it also holds for a request that lacks the value:
/// "not equal to x" is true of nothing at all.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ValueMatch {
    /// There, with any value, the empty one included.
    Present,
    /// Not there.
    Absent,
    /// There, and the value matches.
    Is(StringMatch),
    /// Not there, or the value does not match.
    IsNot(StringMatch),
}

/// A condition on a request header. Several fields of one name count as one value, joined by `,` (RFC 9110, 5.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HeaderMatch {
    /// Lower case. `:method` and `:authority` are the request's method, and its host with the port as it was sent.
    pub name: Arc<str>,
    /// What its value must be.
    pub value: ValueMatch,
}

/// A condition on a query parameter: the first of that name, percent-decoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct QueryMatch {
    /// Case-sensitive.
    pub name: Arc<str>,
    /// What its value must be.
    pub value: ValueMatch,
}

/// A condition on a cookie: the first of that name, as sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CookieMatch {
    /// Case-sensitive.
    pub name: Arc<str>,
    /// What its value must be.
    pub value: ValueMatch,
}

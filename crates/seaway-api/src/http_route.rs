//! `HttpRoute`, in `seaway.dev/v1alpha1` and in `core.kalm.dev/v1alpha1`. The differences between the two groups are
//! settled while decoding: a Kalm path becomes `PathSpec::StringPrefix`, a bare integer duration becomes seconds.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Spanned;

type Text = Spanned<Arc<str>>;

/// The spec of an HttpRoute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpRoute {
    /// Default `["*"]`; never empty.
    pub hosts: Vec<Text>,
    /// Default `["/"]`; never empty.
    pub paths: Vec<Spanned<PathSpec>>,
    /// Upper case; empty: every method.
    pub methods: Vec<Text>,
    /// `http`, `https`; empty: both.
    pub schemes: Vec<Spanned<Scheme>>,
    /// Remove the matched prefix before forwarding.
    pub strip_path: Spanned<bool>,
    /// All must hold.
    pub conditions: Vec<Spanned<Condition>>,
    /// May be empty only with `redirect`, or with `httpRedirectToHttps` and `schemes: [http]`.
    pub destinations: Vec<Spanned<Destination>>,
    /// 301 from http to https.
    pub http_redirect_to_https: Spanned<bool>,
    /// Milliseconds, above zero.
    pub timeout: Option<Spanned<u64>>,
    /// When to try again.
    pub retries: Option<Spanned<Retries>>,
    /// A copy of some requests.
    pub mirror: Option<Spanned<Mirror>>,
    /// An error for some requests.
    pub fault: Option<Spanned<Fault>>,
    /// A delay for some requests.
    pub delay: Option<Spanned<Delay>>,
    /// Cross-origin requests.
    pub cors: Option<Spanned<Cors>>,
    /// Header changes.
    pub headers: Option<Spanned<Headers>>,
    /// Path and host changes.
    pub rewrite: Option<Spanned<Rewrite>>,
    /// A redirect instead of forwarding.
    pub redirect: Option<Spanned<Redirect>>,
    /// How endpoints are chosen.
    pub load_balancing: Option<Spanned<LoadBalancing>>,
}

/// One of `paths`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PathSpec {
    /// `/x` in `seaway.dev`, or `{prefix: /x}`: by path elements.
    Prefix(Arc<str>),
    /// `/x` in `core.kalm.dev`: by characters.
    StringPrefix(Arc<str>),
    /// `{exact: /x}`
    Exact(Arc<str>),
    /// `{regex: ...}`, whole path, not yet checked.
    Regex(Arc<str>),
}

/// `http` or `https`: which listener a request came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Clear text.
    Http,
    /// TLS.
    Https,
}

/// One of `conditions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What is looked at.
    pub source: ConditionSource,
    /// Its name.
    pub name: Text,
    /// How it is compared.
    pub operator: Spanned<Operator>,
    /// With what; `None` only for `exists` and `absent`.
    pub value: Option<Text>,
}

/// `type` of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConditionSource {
    /// A request header.
    Header,
    /// A query parameter.
    Query,
    /// A cookie. Not in Kalm.
    Cookie,
}

/// `operator` of a condition. Kalm has the first three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as they are written")]
pub enum Operator {
    Equal,
    WithPrefix,
    MatchRegexp,
    NotEqual,
    WithoutPrefix,
    NotMatchRegexp,
    Exists,
    Absent,
}

/// One of `destinations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// `service[.namespace[.svc.cluster.local]][:port]`, a DNS name, or an address; not yet taken apart.
    pub host: Text,
    /// Default 1.
    pub weight: Spanned<u32>,
    /// Labels that a pod must have.
    pub subset: BTreeMap<Arc<str>, Text>,
}

/// `retries`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Tries after the first.
    pub attempts: Spanned<u32>,
    /// Milliseconds.
    pub per_try_timeout: Option<Spanned<u64>>,
    /// Words of Envoy's retry policy, and status codes, as text; checked while decoding.
    pub retry_on: Vec<Text>,
}

/// A percentage, in millionths: `10` is 100,000. 0 to 1,000,000.
pub type Percentage = Spanned<u32>;

/// `mirror`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// Default 100.
    pub percentage: Percentage,
    /// Its weight does nothing.
    pub destination: Destination,
}

/// `fault`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Default 100.
    pub percentage: Percentage,
    /// 200 to 599.
    pub error_status: Spanned<u16>,
}

/// `delay`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delay {
    /// Default 100.
    pub percentage: Percentage,
    /// Milliseconds.
    pub delay: Spanned<u64>,
}

/// `cors`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "as in the Fetch standard")]
pub struct Cors {
    /// `*`, an origin, or an origin with one `*` in its host.
    pub allow_origins: Vec<Text>,
    pub allow_methods: Vec<Text>,
    pub allow_headers: Vec<Text>,
    pub expose_headers: Vec<Text>,
    pub allow_credentials: bool,
    pub max_age_seconds: Option<u64>,
}

/// `headers`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// On the way to the upstream.
    pub request: HeaderChange,
    /// On the way back.
    pub response: HeaderChange,
}

/// Changes in one direction. Names as written; checked to be field names, and values to be field values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderChange {
    /// Replaces.
    pub set: BTreeMap<Arc<str>, Text>,
    /// Adds.
    pub add: BTreeMap<Arc<str>, Text>,
    /// Removes.
    pub remove: Vec<Text>,
}

/// `rewrite`: `path` and/or `host`, or `regex` with `substitution` (and maybe `host`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// Replaces the matched prefix, or the whole of an exact or regex match.
    pub path: Option<Text>,
    /// Replaces the host.
    pub host: Option<Text>,
    /// Replaced wherever it matches; not yet checked.
    pub regex: Option<Text>,
    /// By this, with `\1` for groups.
    pub substitution: Option<Text>,
}

/// `redirect`
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "what is None stays as in the request")]
pub struct Redirect {
    pub host: Option<Text>,
    /// The whole path; the query stays.
    pub path: Option<Text>,
    pub scheme: Option<Spanned<Scheme>>,
    pub port: Option<Spanned<u16>>,
    /// 301 (default), 302, 303, 307, 308.
    pub status: Spanned<u16>,
}

/// `loadBalancing`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancing {
    /// Default `leastRequest`.
    pub policy: Spanned<Policy>,
    /// Required by `consistentHash`, an ignored field otherwise.
    pub hash_on: Option<Spanned<HashOn>>,
}

/// `loadBalancing.policy`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as they are written")]
pub enum Policy {
    LeastRequest,
    RoundRobin,
    Random,
    ConsistentHash,
}

/// `loadBalancing.hashOn`: `{header: name}`, `{cookie: name}`, `{query: name}` or `{sourceIP: true}`; exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as they are written")]
pub enum HashOn {
    Header(Text),
    Cookie(Text),
    Query(Text),
    SourceIp,
}

//! The explanation itself. As JSON it is a contract: fields may be added, and every field is always there.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use seaway_model::{
    EndpointSource, Failure, Fault, Fraction, HashOn, HeaderMutation, HostMatch, Mirror, NamedEndpoint,
    Origin, RetryOn, RetryPolicy, Route,
};
use serde::ser::{SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};

use super::policies::Policies;

/// What becomes of a request, and why.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation<'a> {
    /// Name of the listener; `None` if nothing listens on the port.
    pub listener: Option<&'a str>,
    /// The host pattern that took the request.
    #[serde(serialize_with = "pattern")]
    pub virtual_host: Option<&'a HostMatch>,
    /// The route that took it.
    pub route: Option<RouteRef<'a>>,
    /// What is done with it.
    pub action: ActionKind,
    /// How, where nobody reads requests on the connection.
    pub mode: Option<Mode>,
    /// All destinations of a forward, in the route's order.
    pub destinations: Vec<DestinationShare<'a>>,
    /// What the upstream gets, for a forward.
    pub upstream_request: Option<UpstreamRequest<'a>>,
    /// For a redirect.
    pub redirect: Option<RedirectAnswer>,
    /// For `respond` and `fail`.
    pub respond: Option<Answer>,
    /// Copies.
    pub mirrors: Vec<MirrorShare<'a>>,
    /// For the whole request.
    pub timeout_ms: Option<u64>,
    /// For a relayed connection on which nothing moves.
    pub idle_timeout_ms: Option<u64>,
    /// When a forward is tried again.
    pub retries: Option<Retries<'a>>,
    /// What destinations that balance by a hash go by, the first that the request has.
    pub hash_on: &'a [HashOn],
    /// Faults on purpose, which come before the action.
    pub fault: Option<FaultShares>,
    /// The routes that came into question by their path, in order, the one that took the request last. Where dozens share
    /// one path, the index passes over those whose exact header, parameter, cookie or method the request lacks.
    pub considered: Vec<Considered<'a>>,
    /// How many more did not match than are listed.
    pub considered_more: usize,
    /// Why, where the action is not simply what the route says.
    pub because: Option<Cow<'a, str>>,
}

/// What is done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionKind {
    /// It is sent on.
    Forward,
    /// It is answered with a redirect.
    Redirect,
    /// It is answered here.
    Respond,
    /// It is answered with an error, because the configuration is at fault.
    Fail,
    /// It never comes in.
    None,
}

/// What is done with a connection that is relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Bytes.
    Tcp,
    /// Datagrams.
    Udp,
    /// TLS that is not ended here.
    Passthrough,
    /// TLS that ends here, and what is inside is relayed.
    Terminate,
}

/// A route, as the person who wrote it knows it.
#[derive(Clone, Copy, Debug)]
pub struct RouteRef<'a> {
    /// The object.
    pub origin: &'a Origin,
    /// The rule's index in it.
    pub rule: u32,
    /// All of it, where it is one of requests.
    pub of_requests: Option<&'a Route>,
}

impl<'a> From<&'a Route> for RouteRef<'a> {
    fn from(route: &'a Route) -> Self {
        Self {
            origin: &route.origin,
            rule: route.rule,
            of_requests: Some(route),
        }
    }
}

/// A destination and its share.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationShare<'a> {
    /// Its cluster; `None` if it fails.
    pub cluster: Option<&'a str>,
    /// Name of its Service; `None` for an address or a DNS name.
    pub service: Option<&'a str>,
    /// Namespace of its Service.
    pub namespace: Option<&'a str>,
    /// Port of its Service, or of the address.
    pub port: Option<u16>,
    /// Subset of its Service's pods.
    pub subset: Option<&'a str>,
    /// As configured.
    pub weight: u32,
    /// Of all requests, exactly.
    pub share: f64,
    /// Where it may lead.
    pub endpoints: Endpoints<'a>,
    /// What it does besides, where it does not fail.
    pub policies: Option<Policies<'a>>,
    /// Why it fails instead.
    pub fail: Option<&'a Failure>,
    /// Header changes of this destination alone, where they are not in the upstream request already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_headers: Option<&'a HeaderMutation>,
}

/// Addresses of a cluster, sorted; `host:port` for a DNS name.
#[derive(Clone, Copy, Debug)]
pub struct Endpoints<'a>(pub Option<&'a EndpointSource>);

/// What the upstream gets.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamRequest<'a> {
    /// As sent.
    pub method: &'a str,
    /// After the rewrite.
    pub host: Cow<'a, str>,
    /// After the rewrite, with the query.
    pub path: String,
    /// Header changes.
    #[serde(flatten)]
    pub headers: HeaderChanges<'a>,
}

/// What header changes come to.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeaderChanges<'a> {
    /// Replaced.
    pub headers_set: BTreeMap<&'a str, &'a str>,
    /// Added beside what is there; several values joined by `, `.
    pub headers_added: BTreeMap<&'a str, Cow<'a, str>>,
    /// Removed.
    pub headers_removed: Vec<&'a str>,
}

/// A redirect.
#[derive(Clone, Debug, Serialize)]
pub struct RedirectAnswer {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// The Location header.
    pub location: String,
}

/// An answer made here.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Stable word.
    pub reason: &'static str,
}

/// A copy and its share.
#[derive(Clone, Debug, Serialize)]
pub struct MirrorShare<'a> {
    /// Where to.
    pub cluster: &'a str,
    /// Of the requests, 0 to 100.
    pub percentage: f64,
}

/// When a forward is tried again.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Retries<'a> {
    /// Tries after the first.
    pub attempts: u32,
    /// For each try.
    pub per_try_timeout_ms: Option<u64>,
    /// The longest first pause, where the route says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_ms: Option<u64>,
    /// On which outcomes, as words.
    #[serde(serialize_with = "words")]
    pub retry_on: &'a [RetryOn],
}

/// Faults and their shares.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct FaultShares {
    /// A delay, first.
    pub delay: Option<DelayShare>,
    /// An error, then.
    pub abort: Option<AbortShare>,
}

/// A delay and its share.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DelayShare {
    /// Of the requests, 0 to 100.
    pub percentage: f64,
    /// How long.
    pub delay_ms: u64,
}

/// An error and its share.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AbortShare {
    /// Of the requests, 0 to 100.
    pub percentage: f64,
    /// Status.
    pub status: u16,
    /// Of gRPC requests, where the route says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc_status: Option<u8>,
}

/// A route that came into question.
#[derive(Clone, Debug, Serialize)]
pub struct Considered<'a> {
    /// Which.
    pub route: RouteRef<'a>,
    /// Whether it took the request.
    pub matched: bool,
    /// The first condition that does not hold, in a sentence.
    pub because: Cow<'static, str>,
}

impl<'a> Explanation<'a> {
    pub(super) fn new(action: ActionKind) -> Self {
        Self {
            listener: None,
            virtual_host: None,
            route: None,
            action,
            mode: None,
            destinations: Vec::new(),
            upstream_request: None,
            redirect: None,
            respond: None,
            mirrors: Vec::new(),
            timeout_ms: None,
            idle_timeout_ms: None,
            retries: None,
            hash_on: &[],
            fault: None,
            considered: Vec::new(),
            considered_more: 0,
            because: None,
        }
    }

    pub(super) fn none(because: Cow<'a, str>) -> Self {
        Self {
            because: Some(because),
            ..Self::new(ActionKind::None)
        }
    }

    pub(super) fn respond(status: u16, reason: &'static str, because: Cow<'a, str>) -> Self {
        let respond = Some(Answer { status, reason });
        Self {
            respond,
            because: Some(because),
            ..Self::new(ActionKind::Respond)
        }
    }

    pub(super) fn fail(failure: &'a Failure) -> Self {
        let because = Cow::Borrowed(&*failure.message);
        let answer = Self::respond(failure.status, failure.reason.as_str(), because);
        Self {
            action: ActionKind::Fail,
            ..answer
        }
    }
}

impl<'a> HeaderChanges<'a> {
    /// Adds changes that come after these.
    pub(super) fn then(&mut self, mutation: &'a HeaderMutation) {
        for name in &mutation.remove {
            self.headers_set.remove(&**name);
            self.headers_added.remove(&**name);
            if !self.headers_removed.contains(&&**name) {
                self.headers_removed.push(name);
            }
        }
        for (name, value) in &mutation.set {
            self.headers_added.remove(&**name);
            self.headers_set.insert(name, value);
        }
        for (name, value) in &mutation.add {
            self.headers_added
                .entry(name)
                .and_modify(|all| *all = format!("{all}, {value}").into())
                .or_insert(Cow::Borrowed(value));
        }
    }
}

impl FaultShares {
    pub(super) fn new(fault: &Fault) -> Self {
        Self {
            delay: fault.delay.as_ref().map(|delay| DelayShare {
                percentage: percentage(delay.fraction),
                delay_ms: delay.duration.0,
            }),
            abort: fault.abort.as_ref().map(|abort| AbortShare {
                percentage: percentage(abort.fraction),
                status: abort.status,
                grpc_status: abort.grpc_status,
            }),
        }
    }
}

impl<'a> MirrorShare<'a> {
    pub(super) fn new(mirror: &'a Mirror) -> Self {
        Self {
            cluster: &mirror.cluster.0,
            percentage: percentage(mirror.fraction),
        }
    }
}

impl<'a> Retries<'a> {
    pub(super) fn new(policy: &'a RetryPolicy) -> Self {
        Self {
            attempts: policy.attempts,
            per_try_timeout_ms: policy.per_try_timeout.map(|t| t.0),
            backoff_ms: policy.backoff.map(|b| b.0),
            retry_on: &policy.on,
        }
    }
}

fn percentage(fraction: Fraction) -> f64 {
    f64::from(fraction.millionths()) / 10_000.0
}

impl Endpoints<'_> {
    /// Static addresses, sorted.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let Some(EndpointSource::Static(endpoints)) = self.0 else {
            return Vec::new();
        };
        let mut addresses: Vec<_> = endpoints.iter().map(|e| e.address).collect();
        addresses.sort_unstable();
        addresses
    }
}

impl Serialize for Endpoints<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = match self.0 {
            Some(EndpointSource::Dns(names)) => names.as_slice(),
            Some(EndpointSource::LogicalDns(name)) => std::slice::from_ref(name),
            Some(EndpointSource::Static(_)) | None => return serializer.collect_seq(self.addresses()),
        };
        let text = |name: &NamedEndpoint| format!("{}:{}", name.host, name.port);
        serializer.collect_seq(names.iter().map(text))
    }
}

impl Serialize for RouteRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let origin = self.origin;
        let position = origin.position.as_ref();
        let mut route = serializer.serialize_struct("Route", 7)?;
        route.serialize_field("apiVersion", &*origin.api_version)?;
        route.serialize_field("kind", &*origin.kind)?;
        route.serialize_field("namespace", &*origin.namespace)?;
        route.serialize_field("name", &*origin.name)?;
        route.serialize_field("rule", &self.rule)?;
        route.serialize_field("file", &position.map(|p| &*p.file))?;
        route.serialize_field("line", &position.map(|p| p.line))?;
        route.end()
    }
}

/// As written: a wildcard for one label looks like any other here.
fn pattern<S: Serializer>(host: &Option<&HostMatch>, serializer: S) -> Result<S::Ok, S::Error> {
    match host {
        Some(host) => serializer.collect_str(host),
        None => serializer.serialize_none(),
    }
}

/// A status is a word here, as it is in a manifest.
fn words<S: Serializer>(on: &&[RetryOn], serializer: S) -> Result<S::Ok, S::Error> {
    let mut seq = serializer.serialize_seq(Some(on.len()))?;
    for outcome in *on {
        match outcome {
            RetryOn::Status(status) => seq.serialize_element(&status.to_string())?,
            word => seq.serialize_element(word)?,
        }
    }
    seq.end()
}

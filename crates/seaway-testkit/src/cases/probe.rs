//! `probes.yaml`: requests, and what must become of them.
//!
//! ```yaml
//! - name: a tester's cookie leads to the new version        # optional, for messages
//!   request: GET https://shop.example.com/cart?x=1
//!   headers: {cookie: tester=1}                              # a value or a list of values; `host` replaces the URL's
//!   port: 8443                                               # optional, else the URL's
//!   source: 10.0.0.7                                         # optional, the client's address; such a probe is only explained
//!   expect:                                                  # only what is written is compared
//!     action: forward                                        # forward, redirect, respond, fail, none
//!     mode: passthrough                                      # of a connection that is relayed: tcp, udp, passthrough, terminate
//!     route: shop/shop                                       # namespace/name, or the name of a cluster-scoped object
//!     cluster: shop/shop:8080/v2                             # the only destination
//!     destinations: {shop/shop:8080/v1: 0.95, fail:service_not_found: 0.05}
//!     status: 503
//!     reason: service_not_found
//!     path: /cart?x=1                                        # as the backend sees it
//!     host: shop.example.com                                 # the same
//!     headersSet: {x-a: "1"}
//!     headersRemoved: [x-b]
//!     location: https://shop.example.com/
//! ```
//!
//! `request` may also be a connection: `tcp://host:5432`, `udp://host:53`, `tls://name`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

/// A request, and what must become of it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Probe {
    /// For messages.
    #[serde(default)]
    pub name: Option<String>,
    /// `GET https://host/path`, or a URL alone.
    pub request: String,
    /// Headers of the request.
    #[serde(default)]
    pub headers: BTreeMap<String, OneOrMany>,
    /// The listener's port, instead of the URL's.
    #[serde(default)]
    pub port: Option<u16>,
    /// The client's address.
    #[serde(default)]
    pub source: Option<IpAddr>,
    /// What must become of it.
    pub expect: Expect,
}

/// A value, or several.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// All of them.
    #[must_use]
    pub fn values(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// What must become of a request. Only what is written is compared.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Expect {
    /// `forward`, `redirect`, `respond`, `fail`, `none`
    pub action: Option<String>,
    /// `tcp`, `udp`, `passthrough`, `terminate`
    pub mode: Option<String>,
    /// `http-80`
    pub listener: Option<String>,
    /// `shop.example.com`
    pub virtual_host: Option<String>,
    /// `namespace/name`, or the name of a cluster-scoped object.
    pub route: Option<String>,
    /// The index of the rule in its object.
    pub rule: Option<u64>,
    /// The only destination.
    pub cluster: Option<String>,
    /// Every destination with its share of the requests; one that fails is `fail:` and the reason.
    pub destinations: Option<BTreeMap<String, f64>>,
    /// Clusters that get a copy.
    pub mirrors: Option<Vec<String>>,
    /// Of the answer, where it is made by the gateway.
    pub status: Option<u64>,
    /// Why the gateway answers itself.
    pub reason: Option<String>,
    /// Where a redirect leads.
    pub location: Option<String>,
    /// Method as the backend sees it.
    pub method: Option<String>,
    /// Path and query as the backend sees them.
    pub path: Option<String>,
    /// Host as the backend sees it.
    pub host: Option<String>,
    /// Headers that the backend gets, set by the configuration.
    pub headers_set: Option<BTreeMap<String, String>>,
    /// The same, beside those that the request had.
    pub headers_added: Option<BTreeMap<String, String>>,
    /// Headers that the backend does not get.
    pub headers_removed: Option<Vec<String>>,
    /// The route's whole time, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Headers of the answer to the client. Only compared over real sockets.
    pub response_headers: Option<BTreeMap<String, String>>,
}

impl Probe {
    /// Its name, or else its request.
    #[must_use]
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.request)
    }

    /// Method and URL; GET where there is only a URL.
    #[must_use]
    pub fn method_and_url(&self) -> (&str, &str) {
        self.request.split_once(' ').unwrap_or(("GET", &self.request))
    }

    /// Every header, one pair for each value.
    pub fn header_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().flat_map(|(name, values)| {
            values
                .values()
                .iter()
                .map(move |value| (name.as_str(), value.as_str()))
        })
    }

    /// Compares with what `explain` says, as its JSON has it. One line per difference.
    #[must_use]
    pub fn check_explanation(&self, explanation: &Value) -> Vec<String> {
        let mut checks = Checks {
            explanation,
            wrong: Vec::new(),
        };
        self.expect.check(&mut checks);
        checks.wrong
    }
}

struct Checks<'a> {
    explanation: &'a Value,
    wrong: Vec<String>,
}

impl Checks<'_> {
    fn at(&self, pointer: &str) -> &Value {
        self.explanation.pointer(pointer).unwrap_or(&Value::Null)
    }

    fn equal<T>(&mut self, what: &str, expected: Option<&T>, got: &Value)
    where
        T: PartialEq + serde::Serialize + ?Sized,
    {
        let Some(expected) = expected else { return };
        // Every expectation is a text, a number or a list or map of these, all of which JSON can say.
        let expected = serde_json::to_value(expected).unwrap_or_default();
        if expected != *got {
            self.wrong.push(format!("{what}: expected {expected}, got {got}"));
        }
    }
}

impl Expect {
    fn check(&self, checks: &mut Checks<'_>) {
        // Destructured, so that a new expectation cannot be forgotten here.
        let Self {
            action,
            mode,
            listener,
            virtual_host,
            route,
            rule,
            cluster,
            destinations,
            mirrors,
            status,
            reason,
            location,
            method,
            path,
            host,
            headers_set,
            headers_added,
            headers_removed,
            timeout_ms,
            response_headers: _,
        } = self;
        for (what, expected, pointer) in [
            ("action", action, "/action"),
            ("mode", mode, "/mode"),
            ("listener", listener, "/listener"),
            ("virtualHost", virtual_host, "/virtualHost"),
            ("reason", reason, "/respond/reason"),
            ("location", location, "/redirect/location"),
            ("method", method, "/upstreamRequest/method"),
            ("path", path, "/upstreamRequest/path"),
            ("host", host, "/upstreamRequest/host"),
        ] {
            let got = checks.at(pointer).clone();
            checks.equal(what, expected.as_ref(), &got);
        }
        checks.equal("route", route.as_ref(), &route_of(checks.explanation));
        checks.equal("rule", rule.as_ref(), &checks.at("/route/rule").clone());
        checks.equal("timeoutMs", timeout_ms.as_ref(), &checks.at("/timeoutMs").clone());
        let got = match checks.at("/respond/status") {
            Value::Null => checks.at("/redirect/status").clone(),
            status => status.clone(),
        };
        checks.equal("status", status.as_ref(), &got);
        checks.equal("mirrors", mirrors.as_ref(), &clusters_of(checks.at("/mirrors")));
        for (what, expected, pointer) in [
            ("headersSet", headers_set, "/upstreamRequest/headersSet"),
            ("headersAdded", headers_added, "/upstreamRequest/headersAdded"),
        ] {
            for (name, value) in expected.iter().flatten() {
                let got = checks.at(pointer).get(name).cloned().unwrap_or_default();
                checks.equal(&format!("{what}.{name}"), Some(value), &got);
            }
        }
        let removed = checks.at("/upstreamRequest/headersRemoved").clone();
        for name in headers_removed.iter().flatten() {
            let gone = removed
                .as_array()
                .is_some_and(|names| names.iter().any(|n| n == name));
            if !gone {
                checks
                    .wrong
                    .push(format!("headersRemoved: {name} is not in {removed}"));
            }
        }
        check_destinations(checks, cluster.as_deref(), destinations.as_ref());
    }
}

fn check_destinations(
    checks: &mut Checks<'_>,
    cluster: Option<&str>,
    destinations: Option<&BTreeMap<String, f64>>,
) {
    let shares: BTreeMap<String, f64> = checks
        .at("/destinations")
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|d| Some((destination_name(d)?, d["share"].as_f64()?)))
        .collect();
    let only = cluster.map(|cluster| BTreeMap::from([(cluster.to_owned(), 1.0)]));
    for expected in only.iter().chain(destinations) {
        let same = expected.len() == shares.len()
            && expected
                .iter()
                .zip(&shares)
                .all(|((name, share), (other, got))| name == other && (share - got).abs() < 1e-6);
        if !same {
            checks
                .wrong
                .push(format!("destinations: expected {expected:?}, got {shares:?}"));
        }
    }
}

/// The cluster, or `fail:` and the reason.
fn destination_name(destination: &Value) -> Option<String> {
    match destination["cluster"].as_str() {
        Some(cluster) => Some(cluster.to_owned()),
        None => Some(format!("fail:{}", destination.pointer("/fail/reason")?.as_str()?)),
    }
}

/// `namespace/name` of the route that took it; null without one.
fn route_of(explanation: &Value) -> Value {
    let route = &explanation["route"];
    match (
        route["namespace"].as_str().unwrap_or_default(),
        route["name"].as_str(),
    ) {
        (_, None) => Value::Null,
        ("", Some(name)) => name.into(),
        (namespace, Some(name)) => format!("{namespace}/{name}").into(),
    }
}

/// Mirrors as names, whether they are objects with a `cluster` or plain names.
fn clusters_of(mirrors: &Value) -> Value {
    mirrors
        .as_array()
        .into_iter()
        .flatten()
        .map(|mirror| mirror.get("cluster").unwrap_or(mirror).clone())
        .collect()
}

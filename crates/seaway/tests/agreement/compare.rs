//! What `explain` says, against what the proxy did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use seaway_model::{Balancing, HashOn, HeaderMutation};
use seaway_route::Explanation;
use seaway_route::explain::{ActionKind, DestinationShare, HeaderChanges, UpstreamRequest};
use seaway_testkit::echo::Received;

use crate::requests::{Ask, Wire};
use crate::served::{Noted, Outcome, Reply};

/// One line for each disagreement. `slots` names the backend of each cluster.
pub fn disagreements(
    ask: &Ask,
    explanation: &Explanation<'_>,
    outcome: &Outcome,
    slots: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut wrong = Wrong(Vec::new());
    let (reply, noted) = match (explanation.action, outcome) {
        (ActionKind::None, Outcome::NotConnected) => return wrong.0,
        // A server name for which there is nothing but a reason.
        (ActionKind::Fail, Outcome::NotConnected) if explanation.mode.is_some() => return wrong.0,
        (ActionKind::None, Outcome::Answered(answered)) => {
            return vec![format!(
                "explained as no connection, but answered {}",
                answered.0.status
            )];
        }
        (action, Outcome::NotConnected) => {
            return vec![format!("explained as {action:?}, but there was no connection")];
        }
        (_, Outcome::Answered(answered)) => (&answered.0, &answered.1),
    };
    wrong.equal("noted status", noted.status, reply.status);
    let route = explanation.route.map(|route| (route.origin.clone(), route.rule));
    wrong.equal("route", &route, &noted.route);
    wrong.response_headers(explanation, reply);
    wrong.sticky(ask, explanation, (reply, noted));
    if let Some(status) = aborted(explanation) {
        wrong.equal("status", status, reply.status);
        wrong.equal("reason", Some("fault_injected"), noted.reason.as_deref());
        return wrong.0;
    }
    match explanation.action {
        ActionKind::Forward => wrong.forwarded(ask, explanation, (reply, noted), slots),
        ActionKind::Redirect => {
            let redirect = explanation.redirect.as_ref();
            wrong.equal("status", redirect.map(|r| r.status), Some(reply.status));
            let location = redirect.map(|r| r.location.as_str());
            wrong.equal("location", location, reply.header("location"));
        }
        ActionKind::Respond | ActionKind::Fail => wrong.answered(explanation, reply, noted),
        ActionKind::None => {}
    }
    wrong.0
}

/// The status of a fault that always happens. Those of this test happen always or never.
fn aborted(explanation: &Explanation<'_>) -> Option<u16> {
    let abort = explanation.fault?.abort?;
    (abort.percentage > 0.0).then_some(abort.status)
}

struct Wrong(Vec<String>);

impl Wrong {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "most of what is compared is a reference or a number"
    )]
    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, explained: T, done: T) {
        if explained != done {
            self.0
                .push(format!("{what}: explained as {explained:?}, was {done:?}"));
        }
    }

    fn answered(&mut self, explanation: &Explanation<'_>, reply: &Reply, noted: &Noted) {
        let answer = explanation.respond;
        self.equal("status", answer.map(|a| a.status), Some(reply.status));
        self.equal("backend", None, reply.header("x-echo-backend"));
        let reason = match answer.map(|a| a.reason) {
            // Not an error, so nothing is noted.
            Some("cors_preflight") => None,
            // The log says more exactly what was bad.
            Some("bad_request") => noted.reason.as_deref(),
            reason => reason,
        };
        self.equal("reason", reason, noted.reason.as_deref());
    }

    fn forwarded(
        &mut self,
        ask: &Ask,
        explanation: &Explanation<'_>,
        (reply, noted): (&Reply, &Noted),
        slots: &BTreeMap<String, String>,
    ) {
        let possible = |d: &&DestinationShare<'_>| d.share > 0.0;
        let mut destinations = explanation.destinations.iter().filter(possible);
        let Some(cluster) = noted.cluster.as_deref() else {
            // The share of a destination that fails.
            let fails = |d: &DestinationShare<'_>| {
                d.fail.is_some_and(|fail| {
                    fail.status == reply.status && Some(fail.reason.as_str()) == noted.reason.as_deref()
                })
            };
            if !destinations.any(fails) {
                self.0.push(format!(
                    "{} {:?}: no destination fails so",
                    reply.status, noted.reason
                ));
            }
            return;
        };
        // There may be several of one cluster, each with changes of its own.
        let of_cluster: Vec<_> = destinations.filter(|d| d.cluster == Some(cluster)).collect();
        if of_cluster.is_empty() {
            self.0
                .push(format!("{cluster} got it, which is none of the destinations"));
        }
        let backend = slots.get(cluster).map(String::as_str);
        self.equal("backend", backend, reply.header("x-echo-backend"));
        if backend.is_none() {
            self.equal("status without endpoints", 503, reply.status);
            return;
        }
        self.equal("status", 200, reply.status);
        let Some(upstream) = &explanation.upstream_request else {
            self.0.push("explained without an upstream request".into());
            return;
        };
        if ask.method != "HEAD" {
            match serde_json::from_slice::<Received>(&reply.body) {
                Ok(received) => {
                    let compared = of_cluster.iter().map(|destination| {
                        let mut wrong = Self(Vec::new());
                        wrong.received(ask, upstream, destination.request_headers, &received);
                        wrong.0
                    });
                    self.0.extend(compared.min_by_key(Vec::len).unwrap_or_default());
                }
                Err(error) => self
                    .0
                    .push(format!("the backend's answer cannot be read: {error}")),
            }
        }
    }

    /// `own`: what the destination alone changes.
    fn received(
        &mut self,
        ask: &Ask,
        upstream: &UpstreamRequest<'_>,
        own: Option<&HeaderMutation>,
        received: &Received,
    ) {
        self.equal("method", upstream.method, &received.method);
        self.equal("path", &upstream.path, &received.path);
        self.equal("host", &*upstream.host, &received.host);
        self.equal("body", ask.body.len(), received.body_bytes);
        let changes = &upstream.headers;
        let mut names: BTreeSet<&str> = BTreeSet::from(["x-a", "x-b", "cookie", "origin"]);
        names.extend(changes.headers_set.keys());
        names.extend(changes.headers_added.keys());
        names.extend(&changes.headers_removed);
        let nothing = HeaderMutation::default();
        let own = own.unwrap_or(&nothing);
        names.extend(own.set.iter().chain(&own.add).map(|(name, _)| &**name));
        for name in names {
            let sent = ask
                .headers
                .iter()
                .filter(|(sent, _)| sent.eq_ignore_ascii_case(name));
            let by_route = changed(changes, name, sent.map(|(_, value)| value.as_str()).collect());
            let expected = changed_by(own, name, by_route);
            let got = received.headers.get(name).map(Vec::as_slice).unwrap_or_default();
            // What HTTP/2 splits is one field beyond it (RFC 9113, 8.2.3).
            let joint = if name == "cookie" && ask.wire == Wire::Http2 {
                "; "
            } else {
                ", "
            };
            self.equal(name, expected.join(joint), got.join(", "));
        }
    }

    /// A cookie is set exactly where a hashing balancer goes by it and the request has none.
    fn sticky(&mut self, ask: &Ask, explanation: &Explanation<'_>, (reply, noted): (&Reply, &Noted)) {
        let balancing = |d: &DestinationShare<'_>| d.policies.map(|policies| policies.0.balancing);
        let met = |d: &&DestinationShare<'_>| d.cluster.is_some() && d.cluster == noted.cluster.as_deref();
        let balancing = explanation.destinations.iter().find(met).and_then(balancing);
        let hashed = matches!(balancing, Some(Balancing::RingHash | Balancing::Maglev));
        // What stands before it in the list may be had, so that it is not looked at.
        let made = match explanation.hash_on.first() {
            Some(HashOn::GeneratedCookie(made)) => Some(&*made.name),
            _ => None,
        };
        let Some(name) = made.filter(|_| hashed) else {
            return;
        };
        let pairs = ask.headers.iter().filter(|(name, _)| *name == "cookie");
        let mut pairs = pairs.flat_map(|(_, value)| value.split("; "));
        let has = pairs.any(|pair| pair.split_once('=').is_some_and(|(other, _)| other == name));
        let set = reply
            .header("set-cookie")
            .is_some_and(|set| set.starts_with(&format!("{name}=")));
        self.equal("cookie is set", !has, set);
    }

    /// The route's changes to responses are the same for every answer that it gives, so they need no explanation.
    fn response_headers(&mut self, explanation: &Explanation<'_>, reply: &Reply) {
        let Some(route) = explanation.route.and_then(|route| route.of_requests) else {
            return;
        };
        let changes = &route.response_headers;
        for (name, value) in &changes.set {
            self.equal(name, Some(&**value), reply.header(name));
        }
        for name in &changes.remove {
            let comes_back = changes
                .set
                .iter()
                .chain(&changes.add)
                .any(|(other, _)| other == name);
            if !comes_back {
                self.equal(name, None, reply.header(name));
            }
        }
    }
}

/// A header's values after the changes of a destination.
fn changed_by<'a>(own: &'a HeaderMutation, name: &str, mut values: Vec<&'a str>) -> Vec<&'a str> {
    if own.remove.iter().any(|removed| **removed == *name) {
        values.clear();
    }
    let of_name = |pairs: &'a [(Arc<str>, Arc<str>)]| {
        let pairs = pairs.iter().filter(move |(other, _)| **other == *name);
        pairs.map(|(_, value)| &**value).collect::<Vec<_>>()
    };
    let set = of_name(&own.set);
    if !set.is_empty() {
        values = set;
    }
    values.extend(of_name(&own.add));
    values
}

/// A header's values after the changes: those that were sent, or the one that is set, and what is added.
fn changed<'a>(changes: &'a HeaderChanges<'_>, name: &str, sent: Vec<&'a str>) -> Vec<&'a str> {
    let mut values = match changes.headers_set.get(name) {
        Some(set) => vec![*set],
        None if changes.headers_removed.contains(&name) => Vec::new(),
        None => sent,
    };
    values.extend(changes.headers_added.get(name).map(|added| &**added));
    values
}

//! Our proxy's answer against Envoy's.

use std::collections::{BTreeMap, BTreeSet};

use seaway_route::Explanation;
use seaway_testkit::echo::Received;

use crate::requests::Ask;
use crate::served::Reply;

/// Of the connection, or of the moment.
const PASSING: [&str; 5] = [
    "date",
    "content-length",
    "connection",
    "transfer-encoding",
    "keep-alive",
];
/// Of an answer that is made at the gateway: our text is another than Envoy's, which is mostly none.
const OF_OUR_TEXT: [&str; 1] = ["content-type"];

/// One line for each difference.
pub fn differences(
    ask: &Ask,
    explanation: &Explanation<'_>,
    ours: Option<&Reply>,
    theirs: Option<&Reply>,
    slots: &BTreeMap<String, String>,
) -> Vec<String> {
    let (ours, theirs) = match (ours, theirs) {
        (None, None) => return Vec::new(),
        (Some(ours), None) => return vec![format!("connection: ours {}, Envoy's none", ours.status)],
        (None, Some(theirs)) => return vec![format!("connection: ours none, Envoy's {}", theirs.status)],
        (Some(ours), Some(theirs)) => (ours, theirs),
    };
    let mut wrong = Vec::new();
    let backends = (ours.header("x-echo-backend"), theirs.header("x-echo-backend"));
    if is_split(explanation) && !is_aborted(explanation) {
        // Each has thrown dice of its own; what Envoy chose must be among what can be chosen.
        let possible = explanation.destinations.iter().filter(|d| d.share > 0.0);
        let fits = |backend: Option<&str>, status: u16| {
            possible
                .clone()
                .any(|d| match (d.cluster.and_then(|c| slots.get(c)), backend) {
                    (Some(slot), Some(backend)) => slot == backend,
                    (None, None) => d.fail.map_or(503, |fail| fail.status) == status,
                    _ => false,
                })
        };
        if !fits(backends.1, theirs.status) {
            wrong.push(format!("destination: Envoy's {:?} {}", backends.1, theirs.status));
        }
        // One backend may stand behind several destinations, each with headers of its own.
        let slot = |cluster: Option<&str>| cluster.and_then(|cluster| slots.get(cluster));
        let behind = possible.filter(|d| slot(d.cluster).map(String::as_str) == backends.0);
        if backends.0 != backends.1 || behind.count() > 1 {
            return wrong;
        }
    }
    equal("status", &ours.status, &theirs.status, &mut wrong);
    equal("backend", &backends.0, &backends.1, &mut wrong);
    let is_forwarded = backends.0.is_some();
    let names: BTreeSet<&String> = ours.headers.keys().chain(theirs.headers.keys()).collect();
    for name in names {
        let ignored =
            PASSING.contains(&name.as_str()) || (!is_forwarded && OF_OUR_TEXT.contains(&name.as_str()));
        if !ignored {
            let joined = |reply: &Reply| reply.headers.get(name).map(|values| values.join(", "));
            equal(
                &format!("answer's {name}"),
                &joined(ours),
                &joined(theirs),
                &mut wrong,
            );
        }
    }
    if is_forwarded && ask.method != "HEAD" {
        received(&ours.body, &theirs.body, &mut wrong);
    }
    wrong
}

fn is_split(explanation: &Explanation<'_>) -> bool {
    explanation.destinations.iter().filter(|d| d.share > 0.0).count() > 1
}

/// By a fault. Those of this test happen always or never.
fn is_aborted(explanation: &Explanation<'_>) -> bool {
    let abort = explanation.fault.as_ref().and_then(|fault| fault.abort.as_ref());
    abort.is_some_and(|abort| abort.percentage > 0.0)
}

fn received(ours: &[u8], theirs: &[u8], wrong: &mut Vec<String>) {
    let (Ok(ours), Ok(theirs)) = (
        serde_json::from_slice::<Received>(ours),
        serde_json::from_slice::<Received>(theirs),
    ) else {
        wrong.push("a backend's answer cannot be read".into());
        return;
    };
    equal("method", &ours.method, &theirs.method, wrong);
    equal("path", &ours.path, &theirs.path, wrong);
    equal("host", &ours.host, &theirs.host, wrong);
    equal("body", &ours.body_bytes, &theirs.body_bytes, wrong);
    let names: BTreeSet<&String> = ours.headers.keys().chain(theirs.headers.keys()).collect();
    for name in names {
        let joined = |received: &Received| received.headers.get(name).map(|values| values.join(","));
        let (ours, theirs) = (joined(&ours), joined(&theirs));
        let same = match name.as_str() {
            // Every request has one of its own.
            "x-request-id" => ours.is_some() == theirs.is_some(),
            // Envoy names itself instead of a client on the loopback interface, where all of this happens.
            "x-forwarded-for" => ours.is_some() == theirs.is_some(),
            // Envoy says that there is no body.
            "content-length" => ours.as_deref().unwrap_or("0") == theirs.as_deref().unwrap_or("0"),
            _ => ours == theirs,
        };
        if !same {
            wrong.push(format!("received {name}: ours {ours:?}, Envoy's {theirs:?}"));
        }
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, ours: &T, theirs: &T, wrong: &mut Vec<String>) {
    if ours != theirs {
        wrong.push(format!("{what}: ours {ours:?}, Envoy's {theirs:?}"));
    }
}

//! YAML, to objects, to a model, to a table, to decisions.
//!
//! Promised: nothing panics; the order of objects does not matter; the index decides as a linear scan does, for
//! requests that the configuration itself suggests; and `explain` says what was decided.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::HeaderMap;
use seaway_api::Resources;
use seaway_compile::{Options, compile};
use seaway_model::{Code, Model, Protocol};
use seaway_route::normalize;
use seaway_route::{Decision, ExplainRequest, ListenerTable, RequestHead, RouteTable, explain};

use super::Trace;
use super::requests::{Request, suggested};

/// Longer inputs only cost time: whatever can go wrong can go wrong in a page.
const LONGEST: usize = 64 * 1024;

/// Runs one input.
///
/// # Panics
/// When a promise is broken.
#[must_use]
pub fn run(input: &[u8]) -> Trace {
    let Some(input) = input.get(..input.len().min(LONGEST)) else {
        return Trace(0);
    };
    let text = String::from_utf8_lossy(input);
    let (objects, problems) = seaway_api::parse("fuzz.yaml", &text);
    let count = objects.len();
    let resources = |reversed: bool| {
        let mut resources = Resources {
            problems: problems.clone(),
            ..Resources::default()
        };
        let mut objects = objects.clone();
        if reversed {
            objects.reverse();
            resources.problems.reverse();
        }
        for object in objects {
            resources.push(object);
        }
        resources
    };
    // Rules of the mesh are rules too.
    let options = Options {
        mesh_port: Some(15080),
        ..Options::default()
    };
    let (model, report) = compile(&resources(false), &options);
    let reversed = compile(&resources(true), &options);
    assert!(model == reversed.0, "the order of the objects changes the model");
    assert!(
        report == reversed.1,
        "the order of the objects changes the report"
    );
    // What is printed must be printable.
    assert!(serde_json::to_string(&model).is_ok() && serde_json::to_string(&report).is_ok());

    let kinds = decide(&Arc::new(model));
    let codes: BTreeSet<Code> = report.diagnostics.iter().map(|d| d.code).collect();
    Trace::of(&(count.min(8), codes, kinds))
}

/// Decides what the model suggests, on every listener; gives the kinds of decisions.
fn decide(model: &Arc<Model>) -> BTreeSet<u8> {
    let table = RouteTable::build(model);
    let mut kinds = BTreeSet::new();
    for listener in table.listeners() {
        for request in suggested(listener.listener()) {
            kinds.extend(decide_one(&table, listener, &request));
        }
    }
    kinds
}

/// `None` if the request would have been refused before matching.
fn decide_one(table: &RouteTable, listener: &ListenerTable, request: &Request) -> Option<u8> {
    let host = normalize::host(&request.host).ok()?;
    let path = normalize::path(&request.path).ok()?;
    assert_eq!(
        normalize::path(&path).as_deref(),
        Ok(&*path),
        "normalising {:?} twice changes it",
        request.path
    );
    let head = RequestHead {
        method: &request.method,
        host: &host,
        path: &path,
        query: request.query.as_deref(),
        headers: &headers(request),
        server_name: None,
        source: None,
    };
    let decision = listener.decide(&head);
    let linear = listener.decide_linear(&head);
    assert_eq!(
        outcome(&decision),
        outcome(&linear),
        "index (left) and scan (right) differ for {request:?}"
    );
    explained(table, listener, request, &decision);
    Some(match decision {
        Decision::Misdirected => 0,
        Decision::NoRoute { virtual_host: None } => 1,
        Decision::NoRoute {
            virtual_host: Some(_),
        } => 2,
        Decision::Route(matched) => 3 + action_number(&matched.route.route.action),
    })
}

/// What `explain` says of the same request is what was decided.
fn explained(table: &RouteTable, listener: &ListenerTable, request: &Request, decision: &Decision<'_>) {
    let port = listener.listener().port;
    if request.host.is_empty() || request.path == "*" || listener.listener().protocol != Protocol::Http {
        // No URL says these, or the connection would be refused or relayed first.
        return;
    }
    let query = request
        .query
        .as_deref()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let url = format!("http://{}{}{query}", request.host, request.path);
    let Ok(asked) = ExplainRequest::new(&request.method, &url, headers(request), Some(port)) else {
        return;
    };
    let explanation = explain(table, &asked);
    assert!(serde_json::to_string(&explanation).is_ok());
    if explanation.listener != Some(&*listener.listener().name) {
        // Several listeners on one port: another is asked.
        return;
    }
    // Refused before it is matched: matching was never asked.
    let refused = explanation
        .respond
        .is_some_and(|answer| matches!(answer.reason, "bad_request" | "connect_refused"));
    let said = explanation.route.map(|route| (route.origin, route.rule));
    let decided = match decision {
        Decision::Route(matched) => Some((&matched.route.route.origin, matched.route.route.rule)),
        _ => None,
    };
    assert!(
        refused || said == decided,
        "explain says {said:?}, decided was {decided:?}, for {request:?}"
    );
}

/// With the Host header that every client sends: it has the port, which rules may ask for.
fn headers(request: &Request) -> HeaderMap {
    let mut headers: HeaderMap = request
        .headers
        .iter()
        .filter_map(|(name, value)| {
            let name = http::HeaderName::try_from(name.as_str()).ok()?;
            Some((name, http::HeaderValue::try_from(value.as_str()).ok()?))
        })
        .collect();
    if let (false, Ok(host)) = (
        headers.contains_key(http::header::HOST),
        http::HeaderValue::try_from(&*request.host),
    ) {
        headers.insert(http::header::HOST, host);
    }
    headers
}

fn outcome(decision: &Decision<'_>) -> (u8, String, Option<u32>, usize) {
    match decision {
        Decision::Misdirected => (0, String::new(), None, 0),
        Decision::NoRoute { virtual_host } => {
            let host = virtual_host.map(|v| v.host.to_string()).unwrap_or_default();
            (1, host, None, 0)
        }
        Decision::Route(matched) => (
            2,
            matched.virtual_host.host.to_string(),
            Some(matched.route.id.0),
            matched.matched_path,
        ),
    }
}

fn action_number(action: &seaway_model::Action) -> u8 {
    match action {
        seaway_model::Action::Forward(_) => 0,
        seaway_model::Action::Redirect(_) => 1,
        seaway_model::Action::Respond(_) => 2,
        seaway_model::Action::Fail(_) => 3,
    }
}

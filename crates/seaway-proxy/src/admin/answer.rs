//! Requests to answers, without I/O.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use seaway_model::{Diagnostic, ObjectRef};
use seaway_telemetry::Format;
use serde::Serialize;
use serde_json::{Value, json};

use super::explain::{explain, pairs};
use super::guard;
use super::page::page;
use super::state::AdminState;

/// What there is, for those who ask for something else.
const ENDPOINTS: &[(&str, &str)] = &[
    ("/", "the dashboard"),
    (
        "/ready",
        "200 when requests can be served, otherwise 503 and what is awaited",
    ),
    ("/live", "200 while the process works"),
    ("/metrics", "Prometheus text format, or OpenMetrics by Accept"),
    ("/listeners", "configured and bound ports, JSON"),
    (
        "/config",
        "the model that serves, secrets hidden, JSON; ?format=pretty for people",
    ),
    (
        "/explain",
        "why a request goes where it goes: ?url=&method=&header=Name:%20value&port=",
    ),
    ("/clusters", "endpoints with health and counts, JSON"),
    ("/certs", "certificates, how they are and what happens next, JSON"),
    (
        "/clients",
        "data planes that are told what to serve (--xds): how far they are and what they rejected, JSON",
    ),
    (
        "/diagnostics",
        "errors and warnings of the newest configuration, JSON",
    ),
];

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const CONFIG_VERSION: HeaderName = HeaderName::from_static("x-seaway-config-version");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

type Answer = Response<Bytes>;

/// Answers a request that came to the address `bound`.
pub(super) fn answer<B>(state: &dyn AdminState, bound: SocketAddr, request: &Request<B>) -> Answer {
    let mut response = if guard::allows(bound, request.headers()) {
        route(state, request)
    } else {
        let message =
            "the Host header must be an address or localhost; bind --admin to another address to use names\n";
        text(StatusCode::MISDIRECTED_REQUEST, message)
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (RESOURCE_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'",
        ));
    response
}

fn route<B>(state: &dyn AdminState, request: &Request<B>) -> Answer {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut response = text(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD: nothing can be changed here\n",
        );
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let query = request.uri().query().unwrap_or_default();
    match request.uri().path() {
        "/" => dashboard(),
        "/ready" => ready(state),
        "/live" if state.live() => text(StatusCode::OK, "live\n"),
        "/live" => text(StatusCode::SERVICE_UNAVAILABLE, "not live\n"),
        "/metrics" => metrics(state, request.headers()),
        "/listeners" => serialized(&json!({ "listeners": state.listeners() })),
        "/config" => config(state, request.method(), query),
        "/explain" => match explain(&state.snapshot().table, query) {
            Ok(body) => full(StatusCode::OK, JSON, body),
            Err(message) => error(StatusCode::BAD_REQUEST, &message),
        },
        "/clusters" => serialized(&json!({ "clusters": state.clusters() })),
        "/certs" => serialized(&json!({ "certs": state.certs() })),
        "/clients" => serialized(&json!({ "clients": state.clients() })),
        "/diagnostics" => diagnostics(state),
        _ => not_found(),
    }
}

fn ready(state: &dyn AdminState) -> Answer {
    let readiness = state.ready();
    if readiness.ready {
        return text(StatusCode::OK, "ready\n");
    }
    let message = format!("not ready, waiting for: {}\n", readiness.waiting_for.join(", "));
    text(StatusCode::SERVICE_UNAVAILABLE, message)
}

fn metrics(state: &dyn AdminState, headers: &HeaderMap) -> Answer {
    let openmetrics = headers.get_all(ACCEPT).iter().any(|accept| {
        accept
            .to_str()
            .is_ok_and(|a| a.contains("application/openmetrics-text"))
    });
    let format = if openmetrics {
        Format::OpenMetrics
    } else {
        Format::Prometheus
    };
    full(StatusCode::OK, format.content_type(), state.metrics(openmetrics))
}

/// HEAD asks for the version only, which must not cost the writing of ten thousand routes.
fn config(state: &dyn AdminState, method: &Method, query: &str) -> Answer {
    let snapshot = state.snapshot();
    let model = &**snapshot.table.model();
    let mut pretty = false;
    for (name, value) in pairs(query) {
        match (name.as_str(), value.as_str()) {
            ("format", "json" | "") => pretty = false,
            ("format", "pretty") => pretty = true,
            _ => {
                return error(
                    StatusCode::BAD_REQUEST,
                    "the parameters are format=json and format=pretty",
                );
            }
        }
    }
    let mut response = if method == Method::HEAD {
        full(StatusCode::OK, JSON, Bytes::new())
    } else if pretty {
        json_answer(serde_json::to_vec_pretty(model))
    } else {
        json_answer(serde_json::to_vec(model))
    };
    response
        .headers_mut()
        .insert(CONFIG_VERSION, HeaderValue::from(snapshot.version));
    response
}

/// Each finding as `seaway check -o json` prints it.
fn diagnostics(state: &dyn AdminState) -> Answer {
    let report = state.report();
    let findings: Vec<Value> = report.diagnostics.iter().map(finding).collect();
    serialized(&json!({ "diagnostics": findings, "statuses": report.statuses }))
}

fn finding(diagnostic: &Diagnostic) -> Value {
    let origin = &diagnostic.origin;
    let position = origin.position.as_ref();
    json!({
        "severity": diagnostic.severity(),
        "code": diagnostic.code,
        "message": diagnostic.message,
        "help": diagnostic.help,
        "object": (!origin.kind.is_empty()).then(|| ObjectRef::from(origin)),
        "field": origin.field,
        "file": position.map(|p| &p.file),
        "line": position.map(|p| p.line),
        "column": position.map(|p| p.column),
    })
}

fn dashboard() -> Answer {
    let page = page();
    let mut response = full(StatusCode::OK, "text/html; charset=utf-8", page.body);
    if let Ok(policy) = HeaderValue::from_str(&page.policy) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn not_found() -> Answer {
    let mut list = "there is nothing here; there are\n".to_owned();
    for (path, what) in ENDPOINTS {
        list.push_str(&format!("  {path:<13} {what}\n"));
    }
    text(StatusCode::NOT_FOUND, list)
}

fn serialized(value: &impl Serialize) -> Answer {
    json_answer(serde_json::to_vec(value))
}

fn json_answer(body: serde_json::Result<Vec<u8>>) -> Answer {
    match body {
        Ok(body) => full(StatusCode::OK, JSON, body),
        Err(problem) => error(StatusCode::INTERNAL_SERVER_ERROR, &problem.to_string()),
    }
}

fn error(status: StatusCode, message: &str) -> Answer {
    full(status, JSON, json!({ "error": message }).to_string())
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    full(status, TEXT, body)
}

fn full(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

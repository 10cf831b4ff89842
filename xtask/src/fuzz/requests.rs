//! Requests that a configuration suggests: near its hosts, paths, headers, queries and cookies, on both sides of each
//! boundary. Random requests would nearly all be 404.

use seaway_model::{Conditions, HostMatch, Listener, Match, PathMatch, StringMatch, ValueMatch};

/// A request before normalisation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Method.
    pub method: String,
    /// Host, possibly with a port.
    pub host: String,
    /// Path without the query.
    pub path: String,
    /// Query without the question mark.
    pub query: Option<String>,
    /// Headers.
    pub headers: Vec<(String, String)>,
}

/// No more than so many for a listener.
const MOST: usize = 400;

/// Requests for a listener, always the same for the same listener.
#[must_use]
pub fn suggested(listener: &Listener) -> Vec<Request> {
    let mut requests = vec![
        request("GET", "", "/"),
        request("GET", "nowhere.example.org", "/a//b/../c"),
    ];
    for virtual_host in &listener.virtual_hosts {
        for host in hosts(&virtual_host.host) {
            requests.push(request("OPTIONS", &host, "*"));
            for route in &virtual_host.routes {
                if let Match::When(conditions) = &route.matches {
                    near(conditions, &host, &mut requests);
                }
                if requests.len() >= MOST {
                    return requests;
                }
            }
        }
    }
    requests
}

fn request(method: &str, host: &str, path: &str) -> Request {
    Request {
        method: method.to_owned(),
        host: host.to_owned(),
        path: path.to_owned(),
        ..Request::default()
    }
}

/// One that the pattern covers, and neighbours that it may not.
fn hosts(pattern: &HostMatch) -> Vec<String> {
    match pattern {
        HostMatch::Exact(host) => vec![host.to_string(), format!("{host}:8080"), host.to_uppercase()],
        HostMatch::OneLabel(suffix) | HostMatch::Suffix(suffix) => {
            vec![
                format!("a{suffix}"),
                format!("a.b{suffix}"),
                suffix.trim_start_matches('.').to_owned(),
            ]
        }
        HostMatch::Any => vec!["any.example.org".to_owned(), String::new()],
    }
}

fn near(conditions: &Conditions, host: &str, requests: &mut Vec<Request>) {
    let method = conditions.methods.first().map_or("GET", |method| method);
    let full = fulfilling(conditions, host, method);
    for path in paths(&conditions.path) {
        let mut request = full.clone();
        request.path = path;
        requests.push(request);
    }
    // The same with one condition broken each: the route behind it must take over.
    let mut other = full.clone();
    other.method = "BREW".to_owned();
    requests.push(other);
    for left_out in 0..full.headers.len() {
        let mut request = full.clone();
        request.headers.remove(left_out);
        requests.push(request);
    }
    if full.query.is_some() {
        let mut request = full;
        request.query = None;
        requests.push(request);
    }
}

fn fulfilling(conditions: &Conditions, host: &str, method: &str) -> Request {
    let value = |value: &ValueMatch| match value {
        ValueMatch::Present => Some("x".to_owned()),
        ValueMatch::Absent => None,
        ValueMatch::Is(text) => Some(sample(text)),
        ValueMatch::IsNot(text) => Some(format!("{}-not", sample(text))),
    };
    let mut request = request(method, host, &paths(&conditions.path).swap_remove(0));
    for header in &conditions.headers {
        request
            .headers
            .extend(value(&header.value).map(|value| (header.name.to_string(), value)));
    }
    for cookie in &conditions.cookies {
        let pair = value(&cookie.value).map(|value| format!("{}={value}", cookie.name));
        request
            .headers
            .extend(pair.map(|pair| ("cookie".to_owned(), pair)));
    }
    let pairs: Vec<String> = conditions
        .query
        .iter()
        .filter_map(|query| Some(format!("{}={}", query.name, value(&query.value)?)))
        .collect();
    request.query = (!pairs.is_empty()).then(|| pairs.join("&"));
    request
}

/// A text that the condition probably takes. A regular expression's source often takes itself, or nearly.
fn sample(text: &StringMatch) -> String {
    match text {
        StringMatch::Exact(text) => text.to_string(),
        StringMatch::Prefix(text) => format!("{text}x"),
        StringMatch::Suffix(text) => format!("x{text}"),
        StringMatch::Regex(pattern) => pattern
            .source()
            .replace(".*", "x")
            .replace(['\\', '^', '$', '?', '+'], ""),
    }
}

fn paths(path: &PathMatch) -> Vec<String> {
    match path {
        PathMatch::Any => vec!["/".to_owned(), "/x/y".to_owned()],
        PathMatch::Exact(path)
        | PathMatch::Elements(path)
        | PathMatch::Prefix(path)
        | PathMatch::ExactIgnoringCase(path)
        | PathMatch::PrefixIgnoringCase(path) => vec![
            path.to_string(),
            format!("{path}/"),
            format!("{path}/x"),
            format!("{path}x"),
            path.get(..path.len().saturating_sub(1)).unwrap_or("/").to_owned(),
        ],
        PathMatch::Regex(pattern) => {
            let bare = pattern
                .source()
                .replace("[0-9]", "1")
                .replace(".*", "x")
                .replace(['\\', '+', '(', ')'], "");
            vec![bare, "/v1/x".to_owned()]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_suggests_a_request_that_meets_it_and_neighbours_that_do_not() {
        let conditions = Conditions {
            path: PathMatch::Elements("/cart".into()),
            headers: vec![seaway_model::HeaderMatch {
                name: "x-a".into(),
                value: ValueMatch::Is(StringMatch::Exact("1".into())),
            }],
            ..Conditions::default()
        };
        let mut requests = Vec::new();
        near(&conditions, "a.example.com", &mut requests);
        let has = |path: &str, headers: usize| {
            requests
                .iter()
                .any(|r| r.path == path && r.headers.len() == headers)
        };
        assert!(
            has("/cart", 1) && has("/cartx", 1) && has("/cart/x", 1) && has("/cart", 0),
            "{requests:?}"
        );
    }
}

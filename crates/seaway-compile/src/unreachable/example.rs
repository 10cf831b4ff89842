//! A request that shows what a finding means.

use seaway_model::{Conditions, HostMatch, PathMatch, StringMatch, ValueMatch};

use crate::site::Site;

/// A request that these conditions take: `GET http://shop.example.com/cart with x-a: 1`. `None` where no example is easy.
pub(super) fn example(conditions: &Conditions, site: &Site, host: &HostMatch) -> Option<String> {
    let scheme = site.scheme();
    let method = conditions.methods.first().map_or("GET", |method| method);
    let host = match host {
        HostMatch::Exact(name) if name.contains(':') => format!("[{name}]"),
        HostMatch::Exact(name) => name.to_string(),
        HostMatch::OneLabel(suffix) | HostMatch::Suffix(suffix) => format!("x{suffix}"),
        HostMatch::Any => "example.com".to_owned(),
    };
    let port = match (scheme, site.socket.port) {
        ("http", 80) | ("https", 443) => String::new(),
        // The default gateway's own ports are often mapped to others, and then the URL would be wrong.
        _ if site.default.is_some() => String::new(),
        (_, port) => format!(":{port}"),
    };
    let path = match &conditions.path {
        PathMatch::Any => "/".to_owned(),
        PathMatch::Exact(path)
        | PathMatch::Elements(path)
        | PathMatch::Prefix(path)
        | PathMatch::ExactIgnoringCase(path)
        | PathMatch::PrefixIgnoringCase(path) => path.to_string(),
        PathMatch::Regex(pattern) => {
            // What an expression like `.*` takes need not look like a path.
            let shortest = pattern.example().filter(|path| path.starts_with('/'));
            let mut paths = shortest.into_iter().chain(["/".to_owned(), "/x".to_owned()]);
            paths.find(|path| pattern.is_match(path))?
        }
    };
    let mut query = Vec::new();
    for part in &conditions.query {
        if let Some(value) = value(&part.value)? {
            query.push(format!("{}={value}", part.name));
        }
    }
    let mut method = method.to_owned();
    let mut headers = Vec::new();
    for part in &conditions.headers {
        match (&*part.name, value(&part.value)?) {
            (_, None) => {}
            (":method", Some(value)) => method = value,
            (":authority", Some(value)) => headers.push(format!("host: {value}")),
            (name, Some(value)) => headers.push(format!("{name}: {value}")),
        }
    }
    for part in &conditions.cookies {
        if let Some(value) = value(&part.value)? {
            headers.push(format!("cookie: {}={value}", part.name));
        }
    }
    let query = if query.is_empty() {
        String::new()
    } else {
        format!("?{}", query.join("&"))
    };
    let headers = if headers.is_empty() {
        String::new()
    } else {
        format!(" with {}", headers.join(", "))
    };
    Some(format!("{method} {scheme}://{host}{port}{path}{query}{headers}"))
}

/// A value that matches; the inner `None`: leave it out. The outer: not easily said.
fn value(value: &ValueMatch) -> Option<Option<String>> {
    match value {
        ValueMatch::Present => Some(Some("x".to_owned())),
        ValueMatch::Absent | ValueMatch::IsNot(_) => Some(None),
        ValueMatch::Is(StringMatch::Exact(text) | StringMatch::Prefix(text) | StringMatch::Suffix(text)) => {
            Some(Some(text.to_string()))
        }
        ValueMatch::Is(StringMatch::Regex(pattern)) => Some(Some(pattern.example()?)),
    }
}

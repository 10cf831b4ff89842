//! The syntax of hosts, paths, names and header fields.
//!
//! Each function takes the text as written. What it refuses could never match a request, or would make one that two
//! readers read differently.

use std::sync::Arc;

use super::Invalid;
use crate::escape::idle_escape;

/// A host pattern, roughly: what is plainly no host. `seaway-compile` reads it in full.
pub(crate) fn host(text: &str) -> Result<Arc<str>, Invalid> {
    if text.is_empty() {
        return Err(Invalid::new(
            "a host must not be empty",
            "write a DNS name, an IP address, or \"*\" for every host",
        ));
    }
    plain_host(text)?;
    Ok(text.into())
}

/// Where a request may be sent: a host with or without a port.
pub(crate) fn destination_host(text: &str) -> Result<Arc<str>, Invalid> {
    if text.is_empty() {
        return Err(Invalid::new(
            "a destination's host must not be empty",
            "write service:port, service.namespace:port, a DNS name, or an address",
        ));
    }
    plain_host(text)?;
    Ok(text.into())
}

fn plain_host(text: &str) -> Result<(), Invalid> {
    if let Some((scheme, rest)) = text.split_once("://") {
        let rest = rest.split('/').next().unwrap_or_default();
        return Err(Invalid::new(
            format!("{text:?} is a URL, not a host"),
            format!("write only \"{rest}\", without \"{scheme}://\""),
        ));
    }
    if text.contains('/') {
        return Err(Invalid::new(
            format!("{text:?} is not a host: it contains a slash"),
            "write the path into \"paths\", and only the host here",
        ));
    }
    if let Some(bad) = text.chars().find(|c| c.is_whitespace() || c.is_control()) {
        return Err(Invalid::new(
            format!("{text:?} is not a host: it contains {bad:?}"),
            "remove it",
        ));
    }
    if !text.is_ascii() {
        return Err(Invalid::new(
            format!("{text:?} is not a host as it is written in a request"),
            "write an international name in its ASCII form, which starts with xn--",
        ));
    }
    Ok(())
}

/// A path as it stands in a request: absolute, encoded, without a query.
pub(crate) fn path(text: &str) -> Result<Arc<str>, Invalid> {
    if !text.starts_with('/') {
        let help = match text.contains("://") {
            true => "write only the path, from its slash on".to_owned(),
            false => format!("write \"/{text}\""),
        };
        return Err(Invalid::new(
            format!("the path {text:?} does not start with a slash"),
            help,
        ));
    }
    if let Some(bad) = text.chars().find(|c| matches!(c, '?' | '#')) {
        return Err(Invalid::new(
            format!("the path {text:?} contains {bad:?}"),
            "a path ends before the query; match the query with a condition of type query",
        ));
    }
    if let Some(bad) = text
        .chars()
        .find(|c| c.is_whitespace() || c.is_control() || !c.is_ascii())
    {
        let mut buffer = [0; 4];
        let encoded: String = bad
            .encode_utf8(&mut buffer)
            .bytes()
            .map(|b| format!("%{b:02X}"))
            .collect();
        return Err(Invalid::new(
            format!("the path {text:?} contains {bad:?}"),
            format!("write it as it stands in a request: {encoded}"),
        ));
    }
    percent_encoding(text)?;
    normalised(text)?;
    Ok(text.into())
}

fn percent_encoding(text: &str) -> Result<(), Invalid> {
    for (at, _) in text.match_indices('%') {
        let digits = text.get(at + 1..at + 3).unwrap_or_default();
        if digits.len() != 2 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Invalid::new(
                format!("the path {text:?} contains a \"%\" without two hexadecimal digits"),
                "write a percent sign itself as %25",
            ));
        }
    }
    Ok(())
}

/// Requests are normalised before they are matched, so these could never match.
fn normalised(text: &str) -> Result<(), Invalid> {
    let bad = ["//", "/./", "/../"]
        .into_iter()
        .find(|bad| text.contains(bad))
        .or_else(|| ["/.", "/.."].into_iter().find(|bad| text.ends_with(bad)))
        .or_else(|| idle_escape(text));
    match bad {
        None => Ok(()),
        Some(bad) => Err(Invalid::new(
            format!("the path {text:?} contains {bad:?}, which no request has after it was normalised"),
            "write the path without it",
        )),
    }
}

/// Text that must not be empty, such as a regular expression.
pub(crate) fn not_empty(text: &str) -> Result<Arc<str>, Invalid> {
    match text {
        "" => Err(Invalid::new(
            "the text is empty",
            "write a value, or leave the field out",
        )),
        _ => Ok(text.into()),
    }
}

/// A method, in upper case.
pub(crate) fn method(text: &str) -> Result<Arc<str>, Invalid> {
    if is_token(text) {
        return Ok(text.to_ascii_uppercase().into());
    }
    Err(Invalid::new(
        format!("{text:?} is not a method"),
        "write for example GET, or leave \"methods\" out for every method",
    ))
}

/// A token (RFC 9110, 5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// The name of a header field (RFC 9110, 5.1).
pub(crate) fn header_name(text: &str) -> Result<Arc<str>, Invalid> {
    if is_token(text) {
        return Ok(text.into());
    }
    let help = match text.strip_prefix(':') {
        Some(_) => "pseudo-headers cannot be named; match them with hosts, paths, methods and schemes",
        None => "a header name has letters, digits and hyphens only",
    };
    Err(Invalid::new(format!("{text:?} is not a header name"), help))
}

/// The name of a header field that may be changed.
pub(crate) fn changeable_header(text: &str) -> Result<Arc<str>, Invalid> {
    const CONNECTION: [&str; 8] = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
    ];
    let lower = text.to_ascii_lowercase();
    if lower == "host" || lower == ":authority" {
        return Err(Invalid::new(
            "the host is not a header to change",
            "use rewrite.host",
        ));
    }
    if lower == ":path" {
        return Err(Invalid::new(
            "the path is not a header to change",
            "use rewrite.path",
        ));
    }
    if CONNECTION.contains(&&*lower) {
        return Err(Invalid::new(
            format!("{text:?} belongs to the connection, and the proxy writes it itself"),
            "remove it",
        ));
    }
    header_name(text)
}

/// The value of a header field (RFC 9110, 5.5).
pub(crate) fn header_value(text: &str) -> Result<Arc<str>, Invalid> {
    if let Some(bad) = text.chars().find(|c| c.is_control() && *c != '\t') {
        return Err(Invalid::new(
            format!("a header value cannot contain {bad:?}"),
            "write it on one line, without control characters",
        ));
    }
    if text.trim_matches([' ', '\t']) != text {
        return Err(Invalid::new(
            format!(
                "the header value {text:?} starts or ends with a blank, which does not reach the other side"
            ),
            "remove the blank",
        ));
    }
    Ok(text.into())
}

/// The name of an object (RFC 1123 subdomain), as Kubernetes checks it.
pub(crate) fn object_name(text: &str) -> Result<Arc<str>, Invalid> {
    let label = |l: &str| {
        !l.is_empty()
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if text.len() <= 253 && text.split('.').all(label) {
        return Ok(text.into());
    }
    Err(Invalid::new(
        format!("{text:?} is not a name"),
        "use lower case letters, digits, hyphens and dots, at most 253",
    ))
}

/// Whether a key is the name that a field has in protobuf, `max_age` for `maxAge`. protobuf's JSON takes both.
pub(crate) fn is_proto_name(key: &str, field: &str) -> bool {
    if !key.contains('_') || key.len() < field.len() {
        return false;
    }
    let mut after_underscore = false;
    let camel = key.chars().filter_map(|c| {
        let upper = std::mem::replace(&mut after_underscore, c == '_');
        (c != '_').then(|| if upper { c.to_ascii_uppercase() } else { c })
    });
    camel.eq(field.chars())
}

/// Any key.
#[expect(clippy::unnecessary_wraps, reason = "a checker like the others")]
pub(crate) fn any_key(_: &str) -> Result<(), Invalid> {
    Ok(())
}

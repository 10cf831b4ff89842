//! The syntax of Ingress hosts and paths, as Kubernetes checks it.

use std::net::IpAddr;
use std::sync::Arc;

use crate::decode::Invalid;

/// The host of a rule; empty means every host.
pub(super) fn rule_host(text: &str) -> Result<Arc<str>, Invalid> {
    match text {
        "" => Ok(text.into()),
        _ => host(text),
    }
}

/// A DNS name, or `*.` and a DNS name.
pub(super) fn host(text: &str) -> Result<Arc<str>, Invalid> {
    if text == "*" {
        return Err(Invalid::new(
            "a bare \"*\" is not a host of an Ingress",
            "leave \"host\" out for every host",
        ));
    }
    if text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Err(Invalid::new(
            format!("{text:?} is an IP address; an Ingress takes DNS names only"),
            "write a DNS name, or leave \"host\" out for every host",
        ));
    }
    if let Some((name, _)) = text.split_once(':') {
        return Err(Invalid::new(
            format!("{text:?} contains a port; the port of a request is ignored"),
            format!("write \"{name}\""),
        ));
    }
    let name = text.strip_prefix("*.").unwrap_or(text);
    if name.contains('*') {
        return Err(Invalid::new(
            format!("{text:?} is not a wildcard that an Ingress can have"),
            "a \"*\" stands for the whole first label, as in *.example.com",
        ));
    }
    if is_dns_name(name) {
        return Ok(text.into());
    }
    Err(Invalid::new(
        format!("{text:?} is not a DNS name"),
        "use letters, digits, hyphens and dots, as in shop.example.com",
    ))
}

/// An RFC 1123 subdomain, in either case.
fn is_dns_name(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

/// A path. Those of `Exact` and `Prefix` must be normal; an implementation may take what it likes after the slash.
pub(super) fn path(text: &str, strict: bool) -> Result<(), Invalid> {
    if text.is_empty() {
        return Ok(());
    }
    if !text.starts_with('/') {
        return Err(Invalid::new(
            format!("the path {text:?} does not start with a slash"),
            format!("write \"/{text}\""),
        ));
    }
    if !strict {
        return Ok(());
    }
    let bad = ["//", "/./", "/../", "%2f", "%2F"]
        .into_iter()
        .find(|bad| text.contains(bad))
        .or_else(|| ["/..", "/."].into_iter().find(|bad| text.ends_with(bad)));
    match bad {
        None => Ok(()),
        Some(bad) => Err(Invalid::new(
            format!("the path {text:?} contains {bad:?}"),
            "write the path without it",
        )),
    }
}

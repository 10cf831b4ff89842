//! The syntax of hosts, names and expressions in Istio's kinds.

use std::net::IpAddr;
use std::sync::Arc;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};

use crate::decode::{Invalid, syntax};

/// A host that an object is for: a DNS name, a wildcard, a short name of a service, or an IP address.
pub(super) fn host(text: &str) -> Result<Arc<str>, Invalid> {
    if text == "*" || text.parse::<IpAddr>().is_ok() {
        return Ok(text.into());
    }
    let name = text.strip_prefix("*.").unwrap_or(text);
    if name.contains('*') {
        return Err(Invalid::new(
            format!("{text:?} is not a host"),
            "a star stands for whole labels at the left only: \"*.example.com\", or \"*\" alone",
        ));
    }
    dns_name(text, name)?;
    Ok(text.into())
}

/// A host without a star.
pub(super) fn exact_host(text: &str) -> Result<Arc<str>, Invalid> {
    if text.contains('*') {
        return Err(Invalid::new(
            format!("{text:?} is a pattern, not a host"),
            "write the one host that is meant",
        ));
    }
    host(text)
}

/// What a service is called: as a host, but not every host there is.
pub(super) fn service_host(text: &str) -> Result<Arc<str>, Invalid> {
    if text == "*" {
        return Err(Invalid::new(
            "\"*\" names no service",
            "write the name of a Service or the host of a ServiceEntry",
        ));
    }
    if text.is_empty() {
        return Err(Invalid::new(
            "the host is empty",
            "write the name of a Service or the host of a ServiceEntry",
        ));
    }
    host(text)
}

/// Letters, digits and hyphens in labels of at most 63, and at most 253 in all (RFC 1123, 2.1).
fn dns_name(text: &str, name: &str) -> Result<(), Invalid> {
    if text.is_empty() {
        return Err(Invalid::new(
            "a host must not be empty",
            "write a DNS name, an IP address, or \"*\" for every host",
        ));
    }
    if text.contains(['/', ':']) || !text.is_ascii() {
        // What was meant shows in the message for a URL and for an international name.
        syntax::host(text)?;
        return Err(Invalid::new(
            format!("{text:?} is not a host"),
            "write the name alone; a port has a field of its own",
        ));
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let absolute = name.strip_suffix('.').unwrap_or(name);
    if name.len() <= 253 && absolute.split('.').all(is_label) {
        return Ok(());
    }
    Err(Invalid::new(
        format!("{text:?} is not a host"),
        "write labels of letters, digits and hyphens with dots between them, for example reviews.prod.svc.cluster.local",
    ))
}

/// One DNS label, as names of subsets and namespaces are.
pub(super) fn label(text: &str) -> Result<Arc<str>, Invalid> {
    let is_label = (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if is_label {
        return Ok(text.into());
    }
    Err(Invalid::new(
        format!("{text:?} is not a name"),
        "use letters, digits and hyphens, at most 63",
    ))
}

/// A regular expression in RE2's syntax. That it is not too large is for whoever builds it.
pub(super) fn regex(text: &str) -> Result<(), Invalid> {
    if text.is_empty() {
        return Err(Invalid::new(
            "the regular expression is empty",
            "write one; \".*\" matches everything",
        ));
    }
    let Err(error) = regex_syntax::Parser::new().parse(text) else {
        return Ok(());
    };
    let (kind, at) = match &error {
        regex_syntax::Error::Parse(e) => (e.kind().to_string(), e.span().start.offset),
        regex_syntax::Error::Translate(e) => (e.kind().to_string(), e.span().start.offset),
        other => (other.to_string(), 0),
    };
    Err(Invalid::new(
        format!(
            "{text:?} is not a regular expression: {kind}, at character {}",
            at + 1
        ),
        "write it in the syntax of RE2, which has no look-around and no back-references; put a backslash before a \
         character that stands for itself",
    ))
}

/// A file, by its path.
pub(super) fn file(text: &str) -> Result<Arc<str>, Invalid> {
    match text {
        "" => Err(Invalid::new(
            "the path of a file is empty",
            "write it, or leave the field out",
        )),
        _ => Ok(text.into()),
    }
}

/// What a client's or a server's certificate is named.
pub(super) fn not_empty(text: &str) -> Result<Arc<str>, Invalid> {
    syntax::not_empty(text)
}

/// A hash by SHA-256, in base64 as `openssl dgst -binary | base64` writes it.
pub(super) fn sha256_in_base64(text: &str) -> Result<[u8; 32], Invalid> {
    let bytes = BASE64.decode(text.as_bytes()).ok();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        Invalid::new(
            format!("{text:?} is not a hash by SHA-256 in base64"),
            "write its 32 bytes in base64: 44 characters, of which the last is \"=\"",
        )
    })
}

/// A hash by SHA-256 in hexadecimal digits, with colons as `openssl x509 -fingerprint` writes it, or without.
pub(super) fn sha256_in_hex(text: &str) -> Result<[u8; 32], Invalid> {
    let digits = text.replace(':', "");
    let is_spaced_evenly = digits.len() == text.len() || text.split(':').all(|pair| pair.len() == 2);
    let bytes = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok();
    bytes
        .filter(|_| is_spaced_evenly)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| {
            Invalid::new(
                format!("{text:?} is not a hash by SHA-256 in hexadecimal"),
                "write its 32 bytes as 64 hexadecimal digits, with a colon after every two or with none",
            )
        })
}

//! What a decision does to a request, as pure functions: the proxy carries it out, `explain` says it.
//!
//! CORS is in [`crate::CompiledCors`], header changes are in [`crate::HeaderEdit`].

mod hash;
mod redirect;
mod upstream;

use std::borrow::Cow;

pub use hash::{HashInput, hash_input, set_cookie};
pub use redirect::{RedirectRequest, redirect_location};
pub use upstream::{UpstreamTarget, upstream_target};

/// A path whose matched part becomes another text: starts with exactly one slash, and no `//` where they join.
fn replace_prefix(path: &str, matched: usize, replacement: &str) -> String {
    let rest = path.get(matched..).unwrap_or_default();
    let replacement = if rest.starts_with('/') {
        replacement.trim_end_matches('/')
    } else {
        replacement
    };
    absolute(&format!("{replacement}{rest}")).into_owned()
}

/// With exactly one slash at the beginning, and nothing that a request line or a Location could not carry.
fn absolute(path: &str) -> Cow<'_, str> {
    let inner = path.trim_start_matches('/');
    let clean = visible(inner);
    if path.len() == inner.len() + 1 && matches!(clean, Cow::Borrowed(_)) {
        return Cow::Borrowed(path);
    }
    Cow::Owned(format!("/{clean}"))
}

/// Percent-encodes what is not visible ASCII. Configured text may hold anything; what came from the request is clean.
fn visible(text: &str) -> Cow<'_, str> {
    const HIDDEN: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS.add(b' ');
    percent_encoding::utf8_percent_encode(text, HIDDEN).into()
}

/// Joins a path and a query. A configured path may have a query of its own, which then comes first.
fn with_query<'a>(path: Cow<'a, str>, query: Option<&str>) -> Cow<'a, str> {
    let Some(query) = query else { return path };
    let joint = if path.contains('?') { '&' } else { '?' };
    let mut joined = path.into_owned();
    joined.reserve(query.len() + 1);
    joined.push(joint);
    joined.push_str(query);
    Cow::Owned(joined)
}

//! Rewrites and redirects.

use std::sync::Arc;

use super::matching::SCHEME;
use super::{Scheme, Text};
use crate::decode::{At, Cx, Invalid, Parsed, RedirectStatus, TEXT, Uint, at, object, syntax};
use crate::node::{Node, Value};
use crate::{ProblemKind, Spanned};

const PATH: At<Parsed<Arc<str>>> = at(Parsed("path", syntax::path));
const HOST: At<Parsed<Arc<str>>> = at(Parsed("host", new_host));

object! {
    /// What changes before forwarding: `path` and/or `host`, or `regex` with `substitution` and maybe `host`.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Rewrite {
        /// Replaces the matched prefix, or the whole of a path that was matched exactly or by a regular expression.
        path: Option<Text> = "path", optional, PATH;
        /// Replaces the host.
        host: Option<Text> = "host", optional, HOST;
        /// What is replaced in the path, wherever it matches.
        regex: Option<Text> = "regex", optional, at(Parsed("regular expression", syntax::not_empty));
        /// What it is replaced by; `\1` is the first group.
        substitution: Option<Text> = "substitution", optional, TEXT;
    }
    check check_rewrite;
}

fn check_rewrite(cx: &mut Cx, node: &Node<'_>) {
    cx.refuse_both(node, "path", "regex", "replace the path by one of the two");
    match (node.get("regex"), node.get("substitution")) {
        (Some(_), None) => cx.missing(node, "substitution", "add what the match is replaced by"),
        (None, Some(_)) => cx.missing(node, "regex", "add the regular expression that is replaced"),
        _ => {}
    }
    if matches!(&node.value, Value::Map(entries) if entries.iter().all(|e| e.value.is_null())) {
        let message = "a rewrite that changes nothing";
        let help = "write path, host, or regex with substitution, or remove it";
        cx.report(ProblemKind::IgnoredField, node.pos, message, help);
    }
}

object! {
    /// An answer that sends the client elsewhere. What is left out stays as in the request.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Redirect {
        /// The new host.
        host: Option<Text> = "host", optional, HOST;
        /// The new path, as a whole; the query stays.
        path: Option<Text> = "path", optional, PATH;
        /// The new scheme.
        scheme: Option<Spanned<Scheme>> = "scheme", optional, at(SCHEME);
        /// The new port.
        port: Option<Spanned<u16>> = "port", optional, at(Uint(1, 65535));
        /// The status of the answer.
        status: Spanned<u16> = "status", default(Spanned::unwritten(301u16), "`301`"), at(RedirectStatus);
    }
    check needs_a_target;
}

/// Without any of them the client is sent to where it already is, for ever.
fn needs_a_target(cx: &mut Cx, node: &Node<'_>) {
    if ["host", "path", "scheme", "port"]
        .iter()
        .all(|name| node.get(name).is_none())
    {
        let message = "a redirect that changes nothing would go round in circles";
        let help = "add host, path, scheme or port";
        cx.report(ProblemKind::MissingField, node.pos, message, help);
    }
}

/// A host to write into a request or an answer: no pattern.
fn new_host(text: &str) -> Result<Arc<str>, Invalid> {
    if text.contains('*') {
        return Err(Invalid::new(
            format!("{text:?} is a pattern, not a host"),
            "write the one host that is meant",
        ));
    }
    syntax::host(text)
}

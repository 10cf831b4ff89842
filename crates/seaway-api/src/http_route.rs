//! `HttpRoute`, in `seaway.dev/v1alpha1` and in `core.kalm.dev/v1alpha1`. The differences between the two groups are
//! settled while decoding: a Kalm path becomes `PathSpec::StringPrefix`, a bare integer duration becomes seconds.

mod balancing;
mod cors;
mod destination;
mod headers;
mod matching;
mod rewrite;
mod traffic;

use std::sync::Arc;

pub use balancing::{HashOn, LoadBalancing, Policy};
pub use cors::Cors;
pub use destination::Destination;
pub use headers::{HeaderChange, Headers};
pub use matching::{Condition, ConditionSource, Operator, PathSpec, Scheme};
pub use rewrite::{Redirect, Rewrite};
pub use traffic::{Delay, Fault, Mirror, Percentage, Retries};

use self::matching::{PathShape, SCHEME};
use crate::decode::{Cx, Duration, List, Parsed, TRUE_FALSE, at, boxed, obj, object, syntax};
use crate::node::{Node, Value};
use crate::{ProblemKind, Spanned};

type Text = Spanned<Arc<str>>;

object! {
    /// Which requests go where, and what happens to them on the way.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct HttpRoute {
        /// Hosts that the route is for: a DNS name, `*.example.com` for any number of labels, an IP address, or `*`.
        hosts: Vec<Text> = "hosts", default(all_hosts(), "`[\"*\"]`"), List(at(Parsed("host", syntax::host)));
        /// Paths that the route is for; any of them. A plain path is a prefix: by path elements in `seaway.dev`
        /// (`/foo` covers `/foo/bar` and not `/foobar`), by characters in `core.kalm.dev`.
        paths: Vec<Spanned<PathSpec>> = "paths", default(all_paths(), "`[/]`"), List(at(PathShape));
        /// Methods that the route is for.
        methods: Vec<Text> = "methods", default(Vec::new(), "every method"), List(at(Parsed("method", syntax::method)));
        /// Whether it is for clear text, for TLS, or for both.
        schemes: Vec<Spanned<Scheme>> = "schemes", default(Vec::new(), "both"), List(at(SCHEME));
        /// Remove the matched prefix before forwarding.
        strip_path: Spanned<bool> = "stripPath", default(Spanned::default(), "`false`"), at(TRUE_FALSE);
        /// Conditions on headers, query parameters and cookies; all must hold.
        conditions: Vec<Spanned<Condition>> = "conditions", default(Vec::new(), "none"), List(at(obj()));
        /// Where requests go. May be left out only with `redirect`, or with `httpRedirectToHttps` and
        /// `schemes: [http]`.
        destinations: Vec<Spanned<Destination>> = "destinations", default(Vec::new(), "none"), List(at(obj()));
        /// Answer clear-text requests with a redirect (301) to https.
        http_redirect_to_https: Spanned<bool> =
            "httpRedirectToHttps", default(Spanned::default(), "`false`"), at(TRUE_FALSE);
        /// How long the whole request may take, retries included.
        timeout: Option<Spanned<u64>> = "timeout", optional, at(Duration);
        /// When to try a request again.
        retries: Option<Box<Spanned<Retries>>> = "retries", optional, boxed(at(obj()));
        /// Send a copy of some requests elsewhere, and ignore the answers.
        mirror: Option<Box<Spanned<Mirror>>> = "mirror", optional, boxed(at(obj()));
        /// Answer some requests with an error.
        fault: Option<Box<Spanned<Fault>>> = "fault", optional, boxed(at(obj()));
        /// Hold some requests back for a while.
        delay: Option<Box<Spanned<Delay>>> = "delay", optional, boxed(at(obj()));
        /// Answer cross-origin preflights, and name the allowed origins.
        cors: Option<Box<Spanned<Cors>>> = "cors", optional, boxed(at(obj()));
        /// Change headers on the way to the upstream and on the way back.
        headers: Option<Box<Spanned<Headers>>> = "headers", optional, boxed(at(obj()));
        /// Change the path or the host before forwarding.
        rewrite: Option<Box<Spanned<Rewrite>>> = "rewrite", optional, boxed(at(obj()));
        /// Redirect instead of forwarding.
        redirect: Option<Box<Spanned<Redirect>>> = "redirect", optional, boxed(at(obj()));
        /// How an endpoint of the destination is chosen.
        load_balancing: Option<Box<Spanned<LoadBalancing>>> = "loadBalancing", optional, boxed(at(obj()));
    }
    check check_fields;
    finish fill_defaults;
}

fn all_hosts() -> Vec<Text> {
    vec![Spanned::unwritten("*")]
}

fn all_paths() -> Vec<Spanned<PathSpec>> {
    vec![Spanned::unwritten(PathSpec::Prefix("/".into()))]
}

/// An empty list means the same as none, as everywhere in Kubernetes.
#[expect(clippy::unnecessary_wraps, reason = "the shape of every `finish`")]
fn fill_defaults(mut route: HttpRoute, _: &mut Cx, _: &Node<'_>) -> Option<HttpRoute> {
    if route.hosts.is_empty() {
        route.hosts = all_hosts();
    }
    if route.paths.is_empty() {
        route.paths = all_paths();
    }
    Some(route)
}

/// Fields that need or exclude each other.
fn check_fields(cx: &mut Cx, node: &Node<'_>) {
    let is_true = |name: &str| matches!(node.get(name).map(|n| &n.value), Some(Value::Bool(true)));
    let only_redirects_to_https = || is_true("httpRedirectToHttps") && only_scheme(node, "http");
    let has_destinations = node
        .get("destinations")
        .is_some_and(|n| !matches!(&n.value, Value::Seq(items) if items.is_empty()));
    if node.get("redirect").is_some() {
        if has_destinations {
            cx.refuse_both(
                node,
                "redirect",
                "destinations",
                "a route either redirects or forwards; remove one",
            );
        }
        cx.refuse_both(
            node,
            "redirect",
            "rewrite",
            "write the new host and path into \"redirect\"",
        );
        for name in ["mirror", "retries", "timeout", "loadBalancing", "stripPath"] {
            cx.ignored(node, name, "in a route that redirects");
        }
    } else if !has_destinations && !only_redirects_to_https() {
        let help = "add for example \"destinations: [{host: my-service:8080}]\", or a \"redirect\"";
        cx.missing(node, "destinations", help);
    }
    if is_true("httpRedirectToHttps") && only_scheme(node, "https") {
        cx.ignored(node, "httpRedirectToHttps", "in a route that is for https only");
    }
    if is_true("stripPath")
        && let Some(path) = node.get("rewrite").and_then(|rewrite| rewrite.entry("path"))
    {
        let message = "\"stripPath\" and \"rewrite.path\" both replace the matched prefix";
        let help = "keep \"rewrite.path\"; \"/\" strips the prefix too";
        cx.within("rewrite", |cx| {
            cx.report_in("path", ProblemKind::ConflictingFields, path.pos, message, help);
        });
    }
}

/// Whether `schemes` names this one and no other.
fn only_scheme(node: &Node<'_>, scheme: &str) -> bool {
    match node.get("schemes").map(|n| &n.value) {
        Some(Value::Seq(items)) => {
            !items.is_empty() && items.iter().all(|item| item.as_str() == Some(scheme))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;

//! What Envoy does otherwise, as `docs/parity.md` has it.

use seaway_model::{Action, Match, Model, OriginMatch, PathRewrite, Route};
use seaway_route::Explanation;

use crate::requests::Ask;

/// A heading of that page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// "Requests that could be read in two ways".
    BadRequest,
    /// "How a path is written".
    Path,
    /// "How a host is written".
    Host,
    /// "Certificates for one label".
    OneLabel,
    /// "Conditions on what the gateway itself writes".
    OwnHeaders,
    /// "A rewritten path that begins with two slashes".
    Rewrite,
    /// "Any origin".
    AnyOrigin,
    /// "Headers of a preflight answer".
    Preflight,
    /// "CORS of what is not forwarded".
    CorsOfAnswers,
    /// "Clients without a server name".
    NoServerName,
    /// "How a cookie is written".
    Cookie,
    /// "Headers that come several times".
    Repeated,
    /// "Expressions on query parameters".
    Query,
    /// "Without the name of the server".
    Server,
    /// "Refusals over TLS".
    Refusal,
    /// "Cookies that are made up".
    GeneratedCookie,
}

impl Known {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::BadRequest,
        Self::Path,
        Self::Host,
        Self::OneLabel,
        Self::OwnHeaders,
        Self::Rewrite,
        Self::AnyOrigin,
        Self::Preflight,
        Self::CorsOfAnswers,
        Self::NoServerName,
        Self::Cookie,
        Self::Repeated,
        Self::Query,
        Self::Server,
        Self::Refusal,
        Self::GeneratedCookie,
    ];
}

/// The heading that tells of a difference; none if it is a bug.
pub fn known(ask: &Ask, explanation: &Explanation<'_>, model: &Model, wrong: &[String]) -> Option<Known> {
    let reason = explanation.respond.map(|answer| answer.reason);
    let route = explanation.route.and_then(|route| route.of_requests);
    let only = |parts: &[&str]| {
        wrong
            .iter()
            .all(|line| parts.iter().any(|part| line.starts_with(part)))
    };
    if only(&["answer's server: ours None"]) {
        return Some(Known::Server);
    }
    if only(&["answer's set-cookie: "]) {
        return Some(Known::GeneratedCookie);
    }
    if ask.tls && only(&["status: ours 404, Envoy's 421", "status: ours 421, Envoy's 404"]) {
        return Some(Known::Refusal);
    }
    if reason == Some("bad_request") {
        return Some(Known::BadRequest);
    }
    let path = ask.target.split('?').next().unwrap_or_default();
    if path.contains("//") || path.contains("%61") {
        return Some(Known::Path);
    }
    if only(&["connection: ours none"]) {
        return Some(Known::OneLabel);
    }
    if ask.host.contains("DB8:0::") || (is_written_oddly(ask.host) && only(&["answer's location"])) {
        return Some(Known::Host);
    }
    if route.is_some_and(rewrites_by_expression) && only(&["path: "]) {
        return Some(Known::Rewrite);
    }
    if only(&["answer's access-control-allow-origin: ours Some(\"*\")"]) && route.is_some_and(allows_any) {
        return Some(Known::AnyOrigin);
    }
    let is_forwarded = route.is_some_and(|route| matches!(route.action, Action::Forward(_)));
    if !is_forwarded && route.is_some_and(|route| route.cors.is_some()) {
        return Some(Known::CorsOfAnswers);
    }
    if ask.tls
        && ask
            .name
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok()
    {
        return Some(Known::NoServerName);
    }
    if reason == Some("cors_preflight") {
        return Some(Known::Preflight);
    }
    if has_own_headers(model) {
        return Some(Known::OwnHeaders);
    }
    let cookies = ask.headers.iter().filter(|(name, _)| *name == "cookie");
    let mut pairs = cookies.flat_map(|(_, value)| value.split(';'));
    if pairs.any(|pair| !pair.contains('=') || pair.contains('"')) {
        return Some(Known::Cookie);
    }
    let names = ask.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
    if ["x-a", "x-b"]
        .iter()
        .any(|name| names.clone().filter(|other| other == name).count() > 1)
    {
        return Some(Known::Repeated);
    }
    ask.target.contains("%31").then_some(Known::Query)
}

/// Not in lower case, or with a port or a dot at the end.
fn is_written_oddly(host: &str) -> bool {
    host.contains(':') || host.ends_with('.') || host.bytes().any(|b| b.is_ascii_uppercase())
}

fn rewrites_by_expression(route: &Route) -> bool {
    matches!(&route.action, Action::Forward(forward)
        if matches!(forward.rewrite.path, Some(PathRewrite::Regex { .. })))
}

fn allows_any(route: &Route) -> bool {
    route
        .cors
        .as_ref()
        .is_some_and(|cors| cors.allow_origins.contains(&OriginMatch::Any))
}

/// Whether some route asks for a header that Envoy has written before it looks for a route.
fn has_own_headers(model: &Model) -> bool {
    let listeners = model.listeners.iter();
    let mut routes = listeners
        .flat_map(|l| &l.virtual_hosts)
        .flat_map(|host| &host.routes);
    routes.any(|route| match &route.matches {
        Match::When(conditions) => conditions
            .headers
            .iter()
            .any(|header| header.name.starts_with("x-forwarded-") || *header.name == *"x-request-id"),
        Match::Never { .. } => false,
    })
}

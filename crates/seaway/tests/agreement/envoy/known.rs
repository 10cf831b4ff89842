//! What Envoy does otherwise, as `docs/parity.md` has it.
//!
//! A difference is known line by line. Some headings tell of one line of an answer; others mean that Envoy has read the
//! request in another way, so that anything may follow. Each asks for what causes it, and not only for what is seen.

use std::net::IpAddr;

use seaway_model::{
    Action, Conditions, HashOn, HostMatch, Listener, Match, Model, OriginMatch, PathRewrite, Protocol, Route,
    StringMatch, ValueMatch,
};
use seaway_route::{Explanation, normalize};

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
    /// "A rewritten path that does not begin with one slash".
    Rewrite,
    /// "Any origin".
    AnyOrigin,
    /// "Headers of a preflight answer".
    Preflight,
    /// "CORS of what is not forwarded".
    CorsOfAnswers,
    /// "Faults of what is not forwarded".
    FaultOfAnswers,
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
        Self::Rewrite,
        Self::AnyOrigin,
        Self::Preflight,
        Self::CorsOfAnswers,
        Self::FaultOfAnswers,
        Self::NoServerName,
        Self::Cookie,
        Self::Repeated,
        Self::Query,
        Self::Server,
        Self::GeneratedCookie,
    ];
}

/// A request, and what we made of it.
pub struct Case<'c> {
    pub ask: &'c Ask,
    pub explanation: &'c Explanation<'c>,
    pub model: &'c Model,
}

/// The headings that tell of all differences; none if one of them is a bug.
pub fn known(case: &Case<'_>, wrong: &[String]) -> Option<Vec<Known>> {
    let of_lines: Vec<Option<Known>> = wrong.iter().map(|line| case.of_line(line)).collect();
    if of_lines.iter().all(Option::is_some) {
        return Some(of_lines.into_iter().flatten().collect());
    }
    Some(vec![case.of_all(wrong)?])
}

impl<'c> Case<'c> {
    /// The heading that tells of one line of the answer.
    fn of_line(&self, line: &str) -> Option<Known> {
        let route = self.route()?;
        let is_forwarded = matches!(route.action, Action::Forward(_));
        let is_ours_alone = line.starts_with("answer's ") && line.ends_with("Envoy's None");
        let is_of_cors = line.starts_with("answer's access-control-") || line.starts_with("answer's vary");
        if line.starts_with("answer's server: ours None")
            && route.response_headers.remove.iter().any(is_server)
        {
            return Some(Known::Server);
        }
        if line.starts_with("answer's set-cookie: ") && makes_a_cookie(route) {
            return Some(Known::GeneratedCookie);
        }
        if line.starts_with("path: ") && line.contains("Envoy's \"//") && rewrites_by_expression(route) {
            return Some(Known::Rewrite);
        }
        if line.starts_with("answer's location") && is_written_oddly(self.ask.host) {
            return Some(Known::Host);
        }
        if line.starts_with("answer's access-control-allow-origin: ours Some(\"*\")") && allows_any(route) {
            return Some(Known::AnyOrigin);
        }
        if self.is_preflight() && is_forwarded && (is_of_cors || is_ours_alone) {
            return Some(Known::Preflight);
        }
        if !is_forwarded && route.cors.is_some() && is_of_cors {
            return Some(Known::CorsOfAnswers);
        }
        let is_aborted = route.fault.as_ref().is_some_and(|fault| fault.abort.is_some());
        (!is_forwarded && is_aborted && is_ours_alone).then_some(Known::FaultOfAnswers)
    }

    /// The heading that says why Envoy has read the request in another way.
    fn of_all(&self, wrong: &[String]) -> Option<Known> {
        if self.reason() == Some("bad_request") {
            return Some(Known::BadRequest);
        }
        let path = self.ask.target.split('?').next().unwrap_or_default();
        if normalize::path(path).is_ok_and(|ours| ours != envoys_path(path)) {
            return Some(Known::Path);
        }
        if self.ask.tls && self.is_beyond_one_label() {
            return Some(Known::OneLabel);
        }
        let is_misdirected = |line: &String| {
            line.ends_with("Envoy's 421") || line.ends_with("None 421") || line.starts_with("connection: ")
        };
        if self.ask.tls && is_an_address(self.ask.name) && wrong.iter().any(is_misdirected) {
            return Some(Known::NoServerName);
        }
        // A backend refuses a path without any.
        let is_refused = |line: &String| line.ends_with("Envoy's 400") || line.ends_with("None 400");
        if self.route().is_some_and(rewrites_by_expression) && wrong.iter().any(is_refused) {
            return Some(Known::Rewrite);
        }
        if self.ask.host.contains("DB8:0::") {
            return Some(Known::Host);
        }
        if self.is_preflight()
            && self
                .route()
                .is_some_and(|route| !matches!(route.action, Action::Forward(_)))
        {
            return Some(Known::CorsOfAnswers);
        }
        if self.has_odd_cookie() && self.conditions().any(|all| !all.cookies.is_empty()) {
            return Some(Known::Cookie);
        }
        let repeated = self.repeated();
        let is_repeated = |name: &str| repeated.iter().any(|other| other == name);
        if self
            .conditions()
            .any(|all| all.headers.iter().any(|one| is_repeated(&one.name)))
        {
            return Some(Known::Repeated);
        }
        let is_escaped = self.ask.target.contains("%31");
        let mut queries = self.conditions().flat_map(|all| &all.query);
        (is_escaped && queries.any(|one| is_expression(&one.value))).then_some(Known::Query)
    }

    fn reason(&self) -> Option<&str> {
        self.explanation.respond.map(|answer| answer.reason)
    }

    fn is_preflight(&self) -> bool {
        self.reason() == Some("cors_preflight")
    }

    fn route(&self) -> Option<&'c Route> {
        self.explanation.route.and_then(|route| route.of_requests)
    }

    fn listener(&self) -> Option<&'c Listener> {
        let protocol = if self.ask.tls {
            Protocol::Https
        } else {
            Protocol::Http
        };
        let mut all = self.model.listeners.iter().map(AsRef::as_ref);
        all.find(|listener| listener.protocol == protocol)
    }

    /// Those of all routes of the host.
    fn conditions(&self) -> impl Iterator<Item = &'c Conditions> {
        let host = self.explanation.virtual_host;
        let hosts = self
            .listener()
            .into_iter()
            .flat_map(|listener| &listener.virtual_hosts);
        let routes = hosts
            .filter(move |one| host == Some(&one.host))
            .flat_map(|one| &one.routes);
        routes.filter_map(|route| match &route.matches {
            Match::When(conditions) => Some(conditions),
            Match::Never { .. } => None,
        })
    }

    /// Whether Envoy has chosen a certificate that is for one label more than its name, for a name of more labels.
    fn is_beyond_one_label(&self) -> bool {
        let name = self.ask.name;
        let tls = self.listener().and_then(|listener| listener.tls.as_ref());
        let hosts: Vec<&HostMatch> = tls
            .iter()
            .flat_map(|tls| &tls.certificates)
            .map(|c| &c.host)
            .collect();
        let ours = hosts.iter().filter(|host| host.matches(name)).min();
        hosts.iter().any(|host| {
            let HostMatch::OneLabel(suffix) = host else {
                return false;
            };
            name.ends_with(&**suffix) && !host.matches(name) && ours.is_none_or(|ours| *host < ours)
        })
    }

    fn has_odd_cookie(&self) -> bool {
        let cookies = self.ask.headers.iter().filter(|(name, _)| *name == "cookie");
        let mut pairs = cookies.flat_map(|(_, value)| value.split(';'));
        pairs.any(|pair| !pair.contains('=') || pair.contains('"'))
    }

    /// Headers that come more than once.
    fn repeated(&self) -> Vec<String> {
        let names: Vec<String> = self
            .ask
            .headers
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase())
            .collect();
        let is_repeated = |name: &&String| names.iter().filter(|other| other == name).count() > 1;
        names.iter().filter(is_repeated).cloned().collect()
    }
}

/// The path as Envoy matches and forwards it: what need not be escaped is not, then dots are resolved, then slashes
/// merged.
fn envoys_path(path: &str) -> String {
    let mut segments: Vec<String> = Vec::new();
    let mut is_open = false;
    for segment in path.split('/').skip(1).map(unescaped) {
        is_open = matches!(segment.as_str(), "." | "..");
        match segment.as_str() {
            "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    if is_open {
        segments.push(String::new());
    }
    let resolved = format!("/{}", segments.join("/"));
    if !resolved.contains("//") {
        return resolved;
    }
    let kept: Vec<&str> = resolved
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    let end = if resolved.ends_with('/') { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

/// With those characters that never need an escape as they are.
fn unescaped(segment: &str) -> String {
    let mut out = String::new();
    let mut rest = segment;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let code = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code.map(char::from) {
            Some(plain) if plain.is_ascii_alphanumeric() || "-._~".contains(plain) => {
                out.push(plain);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                out.push('%');
                rest = after;
            }
        }
    }
    out + rest
}

fn is_an_address(name: &str) -> bool {
    name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

fn is_server(name: &std::sync::Arc<str>) -> bool {
    **name == *"server"
}

fn is_expression(value: &ValueMatch) -> bool {
    matches!(
        value,
        ValueMatch::Is(StringMatch::Regex(_)) | ValueMatch::IsNot(StringMatch::Regex(_))
    )
}

/// Not in lower case, or with a port or a dot at the end.
fn is_written_oddly(host: &str) -> bool {
    host.contains(':') || host.ends_with('.') || host.bytes().any(|b| b.is_ascii_uppercase())
}

fn makes_a_cookie(route: &Route) -> bool {
    matches!(&route.action, Action::Forward(forward)
        if forward.hash_on.iter().any(|on| matches!(on, HashOn::GeneratedCookie(_))))
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

#[test]
fn paths_are_read_as_envoy_reads_them() {
    for (sent, read) in [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/%61/%2f%2E%2e", "/a/%2f.."),
        ("/a//../b", "/a/b"),
        ("//", "//"),
        ("//.", "//"),
        ("///", "//"),
        ("/a//b//", "/a/b/"),
        ("/a/.", "/a/"),
        ("/a/..", "/"),
        ("/../a", "/a"),
        ("/a/%2e%2E/b", "/b"),
    ] {
        assert_eq!(envoys_path(sent), read, "{sent}");
    }
}

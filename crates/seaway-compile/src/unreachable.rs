//! Routes that can never match, because an earlier route of the same host takes everything they would.
//!
//! The order of precedence puts the longer path first, so of two routes that can both match, the earlier has the same path
//! or the narrower one: only a route with the same path can hide another. The exception is an expression that takes every
//! path, which stands before `/`. Looking only among routes with the same path keeps ten thousand routes on one host
//! cheap; among those, a route is hidden by one whose conditions are some of its own, and those are looked up as sets.
//!
//! What is found is always true; not everything is found. That a union of routes hides another is not looked for, nor
//! that one expression includes another.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use seaway_api::Pos;
use seaway_model::{
    Code, Conditions, CookieMatch, HeaderMatch, HostMatch, Match, PathMatch, QueryMatch, Route, StringMatch,
    ValueMatch,
};

use crate::draft::{Draft, Purpose};
use crate::findings::{Findings, place, whereabouts};
use crate::gateway::Wanted;

/// With more conditions than this, only the empty and the equal set of them are looked up.
const MAX_SUBSETS_OF: usize = 6;
/// Expressions that take every path.
const EVERYTHING: [&str; 4] = [".*", "/.*", "(.*)", "/(.*)"];

/// Warns about every rule that can never match on a host.
pub(crate) fn report(wanted: &Wanted, findings: &mut Findings) {
    let mut said = HashSet::new();
    for (scheme, on_http) in [("http", true), ("https", false)] {
        // Where every route is on both listeners, the second has nothing to add.
        if !on_http
            && wanted
                .drafts
                .iter()
                .all(|draft| draft.http.is_some() && draft.https.is_some())
        {
            break;
        }
        let mut hosts: HashMap<&HostMatch, Seen<'_>> = HashMap::new();
        let drafts = wanted
            .drafts
            .iter()
            .filter(|draft| draft.purpose == Purpose::Rule);
        for draft in drafts {
            let Some(route) = on_listener(draft, on_http) else {
                continue;
            };
            for claim in &*draft.hosts {
                let seen = hosts.entry(&claim.host).or_default();
                if let Some(earlier) = seen.hides(route)
                    && said.insert((&route.origin, &claim.host))
                {
                    report_hidden(draft.pos, route, earlier, scheme, &claim.host, findings);
                }
                seen.insert(route);
            }
        }
    }
}

fn on_listener(draft: &Draft, http: bool) -> Option<&Arc<Route>> {
    if http {
        draft.http.as_ref()
    } else {
        draft.https.as_ref()
    }
}

/// A condition other than path and methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part<'a> {
    Header(&'a HeaderMatch),
    Query(&'a QueryMatch),
    Cookie(&'a CookieMatch),
}

/// Routes of one host that came before.
#[derive(Default)]
struct Seen<'a> {
    by_shape: HashMap<(&'a PathMatch, Vec<u64>), Vec<&'a Route>>,
}

impl<'a> Seen<'a> {
    fn insert(&mut self, route: &'a Route) {
        if let Match::When(conditions) = &route.matches {
            let shape = (path_key(&conditions.path), shape(&parts(conditions)));
            let routes = self.by_shape.entry(shape).or_default();
            // One that an earlier one includes hides nothing that the earlier one does not.
            if routes.iter().all(|earlier| !includes(earlier, conditions)) {
                routes.push(route);
            }
        }
    }

    /// An earlier route that takes everything that this one would.
    fn hides(&self, route: &Route) -> Option<&'a Route> {
        let Match::When(conditions) = &route.matches else {
            return None;
        };
        let parts = parts(conditions);
        subsets(&parts).into_iter().find_map(|subset| {
            let key = (path_key(&conditions.path), shape(&subset));
            let candidates = self.by_shape.get(&key)?;
            candidates
                .iter()
                .find(|earlier| includes(earlier, conditions))
                .copied()
        })
    }
}

/// An expression that takes everything is the same as no condition on the path.
fn path_key(path: &PathMatch) -> &PathMatch {
    match path {
        PathMatch::Regex(pattern) if EVERYTHING.contains(&pattern.source()) => &PathMatch::Any,
        other => other,
    }
}

fn parts(conditions: &Conditions) -> Vec<Part<'_>> {
    let headers = conditions.headers.iter().map(Part::Header);
    let query = conditions.query.iter().map(Part::Query);
    let cookies = conditions.cookies.iter().map(Part::Cookie);
    headers.chain(query).chain(cookies).collect()
}

/// The hashes of the parts, sorted: equal for equal sets. `includes` checks the parts themselves.
fn shape(parts: &[Part<'_>]) -> Vec<u64> {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let hashes: BTreeSet<u64> = parts.iter().map(|part| hasher.hash_one(part)).collect();
    hashes.into_iter().collect()
}

fn subsets<'a>(parts: &[Part<'a>]) -> Vec<Vec<Part<'a>>> {
    if parts.len() > MAX_SUBSETS_OF {
        return vec![Vec::new(), parts.to_vec()];
    }
    (0..1_usize << parts.len())
        .map(|mask| {
            let chosen = parts
                .iter()
                .enumerate()
                .filter(|(index, _)| mask >> index & 1 == 1);
            chosen.map(|(_, part)| *part).collect()
        })
        .collect()
}

/// Whether a route with the same path takes everything that `later` takes.
fn includes(earlier: &Route, later: &Conditions) -> bool {
    let Match::When(earlier) = &earlier.matches else {
        return false;
    };
    let methods = earlier.methods.is_empty()
        || !later.methods.is_empty()
            && later
                .methods
                .iter()
                .all(|method| earlier.methods.contains(method));
    methods
        && earlier.headers.iter().all(|part| later.headers.contains(part))
        && earlier.query.iter().all(|part| later.query.contains(part))
        && earlier.cookies.iter().all(|part| later.cookies.contains(part))
}

fn report_hidden(
    pos: Pos,
    route: &Route,
    earlier: &Route,
    scheme: &str,
    host: &HostMatch,
    findings: &mut Findings,
) {
    let example = match &route.matches {
        Match::When(conditions) => example(conditions, scheme, host),
        Match::Never { .. } => None,
    };
    let example = example
        .map(|text| format!(", for example {text}"))
        .unwrap_or_default();
    let message = format!(
        "on host \"{host}\" {}{} takes every request that this route would{example}",
        earlier.origin,
        whereabouts(&earlier.origin)
    );
    findings.report(
        Code::Unreachable,
        place(&route.origin, &route.origin.field, pos),
        message,
        "remove one of the two, or give this one a longer path, a method or a condition that the other lacks",
    );
}

/// A request that both routes match: `GET http://shop.example.com/cart with x-a: 1`. `None` where no example is easy.
fn example(conditions: &Conditions, scheme: &str, host: &HostMatch) -> Option<String> {
    let method = conditions.methods.first().map_or("GET", |method| method);
    let host = match host {
        HostMatch::Exact(name) if name.contains(':') => format!("[{name}]"),
        HostMatch::Exact(name) => name.to_string(),
        HostMatch::OneLabel(suffix) | HostMatch::Suffix(suffix) => format!("x{suffix}"),
        HostMatch::Any => "example.com".to_owned(),
    };
    let path = match &conditions.path {
        PathMatch::Any => "/",
        PathMatch::Exact(path)
        | PathMatch::Elements(path)
        | PathMatch::Prefix(path)
        | PathMatch::ExactIgnoringCase(path)
        | PathMatch::PrefixIgnoringCase(path) => path,
        PathMatch::Regex(_) => return None,
    };
    let mut query = Vec::new();
    for part in &conditions.query {
        if let Some(value) = value(&part.value)? {
            query.push(format!("{}={value}", part.name));
        }
    }
    let mut headers = Vec::new();
    for part in &conditions.headers {
        if let Some(value) = value(&part.value)? {
            headers.push(format!("{}: {value}", part.name));
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
    Some(format!("{method} {scheme}://{host}{path}{query}{headers}"))
}

/// A value that matches; the inner `None`: leave it out. The outer: not easily said.
fn value(value: &ValueMatch) -> Option<Option<&str>> {
    match value {
        ValueMatch::Present => Some(Some("x")),
        ValueMatch::Absent | ValueMatch::IsNot(_) => Some(None),
        ValueMatch::Is(StringMatch::Exact(text) | StringMatch::Prefix(text) | StringMatch::Suffix(text)) => {
            Some(Some(text))
        }
        ValueMatch::Is(StringMatch::Regex(_)) => None,
    }
}

//! Routes that can never match, because an earlier route of the same host takes everything they would.
//!
//! Among HttpRoutes and Ingresses the order of precedence puts the longer path first, so of two routes that can both match,
//! the earlier has the same path or the narrower one: only a route with the same path can hide another. The exception is
//! an expression that takes every path, which stands before `/`. The rules of a VirtualService stand as they are written,
//! so there a shorter prefix may hide a longer one. Looking only among routes whose path is the same, or is one of the few
//! prefixes that a VirtualService wrote, keeps ten thousand routes on one host cheap; among those, a route is hidden by one
//! whose conditions are some of its own, and those are looked up as sets.
//!
//! What is found is always true; not everything is found. That a union of routes hides another is not looked for, nor
//! that one expression includes another.

mod example;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use seaway_api::Pos;
use seaway_model::{Code, Conditions, HostMatch, Match, Origin, PathMatch, Route, ValueMatch};

use crate::draft::{Draft, Purpose, Served};
use crate::findings::{Findings, place, whereabouts};
use crate::gateway::Wanted;
use crate::order::Rank;
use crate::site::{DefaultGateway, Site};

/// With more conditions than this, only the empty and the equal set of them are looked up.
const MAX_SUBSETS_OF: usize = 6;
/// With more than this, it is not looked up whether an earlier route asks only for a value where these ask for which.
const MAX_WIDENED_OF: usize = 4;
/// Expressions that take every path.
const EVERYTHING: [&str; 4] = [".*", "/.*", "(.*)", "/(.*)"];

/// Warns about every rule that can never match.
///
/// A rule of an HttpRoute or an Ingress is told for each host on which it is hidden. One of a VirtualService is told where
/// it is hidden on every host of every listener: a rule that redirects on one port hides those after it on that port only,
/// and is meant to.
pub(crate) fn report(wanted: &Wanted, findings: &mut Findings) {
    let mut said = HashSet::new();
    let mut tallies: BTreeMap<&Origin, Tally<'_>> = BTreeMap::new();
    for site in wanted.sites.iter().filter(|site| !is_repetition(site, wanted)) {
        let mut hosts: HashMap<&HostMatch, Seen<'_>> = HashMap::new();
        for draft in &wanted.drafts {
            let (Some(route), Some(conditions)) = (draft.on(site), conditions(draft, site)) else {
                continue;
            };
            let is_listed = matches!(draft.rank, Rank::Listed(_) | Rank::Server(_));
            for claim in &*draft.hosts {
                let seen = hosts.entry(&claim.host).or_default();
                let by = match &draft.purpose {
                    Purpose::Dead(dead) => Some(&*dead.by),
                    _ => seen.hides(conditions),
                };
                let hidden = by.map(|by| Hidden {
                    by,
                    conditions,
                    site,
                    host: &claim.host,
                });
                match (&draft.served, hidden) {
                    (_, _) if matches!(draft.purpose, Purpose::Redirect) => {}
                    (Served::On(..), hidden) => {
                        tallies
                            .entry(&route.origin)
                            .or_insert_with(|| Tally::new(draft))
                            .add(hidden);
                    }
                    (Served::ByDefault { .. }, Some(hidden)) => {
                        if said.insert((&route.origin, &claim.host)) {
                            hidden.report(&route.origin, draft.pos, findings);
                        }
                    }
                    (Served::ByDefault { .. }, None) => {}
                }
                if !matches!(draft.purpose, Purpose::Dead(_)) {
                    seen.insert(route, is_listed);
                }
            }
        }
    }
    for (origin, tally) in tallies {
        if let Some(hidden) = tally.hidden.filter(|_| !tally.is_reached) {
            hidden.report(origin, tally.pos, findings);
        }
    }
}

/// Where every route is on both of the default gateway's listeners, the second has nothing to add.
fn is_repetition(site: &Site, wanted: &Wanted) -> bool {
    let on_both = |draft: &Draft| {
        matches!(
            &draft.served,
            Served::ByDefault {
                http: Some(_),
                https: Some(_)
            }
        )
    };
    site.default == Some(DefaultGateway::Https)
        && wanted.sites.default_gateway(DefaultGateway::Http).is_some()
        && wanted.drafts.iter().all(on_both)
}

/// What a draft takes on a listener, or would take if it were not dead. `None` for what nobody wrote, and for what never
/// matches for a reason of its own.
fn conditions<'a>(draft: &'a Draft, site: &Site) -> Option<&'a Conditions> {
    match (&draft.purpose, &draft.on(site)?.matches) {
        (Purpose::Preflight | Purpose::Straight, _) => None,
        (Purpose::Dead(dead), _) => Some(&dead.conditions),
        (Purpose::Rule | Purpose::Redirect, Match::When(conditions)) => Some(conditions),
        (Purpose::Rule | Purpose::Redirect, Match::Never { .. }) => None,
    }
}

/// On how much of where a rule stands it is hidden.
struct Tally<'a> {
    pos: Pos,
    is_reached: bool,
    hidden: Option<Hidden<'a>>,
}

impl<'a> Tally<'a> {
    fn new(draft: &Draft) -> Self {
        Self {
            pos: draft.pos,
            is_reached: false,
            hidden: None,
        }
    }

    fn add(&mut self, hidden: Option<Hidden<'a>>) {
        self.is_reached |= hidden.is_none();
        self.hidden = self.hidden.take().or(hidden);
    }
}

/// A rule that an earlier one hides.
struct Hidden<'a> {
    by: &'a Route,
    conditions: &'a Conditions,
    site: &'a Site,
    host: &'a HostMatch,
}

impl Hidden<'_> {
    fn report(&self, origin: &Origin, pos: Pos, findings: &mut Findings) {
        let Self { by, host, .. } = self;
        let example = example::example(self.conditions, self.site, host)
            .map(|text| format!(", for example {text}"))
            .unwrap_or_default();
        let message = format!(
            "on host \"{host}\" {}{} takes every request that this route would{example}",
            by.origin,
            whereabouts(&by.origin)
        );
        findings.report(
            Code::Unreachable,
            place(origin, &origin.field, pos),
            message,
            "remove one of the two, or give this one a longer path, a method or a condition that the other lacks",
        );
    }
}

/// A condition other than path and methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Part<'a> {
    of: Of,
    name: &'a str,
    value: &'a ValueMatch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Of {
    Header,
    Query,
    Cookie,
}

/// There, with any value.
static PRESENT: ValueMatch = ValueMatch::Present;

impl Part<'_> {
    /// That there is a value at all, which whoever asks for a certain one asks for too.
    fn wider(self) -> Option<Self> {
        let is_certain = matches!(self.value, ValueMatch::Is(_));
        is_certain.then_some(Self {
            value: &PRESENT,
            ..self
        })
    }
}

/// Routes of one host that came before.
#[derive(Default)]
struct Seen<'a> {
    by_shape: HashMap<(PathMatch, Vec<u64>), Vec<&'a Route>>,
    /// The lengths of prefixes that may stand before longer ones.
    prefixes: BTreeSet<usize>,
    /// The same, of those that ignore case.
    prefixes_ignoring_case: BTreeSet<usize>,
}

impl<'a> Seen<'a> {
    fn insert(&mut self, route: &'a Route, is_listed: bool) {
        if let Match::When(conditions) = &route.matches {
            match &conditions.path {
                PathMatch::Prefix(text) if is_listed => {
                    self.prefixes.insert(text.len());
                }
                PathMatch::PrefixIgnoringCase(text) if is_listed => {
                    self.prefixes_ignoring_case.insert(text.len());
                }
                _ => {}
            }
            let shape = (path_key(&conditions.path), shape(&parts(conditions)));
            let routes = self.by_shape.entry(shape).or_default();
            // One that an earlier one includes hides nothing that the earlier one does not.
            if routes.iter().all(|earlier| !includes(earlier, conditions)) {
                routes.push(route);
            }
        }
    }

    /// An earlier route that takes everything that these conditions take.
    fn hides(&self, conditions: &Conditions) -> Option<&'a Route> {
        let parts = parts(conditions);
        let shapes: Vec<Vec<u64>> = subsets(&parts).iter().map(|subset| shape(subset)).collect();
        for path in self.wider(&conditions.path) {
            for shape in &shapes {
                let candidates = self.by_shape.get(&(path.clone(), shape.clone()));
                let earlier = candidates
                    .into_iter()
                    .flatten()
                    .find(|earlier| includes(earlier, conditions));
                if earlier.is_some() {
                    return earlier.copied();
                }
            }
        }
        None
    }

    /// The paths that an earlier route must have to take everything that has this one.
    fn wider(&self, path: &PathMatch) -> Vec<PathMatch> {
        let mut wider = vec![path_key(path)];
        let begins_with = match path {
            PathMatch::Regex(pattern) => Some(Arc::from(pattern.literal_prefix())),
            _ => None,
        };
        let text = match path {
            PathMatch::Any => None,
            PathMatch::Regex(_) => begins_with.as_ref(),
            PathMatch::Exact(text)
            | PathMatch::Elements(text)
            | PathMatch::Prefix(text)
            | PathMatch::ExactIgnoringCase(text)
            | PathMatch::PrefixIgnoringCase(text) => Some(text),
        };
        if let Some(text) = text {
            let lower: Arc<str> = text.to_ascii_lowercase().into();
            if let PathMatch::Exact(_) = path {
                wider.push(PathMatch::ExactIgnoringCase(lower.clone()));
            }
            let starts = |text: &Arc<str>, lengths: &BTreeSet<usize>| -> Vec<Arc<str>> {
                let lengths = lengths.range(..=text.len());
                lengths
                    .filter_map(|length| text.get(..*length))
                    .map(Arc::from)
                    .collect()
            };
            let ignores_case = matches!(
                path,
                PathMatch::ExactIgnoringCase(_) | PathMatch::PrefixIgnoringCase(_)
            );
            if !ignores_case {
                wider.extend(starts(text, &self.prefixes).into_iter().map(PathMatch::Prefix));
            }
            let folded = starts(&lower, &self.prefixes_ignoring_case);
            wider.extend(folded.into_iter().map(PathMatch::PrefixIgnoringCase));
        }
        wider.push(PathMatch::Any);
        wider
    }
}

/// Whether every path matches.
pub(crate) fn takes_every_path(path: &PathMatch) -> bool {
    match path {
        PathMatch::Any => true,
        PathMatch::Regex(pattern) => EVERYTHING.contains(&pattern.source()),
        _ => false,
    }
}

/// An expression that takes everything is the same as no condition on the path.
fn path_key(path: &PathMatch) -> PathMatch {
    if takes_every_path(path) {
        PathMatch::Any
    } else {
        path.clone()
    }
}

fn parts(conditions: &Conditions) -> Vec<Part<'_>> {
    fn part<'a>(of: Of, name: &'a str, value: &'a ValueMatch) -> Part<'a> {
        Part { of, name, value }
    }
    let headers = conditions
        .headers
        .iter()
        .map(|one| part(Of::Header, &one.name, &one.value));
    let query = conditions
        .query
        .iter()
        .map(|one| part(Of::Query, &one.name, &one.value));
    let cookies = conditions
        .cookies
        .iter()
        .map(|one| part(Of::Cookie, &one.name, &one.value));
    headers.chain(query).chain(cookies).collect()
}

/// The hashes of the parts, sorted: equal for equal sets. `includes` checks the parts themselves.
fn shape(parts: &[Part<'_>]) -> Vec<u64> {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let hashes: BTreeSet<u64> = parts.iter().map(|part| hasher.hash_one(part)).collect();
    hashes.into_iter().collect()
}

/// Every choice of these, or of wider ones in their places.
fn subsets<'a>(parts: &[Part<'a>]) -> Vec<Vec<Part<'a>>> {
    if parts.len() > MAX_SUBSETS_OF {
        return vec![Vec::new(), parts.to_vec()];
    }
    let is_widened = parts.len() <= MAX_WIDENED_OF;
    let mut all = vec![Vec::new()];
    for part in parts {
        let wider = part.wider().filter(|_| is_widened);
        let with: Vec<Vec<Part<'a>>> = std::iter::once(*part)
            .chain(wider)
            .flat_map(|part| {
                all.iter().map(move |chosen: &Vec<Part<'a>>| {
                    let mut more = chosen.clone();
                    more.push(part);
                    more
                })
            })
            .collect();
        all.extend(with);
    }
    all
}

/// Whether a route whose path is as wide takes everything that `later` takes.
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
    methods && (earlier.sources.is_none() || earlier.sources == later.sources) && asks_no_more(earlier, later)
}

/// Whether each condition of `earlier`, other than path and methods, is one of `later` or a wider one.
fn asks_no_more(earlier: &Conditions, later: &Conditions) -> bool {
    let later = parts(later);
    parts(earlier).iter().all(|part| {
        let is_implied = |other: &Part<'_>| part == other || other.wider().as_ref() == Some(part);
        later.iter().any(is_implied)
    })
}

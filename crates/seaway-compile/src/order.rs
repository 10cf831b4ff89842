//! Which route wins, decided once.
//!
//! All routes of a host are sorted by `Rank`, and engines take the first that matches. Three blocks stand one after the
//! other: what a server says for all of its hosts; the rules of VirtualServices; everything else.
//!
//! **VirtualServices** keep the order in which their rules are written, and the older object goes first. As Istio does it,
//! rules that take everything come after all others of the block, so that of two VirtualServices of one host neither can
//! hide the other by being older. Inside one VirtualService nothing is moved: what follows a rule that takes everything is
//! dead, and that is said.
//!
//! **Everything else** has the order of HttpRoute, and it holds for Ingress too: "the longest matching path wins, and Exact
//! beats Prefix at equal length" is the same as "exact first, then the longest prefix", because an exact match is as long
//! as the request's path, and no path that matches by prefix can be longer (its trailing slash does not count).
//!
//! Three things that the rule leaves open are decided here:
//! - `/` takes everything and comes after the regular expressions. Were it a prefix like others, no expression beside a
//!   `/` route could ever match, and nobody means that.
//! - Of two prefixes of one length the one by path elements comes before the one by characters: it takes less.
//! - Regular expressions are sorted by the length of their text, as paths are.

use std::cmp::Reverse;
use std::sync::Arc;

use seaway_api::Meta;
use seaway_model::{Conditions, Origin, PathMatch};

/// The place of a route among the routes of its host; smaller goes first.
///
/// Variants, and fields within them, are compared in the order they are written here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// What a server says for all of its hosts: a redirect to HTTPS, or a refusal.
    Server(Arc<ObjectRank>),
    /// A rule of an object that keeps its own order.
    Listed(Listed),
    /// A rule whose place follows from what it matches.
    Sorted(Sorted),
    /// A default backend, by the number it has in its object.
    Fallback(Arc<ObjectRank>, u32),
}

/// The place of a VirtualService's rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Listed {
    /// Whether it takes every request.
    pub(crate) takes_everything: bool,
    /// Its VirtualService; of a delegated rule that which delegates.
    pub(crate) object: Arc<ObjectRank>,
    /// Counts the alternatives of all rules, in the order they are written.
    pub(crate) position: usize,
}

/// The place of a rule of an HttpRoute or an Ingress.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sorted {
    path: PathRank,
    any_method: bool,
    headers: Reverse<usize>,
    query: Reverse<usize>,
    object: Arc<ObjectRank>,
    rule: u32,
    index: usize,
    /// The preflight sibling of a route goes right before it.
    not_preflight: bool,
}

/// Exact paths, then the longest, then regular expressions, then everything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PathRank {
    /// Text keeps routes of one path together; two exact paths never compete.
    Exact(Reverse<usize>, Arc<str>),
    /// By elements (0) before by characters (1). Different prefixes of one length never compete either.
    Prefix(Reverse<usize>, u8, Arc<str>),
    /// No text: two expressions can compete, and then the conditions count before the spelling.
    Regex(Reverse<usize>),
    Any,
}

/// The older object first, an unknown age last; then by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ObjectRank {
    age: (bool, i64),
    namespace: Arc<str>,
    name: Arc<str>,
    kind: Arc<str>,
    api_version: Arc<str>,
}

impl ObjectRank {
    /// Of an object of which nobody asks how old it is.
    pub(crate) fn of(origin: &Origin) -> Self {
        Self {
            age: (true, 0),
            namespace: origin.namespace.clone(),
            name: origin.name.clone(),
            kind: origin.kind.clone(),
            api_version: origin.api_version.clone(),
        }
    }

    /// Of an object.
    pub(crate) fn new(meta: &Meta) -> Self {
        Self {
            age: (meta.created.is_none(), meta.created.unwrap_or_default()),
            namespace: meta.namespace.clone(),
            name: meta.name.value.clone(),
            kind: meta.kind.clone(),
            api_version: meta.api_version.clone(),
        }
    }
}

impl Rank {
    /// Of a route whose place follows from its conditions: `rule` and `index` count inside its object.
    pub(crate) fn new(conditions: &Conditions, object: &Arc<ObjectRank>, rule: u32, index: usize) -> Self {
        Self::Sorted(Sorted {
            path: PathRank::new(&conditions.path),
            any_method: conditions.methods.is_empty(),
            headers: Reverse(conditions.headers.len() + conditions.cookies.len()),
            query: Reverse(conditions.query.len()),
            object: object.clone(),
            rule,
            index,
            not_preflight: true,
        })
    }

    /// Right before this one, which must be of a route whose place follows from its conditions.
    pub(crate) fn preflight(&self) -> Self {
        match self {
            Self::Sorted(sorted) => Self::Sorted(Sorted {
                not_preflight: false,
                ..sorted.clone()
            }),
            other => other.clone(),
        }
    }

    /// Of a default backend.
    pub(crate) fn fallback(object: &Arc<ObjectRank>, rule: u32) -> Self {
        Self::Fallback(object.clone(), rule)
    }
}

impl PathRank {
    fn new(path: &PathMatch) -> Self {
        match path {
            PathMatch::Exact(text) | PathMatch::ExactIgnoringCase(text) => {
                Self::Exact(Reverse(text.len()), text.clone())
            }
            PathMatch::Elements(text) => Self::Prefix(Reverse(text.len()), 0, text.clone()),
            PathMatch::Prefix(text) | PathMatch::PrefixIgnoringCase(text) => {
                Self::Prefix(Reverse(text.len()), 1, text.clone())
            }
            PathMatch::Regex(pattern) => Self::Regex(Reverse(pattern.source().len())),
            PathMatch::Any => Self::Any,
        }
    }
}

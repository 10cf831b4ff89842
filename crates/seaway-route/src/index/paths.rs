//! Routes by path: one compressed trie over all the paths of a virtual host.
//!
//! One walk along the request's path meets every route whose path condition could hold, exact paths and both kinds of
//! prefix alike, at a cost that grows with the length of the path and not with the number of routes. An expression hangs
//! at the literal text that each of its matches must begin with. Rejected: a hash map for each kind of path, which asks
//! once per path element and once per known prefix length, and has no place for expressions; and one big automaton of
//! all expressions, which must be built anew, as a whole, at every change.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use seaway_model::{Match, PathMatch};
use smallvec::SmallVec;

use super::facets::Facets;
use super::short;
use crate::conditions::elements;
use crate::{CompiledRoute, RequestHead, expression};

/// No list.
const NONE: u32 = u32::MAX;
/// A list this long is split by what else its routes ask for.
const LONG: usize = 64;

/// Lists of positions, each ascending.
pub(crate) type Candidates<'t> = SmallVec<[&'t [u32]; 8]>;

/// Finds routes by path.
#[derive(Debug, Default)]
pub(crate) struct PathIndex {
    nodes: Vec<Node>,
    /// The byte by which the parent finds a node.
    first: Vec<u8>,
    /// Text of all nodes.
    text: Vec<u8>,
    lists: Vec<List>,
    positions: Vec<u32>,
    /// Routes that never match; only explanations ask for them.
    never: Vec<u32>,
}

#[derive(Debug)]
struct Node {
    text: (u32, u32),
    children: (u32, u32),
    /// Routes that need the path to end here.
    exact: u32,
    /// Routes that need it to end here or to go on with a slash.
    elements: u32,
    /// Routes that do not mind.
    prefix: u32,
}

#[derive(Debug)]
struct List {
    plain: (u32, u32),
    facets: Option<Box<Facets>>,
}

/// The three lists of a node while it is built.
#[derive(Default)]
struct Lists {
    exact: Vec<u32>,
    elements: Vec<u32>,
    prefix: Vec<u32>,
}

impl PathIndex {
    /// Indexes routes by their position.
    pub(crate) fn build<'a>(routes: impl Iterator<Item = &'a CompiledRoute> + Clone) -> Self {
        let mut index = Self::default();
        let mut keys: BTreeMap<Cow<'a, [u8]>, Lists> = BTreeMap::new();
        for (position, route) in routes.clone().enumerate() {
            let position = short(position);
            let Match::When(conditions) = &route.route.matches else {
                index.never.push(position);
                continue;
            };
            match &conditions.path {
                PathMatch::Any => keys.entry(Cow::Borrowed(&[])).or_default().prefix.push(position),
                PathMatch::Exact(path) => {
                    keys.entry(Cow::Borrowed(path.as_bytes()))
                        .or_default()
                        .exact
                        .push(position);
                }
                PathMatch::Elements(path) => {
                    keys.entry(Cow::Borrowed(elements(path).as_bytes()))
                        .or_default()
                        .elements
                        .push(position);
                }
                PathMatch::Prefix(path) => {
                    keys.entry(Cow::Borrowed(path.as_bytes()))
                        .or_default()
                        .prefix
                        .push(position);
                }
                PathMatch::Regex(pattern) => {
                    let key = Cow::Owned(expression::literal_prefix(pattern));
                    keys.entry(key).or_default().prefix.push(position);
                }
            }
        }
        let routes: Vec<_> = routes.collect();
        index.grow(&mut keys.into_iter().collect::<Vec<_>>(), &routes);
        index
    }

    /// Builds the nodes breadth first, so that the children of a node lie side by side.
    fn grow(&mut self, keys: &mut [(Cow<'_, [u8]>, Lists)], routes: &[&CompiledRoute]) {
        if keys.is_empty() {
            return;
        }
        self.push(0);
        let mut open = VecDeque::from([(0, 0..keys.len(), 0)]);
        while let Some((node, range, depth)) = open.pop_front() {
            let Some(group) = keys.get_mut(range.clone()) else {
                continue;
            };
            let (text, depth) = common(group, depth);
            let text = (short(self.text.len()), {
                self.text.extend_from_slice(&text);
                short(text.len())
            });
            let mut start = range.start;
            let mut own = Lists::default();
            if let Some((key, lists)) = group.first_mut().filter(|(key, _)| key.len() == depth) {
                debug_assert!(key.len() == depth);
                own = std::mem::take(lists);
                start += 1;
            }
            let children = short(self.nodes.len());
            let rest = keys.get(start..range.end).unwrap_or_default();
            for same in rest.chunk_by(|a, b| a.0.get(depth) == b.0.get(depth)) {
                let byte = same
                    .first()
                    .and_then(|(key, _)| key.get(depth))
                    .copied()
                    .unwrap_or_default();
                open.push_back((self.nodes.len(), start..start + same.len(), depth));
                start += same.len();
                self.push(byte);
            }
            let built = Node {
                text,
                children: (children, short(self.nodes.len()) - children),
                exact: self.list(own.exact, routes),
                elements: self.list(own.elements, routes),
                prefix: self.list(own.prefix, routes),
            };
            if let Some(place) = self.nodes.get_mut(node) {
                *place = built;
            }
        }
        self.shrink();
    }

    fn push(&mut self, first: u8) {
        self.first.push(first);
        self.nodes.push(Node {
            text: (0, 0),
            children: (0, 0),
            exact: NONE,
            elements: NONE,
            prefix: NONE,
        });
    }

    fn shrink(&mut self) {
        self.nodes.shrink_to_fit();
        self.first.shrink_to_fit();
        self.text.shrink_to_fit();
        self.lists.shrink_to_fit();
        self.positions.shrink_to_fit();
    }

    fn list(&mut self, positions: Vec<u32>, routes: &[&CompiledRoute]) -> u32 {
        if positions.is_empty() {
            return NONE;
        }
        let (plain, facets) = if positions.len() >= LONG {
            let (plain, facets) = Facets::split(&positions, routes);
            (plain, facets.map(Box::new))
        } else {
            (positions, None)
        };
        let start = short(self.positions.len());
        self.positions.extend_from_slice(&plain);
        self.lists.push(List {
            plain: (start, short(plain.len())),
            facets,
        });
        short(self.lists.len() - 1)
    }

    /// Collects the lists of all routes that come into question. `everything` adds those that never match.
    pub(crate) fn candidates<'t>(&'t self, request: &RequestHead<'_>, everything: bool) -> Candidates<'t> {
        let mut found = Candidates::new();
        if everything && !self.never.is_empty() {
            found.push(&self.never);
        }
        let mut rest = request.path.as_bytes();
        let mut node = self.nodes.first();
        while let Some(here) = node {
            let Some(after) = rest.strip_prefix(slice(&self.text, here.text)) else {
                break;
            };
            rest = after;
            let next = rest.first().copied();
            self.add(here.prefix, request, &mut found);
            if next.is_none_or(|b| b == b'/') {
                self.add(here.elements, request, &mut found);
            }
            let Some(next) = next else {
                self.add(here.exact, request, &mut found);
                break;
            };
            node = self.child(here, next);
        }
        found
    }

    fn child(&self, node: &Node, byte: u8) -> Option<&Node> {
        let firsts = slice(&self.first, node.children);
        let at = firsts.binary_search(&byte).ok()?;
        self.nodes.get(node.children.0 as usize + at)
    }

    fn add<'t>(&'t self, list: u32, request: &RequestHead<'_>, found: &mut Candidates<'t>) {
        if list == NONE {
            return;
        }
        let Some(list) = self.lists.get(list as usize) else {
            return;
        };
        let plain = slice(&self.positions, list.plain);
        if !plain.is_empty() {
            found.push(plain);
        }
        if let Some(facets) = &list.facets {
            facets.add(request, found);
        }
    }
}

/// The text that all keys of a sorted group share from `depth` on, and where it ends.
fn common(group: &[(Cow<'_, [u8]>, Lists)], depth: usize) -> (Vec<u8>, usize) {
    let of = |entry: Option<&(Cow<'_, [u8]>, Lists)>| {
        entry
            .and_then(|(key, _)| key.get(depth..))
            .unwrap_or_default()
            .to_vec()
    };
    let (first, last) = (of(group.first()), of(group.last()));
    let shared: Vec<u8> = first
        .iter()
        .zip(&last)
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| *a)
        .collect();
    let end = depth + shared.len();
    (shared, end)
}

fn slice<T>(all: &[T], (start, length): (u32, u32)) -> &[T] {
    let start = start as usize;
    all.get(start..start + length as usize).unwrap_or_default()
}

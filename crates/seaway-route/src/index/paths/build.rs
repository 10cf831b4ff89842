//! Building the trie: keys sorted, then nodes breadth first, so that the children of a node lie side by side.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use seaway_model::{Match, PathMatch};

use super::{List, Node, PathIndex, Place};
use crate::conditions::elements;
use crate::index::facets::Facets;
use crate::index::short;
use crate::{CompiledRoute, expression};

/// A list this long is split by what else its routes ask for.
const LONG: usize = 64;

/// The routes at one path, by what they need of the rest.
#[derive(Default)]
struct Lists {
    exact: Vec<u32>,
    elements: Vec<u32>,
    prefix: Vec<u32>,
}

type Key<'a> = (Cow<'a, [u8]>, Lists);

/// A node that is not built yet: its number, its keys, and how many of their bytes lead to it.
type Open = (usize, Range<usize>, usize);

impl PathIndex {
    /// Indexes routes by their position.
    pub(crate) fn build<'a>(routes: impl Iterator<Item = &'a CompiledRoute>) -> Self {
        let routes: Vec<_> = routes.collect();
        let mut index = Self::default();
        let mut keys: BTreeMap<Cow<'a, [u8]>, Lists> = BTreeMap::new();
        for (position, route) in routes.iter().enumerate() {
            let position = short(position);
            let Match::When(conditions) = &route.route.matches else {
                index.never.push(position);
                continue;
            };
            let lists = keys.entry(key(&conditions.path)).or_default();
            let list = match &conditions.path {
                PathMatch::Exact(_) => &mut lists.exact,
                PathMatch::Elements(_) => &mut lists.elements,
                PathMatch::Any
                | PathMatch::Prefix(_)
                | PathMatch::ExactIgnoringCase(_)
                | PathMatch::PrefixIgnoringCase(_)
                | PathMatch::Regex(_) => &mut lists.prefix,
            };
            list.push(position);
        }
        index.grow(&mut keys.into_iter().collect::<Vec<_>>(), &routes);
        index
    }

    fn grow(&mut self, keys: &mut [Key<'_>], routes: &[&CompiledRoute]) {
        if keys.is_empty() {
            return;
        }
        self.push(0);
        let mut open = VecDeque::from([(0, 0..keys.len(), 0)]);
        while let Some((node, range, depth)) = open.pop_front() {
            let Some(group) = keys.get_mut(range.clone()) else {
                continue;
            };
            let text = common(group, depth);
            let depth = depth + text.len();
            let place = (short(self.text.len()), short(text.len()));
            self.text.extend(text);
            // Sorted, so the key that ends here comes first.
            let ends = group.first_mut().filter(|(key, _)| key.len() == depth);
            let own = ends.map(|(_, lists)| std::mem::take(lists));
            let start = range.start + usize::from(own.is_some());
            let own = own.unwrap_or_default();
            let built = Node {
                text: place,
                children: self.children(keys, start..range.end, depth, &mut open),
                exact: self.place(own.exact, routes),
                elements: self.place(own.elements, routes),
                prefix: self.place(own.prefix, routes),
            };
            if let Some(place) = self.nodes.get_mut(node) {
                *place = built;
            }
        }
        self.shrink();
    }

    /// Makes a node for each next byte.
    fn children(
        &mut self,
        keys: &[Key<'_>],
        mut range: Range<usize>,
        depth: usize,
        open: &mut VecDeque<Open>,
    ) -> (u32, u32) {
        let before = self.nodes.len();
        let rest = keys.get(range.clone()).unwrap_or_default();
        for same in rest.chunk_by(|a, b| a.0.get(depth) == b.0.get(depth)) {
            let byte = same
                .first()
                .and_then(|(key, _)| key.get(depth))
                .copied()
                .unwrap_or_default();
            let end = range.start + same.len();
            open.push_back((self.nodes.len(), range.start..end, depth + 1));
            range.start = end;
            self.push(byte);
        }
        (short(before), short(self.nodes.len() - before))
    }

    fn push(&mut self, first: u8) {
        self.first.push(first);
        self.nodes.push(Node {
            text: (0, 0),
            children: (0, 0),
            exact: Place::NOTHING,
            elements: Place::NOTHING,
            prefix: Place::NOTHING,
        });
    }

    fn place(&mut self, positions: Vec<u32>, routes: &[&CompiledRoute]) -> Place {
        match positions.as_slice() {
            [] => return Place::NOTHING,
            [one] if *one < Place::LIST => return Place(*one),
            _ => {}
        }
        let (plain, facets) = if positions.len() >= LONG {
            Facets::split(&positions, routes)
        } else {
            (positions, None)
        };
        let start = short(self.positions.len());
        self.positions.extend_from_slice(&plain);
        self.lists.push(List {
            plain: (start, short(plain.len())),
            facets: facets.map(Box::new),
        });
        Place(short(self.lists.len() - 1) | Place::LIST)
    }

    fn shrink(&mut self) {
        self.nodes.shrink_to_fit();
        self.first.shrink_to_fit();
        self.text.shrink_to_fit();
        self.lists.shrink_to_fit();
        self.positions.shrink_to_fit();
    }
}

/// What a path that matches must begin with.
fn key(path: &PathMatch) -> Cow<'_, [u8]> {
    match path {
        PathMatch::Any | PathMatch::ExactIgnoringCase(_) | PathMatch::PrefixIgnoringCase(_) => {
            Cow::Borrowed(&[])
        }
        PathMatch::Exact(path) | PathMatch::Prefix(path) => Cow::Borrowed(path.as_bytes()),
        PathMatch::Elements(path) => Cow::Borrowed(elements(path).as_bytes()),
        PathMatch::Regex(pattern) => Cow::Owned(expression::literal_prefix(pattern)),
    }
}

/// What all keys of a sorted group share from `depth` on: what the first and the last share.
fn common(group: &[Key<'_>], depth: usize) -> Vec<u8> {
    let after = |key: Option<&Key<'_>>| {
        key.and_then(|(key, _)| key.get(depth..))
            .unwrap_or_default()
            .to_vec()
    };
    let (first, last) = (after(group.first()), after(group.last()));
    first
        .into_iter()
        .zip(last)
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a)
        .collect()
}

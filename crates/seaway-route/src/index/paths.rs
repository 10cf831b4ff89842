//! Routes by path: one compressed trie over all the paths of a virtual host.
//!
//! One walk along the request's path meets every route whose path condition could hold, exact paths and both kinds of
//! prefix alike, at a cost that grows with the length of the path and not with the number of routes. An expression hangs
//! at the literal text that each of its matches must begin with. Rejected: a hash map for each kind of path, which asks
//! once per path element and once per known prefix length, and has no place for expressions; and one big automaton of
//! all expressions, which must be built anew, as a whole, at every change.
//!
//! With many routes the cost is that of the memory touched, so a node is small, its children lie side by side, and a
//! route that is alone at its place is written into the node. Among many hosts it is that of one small index in each, so an
//! only node, and text that is short, lie in the index itself.

mod build;

use smallvec::SmallVec;

use super::facets::Facets;
use crate::RequestHead;

/// What the index proposes.
pub(crate) type Candidates<'t> = SmallVec<[Candidate<'t>; 8]>;

/// Routes that hang at one place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'t> {
    /// Ascending.
    pub(crate) positions: &'t [u32],
    /// How many bytes of the path lead to the place: what a prefix or an exact path that hangs there matches.
    pub(crate) depth: usize,
}

/// Finds routes by path.
#[derive(Debug, Default)]
pub(crate) struct PathIndex {
    nodes: SmallVec<[Node; 1]>,
    /// The byte by which the parent finds a node; sorted among the children of one parent.
    first: SmallVec<[u8; 16]>,
    /// Text of all nodes.
    text: SmallVec<[u8; 16]>,
    lists: Vec<List>,
    positions: Vec<u32>,
    /// Routes that never match; only explanations ask for them.
    never: Vec<u32>,
}

#[derive(Debug)]
struct Node {
    /// What follows the byte by which the parent found this node.
    text: (u32, u32),
    children: (u32, u32),
    /// Routes that need the path to end here.
    exact: Place,
    /// Routes that need it to end here or to go on with a slash.
    elements: Place,
    /// Routes that do not mind.
    prefix: Place,
}

/// What hangs at a place of a node, in 32 bits: nothing, the position of one route, or the number of a list.
#[derive(Clone, Copy, Debug)]
struct Place(u32);

#[derive(Debug)]
struct List {
    plain: (u32, u32),
    facets: Option<Box<Facets>>,
}

impl Place {
    const NOTHING: Self = Self(u32::MAX);
    const LIST: u32 = 1 << 31;

    fn list(self) -> usize {
        (self.0 & !Self::LIST) as usize
    }
}

impl PathIndex {
    /// Collects the lists of all routes that come into question. `everything` adds those that never match.
    pub(crate) fn candidates<'t>(&'t self, request: &RequestHead<'_>, everything: bool) -> Candidates<'t> {
        let mut found = Candidates::new();
        if everything && !self.never.is_empty() {
            found.push(Candidate {
                positions: &self.never,
                depth: 0,
            });
        }
        let length = request.path.len();
        let mut rest = request.path.as_bytes();
        let mut node = self.nodes.first();
        while let Some(here) = node {
            if here.text.1 > 0 {
                let Some(after) = rest.strip_prefix(slice(&self.text, here.text)) else {
                    break;
                };
                rest = after;
            }
            let depth = length - rest.len();
            self.add(&here.prefix, depth, request, &mut found);
            let Some((&next, after)) = rest.split_first() else {
                self.add(&here.elements, depth, request, &mut found);
                self.add(&here.exact, depth, request, &mut found);
                break;
            };
            if next == b'/' {
                self.add(&here.elements, depth, request, &mut found);
            }
            node = self.child(here, next);
            rest = after;
        }
        found
    }

    fn child(&self, node: &Node, byte: u8) -> Option<&Node> {
        let firsts = slice(&self.first, node.children);
        // Where many routes meet, their next bytes are mostly digits or letters without a gap, and the place of one is
        // known without looking at the others.
        let guess = usize::from(byte.wrapping_sub(*firsts.first()?));
        let at = if firsts.get(guess) == Some(&byte) {
            guess
        } else {
            firsts.iter().position(|first| *first == byte)?
        };
        self.nodes.get(node.children.0 as usize + at)
    }

    fn add<'t>(
        &'t self,
        place: &'t Place,
        depth: usize,
        request: &RequestHead<'_>,
        found: &mut Candidates<'t>,
    ) {
        if place.0 < Place::LIST {
            found.push(Candidate {
                positions: std::slice::from_ref(&place.0),
                depth,
            });
        } else if place.0 != Place::NOTHING.0 {
            let Some(list) = self.lists.get(place.list()) else {
                return;
            };
            let plain = slice(&self.positions, list.plain);
            if !plain.is_empty() {
                found.push(Candidate {
                    positions: plain,
                    depth,
                });
            }
            if let Some(facets) = &list.facets {
                facets.add(request, depth, found);
            }
        }
    }
}

fn slice<T>(all: &[T], (start, length): (u32, u32)) -> &[T] {
    let start = start as usize;
    all.get(start..start + length as usize).unwrap_or_default()
}

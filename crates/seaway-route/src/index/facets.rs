//! Many routes on one and the same path, told apart by what else they ask for.
//!
//! A thousand routes on `/` that differ in a header would otherwise be tried one after the other. Here each hangs at one
//! of the values it cannot do without: the rarest of its exact conditions on a header, a query parameter or a cookie, or
//! else its methods. A request then meets only those whose value it has. Routes with neither are tried in turn; nothing
//! short of solving all expressions at once would spare that.

use rustc_hash::FxHashMap;

use super::paths::{Candidate, Candidates};
use crate::values::Source;
use crate::{CompiledRoute, RequestHead};

/// More distinct names than this are not worth asking each request for.
const MOST: usize = 16;

/// Routes by a value that they need.
#[derive(Debug, Default)]
pub(crate) struct Facets {
    groups: Vec<(Facet, ByValue)>,
}

type ByValue = FxHashMap<Box<[u8]>, Box<[u32]>>;

/// Where the value stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Facet {
    Method,
    Value(Source),
}

type Growing = FxHashMap<Facet, FxHashMap<Box<[u8]>, Vec<u32>>>;

impl Facets {
    /// Splits a list into what has to be tried anyway and what a value decides.
    pub(crate) fn split(positions: &[u32], routes: &[&CompiledRoute]) -> (Vec<u32>, Option<Self>) {
        let route = |position: u32| routes.get(position as usize).copied();
        let mut frequency: FxHashMap<(&Source, &str), usize> = FxHashMap::default();
        for found in positions.iter().filter_map(|p| route(*p)) {
            for key in needs(found) {
                *frequency.entry(key).or_default() += 1;
            }
        }
        let mut plain = Vec::new();
        let mut growing = Growing::default();
        for position in positions {
            let Some(found) = route(*position) else { continue };
            let rarest = needs(found).min_by_key(|key| frequency.get(key).copied().unwrap_or_default());
            let (facet, values): (_, Vec<&str>) = match rarest {
                Some((source, value)) => (Facet::Value(source.clone()), vec![value]),
                None => (
                    Facet::Method,
                    found.conditions.methods().iter().map(AsRef::as_ref).collect(),
                ),
            };
            if values.is_empty() || (growing.len() >= MOST && !growing.contains_key(&facet)) {
                plain.push(*position);
                continue;
            }
            let group = growing.entry(facet).or_default();
            for value in values {
                let list = group.entry(value.as_bytes().into()).or_default();
                if list.last() != Some(position) {
                    list.push(*position);
                }
            }
        }
        let facets = (!growing.is_empty()).then(|| Self::settle(growing));
        (plain, facets)
    }

    fn settle(growing: Growing) -> Self {
        let groups = growing
            .into_iter()
            .map(|(facet, values)| {
                (
                    facet,
                    values
                        .into_iter()
                        .map(|(v, list)| (v, list.into_boxed_slice()))
                        .collect(),
                )
            })
            .collect();
        Self { groups }
    }

    /// Adds the lists for the values that a request has.
    pub(crate) fn add<'t>(&'t self, request: &RequestHead<'_>, depth: usize, found: &mut Candidates<'t>) {
        for (facet, values) in &self.groups {
            let list = match facet {
                Facet::Method => values.get(request.method.as_bytes()),
                Facet::Value(source) => source.value(request).and_then(|value| values.get(&*value)),
            };
            found.extend(list.map(|positions| Candidate { positions, depth }));
        }
    }
}

fn needs(route: &CompiledRoute) -> impl Iterator<Item = (&Source, &str)> {
    route
        .conditions
        .checks()
        .iter()
        .filter_map(|check| Some((&check.source, check.only_value()?)))
}

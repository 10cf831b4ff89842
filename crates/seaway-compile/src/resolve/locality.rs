//! Localities: which endpoints are near, and which share each place gets.
//!
//! Priorities and weights are computed here, once, from our own place in the world, so that engines only carry them out.
//! The rules are Istio's: a distribution says the share of each place and drops the places that it does not name;
//! otherwise endpoints are ranked, and those further away get requests only as the nearer ones fail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use seaway_model::{Locality, LocalityWeight};

use super::backend::Backend;
use crate::Options;

/// Ranks that places can have: the same subzone, zone, region, the region to fail over to, any other.
const PLACE_RANKS: u32 = 5;
/// So many parts of a share are told apart when one pattern stands for several places.
const PARTS: u64 = 10_000;

/// Our own place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Here {
    /// `--locality`
    pub(crate) locality: Option<Locality>,
    /// `--locality-label`, for `failoverPriority`.
    pub(crate) labels: BTreeMap<Arc<str>, Arc<str>>,
}

impl Here {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            locality: options.locality.clone(),
            labels: options.locality_labels.clone(),
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// `distribute`: the share of each place, where ours is `from`. Only the first that is ours counts.
    Distribute(Vec<Distribution>),
    /// `failover` and `failoverPriority`, both maybe empty.
    Failover {
        /// From region to region.
        regions: Vec<(Arc<str>, Arc<str>)>,
        /// `KEY` or `KEY=VALUE`, the most important first.
        labels: Vec<Arc<str>>,
    },
}

/// One of `distribute`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Distribution {
    /// `region/zone/*`
    pub(crate) from: Arc<str>,
    /// Share by place.
    pub(crate) to: Vec<(Arc<str>, u32)>,
}

/// Ranks the backends, or gives the weights of their places and leaves out those of places without one.
pub(super) fn place(backends: &mut Vec<Backend<'_>>, plan: &Plan, here: &Here) -> Vec<LocalityWeight> {
    match plan {
        Plan::Failover { regions, labels } => {
            rank(backends, regions, labels, here);
            Vec::new()
        }
        Plan::Distribute(all) => {
            let ours = here
                .locality
                .as_ref()
                .and_then(|own| all.iter().find(|distribution| matches(own, &distribution.from)));
            ours.map(|distribution| distribute(backends, &distribution.to))
                .unwrap_or_default()
        }
    }
}

fn rank(backends: &mut [Backend<'_>], regions: &[(Arc<str>, Arc<str>)], labels: &[Arc<str>], here: &Here) {
    // With labels alone places play no part but as labels, as in Istio.
    let by_place = labels.is_empty() || !regions.is_empty();
    let own = here.locality.as_ref();
    let ranks: Vec<u32> = backends
        .iter()
        .map(|backend| {
            let place = own
                .filter(|_| by_place)
                .map_or(0, |own| place_rank(own, backend, regions));
            label_rank(labels, backend, here) * PLACE_RANKS + place
        })
        .collect();
    let kinds: BTreeSet<u32> = ranks.iter().copied().collect();
    for (backend, rank) in backends.iter_mut().zip(ranks) {
        // Without gaps, from 0.
        backend.priority = u32::try_from(kinds.range(..rank).count()).unwrap_or(u32::MAX);
    }
}

fn place_rank(own: &Locality, backend: &Backend<'_>, regions: &[(Arc<str>, Arc<str>)]) -> u32 {
    let place = located(backend, own);
    if place.region != own.region {
        let over = regions.iter().find(|(from, _)| *from == own.region);
        return if over.is_some_and(|(_, to)| *to != place.region) {
            4
        } else {
            3
        };
    }
    if place.zone != own.zone {
        2
    } else if place.subzone != own.subzone {
        1
    } else {
        0
    }
}

/// How many labels, from the first that differs to the last; a label that neither has is the same.
fn label_rank(labels: &[Arc<str>], backend: &Backend<'_>, here: &Here) -> u32 {
    let differs = labels.iter().position(|label| {
        let (key, wanted) = match label.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (&**label, own_label(label, here)),
        };
        let own = here.locality.as_ref();
        wanted.unwrap_or_default() != their_label(key, backend, own).as_deref().unwrap_or_default()
    });
    differs.map_or(0, |at| {
        u32::try_from(labels.len() - at).unwrap_or(u32::MAX / PLACE_RANKS)
    })
}

fn own_label<'h>(key: &str, here: &'h Here) -> Option<&'h str> {
    let written = here.labels.get(key).map(|value| &**value);
    written.or_else(|| of_place(key, here.locality.as_ref()?))
}

fn their_label(key: &str, backend: &Backend<'_>, own: Option<&Locality>) -> Option<String> {
    if let Some(value) = backend.label(key) {
        return Some(value.to_owned());
    }
    let place = match own {
        Some(own) => located(backend, own),
        None => backend.locality.clone().unwrap_or_default(),
    };
    of_place(key, &place).map(str::to_owned)
}

/// The labels that Kubernetes and Istio give to places.
fn of_place<'l>(key: &str, place: &'l Locality) -> Option<&'l str> {
    match key {
        "topology.kubernetes.io/region" => Some(&place.region),
        "topology.kubernetes.io/zone" => Some(&place.zone),
        "topology.istio.io/subzone" => Some(&place.subzone),
        _ => None,
    }
}

/// Where a backend is. An EndpointSlice knows only the zone; one in our zone is in our region.
fn located(backend: &Backend<'_>, own: &Locality) -> Locality {
    let mut place = backend.locality.clone().unwrap_or_default();
    if place.region.is_empty() && !place.zone.is_empty() && place.zone == own.zone {
        place.region = own.region.clone();
    }
    place
}

fn distribute(backends: &mut Vec<Backend<'_>>, to: &[(Arc<str>, u32)]) -> Vec<LocalityWeight> {
    // The pattern that says most is asked first, so that the order in which they are written does not matter.
    let mut patterns: Vec<&(Arc<str>, u32)> = to.iter().filter(|(_, weight)| *weight > 0).collect();
    patterns.sort_by_key(|(pattern, _)| (stars(pattern), pattern.clone()));
    let mut places: BTreeMap<Locality, u64> = BTreeMap::new();
    for backend in backends.iter() {
        *places
            .entry(backend.locality.clone().unwrap_or_default())
            .or_default() += u64::from(backend.weight);
    }
    let mut shares: BTreeMap<Locality, u64> = BTreeMap::new();
    for (pattern, weight) in patterns {
        let matching: Vec<_> = places
            .iter()
            .filter(|(place, _)| !shares.contains_key(*place) && matches(place, pattern))
            .collect();
        let total: u64 = matching.iter().map(|(_, weight)| **weight).sum();
        let new: Vec<_> = matching
            .into_iter()
            .map(|(place, own)| {
                (
                    place.clone(),
                    (u64::from(*weight) * PARTS * own / total.max(1)).max(1),
                )
            })
            .collect();
        shares.extend(new);
    }
    backends.retain_mut(|backend| {
        let place = backend.locality.get_or_insert_default();
        shares.contains_key(place)
    });
    let divisor = shares.values().copied().fold(0, common_divisor).max(1);
    shares
        .into_iter()
        .map(|(locality, share)| LocalityWeight {
            locality,
            weight: u32::try_from(share / divisor).unwrap_or(u32::MAX),
        })
        .collect()
}

fn common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

fn parts(pattern: &str) -> [&str; 3] {
    let mut parts = pattern.splitn(3, '/');
    std::array::from_fn(|_| parts.next().unwrap_or("*"))
}

fn stars(pattern: &str) -> usize {
    parts(pattern).iter().filter(|part| **part == "*").count()
}

/// Whether a place is one that `region/zone/subzone` means; a star, or a part that is left out, means any. A place whose
/// region nobody knows is told by its zone.
fn matches(place: &Locality, pattern: &str) -> bool {
    let [region, zone, subzone] = parts(pattern);
    let any_or = |wanted: &str, is: &str| wanted == "*" || wanted.is_empty() || wanted == is;
    let unknown_region = place.region.is_empty() && !place.zone.is_empty() && zone == &*place.zone;
    (unknown_region || any_or(region, &place.region))
        && any_or(zone, &place.zone)
        && any_or(subzone, &place.subzone)
}

#[cfg(test)]
mod tests;

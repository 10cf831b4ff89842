//! Priorities and localities above a balancing policy: first a priority is chosen, then a locality, then an endpoint.
//! Pure, as the policies are.
//!
//! A priority gets its part by [`super::priority`]. Within it, a locality gets its weight times what it can carry (the
//! healthy share of its endpoints, times 1.4, at most one), so that a zone that fails hands its traffic to the others
//! bit by bit. Endpoints whose locality has no weight get nothing, and do not count for the health of their priority.
//!
//! With a hash, priority and locality go by the hash too, so that a key moves only when parts change.
//!
//! Health is counted by going through the list at each choice: one relaxed load for each endpoint. Clusters without
//! priorities and localities do not come here.

use std::net::SocketAddr;

use seaway_model::{Balancing, BalancingSettings, Fraction, Locality};
use smallvec::SmallVec;
use twox_hash::XxHash64;

use super::priority::{self, Health, Loads};
use super::{Balancer, Rng};

/// Where an endpoint stands, and what it weighs.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Where.
    pub address: SocketAddr,
    /// Within its locality.
    pub weight: u32,
    /// Lower is first.
    pub priority: u32,
    /// `None`: nobody knows.
    pub locality: Option<Locality>,
}

/// The priorities of one set of endpoints.
#[derive(Debug)]
pub struct Layers {
    levels: Vec<Level>,
}

#[derive(Debug)]
struct Level {
    groups: Vec<Group>,
}

/// Endpoints that are balanced with one another.
#[derive(Debug)]
struct Group {
    weight: u32,
    /// Indices in the list that the layers were made of.
    members: Vec<u32>,
    balancer: Balancer,
}

/// What is known of the endpoints at the moment of a choice.
#[derive(Clone, Copy, Debug)]
pub struct Scene<U, F> {
    /// Whether an endpoint counts as healthy.
    pub up: U,
    /// Whether it may be chosen by this request: an endpoint that was tried before may not.
    pub fresh: F,
    /// Below this share a priority panics.
    pub min_health: Fraction,
}

/// How a choice is made within a group; see [`Balancer::choose`].
pub trait Pick {
    /// Chooses by a balancer one of its own indices, for which `eligible` holds. `member` gives the index in the list.
    fn pick(
        &mut self,
        balancer: &Balancer,
        eligible: &dyn Fn(usize) -> bool,
        member: &dyn Fn(usize) -> usize,
    ) -> Option<usize>;
}

impl Layers {
    /// `None` where neither priorities nor localities play a part.
    #[must_use]
    pub fn new(policy: Balancing, settings: &BalancingSettings, endpoints: &[Placed]) -> Option<Self> {
        let one_priority = endpoints.iter().all(|endpoint| endpoint.priority == 0);
        if one_priority && settings.locality_weights.is_empty() {
            return None;
        }
        let mut priorities: Vec<u32> = endpoints.iter().map(|endpoint| endpoint.priority).collect();
        priorities.sort_unstable();
        priorities.dedup();
        let level = |priority: u32| Level {
            groups: groups(policy, settings, endpoints, priority),
        };
        Some(Self {
            levels: priorities.into_iter().map(level).collect(),
        })
    }

    /// Chooses an endpoint that is up, by all the rules; `None` when there is none. An endpoint that is not fresh is
    /// chosen only when no other is up, in whatever priority.
    pub fn choose<U: Fn(usize) -> bool, F: Fn(usize) -> bool>(
        &self,
        scene: &Scene<U, F>,
        hash: Option<u64>,
        rng: &mut impl Rng,
        pick: &mut impl Pick,
    ) -> Option<usize> {
        let loads = self.loads(scene);
        let mut number = |salt: u64| match hash {
            Some(hash) => XxHash64::oneshot(salt, &hash.to_le_bytes()),
            None => rng.next(),
        };
        let level = priority::part(loads.iter().map(|load| load.millionths), number(2));
        let level_number = number(3);
        let first = level.and_then(|index| {
            let panic = loads.get(index)?.panic;
            let level = self.levels.get(index)?;
            let group = level.group(&scene.up, panic, level_number)?;
            Some((group, panic))
        });
        let (group, panic) = first?;
        let up = |index: usize| panic || (scene.up)(index);
        let fresh = |index: usize| up(index) && (scene.fresh)(index);
        if let Some(index) = group.choose(&fresh, pick) {
            return Some(index);
        }
        let elsewhere = |index: usize| (scene.up)(index) && (scene.fresh)(index);
        self.anywhere(&elsewhere, pick)
            .or_else(|| group.choose(&up, pick))
    }

    /// Chooses one for which `eligible` holds, of the first priority that has any.
    pub fn anywhere(&self, eligible: &impl Fn(usize) -> bool, pick: &mut impl Pick) -> Option<usize> {
        let mut groups = self.levels.iter().flat_map(|level| &level.groups);
        groups.find_map(|group| group.choose(eligible, pick))
    }

    /// The parts of the priorities at the moment.
    pub fn loads<U: Fn(usize) -> bool, F>(&self, scene: &Scene<U, F>) -> Loads {
        let health: SmallVec<[Health; 4]> = self.levels.iter().map(|level| level.health(&scene.up)).collect();
        priority::loads(&health, scene.min_health)
    }
}

fn groups(
    policy: Balancing,
    settings: &BalancingSettings,
    endpoints: &[Placed],
    priority: u32,
) -> Vec<Group> {
    let here = || {
        (0u32..)
            .zip(endpoints)
            .filter(move |(_, endpoint)| endpoint.priority == priority)
    };
    let group = |weight: u32, members: Vec<(u32, &Placed)>| Group {
        weight,
        balancer: Balancer::new(
            policy,
            settings,
            &members
                .iter()
                .map(|(_, endpoint)| (endpoint.address, endpoint.weight))
                .collect::<Vec<_>>(),
        ),
        members: members.into_iter().map(|(index, _)| index).collect(),
    };
    if settings.locality_weights.is_empty() {
        return vec![group(1, here().collect())];
    }
    let weights = settings
        .locality_weights
        .iter()
        .filter(|locality| locality.weight > 0);
    let groups = weights.map(|locality| {
        let in_it = here().filter(|(_, endpoint)| endpoint.locality.as_ref() == Some(&locality.locality));
        group(locality.weight, in_it.collect())
    });
    groups.filter(|group| !group.members.is_empty()).collect()
}

impl Level {
    fn health(&self, up: &impl Fn(usize) -> bool) -> Health {
        let mut sum = Health::default();
        for group in &self.groups {
            let health = group.health(up);
            sum.total += health.total;
            sum.healthy += health.healthy;
        }
        sum
    }

    /// A locality, by weight and health; in panic by weight alone.
    fn group(&self, up: &impl Fn(usize) -> bool, panic: bool, number: u64) -> Option<&Group> {
        if let [only] = self.groups.as_slice() {
            return Some(only);
        }
        let parts: SmallVec<[u64; 8]> = self
            .groups
            .iter()
            .map(|group| {
                let capacity = if panic {
                    1_000_000
                } else {
                    group.health(up).capacity()
                };
                u64::from(group.weight) * capacity
            })
            .collect();
        self.groups.get(priority::part(parts.iter().copied(), number)?)
    }
}

impl Group {
    fn health(&self, up: &impl Fn(usize) -> bool) -> Health {
        Health {
            total: self.members.len() as u64,
            healthy: self.members.iter().filter(|index| up(**index as usize)).count() as u64,
        }
    }

    fn choose(&self, eligible: &impl Fn(usize) -> bool, pick: &mut impl Pick) -> Option<usize> {
        let member = |own: usize| self.members.get(own).map_or(usize::MAX, |index| *index as usize);
        let own = pick.pick(&self.balancer, &|own| eligible(member(own)), &member)?;
        Some(member(own))
    }
}

#[cfg(test)]
mod tests;

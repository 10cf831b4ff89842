//! The endpoints of a cluster at one moment, and the choice of one: which may be chosen, and in what order of despair.
//!
//! 1. healthy endpoints that are not ejected, by priorities and localities where there are any;
//! 2. those that terminate but still serve;
//! 3. those that could not be connected to: a guess is better than a certain failure, and costs no client anything.
//!
//! Endpoints that were ejected for their answers are not among these, unless too few are healthy (`min_health`, see
//! [`super::balance::priority`]). In each step what the request has not tried yet comes first.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};
use seaway_model::{Balancing, BalancingSettings, Endpoint, EndpointHealth, Fraction, Locality, Warmup};

use super::balance::layers::{Layers, Pick, Placed, Scene};
use super::balance::priority::{self, Health};
use super::balance::{Balancer, Rng, warmth};
use super::breakers::Breakers;
use super::endpoint::{EndpointState, Home, Homes, Place, Spot, Standing};
use super::transport::Transport;

/// What a set of endpoints is made from.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub(super) listed: Vec<Listed>,
    pub(super) policy: Balancing,
    pub(super) settings: BalancingSettings,
    pub(super) transport: Arc<Transport>,
}

impl PartialEq for Spec {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            listed,
            policy,
            settings,
            transport,
        } = self;
        Arc::ptr_eq(transport, &other.transport)
            && *policy == other.policy
            && *settings == other.settings
            && *listed == other.listed
    }
}

/// An endpoint as it was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) endpoint: Endpoint,
    /// The DNS name that it came from.
    pub(super) name: Option<Arc<str>>,
    /// `Some` where the endpoint is the name itself: where else it may be found.
    pub(super) others: Option<Vec<SocketAddr>>,
}

impl From<&Endpoint> for Listed {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            endpoint: endpoint.clone(),
            name: None,
            others: None,
        }
    }
}

impl Listed {
    fn spot(&self) -> Spot {
        match (&self.name, &self.others) {
            (Some(name), Some(_)) => Spot::Name(Arc::clone(name), self.endpoint.address.port()),
            _ => Spot::Address(self.endpoint.address),
        }
    }
}

/// One of them.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) address: SocketAddr,
    pub(super) state: Arc<EndpointState>,
    pub(super) place: Arc<Place>,
    pub(super) weight: u32,
    pub(super) health: EndpointHealth,
    pub(super) locality: Option<Locality>,
    pub(super) priority: u32,
    pub(super) name: Option<Arc<str>>,
    /// Where it is looked for when `address` cannot be reached.
    pub(super) others: Vec<SocketAddr>,
    spot: Spot,
}

/// All of them.
#[derive(Debug)]
pub(super) struct EndpointSet {
    pub(super) spec: Spec,
    pub(super) members: Vec<Arc<Member>>,
    /// Kept, so that idle connections are.
    _homes: Vec<Arc<Home>>,
    plan: Plan,
    warming: Option<Warming>,
}

#[derive(Debug)]
enum Plan {
    Nobody,
    Flat(Balancer),
    Layered(Layers),
}

/// What slow start needs to know.
#[derive(Debug)]
struct Warming {
    warmup: Warmup,
    /// When the first and the last of the endpoints appeared.
    first: Duration,
    last: Duration,
}

/// Who asks for an endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// What a hashing policy goes by.
    pub(super) hash: Option<u64>,
    /// What was tried before.
    pub(super) avoid: &'a [SocketAddr],
    /// Below this share of healthy endpoints, ejected ones may be chosen too.
    pub(super) min_health: Fraction,
}

impl EndpointSet {
    /// Endpoints that were there before keep their state.
    pub(super) fn build(
        spec: Spec,
        old: Option<&Self>,
        homes: &Homes,
        breakers: &Arc<Breakers>,
        now: Duration,
    ) -> Self {
        let known: FxHashMap<&Spot, &Arc<EndpointState>> = old
            .iter()
            .flat_map(|old| &old.members)
            .map(|member| (&member.spot, &member.state))
            .collect();
        let mut seen = FxHashSet::default();
        let (members, homes): (Vec<_>, Vec<_>) = spec
            .listed
            .iter()
            .map(|listed| (listed.spot(), listed))
            .filter(|(spot, _)| seen.insert(spot.clone()))
            .map(|(spot, listed)| {
                let state = known.get(&spot).map(|state| Arc::clone(state));
                let state = state.unwrap_or_else(|| Arc::new(EndpointState::new(now)));
                let home = homes.at(&spot, &spec.transport, breakers);
                (Arc::new(Member::new(listed, spot, state, &home)), home)
            })
            .unzip();
        Self {
            plan: plan(&spec, &members),
            warming: warming(&spec, &members),
            spec,
            members,
            _homes: homes,
        }
    }

    /// Chooses one; see the module.
    pub(super) fn choose(
        &self,
        asked: Asked<'_>,
        now: impl Fn() -> Duration,
        turn: impl FnMut() -> u64,
        rng: &mut impl Rng,
    ) -> Option<&Arc<Member>> {
        let mut chooser = Chooser {
            set: self,
            asked,
            now,
            turn,
            rng,
        };
        let index = chooser.choose()?;
        self.members.get(index)
    }

    fn member(&self, index: usize, test: impl FnOnce(&Member) -> bool) -> bool {
        self.members.get(index).is_some_and(|member| test(member))
    }
}

fn plan(spec: &Spec, members: &[Arc<Member>]) -> Plan {
    if members.is_empty() {
        return Plan::Nobody;
    }
    let placed: Vec<Placed> = members
        .iter()
        .map(|member| Placed {
            address: member.address,
            weight: member.weight,
            priority: member.priority,
            locality: member.locality.clone(),
        })
        .collect();
    if let Some(layers) = Layers::new(spec.policy, &spec.settings, &placed) {
        return Plan::Layered(layers);
    }
    let weights: Vec<_> = members.iter().map(|m| (m.address, m.weight)).collect();
    Plan::Flat(Balancer::new(spec.policy, &spec.settings, &weights))
}

/// Only round robin and least request start slowly, as in Envoy.
fn warming(spec: &Spec, members: &[Arc<Member>]) -> Option<Warming> {
    let warmup = spec.settings.warmup.clone()?;
    let slow = matches!(spec.policy, Balancing::RoundRobin | Balancing::LeastRequest);
    let since = || members.iter().map(|member| member.state.since);
    let (first, last) = (since().min()?, since().max()?);
    (slow && first < last).then_some(Warming { warmup, first, last })
}

impl Member {
    fn new(listed: &Listed, spot: Spot, state: Arc<EndpointState>, home: &Home) -> Self {
        let endpoint = &listed.endpoint;
        Self {
            address: endpoint.address,
            state,
            place: Arc::clone(&home.place),
            weight: endpoint.weight,
            health: endpoint.health,
            locality: endpoint.locality.clone(),
            priority: endpoint.priority,
            name: listed.name.clone(),
            others: listed.others.clone().unwrap_or_default(),
            spot,
        }
    }
}

/// A choice under way.
struct Chooser<'a, N, T, R> {
    set: &'a EndpointSet,
    asked: Asked<'a>,
    now: N,
    turn: T,
    rng: &'a mut R,
}

impl<N: Fn() -> Duration, T: FnMut() -> u64, R: Rng> Chooser<'_, N, T, R> {
    fn choose(&mut self) -> Option<usize> {
        let set = self.set;
        let standing = |member: &Member, now: &N| member.state.standing(now);
        let found = match &set.plan {
            Plan::Nobody => return None,
            Plan::Flat(_) => {
                let panic = self.is_panicking();
                self.best(move |member, now| {
                    member.health == EndpointHealth::Healthy
                        && (panic || standing(member, now) == Standing::In)
                })
            }
            Plan::Layered(layers) => self.layered(layers),
        };
        found
            .or_else(|| self.best(move |member, now| standing(member, now) == Standing::In))
            .or_else(|| {
                self.best(move |member, now| {
                    member.health == EndpointHealth::Healthy && standing(member, now) != Standing::Out
                })
            })
            .or_else(|| self.best(move |member, now| standing(member, now) != Standing::Out))
    }

    /// One that fits, if possible one that was not tried.
    fn best(&mut self, fits: impl Fn(&Member, &N) -> bool) -> Option<usize> {
        let (set, avoid) = (self.set, self.asked.avoid);
        if !avoid.is_empty() {
            let fresh = |member: &Member, now: &N| fits(member, now) && !avoid.contains(&member.address);
            if let Some(found) = self.any(set, fresh) {
                return Some(found);
            }
        }
        self.any(set, fits)
    }

    fn any(&mut self, set: &EndpointSet, fits: impl Fn(&Member, &N) -> bool) -> Option<usize> {
        match &set.plan {
            Plan::Nobody => None,
            Plan::Flat(balancer) => {
                let Self {
                    now,
                    turn,
                    rng,
                    asked,
                    ..
                } = self;
                let now = &*now;
                let eligible = |index: usize| set.member(index, |member| fits(member, now));
                pick(set, balancer, &eligible, &|own| own, *asked, now, turn, *rng)
            }
            Plan::Layered(layers) => {
                let Self {
                    now,
                    turn,
                    rng,
                    asked,
                    ..
                } = self;
                let now = &*now;
                let eligible = |index: usize| set.member(index, |member| fits(member, now));
                let mut picker = Picker {
                    set,
                    asked: *asked,
                    now,
                    turn,
                    rng: *rng,
                };
                layers.anywhere(&eligible, &mut picker)
            }
        }
    }

    fn layered(&mut self, layers: &Layers) -> Option<usize> {
        let Self {
            set,
            now,
            turn,
            rng,
            asked,
        } = self;
        let (set, now, avoid) = (*set, &*now, asked.avoid);
        let up = |member: &Member| {
            member.health == EndpointHealth::Healthy && member.state.standing(now) == Standing::In
        };
        let scene = Scene {
            up: |index: usize| set.member(index, up),
            fresh: |index: usize| avoid.is_empty() || set.member(index, |m| !avoid.contains(&m.address)),
            min_health: asked.min_health,
        };
        let mut number = || rng.next();
        let numbers = [number(), number()];
        let mut at = 0;
        let mut drawn = || {
            at += 1;
            numbers.get(at - 1).copied().unwrap_or(0)
        };
        let mut picker = Picker {
            set,
            asked: *asked,
            now,
            turn,
            rng: *rng,
        };
        layers.choose(&scene, asked.hash, &mut drawn, &mut picker)
    }

    /// Whether too few are healthy to leave anybody out. Asked only where a policy says how few that is.
    fn is_panicking(&self) -> bool {
        if self.asked.min_health.is_zero() {
            return false;
        }
        let members = &self.set.members;
        let up = |member: &&Arc<Member>| {
            member.health == EndpointHealth::Healthy && member.state.standing(&self.now) == Standing::In
        };
        let health = Health {
            total: members.len() as u64,
            healthy: members.iter().filter(up).count() as u64,
        };
        let loads = priority::loads(&[health], self.asked.min_health);
        loads.first().is_some_and(|load| load.panic)
    }
}

/// Chooses within the groups of layers.
struct Picker<'a, N, T, R> {
    set: &'a EndpointSet,
    asked: Asked<'a>,
    now: &'a N,
    turn: &'a mut T,
    rng: &'a mut R,
}

impl<N: Fn() -> Duration, T: FnMut() -> u64, R: Rng> Pick for Picker<'_, N, T, R> {
    fn pick(
        &mut self,
        balancer: &Balancer,
        eligible: &dyn Fn(usize) -> bool,
        member: &dyn Fn(usize) -> usize,
    ) -> Option<usize> {
        let (set, asked) = (self.set, self.asked);
        pick(
            set, balancer, &eligible, member, asked, self.now, self.turn, self.rng,
        )
    }
}

/// Chooses by a policy, with slow start where somebody is new. `member` gives the index in the set of one that the
/// balancer knows by its own.
#[expect(
    clippy::too_many_arguments,
    reason = "the parts of a choice, which two places put together"
)]
fn pick<R: Rng>(
    set: &EndpointSet,
    balancer: &Balancer,
    eligible: &impl Fn(usize) -> bool,
    member: &(impl Fn(usize) -> usize + ?Sized),
    asked: Asked<'_>,
    now: &impl Fn() -> Duration,
    turn: &mut impl FnMut() -> u64,
    rng: &mut R,
) -> Option<usize> {
    let load = |own: usize| set.members.get(member(own)).map_or(0, |m| m.state.in_flight());
    let warming = set.warming.as_ref().map(|warming| (warming, now()));
    let Some((warming, now)) = warming.filter(|(warming, now)| warming.is_under_way(*now)) else {
        return balancer.choose(eligible, load, asked.hash, turn, rng);
    };
    let age = |own: usize| {
        let since = set
            .members
            .get(member(own))
            .map_or(Duration::ZERO, |m| m.state.since);
        now.saturating_sub(since)
    };
    let oldest = now.saturating_sub(warming.first);
    warmth::choose(&warming.warmup, oldest, age, rng, |rng| {
        balancer.choose(eligible, load, asked.hash, &mut *turn, rng)
    })
}

impl Warming {
    fn is_under_way(&self, now: Duration) -> bool {
        now.saturating_sub(self.last) < self.warmup.duration.duration()
    }
}

#[cfg(test)]
mod tests;

//! The choice of one of the endpoints, in the order of despair that [`super`] tells.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use seaway_model::{EndpointHealth, Fraction};

use super::super::balance::layers::{Layers, Pick, Scene};
use super::super::balance::priority::{self, Health};
use super::super::balance::{Balancer, Rng, warmth};
use super::super::endpoint::Standing;
use super::{EndpointSet, Member, Plan};

/// Who asks for an endpoint.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Asked<'a> {
    /// What a hashing policy goes by.
    pub(in super::super) hash: Option<u64>,
    /// What was tried before.
    pub(in super::super) avoid: &'a [SocketAddr],
    /// Below this share of healthy endpoints, ejected ones may be chosen too.
    pub(in super::super) min_health: Fraction,
}

impl EndpointSet {
    /// Chooses one.
    // Made anew for each caller's clock and chance; as a call of its own it costs a tenth more.
    #[inline]
    pub(in super::super) fn choose(
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

/// A choice under way.
struct Chooser<'a, N, T, R> {
    set: &'a EndpointSet,
    asked: Asked<'a>,
    now: N,
    turn: T,
    rng: &'a mut R,
}

impl<N: Fn() -> Duration, T: FnMut() -> u64, R: Rng> Chooser<'_, N, T, R> {
    #[inline]
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
        let Self {
            now,
            turn,
            rng,
            asked,
            ..
        } = self;
        let now = &*now;
        let eligible = |index: usize| set.member(index, |member| fits(member, now));
        match &set.plan {
            Plan::Nobody => None,
            Plan::Flat(balancer) => pick(set, balancer, &eligible, &|own| own, *asked, now, turn, *rng),
            Plan::Layered(layers) => {
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

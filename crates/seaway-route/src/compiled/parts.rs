//! Which parts a route has.
//!
//! Among many routes the model's one lies in memory that no request has touched for long. Most routes have none of these
//! parts, and to know that without looking there is what this is for.

use seaway_model::{Action, Route};

/// A part that a request has to look at where the route has it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// The route forwards.
    Forward,
    Fault,
    Mirrors,
    Rewrite,
    Retry,
    HashOn,
}

/// A set of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts(u8);

impl Parts {
    pub(super) fn of(route: &Route) -> Self {
        let mut parts = Self(0);
        parts.put(Part::Fault, route.fault.is_some());
        parts.put(Part::Mirrors, !route.mirrors.is_empty());
        if let Action::Forward(forward) = &route.action {
            parts.put(Part::Forward, true);
            parts.put(Part::Rewrite, !forward.rewrite.is_empty());
            parts.put(Part::Retry, forward.retry.is_some());
            parts.put(Part::HashOn, !forward.hash_on.is_empty());
        }
        parts
    }

    pub(super) fn has(self, part: Part) -> bool {
        self.0 & part.bit() != 0
    }

    fn put(&mut self, part: Part, is_there: bool) {
        if is_there {
            self.0 |= part.bit();
        }
    }
}

impl Part {
    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

#[cfg(test)]
mod tests {
    use seaway_model::{
        ClusterName, Conditions, Forward, Fraction, HashOn, HostRewrite, Match, Mirror, RetryPolicy, Rewrite,
    };

    use super::*;
    use crate::fixture;

    fn route(action: Action) -> Route {
        fixture::route(Match::When(Conditions::default()), action)
    }

    const ALL: [Part; 6] = [
        Part::Forward,
        Part::Fault,
        Part::Mirrors,
        Part::Rewrite,
        Part::Retry,
        Part::HashOn,
    ];

    fn of(route: &Route) -> [bool; 6] {
        let parts = Parts::of(route);
        ALL.map(|part| parts.has(part))
    }

    #[test]
    fn a_route_that_only_forwards_has_nothing_else_to_look_at() {
        let plain = route(Action::Forward(Forward::default()));
        assert_eq!(of(&plain), [true, false, false, false, false, false]);
    }

    #[test]
    fn every_part_of_a_route_is_told_apart() {
        let forward = Forward {
            rewrite: Rewrite {
                path: None,
                host: Some(HostRewrite::Literal("a".into())),
            },
            retry: Some(Box::new(RetryPolicy {
                attempts: 1,
                per_try_timeout: None,
                on: vec![],
                backoff: None,
            })),
            hash_on: vec![HashOn::SourceIp],
            ..Forward::default()
        };
        let whole = Route {
            fault: Some(Box::default()),
            mirrors: vec![Mirror {
                cluster: ClusterName("next".into()),
                fraction: Fraction::ZERO,
            }],
            ..route(Action::Forward(forward))
        };
        assert_eq!(of(&whole), [true; 6]);
    }
}

//! Changes to headers by a route and by its destinations.
//!
//! The model's order is: on the way to the upstream the route's first, on the way back the destination's first. In Envoy
//! the destination's come first on the way out, and on the way back that depends on a switch. So headers that both change
//! are changed in one step by the destination, and then no order matters.

use std::collections::BTreeSet;
use std::sync::Arc;

use seaway_model::{Destination, FieldChanges, Forward, HeaderMutation};

/// Changes of one way, so divided that Envoy's order gives the model's result.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    route: HeaderMutation,
    destinations: Vec<HeaderMutation>,
    /// Whether something is said otherwise than it was written.
    pub(crate) divided: bool,
}

/// Who changes headers first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Route,
    Destination,
}

impl Changes {
    /// Of requests.
    pub(crate) fn of_requests(
        route: &HeaderMutation,
        forward: Option<&Forward>,
        lost: &mut Vec<(&'static str, String)>,
    ) -> Self {
        let destinations = destinations(forward).map(|d| &d.request_headers);
        Self::new(First::Route, route, destinations.collect(), lost)
    }

    /// Of answers.
    pub(crate) fn of_answers(
        route: &HeaderMutation,
        forward: Option<&Forward>,
        lost: &mut Vec<(&'static str, String)>,
    ) -> Self {
        let destinations = destinations(forward).map(|d| &d.response_headers);
        Self::new(First::Destination, route, destinations.collect(), lost)
    }

    fn new(
        first: First,
        route: &HeaderMutation,
        said: Vec<&HeaderMutation>,
        lost: &mut Vec<(&'static str, String)>,
    ) -> Self {
        let own = changeable(route, lost);
        let theirs: Vec<HeaderMutation> = said.iter().map(|theirs| changeable(theirs, lost)).collect();
        let shared: BTreeSet<&Arc<str>> = names(&own)
            .filter(|name| {
                theirs
                    .iter()
                    .any(|theirs| names(theirs).any(|other| other == *name))
            })
            .collect();
        let is_shared = |name: &Arc<str>| shared.contains(name);
        let destinations: Vec<HeaderMutation> = theirs
            .iter()
            .map(|theirs| {
                let mut both = part(theirs, |name| !is_shared(name));
                let order = match first {
                    First::Route => [&own, theirs],
                    First::Destination => [theirs, &own],
                };
                for name in &shared {
                    one_after_the_other(name, order, &mut both);
                }
                both.into()
            })
            .collect();
        let mine = part(&own, |name| !is_shared(name)).into();
        let divided = mine != *route || destinations.iter().zip(said).any(|(made, said)| made != said);
        Self {
            route: mine,
            destinations,
            divided,
        }
    }

    /// Of the route.
    pub(crate) fn route(&self) -> &HeaderMutation {
        &self.route
    }

    /// Of each destination.
    pub(crate) fn destinations(&self) -> &[HeaderMutation] {
        &self.destinations
    }
}

fn destinations(forward: Option<&Forward>) -> impl Iterator<Item = &Destination> {
    forward.into_iter().flat_map(|forward| &forward.destinations)
}

fn names(mutation: &HeaderMutation) -> impl Iterator<Item = &Arc<str>> {
    let pairs = mutation.set.iter().chain(&mutation.add).map(|(name, _)| name);
    pairs.chain(&mutation.remove)
}

fn part(mutation: &HeaderMutation, keep: impl Fn(&Arc<str>) -> bool) -> FieldChanges {
    let pairs = |all: &[(Arc<str>, Arc<str>)]| all.iter().filter(|(name, _)| keep(name)).cloned().collect();
    FieldChanges {
        set: pairs(&mutation.set),
        add: pairs(&mutation.add),
        remove: mutation
            .remove
            .iter()
            .filter(|name| keep(name))
            .cloned()
            .collect(),
    }
}

/// What two changes make of one header: whether what was there stays, and the values after it.
fn one_after_the_other(name: &Arc<str>, order: [&HeaderMutation; 2], into: &mut FieldChanges) {
    let (mut stays, mut values) = (true, Vec::new());
    for mutation in order {
        if mutation.remove.contains(name) {
            (stays, values) = (false, Vec::new());
        }
        for (_, value) in mutation.set.iter().filter(|(other, _)| other == name) {
            (stays, values) = (false, vec![Arc::clone(value)]);
        }
        values.extend(
            mutation
                .add
                .iter()
                .filter(|(other, _)| other == name)
                .map(|(_, v)| Arc::clone(v)),
        );
    }
    let mut values = values.into_iter().map(|value| (Arc::clone(name), value));
    if !stays {
        match values.next() {
            Some(pair) => into.set.push(pair),
            None => into.remove.push(Arc::clone(name)),
        }
    }
    into.add.extend(values);
}

/// Without what Envoy refuses to change by header: the host and what begins with a colon.
fn changeable(mutation: &HeaderMutation, losses: &mut Vec<(&'static str, String)>) -> HeaderMutation {
    let is_fixed = |name: &Arc<str>| name.starts_with(':') || **name == *"host";
    if !names(mutation).any(is_fixed) {
        return mutation.clone();
    }
    let why = "Envoy does not change the host by a header; a host rewrite does";
    losses.push(("host header", why.to_owned()));
    part(mutation, |name| !is_fixed(name)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaway_model::{Failure, FailureReason, Target};

    fn pairs(list: &[(&str, &str)]) -> Vec<(Arc<str>, Arc<str>)> {
        list.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect()
    }

    fn forward(headers: FieldChanges) -> Forward {
        let headers = HeaderMutation::from(headers);
        Forward {
            destinations: vec![Destination {
                target: Target::Fail(Failure {
                    status: 503,
                    reason: FailureReason::ServiceNotFound,
                    message: "".into(),
                }),
                weight: 1,
                request_headers: headers.clone(),
                response_headers: headers,
            }],
            ..Forward::default()
        }
    }

    fn adds_and_sets() -> (HeaderMutation, Forward) {
        let route = FieldChanges {
            add: pairs(&[("x", "route"), ("y", "route")]),
            ..FieldChanges::default()
        };
        let forward = forward(FieldChanges {
            set: pairs(&[("x", "destination")]),
            ..FieldChanges::default()
        });
        (route.into(), forward)
    }

    #[test]
    fn what_both_change_of_an_answer_is_changed_in_one_step_the_destination_first() {
        let (route, forward) = adds_and_sets();
        let answers = Changes::of_answers(&route, Some(&forward), &mut Vec::new());
        assert!(answers.divided);
        assert_eq!(answers.route().add, pairs(&[("y", "route")]));
        assert_eq!(answers.destinations()[0].set, pairs(&[("x", "destination")]));
        assert_eq!(answers.destinations()[0].add, pairs(&[("x", "route")]));
    }

    #[test]
    fn what_both_change_of_a_request_is_changed_in_one_step_the_route_first() {
        let (route, forward) = adds_and_sets();
        let requests = Changes::of_requests(&route, Some(&forward), &mut Vec::new());
        assert!(requests.divided);
        assert_eq!(requests.route().add, pairs(&[("y", "route")]));
        assert_eq!(requests.destinations()[0].set, pairs(&[("x", "destination")]));
        assert!(requests.destinations()[0].add.is_empty());
    }

    #[test]
    fn what_only_one_changes_stays_where_it_is() {
        let route = HeaderMutation::from(FieldChanges {
            remove: vec!["server".into()],
            ..FieldChanges::default()
        });
        let answers = Changes::of_answers(&route, Some(&forward(FieldChanges::default())), &mut Vec::new());
        assert!(!answers.divided && answers.destinations()[0].is_empty());
        assert_eq!(*answers.route(), route);
    }

    #[test]
    fn a_host_that_a_destination_sets_is_lost_and_said_to_be() {
        let mut lost = Vec::new();
        let forward = forward(FieldChanges {
            set: pairs(&[("host", "a"), ("x", "1")]),
            ..FieldChanges::default()
        });
        let requests = Changes::of_requests(&HeaderMutation::default(), Some(&forward), &mut lost);
        assert!(requests.divided && lost.len() == 1);
        assert_eq!(requests.destinations()[0].set, pairs(&[("x", "1")]));
    }
}

//! Changes to headers by a route and by its destinations.
//!
//! The model's order is: on the way to the upstream the route's first, on the way back the destination's first. Envoy
//! has one switch for both ways. It is set for the way out; on the way back, headers that both change are changed in
//! one step by the destination.

use std::collections::BTreeSet;
use std::sync::Arc;

use seaway_model::{Forward, HeaderMutation};

/// Changes to responses, so divided that Envoy's order gives the model's result.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    route: HeaderMutation,
    destinations: Vec<HeaderMutation>,
    /// Whether something had to be divided anew.
    pub(crate) divided: bool,
}

impl Answers {
    /// For a route that changes its responses so.
    pub(crate) fn new(route: &HeaderMutation, forward: Option<&Forward>) -> Self {
        let said: Vec<&HeaderMutation> = forward
            .iter()
            .flat_map(|f| &f.destinations)
            .map(|d| &d.response_headers)
            .collect();
        let shared: BTreeSet<&Arc<str>> = names(route)
            .filter(|name| {
                said.iter()
                    .any(|mutation| names(mutation).any(|other| other == *name))
            })
            .collect();
        if shared.is_empty() {
            return Self {
                route: route.clone(),
                destinations: said.into_iter().cloned().collect(),
                divided: false,
            };
        }
        let is_shared = |name: &Arc<str>| shared.contains(name);
        let destinations = said.into_iter().map(|mutation| {
            let mut own = part(mutation, |name| !is_shared(name));
            for name in &shared {
                one_after_the_other(name, mutation, route, &mut own);
            }
            own
        });
        Self {
            destinations: destinations.collect(),
            route: part(route, |name| !is_shared(name)),
            divided: true,
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

fn names(mutation: &HeaderMutation) -> impl Iterator<Item = &Arc<str>> {
    let pairs = mutation.set.iter().chain(&mutation.add).map(|(name, _)| name);
    pairs.chain(&mutation.remove)
}

fn part(mutation: &HeaderMutation, keep: impl Fn(&Arc<str>) -> bool) -> HeaderMutation {
    let pairs = |all: &[(Arc<str>, Arc<str>)]| all.iter().filter(|(name, _)| keep(name)).cloned().collect();
    HeaderMutation {
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
fn one_after_the_other(
    name: &Arc<str>,
    first: &HeaderMutation,
    second: &HeaderMutation,
    into: &mut HeaderMutation,
) {
    let (mut stays, mut values) = (true, Vec::new());
    for mutation in [first, second] {
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
pub(crate) fn changeable(
    mutation: &HeaderMutation,
    losses: &mut Vec<(&'static str, String)>,
) -> HeaderMutation {
    let is_fixed = |name: &Arc<str>| name.starts_with(':') || **name == *"host";
    if !names(mutation).any(is_fixed) {
        return mutation.clone();
    }
    let why = "Envoy does not change the host by a header; a host rewrite does";
    losses.push(("host header", why.to_owned()));
    part(mutation, |name| !is_fixed(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaway_model::{Destination, Failure, FailureReason, Target};

    fn pairs(list: &[(&str, &str)]) -> Vec<(Arc<str>, Arc<str>)> {
        list.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect()
    }

    fn forward(response_headers: HeaderMutation) -> Forward {
        Forward {
            destinations: vec![Destination {
                target: Target::Fail(Failure {
                    status: 503,
                    reason: FailureReason::ServiceNotFound,
                    message: "".into(),
                }),
                weight: 1,
                request_headers: HeaderMutation::default(),
                response_headers,
            }],
            ..Forward::default()
        }
    }

    #[test]
    fn what_both_change_is_changed_in_one_step() {
        let route = HeaderMutation {
            add: pairs(&[("x", "route"), ("y", "route")]),
            ..HeaderMutation::default()
        };
        let forward = forward(HeaderMutation {
            set: pairs(&[("x", "destination")]),
            ..HeaderMutation::default()
        });
        let answers = Answers::new(&route, Some(&forward));
        assert!(answers.divided);
        assert_eq!(answers.route().add, pairs(&[("y", "route")]));
        assert_eq!(answers.destinations()[0].set, pairs(&[("x", "destination")]));
        assert_eq!(answers.destinations()[0].add, pairs(&[("x", "route")]));
    }

    #[test]
    fn what_only_one_changes_stays_where_it_is() {
        let route = HeaderMutation {
            remove: vec!["server".into()],
            ..HeaderMutation::default()
        };
        let answers = Answers::new(&route, Some(&forward(HeaderMutation::default())));
        assert!(!answers.divided && answers.destinations()[0].is_empty());
        assert_eq!(*answers.route(), route);
    }
}

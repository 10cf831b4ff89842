use seaway_model::{ClusterName, Model, Target};

use super::*;
use crate::upstream::Registry as Clusters;

fn route(name: &str, weights: &[u32]) -> Arc<L4Route> {
    let destinations = weights.iter().enumerate().map(|(index, weight)| L4Destination {
        target: Target::Cluster(ClusterName(index.to_string().into())),
        weight: *weight,
    });
    Arc::new(L4Route {
        origin: Origin {
            name: name.into(),
            ..Origin::default()
        },
        rule: 0,
        destinations: destinations.collect(),
        idle_timeout: None,
        hash_source_ip: false,
    })
}

fn snapshot(version: u64) -> Arc<Snapshot> {
    Arc::new(Snapshot::build(
        version,
        &Arc::new(Model::default()),
        &Clusters::new(),
    ))
}

/// How many of so many connections go to the last destination.
fn last(snapshot: &Arc<Snapshot>, route: &Arc<L4Route>, connections: usize) -> usize {
    let last = route.destinations.last();
    (0..connections)
        .filter(|_| connection(snapshot, route) == last)
        .count()
}

#[test]
fn connections_are_split_exactly_by_weight() {
    let (snapshot, route) = (snapshot(1), route("exactly", &[80, 20]));
    assert_eq!(last(&snapshot, &route, 1_000), 200);
}

#[test]
fn the_count_of_connections_outlives_a_change_of_something_else() {
    // Nineteen of twenty in one version and the rest in another make one cycle, wherever it began.
    let first = last(&snapshot(1), &route("kept", &[19, 1]), 19);
    let second = last(&snapshot(2), &route("kept", &[19, 1]), 1);
    assert_eq!(first + second, 1);
}

#[test]
fn routes_of_one_snapshot_count_apart() {
    let snapshot = snapshot(1);
    let (one, other) = (route("one", &[1, 1]), route("other", &[1, 1]));
    let mut counts = (0, 0);
    for _ in 0..10 {
        counts.0 += last(&snapshot, &one, 1);
        counts.1 += last(&snapshot, &other, 1);
    }
    assert_eq!(counts, (5, 5));
}

#[test]
fn a_route_without_destinations_leads_nowhere() {
    assert_eq!(connection(&snapshot(1), &route("none", &[])), None);
}

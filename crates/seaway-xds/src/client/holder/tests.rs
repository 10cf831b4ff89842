use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, DiscoveryType, EdsClusterConfig,
};
use envoy_types::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use envoy_types::pb::google::protobuf::Any;

use super::*;

fn fine(_: &Resources) -> Vec<Fault> {
    Vec::new()
}

fn cluster(name: &str, service: &str) -> Cluster {
    Cluster {
        name: name.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds as i32)),
        eds_cluster_config: Some(EdsClusterConfig {
            service_name: service.to_owned(),
            ..EdsClusterConfig::default()
        }),
        ..Cluster::default()
    }
}

fn packed<M: Message>(kind: Kind, name: &str, version: &str, message: &M) -> Resource {
    Resource {
        name: name.to_owned(),
        version: version.to_owned(),
        resource: Some(Any {
            type_url: kind.type_url().to_owned(),
            value: message.encode_to_vec(),
        }),
        ..Resource::default()
    }
}

fn response(kind: Kind, resources: Vec<Resource>, removed: &[&str]) -> DeltaDiscoveryResponse {
    DeltaDiscoveryResponse {
        type_url: kind.type_url().to_owned(),
        nonce: "7".to_owned(),
        resources,
        removed_resources: removed.iter().map(ToString::to_string).collect(),
        ..DeltaDiscoveryResponse::default()
    }
}

fn with_cluster(holder: &mut Holder, version: &str, service: &str) -> Reaction {
    let resource = packed(Kind::Cluster, "a", version, &cluster("a", service));
    holder.take(response(Kind::Cluster, vec![resource], &[]), &fine)
}

#[test]
fn the_endpoints_of_a_cluster_are_asked_for_and_missed_until_they_come() {
    let mut holder = Holder::default();
    let reaction = with_cluster(&mut holder, "1", "");
    assert_eq!(reaction.requests[0].response_nonce, "7");
    assert_eq!(reaction.requests[1].resource_names_subscribe, ["a"]);
    assert_eq!(holder.missing(), [(Kind::Endpoints, "a".to_owned())]);
    let endpoints = packed(Kind::Endpoints, "a", "1", &ClusterLoadAssignment::default());
    holder.take(response(Kind::Endpoints, vec![endpoints], &[]), &fine);
    assert!(holder.missing().is_empty());
}

#[test]
fn clusters_alone_are_not_a_configuration() {
    let mut holder = Holder::default();
    with_cluster(&mut holder, "1", "");
    assert!(!holder.is_begun());
    holder.take(response(Kind::Listener, Vec::new(), &[]), &fine);
    assert!(holder.is_begun());
}

#[test]
fn what_is_known_not_to_exist_is_not_waited_for() {
    let mut holder = Holder::default();
    with_cluster(&mut holder, "1", "");
    holder.take(response(Kind::Endpoints, Vec::new(), &["a"]), &fine);
    assert!(holder.missing().is_empty());
}

#[test]
fn what_is_no_longer_referred_to_is_no_longer_asked_for() {
    let mut holder = Holder::default();
    with_cluster(&mut holder, "1", "");
    let reaction = with_cluster(&mut holder, "2", "other");
    assert_eq!(reaction.requests[1].resource_names_subscribe, ["other"]);
    assert_eq!(reaction.requests[1].resource_names_unsubscribe, ["a"]);
}

#[test]
fn a_bad_resource_is_refused_by_name_and_the_good_ones_beside_it_are_taken() {
    let mut holder = Holder::default();
    let mut bad = packed(Kind::Cluster, "bad", "1", &Cluster::default());
    bad.resource.as_mut().unwrap().value = vec![0xff; 3];
    let good = packed(Kind::Cluster, "a", "1", &cluster("a", ""));
    let reaction = holder.take(response(Kind::Cluster, vec![bad, good], &[]), &fine);
    let message = &reaction.requests[0].error_detail.as_ref().unwrap().message;
    assert!(message.starts_with("bad: it cannot be read"), "{message}");
    assert!(holder.resources().clusters.contains_key("a"));
    assert_eq!(holder.refused().len(), 1);
}

#[test]
fn what_the_judge_refuses_leaves_what_was_held_before() {
    let mut holder = Holder::default();
    with_cluster(&mut holder, "1", "first");
    let judge = |resources: &Resources| -> Vec<Fault> {
        let of_second = resources.clusters.values().filter(|cluster| {
            cluster
                .eds_cluster_config
                .as_ref()
                .is_some_and(|config| config.service_name == "second")
        });
        of_second
            .map(|cluster| Fault {
                kind: Kind::Cluster,
                name: cluster.name.clone(),
                reason: "no".to_owned(),
            })
            .collect()
    };
    let resource = packed(Kind::Cluster, "a", "2", &cluster("a", "second"));
    let reaction = holder.take(response(Kind::Cluster, vec![resource], &[]), &judge);
    assert_eq!(
        reaction.requests[0].error_detail.as_ref().unwrap().message,
        "a: no"
    );
    assert!(!reaction.changed);
    let held = holder.resources().clusters["a"]
        .eds_cluster_config
        .clone()
        .unwrap();
    assert_eq!(held.service_name, "first");
}

#[test]
fn a_type_that_nobody_asked_for_is_refused() {
    let mut holder = Holder::default();
    let unknown = DeltaDiscoveryResponse {
        type_url: "type.googleapis.com/x".to_owned(),
        ..DeltaDiscoveryResponse::default()
    };
    let reaction = holder.take(unknown, &fine);
    assert!(reaction.requests[0].error_detail.is_some() && !reaction.changed);
}

#[test]
fn what_is_saved_and_loaded_is_what_was_held() {
    let mut holder = Holder::default();
    with_cluster(&mut holder, "1", "");
    let mut other = Holder::default();
    for response in holder.save() {
        other.take(response, &fine);
    }
    assert_eq!(other.resources(), holder.resources());
    let greeting = other.greet(&Node::default());
    assert_eq!(greeting[0].initial_resource_versions["a"], "1");
    assert_eq!(greeting[1].resource_names_subscribe, ["a"]);
}

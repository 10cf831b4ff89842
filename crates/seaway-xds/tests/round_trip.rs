//! What is encoded is decoded to the same, and what nobody has encoded makes nobody panic.
#![expect(clippy::expect_used, reason = "a test")]

#[path = "round_trip/action.rs"]
mod action;
#[path = "round_trip/cluster.rs"]
mod cluster;
#[path = "round_trip/listener.rs"]
mod listener;
#[path = "round_trip/matching.rs"]
mod matching;
#[path = "round_trip/words.rs"]
mod words;

use std::sync::Arc;

use proptest::prelude::*;
use prost::Message;
use seaway_xds::pb::envoy::config::cluster::v3::Cluster;
use seaway_xds::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use seaway_xds::pb::envoy::config::listener::v3::Listener;
use seaway_xds::pb::envoy::config::route::v3::RouteConfiguration;
use seaway_xds::pb::envoy::extensions::transport_sockets::tls::v3::Secret;
use seaway_xds::{Options, Resources, decode, encode};

/// Bytes of real resources, with some of them changed.
fn damaged() -> impl Strategy<Value = (Resources, Vec<(u8, u16)>)> {
    let changes = prop::collection::vec((any::<u8>(), any::<u16>()), 1..12);
    (listener::model(), changes)
        .prop_map(|(model, changes)| (encode(&model, &Options::default()).resources, changes))
}

/// The message that the damaged bytes are, if they still are one.
fn damage<M: Message + Default>(message: &M, changes: &[(u8, u16)]) -> Option<M> {
    let mut bytes = message.encode_to_vec();
    for (value, place) in changes {
        let at = usize::from(*place) % bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(at) {
            *byte = *value;
        }
    }
    M::decode(bytes.as_slice()).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_decoded_model_is_the_one_that_was_encoded(model in listener::model()) {
        let encoded = encode(&model, &Options::default());
        let decoded = decode(&encoded.resources);
        prop_assert_eq!(&decoded.rejected, &vec![]);
        prop_assert_eq!(decoded.model, model);
    }

    #[test]
    fn ports_and_addresses_that_are_bound_otherwise_are_read_as_they_were_said(model in listener::model()) {
        let options = Options {
            port_map: model.listeners.iter().map(|listener| (listener.port, 0)).collect(),
            address: Some(std::net::IpAddr::from([127, 0, 0, 1])),
            ..Options::default()
        };
        prop_assert_eq!(decode(&encode(&model, &options).resources).model, model);
    }

    #[test]
    fn damaged_resources_are_refused_or_read_and_never_make_it_panic((resources, changes) in damaged()) {
        let mut bad = Resources::default();
        for (name, one) in &resources.listeners {
            bad.listeners.extend(damage::<Listener>(one, &changes).map(|m| (name.clone(), Arc::new(m))));
        }
        for (name, one) in &resources.routes {
            bad.routes.extend(damage::<RouteConfiguration>(one, &changes).map(|m| (name.clone(), Arc::new(m))));
        }
        for (name, one) in &resources.clusters {
            bad.clusters.extend(damage::<Cluster>(one, &changes).map(|m| (name.clone(), Arc::new(m))));
        }
        for (name, one) in &resources.endpoints {
            bad.endpoints.extend(damage::<ClusterLoadAssignment>(one, &changes).map(|m| (name.clone(), Arc::new(m))));
        }
        for (name, one) in &resources.secrets {
            bad.secrets.extend(damage::<Secret>(one, &changes).map(|m| (name.clone(), Arc::new(m))));
        }
        let decoded = decode(&bad);
        prop_assert!(decoded.model.clusters.len() <= bad.clusters.len());
    }
}

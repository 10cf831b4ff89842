use std::sync::Arc;

use envoy_types::pb::envoy::service::discovery::v3::Resource as DeltaResource;
use envoy_types::pb::google::protobuf::Any;
use proptest::prelude::*;

use super::super::snapshot::Resource;
use super::*;
use crate::Kind;

fn entry(name: &str, body: Vec<u8>) -> Arc<Versioned> {
    Versioned::new(Resource {
        kind: Kind::Routes,
        name: name.into(),
        body: body.into(),
        needs: Vec::new(),
    })
}

fn response(resources: Vec<Arc<Versioned>>, removed: &[String]) -> Response {
    Response {
        kind: Kind::Routes,
        nonce: "7".to_owned(),
        version: 12,
        resources,
        removed: removed.iter().map(|name| name.as_str().into()).collect(),
    }
}

/// The message of a frame, whose head is right.
fn message(frame: &Frame) -> Vec<u8> {
    let whole = frame.concat();
    let (head, message) = whole.split_at(HEAD_BYTES);
    assert_eq!(head[0], 0);
    assert_eq!(head[1..], u32::try_from(message.len()).unwrap().to_be_bytes());
    message.to_vec()
}

fn any(entry: &Versioned) -> Any {
    Any {
        type_url: Kind::Routes.type_url().to_owned(),
        value: entry.resource.body.to_vec(),
    }
}

fn control_plane() -> Option<ControlPlane> {
    Some(ControlPlane {
        identifier: "us".to_owned(),
    })
}

proptest! {
    #[test]
    fn what_is_put_together_is_the_message(
        sizes in prop::collection::vec(
            prop_oneof![0usize..300, SHARED_BYTES - 2..SHARED_BYTES + 2, Just(70_000)],
            0..5,
        ),
        removed in prop::collection::vec("[a-z]{0,200}", 0..3),
    ) {
        let resources = (0u8..).zip(&sizes);
        let resources: Vec<_> = resources.map(|(n, size)| entry(&format!("r{n}"), vec![n; *size])).collect();
        let response = response(resources.clone(), &removed);

        let delta = message(&frame(Wire::Delta, &response, "us").unwrap());
        let named = |entry: &Arc<Versioned>| DeltaResource {
            name: entry.resource.name.to_string(),
            version: format!("{:016x}", entry.version),
            resource: Some(any(entry)),
            ..DeltaResource::default()
        };
        let wanted = DeltaDiscoveryResponse {
            system_version_info: "12".to_owned(),
            resources: resources.iter().map(named).collect(),
            type_url: Kind::Routes.type_url().to_owned(),
            removed_resources: removed,
            nonce: "7".to_owned(),
            control_plane: control_plane(),
            ..DeltaDiscoveryResponse::default()
        };
        prop_assert_eq!(DeltaDiscoveryResponse::decode(delta.as_slice()).unwrap(), wanted);

        let world = message(&frame(Wire::StateOfTheWorld, &response, "us").unwrap());
        let wanted = DiscoveryResponse {
            version_info: "12".to_owned(),
            resources: resources.iter().map(|entry| any(entry)).collect(),
            type_url: Kind::Routes.type_url().to_owned(),
            nonce: "7".to_owned(),
            control_plane: control_plane(),
            ..DiscoveryResponse::default()
        };
        prop_assert_eq!(DiscoveryResponse::decode(world.as_slice()).unwrap(), wanted);
    }
}

#[test]
fn large_resources_are_not_copied() {
    let large = entry("large", vec![1; SHARED_BYTES]);
    let response = response(vec![Arc::clone(&large)], &[]);
    let shared = |frame: Frame| {
        let start = large.resource.body.as_ptr();
        frame.iter().any(|piece| piece.as_ptr() == start)
    };
    assert!(shared(frame(Wire::Delta, &response, "us").unwrap()));
    assert!(shared(frame(Wire::StateOfTheWorld, &response, "us").unwrap()));
}

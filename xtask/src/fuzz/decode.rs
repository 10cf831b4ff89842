//! Envoy's words, to a model, and back.
//!
//! Promised: whatever a control plane sends, reading it does not panic ([`run`]); and what was read says the same after
//! another turn over the wire ([`turn`]). Inputs are YAML documents of resources with their `@type`, because a change to a line of text
//! often leaves a message and a change to lengths seldom does; what is not that is taken for the bytes of a response.

use std::collections::BTreeSet;
use std::sync::Arc;

use prost::{Message, Name};
use seaway_api::Resources as Manifests;
use seaway_compile::compile;
use seaway_model::Model;
use seaway_xds::pb::envoy::service::discovery::v3::DeltaDiscoveryResponse;
use seaway_xds::{Decoded, Encoded, Kind, Options, Resources, Unsupported, decode, encode, json};
use serde_json::Value;

use super::Trace;

/// Longer inputs only cost time.
const LONGEST: usize = 64 * 1024;
const TYPE: &str = "@type";

/// Runs one input.
///
/// # Panics
/// When reading or writing does.
#[must_use]
pub fn run(input: &[u8]) -> Trace {
    let resources = read(input.get(..input.len().min(LONGEST)).unwrap_or_default());
    let decoded = decode(&resources);
    let encoded = encode(&decoded.model, &Options::default());
    let _again = decode(&encoded.resources);
    trace(&decoded, &encoded)
}

/// Runs one input, and compares.
///
/// # Panics
/// When a promise is broken.
#[must_use]
pub fn turn(input: &[u8]) -> Trace {
    let resources = read(input.get(..input.len().min(LONGEST)).unwrap_or_default());
    let decoded = decode(&resources);
    let encoded = encode(&decoded.model, &Options::default());
    let again = decode(&encoded.resources);
    assert_eq!(again.rejected, [], "we refuse what we say ourselves");
    // A chain without its secret, or beside another of the same name, is left out and listed.
    let is_left_out =
        |lost: &Unsupported| lost.what.starts_with("secret ") || lost.what.starts_with("server name ");
    assert!(
        again.model == decoded.model || encoded.unsupported.iter().any(is_left_out),
        "another turn over the wire changes the model:\n{}",
        difference(&decoded.model, &again.model)
    );
    trace(&decoded, &encoded)
}

fn trace(decoded: &Decoded, encoded: &Encoded) -> Trace {
    let why: BTreeSet<String> = decoded.rejected.iter().map(|one| kind_of(&one.why)).collect();
    let what: BTreeSet<String> = encoded.unsupported.iter().map(|one| kind_of(&one.what)).collect();
    let protocols: Vec<_> = decoded.model.listeners.iter().map(|l| l.protocol).collect();
    let counts = (
        decoded.model.clusters.len().min(3),
        decoded.model.secrets.len().min(3),
    );
    Trace::of(&(why, what, protocols, counts))
}

/// Manifests in the form of an input; none where they say nothing.
#[must_use]
pub fn seed(manifests: &str) -> Option<Vec<u8>> {
    let mut read = Manifests::default();
    read.parse_into("seed.yaml", manifests);
    let (model, _) = compile(&read, &seaway_compile::Options::default());
    let resources = encode(&model, &Options::default()).resources;
    let mut text = String::new();
    write(&mut text, Kind::Listener, resources.listeners.values());
    write(&mut text, Kind::Routes, resources.routes.values());
    write(&mut text, Kind::Cluster, resources.clusters.values());
    write(&mut text, Kind::Endpoints, resources.endpoints.values());
    write(&mut text, Kind::Secret, resources.secrets.values());
    (!text.is_empty() && text.len() < LONGEST).then(|| text.into_bytes())
}

fn write<'r, M: Name + 'r>(text: &mut String, kind: Kind, all: impl Iterator<Item = &'r Arc<M>>) {
    for one in all {
        let Ok(Value::Object(mut value)) = json::to_value(&**one) else {
            continue;
        };
        value.insert(TYPE.to_owned(), kind.type_url().into());
        if let Ok(document) = serde_saphyr::to_string(&value) {
            text.push_str("---\n");
            text.push_str(&document);
        }
    }
}

fn read(input: &[u8]) -> Resources {
    let text = str::from_utf8(input).ok().filter(|text| text.contains(TYPE));
    match text {
        Some(text) => of_text(text),
        None => of_bytes(input),
    }
}

fn of_text(text: &str) -> Resources {
    let mut resources = Resources::default();
    // A document that is no YAML does not take the others with it.
    for document in text.split("---\n") {
        let Ok(Value::Object(mut value)) = serde_saphyr::from_str::<Value>(document) else {
            continue;
        };
        let kind = value.remove(TYPE);
        let Some(kind) = kind.as_ref().and_then(Value::as_str).and_then(Kind::of_type_url) else {
            continue;
        };
        let value = Value::Object(value);
        match kind {
            Kind::Listener => add(&mut resources.listeners, json::from_value(&value), |m| &m.name),
            Kind::Routes => add(&mut resources.routes, json::from_value(&value), |m| &m.name),
            Kind::Cluster => add(&mut resources.clusters, json::from_value(&value), |m| &m.name),
            Kind::Endpoints => add(&mut resources.endpoints, json::from_value(&value), |m| {
                &m.cluster_name
            }),
            Kind::Secret => add(&mut resources.secrets, json::from_value(&value), |m| &m.name),
        }
    }
    resources
}

fn of_bytes(bytes: &[u8]) -> Resources {
    let mut resources = Resources::default();
    let Ok(response) = DeltaDiscoveryResponse::decode(bytes) else {
        return resources;
    };
    for any in response.resources.into_iter().filter_map(|one| one.resource) {
        let bytes = any.value.as_slice();
        match Kind::of_type_url(&any.type_url) {
            Some(Kind::Listener) => add(&mut resources.listeners, Message::decode(bytes), |m| &m.name),
            Some(Kind::Routes) => add(&mut resources.routes, Message::decode(bytes), |m| &m.name),
            Some(Kind::Cluster) => add(&mut resources.clusters, Message::decode(bytes), |m| &m.name),
            Some(Kind::Endpoints) => add(&mut resources.endpoints, Message::decode(bytes), |m| {
                &m.cluster_name
            }),
            Some(Kind::Secret) => add(&mut resources.secrets, Message::decode(bytes), |m| &m.name),
            None => {}
        }
    }
    resources
}

fn add<M, E>(
    to: &mut std::collections::BTreeMap<String, Arc<M>>,
    message: Result<M, E>,
    name: impl Fn(&M) -> &String,
) {
    if let Ok(message) = message {
        to.insert(name(&message).clone(), Arc::new(message));
    }
}

/// Where the second begins to be another.
fn difference(first: &Model, second: &Model) -> String {
    const AROUND: usize = 12;
    let (first, second) = (format!("{first:#?}"), format!("{second:#?}"));
    let same = first
        .lines()
        .zip(second.lines())
        .take_while(|(a, b)| a == b)
        .count();
    let part = |text: &str| {
        let lines = text.lines().skip(same.saturating_sub(AROUND)).take(2 * AROUND);
        lines.collect::<Vec<_>>().join("\n")
    };
    format!("first\n{}\nthen\n{}", part(&first), part(&second))
}

/// The first words of a message: what follows is mostly what the input said.
fn kind_of(message: &str) -> String {
    message.split(' ').take(4).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = "apiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {name: a, namespace: a}\n\
                        spec: {hosts: [a.test], destinations: [{host: \"127.0.0.1:80\"}]}\n";

    #[test]
    fn a_seed_is_read_as_what_it_was_made_of() {
        let seed = seed(SHOP).expect("a seed");
        let resources = read(&seed);
        let (hosts, clusters) = (resources.routes.len(), resources.clusters.len());
        assert_eq!((hosts, clusters), (1, 1), "{}", String::from_utf8_lossy(&seed));
        let decoded = decode(&resources);
        assert!(decoded.rejected.is_empty() && decoded.model.listeners.len() == 1);
    }

    #[test]
    fn bytes_of_a_response_are_read_too() {
        let mut response = DeltaDiscoveryResponse::default();
        let cluster = seaway_xds::pb::envoy::config::cluster::v3::Cluster {
            name: "a".into(),
            ..Default::default()
        };
        response
            .resources
            .push(seaway_xds::pb::envoy::service::discovery::v3::Resource {
                resource: Some(seaway_xds::pb::google::protobuf::Any {
                    type_url: Kind::Cluster.type_url().into(),
                    value: cluster.encode_to_vec(),
                }),
                ..Default::default()
            });
        assert_eq!(read(&response.encode_to_vec()).clusters.len(), 1);
    }
}

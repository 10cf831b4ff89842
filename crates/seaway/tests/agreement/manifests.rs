//! Random manifests, as YAML text: small alphabets, so that hosts, paths and conditions collide. A few of them are wrong
//! on purpose; what compiling leaves out then is left out for both sides alike.

mod http_route;
mod ingress;
mod istio;
mod objects;

use crate::dice::Dice;

/// The namespaces that there are.
const NAMESPACES: [&str; 2] = ["a", "b"];

/// Times of creation, oldest first; objects without one are made at once with the oldest.
const CREATED: [&str; 3] = ["", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"];

/// A whole configuration.
pub fn manifests(dice: &mut Dice, key_pair: &str) -> String {
    let mut documents = objects::objects(dice);
    for number in 0..dice.count(1, 5) {
        documents.push(http_route::http_route(dice, number));
    }
    if dice.chance(40) {
        for number in 0..dice.count(1, 3) {
            documents.push(ingress::ingress(dice, number));
        }
    }
    let https = dice.chance(30);
    if https {
        documents.push(key_pair.to_owned());
        documents.push(ingress::certificate(dice));
    }
    if dice.chance(50) {
        for namespace in NAMESPACES {
            if dice.chance(80) {
                documents.push(istio::gateway(dice, namespace, https));
            }
        }
        for number in 0..dice.count(1, 4) {
            documents.push(istio::virtual_service(dice, number));
        }
        for number in 0..dice.count(0, 3) {
            documents.push(istio::destination_rule(dice, number));
        }
    }
    documents.join("---\n")
}

/// `["x", "y"]`
fn list(items: &[&str]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    format!("[{}]", quoted.join(", "))
}

/// Text in quotes, for YAML and JSON alike.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// `kind`, `apiVersion` and `metadata`.
fn head(dice: &mut Dice, api_version: &str, kind: &str, namespace: &str, name: &str) -> String {
    let created = dice.pick(&CREATED);
    let mut metadata = format!("name: {name}");
    if !namespace.is_empty() {
        metadata.push_str(&format!(", namespace: {namespace}"));
    }
    if !created.is_empty() {
        metadata.push_str(&format!(", creationTimestamp: {}", quoted(created)));
    }
    format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{{metadata}}}\n")
}

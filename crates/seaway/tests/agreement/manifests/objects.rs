//! Services with their endpoints and pods. Addresses do not matter: the test puts its own backends there.

use super::NAMESPACES;
use crate::dice::Dice;

/// What is there of both namespaces; now and then something is missing.
pub fn objects(dice: &mut Dice) -> Vec<String> {
    let mut documents = Vec::new();
    for namespace in NAMESPACES {
        if dice.chance(90) {
            documents.push(versions(namespace));
        }
        if dice.chance(85) {
            documents.push(plain(dice, namespace));
        }
        if dice.chance(50) {
            documents.push(deserted(namespace));
        }
    }
    documents
}

/// `one`: two versions, chosen by labels of pods.
fn versions(namespace: &str) -> String {
    let mut text = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: one, namespace: {namespace}}}\n\
         spec: {{selector: {{app: one}}, ports: [{{name: http, port: 80}}]}}\n"
    );
    for (version, address) in [("v1", "10.0.0.1"), ("v2", "10.0.0.2")] {
        text.push_str(&format!(
            "---\napiVersion: v1\nkind: Pod\n\
             metadata: {{name: one-{version}, namespace: {namespace}, labels: {{app: one, version: {version}}}}}\n\
             ---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
             metadata: {{name: one-{version}, namespace: {namespace}, labels: {{kubernetes.io/service-name: one}}}}\n\
             addressType: IPv4\n\
             endpoints: [{{addresses: [{address}], targetRef: {{kind: Pod, name: one-{version}}}}}]\n\
             ports: [{{name: http, port: 9000}}]\n"
        ));
    }
    text
}

/// `two`: two ports, the second of which may speak HTTP/2.
fn plain(dice: &mut Dice, namespace: &str) -> String {
    let second = dice.pick(&["grpc", "other", "http2-x"]);
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: two, namespace: {namespace}}}\n\
         spec: {{selector: {{app: two}}, ports: [{{name: http, port: 80}}, {{name: {second}, port: 8080}}]}}\n\
         ---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
         metadata: {{name: two, namespace: {namespace}, labels: {{kubernetes.io/service-name: two}}}}\n\
         addressType: IPv4\nendpoints: [{{addresses: [10.0.1.1]}}]\n\
         ports: [{{name: http, port: 9000}}, {{name: {second}, port: 9001}}]\n"
    )
}

/// `none`: a Service without endpoints.
fn deserted(namespace: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: none, namespace: {namespace}}}\n\
         spec: {{selector: {{app: none}}, ports: [{{name: http, port: 80}}]}}\n"
    )
}

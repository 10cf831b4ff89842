//! Ingresses, and certificates for HTTPS.

use super::{NAMESPACES, head, quoted};
use crate::dice::Dice;

const HOSTS: [&str; 6] = ["a.test", "b.test", "x.a.test", "*.test", "*.a.test", ""];
const PATHS: [&str; 8] = ["/", "/", "/a", "/a/", "/a/b", "/b", "/ab", "/a%2fb"];
const TYPES: [&str; 5] = ["Prefix", "Prefix", "Exact", "ImplementationSpecific", "Wrong"];

/// One Ingress.
pub fn ingress(dice: &mut Dice, number: usize) -> String {
    let namespace = dice.pick(&NAMESPACES);
    let mut text = head(
        dice,
        "networking.k8s.io/v1",
        "Ingress",
        namespace,
        &format!("ingress-{number}"),
    );
    text.push_str("spec:\n");
    if dice.chance(25) {
        text.push_str(&format!("  defaultBackend: {}\n", backend(dice)));
    }
    text.push_str("  rules:\n");
    for _ in 0..dice.count(1, 2) {
        let host = dice.pick(&HOSTS);
        let mut rule = Vec::new();
        if !host.is_empty() {
            rule.push(format!("host: {}", quoted(host)));
        }
        if dice.chance(95) || host.is_empty() {
            let paths: Vec<String> = (0..dice.count(1, 3)).map(|_| path(dice)).collect();
            rule.push(format!("http: {{paths: [{}]}}", paths.join(", ")));
        }
        text.push_str(&format!("    - {{{}}}\n", rule.join(", ")));
    }
    text
}

fn path(dice: &mut Dice) -> String {
    // One of forty is refused, with its whole Ingress.
    let path_type = match dice.pick(&TYPES) {
        "Wrong" if dice.chance(90) => "Exact",
        other => other,
    };
    let path = quoted(dice.pick(&PATHS));
    format!(
        "{{path: {path}, pathType: {path_type}, backend: {}}}",
        backend(dice)
    )
}

fn backend(dice: &mut Dice) -> String {
    let service = dice.pick(&["one", "one", "two", "none", "gone"]);
    let port = dice.pick(&[
        "number: 80",
        "number: 80",
        "name: http",
        "number: 8080",
        "number: 1",
    ]);
    format!("{{service: {{name: {service}, port: {{{port}}}}}}}")
}

/// What makes HTTPS: certificates for some hosts, or a default one.
pub fn certificate(dice: &mut Dice) -> String {
    let default = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: tls, namespace: a}\n\
                   spec:\n  tls: [{secretName: pair}]\n  defaultBackend: {service: {name: one, port: {number: 80}}}\n";
    let named = |domains: &str| {
        format!(
            "apiVersion: seaway.dev/v1alpha1\nkind: HttpsCertIssuer\nmetadata: {{name: local, namespace: a}}\n\
             spec: {{caForTest: {{}}}}\n---\n\
             apiVersion: seaway.dev/v1alpha1\nkind: HttpsCert\nmetadata: {{name: cert, namespace: a}}\n\
             spec: {{domains: {domains}, httpsCertIssuer: local}}\n"
        )
    };
    match dice.count(0, 3) {
        0 => default.to_owned(),
        1 => format!("{default}---\n{}", named("[a.test]")),
        2 => named("[a.test, \"*.test\"]"),
        _ => named("[b.test, \"*.a.test\"]"),
    }
}

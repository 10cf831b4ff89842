mod fields;
mod mistakes;
mod parts;

use crate::node::{self, Node};
use crate::parse::parse;
use crate::{Problem, Resource};

/// Objects in which every field of every kind is written once.
const SAMPLES: [(&str, &str); 5] = [
    ("Gateway", include_str!("tests/samples/gateway.yaml")),
    (
        "VirtualService",
        include_str!("tests/samples/virtual_service.yaml"),
    ),
    (
        "DestinationRule",
        include_str!("tests/samples/destination_rule.yaml"),
    ),
    ("ServiceEntry", include_str!("tests/samples/service_entry.yaml")),
    ("WorkloadEntry", include_str!("tests/samples/workload_entry.yaml")),
];

fn documents(text: &str) -> Vec<Node<'_>> {
    node::documents(text).map(Result::unwrap).collect()
}

/// Reads one object with this spec, which starts on line 5 with two columns before it.
fn read(kind: &str, spec: &str) -> (Option<Resource>, Vec<Problem>) {
    let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    let text =
        format!("apiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {{name: x}}\nspec:\n{spec}");
    let (resources, problems) = parse("f", &text);
    (resources.into_iter().next(), problems)
}

fn without_places(resource: &Resource) -> String {
    let text = format!("{resource:?}");
    let mut kept = String::new();
    let mut rest = &*text;
    while let Some((before, after)) = rest.split_once("Pos {") {
        kept.push_str(before);
        rest = after.split_once('}').unwrap().1;
    }
    kept + rest
}

//! From a text to objects.

mod kinds;
mod meta;
mod time;

use crate::decode::{Cx, Identity};
use crate::node::{self, Node, Value};
use crate::{Problem, ProblemKind, Resource, Resources};

use self::kinds::Known;
pub(crate) use self::kinds::{ISTIO_VERSIONS, KALM, SEAWAY};

/// Reads every object of a text, which may be YAML or JSON, hold several documents, and Lists of objects.
///
/// `file` is what messages call it. Never fails: what could not be read is reported, and whatever else there is, is
/// read. An object with an error is left out; one with a warning is kept.
#[must_use]
pub fn parse(file: &str, text: &str) -> (Vec<Resource>, Vec<Problem>) {
    let mut cx = Cx::new(file);
    let mut resources = Vec::new();
    for document in node::documents(text) {
        match document {
            Ok(node) => object(&mut cx, &node, None, &mut resources),
            Err(error) => {
                cx.begin(Default::default(), Identity::default());
                cx.report(ProblemKind::Syntax, error.pos, error.message, error.help);
            }
        }
    }
    (resources, cx.problems)
}

impl Resources {
    /// Adds everything that [`parse`] finds in a text.
    pub fn parse_into(&mut self, file: &str, text: &str) {
        let (resources, problems) = parse(file, text);
        self.extend(resources);
        self.problems.extend(problems);
    }
}

/// What the items of a typed List are, where they do not say it themselves.
#[derive(Clone, Copy)]
struct ItemType<'a> {
    api_version: &'a str,
    kind: &'a str,
}

/// Reads one object, or the objects of a List.
fn object(cx: &mut Cx, node: &Node<'_>, item: Option<ItemType<'_>>, resources: &mut Vec<Resource>) {
    cx.begin(Default::default(), Identity::default());
    if !matches!(node.value, Value::Map(_)) {
        let message = format!("expected an object, found {}", node.describe());
        let help = "every document needs apiVersion, kind and metadata.name";
        cx.report(ProblemKind::NotAnObject, node.pos, message, help);
        return;
    }
    let api_version = type_field(cx, node, "apiVersion", item.map(|item| item.api_version));
    let kind = type_field(cx, node, "kind", item.map(|item| item.kind));
    let (Some(api_version), Some(kind)) = (api_version, kind) else {
        return;
    };
    if let Some(item_kind) = kind.strip_suffix("List")
        && let Some(items) = node.get("items")
    {
        let item = (!item_kind.is_empty()).then_some(ItemType {
            api_version,
            kind: item_kind,
        });
        list(cx, items, item, resources);
        return;
    }
    let identity = Identity {
        api_version: cx.intern(api_version),
        kind: cx.intern(kind),
        ..Identity::default()
    };
    match kinds::find(api_version, kind) {
        Some(known) => known_object(cx, node, known, identity, resources),
        None => unknown_object(cx, node, identity),
    }
}

fn list(cx: &mut Cx, items: &Node<'_>, item: Option<ItemType<'_>>, resources: &mut Vec<Resource>) {
    let Value::Seq(nodes) = &items.value else {
        cx.within("items", |cx| cx.wrong_type(items, "a list"));
        return;
    };
    for node in nodes {
        object(cx, node, item, resources);
    }
}

/// `apiVersion` or `kind`. Without it there is no telling what the rest means.
fn type_field<'n>(cx: &mut Cx, node: &'n Node<'_>, name: &str, fallback: Option<&'n str>) -> Option<&'n str> {
    let Some(value) = node.get(name) else {
        if fallback.is_none() {
            let message = format!("\"{name}\" is missing");
            let help = "every document needs apiVersion, kind and metadata.name";
            cx.report_in(name, ProblemKind::NotAnObject, node.pos, message, help);
        }
        return fallback;
    };
    if value.as_str().is_none() {
        cx.within(name, |cx| cx.wrong_type(value, "text"));
    }
    value.as_str()
}

fn known_object(
    cx: &mut Cx,
    node: &Node<'_>,
    known: &Known,
    identity: Identity,
    resources: &mut Vec<Resource>,
) {
    cx.begin(known.group, identity);
    let meta = meta::read(cx, node, known.is_namespaced);
    let resource = (known.read)(cx, node, meta.unwrap_or_default());
    if !cx.is_fatal() {
        resources.extend(resource);
    }
}

/// An object that is none of ours: a note, which says more if the object was probably meant to be.
fn unknown_object(cx: &mut Cx, node: &Node<'_>, mut identity: Identity) {
    let text = |name: &str| {
        let value = node.get("metadata").and_then(|metadata| metadata.get(name));
        value.and_then(Node::as_str).unwrap_or_default()
    };
    identity.namespace = cx.intern(text("namespace"));
    identity.name = text("name").into();
    let message = format!(
        "Seaway does not know {} in {}",
        identity.kind, identity.api_version
    );
    let (field, help) = kinds::hint(&identity.api_version, &identity.kind);
    let pos = node.get(field).map_or(node.pos, |value| value.pos);
    cx.begin(Default::default(), identity);
    cx.report_in(field, ProblemKind::UnknownKind, pos, message, help);
}

#[cfg(test)]
pub(crate) mod tests;

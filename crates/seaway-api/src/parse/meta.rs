//! `metadata`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::time;
use crate::decode::{At, Cx, Invalid, LabelMap, Parsed, Quoted, TextMap, at, object, syntax};
use crate::node::Node;
use crate::{Meta, ProblemKind, Spanned};

const NAME: At<Parsed<Arc<str>>> = at(Parsed("name", syntax::object_name));

object! {
    /// `metadata`, as written.
    #[derive(Clone, Debug)]
    pub(crate) struct MetaFields {
        /// Its namespace.
        namespace: Option<Spanned<Arc<str>>> = "namespace", optional, NAME;
        /// Labels.
        labels: BTreeMap<Arc<str>, Arc<str>> = "labels", default(BTreeMap::new(), "none"), LabelMap;
        /// Annotations.
        annotations: BTreeMap<Arc<str>, Spanned<Arc<str>>> = "annotations", default(BTreeMap::new(), "none"),
            TextMap("mapping of text to text", syntax::any_key, at(Quoted));
        /// When it was made.
        created: Option<i64> = "creationTimestamp", optional, Parsed("time", timestamp);
    }
    known [
        "clusterName", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers", "generateName", "generation",
        "managedFields", "name", "ownerReferences", "resourceVersion", "selfLink", "uid",
    ];
}

fn timestamp(text: &str) -> Result<i64, Invalid> {
    time::rfc3339(text).ok_or_else(|| {
        Invalid::new(
            format!("{text:?} is not a time"),
            "write it as 2026-01-31T12:00:00Z, or leave it out",
        )
    })
}

/// Reads `metadata`, and from then on names the object in every problem.
pub(super) fn read(cx: &mut Cx, node: &Node<'_>, is_namespaced: bool) -> Option<Meta> {
    let Some(metadata) = node.get("metadata") else {
        let help = "add \"metadata: {name: NAME}\"";
        let message = "\"metadata\" is missing";
        cx.report_in("metadata", ProblemKind::NotAnObject, node.pos, message, help);
        return None;
    };
    identify(cx, metadata, is_namespaced);
    cx.within("metadata", |cx| {
        let name = name(cx, metadata);
        let fields = <MetaFields as crate::decode::Decode>::decode(cx, metadata)?;
        if !is_namespaced {
            cx.ignored(
                metadata,
                "namespace",
                "on a kind that belongs to the whole cluster",
            );
        }
        Some(Meta {
            api_version: cx.object.api_version.clone(),
            kind: cx.object.kind.clone(),
            namespace: match fields.namespace {
                Some(namespace) if is_namespaced => cx.intern(&namespace),
                _ => cx.object.namespace.clone(),
            },
            name: name?,
            labels: fields.labels,
            annotations: fields.annotations,
            created: fields.created,
            file: cx.file.clone(),
            pos: node.pos,
        })
    })
}

/// Notes which object this is, as far as can be told before anything is checked.
fn identify(cx: &mut Cx, metadata: &Node<'_>, is_namespaced: bool) {
    let text = |name: &str| metadata.get(name).and_then(Node::as_str).unwrap_or_default();
    cx.object.name = text("name").into();
    let namespace = match (is_namespaced, text("namespace")) {
        (false, _) => "",
        (true, "") => "default",
        (true, namespace) => namespace,
    };
    cx.object.namespace = cx.intern(namespace);
}

fn name(cx: &mut Cx, metadata: &Node<'_>) -> Option<Spanned<Arc<str>>> {
    if metadata.get("name").is_some_and(|name| name.as_str() != Some("")) {
        return cx.required(metadata, &["name"], &NAME);
    }
    let help = match metadata.get("generateName") {
        Some(_) => "write a name; only a Kubernetes API server can make one from generateName",
        None => "add a name",
    };
    let pos = metadata
        .entry("name")
        .map_or(metadata.pos, |entry| entry.value.pos);
    cx.report_in("name", ProblemKind::NotAnObject, pos, "\"name\" is missing", help);
    None
}

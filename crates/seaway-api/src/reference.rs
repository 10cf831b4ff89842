//! The reference of Seaway's own kinds, made from the declarations that also decode them.

mod markdown;

pub use markdown::{istio_markdown, reference_markdown};

use crate::decode::{Decode as _, ObjectShape};
use crate::http_route::HttpRoute;
use crate::https_cert::{HttpsCert, IssuerFields};
use crate::istio::{DestinationRule, Gateway, ServiceEntry, VirtualService, WorkloadEntry};
use crate::parse::{ISTIO_VERSIONS, KALM, SEAWAY};

/// A kind, as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindReference {
    /// `HttpRoute`
    pub kind: &'static str,
    /// The groups and versions that it is read in.
    pub api_versions: Vec<&'static str>,
    /// `spec`, then every object in it, outer ones before inner ones.
    pub objects: Vec<ObjectReference>,
}

/// A mapping in a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectReference {
    /// `spec.destinations[]`; the same type in a second place names both.
    pub paths: Vec<String>,
    /// What it is, in sentences.
    pub doc: String,
    /// In the order of declaration.
    pub fields: Vec<FieldReference>,
    /// Fields that exist and do nothing yet, each of which is warned of.
    pub unimplemented: Vec<&'static str>,
}

/// A field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldReference {
    /// As written.
    pub name: &'static str,
    /// Other names that are read.
    pub also: &'static [&'static str],
    /// Its type in words, in Markdown.
    pub type_in_words: String,
    /// What it is when it is left out, in Markdown.
    pub default: Option<&'static str>,
    /// Whether it has to be there.
    pub is_required: bool,
    /// What it does, in sentences.
    pub doc: String,
    /// Values just outside of what it takes, as they would be written: beyond a range, or a misspelt word. For a list or
    /// a mapping those of an item.
    pub refused: Vec<String>,
}

/// The reference of Seaway's own kinds.
#[must_use]
pub fn reference() -> Vec<KindReference> {
    vec![
        kind("HttpRoute", &[SEAWAY, KALM], HttpRoute::describe()),
        kind("HttpsCert", &[SEAWAY, KALM], HttpsCert::describe()),
        kind("HttpsCertIssuer", &[SEAWAY, KALM], IssuerFields::describe()),
    ]
}

/// The reference of Istio's kinds.
#[must_use]
pub fn istio_reference() -> Vec<KindReference> {
    vec![
        kind("Gateway", &ISTIO_VERSIONS, Gateway::describe()),
        kind("VirtualService", &ISTIO_VERSIONS, VirtualService::describe()),
        kind("DestinationRule", &ISTIO_VERSIONS, DestinationRule::describe()),
        kind("ServiceEntry", &ISTIO_VERSIONS, ServiceEntry::describe()),
        kind("WorkloadEntry", &ISTIO_VERSIONS, WorkloadEntry::describe()),
    ]
}

fn kind(kind: &'static str, api_versions: &[&'static str], spec: ObjectShape) -> KindReference {
    let mut objects = Vec::new();
    collect("spec".to_owned(), spec, &mut objects);
    KindReference {
        kind,
        api_versions: api_versions.to_vec(),
        objects,
    }
}

fn collect(path: String, object: ObjectShape, objects: &mut Vec<ObjectReference>) {
    let ObjectShape {
        doc,
        fields,
        unimplemented,
    } = object;
    let names = |known: &ObjectReference| known.fields.iter().map(|f| f.name).collect::<Vec<_>>();
    let own_names: Vec<_> = fields.iter().map(|f| f.name).collect();
    if let Some(known) = objects
        .iter_mut()
        .find(|known| known.doc == doc && names(known) == own_names)
    {
        known.paths.push(path);
        return;
    }
    let mut nested = Vec::new();
    let mut read = Vec::new();
    for field in fields {
        if let Some((suffix, inner)) = field.nested {
            nested.push((format!("{path}.{}{suffix}", field.name), inner));
        }
        read.push(FieldReference {
            name: field.name,
            also: field.also,
            type_in_words: field.words,
            default: field.default,
            is_required: field.required,
            doc: field.doc,
            refused: field.refused,
        });
    }
    objects.push(ObjectReference {
        paths: vec![path],
        doc,
        fields: read,
        unimplemented: unimplemented.to_vec(),
    });
    for (path, inner) in nested {
        collect(path, inner(), objects);
    }
}

#[cfg(test)]
mod tests;

//! What all Kubernetes objects have in common.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{Pos, Spanned};

/// `metadata`, and where the object stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// `group/version` as written.
    pub api_version: Arc<str>,
    /// As written.
    pub kind: Arc<str>,
    /// Empty for a cluster-scoped kind. A namespaced kind without one is in `default`.
    pub namespace: Arc<str>,
    /// `metadata.name`
    pub name: Spanned<Arc<str>>,
    /// `metadata.labels`
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// `metadata.annotations`, each value with its place.
    pub annotations: BTreeMap<Arc<str>, Spanned<Arc<str>>>,
    /// `metadata.creationTimestamp`, in seconds since 1970; `None` when absent. Absent sorts after every time.
    pub created: Option<i64>,
    /// The file as it was named, `-` for standard input.
    pub file: Arc<str>,
    /// Where the object starts.
    pub pos: Pos,
}

/// An object of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object<T> {
    /// What all objects have.
    pub meta: Meta,
    /// What only this kind has.
    pub spec: T,
}

//! What compiling has to say: diagnostics, and the status of every object.

use std::sync::Arc;

use serde::Serialize;

use crate::{Code, Origin, Severity};

/// Everything that compiling has to say, all of it at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// By file, line and column, then code.
    pub diagnostics: Vec<Diagnostic>,
    /// The status of every object that has one, by kind, namespace and name.
    pub statuses: Vec<ObjectStatus>,
}

impl Report {
    /// Whether anything is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity() == Severity::Error)
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Diagnostic {
    /// The object, field and place. For a file that cannot be read, only the position is set.
    pub origin: Origin,
    /// What it is about.
    pub code: Code,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl Diagnostic {
    /// From the table.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.code.info().severity
    }
}

/// An object, without a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// `group/version`
    pub api_version: Arc<str>,
    /// Kind.
    pub kind: Arc<str>,
    /// Empty for a cluster-scoped object.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

impl From<&Origin> for ObjectRef {
    fn from(origin: &Origin) -> Self {
        Self {
            api_version: origin.api_version.clone(),
            kind: origin.kind.clone(),
            namespace: origin.namespace.clone(),
            name: origin.name.clone(),
        }
    }
}

/// The status of an object, as Kubernetes keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ObjectStatus {
    /// Which.
    pub object: ObjectRef,
    /// By type. Shared: what nothing is wrong with says the same as all others of its kind.
    pub conditions: Arc<[Condition]>,
}

/// A Kubernetes condition, without its times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// `Accepted`, `ResolvedRefs`, `Programmed`, `Ready`
    #[serde(rename = "type")]
    pub kind: Arc<str>,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// One word.
    pub reason: Arc<str>,
    /// For a person.
    pub message: String,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ConditionStatus {
    /// It does.
    True,
    /// It does not.
    False,
    /// Not known yet.
    Unknown,
}

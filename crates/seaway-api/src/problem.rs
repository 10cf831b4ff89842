//! What can be wrong with one object, or with a file.

use std::sync::Arc;

use crate::Pos;

/// Something wrong with a file or an object. `seaway-compile` turns it into a diagnostic with a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Of which kind.
    pub kind: ProblemKind,
    /// `apiVersion`, empty if unknown.
    pub api_version: Arc<str>,
    /// `kind`, empty if unknown.
    pub object_kind: Arc<str>,
    /// Namespace, empty if unknown or cluster-scoped.
    pub namespace: Arc<str>,
    /// Name, empty if unknown.
    pub name: Arc<str>,
    /// `spec.destinations[0].host`; empty for the object or the file.
    pub field: String,
    /// The file.
    pub file: Arc<str>,
    /// The place in it.
    pub pos: Pos,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// What becomes of the part of the object that it is in.
    pub fate: Fate,
}

/// What becomes of the part of an object that a problem is in, until it is mended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fate {
    /// The same as of the object: it has no part that stands for itself, or the problem is only worth a warning.
    #[default]
    OfTheObject,
    /// It is left out, such as one server of several.
    LeftOut,
    /// It is there already, and the first of the two holds.
    Twin,
    /// A rule that takes what it was meant to take, and fails it.
    Fails,
    /// A match of a rule that takes nothing; what the rule's other matches take fails.
    MatchTakesNothing,
    /// A rule that takes nothing: which traffic it was meant for is not known.
    RuleTakesNothing,
}

impl Problem {
    /// Whether the whole object is left out for it.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.kind.is_fatal() && !self.is_contained()
    }

    /// Whether only a part of the object is left out for it, such as one rule of several: the object itself is there.
    #[must_use]
    pub fn is_contained(&self) -> bool {
        self.fate != Fate::OfTheObject
    }
}

/// Kinds of problems; each is one diagnostic code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// Not YAML or JSON.
    Syntax,
    /// The file cannot be read.
    Unreadable,
    /// No apiVersion, kind or metadata.name.
    NotAnObject,
    /// A kind that is not ours. Information.
    UnknownKind,
    /// A field that does not exist. A warning: the object is still used.
    UnknownField,
    /// A key twice in one mapping.
    DuplicateKey,
    /// The wrong type.
    WrongType,
    /// A required field is missing.
    MissingField,
    /// A value that is not allowed.
    InvalidValue,
    /// A text that is no regular expression.
    InvalidRegex,
    /// Fields that exclude each other.
    ConflictingFields,
    /// A field without effect. A warning: the object is still used.
    IgnoredField,
}

impl ProblemKind {
    /// Whether what has this problem is left out: the object, or the part of it that stands for itself.
    #[must_use]
    pub fn is_fatal(self) -> bool {
        !matches!(self, Self::UnknownKind | Self::UnknownField | Self::IgnoredField)
    }
}

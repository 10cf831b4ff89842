//! How findings are collected while compiling.
//!
//! Findings are never a reason to stop: everything that is wrong with every object is reported at once. Whether an object
//! is left out follows from the table of codes, so that the report and the model cannot disagree.

use seaway_api::{Meta, Pos};
use seaway_model::{Code, Diagnostic, Origin, Position, Severity};

/// Everything found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Diagnostic>);

impl Findings {
    /// Adds one.
    pub(crate) fn report(
        &mut self,
        code: Code,
        origin: Origin,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.0.push(Diagnostic {
            origin,
            code,
            message: message.into(),
            help: help.into(),
        });
    }

    /// Adds all of another collection but those of a code. Whether there were any of that.
    pub(crate) fn take_without(&mut self, code: Code, others: Self) -> bool {
        let (left_out, kept): (Vec<_>, Vec<_>) = others.0.into_iter().partition(|one| one.code == code);
        self.0.extend(kept);
        !left_out.is_empty()
    }

    /// By file, line and column, then code, then the rest; each once.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.0.sort_by(|a, b| {
            (&a.origin.position, a.code)
                .cmp(&(&b.origin.position, b.code))
                .then_with(|| a.cmp(b))
        });
        self.0.dedup();
        self.0
    }
}

/// Collects what is found about one object.
pub(crate) struct Reporter<'a> {
    /// The object.
    pub(crate) origin: &'a Origin,
    /// Where findings go.
    pub(crate) findings: &'a mut Findings,
    left_out: bool,
}

impl<'a> Reporter<'a> {
    /// For one object.
    pub(crate) fn new(origin: &'a Origin, findings: &'a mut Findings) -> Self {
        Self {
            origin,
            findings,
            left_out: false,
        }
    }

    /// Adds a finding about a field of the object.
    pub(crate) fn report(
        &mut self,
        code: Code,
        field: &str,
        pos: Pos,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.left_out |= rejects(code);
        self.findings
            .report(code, place(self.origin, field, pos), message, help);
    }

    /// Whether something was found for which the whole object is left out.
    pub(crate) fn left_out(&self) -> bool {
        self.left_out
    }
}

/// Whether an object with this finding is not accepted.
fn rejects(code: Code) -> bool {
    let info = code.info();
    info.severity == Severity::Error && matches!(info.condition, Some(("Accepted", _)))
}

/// The origin of an object as a whole.
pub(crate) fn origin_of(meta: &Meta) -> Origin {
    let known = !meta.file.is_empty() || meta.pos != Pos::default();
    Origin {
        api_version: meta.api_version.clone(),
        kind: meta.kind.clone(),
        namespace: meta.namespace.clone(),
        name: meta.name.value.clone(),
        field: Default::default(),
        position: known.then(|| Position {
            file: meta.file.clone(),
            line: meta.pos.line,
            column: meta.pos.column,
        }),
    }
}

/// A field of an object. A field that nobody wrote stands where the object stands.
pub(crate) fn place(object: &Origin, field: &str, pos: Pos) -> Origin {
    let position = match &object.position {
        Some(start) if pos != Pos::default() => Some(Position {
            file: start.file.clone(),
            line: pos.line,
            column: pos.column,
        }),
        other => other.clone(),
    };
    Origin {
        field: field.into(),
        position,
        ..object.clone()
    }
}

/// ` (shop.yaml:3:1)` after the name of an object, or nothing where the place is not known.
pub(crate) fn whereabouts(origin: &Origin) -> String {
    origin
        .position
        .as_ref()
        .map(|position| format!(" ({position})"))
        .unwrap_or_default()
}

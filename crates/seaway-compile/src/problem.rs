//! What was wrong with files and single objects, as diagnostics.
//!
//! `seaway-api` depends on no other crate of ours and so knows no codes; this table gives it them.

use seaway_api::{Pos, Problem, ProblemKind};
use seaway_model::{Code, Origin, Position};

use crate::findings::Findings;

/// Reports every problem.
pub(crate) fn report(problems: &[Problem], findings: &mut Findings) {
    for problem in problems {
        findings.report(
            code(problem.kind),
            origin(problem),
            problem.message.clone(),
            help(problem),
        );
    }
}

/// What to do, and for a part of an object what becomes of it until then.
fn help(problem: &Problem) -> String {
    if !problem.is_contained {
        return problem.help.clone();
    }
    let begins = |field: &str| problem.field.starts_with(field);
    let until_then = if begins("spec.servers") {
        "this server is left out, and the others serve"
    } else if begins("spec.tls") || begins("spec.tcp") {
        "connections that this rule takes are closed, and the others serve"
    } else {
        "this rule answers 500, and the others serve"
    };
    format!("{}; until then {until_then}", problem.help)
}

/// The code of a kind of problem.
fn code(kind: ProblemKind) -> Code {
    match kind {
        ProblemKind::Syntax => Code::Syntax,
        ProblemKind::Unreadable => Code::Unreadable,
        ProblemKind::NotAnObject => Code::NotAnObject,
        ProblemKind::UnknownKind => Code::UnknownKind,
        ProblemKind::UnknownField => Code::UnknownField,
        ProblemKind::DuplicateKey => Code::DuplicateKey,
        ProblemKind::WrongType => Code::WrongType,
        ProblemKind::MissingField => Code::MissingField,
        ProblemKind::InvalidValue => Code::InvalidValue,
        ProblemKind::InvalidRegex => Code::InvalidRegex,
        ProblemKind::ConflictingFields => Code::ConflictingFields,
        ProblemKind::IgnoredField => Code::IgnoredField,
    }
}

/// The object, field and place of a problem.
pub(crate) fn origin(problem: &Problem) -> Origin {
    let known = !problem.file.is_empty() || problem.pos != Pos::default();
    Origin {
        api_version: problem.api_version.clone(),
        kind: problem.object_kind.clone(),
        namespace: problem.namespace.clone(),
        name: problem.name.clone(),
        field: problem.field.as_str().into(),
        position: known.then(|| Position {
            file: problem.file.clone(),
            line: problem.pos.line,
            column: problem.pos.column,
        }),
    }
}

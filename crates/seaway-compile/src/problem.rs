//! What was wrong with files and single objects, as diagnostics.
//!
//! `seaway-api` depends on no other crate of ours and so knows no codes; this table gives it them.

use seaway_api::{Fate, Pos, Problem, ProblemKind};
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

/// What to do, and for a part of an object what becomes of it until then: what is said here is what happens.
fn help(problem: &Problem) -> String {
    match until_then(problem.fate, &problem.field) {
        Some(until_then) => format!("{}; until then {until_then}", problem.help),
        None => problem.help.clone(),
    }
}

/// What becomes of a part of an object, in words.
fn until_then(fate: Fate, field: &str) -> Option<&'static str> {
    let connections = field.starts_with("spec.tls") || field.starts_with("spec.tcp");
    Some(match (fate, connections) {
        (Fate::OfTheObject, _) => return None,
        (Fate::LeftOut, _) if field.starts_with("spec.servers") => {
            "this server is left out, and the others serve"
        }
        (Fate::LeftOut, _) => "this subset is left out, and the others hold",
        (Fate::Twin, _) => "the first of the two holds, and so does the rest of the object",
        (Fate::Fails, false) => "this rule answers 500, and the others serve",
        (Fate::Fails, true) => "connections that this rule takes are closed, and the others serve",
        (Fate::MatchTakesNothing, false) => {
            "this match takes no requests; those of the rule's other matches are answered 500, and the other rules serve"
        }
        (Fate::MatchTakesNothing, true) => {
            "this match takes no connections; those of the rule's other matches are closed, and the other rules serve"
        }
        (Fate::RuleTakesNothing, false) => {
            "this rule takes no requests, since nothing tells which it is for, and the others serve"
        }
        (Fate::RuleTakesNothing, true) => {
            "this rule takes no connections, since nothing tells which it is for, and the others serve"
        }
    })
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

//! The status of every object, read off the diagnostics by the table of codes.
//!
//! Nothing is decided twice: a condition is false because a diagnostic says so. An Ingress of another controller gets no
//! status, since it is not ours to touch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use seaway_api::Problem;
use seaway_model::{
    Code, Condition, ConditionStatus, Diagnostic, IssuerKind, Material, Model, ObjectRef, ObjectStatus,
    Origin, Severity,
};

use crate::objects::group;
use crate::problem;

/// The kinds that have a status, and their conditions.
fn conditions_of(object: &ObjectRef) -> &'static [&'static str] {
    match (group(&object.api_version), &*object.kind) {
        ("seaway.dev" | "core.kalm.dev", "HttpRoute") => &["Accepted", "Programmed", "ResolvedRefs"],
        ("seaway.dev" | "core.kalm.dev", "HttpsCert") => &["Ready"],
        ("networking.k8s.io", "Ingress") => &["Accepted", "ResolvedRefs"],
        ("networking.istio.io", "Gateway" | "VirtualService") => &["Accepted", "Programmed", "ResolvedRefs"],
        ("networking.istio.io", "DestinationRule" | "ServiceEntry" | "WorkloadEntry") => {
            &["Accepted", "ResolvedRefs"]
        }
        _ => &[],
    }
}

/// The statuses of these objects, and of those that could not even be read.
pub(crate) fn statuses(
    objects: impl Iterator<Item = Origin>,
    problems: &[Problem],
    diagnostics: &[Diagnostic],
    model: &Model,
) -> Vec<ObjectStatus> {
    let unread = problems
        .iter()
        .filter(|problem| problem.is_fatal() && !problem.name.is_empty())
        .map(problem::origin);
    let known: BTreeSet<ObjectRef> = objects.chain(unread).map(|origin| (&origin).into()).collect();
    let findings = by_object(diagnostics);
    let awaited: BTreeMap<ObjectRef, &IssuerKind> = model
        .secrets
        .values()
        .filter_map(|secret| match &secret.material {
            Material::Awaited { issuer, .. } => Some(((&secret.origin).into(), issuer)),
            _ => None,
        })
        .collect();
    let mut words = Words::default();
    let mut statuses: Vec<ObjectStatus> = known
        .into_iter()
        .filter(|object| !conditions_of(object).is_empty())
        .map(|object| {
            let errors = findings.get(&object).map_or(&[][..], Vec::as_slice);
            ObjectStatus {
                conditions: conditions(&object, errors, awaited.get(&object).copied(), &mut words),
                object,
            }
        })
        .collect();
    statuses.sort_by(|a, b| sort_key(&a.object).cmp(&sort_key(&b.object)));
    statuses
}

fn sort_key(object: &ObjectRef) -> (&str, &str, &str, &str) {
    (&object.kind, &object.namespace, &object.name, &object.api_version)
}

/// What may turn a condition to false. A second object of the same name says nothing about the one that is used.
fn by_object(diagnostics: &[Diagnostic]) -> BTreeMap<ObjectRef, Vec<&Diagnostic>> {
    let mut findings: BTreeMap<ObjectRef, Vec<&Diagnostic>> = BTreeMap::new();
    for diagnostic in diagnostics {
        let info = diagnostic.code.info();
        if info.condition.is_some() && diagnostic.code != Code::DuplicateObject {
            findings
                .entry((&diagnostic.origin).into())
                .or_default()
                .push(diagnostic);
        }
    }
    findings
}

fn conditions(
    object: &ObjectRef,
    errors: &[&Diagnostic],
    awaited: Option<&IssuerKind>,
    words: &mut Words,
) -> Arc<[Condition]> {
    let kinds = conditions_of(object);
    let is_fine = errors.is_empty() && awaited.is_none();
    if let Some(known) = words.fine.get(kinds).filter(|_| is_fine) {
        return Arc::clone(known);
    }
    let conditions: Arc<[Condition]> = kinds
        .iter()
        .map(|kind| match *kind {
            "Ready" => ready(errors, awaited, words),
            "Programmed" => follow("Programmed", failing(errors, "Accepted"), words),
            kind => follow(kind, failing(errors, kind), words),
        })
        .collect();
    if is_fine {
        words.fine.insert(kinds, Arc::clone(&conditions));
    }
    conditions
}

/// The first diagnostic that turns this condition to false, and its reason.
fn failing<'a>(errors: &[&'a Diagnostic], kind: &str) -> Option<(&'a Diagnostic, &'static str)> {
    errors.iter().find_map(|diagnostic| {
        let (condition, reason) = diagnostic.code.info().condition?;
        (condition == kind).then_some((*diagnostic, reason))
    })
}

fn follow(kind: &'static str, failing: Option<(&Diagnostic, &'static str)>, words: &mut Words) -> Condition {
    match failing {
        Some((diagnostic, reason)) => {
            words.condition(kind, ConditionStatus::False, reason, &diagnostic.message)
        }
        None => words.condition(kind, ConditionStatus::True, kind, ""),
    }
}

/// A certificate is ready when nothing is wrong with it; one that an issuer has still to make may become so.
fn ready(errors: &[&Diagnostic], awaited: Option<&IssuerKind>, words: &mut Words) -> Condition {
    let wrong = errors
        .iter()
        .find(|diagnostic| diagnostic.severity() == Severity::Error)
        .and_then(|diagnostic| Some((diagnostic, diagnostic.code.info().condition?.1)));
    match wrong {
        Some((diagnostic, reason)) => {
            words.condition("Ready", ConditionStatus::False, reason, &diagnostic.message)
        }
        None => ready_unless_awaited(awaited, words),
    }
}

fn ready_unless_awaited(awaited: Option<&IssuerKind>, words: &mut Words) -> Condition {
    let message = match awaited {
        Some(IssuerKind::TestCa) => "the test CA makes the certificate when the gateway runs".to_owned(),
        Some(IssuerKind::Acme(issuer)) => format!(
            "the issuer \"{}\" is asked for the certificate when the gateway runs",
            issuer.name
        ),
        None => return words.condition("Ready", ConditionStatus::True, "Ready", ""),
    };
    words.condition("Ready", ConditionStatus::Unknown, "Issuing", &message)
}

/// Every condition and every reason is one of a few words, so ten thousand objects share them; and those with which nothing
/// is wrong share all that is said of them.
#[derive(Default)]
struct Words {
    words: BTreeMap<&'static str, Arc<str>>,
    /// By what conditions there are.
    fine: BTreeMap<&'static [&'static str], Arc<[Condition]>>,
}

impl Words {
    fn word(&mut self, text: &'static str) -> Arc<str> {
        self.words.entry(text).or_insert_with(|| text.into()).clone()
    }

    fn condition(
        &mut self,
        kind: &'static str,
        status: ConditionStatus,
        reason: &'static str,
        message: &str,
    ) -> Condition {
        Condition {
            kind: self.word(kind),
            status,
            reason: self.word(reason),
            message: message.to_owned(),
        }
    }
}

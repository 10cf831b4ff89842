//! Whose an Ingress is.
//!
//! An Ingress that names a class is Seaway's when that IngressClass names Seaway's controller. The class `seaway` needs no
//! IngressClass, so that one file is enough to start with. An Ingress without a class is Seaway's when the default class
//! is, or when there is no default class and no IngressClass belongs to anybody else: then nobody else can have meant to
//! serve it. The old annotation counts like `spec.ingressClassName`, which wins where both are written.

use std::collections::HashMap;

use seaway_api::ingress::{Ingress, IngressClass};
use seaway_api::{Object, Pos};
use seaway_model::Code;

use crate::findings::{Findings, origin_of, place, whereabouts};

/// What an IngressClass says when it is Seaway's.
const CONTROLLER: &str = "seaway.dev/ingress-controller";
/// Any controller of this domain is Seaway's: a class for the gateway of one team may say so in its name.
const DOMAIN: &str = "seaway.dev/";
/// The class that needs no object.
const OWN_CLASS: &str = "seaway";
const LEGACY_ANNOTATION: &str = "kubernetes.io/ingress.class";
const DEFAULT_ANNOTATION: &str = "ingressclass.kubernetes.io/is-default-class";

/// All classes.
pub(crate) struct Classes<'a> {
    by_name: HashMap<&'a str, &'a Object<IngressClass>>,
    defaults: Vec<&'a Object<IngressClass>>,
    foreign: Option<&'a Object<IngressClass>>,
}

impl<'a> Classes<'a> {
    /// Reports when two are the default.
    pub(crate) fn new(classes: &[&'a Object<IngressClass>], findings: &mut Findings) -> Self {
        let defaults: Vec<_> = classes
            .iter()
            .copied()
            .filter(|class| is_default(class))
            .collect();
        if let [first, others @ ..] = defaults.as_slice() {
            for other in others {
                report_two_defaults(first, other, findings);
            }
        }
        Self {
            by_name: classes.iter().map(|class| (&**class.meta.name, *class)).collect(),
            foreign: classes.iter().copied().find(|class| !is_ours(class)),
            defaults,
        }
    }

    /// Whether Seaway serves this Ingress; otherwise says why not.
    pub(crate) fn serves(&self, ingress: &Object<Ingress>, findings: &mut Findings) -> bool {
        match named_class(ingress) {
            Some(named) => self.serves_named(ingress, &named, findings),
            None => self.serves_unnamed(ingress, findings),
        }
    }

    fn serves_named(&self, ingress: &Object<Ingress>, named: &Named<'_>, findings: &mut Findings) -> bool {
        let Named { name, field, pos } = named;
        let origin = || place(&origin_of(&ingress.meta), field, *pos);
        match self.by_name.get(name) {
            Some(class) if is_ours(class) => true,
            Some(class) => {
                findings.report(
                    Code::ForeignClass,
                    origin(),
                    format!(
                        "class \"{name}\" belongs to the controller \"{}\"",
                        class.spec.controller.value
                    ),
                    format!(
                        "nothing, unless Seaway should serve it: then write \"ingressClassName: {OWN_CLASS}\""
                    ),
                );
                false
            }
            None if *name == OWN_CLASS => true,
            None => {
                findings.report(
                    Code::ClassNotFound,
                    origin(),
                    format!("there is no IngressClass \"{name}\", so this Ingress is not served"),
                    format!(
                        "write \"ingressClassName: {OWN_CLASS}\", or add an IngressClass \"{name}\" with \
                         \"spec.controller: {CONTROLLER}\""
                    ),
                );
                false
            }
        }
    }

    fn serves_unnamed(&self, ingress: &Object<Ingress>, findings: &mut Findings) -> bool {
        let origin = origin_of(&ingress.meta);
        let help = format!("write \"spec.ingressClassName: {OWN_CLASS}\" if Seaway should serve it");
        match (self.defaults.as_slice(), self.foreign.as_ref()) {
            ([], None) => true,
            ([only], _) if is_ours(only) => true,
            ([other], _) | ([], Some(other)) => {
                let why = if self.defaults.is_empty() {
                    "a"
                } else {
                    "the default"
                };
                let message = format!(
                    "it names no class, and {why} class, \"{}\", belongs to the controller \"{}\"",
                    other.meta.name.value, other.spec.controller.value
                );
                findings.report(Code::ForeignClass, origin, message, help);
                false
            }
            ([_, _, ..], _) => {
                let message = "it names no class, and several IngressClasses are the default";
                findings.report(Code::TwoDefaultClasses, origin, message, help);
                false
            }
        }
    }
}

/// A class as an Ingress names it.
struct Named<'a> {
    name: &'a str,
    field: String,
    pos: Pos,
}

fn named_class(ingress: &Object<Ingress>) -> Option<Named<'_>> {
    if let Some(class) = &ingress.spec.ingress_class_name {
        return Some(Named {
            name: class,
            field: "spec.ingressClassName".to_owned(),
            pos: class.pos,
        });
    }
    let class = ingress.meta.annotations.get(LEGACY_ANNOTATION)?;
    Some(Named {
        name: class,
        field: format!("metadata.annotations[\"{LEGACY_ANNOTATION}\"]"),
        pos: class.pos,
    })
}

fn is_ours(class: &Object<IngressClass>) -> bool {
    class.spec.controller.value.starts_with(DOMAIN)
}

fn is_default(class: &Object<IngressClass>) -> bool {
    let annotation = class.meta.annotations.get(DEFAULT_ANNOTATION);
    annotation.is_some_and(|value| *value.value == *"true")
}

fn report_two_defaults(first: &Object<IngressClass>, other: &Object<IngressClass>, findings: &mut Findings) {
    let origin = origin_of(&other.meta);
    let first = origin_of(&first.meta);
    let message = format!("{origin} and {first}{} are both the default", whereabouts(&first));
    findings.report(
        Code::TwoDefaultClasses,
        origin,
        message,
        format!("keep the annotation {DEFAULT_ANNOTATION} on one of them"),
    );
}

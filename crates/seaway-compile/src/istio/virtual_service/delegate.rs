//! Rules that another VirtualService decides.
//!
//! As Istio merges them: a rule of the delegate must ask for no less than the rule that delegates to it, and what it does
//! not say it takes from there. One that reaches beyond is left out, and its neighbours stay. Only one level: a delegate
//! has no hosts, and does not delegate.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use seaway_api::istio::{Delegate, GatewayName, HttpMatch, HttpRule, Rule, StringMatch, VirtualService};
use seaway_api::{Object, Pos, Spanned};
use seaway_model::{Code, Origin};

use super::visible;
use crate::findings::{Findings, origin_of, place, whereabouts};
use crate::istio::gateway::GatewayKey;

/// A rule as it is written, or as two of them come to.
pub(super) struct Written<'v> {
    /// The object it is written in.
    pub(super) origin: Origin,
    /// Its index there.
    pub(super) index: usize,
    /// Where.
    pub(super) pos: Pos,
    /// What it takes, any of these; empty for every request. `None`: nothing that could be read.
    pub(super) matches: Option<Vec<Spanned<HttpMatch>>>,
    /// What it does, or why it answers 500.
    pub(super) action: Result<Cow<'v, HttpRule>, Arc<str>>,
}

/// VirtualServices by name, as others name them.
pub(super) struct Delegates<'v> {
    by_name: HashMap<GatewayKey, &'v Object<VirtualService>>,
    used: BTreeSet<GatewayKey>,
}

impl<'v> Delegates<'v> {
    pub(super) fn new(objects: &[&'v Object<VirtualService>]) -> Self {
        let key =
            |object: &Object<VirtualService>| (object.meta.namespace.clone(), object.meta.name.value.clone());
        Self {
            by_name: objects.iter().map(|object| (key(object), *object)).collect(),
            used: BTreeSet::new(),
        }
    }

    /// The rules of a VirtualService, delegated ones in the place of those that delegate.
    pub(super) fn rules(
        &mut self,
        object: &'v Object<VirtualService>,
        findings: &mut Findings,
    ) -> Vec<Written<'v>> {
        let mut rules = Vec::new();
        for own in written(object) {
            let delegate = match &own.action {
                Ok(rule) => rule.delegate.clone(),
                Err(_) => None,
            };
            match delegate {
                Some(delegate) => rules.extend(self.delegated(&own, &delegate, object, findings)),
                None => rules.push(own),
            }
        }
        rules
    }

    fn delegated(
        &mut self,
        root: &Written<'v>,
        delegate: &Spanned<Delegate>,
        object: &Object<VirtualService>,
        findings: &mut Findings,
    ) -> Vec<Written<'v>> {
        let namespace = delegate
            .namespace
            .as_ref()
            .map_or(&object.meta.namespace, |name| &name.value);
        let key = (namespace.clone(), delegate.name.value.clone());
        let field = format!("spec.http[{}].delegate", root.index);
        let origin = place(&root.origin, &field, delegate.pos);
        let target = match self.by_name.get(&key) {
            Some(target) if !target.spec.is_delegate() => Err((
                format!(
                    "VirtualService {}/{} has hosts, so nothing can be delegated to it",
                    key.0, key.1
                ),
                "remove its hosts and gateways, or name another",
            )),
            Some(target) if !visible::to(&target.spec, &target.meta.namespace, &object.meta.namespace) => {
                Err((
                    format!(
                        "VirtualService {}/{} is not exported to the namespace \"{}\"",
                        key.0, key.1, object.meta.namespace
                    ),
                    "add this namespace to its exportTo",
                ))
            }
            Some(target) => Ok(*target),
            None => Err((
                format!("there is no VirtualService {}/{}", key.0, key.1),
                "create it, without hosts, or correct its name or namespace",
            )),
        };
        match target {
            Ok(target) => {
                self.used.insert(key);
                merge(root, target, &origin, findings)
            }
            Err((message, help)) => {
                findings.report(Code::BadDelegate, origin.clone(), message.clone(), help);
                vec![Written {
                    origin: root.origin.clone(),
                    index: root.index,
                    pos: root.pos,
                    matches: root.matches.clone(),
                    action: Err(message.into()),
                }]
            }
        }
    }

    /// Warns of those without hosts that nobody delegates to.
    pub(super) fn report_unused(&self, findings: &mut Findings) {
        let sorted: BTreeMap<_, _> = self.by_name.iter().collect();
        for (key, object) in sorted {
            if object.spec.is_delegate() && !self.used.contains(key) {
                findings.report(
                    Code::NotServed,
                    origin_of(&object.meta),
                    "this VirtualService has no hosts, and no other delegates to it",
                    "add hosts, or a rule with \"delegate: {name: ...}\" in the VirtualService that has them",
                );
            }
        }
    }
}

/// The rules of one object, with every Gateway named in full.
fn written(object: &Object<VirtualService>) -> Vec<Written<'_>> {
    let origin = origin_of(&object.meta);
    let named = |matches: &[Spanned<HttpMatch>]| {
        matches
            .iter()
            .map(|one| in_full(one, &object.meta.namespace))
            .collect()
    };
    let all = object.spec.http.iter().enumerate();
    all.map(|(index, rule)| {
        let (matches, action) = match &rule.value {
            Rule::Valid(rule) => (Some(named(&rule.matches)), Ok(Cow::Borrowed(&**rule))),
            Rule::Invalid(rule) => (rule.matches.as_deref().map(named), Err(rule.reason.clone())),
        };
        Written {
            origin: origin.clone(),
            index,
            pos: rule.pos,
            matches,
            action,
        }
    })
    .collect()
}

fn in_full(one: &Spanned<HttpMatch>, namespace: &Arc<str>) -> Spanned<HttpMatch> {
    let mut one = one.clone();
    for gateway in &mut one.value.gateways {
        if let GatewayName::Named { namespace: own, .. } = &mut gateway.value {
            own.get_or_insert_with(|| namespace.clone());
        }
    }
    one
}

/// The rules of a delegate, each narrowed to what the root takes.
fn merge<'v>(
    root: &Written<'v>,
    target: &'v Object<VirtualService>,
    delegating: &Origin,
    findings: &mut Findings,
) -> Vec<Written<'v>> {
    let mut rules = Vec::new();
    for leaf in written(target) {
        let field = format!("spec.http[{}]", leaf.index);
        let at = || place(&leaf.origin, &field, leaf.pos);
        let action = match (leaf.action, &root.action) {
            (Ok(rule), _) if rule.delegate.is_some() => {
                findings.report(
                    Code::BadDelegate,
                    place(&leaf.origin, &format!("{field}.delegate"), leaf.pos),
                    "a delegate cannot delegate again",
                    "write its rules here, or let the first VirtualService delegate to the last",
                );
                Err("a delegate cannot delegate again".into())
            }
            (Ok(rule), Ok(above)) => Ok(Cow::Owned(inherit(&rule, above))),
            (action, _) => action,
        };
        match matches(root.matches.as_deref(), leaf.matches.as_deref()) {
            Some(matches) => rules.push(Written {
                matches,
                action,
                ..leaf
            }),
            None => findings.report(
                Code::BadDelegate,
                at(),
                format!(
                    "this rule asks for what {}{} does not delegate, so it is left out there",
                    delegating,
                    whereabouts(delegating)
                ),
                "let each of its matches lie inside one of those of the rule that delegates: a longer path with the same \
                 prefix, the same or more conditions",
            ),
        }
    }
    rules
}

/// What the rule of the delegate does not say, it takes from the root's.
fn inherit(leaf: &HttpRule, root: &HttpRule) -> HttpRule {
    let mut rule = leaf.clone();
    let forwards = !rule.route.is_empty();
    if forwards {
        rule.rewrite = rule.rewrite.or_else(|| root.rewrite.clone());
        rule.timeout = rule.timeout.or_else(|| root.timeout.clone());
        rule.retries = rule.retries.or_else(|| root.retries.clone());
        rule.fault = rule.fault.or_else(|| root.fault.clone());
        if rule.mirror.is_none() && rule.mirrors.is_empty() {
            rule.mirror.clone_from(&root.mirror);
            rule.mirrors.clone_from(&root.mirrors);
            rule.mirror_percentage.clone_from(&root.mirror_percentage);
            rule.mirror_percent.clone_from(&root.mirror_percent);
        }
    }
    rule.cors_policy = rule.cors_policy.or_else(|| root.cors_policy.clone());
    rule.headers = rule.headers.or_else(|| root.headers.clone());
    rule
}

/// `None`: a match of the leaf lies in none of the root's. The inner `None`: nothing that could be read.
#[expect(
    clippy::option_option,
    reason = "two ways of nothing, of which one is a mistake to report"
)]
fn matches(
    root: Option<&[Spanned<HttpMatch>]>,
    leaf: Option<&[Spanned<HttpMatch>]>,
) -> Option<Option<Vec<Spanned<HttpMatch>>>> {
    let (Some(root), Some(leaf)) = (root, leaf) else {
        return Some(None);
    };
    if root.is_empty() {
        return Some(Some(leaf.to_vec()));
    }
    if leaf.is_empty() {
        return Some(Some(root.to_vec()));
    }
    let mut merged = Vec::new();
    for narrow in leaf {
        let before = merged.len();
        let inside = root.iter().filter(|wide| !conflict(wide, narrow));
        merged.extend(inside.map(|wide| Spanned::new(both(wide, narrow), narrow.pos)));
        if merged.len() == before {
            return None;
        }
    }
    Some(Some(merged))
}

/// A match that holds where both do, given that the second lies in the first.
fn both(root: &HttpMatch, leaf: &HttpMatch) -> HttpMatch {
    fn union<V: Clone>(root: &BTreeMap<Arc<str>, V>, leaf: &BTreeMap<Arc<str>, V>) -> BTreeMap<Arc<str>, V> {
        let mut all = root.clone();
        all.extend(leaf.iter().map(|(key, value)| (key.clone(), value.clone())));
        all
    }
    let mut both = leaf.clone();
    both.uri = both.uri.or_else(|| root.uri.clone());
    both.scheme = both.scheme.or_else(|| root.scheme.clone());
    both.method = both.method.or_else(|| root.method.clone());
    both.authority = both.authority.or_else(|| root.authority.clone());
    both.headers = union(&root.headers, &leaf.headers);
    both.without_headers = union(&root.without_headers, &leaf.without_headers);
    both.query_params = union(&root.query_params, &leaf.query_params);
    both.port = both.port.or_else(|| root.port.clone());
    both.source_labels = union(&root.source_labels, &leaf.source_labels);
    both.source_namespace = both.source_namespace.or_else(|| root.source_namespace.clone());
    if both.gateways.is_empty() {
        both.gateways.clone_from(&root.gateways);
    }
    both
}

/// Whether the leaf may take what the root does not.
fn conflict(root: &HttpMatch, leaf: &HttpMatch) -> bool {
    fn maps(
        root: &BTreeMap<Arc<str>, Spanned<StringMatch>>,
        leaf: &BTreeMap<Arc<str>, Spanned<StringMatch>>,
    ) -> bool {
        leaf.iter().any(|(key, leaf)| texts(root.get(key), Some(leaf)))
    }
    let gateways = |wide: &HttpMatch, narrow: &HttpMatch| {
        !wide.gateways.is_empty()
            && (narrow.gateways.iter()).any(|own| !wide.gateways.iter().any(|other| other.value == own.value))
    };
    texts(root.uri.as_ref(), leaf.uri.as_ref())
        || texts(root.scheme.as_ref(), leaf.scheme.as_ref())
        || texts(root.method.as_ref(), leaf.method.as_ref())
        || texts(root.authority.as_ref(), leaf.authority.as_ref())
        || maps(&root.headers, &leaf.headers)
        || maps(&root.without_headers, &leaf.without_headers)
        || maps(&root.query_params, &leaf.query_params)
        || root.ignore_uri_case.value != leaf.ignore_uri_case.value
        || matches!((&root.port, &leaf.port), (Some(root), Some(leaf)) if root.value != leaf.value)
        || matches!(
            (&root.source_namespace, &leaf.source_namespace),
            (Some(root), leaf) if leaf.as_ref().is_none_or(|leaf| leaf.value != root.value)
        )
        || leaf
            .source_labels
            .iter()
            .any(|(key, value)| root.source_labels.get(key).is_some_and(|other| other != value))
        || gateways(root, leaf)
}

/// Expressions are not compared with anything: that one lies in another cannot be told.
fn texts(root: Option<&Spanned<StringMatch>>, leaf: Option<&Spanned<StringMatch>>) -> bool {
    let (Some(root), Some(leaf)) = (root, leaf) else {
        return false;
    };
    match (&root.value, &leaf.value) {
        (StringMatch::Present, _) => false,
        (StringMatch::Exact(root), StringMatch::Exact(leaf)) => root != leaf,
        (StringMatch::Prefix(root), StringMatch::Prefix(leaf) | StringMatch::Exact(leaf)) => {
            !leaf.starts_with(&**root)
        }
        _ => true,
    }
}

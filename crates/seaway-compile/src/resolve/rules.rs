//! DestinationRules: which one holds for a host, seen from a namespace.
//!
//! Istio's order: the namespace that refers, then that of the service, then the root namespace; in each the exact host
//! before the longest wildcard. Several rules of one namespace for one host are put together: the oldest keeps its
//! policy, and the subsets of the others are added.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use seaway_api::Object;
use seaway_api::istio::{DestinationRule, Visibility};
use seaway_model::{Code, Origin};

use super::ROOT_NAMESPACE;
use super::locality::Here;
use super::names::Names;
use super::policy::PortedPolicy;
use crate::Options;
use crate::credential::Credentials;
use crate::findings::{Findings, Reporter, origin_of, place, whereabouts};
use crate::istio::destination_rule::{self, Translator};
use crate::objects::Objects;
use crate::order::ObjectRank;

/// A rule, or several that were put together.
#[derive(Debug)]
pub(crate) struct Rule {
    /// The oldest.
    pub(crate) origin: Origin,
    pub(crate) policy: PortedPolicy,
    pub(crate) subsets: Vec<Subset>,
    /// The full name: `reviews.prod.svc.cluster.local`, `*.example.com`.
    host: Arc<str>,
    /// `spec.host`, where it is written.
    host_at: Origin,
    namespace: Arc<str>,
    has_policy: bool,
    export_to: Vec<Visibility>,
    rank: ObjectRank,
    used: Cell<bool>,
    /// Another rule that was used where this one could have been.
    /// Its host may be another pattern.
    beaten_by: RefCell<Option<(Origin, Arc<str>)>>,
}

/// A subset.
#[derive(Clone, Debug)]
pub(crate) struct Subset {
    pub(crate) name: Arc<str>,
    /// Sorted.
    pub(crate) labels: Vec<(Arc<str>, Arc<str>)>,
    pub(crate) policy: PortedPolicy,
    /// Where it is written.
    pub(crate) origin: Origin,
}

/// The rule for a reference.
pub(super) struct Found {
    pub(super) rule: Rc<Rule>,
    /// The namespace that refers, where it is its own rule and not the one that others see.
    pub(super) seen_from: Option<Arc<str>>,
}

/// All rules by namespace.
pub(super) struct Rules(BTreeMap<Arc<str>, OfNamespace>);

/// The rules of a namespace.
#[derive(Default)]
struct OfNamespace {
    exact: HashMap<Arc<str>, Vec<Rc<Rule>>>,
    /// By what follows the star, the longest first.
    wild: Vec<(Arc<str>, Vec<Rc<Rule>>)>,
}

impl Rule {
    /// From what was translated.
    pub(crate) fn new(
        object: &Object<DestinationRule>,
        host: Arc<str>,
        policy: PortedPolicy,
        subsets: Vec<Subset>,
    ) -> Self {
        let origin = origin_of(&object.meta);
        Self {
            host_at: place(&origin, "spec.host", object.spec.host.pos),
            origin,
            policy,
            subsets,
            host,
            namespace: object.meta.namespace.clone(),
            has_policy: object.spec.traffic_policy.is_some(),
            export_to: object
                .spec
                .export_to
                .iter()
                .map(|visibility| visibility.value.clone())
                .collect(),
            rank: ObjectRank::new(&object.meta),
            used: Cell::new(false),
            beaten_by: RefCell::new(None),
        }
    }

    /// The subset of this name.
    pub(crate) fn subset(&self, name: &str) -> Option<&Subset> {
        self.subsets.iter().find(|subset| *subset.name == *name)
    }

    fn visible_from(&self, client: &str) -> bool {
        visible(&self.export_to, &self.namespace, client)
    }

    /// Takes over the subsets of a younger rule, and its policy where this one has none; says what becomes of the rest.
    fn absorb(&mut self, younger: Self, findings: &mut Findings) {
        let mut lost: Vec<String> = Vec::new();
        for subset in younger.subsets {
            if self.subset(&subset.name).is_some() {
                lost.push(format!("its subset \"{}\"", subset.name));
            } else {
                self.subsets.push(subset);
            }
        }
        if younger.has_policy {
            if self.has_policy {
                lost.push("its trafficPolicy".to_owned());
            } else {
                self.policy = younger.policy;
                self.has_policy = true;
            }
        }
        let fate = if lost.is_empty() {
            "the two are put together".to_owned()
        } else {
            format!("the two are put together, and {} is lost", lost.join(", "))
        };
        let at = whereabouts(&self.origin);
        findings.report(
            Code::DestinationRuleConflict,
            younger.host_at,
            format!(
                "{}{at} is for the same host \"{}\": {fate}",
                self.origin, self.host
            ),
            "write everything about a host into one DestinationRule",
        );
    }
}

impl Subset {
    /// Whether it has exactly these labels, which are sorted.
    pub(super) fn has_labels(&self, labels: &[(&str, &str)]) -> bool {
        let own = self.labels.iter().map(|(key, value)| (&**key, &**value));
        !labels.is_empty() && own.eq(labels.iter().copied())
    }
}

/// Whether an object of `owner` that is exported to these namespaces, to all if there are none, can be seen from `client`.
pub(super) fn visible<'v>(
    export_to: impl IntoIterator<Item = &'v Visibility>,
    owner: &str,
    client: &str,
) -> bool {
    let mut export_to = export_to.into_iter().peekable();
    export_to.peek().is_none()
        || export_to.any(|visibility| match visibility {
            Visibility::All => true,
            Visibility::Own => *owner == *client,
            Visibility::Nobody => false,
            Visibility::Namespace(name) => **name == *client,
        })
}

impl Rules {
    pub(super) fn new(
        objects: &Objects<'_>,
        names: &Names,
        options: &Options,
        findings: &mut Findings,
    ) -> Self {
        let here = Here::new(options);
        let mut credentials = Credentials::new(objects, options.now);
        let mut rules = Vec::with_capacity(objects.destination_rules.len());
        for object in &objects.destination_rules {
            let origin = origin_of(&object.meta);
            let translator = Translator {
                here: &here,
                credentials: &mut credentials,
                reporter: Reporter::new(&origin, findings),
            };
            let host = names.full(&object.spec.host, &object.meta.namespace);
            rules.push(destination_rule::compile(object, host, translator));
        }
        rules.sort_by(|a: &Rule, b| a.rank.cmp(&b.rank));
        Self::indexed(rules, findings)
    }

    /// From rules by age.
    #[expect(clippy::type_complexity, reason = "the key is used in this function only")]
    fn indexed(rules: Vec<Rule>, findings: &mut Findings) -> Self {
        let mut kept: Vec<Rule> = Vec::with_capacity(rules.len());
        // By namespace, host and who may see it.
        let mut known: HashMap<(Arc<str>, Arc<str>, Vec<Visibility>), usize> = HashMap::new();
        for rule in rules {
            let mut export_to = rule.export_to.clone();
            export_to.sort();
            let key = (rule.namespace.clone(), rule.host.clone(), export_to);
            match known.get(&key).and_then(|index| kept.get_mut(*index)) {
                Some(older) => older.absorb(rule, findings),
                None => {
                    known.insert(key, kept.len());
                    kept.push(rule);
                }
            }
        }
        let mut all: BTreeMap<Arc<str>, OfNamespace> = BTreeMap::new();
        for rule in kept {
            all.entry(rule.namespace.clone()).or_default().add(Rc::new(rule));
        }
        for rules in all.values_mut() {
            rules
                .wild
                .sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
        }
        Self(all)
    }

    /// The rule for `host` of `owner`, as `client` sees it. Cluster-scoped objects have no namespace.
    pub(super) fn find(&self, host: &str, client: &str, owner: &str) -> Option<Found> {
        let mut found: Option<Found> = None;
        for (index, namespace) in [client, owner, ROOT_NAMESPACE].into_iter().enumerate() {
            let Some(rules) = self.0.get(namespace) else {
                continue;
            };
            for rule in rules.matching(host).filter(|rule| rule.visible_from(client)) {
                match &found {
                    Some(first) if !Rc::ptr_eq(&first.rule, rule) => {
                        rule.beaten_by
                            .borrow_mut()
                            .get_or_insert_with(|| (first.rule.origin.clone(), first.rule.host.clone()));
                    }
                    Some(_) => {}
                    None => {
                        let own = index == 0 && client != owner && client != ROOT_NAMESPACE;
                        found = Some(Found {
                            rule: rule.clone(),
                            seen_from: own.then(|| client.into()),
                        });
                    }
                }
            }
        }
        if let Some(found) = &found {
            found.rule.used.set(true);
        }
        found
    }

    /// Says of each rule that nothing has used why that is.
    pub(super) fn report_unused(&self, is_known: impl Fn(&str, &str) -> bool, findings: &mut Findings) {
        for rule in self
            .0
            .values()
            .flat_map(OfNamespace::all)
            .filter(|rule| !rule.used.get())
        {
            let (code, message, help) = unused(rule, &is_known);
            findings.report(code, rule.host_at.clone(), message, help);
        }
    }
}

fn unused(rule: &Rule, is_known: &impl Fn(&str, &str) -> bool) -> (Code, String, String) {
    let host = &rule.host;
    if let Some((origin, pattern)) = &*rule.beaten_by.borrow() {
        let at = whereabouts(origin);
        // A wildcard is there to be overridden, and one host is not written twice by intention.
        return match pattern == host {
            true => (
                Code::DestinationRuleConflict,
                format!("{origin}{at} holds for \"{host}\" instead wherever a route leads there"),
                "keep one of the two; the namespace that refers comes before that of the service, and that before the \
                 root namespace"
                    .to_owned(),
            ),
            false => (
                Code::DestinationRuleUnused,
                format!("where a route leads to \"{host}\", a more specific rule holds: {origin}{at}"),
                "it is used as soon as a route leads to another host that it covers".to_owned(),
            ),
        };
    }
    if is_known(host, &rule.namespace) {
        return (
            Code::DestinationRuleUnused,
            format!("no route leads to \"{host}\", so the rule shapes nothing"),
            "it is used as soon as a route does".to_owned(),
        );
    }
    (
        Code::DestinationRuleWithoutHost,
        format!("there is no host \"{host}\", so the rule shapes nothing"),
        "create the Service or ServiceEntry, or correct the host; a name without dots is a Service of the rule's own \
         namespace"
            .to_owned(),
    )
}

impl OfNamespace {
    fn add(&mut self, rule: Rc<Rule>) {
        let Some(suffix) = rule.host.strip_prefix('*') else {
            self.exact.entry(rule.host.clone()).or_default().push(rule);
            return;
        };
        match self.wild.iter_mut().find(|(known, _)| **known == *suffix) {
            Some((_, rules)) => rules.push(rule),
            None => self.wild.push((suffix.into(), vec![rule])),
        }
    }

    /// Those for a host, the best first.
    fn matching(&self, host: &str) -> impl Iterator<Item = &Rc<Rule>> {
        let exact = self.exact.get(host).into_iter().flatten();
        let wild = self
            .wild
            .iter()
            .filter(move |(suffix, _)| host.ends_with(&**suffix));
        exact.chain(wild.flat_map(|(_, rules)| rules))
    }

    fn all(&self) -> impl Iterator<Item = &Rc<Rule>> {
        // Findings are sorted in the end, so that the order of the map does not show.
        self.exact
            .values()
            .chain(self.wild.iter().map(|(_, rules)| rules))
            .flatten()
    }
}

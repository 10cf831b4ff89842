//! From a port to its cluster: the part that is asked for, and what DestinationRules make of it.

use std::sync::Arc;

use seaway_api::{Pos, Spanned};
use seaway_model::{Balancing, Code, Failure, FailureReason};

use super::clusters::{ChosenSubset, Wanted};
use super::policy::Policy;
use super::ports::Port;
use super::rules::{Rule, Subset};
use super::{HostTarget, Over, Resolver};
use crate::findings::{Findings, Reporter, place};

/// A part of a port, as a reference asks for it.
pub(super) enum Part<'p> {
    /// All of it.
    All,
    /// The backends that have these labels.
    Labels(Vec<(&'p str, &'p str)>),
    /// A subset of a DestinationRule.
    Named(&'p Spanned<Arc<str>>),
}

/// A reference whose port is known.
pub(super) struct Lead<'p> {
    pub(super) port: &'p Port<'p>,
    pub(super) part: Part<'p>,
    pub(super) balancing: Option<Balancing>,
    pub(super) over: Over,
    /// The namespace that refers; empty for a cluster-scoped object.
    pub(super) client: &'p str,
    /// Of the subset, where it is written.
    pub(super) field: &'p str,
    /// Of the host, where it is written.
    pub(super) pos: Pos,
}

impl Resolver<'_> {
    /// The cluster of a reference whose port is known, shaped by the DestinationRule of its host.
    pub(super) fn follow(
        &mut self,
        lead: &Lead<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Result<HostTarget, Failure> {
        let port = lead.port;
        let found = (port.host.as_ref()).and_then(|host| self.rules.find(host, lead.client, &port.namespace));
        let rule = found.as_ref().map(|found| &*found.rule);
        let subset = subset(lead, rule, reporter)?;
        let own = subset.as_ref().and_then(|(_, own)| *own);
        let policy = match rule {
            Some(rule) => rule.policy.with_subset(port.number, own.map(|own| &own.policy)),
            None => Policy::default(),
        };
        if let Some(failure) = policy.refused() {
            return Err(failure.clone());
        }
        if lead.over == Over::Http && policy.tls().is_none() {
            report_protocol(port, reporter.findings);
        }
        let wanted = Wanted {
            subset: subset.map(|(chosen, _)| chosen),
            policy,
            seen_from: found.as_ref().and_then(|found| found.seen_from.as_deref()),
            balancing: lead.balancing,
        };
        let made = self.clusters.make(port, &wanted);
        if made.subset_is_empty {
            report_empty_subset(lead, own, &wanted, reporter);
        }
        Ok(made.into())
    }
}

/// The subset of a reference, with what the DestinationRule says of it.
///
/// Labels that are those of a subset are that subset. Otherwise they have a name of their own: `v1` for `version=v1`, by
/// far the most common, unless the rule calls something else by that name.
fn subset<'p>(
    lead: &Lead<'p>,
    rule: Option<&'p Rule>,
    reporter: &mut Reporter<'_>,
) -> Result<Option<(ChosenSubset<'p>, Option<&'p Subset>)>, Failure> {
    match &lead.part {
        Part::All => Ok(None),
        Part::Labels(labels) => {
            let same = rule.and_then(|rule| rule.subsets.iter().find(|subset| subset.has_labels(labels)));
            let name = match (same, &**labels) {
                (_, []) => return Ok(None),
                (Some(subset), _) => subset.name.clone(),
                (None, [("version", value)]) if rule.is_none_or(|rule| rule.subset(value).is_none()) => {
                    (*value).into()
                }
                (None, several) => spelt(several),
            };
            let labels = labels.clone();
            Ok(Some((ChosenSubset { name, labels }, same)))
        }
        Part::Named(name) => {
            let own = rule.and_then(|rule| rule.subset(name));
            let own = own.ok_or_else(|| missing_subset(name, lead, rule, reporter))?;
            let chosen = ChosenSubset {
                name: own.name.clone(),
                labels: own.labels.iter().map(|(key, value)| (&**key, &**value)).collect(),
            };
            Ok(Some((chosen, Some(own))))
        }
    }
}

/// `key=value,key=value`
fn spelt(labels: &[(&str, &str)]) -> Arc<str> {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    pairs.join(",").into()
}

fn missing_subset(
    name: &Spanned<Arc<str>>,
    lead: &Lead<'_>,
    rule: Option<&Rule>,
    reporter: &mut Reporter<'_>,
) -> Failure {
    let host = lead.port.host.as_deref().unwrap_or_default();
    let message = match rule {
        Some(rule) => format!("{} gives \"{host}\" no subset \"{}\"", rule.origin, name.value),
        None => format!("no DestinationRule gives \"{host}\" a subset \"{}\"", name.value),
    };
    let known: Vec<&str> = rule
        .iter()
        .flat_map(|rule| &rule.subsets)
        .map(|subset| &*subset.name)
        .collect();
    let help = if known.is_empty() {
        "write a DestinationRule for this host that has the subset, or leave the subset out".to_owned()
    } else {
        format!("it has {}; name one of them, or add this one", known.join(", "))
    };
    reporter.report(Code::SubsetNotFound, lead.field, name.pos, message.clone(), help);
    Failure {
        status: 503,
        reason: FailureReason::SubsetNotFound,
        message: message.into(),
    }
}

/// Requests are sent to a port that does not speak HTTP, or wants TLS first.
fn report_protocol(port: &Port<'_>, findings: &mut Findings) {
    let Some(obstacle) = &port.spoken.obstacle else {
        return;
    };
    let (number, word) = (port.number, &obstacle.word);
    let who = match &port.service {
        Some(_) => port.origin.to_string(),
        None => format!("\"{}\"", port.host.as_deref().unwrap_or_default()),
    };
    let (message, help) = if obstacle.is_tls {
        let host = port.host.as_deref().unwrap_or_default();
        (
            format!(
                "port {number} of {who} speaks \"{word}\", and nothing says that requests go to it over TLS"
            ),
            format!(
                "they are sent in clear text; write a DestinationRule for \"{host}\" with \
                 \"trafficPolicy: {{tls: {{mode: SIMPLE}}}}\", or name a port that speaks clear-text HTTP"
            ),
        )
    } else {
        (
            format!("port {number} of {who} speaks \"{word}\", which is not HTTP"),
            "requests are sent as HTTP/1.1 all the same; say in appProtocol if the port does speak HTTP, or relay \
             connections to it instead (tcp of a VirtualService)"
                .to_owned(),
        )
    };
    let field = format!("{}.{}", port.field, obstacle.field);
    findings.report(
        Code::UnsupportedProtocol,
        place(&port.origin, &field, obstacle.pos),
        message,
        help,
    );
}

fn report_empty_subset(
    lead: &Lead<'_>,
    own: Option<&Subset>,
    wanted: &Wanted<'_>,
    reporter: &mut Reporter<'_>,
) {
    let labels = wanted
        .subset
        .as_ref()
        .map(|subset| spelt(&subset.labels))
        .unwrap_or_default();
    let (what, who) = match &lead.port.service {
        Some(service) => ("pod", format!("Service {}/{}", service.namespace, service.name)),
        None => (
            "endpoint",
            format!("\"{}\"", lead.port.host.as_deref().unwrap_or_default()),
        ),
    };
    let message = format!("no {what} of {who} has the labels {labels}");
    let help = match &lead.port.service {
        Some(_) => {
            "give some pods of the Service these labels, or correct the subset; the Pods must be among the manifests"
        }
        None => "give some endpoints of the ServiceEntry these labels, or correct the subset",
    };
    match own {
        // Where the labels are written.
        Some(own) => (reporter.findings).report(Code::EmptySubset, own.origin.clone(), message, help),
        None => reporter.report(Code::EmptySubset, lead.field, lead.pos, message, help),
    }
}

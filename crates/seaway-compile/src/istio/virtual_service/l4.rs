//! Rules for connections of which no requests are seen.

use std::sync::Arc;

use seaway_api::istio::{RouteDestination, Rule, VirtualService};
use seaway_api::{Object, Pos, Spanned};
use seaway_model::{Code, Failure, FailureReason, HashOn, HostMatch, L4Destination, L4Route, Origin, Target};

use super::matching::{Holds, holds_l4};
use super::weights;
use crate::findings::{Findings, Reporter, place};
use crate::istio::hosts::covers;
use crate::resolve::{HostReference, Over, Resolver};

/// One of the matches of a rule, with where its connections go.
#[derive(Clone, Debug)]
pub(super) struct L4Alternative {
    /// `spec.tls[0].match[0]`
    pub(super) origin: Origin,
    /// Where it holds.
    pub(super) holds: Holds,
    /// The server names that it asks for; `None` for a rule that asks for none.
    pub(super) server_names: Option<Vec<HostMatch>>,
    /// Where to.
    pub(super) route: Arc<L4Route>,
}

/// The `tls` rules of a VirtualService, whose hosts are `hosts`.
pub(super) fn tls(
    object: &Object<VirtualService>,
    hosts: &[HostMatch],
    origin: &Origin,
    resolver: &mut Resolver<'_>,
    findings: &mut Findings,
) -> Vec<L4Alternative> {
    let mut all = Vec::new();
    for (index, rule) in object.spec.tls.iter().enumerate() {
        let field = format!("spec.tls[{index}]");
        let mut reporter = Reporter::new(origin, findings);
        let (matches, route) = match &rule.value {
            Rule::Valid(rule) => {
                let route = destinations(&rule.route, &field, resolver, &mut reporter);
                (rule.matches.as_slice(), route)
            }
            Rule::Invalid(rule) => (
                rule.matches.as_deref().unwrap_or_default(),
                Made::failing(rule.reason.clone()),
            ),
        };
        let route = Arc::new(route.at(origin, &field, rule.pos, index));
        for (number, one) in matches.iter().enumerate() {
            let field = format!("{field}.match[{number}]");
            all.push(L4Alternative {
                origin: place(origin, &field, one.pos),
                holds: holds_l4(
                    &one.gateways,
                    one.port.as_ref().map(|port| port.value),
                    &one.source_labels,
                    one.source_namespace.as_ref(),
                    &object.meta.namespace,
                ),
                server_names: Some(server_names(&one.sni_hosts, hosts, &field, &mut reporter)),
                route: route.clone(),
            });
        }
    }
    all
}

/// Each must be covered by a host of the VirtualService, as Istio asks; one that is not is left out.
fn server_names(
    texts: &[Spanned<Arc<str>>],
    hosts: &[HostMatch],
    field: &str,
    reporter: &mut Reporter<'_>,
) -> Vec<HostMatch> {
    let mut names = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let Ok(name) = HostMatch::parse(text) else {
            continue;
        };
        if hosts.iter().any(|host| covers(host, &name)) {
            names.push(name);
            continue;
        }
        reporter.report(
            Code::NotServed,
            &format!("{field}.sniHosts[{index}]"),
            text.pos,
            format!(
                "no host of this VirtualService covers \"{}\", so the name is left out",
                text.value
            ),
            "add it to spec.hosts",
        );
    }
    names
}

/// The `tcp` rules of a VirtualService.
pub(super) fn tcp(
    object: &Object<VirtualService>,
    origin: &Origin,
    resolver: &mut Resolver<'_>,
    findings: &mut Findings,
) -> Vec<L4Alternative> {
    let mut all = Vec::new();
    for (index, rule) in object.spec.tcp.iter().enumerate() {
        let field = format!("spec.tcp[{index}]");
        let mut reporter = Reporter::new(origin, findings);
        let (matches, route) = match &rule.value {
            Rule::Valid(rule) => {
                let route = destinations(&rule.route, &field, resolver, &mut reporter);
                (Some(rule.matches.as_slice()), route)
            }
            Rule::Invalid(rule) => (rule.matches.as_deref(), Made::failing(rule.reason.clone())),
        };
        let Some(matches) = matches else {
            continue;
        };
        let route = Arc::new(route.at(origin, &field, rule.pos, index));
        if matches.is_empty() {
            all.push(L4Alternative {
                origin: place(origin, &field, rule.pos),
                holds: Holds::everywhere(),
                server_names: None,
                route: route.clone(),
            });
        }
        for (number, one) in matches.iter().enumerate() {
            all.push(L4Alternative {
                origin: place(origin, &format!("{field}.match[{number}]"), one.pos),
                holds: holds_l4(
                    &one.gateways,
                    one.port.as_ref().map(|port| port.value),
                    &one.source_labels,
                    one.source_namespace.as_ref(),
                    &object.meta.namespace,
                ),
                server_names: None,
                route: route.clone(),
            });
        }
    }
    all
}

/// A route before it is known where it is written.
struct Made {
    destinations: Vec<L4Destination>,
    idle_timeout: Option<seaway_model::Millis>,
    hash_source_ip: bool,
}

impl Made {
    /// Connections are closed.
    fn failing(reason: Arc<str>) -> Self {
        let failure = Failure {
            status: 500,
            reason: FailureReason::InvalidRule,
            message: reason,
        };
        Self {
            destinations: vec![L4Destination {
                target: Target::Fail(failure),
                weight: 1,
            }],
            idle_timeout: None,
            hash_source_ip: false,
        }
    }

    fn at(self, origin: &Origin, field: &str, pos: Pos, index: usize) -> L4Route {
        L4Route {
            origin: place(origin, field, pos),
            rule: u32::try_from(index).unwrap_or(u32::MAX),
            destinations: self.destinations,
            idle_timeout: self.idle_timeout,
            hash_source_ip: self.hash_source_ip,
        }
    }
}

fn destinations(
    route: &[Spanned<RouteDestination>],
    field: &str,
    resolver: &mut Resolver<'_>,
    reporter: &mut Reporter<'_>,
) -> Made {
    let field = format!("{field}.route");
    weights::report(route.iter().map(|to| to.weight.as_ref()), &field, reporter);
    let is_only = route.len() == 1;
    let mut made = Made {
        destinations: Vec::with_capacity(route.len()),
        idle_timeout: None,
        hash_source_ip: false,
    };
    for (index, to) in route.iter().enumerate() {
        let target = resolver.host(
            &HostReference {
                host: &to.destination.host,
                subset: to.destination.subset.as_ref(),
                port: to.destination.port.as_ref(),
                namespace: &reporter.origin.namespace,
                origin: reporter.origin,
                field: &format!("{field}[{index}].destination"),
                over: Over::Tcp,
            },
            reporter.findings,
        );
        made.idle_timeout = made.idle_timeout.or(target.idle_timeout);
        made.hash_source_ip |= target.hash_on.contains(&HashOn::SourceIp);
        made.destinations.push(L4Destination {
            target: target.target,
            weight: match (is_only, &to.weight) {
                (true, _) => 1,
                (false, weight) => weight.as_ref().map_or(0, |weight| weight.value),
            },
        });
    }
    made
}

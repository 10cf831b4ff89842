//! `VirtualService`: which requests and connections go where.

mod action;
mod headers;
mod l4;
mod matching;
mod rule;
mod traffic;

use super::reach::{GATEWAY_NAME, VISIBILITY};
use super::shapes::HOST;
use super::{GatewayName, Text, Visibility};
use crate::decode::{Cx, List, object};
use crate::node::{Node, Value};
use crate::{ProblemKind, Spanned};

pub use action::{
    Delegate, Destination, DirectResponse, Redirect, RedirectPort, RegexRewrite, ResponseBody, Rewrite,
    WeightedDestination,
};
pub use headers::{HeaderOperations, Headers};
pub use l4::{L4Match, RouteDestination, TcpRule, TlsMatch, TlsRule};
pub use matching::{HttpMatch, StringMatch};
pub use rule::{HttpRule, InvalidRule, Rule};
pub use traffic::{Abort, Cors, Delay, Fault, Mirror, Retries, UnmatchedPreflights};

use self::rule::{matching_rules, rules};

object! {
    /// Which requests and connections of some hosts go where. Without hosts it is a delegate, which another
    /// VirtualService names.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct VirtualService {
        /// The hosts: DNS names, `*.example.com`, `*`, IP addresses, or short names of services of the same namespace.
        hosts: Vec<Text> = "hosts", default(Vec::new(), "none: a delegate"), List(HOST);
        /// The Gateways at which the rules hold, and `mesh` for the traffic between workloads.
        gateways: Vec<Spanned<GatewayName>> = "gateways", default(Vec::new(), "`[mesh]`"), List(GATEWAY_NAME);
        /// Rules for requests. The first that matches takes the request. A rule that is wrong answers 500 for what it
        /// takes, and the others serve; a match that is wrong takes nothing.
        http: Vec<Spanned<Rule<HttpRule, HttpMatch>>> = "http", default(Vec::new(), "none"), rules();
        /// Rules for TLS that does not end here, by server name.
        tls: Vec<Spanned<Rule<TlsRule, TlsMatch>>> = "tls", default(Vec::new(), "none"), matching_rules();
        /// Rules for connections that are neither HTTP nor TLS.
        tcp: Vec<Spanned<Rule<TcpRule, L4Match>>> = "tcp", default(Vec::new(), "none"), rules();
        /// The namespaces that it holds for.
        export_to: Vec<Spanned<Visibility>> = "exportTo", default(Vec::new(), "`[\"*\"]`"), List(VISIBILITY);
    }
    finish check_service;
}

impl VirtualService {
    /// Whether it only holds rules for others that name it.
    #[must_use]
    pub fn is_delegate(&self) -> bool {
        self.hosts.is_empty()
    }

    /// Whether the rules hold for the traffic between workloads.
    #[must_use]
    pub fn is_for_mesh(&self) -> bool {
        self.gateways.is_empty() || self.gateways.iter().any(|name| name.value == GatewayName::Mesh)
    }
}

fn check_service(service: VirtualService, cx: &mut Cx, node: &Node<'_>) -> Option<VirtualService> {
    let is_empty = |cx: &Cx, name: &str| {
        cx.entry(node, name)
            .is_none_or(|entry| matches!(&entry.value.value, Value::Seq(items) if items.is_empty()))
    };
    if is_empty(cx, "http") && is_empty(cx, "tls") && is_empty(cx, "tcp") {
        let help = "add rules under http, tls or tcp";
        cx.missing(node, "http", help);
    }
    // Hosts that are all wrong are reported one by one; they do not make a delegate of it.
    if is_empty(cx, "hosts") {
        for name in ["gateways", "tls", "tcp"] {
            if let Some(entry) = cx.entry(node, name) {
                let message =
                    format!("a delegate has no \"{name}\": it is used where another VirtualService names it");
                let help = "remove it, or add the hosts that the rules are for";
                cx.report_in(name, ProblemKind::ConflictingFields, entry.pos, message, help);
            }
        }
    }
    check_hosts(&service, cx);
    Some(service)
}

fn check_hosts(service: &VirtualService, cx: &mut Cx) {
    cx.within("hosts", |cx| {
        for (index, host) in service.hosts.iter().enumerate() {
            cx.within_item(index, |cx| {
                let known = service.hosts.iter().take(index);
                if known
                    .into_iter()
                    .any(|k| k.value.eq_ignore_ascii_case(&host.value))
                {
                    let message = format!("{:?} is written twice", &*host.value);
                    cx.report(
                        ProblemKind::InvalidValue,
                        host.pos,
                        message,
                        "keep one of the two",
                    );
                }
                if let Some(wide) = service
                    .hosts
                    .iter()
                    .take(index)
                    .find(|known| overlap(known, host))
                {
                    let message = format!("{:?} and {:?} overlap", &*wide.value, &*host.value);
                    let help = "keep the wider one";
                    cx.report(ProblemKind::InvalidValue, host.pos, message, help);
                }
                if &*host.value == "*" && service.is_for_mesh() {
                    let message = "\"*\" cannot be routed in the mesh, where every service has its own name";
                    let help =
                        "name the hosts, or write the Gateways that the rules hold at into \"gateways\"";
                    cx.report(ProblemKind::InvalidValue, host.pos, message, help);
                }
            });
        }
    });
}

/// Whether one of two hosts covers the other without being the same.
fn overlap(one: &str, other: &str) -> bool {
    let covers = |wide: &str, narrow: &str| {
        wide.strip_prefix('*').is_some_and(|end| {
            let (wide, narrow) = (end.to_ascii_lowercase(), narrow.to_ascii_lowercase());
            narrow.ends_with(&wide)
        })
    };
    !one.eq_ignore_ascii_case(other) && (covers(one, other) || covers(other, one))
}

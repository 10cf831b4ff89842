//! Rules for connections of which no requests are seen.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::super::reach::GATEWAY_NAME;
use super::super::shapes::{COUNT, HOST, LABEL};
use super::super::{GatewayName, Text};
use super::Destination;
use super::action::Weighted;
use crate::decode::{Cx, Int, LabelMap, List, at, obj, object};
use crate::node::Node;
use crate::{ProblemKind, Spanned};

object! {
    /// A destination of connections and its share.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RouteDestination {
        /// Where to.
        destination: Spanned<Destination> = "destination", required, at(obj());
        /// Its share: this divided by the sum of all weights, exactly. A single destination gets everything.
        weight: Option<Spanned<u32>> = "weight", optional, COUNT;
    }
}

const DESTINATIONS: Weighted<RouteDestination> = Weighted(|one| one.weight.as_ref());

object! {
    /// Where TLS goes that does not end here.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct TlsRule {
        /// Which connections; any of these.
        matches: Vec<Spanned<TlsMatch>> = "match", required, List(at(obj()));
        /// Where they go, by weight.
        route: Vec<Spanned<RouteDestination>> = "route", required, DESTINATIONS;
    }
    finish check_tls;
}

fn check_tls(rule: TlsRule, cx: &mut Cx, node: &Node<'_>) -> Option<TlsRule> {
    cx.refuse_empty(node, "match", "add the server names that the rule is for");
    cx.refuse_empty(node, "route", "add a destination");
    Some(rule)
}

object! {
    /// A connection for which all of these hold.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct TlsMatch {
        /// Server names: exact, or `*.example.com`. Each must be covered by a host of the VirtualService.
        sni_hosts: Vec<Text> = "sniHosts", required, List(HOST);
        /// The port that the connection came in by.
        port: Option<Spanned<u16>> = "port", optional, at(Int::port());
        /// The Gateways at which this match holds, instead of those of the VirtualService.
        gateways: Vec<Spanned<GatewayName>> = "gateways", default(Vec::new(), "those of the VirtualService"), List(GATEWAY_NAME);
        /// Labels of the workloads that connect; only in the mesh.
        source_labels: BTreeMap<Arc<str>, Arc<str>> = "sourceLabels", default(BTreeMap::new(), "any"), LabelMap;
        /// The namespace of the workloads that connect; only in the mesh.
        source_namespace: Option<Text> = "sourceNamespace", optional, LABEL;
    }
    unimplemented ["destinationSubnets"];
    finish check_names;
}

fn check_names(matches: TlsMatch, cx: &mut Cx, node: &Node<'_>) -> Option<TlsMatch> {
    cx.refuse_empty(node, "sniHosts", "add the server names");
    cx.within("sniHosts", |cx| {
        for (index, name) in matches.sni_hosts.iter().enumerate() {
            if name.parse::<IpAddr>().is_ok() {
                cx.within_item(index, |cx| {
                    let message = "no client sends an address as a server name (RFC 6066, 3)";
                    let help = "write a DNS name, or a rule under \"tcp\"";
                    cx.report(ProblemKind::IgnoredField, name.pos, message, help);
                });
            }
        }
    });
    Some(matches)
}

object! {
    /// Where connections go that are neither HTTP nor TLS.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct TcpRule {
        /// Which connections; any of these.
        matches: Vec<Spanned<L4Match>> = "match", default(Vec::new(), "every connection"), List(at(obj()));
        /// Where they go, by weight.
        route: Vec<Spanned<RouteDestination>> = "route", required, DESTINATIONS;
    }
    finish check_tcp;
}

fn check_tcp(rule: TcpRule, cx: &mut Cx, node: &Node<'_>) -> Option<TcpRule> {
    cx.refuse_empty(node, "route", "add a destination");
    Some(rule)
}

object! {
    /// A connection for which all of these hold.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct L4Match {
        /// The port that the connection came in by.
        port: Option<Spanned<u16>> = "port", optional, at(Int::port());
        /// The Gateways at which this match holds, instead of those of the VirtualService.
        gateways: Vec<Spanned<GatewayName>> = "gateways", default(Vec::new(), "those of the VirtualService"), List(GATEWAY_NAME);
        /// Labels of the workloads that connect; only in the mesh.
        source_labels: BTreeMap<Arc<str>, Arc<str>> = "sourceLabels", default(BTreeMap::new(), "any"), LabelMap;
        /// The namespace of the workloads that connect; only in the mesh.
        source_namespace: Option<Text> = "sourceNamespace", optional, LABEL;
    }
    unimplemented ["destinationSubnets", "sourceSubnet"];
}

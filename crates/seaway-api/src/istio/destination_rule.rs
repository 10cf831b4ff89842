//! `DestinationRule`: what happens to traffic after it was routed to a host.

mod balancing;
mod hashing;
mod locality;
mod outlier;
mod pool;
mod tls;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::reach::VISIBILITY;
use super::shapes::{COUNT, LABEL, PORT_SELECTOR, SERVICE_HOST};
use super::{Percentage, Text, Visibility, WorkloadSelector};
use crate::decode::{Cx, Invalid, LabelMap, List, OneOf, Percent, SoundOnes, at, obj, object};
use crate::node::Node;
use crate::{Fate, Pos, ProblemKind, Spanned};

pub use balancing::{LoadBalancer, SimpleBalancing, Warmup};
pub use hashing::{ConsistentHash, CookieAttribute, HashAlgorithm, HashKey, HttpCookie};
pub use locality::{Distribute, Failover, LocalityBalancing};
pub use outlier::OutlierDetection;
pub use pool::{ConnectionPool, Http2Keepalive, HttpPool, TcpKeepalive, TcpPool, UpgradePolicy};
pub use tls::{ClientTls, ClientTlsMode};

object! {
    /// What happens to traffic after it was routed to a host: balancing, limits, TLS, and the subsets of the host.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct DestinationRule {
        /// The host: a Service (`reviews`, `reviews.prod.svc.cluster.local`), the host of a ServiceEntry, or a wildcard.
        host: Text = "host", required, SERVICE_HOST;
        /// For the whole host.
        traffic_policy: Option<Spanned<TrafficPolicy>> = "trafficPolicy", optional, at(obj());
        /// Parts of the host that rules can name. One that is wrong is left out, and the others hold.
        subsets: Vec<(usize, Spanned<Subset>)> = "subsets", default(Vec::new(), "none"), SoundOnes(at(obj()));
        /// The namespaces that it holds for.
        export_to: Vec<Spanned<Visibility>> = "exportTo", default(Vec::new(), "`[\"*\"]`"), List(VISIBILITY);
        /// The workloads of the same namespace whose traffic it is for.
        workload_selector: Option<Spanned<WorkloadSelector>> = "workloadSelector", optional, at(super::service_entry::MATCH_LABELS);
    }
    finish check_subsets;
}

fn check_subsets(rule: DestinationRule, cx: &mut Cx, _: &Node<'_>) -> Option<DestinationRule> {
    let names = rule.subsets.iter().map(|(index, subset)| (*index, &subset.name));
    cx.within("subsets", |cx| {
        twins(cx, "name", names, |name, first| Invalid {
            message: format!("the subset {name:?} is there already, in line {}", first.line),
            help: "give each subset a name of its own, or remove one of the two".to_owned(),
        });
    });
    Some(rule)
}

/// Reports each that has been there before. Whoever looks for one finds the first, so the rest of the object holds:
/// leaving all of it out would take policies, and TLS, from traffic that the mistake has nothing to do with.
fn twins<'r, T: PartialEq + std::fmt::Debug + 'r>(
    cx: &mut Cx,
    field: &str,
    all: impl Iterator<Item = (usize, &'r Spanned<T>)>,
    invalid: impl Fn(&T, Pos) -> Invalid,
) {
    let mut known: Vec<&Spanned<T>> = Vec::new();
    for (index, one) in all {
        let Some(first) = known.iter().find(|known| known.value == one.value) else {
            known.push(one);
            continue;
        };
        let Invalid { message, help } = invalid(&one.value, first.pos);
        let _: Result<(), _> = cx.contained(Fate::Twin, |cx| {
            cx.within_item(index, |cx| {
                cx.report_in(field, ProblemKind::InvalidValue, one.pos, message, help);
            });
            None
        });
    }
}

impl DestinationRule {
    /// The subsets that hold, with their indices in the list as it is written: the first of each name.
    pub fn sound_subsets(&self) -> impl Iterator<Item = (usize, &Spanned<Subset>)> {
        let all = &self.subsets;
        let is_first = move |(at, (_, subset)): &(usize, &(usize, Spanned<Subset>))| {
            let mut before = all.iter().take(*at);
            !before.any(|(_, known)| known.name.value == subset.name.value)
        };
        all.iter()
            .enumerate()
            .filter(is_first)
            .map(|(_, (index, subset))| (*index, subset))
    }
}

impl TrafficPolicy {
    /// The settings of ports that hold, with their indices in the list as it is written: the first of each port.
    pub fn sound_port_settings(&self) -> impl Iterator<Item = (usize, &Spanned<PortTrafficPolicy>)> {
        let all = &self.port_level_settings;
        all.iter().enumerate().filter(move |(index, settings)| {
            !all.iter()
                .take(*index)
                .any(|known| known.port.value == settings.port.value)
        })
    }
}

object! {
    /// A part of a host.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Subset {
        /// Its name.
        name: Text = "name", required, LABEL;
        /// Labels of its endpoints.
        labels: BTreeMap<Arc<str>, Arc<str>> = "labels", default(BTreeMap::new(), "every endpoint"), LabelMap;
        /// For this subset; what is left out is as for the whole host.
        traffic_policy: Option<Spanned<TrafficPolicy>> = "trafficPolicy", optional, at(obj());
    }
}

object! {
    /// How traffic is sent.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct TrafficPolicy {
        /// How an endpoint is chosen.
        load_balancer: Option<Spanned<LoadBalancer>> = "loadBalancer", optional, at(obj());
        /// Connections, and what may be under way at once.
        connection_pool: Option<Spanned<ConnectionPool>> = "connectionPool", optional, at(obj());
        /// When an endpoint is left out for a while.
        outlier_detection: Option<Spanned<OutlierDetection>> = "outlierDetection", optional, at(obj());
        /// TLS to the endpoints.
        tls: Option<Spanned<ClientTls>> = "tls", optional, at(obj());
        /// For one port each, instead of all of the above.
        port_level_settings: Vec<Spanned<PortTrafficPolicy>> = "portLevelSettings", default(Vec::new(), "none"), List(at(obj()));
        /// Begin each connection with a PROXY protocol header that says who the client is.
        proxy_protocol: Option<Spanned<ProxyProtocolVersion>> = "proxyProtocol", optional, at(PROXY_PROTOCOL);
        /// How many retries may be under way.
        retry_budget: Option<Spanned<RetryBudget>> = "retryBudget", optional, at(obj());
    }
    unimplemented ["tunnel"];
    finish check_policy;
}

fn check_policy(policy: TrafficPolicy, cx: &mut Cx, node: &Node<'_>) -> Option<TrafficPolicy> {
    if policy == TrafficPolicy::default() && cx.entry(node, "tunnel").is_none() {
        let message = "a traffic policy that says nothing";
        let help = "add loadBalancer, connectionPool, outlierDetection or tls, or remove it";
        cx.report(ProblemKind::MissingField, node.pos, message, help);
    }
    let settings = policy.port_level_settings.iter().enumerate();
    let ports = settings.map(|(index, settings)| (index, &settings.port));
    cx.within("portLevelSettings", |cx| {
        twins(cx, "port", ports, |port, first| Invalid {
            message: format!("the port {port} has settings already, in line {}", first.line),
            help: "write all settings of a port into one item".to_owned(),
        });
    });
    Some(policy)
}

object! {
    /// How traffic to one port is sent. It replaces what is said for the whole host, and takes nothing over from there.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PortTrafficPolicy {
        /// The port of the host.
        port: Spanned<u16> = "port", required, PORT_SELECTOR;
        /// How an endpoint is chosen.
        load_balancer: Option<Spanned<LoadBalancer>> = "loadBalancer", optional, at(obj());
        /// Connections, and what may be under way at once.
        connection_pool: Option<Spanned<ConnectionPool>> = "connectionPool", optional, at(obj());
        /// When an endpoint is left out for a while.
        outlier_detection: Option<Spanned<OutlierDetection>> = "outlierDetection", optional, at(obj());
        /// TLS to the endpoints.
        tls: Option<Spanned<ClientTls>> = "tls", optional, at(obj());
    }
}

/// A version of the PROXY protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as they are written")]
pub enum ProxyProtocolVersion {
    #[default]
    V1,
    V2,
}

const VERSION: OneOf<ProxyProtocolVersion> =
    OneOf(&[("V1", ProxyProtocolVersion::V1), ("V2", ProxyProtocolVersion::V2)]);

object! {
    /// The PROXY protocol.
    #[derive(Clone, Debug)]
    pub(crate) struct ProxyProtocolFields {
        /// Its version: `V1` is text, `V2` is binary.
        version: ProxyProtocolVersion = "version", default(ProxyProtocolVersion::V1, "`V1`"), VERSION;
    }
}

const PROXY_PROTOCOL: crate::decode::Via<ProxyProtocolFields, ProxyProtocolVersion> =
    crate::decode::Via(|fields, _, _| Some(fields.version));

object! {
    /// How many retries may be under way.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RetryBudget {
        /// For so many per cent of the requests under way.
        percent: Percentage = "percent", default(Spanned::unwritten(200_000u32), "`20`"), at(Percent);
        /// So many always.
        min_retry_concurrency: Spanned<u32> = "minRetryConcurrency", default(Spanned::unwritten(3u32), "`3`"), COUNT;
    }
    unimplemented ["budgetInterval"];
}

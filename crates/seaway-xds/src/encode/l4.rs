//! Connections and sessions that are not HTTP.

use envoy_types::pb::envoy::config::listener::v3::{Filter, ListenerFilter, filter, listener_filter};
use envoy_types::pb::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
use envoy_types::pb::envoy::extensions::filters::network::tcp_proxy::v3::tcp_proxy::{
    ClusterSpecifier, WeightedCluster, weighted_cluster::ClusterWeight,
};
use envoy_types::pb::envoy::extensions::filters::udp::udp_proxy::v3::udp_proxy_config::{
    HashPolicy as UdpHashPolicy, RouteSpecifier, hash_policy as udp_hash_policy,
};
use envoy_types::pb::envoy::extensions::filters::udp::udp_proxy::v3::{Route as UdpRoute, UdpProxyConfig};
use envoy_types::pb::envoy::r#type::v3::{HashPolicy, hash_policy};
use envoy_types::pb::xds::core::v3::TypedExtensionConfig;
use envoy_types::pb::xds::r#type::matcher::v3::Matcher;
use envoy_types::pb::xds::r#type::matcher::v3::matcher::{OnMatch, on_match};
use seaway_model::{Failure, L4Route, Target};

use super::Losses;
use super::action::target;
use crate::notes::Notes;
use crate::words::{any, duration};

/// The name of the filter for connections.
pub(crate) const TCP: &str = "envoy.filters.network.tcp_proxy";
/// The name of the filter for datagrams.
pub(crate) const UDP: &str = "envoy.filters.udp_listener.udp_proxy";
/// A cluster that there is not: connections are closed.
pub(crate) const NOWHERE: &str = "fail:nowhere";

/// What is noted of a route.
pub(crate) fn notes(route: &L4Route, is_udp: bool) -> Notes {
    let mut notes = Notes::new(&route.origin);
    if route.rule != 0 {
        notes.set("rule", route.rule);
    }
    let failures: Vec<Option<&Failure>> = route
        .destinations
        .iter()
        .map(|destination| match &destination.target {
            Target::Fail(failure) => Some(failure),
            Target::Cluster(_) => None,
        })
        .collect();
    if failures.iter().any(Option::is_some) {
        notes.set("failures", failures);
    }
    let is_plain = match route.destinations.as_slice() {
        [only] => only.weight == 1,
        several => !is_udp && several.iter().all(|destination| destination.weight > 0),
    };
    if !is_plain {
        let split: Vec<(String, u32)> = route
            .destinations
            .iter()
            .map(|d| (target(&d.target), d.weight))
            .collect();
        notes.set("split", split);
    }
    notes
}

/// The filter that relays connections. Without a route they are closed.
pub(crate) fn tcp(stat_prefix: &str, route: Option<&L4Route>) -> Filter {
    let mut proxy = TcpProxy {
        stat_prefix: stat_prefix.into(),
        ..TcpProxy::default()
    };
    proxy.cluster_specifier = Some(match route.map(|route| route.destinations.as_slice()) {
        None | Some([]) => ClusterSpecifier::Cluster(NOWHERE.into()),
        Some([only]) => ClusterSpecifier::Cluster(target(&only.target)),
        Some(several) => ClusterSpecifier::WeightedClusters(WeightedCluster {
            // A weight of nothing is refused.
            clusters: several
                .iter()
                .filter(|destination| destination.weight > 0)
                .map(|destination| ClusterWeight {
                    name: target(&destination.target),
                    weight: destination.weight,
                    ..ClusterWeight::default()
                })
                .collect(),
        }),
    });
    if let Some(route) = route {
        proxy.idle_timeout = route.idle_timeout.and_then(duration);
        if route.hash_source_ip {
            proxy.hash_policy = vec![HashPolicy {
                policy_specifier: Some(hash_policy::PolicySpecifier::SourceIp(hash_policy::SourceIp {})),
            }];
        }
    }
    Filter {
        name: TCP.into(),
        config_type: Some(filter::ConfigType::TypedConfig(any(&proxy))),
    }
}

/// The filter that relays datagrams.
pub(crate) fn udp(stat_prefix: &str, route: Option<&L4Route>, losses: &mut Losses) -> ListenerFilter {
    let heaviest = route.and_then(|route| route.destinations.iter().max_by_key(|d| d.weight));
    if let Some(route) = route.filter(|route| route.destinations.len() > 1) {
        let why =
            "Envoy sends all datagrams of a listener to one cluster, here the one of the greatest weight";
        losses.add(&route.origin, vec![("weights of a UDP route", why.to_owned())]);
    }
    let cluster = heaviest.map_or_else(|| NOWHERE.to_owned(), |destination| target(&destination.target));
    let mut proxy = UdpProxyConfig {
        stat_prefix: stat_prefix.into(),
        route_specifier: Some(RouteSpecifier::Matcher(Matcher {
            on_no_match: Some(Box::new(OnMatch {
                on_match: Some(on_match::OnMatch::Action(TypedExtensionConfig {
                    name: "route".into(),
                    typed_config: Some(any(&UdpRoute { cluster })),
                })),
                ..OnMatch::default()
            })),
            ..Matcher::default()
        })),
        ..UdpProxyConfig::default()
    };
    if let Some(route) = route {
        proxy.idle_timeout = route.idle_timeout.and_then(duration);
        if route.hash_source_ip {
            proxy.hash_policies = vec![UdpHashPolicy {
                policy_specifier: Some(udp_hash_policy::PolicySpecifier::SourceIp(true)),
            }];
        }
    }
    ListenerFilter {
        name: UDP.into(),
        config_type: Some(listener_filter::ConfigType::TypedConfig(any(&proxy))),
        ..ListenerFilter::default()
    }
}

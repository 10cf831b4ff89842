//! Connections and sessions that are not HTTP, from Envoy's words.

use envoy_types::pb::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
use envoy_types::pb::envoy::extensions::filters::network::tcp_proxy::v3::tcp_proxy::ClusterSpecifier;
use envoy_types::pb::envoy::extensions::filters::udp::udp_proxy::v3::udp_proxy_config::RouteSpecifier;
use envoy_types::pb::envoy::extensions::filters::udp::udp_proxy::v3::{Route as UdpRoute, UdpProxyConfig};
use envoy_types::pb::xds::r#type::matcher::v3::matcher::on_match;
use seaway_model::{ClusterName, Failure, L4Destination, L4Route, Target};

use crate::encode::l4::NOWHERE;
use crate::notes::Notes;
use crate::words::{from_any, millis};

/// Reads where connections go; `None`: nowhere.
///
/// # Errors
/// What a model cannot say.
pub(crate) fn tcp(said: &TcpProxy, notes: &Notes) -> Result<Option<L4Route>, String> {
    let split = match &said.cluster_specifier {
        Some(ClusterSpecifier::Cluster(name)) => vec![(name.clone(), 1)],
        Some(ClusterSpecifier::WeightedClusters(weighted)) => weighted
            .clusters
            .iter()
            .map(|c| (c.name.clone(), c.weight))
            .collect(),
        None => return Err("connections that go nowhere".into()),
    };
    let hashes = !said.hash_policy.is_empty();
    Ok(route(split, millis(said.idle_timeout.as_ref()), hashes, notes))
}

/// Reads where datagrams go; `None`: nowhere.
///
/// # Errors
/// What a model cannot say.
pub(crate) fn udp(said: &UdpProxyConfig, notes: &Notes) -> Result<Option<L4Route>, String> {
    #[expect(deprecated, reason = "other control planes still send it")]
    let cluster = match &said.route_specifier {
        Some(RouteSpecifier::Cluster(name)) => name.clone(),
        Some(RouteSpecifier::Matcher(matcher)) if matcher.matcher_type.is_none() => {
            let action = matcher.on_no_match.as_ref().and_then(|on| on.on_match.as_ref());
            match action {
                Some(on_match::OnMatch::Action(action)) => {
                    let route: Option<UdpRoute> = action.typed_config.as_ref().and_then(from_any);
                    route.ok_or("datagrams that do not go to a cluster")?.cluster
                }
                _ => return Err("datagrams that do not go to a cluster".into()),
            }
        }
        _ => return Err("datagrams that do not all go to one cluster".into()),
    };
    let hashes = !said.hash_policies.is_empty();
    Ok(route(
        vec![(cluster, 1)],
        millis(said.idle_timeout.as_ref()),
        hashes,
        notes,
    ))
}

fn route(
    split: Vec<(String, u32)>,
    idle_timeout: Option<seaway_model::Millis>,
    hash_source_ip: bool,
    notes: &Notes,
) -> Option<L4Route> {
    let split = notes.get::<Vec<(String, u32)>>("split").unwrap_or(split);
    if matches!(split.as_slice(), [(only, _)] if only == NOWHERE) {
        return None;
    }
    let mut failures = notes
        .get::<Vec<Option<Failure>>>("failures")
        .unwrap_or_default()
        .into_iter();
    let destinations: Vec<L4Destination> = split
        .into_iter()
        .map(|(name, weight)| L4Destination {
            target: match failures.next().flatten() {
                Some(failure) => Target::Fail(failure),
                None => Target::Cluster(ClusterName(name.into())),
            },
            weight,
        })
        .collect();
    destinations.iter().any(|d| d.weight > 0).then(|| L4Route {
        origin: notes.origin(),
        rule: notes.get("rule").unwrap_or_default(),
        destinations,
        idle_timeout,
        hash_source_ip,
    })
}

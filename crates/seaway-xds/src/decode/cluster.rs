//! Clusters and their endpoints, from Envoy's words.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use envoy_types::pb::envoy::config::cluster::v3::Cluster as XdsCluster;
use envoy_types::pb::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, DiscoveryType, LbConfig, LbPolicy, SlowStartConfig,
};
use envoy_types::pb::envoy::config::core::v3::{
    HealthStatus, Locality as XdsLocality, address, proxy_protocol_config,
};
use envoy_types::pb::envoy::config::endpoint::v3::{
    ClusterLoadAssignment, LbEndpoint, LocalityLbEndpoints, lb_endpoint::HostIdentifier,
};
use envoy_types::pb::envoy::extensions::transport_sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport;
use envoy_types::pb::envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer;
use envoy_types::pb::envoy::extensions::upstreams::http::v3::HttpProtocolOptions;
use envoy_types::pb::envoy::extensions::upstreams::http::v3::http_protocol_options::{
    UpstreamProtocolOptions, explicit_http_config::ProtocolConfig,
};
use envoy_types::pb::google::protobuf::{UInt32Value, UInt64Value};
use seaway_model::{
    Balancing, BalancingSettings, Cluster, ClusterName, ConnectionPool, Endpoint, EndpointHealth,
    EndpointSource, Fraction, Http2Keepalive, Locality, LocalityWeight, Millis, NamedEndpoint,
    OutlierDetection, ProxyProtocolVersion, RetryBudget, TcpKeepalive, UpstreamProtocol, Warmup,
};

use super::{limits, listener, tls};
use crate::encode::cluster::{HTTP, IDLE};
use crate::notes::Notes;
use crate::words::{from_any, millis, of_percent};

/// Reads a cluster. `assignment`: what came over EDS.
///
/// # Errors
/// What a model cannot say.
pub(crate) fn cluster(
    said: &XdsCluster,
    assignment: Option<&ClusterLoadAssignment>,
    refusals: &mut Vec<String>,
) -> Result<Cluster, String> {
    let notes = Notes::of(said.metadata.as_ref());
    let mut read = Cluster::new(
        ClusterName(said.name.as_str().into()),
        notes.origin(),
        endpoints(said, assignment, refusals)?,
    );
    read.service = notes.get("service");
    read.subset = notes.get("subset");
    read.balancing = balancing(said)?;
    read.balancing_settings = settings(said, &notes);
    read.connect_timeout = match millis(said.connect_timeout.as_ref()) {
        Some(Millis(0)) => return Err("a connect timeout of nothing".into()),
        said => said.unwrap_or(Millis(5_000)),
    };
    let (circuit_breakers, budget) = limits::circuit_breakers(said.circuit_breakers.as_ref());
    read.circuit_breakers = circuit_breakers;
    read.retry_budget = notes
        .get("retryBudget")
        .or(budget)
        .unwrap_or_else(|| RetryBudget {
            budget: Fraction::from_millionths(200_000),
            min_concurrency: 3,
        });
    read.outlier_detection = said.outlier_detection.as_ref().map(|outlier| {
        let noted = notes.get::<OutlierDetection>("outlierDetection");
        let mut read = noted.unwrap_or_else(|| limits::outlier_detection(outlier));
        let common = said.common_lb_config.as_ref();
        read.min_health = of_percent(common.and_then(|common| common.healthy_panic_threshold.as_ref()))
            .unwrap_or(Fraction::from_millionths(500_000));
        read
    });
    transport(said, &mut read)?;
    http(said, &mut read);
    if let Some(keepalive) = said
        .upstream_connection_options
        .as_ref()
        .and_then(|options| options.tcp_keepalive.as_ref())
    {
        let seconds = |value: Option<&UInt32Value>| value.map(|v| Millis(u64::from(v.value) * 1_000));
        read.connection_pool.tcp_keepalive = Some(TcpKeepalive {
            probes: keepalive.keepalive_probes.as_ref().map(|number| number.value),
            time: seconds(keepalive.keepalive_time.as_ref()),
            interval: seconds(keepalive.keepalive_interval.as_ref()),
        });
    }
    if let Some(noted) = notes.get::<ConnectionPool>("connectionPool") {
        read.connection_pool = noted;
    }
    Ok(read)
}

fn balancing(said: &XdsCluster) -> Result<Balancing, String> {
    Ok(match said.lb_policy() {
        LbPolicy::LeastRequest => Balancing::LeastRequest,
        LbPolicy::RoundRobin => Balancing::RoundRobin,
        LbPolicy::Random => Balancing::Random,
        LbPolicy::RingHash => Balancing::RingHash,
        LbPolicy::Maglev => Balancing::Maglev,
        LbPolicy::ClusterProvided | LbPolicy::LoadBalancingPolicyConfig => {
            return Err("balancing by an extension".into());
        }
    })
}

fn settings(said: &XdsCluster, notes: &Notes) -> BalancingSettings {
    let small = |size: Option<&UInt64Value>| size.and_then(|size| u32::try_from(size.value).ok());
    let mut settings = BalancingSettings::default();
    match &said.lb_config {
        Some(LbConfig::RingHashLbConfig(ring)) => {
            settings.minimum_ring_size = small(ring.minimum_ring_size.as_ref());
        }
        Some(LbConfig::MaglevLbConfig(maglev)) => {
            settings.maglev_table_size = small(maglev.table_size.as_ref());
        }
        Some(LbConfig::LeastRequestLbConfig(least)) => {
            settings.warmup = least.slow_start_config.as_ref().and_then(warmup);
        }
        Some(LbConfig::RoundRobinLbConfig(round)) => {
            settings.warmup = round.slow_start_config.as_ref().and_then(warmup);
        }
        Some(LbConfig::OriginalDstLbConfig(_)) | None => {}
    }
    if let Some((minimum_ring_size, maglev_table_size, noted)) =
        notes.get::<(Option<u32>, Option<u32>, Option<(u64, u32, u32)>)>("balancing")
    {
        settings.minimum_ring_size = minimum_ring_size;
        settings.maglev_table_size = maglev_table_size;
        settings.warmup = noted.map(|(duration, minimum, aggression)| Warmup {
            duration: Millis(duration),
            minimum: Fraction::from_millionths(minimum),
            aggression,
        });
    }
    type Weight = (Arc<str>, Arc<str>, Arc<str>, u32);
    settings.locality_weights = notes
        .get::<Vec<Weight>>("localityWeights")
        .unwrap_or_default()
        .into_iter()
        .map(|(region, zone, subzone, weight)| LocalityWeight {
            locality: Locality {
                region,
                zone,
                subzone,
            },
            weight,
        })
        .collect();
    settings
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped before; what is not a number becomes 0"
)]
fn warmup(said: &SlowStartConfig) -> Option<Warmup> {
    let aggression = said.aggression.as_ref().map_or(1.0, |value| value.default_value);
    Some(Warmup {
        duration: millis(said.slow_start_window.as_ref())?,
        minimum: of_percent(said.min_weight_percent.as_ref()).unwrap_or(Fraction::from_millionths(100_000)),
        aggression: (aggression * 1_000.0).round().clamp(0.0, f64::from(u32::MAX)) as u32,
    })
}

fn transport(said: &XdsCluster, read: &mut Cluster) -> Result<(), String> {
    let Some(mut any) = said.transport_socket.as_ref().and_then(tls::config).cloned() else {
        return Ok(());
    };
    if let Some(outer) = from_any::<ProxyProtocolUpstreamTransport>(&any) {
        let version = outer.config.unwrap_or_default().version();
        read.proxy_protocol = Some(match version {
            proxy_protocol_config::Version::V1 => ProxyProtocolVersion::V1,
            proxy_protocol_config::Version::V2 => ProxyProtocolVersion::V2,
        });
        match outer.transport_socket.as_ref().and_then(tls::config) {
            Some(inner) => any = inner.clone(),
            None => return Ok(()),
        }
    }
    if from_any::<RawBuffer>(&any).is_none() {
        read.tls = Some(tls::upstream(&any)?);
    }
    Ok(())
}

fn http(said: &XdsCluster, read: &mut Cluster) {
    let options: HttpProtocolOptions = said
        .typed_extension_protocol_options
        .get(HTTP)
        .and_then(from_any)
        .unwrap_or_default();
    let pool = &mut read.connection_pool;
    if let Some(common) = &options.common_http_protocol_options {
        pool.idle_timeout = millis(common.idle_timeout.as_ref()).filter(|timeout| *timeout != IDLE);
        pool.max_connection_duration = millis(common.max_connection_duration.as_ref());
        pool.max_requests_per_connection = common
            .max_requests_per_connection
            .as_ref()
            .map(|number| number.value)
            .filter(|number| *number > 0);
    }
    let explicit = match &options.upstream_protocol_options {
        Some(UpstreamProtocolOptions::ExplicitHttpConfig(explicit)) => explicit.protocol_config.as_ref(),
        _ => None,
    };
    if let Some(ProtocolConfig::Http2ProtocolOptions(http2)) = explicit {
        read.protocol = UpstreamProtocol::Http2;
        pool.max_concurrent_streams = http2.max_concurrent_streams.as_ref().map(|number| number.value);
        pool.http2_keepalive = http2.connection_keepalive.as_ref().and_then(|pings| {
            Some(Http2Keepalive {
                interval: millis(pings.interval.as_ref())?,
                timeout: millis(pings.timeout.as_ref())?,
            })
        });
    }
}

fn endpoints(
    said: &XdsCluster,
    assignment: Option<&ClusterLoadAssignment>,
    refusals: &mut Vec<String>,
) -> Result<EndpointSource, String> {
    let kind = match &said.cluster_discovery_type {
        None => DiscoveryType::Static,
        Some(ClusterDiscoveryType::Type(kind)) => {
            DiscoveryType::try_from(*kind).map_err(|_| "an unknown kind of cluster")?
        }
        Some(ClusterDiscoveryType::ClusterType(_)) => return Err("a cluster of an extension".into()),
    };
    let inline = said.load_assignment.as_ref();
    match kind {
        DiscoveryType::Eds => Ok(EndpointSource::Static(addresses(assignment, refusals))),
        DiscoveryType::Static => Ok(EndpointSource::Static(addresses(inline, refusals))),
        DiscoveryType::StrictDns => Ok(EndpointSource::Dns(names(inline))),
        DiscoveryType::LogicalDns => names(inline)
            .into_iter()
            .next()
            .map(EndpointSource::LogicalDns)
            .ok_or_else(|| "a name to look up is missing".into()),
        DiscoveryType::OriginalDst => Err("the address that the client asked for".into()),
    }
}

/// All endpoints in the order in which they were said.
fn all(assignment: Option<&ClusterLoadAssignment>) -> Vec<(&LocalityLbEndpoints, &LbEndpoint)> {
    let groups = assignment
        .into_iter()
        .flat_map(|assignment| &assignment.endpoints);
    let mut all: Vec<_> = groups
        .flat_map(|group| group.lb_endpoints.iter().map(move |endpoint| (group, endpoint)))
        .collect();
    all.sort_by_key(|(_, endpoint)| Notes::of(endpoint.metadata.as_ref()).get::<usize>("place"));
    all
}

fn host_and_port(endpoint: &LbEndpoint) -> Option<(&str, u16)> {
    let Some(HostIdentifier::Endpoint(endpoint)) = &endpoint.host_identifier else {
        return None;
    };
    match endpoint.address.as_ref()?.address.as_ref()? {
        address::Address::SocketAddress(socket) => Some((&socket.address, listener::port(socket).ok()?)),
        _ => None,
    }
}

fn place(said: Option<&XdsLocality>) -> Option<Locality> {
    said.map(|said| Locality {
        region: said.region.as_str().into(),
        zone: said.zone.as_str().into(),
        subzone: said.sub_zone.as_str().into(),
    })
}

fn addresses(assignment: Option<&ClusterLoadAssignment>, refusals: &mut Vec<String>) -> Vec<Endpoint> {
    let mut read = Vec::new();
    for (group, endpoint) in all(assignment) {
        let health = match endpoint.health_status() {
            HealthStatus::Unknown | HealthStatus::Healthy => EndpointHealth::Healthy,
            HealthStatus::Draining | HealthStatus::Degraded => EndpointHealth::Draining,
            HealthStatus::Unhealthy | HealthStatus::Timeout => continue,
        };
        let address = host_and_port(endpoint)
            .and_then(|(host, port)| Some(SocketAddr::new(host.parse::<IpAddr>().ok()?, port)));
        let Some(address) = address else {
            refusals.push("an endpoint that is not an IP address with a port".into());
            continue;
        };
        read.push(Endpoint {
            address,
            weight: endpoint
                .load_balancing_weight
                .as_ref()
                .map_or(1, |weight| weight.value.max(1)),
            health,
            locality: place(group.locality.as_ref()),
            priority: group.priority,
        });
    }
    read
}

fn names(assignment: Option<&ClusterLoadAssignment>) -> Vec<NamedEndpoint> {
    all(assignment)
        .into_iter()
        .filter_map(|(group, endpoint)| {
            let (host, port) = host_and_port(endpoint)?;
            Some(NamedEndpoint {
                host: host.into(),
                port,
                weight: endpoint
                    .load_balancing_weight
                    .as_ref()
                    .map_or(1, |weight| weight.value.max(1)),
                locality: place(group.locality.as_ref()),
                priority: group.priority,
            })
        })
        .collect()
}

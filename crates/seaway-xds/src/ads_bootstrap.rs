//! What an Envoy starts with that is told everything else over ADS.

use std::net::{IpAddr, SocketAddr};

use envoy_types::pb::envoy::config::bootstrap::v3::bootstrap::{DynamicResources, StaticResources};
use envoy_types::pb::envoy::config::bootstrap::v3::{Admin, Bootstrap};
use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType};
use envoy_types::pb::envoy::config::core::v3::address::Address as OneAddress;
use envoy_types::pb::envoy::config::core::v3::api_config_source::ApiType;
use envoy_types::pb::envoy::config::core::v3::config_source::ConfigSourceSpecifier;
use envoy_types::pb::envoy::config::core::v3::grpc_service::{EnvoyGrpc, TargetSpecifier};
use envoy_types::pb::envoy::config::core::v3::socket_address::PortSpecifier;
use envoy_types::pb::envoy::config::core::v3::{
    Address, AggregatedConfigSource, ApiConfigSource, ApiVersion, ConfigSource, GrpcService,
    Http2ProtocolOptions, KeepaliveSettings, Node, SocketAddress,
};
use envoy_types::pb::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use envoy_types::pb::envoy::config::endpoint::v3::{
    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints,
};
use envoy_types::pb::envoy::extensions::upstreams::http::v3::HttpProtocolOptions;
use envoy_types::pb::envoy::extensions::upstreams::http::v3::http_protocol_options::explicit_http_config::ProtocolConfig;
use envoy_types::pb::envoy::extensions::upstreams::http::v3::http_protocol_options::{
    ExplicitHttpConfig, UpstreamProtocolOptions,
};
use envoy_types::pb::google::protobuf::Duration;

use crate::words::any;

/// The name of the control plane's cluster.
const CONTROL_PLANE: &str = "seaway-control-plane";

/// Where the control plane is, and who the Envoy is.
#[derive(Clone, Copy, Debug)]
pub struct AdsBootstrap<'a> {
    /// A name or an address.
    pub host: &'a str,
    /// Of the control plane.
    pub port: u16,
    /// The node's id.
    pub node: &'a str,
    /// The node's cluster.
    pub cluster: &'a str,
    /// Where Envoy's own interface is bound, if anywhere.
    pub admin: Option<SocketAddr>,
}

/// The bootstrap: incremental ADS for listeners and clusters, and through them for everything.
#[must_use]
pub fn ads_bootstrap(from: &AdsBootstrap<'_>) -> Bootstrap {
    Bootstrap {
        node: Some(Node {
            id: from.node.to_owned(),
            cluster: from.cluster.to_owned(),
            ..Node::default()
        }),
        dynamic_resources: Some(DynamicResources {
            lds_config: Some(over_ads()),
            cds_config: Some(over_ads()),
            ads_config: Some(ads()),
            ..DynamicResources::default()
        }),
        static_resources: Some(StaticResources {
            clusters: vec![control_plane(from.host, from.port)],
            ..StaticResources::default()
        }),
        admin: from.admin.map(|admin| Admin {
            address: Some(address(&admin.ip().to_string(), admin.port())),
            ..Admin::default()
        }),
        ..Bootstrap::default()
    }
}

fn over_ads() -> ConfigSource {
    ConfigSource {
        resource_api_version: ApiVersion::V3.into(),
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
        ..ConfigSource::default()
    }
}

fn ads() -> ApiConfigSource {
    ApiConfigSource {
        api_type: ApiType::DeltaGrpc.into(),
        transport_api_version: ApiVersion::V3.into(),
        grpc_services: vec![GrpcService {
            target_specifier: Some(TargetSpecifier::EnvoyGrpc(EnvoyGrpc {
                cluster_name: CONTROL_PLANE.to_owned(),
                ..EnvoyGrpc::default()
            })),
            ..GrpcService::default()
        }],
        ..ApiConfigSource::default()
    }
}

fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

/// A name is looked up; pings find a connection that has silently died.
fn control_plane(host: &str, port: u16) -> Cluster {
    let kind = if host.parse::<IpAddr>().is_ok() {
        DiscoveryType::Static
    } else {
        DiscoveryType::StrictDns
    };
    let http2 = Http2ProtocolOptions {
        connection_keepalive: Some(KeepaliveSettings {
            interval: seconds(30),
            timeout: seconds(5),
            ..KeepaliveSettings::default()
        }),
        ..Http2ProtocolOptions::default()
    };
    let options = HttpProtocolOptions {
        upstream_protocol_options: Some(UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
            protocol_config: Some(ProtocolConfig::Http2ProtocolOptions(http2)),
        })),
        ..HttpProtocolOptions::default()
    };
    let endpoint = LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(Endpoint {
            address: Some(address(host, port)),
            ..Endpoint::default()
        })),
        ..LbEndpoint::default()
    };
    Cluster {
        name: CONTROL_PLANE.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(kind.into())),
        connect_timeout: seconds(5),
        typed_extension_protocol_options: [(crate::encode::HTTP.to_owned(), any(&options))].into(),
        load_assignment: Some(ClusterLoadAssignment {
            cluster_name: CONTROL_PLANE.to_owned(),
            endpoints: vec![LocalityLbEndpoints {
                lb_endpoints: vec![endpoint],
                ..LocalityLbEndpoints::default()
            }],
            ..ClusterLoadAssignment::default()
        }),
        ..Cluster::default()
    }
}

fn address(host: &str, port: u16) -> Address {
    Address {
        address: Some(OneAddress::SocketAddress(SocketAddress {
            address: host.to_owned(),
            port_specifier: Some(PortSpecifier::PortValue(port.into())),
            ..SocketAddress::default()
        })),
    }
}

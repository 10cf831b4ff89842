//! What a cluster or a listener refers to by name, and must therefore be asked for.

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType};
use envoy_types::pb::envoy::config::core::v3::{TransportSocket, transport_socket};
use envoy_types::pb::envoy::config::listener::v3::{Filter, Listener, filter};
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::RouteSpecifier;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::common_tls_context::ValidationContextType;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::{
    CommonTlsContext, DownstreamTlsContext, UpstreamTlsContext,
};
use envoy_types::pb::google::protobuf::Any;
use prost::{Message, Name};

use crate::Kind;
use crate::notes::Notes;

/// The endpoints that a cluster gets by EDS, and the secrets of its TLS.
pub(super) fn of_cluster(cluster: &Cluster) -> Vec<(Kind, String)> {
    let mut found = Vec::new();
    if cluster.cluster_discovery_type == Some(ClusterDiscoveryType::Type(DiscoveryType::Eds as i32)) {
        let named = cluster
            .eds_cluster_config
            .as_ref()
            .map(|config| &config.service_name);
        let name = named.filter(|name| !name.is_empty()).unwrap_or(&cluster.name);
        found.push((Kind::Endpoints, name.clone()));
    }
    let context = transport::<UpstreamTlsContext>(cluster.transport_socket.as_ref());
    secrets(context.and_then(|context| context.common_tls_context), &mut found);
    found
}

/// The routes that a listener gets by RDS, those too that it only notes for readers like us, and the secrets of its TLS.
pub(super) fn of_listener(listener: &Listener) -> Vec<(Kind, String)> {
    let noted = Notes::of(listener.metadata.as_ref()).get::<String>("routes");
    let mut found: Vec<_> = noted.into_iter().map(|name| (Kind::Routes, name)).collect();
    for chain in listener
        .filter_chains
        .iter()
        .chain(&listener.default_filter_chain)
    {
        let context = transport::<DownstreamTlsContext>(chain.transport_socket.as_ref());
        secrets(context.and_then(|context| context.common_tls_context), &mut found);
        found.extend(
            chain
                .filters
                .iter()
                .filter_map(routes)
                .map(|name| (Kind::Routes, name)),
        );
    }
    found.sort();
    found.dedup();
    found
}

fn routes(filter: &Filter) -> Option<String> {
    let Some(filter::ConfigType::TypedConfig(config)) = &filter.config_type else {
        return None;
    };
    match unpack::<HttpConnectionManager>(config)?.route_specifier? {
        RouteSpecifier::Rds(rds) => Some(rds.route_config_name),
        RouteSpecifier::RouteConfig(_) | RouteSpecifier::ScopedRoutes(_) => None,
    }
}

fn transport<M: Message + Name + Default>(socket: Option<&TransportSocket>) -> Option<M> {
    match socket?.config_type.as_ref()? {
        transport_socket::ConfigType::TypedConfig(config) => unpack(config),
    }
}

/// A message of another type, and one that cannot be read, refers to nothing: what is wrong with it is said by whoever
/// decodes the resource.
fn unpack<M: Message + Name + Default>(any: &Any) -> Option<M> {
    let (_, name) = any.type_url.rsplit_once('/')?;
    (name == M::full_name())
        .then(|| M::decode(any.value.as_slice()).ok())
        .flatten()
}

fn secrets(context: Option<CommonTlsContext>, found: &mut Vec<(Kind, String)>) {
    let Some(context) = context else { return };
    let certificates = context.tls_certificate_sds_secret_configs.into_iter();
    let validation = match context.validation_context_type {
        Some(ValidationContextType::ValidationContextSdsSecretConfig(config)) => Some(config),
        Some(ValidationContextType::CombinedValidationContext(combined)) => {
            combined.validation_context_sds_secret_config
        }
        _ => None,
    };
    let by_sds = certificates
        .chain(validation)
        .filter(|config| config.sds_config.is_some());
    found.extend(by_sds.map(|config| (Kind::Secret, config.name)));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of HTTPS, Envoy is told the routes of each certificate apart, and a reader like us where all of them are.
    #[test]
    fn routes_that_are_only_noted_are_asked_for() {
        let mut notes = Notes::default();
        notes.set("routes", "https-443");
        let listener = Listener {
            metadata: notes.into_metadata(),
            ..Listener::default()
        };
        assert_eq!(of_listener(&listener), [(Kind::Routes, "https-443".to_owned())]);
    }
}

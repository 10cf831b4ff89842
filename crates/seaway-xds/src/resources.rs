//! The resources of xDS, by kind and name.

use std::collections::BTreeMap;
use std::sync::Arc;

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use envoy_types::pb::envoy::config::listener::v3::Listener;
use envoy_types::pb::envoy::config::route::v3::RouteConfiguration;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::Secret;

/// Everything that an Envoy is told.
///
/// Two resources are the same if they compare equal. Their bytes need not be: protobuf gives maps no order, and prost
/// writes them in the order of a `HashMap`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources {
    /// LDS.
    pub listeners: BTreeMap<String, Arc<Listener>>,
    /// RDS.
    pub routes: BTreeMap<String, Arc<RouteConfiguration>>,
    /// CDS.
    pub clusters: BTreeMap<String, Arc<Cluster>>,
    /// EDS; the name is that of the cluster.
    pub endpoints: BTreeMap<String, Arc<ClusterLoadAssignment>>,
    /// SDS.
    pub secrets: BTreeMap<String, Arc<Secret>>,
}

/// A kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `Cluster`
    Cluster,
    /// `ClusterLoadAssignment`
    Endpoints,
    /// `Secret`
    Secret,
    /// `Listener`
    Listener,
    /// `RouteConfiguration`
    Routes,
}

impl Kind {
    /// All, in the order in which an update breaks nothing: what is referred to comes before what refers to it.
    pub const ALL: [Self; 5] = [
        Self::Cluster,
        Self::Endpoints,
        Self::Secret,
        Self::Listener,
        Self::Routes,
    ];

    /// The type URL, as in `Any` and in discovery requests.
    #[must_use]
    pub fn type_url(self) -> &'static str {
        match self {
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoints => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Secret => "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Routes => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        }
    }

    /// `clusters`: what it is called in `/clients`, metrics and logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Cluster => "clusters",
            Self::Endpoints => "endpoints",
            Self::Secret => "secrets",
            Self::Listener => "listeners",
            Self::Routes => "routes",
        }
    }

    /// Whether a client that names nothing means all there are. The others are asked for by the names that listeners
    /// and clusters refer to.
    #[must_use]
    pub fn is_wildcard(self) -> bool {
        matches!(self, Self::Cluster | Self::Listener)
    }

    /// The kind with this type URL.
    #[must_use]
    pub fn of_type_url(url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.type_url() == url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_type_url() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of_type_url(kind.type_url()), Some(kind));
        }
    }
}

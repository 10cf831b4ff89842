//! What an Envoy starts with.

use std::sync::Arc;

use envoy_types::pb::envoy::config::bootstrap::v3::{Admin, Bootstrap, bootstrap::StaticResources};
use envoy_types::pb::envoy::config::core::v3::{
    Address, SocketAddress, address, socket_address::PortSpecifier,
};

use crate::Resources;

/// Everything in one file, for resources that were made for [`crate::Delivery::Static`]. `admin`: where Envoy's own
/// interface is bound, if anywhere.
#[must_use]
pub fn static_bootstrap(resources: &Resources, admin: Option<std::net::SocketAddr>) -> Bootstrap {
    Bootstrap {
        static_resources: Some(StaticResources {
            listeners: resources
                .listeners
                .values()
                .map(|one| Arc::unwrap_or_clone(one.clone()))
                .collect(),
            clusters: resources
                .clusters
                .values()
                .map(|one| Arc::unwrap_or_clone(one.clone()))
                .collect(),
            secrets: resources
                .secrets
                .values()
                .map(|one| Arc::unwrap_or_clone(one.clone()))
                .collect(),
        }),
        admin: admin.map(|admin| Admin {
            address: Some(Address {
                address: Some(address::Address::SocketAddress(SocketAddress {
                    address: admin.ip().to_string(),
                    port_specifier: Some(PortSpecifier::PortValue(admin.port().into())),
                    ..SocketAddress::default()
                })),
            }),
            ..Admin::default()
        }),
        ..Bootstrap::default()
    }
}

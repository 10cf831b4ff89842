//! Which connections that are not HTTP go where: all of a port, or those of a server name.

use std::collections::BTreeMap;
use std::sync::Arc;

use seaway_model::{HostMatch, L4Route, Protocol, ServerCertificate, ServerNameRoute, TlsMode};

use super::Wanted;
use crate::draft::Connections;
use crate::site::Site;

/// Where every connection of a port goes: where the first that asks for it says.
pub(super) fn all(site: &Site, wanted: &Wanted) -> Option<Arc<L4Route>> {
    if site.protocol != Protocol::Tcp {
        return None;
    }
    let mut on_site = wanted.connections.iter().filter(|c| c.socket == site.socket);
    on_site.next().map(|connections| connections.route.clone())
}

/// The routes of server names: of each name the first. One that ends TLS needs the certificate of its own name, which is
/// that of the server it belongs to; where that could not be had, the handshake is refused, and there is no route.
pub(super) fn by_server_name(
    site: &Site,
    wanted: &Wanted,
    certificates: &mut Vec<ServerCertificate>,
) -> Vec<ServerNameRoute> {
    let mut first: BTreeMap<&HostMatch, (TlsMode, &Connections)> = BTreeMap::new();
    for connections in wanted.connections.iter().filter(|c| c.socket == site.socket) {
        if let Some((host, mode)) = &connections.server_name {
            first.entry(host).or_insert((*mode, connections));
        }
    }
    first
        .into_iter()
        .filter(|(host, (mode, _))| *mode == TlsMode::Passthrough || has_certificate(host, certificates))
        .map(|(host, (mode, connections))| ServerNameRoute {
            host: host.clone(),
            mode,
            route: connections.route.clone(),
        })
        .collect()
}

/// Whether there is a certificate for exactly this host; makes one of that for a wider host.
fn has_certificate(host: &HostMatch, certificates: &mut Vec<ServerCertificate>) -> bool {
    let Err(at) = certificates.binary_search_by(|certificate| certificate.host.cmp(host)) else {
        return true;
    };
    let wider = certificates
        .iter()
        .find(|certificate| crate::istio::hosts::covers(&certificate.host, host));
    let Some(wider) = wider.cloned() else {
        return false;
    };
    certificates.insert(
        at,
        ServerCertificate {
            host: host.clone(),
            ..wider
        },
    );
    true
}

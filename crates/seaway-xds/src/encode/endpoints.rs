//! Endpoints, grouped by locality and priority as Envoy wants them.

use envoy_types::pb::envoy::config::core::v3::{
    Address, HealthStatus, Locality as XdsLocality, SocketAddress, address, socket_address::PortSpecifier,
};
use envoy_types::pb::envoy::config::endpoint::v3::cluster_load_assignment::Policy;
use envoy_types::pb::envoy::config::endpoint::v3::{
    ClusterLoadAssignment, Endpoint as XdsEndpoint, LbEndpoint, LocalityLbEndpoints,
    lb_endpoint::HostIdentifier,
};
use seaway_model::{Cluster, Endpoint, EndpointHealth, Locality, LocalityWeight, NamedEndpoint};

use crate::notes::Notes;
use crate::words::number;

/// In percent: any healthy endpoint is enough. Of one priority, draining ones are then used last of all.
const ANY_IS_ENOUGH: u32 = 100_000;

/// Endpoints that are known by their addresses.
pub(crate) fn of_addresses(cluster: &Cluster, all: &[Endpoint]) -> ClusterLoadAssignment {
    let mut groups = Groups::new(&cluster.balancing_settings.locality_weights);
    for endpoint in all {
        let status = match endpoint.health {
            EndpointHealth::Healthy => HealthStatus::Unknown,
            EndpointHealth::Draining => HealthStatus::Degraded,
        };
        groups.add(
            endpoint.locality.as_ref(),
            endpoint.priority,
            lb_endpoint(
                endpoint.address.ip().to_string(),
                endpoint.address.port(),
                endpoint.weight,
                status,
            ),
        );
    }
    let mut assignment = groups.finish(cluster);
    let drains = all
        .iter()
        .any(|endpoint| endpoint.health == EndpointHealth::Draining);
    if drains && all.iter().all(|endpoint| endpoint.priority == 0) {
        assignment.policy = Some(Policy {
            overprovisioning_factor: number(ANY_IS_ENOUGH),
            ..Policy::default()
        });
    }
    assignment
}

/// Endpoints that are known by their names.
pub(crate) fn of_names(cluster: &Cluster, names: &[NamedEndpoint]) -> ClusterLoadAssignment {
    let mut groups = Groups::new(&cluster.balancing_settings.locality_weights);
    for name in names {
        groups.add(
            name.locality.as_ref(),
            name.priority,
            lb_endpoint(
                name.host.to_string(),
                name.port,
                name.weight,
                HealthStatus::Unknown,
            ),
        );
    }
    groups.finish(cluster)
}

fn lb_endpoint(host: String, port: u16, weight: u32, status: HealthStatus) -> LbEndpoint {
    LbEndpoint {
        health_status: status.into(),
        load_balancing_weight: number(weight.max(1)),
        host_identifier: Some(HostIdentifier::Endpoint(XdsEndpoint {
            address: Some(Address {
                address: Some(address::Address::SocketAddress(SocketAddress {
                    address: host,
                    port_specifier: Some(PortSpecifier::PortValue(port.into())),
                    ..SocketAddress::default()
                })),
            }),
            ..XdsEndpoint::default()
        })),
        ..LbEndpoint::default()
    }
}

/// Groups in the order of their first endpoint. An endpoint that is not last in its group's turn notes its place.
struct Groups<'m> {
    weights: &'m [LocalityWeight],
    made: Vec<LocalityLbEndpoints>,
    order: Vec<usize>,
}

impl<'m> Groups<'m> {
    fn new(weights: &'m [LocalityWeight]) -> Self {
        Self {
            weights,
            made: Vec::new(),
            order: Vec::new(),
        }
    }

    fn add(&mut self, locality: Option<&Locality>, priority: u32, endpoint: LbEndpoint) {
        let place = locality.map(|locality| XdsLocality {
            region: locality.region.to_string(),
            zone: locality.zone.to_string(),
            sub_zone: locality.subzone.to_string(),
        });
        let known = self
            .made
            .iter()
            .position(|group| group.locality == place && group.priority == priority);
        let index = known.unwrap_or_else(|| {
            let weight = self
                .weights
                .iter()
                .find(|weight| Some(&weight.locality) == locality);
            self.made.push(LocalityLbEndpoints {
                locality: place,
                priority,
                load_balancing_weight: weight
                    .and_then(|weight| number(weight.weight))
                    .filter(|w| w.value > 0),
                ..LocalityLbEndpoints::default()
            });
            self.made.len() - 1
        });
        self.order.push(index);
        if let Some(group) = self.made.get_mut(index) {
            group.lb_endpoints.push(endpoint);
        }
    }

    fn finish(mut self, cluster: &Cluster) -> ClusterLoadAssignment {
        if !self.order.is_sorted() {
            self.note_places();
        }
        ClusterLoadAssignment {
            cluster_name: cluster.name.0.to_string(),
            endpoints: self.made,
            ..ClusterLoadAssignment::default()
        }
    }

    fn note_places(&mut self) {
        let mut groups: Vec<_> = self
            .made
            .iter_mut()
            .map(|group| group.lb_endpoints.iter_mut())
            .collect();
        for (place, index) in self.order.iter().enumerate() {
            if let Some(endpoint) = groups.get_mut(*index).and_then(Iterator::next) {
                let mut notes = Notes::default();
                notes.set("place", place);
                endpoint.metadata = notes.into_metadata();
            }
        }
    }
}

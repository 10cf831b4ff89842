//! Listeners: where they are bound, and the chain of filters of each server name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use envoy_types::pb::envoy::config::core::v3::socket_address::{PortSpecifier, Protocol as Transport};
use envoy_types::pb::envoy::config::core::v3::{Address, SocketAddress, address};
use envoy_types::pb::envoy::config::listener::v3::{
    FilterChain, FilterChainMatch, Listener as XdsListener, ListenerFilter, UdpListenerConfig, listener_filter,
};
use envoy_types::pb::envoy::config::route::v3::{RouteConfiguration, VirtualHost as XdsVirtualHost};
use envoy_types::pb::envoy::extensions::filters::listener::proxy_protocol::v3::ProxyProtocol;
use envoy_types::pb::envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::Rds;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::RouteSpecifier;
use prost::Name;
use seaway_model::{
    HostMatch, Listener, ListenerTls, Origin, Protocol, SecretName, ServerCertificate, ServerNameRoute, TlsMode,
};

use super::{Delivery, Encoder, cluster, hcm, hosts, l4, tls};
use crate::notes::Notes;
use crate::words::{any, number, yes_or_no};

/// Larger bodies of direct responses are refused where nothing else is said.
const USUAL_BODY: usize = 4096;

impl Encoder<'_> {
    /// A listener and its route configurations. `None` where nothing of it can be said.
    pub(super) fn listener(&mut self, listener: &Listener) {
        let mut said = XdsListener {
            name: listener.name.to_string(),
            address: Some(self.address(listener)),
            ..XdsListener::default()
        };
        if listener.proxy_protocol {
            said.listener_filters.push(listener_filter(
                "envoy.filters.listener.proxy_protocol",
                &ProxyProtocol::default(),
            ));
        }
        let mut notes = self.listener_notes(listener);
        match listener.protocol {
            Protocol::Http => {
                let virtual_hosts = hosts::all(listener, &mut self.losses);
                let routes = self.routes(listener.name.to_string(), virtual_hosts, true);
                said.filter_chains.push(FilterChain {
                    filters: vec![hcm::filter(&listener.name, routes, false)],
                    ..FilterChain::default()
                });
            }
            Protocol::Https => {
                said.listener_filters.push(listener_filter(
                    "envoy.filters.listener.tls_inspector",
                    &TlsInspector::default(),
                ));
                said.filter_chains = self.chains(listener);
                notes.set("routes", &listener.name);
            }
            Protocol::Tcp => {
                let route = listener.l4.as_deref();
                said.filter_chains.push(FilterChain {
                    filters: vec![l4::tcp(&listener.name, route)],
                    metadata: route.and_then(|route| l4::notes(route, false).into_metadata()),
                    ..FilterChain::default()
                });
            }
            Protocol::Udp => {
                let route = listener.l4.as_deref();
                said.listener_filters
                    .push(l4::udp(&listener.name, route, &mut self.losses));
                said.udp_listener_config = Some(UdpListenerConfig::default());
                if let Some(route) = route {
                    notes.adopt("l4", l4::notes(route, true));
                }
            }
        }
        said.metadata = notes.into_metadata();
        self.resources.listeners.insert(said.name.clone(), said.into());
    }

    fn address(&self, listener: &Listener) -> Address {
        let bound = self
            .options
            .port_map
            .get(&listener.port)
            .copied()
            .unwrap_or(listener.port);
        let address = self.options.address.or(listener.address);
        let transport = match listener.protocol {
            Protocol::Udp => Transport::Udp,
            Protocol::Http | Protocol::Https | Protocol::Tcp => Transport::Tcp,
        };
        Address {
            address: Some(address::Address::SocketAddress(SocketAddress {
                protocol: transport.into(),
                address: address.map_or_else(|| "::".to_owned(), |address: IpAddr| address.to_string()),
                port_specifier: Some(PortSpecifier::PortValue(bound.into())),
                ipv4_compat: address.is_none(),
                ..SocketAddress::default()
            })),
        }
    }

    /// What is bound elsewhere than it says, and where its secrets were written: a secret has no place for notes.
    fn listener_notes(&self, listener: &Listener) -> Notes {
        let mut notes = Notes::new(&listener.origin);
        if self.options.port_map.contains_key(&listener.port) {
            notes.set("port", listener.port);
        }
        if self.options.address.is_some() {
            notes.set("address", listener.address);
        }
        // One that nobody uses, because another one has its host, is noted at the first listener.
        let is_first = self
            .model
            .listeners
            .first()
            .is_some_and(|first| first.name == listener.name);
        let unused = is_first.then(|| self.unused_secrets());
        let origins = self.origins(secrets_of(listener).chain(unused.iter().flatten().copied()));
        if !origins.is_empty() {
            notes.set("secrets", origins);
        }
        notes
    }

    fn unused_secrets(&self) -> Vec<&SecretName> {
        let of_listeners = self
            .model
            .listeners
            .iter()
            .flat_map(|listener| secrets_of(listener));
        let of_clusters = self
            .model
            .clusters
            .values()
            .flat_map(|cluster| cluster::secrets_of(cluster));
        let used: BTreeSet<&SecretName> = of_listeners.chain(of_clusters).collect();
        self.model
            .secrets
            .keys()
            .filter(|name| !used.contains(name))
            .collect()
    }

    /// Where secrets were written.
    pub(super) fn origins<'n>(
        &self,
        names: impl Iterator<Item = &'n SecretName>,
    ) -> BTreeMap<String, Origin> {
        names
            .filter_map(|name| Some((name.0.to_string(), self.model.secrets.get(name)?.origin.clone())))
            .filter(|(_, origin)| *origin != Origin::default())
            .collect()
    }

    /// Puts a route configuration where Envoy will look for it. `used`: Envoy asks for it at all.
    fn routes(&mut self, name: String, virtual_hosts: Vec<XdsVirtualHost>, used: bool) -> RouteSpecifier {
        let longest = virtual_hosts
            .iter()
            .flat_map(|host| &host.routes)
            .map(body_length)
            .max();
        let configuration = RouteConfiguration {
            name: name.clone(),
            virtual_hosts,
            // What a route says of a header that all routes take away counts.
            most_specific_header_mutations_wins: true,
            // A share may go to a cluster that there is not, on purpose.
            validate_clusters: yes_or_no(false),
            ignore_port_in_host_matching: true,
            // Envoy's own word for what `x-forwarded-for` says.
            request_headers_to_remove: vec!["x-envoy-external-address".into()],
            max_direct_response_body_size_bytes: longest
                .filter(|longest| *longest > USUAL_BODY)
                .and_then(|longest| number(u32::try_from(longest).unwrap_or(u32::MAX))),
            ..RouteConfiguration::default()
        };
        match self.options.delivery {
            Delivery::Static if used => RouteSpecifier::RouteConfig(configuration),
            Delivery::Static | Delivery::Ads => {
                if self.options.delivery == Delivery::Ads {
                    self.resources.routes.insert(name.clone(), configuration.into());
                }
                RouteSpecifier::Rds(Rds {
                    config_source: self.options.delivery.config_source(),
                    route_config_name: name,
                })
            }
        }
    }

    /// One chain for each server name, and for each certificate (and what is asked of clients beside it) a route
    /// configuration.
    fn chains(&mut self, listener: &Listener) -> Vec<FilterChain> {
        let empty = ListenerTls::default();
        let tls = listener.tls.as_ref().unwrap_or(&empty);
        // As a whole, for those who read it and not for Envoy, which is told of each certificate apart.
        let all = hosts::all(listener, &mut self.losses);
        self.routes(listener.name.to_string(), all, false);
        let mut by_proof = hosts::served_with(listener);
        let mut specifiers = BTreeMap::new();
        let (mut chains, mut taken) = (Vec::new(), BTreeSet::new());
        for certificate in &tls.certificates {
            if !self.is_there(&certificate.secret, listener) {
                continue;
            }
            let route = tls.routes.iter().find(|route| route.host == certificate.host);
            let mut chain = match route {
                Some(route) => relayed(listener, route, Some(certificate), self.options.delivery),
                None => {
                    let proof = hosts::proof(certificate);
                    let name = routes_name(listener, &proof);
                    let specifier = specifiers.entry(proof).or_insert_with_key(|proof| {
                        let hosts = by_proof.remove(proof).unwrap_or_default();
                        self.routes(name, hosts, true)
                    });
                    self.served(listener, certificate, specifier.clone())
                }
            };
            self.place(&mut chain, &certificate.host, listener, &mut taken)
                .into_iter()
                .for_each(|()| chains.push(chain.clone()));
        }
        for route in &tls.routes {
            if tls
                .certificates
                .iter()
                .any(|certificate| certificate.host == route.host)
            {
                continue;
            }
            let mut chain = relayed(listener, route, None, self.options.delivery);
            self.place(&mut chain, &route.host, listener, &mut taken)
                .into_iter()
                .for_each(|()| chains.push(chain.clone()));
        }
        if chains.is_empty() {
            // Envoy refuses a listener without any.
            chains.push(FilterChain {
                filters: vec![l4::tcp(&listener.name, None)],
                metadata: Notes::of_copy().into_metadata(),
                ..FilterChain::default()
            });
        }
        chains
    }

    /// Whether a secret has been made; one that has not would keep the whole listener from serving.
    fn is_there(&mut self, secret: &SecretName, listener: &Listener) -> bool {
        let there = self
            .model
            .secrets
            .get(secret)
            .is_some_and(|s| tls::secret(s).is_some());
        if !there {
            let why = "nobody has made it yet, so its server names are refused";
            let what = format!("secret {secret}");
            self.losses.add_text(&listener.origin, &what, why);
        }
        there
    }

    fn served(
        &self,
        listener: &Listener,
        certificate: &ServerCertificate,
        routes: RouteSpecifier,
    ) -> FilterChain {
        let client = certificate.parameters.client.is_some();
        FilterChain {
            filters: vec![hcm::filter(&listener.name, routes, client)],
            transport_socket: Some(tls::downstream(certificate, true, self.options.delivery)),
            ..FilterChain::default()
        }
    }

    /// Says for which server names a chain is; `None` where that cannot be said.
    fn place(
        &mut self,
        chain: &mut FilterChain,
        host: &HostMatch,
        listener: &Listener,
        taken: &mut BTreeSet<String>,
    ) -> Option<()> {
        let (name, why) = match host {
            HostMatch::Any => (None, None),
            HostMatch::Exact(name) if name.parse::<IpAddr>().is_ok() => (
                None,
                Some("Envoy cannot choose a certificate by an address that the client connects to"),
            ),
            HostMatch::Exact(name) => (Some(name.to_string()), None),
            HostMatch::OneLabel(suffix) | HostMatch::Suffix(suffix) if suffix.starts_with('.') => {
                (Some(format!("*{suffix}")), None)
            }
            HostMatch::OneLabel(_) | HostMatch::Suffix(_) => (
                None,
                Some("Envoy knows no wildcard for a part of a label in server names"),
            ),
        };
        let why = why.or_else(|| {
            (!taken.insert(name.clone().unwrap_or_default()))
                .then_some("Envoy cannot tell a wildcard for one label from one for many in server names")
        });
        if let Some(why) = why {
            self.losses
                .add_text(&listener.origin, &format!("server name {host}"), why);
            return None;
        }
        if let HostMatch::OneLabel(_) = host {
            let mut notes = Notes::of(chain.metadata.as_ref());
            notes.set(hosts::ONE_LABEL, true);
            chain.metadata = notes.into_metadata();
        }
        chain.name = host.to_string();
        chain.filter_chain_match = name.map(|name| FilterChainMatch {
            server_names: vec![name],
            ..FilterChainMatch::default()
        });
        Some(())
    }
}

/// `https-443:shop/web`, and what is asked of clients: `https-443:shop/web:shop/clients:optional:names=a,b`, with pins
/// `:keys=` and `:certificates=`.
fn routes_name(listener: &Listener, (secret, client): &hosts::Proof) -> String {
    let mut name = format!("{}:{secret}", listener.name);
    if let Some(client) = client {
        name.push_str(&format!(":{}", client.authorities));
        if !client.required {
            name.push_str(":optional");
        }
        if !client.subject_alt_names.is_empty() {
            name.push_str(&format!(":names={}", client.subject_alt_names.join(",")));
        }
        for (word, hashes) in [
            ("keys", &client.pins.keys),
            ("certificates", &client.pins.certificates),
        ] {
            if !hashes.is_empty() {
                let hashes: Vec<String> = hashes.iter().map(ToString::to_string).collect();
                name.push_str(&format!(":{word}={}", hashes.join(",")));
            }
        }
    }
    name
}

fn relayed(
    listener: &Listener,
    route: &ServerNameRoute,
    certificate: Option<&ServerCertificate>,
    delivery: Delivery,
) -> FilterChain {
    FilterChain {
        filters: vec![l4::tcp(&listener.name, Some(&route.route))],
        transport_socket: certificate
            .filter(|_| route.mode == TlsMode::Terminate)
            .map(|certificate| tls::downstream(certificate, false, delivery)),
        metadata: l4::notes(&route.route, false).into_metadata(),
        ..FilterChain::default()
    }
}

fn listener_filter<M: Name>(name: &str, config: &M) -> ListenerFilter {
    ListenerFilter {
        name: name.into(),
        config_type: Some(listener_filter::ConfigType::TypedConfig(any(config))),
        ..ListenerFilter::default()
    }
}

fn body_length(route: &envoy_types::pb::envoy::config::route::v3::Route) -> usize {
    use envoy_types::pb::envoy::config::core::v3::data_source::Specifier;
    use envoy_types::pb::envoy::config::route::v3::route::Action;
    match &route.action {
        Some(Action::DirectResponse(direct)) => match direct.body.as_ref().and_then(|b| b.specifier.as_ref())
        {
            Some(Specifier::InlineString(text)) => text.len(),
            _ => 0,
        },
        _ => 0,
    }
}

fn secrets_of(listener: &Listener) -> impl Iterator<Item = &SecretName> {
    let certificates = listener.tls.iter().flat_map(|tls| &tls.certificates);
    certificates.flat_map(|certificate| {
        let client = certificate.parameters.client.as_ref();
        std::iter::once(&certificate.secret)
            .chain(&certificate.alternative)
            .chain(client.map(|client| &client.authorities))
    })
}

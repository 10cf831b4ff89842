//! Listeners, from Envoy's words.

use std::net::IpAddr;
use std::sync::Arc;

use envoy_types::pb::envoy::config::core::v3::socket_address::{PortSpecifier, Protocol as Transport};
use envoy_types::pb::envoy::config::core::v3::{SocketAddress, address};
use envoy_types::pb::envoy::config::listener::v3::{
    Filter, FilterChain, Listener as XdsListener, ListenerFilter, filter, listener_filter,
};
use envoy_types::pb::envoy::extensions::filters::listener::proxy_protocol::v3::ProxyProtocol;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::RouteSpecifier;
use envoy_types::pb::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
use envoy_types::pb::envoy::extensions::filters::udp::udp_proxy::v3::UdpProxyConfig;
use envoy_types::pb::google::protobuf::Any;
use seaway_model::{HostMatch, Listener, ListenerTls, Protocol, ServerNameRoute, TlsMode, VirtualHost};

use super::{l4, route, tls as wire};
use crate::Resources;
use crate::encode::hosts::ONE_LABEL;
use crate::notes::Notes;
use crate::words::from_any;

/// Reads a listener, with its routes.
///
/// # Errors
/// What makes the whole of it unreadable. What makes a part so goes to `refusals`, and the rest is kept.
pub(crate) fn listener(
    said: &XdsListener,
    resources: &Resources,
    refusals: &mut Vec<String>,
) -> Result<Listener, String> {
    let notes = Notes::of(said.metadata.as_ref());
    let socket = said.address.as_ref().and_then(|address| address.address.as_ref());
    let Some(address::Address::SocketAddress(socket)) = socket else {
        return Err("an address that is not IP".into());
    };
    let mut read = Listener {
        name: said.name.as_str().into(),
        origin: notes.origin(),
        address: match notes.get::<Option<IpAddr>>("address") {
            Some(noted) => noted,
            None => bound_to(socket)?,
        },
        port: match notes.get("port") {
            Some(noted) => noted,
            None => port(socket)?,
        },
        protocol: Protocol::Tcp,
        proxy_protocol: filters(said).any(|any| any.type_url == <ProxyProtocol as prost::Name>::type_url()),
        tls: None,
        virtual_hosts: Vec::new(),
        l4: None,
    };
    if socket.protocol() == Transport::Udp {
        read.protocol = Protocol::Udp;
        let proxy: UdpProxyConfig = filters(said)
            .find_map(from_any)
            .ok_or("datagrams that are not relayed")?;
        read.l4 = l4::udp(&proxy, &notes.of_part("l4"))?.map(Arc::new);
        return Ok(read);
    }
    chains(said, &notes, resources, &mut read, refusals)?;
    Ok(read)
}

fn filters(said: &XdsListener) -> impl Iterator<Item = &Any> {
    said.listener_filters
        .iter()
        .filter_map(|filter: &ListenerFilter| match &filter.config_type {
            Some(listener_filter::ConfigType::TypedConfig(any)) => Some(any),
            _ => None,
        })
}

fn bound_to(socket: &SocketAddress) -> Result<Option<IpAddr>, String> {
    let address: IpAddr = socket
        .address
        .parse()
        .map_err(|_| format!("{:?} is not an IP address", socket.address))?;
    Ok((!(socket.ipv4_compat && address.is_unspecified())).then_some(address))
}

pub(crate) fn port(socket: &SocketAddress) -> Result<u16, String> {
    match socket.port_specifier {
        Some(PortSpecifier::PortValue(port)) => u16::try_from(port).map_err(|_| "a port above 65535".into()),
        _ => Err("a port that is not a number".into()),
    }
}

/// What a chain does with connections.
enum Inside {
    Http(Box<HttpConnectionManager>),
    Relay(Box<TcpProxy>),
}

fn inside(chain: &FilterChain) -> Result<Inside, String> {
    let configs = chain
        .filters
        .iter()
        .filter_map(|filter: &Filter| match &filter.config_type {
            Some(filter::ConfigType::TypedConfig(any)) => Some(any),
            _ => None,
        });
    for any in configs {
        if let Some(manager) = from_any::<HttpConnectionManager>(any) {
            return Ok(Inside::Http(Box::new(manager)));
        }
        if let Some(proxy) = from_any::<TcpProxy>(any) {
            return Ok(Inside::Relay(Box::new(proxy)));
        }
    }
    Err("a filter chain that neither speaks HTTP nor relays".into())
}

fn chains(
    said: &XdsListener,
    notes: &Notes,
    resources: &Resources,
    read: &mut Listener,
    refusals: &mut Vec<String>,
) -> Result<(), String> {
    let noted = notes.get::<String>("routes");
    let mut tls = ListenerTls::default();
    let all = || said.filter_chains.iter().chain(&said.default_filter_chain);
    let is_https =
        noted.is_some() || all().any(|chain| chain.transport_socket.is_some() || !names(chain).is_empty());
    if is_https {
        read.protocol = Protocol::Https;
    }
    let mut routes = noted.into_iter().collect::<Vec<_>>();
    let noted = !routes.is_empty();
    for chain in all() {
        let chain_notes = Notes::of(chain.metadata.as_ref());
        if chain_notes.is_copy() {
            continue;
        }
        match (inside(chain)?, is_https) {
            (Inside::Relay(proxy), false) => {
                read.l4 = l4::tcp(&proxy, &chain_notes)?.map(Arc::new);
                return Ok(());
            }
            (Inside::Relay(proxy), true) => relayed(chain, &proxy, &chain_notes, &mut tls)?,
            (Inside::Http(manager), _) => {
                if !is_https {
                    read.protocol = Protocol::Http;
                }
                if let Some(socket) = &chain.transport_socket {
                    for host in hosts(chain, &chain_notes)? {
                        tls.certificates.push(wire::downstream(socket, host)?);
                    }
                }
                if !noted {
                    match &manager.route_specifier {
                        Some(RouteSpecifier::Rds(rds)) => routes.push(rds.route_config_name.clone()),
                        Some(RouteSpecifier::RouteConfig(inline)) => {
                            add(
                                &mut read.virtual_hosts,
                                route::virtual_hosts(&inline.virtual_hosts, refusals),
                            );
                        }
                        _ => return Err("routes by scope".into()),
                    }
                }
            }
        }
    }
    routes.sort_unstable();
    routes.dedup();
    for name in routes {
        // A route configuration that has not come yet has no routes yet.
        if let Some(configuration) = resources.routes.get(&name) {
            add(
                &mut read.virtual_hosts,
                route::virtual_hosts(&configuration.virtual_hosts, refusals),
            );
        }
    }
    if is_https {
        tls.certificates.sort_by(|a, b| a.host.cmp(&b.host));
        tls.routes.sort_by(|a, b| a.host.cmp(&b.host));
        read.tls = Some(tls);
    }
    Ok(())
}

fn add(to: &mut Vec<VirtualHost>, more: Vec<VirtualHost>) {
    for host in more {
        if to.iter().all(|known| known.host != host.host) {
            to.push(host);
        }
    }
    to.sort_by(|a, b| a.host.cmp(&b.host));
}

fn relayed(
    chain: &FilterChain,
    proxy: &TcpProxy,
    notes: &Notes,
    tls: &mut ListenerTls,
) -> Result<(), String> {
    let Some(route) = l4::tcp(proxy, notes)?.map(Arc::new) else {
        return Ok(());
    };
    for host in hosts(chain, notes)? {
        let mode = match &chain.transport_socket {
            Some(socket) => {
                tls.certificates.push(wire::downstream(socket, host.clone())?);
                TlsMode::Terminate
            }
            None => TlsMode::Passthrough,
        };
        tls.routes.push(ServerNameRoute {
            host,
            mode,
            route: Arc::clone(&route),
        });
    }
    Ok(())
}

fn names(chain: &FilterChain) -> &[String] {
    chain
        .filter_chain_match
        .as_ref()
        .map(|matches| matches.server_names.as_slice())
        .unwrap_or_default()
}

fn hosts(chain: &FilterChain, notes: &Notes) -> Result<Vec<HostMatch>, String> {
    let one_label = notes.get::<bool>(ONE_LABEL).unwrap_or_default();
    let names = names(chain);
    if names.is_empty() {
        return Ok(vec![HostMatch::Any]);
    }
    names
        .iter()
        .map(|name| match route::host(name) {
            Some(HostMatch::Suffix(suffix)) if one_label => Ok(HostMatch::OneLabel(suffix)),
            Some(host) => Ok(host),
            None => Err(format!("the server name {name:?}")),
        })
        .collect()
}

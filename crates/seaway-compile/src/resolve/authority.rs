//! The text of a destination, taken apart: `service[.namespace[.svc[.cluster.local]]][:port]`, a DNS name, or an address.

use std::net::{IpAddr, Ipv6Addr};

use seaway_model::{HostMatch, HostMatchError};

/// A host and maybe a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) host: Host,
    pub(super) port: Option<u16>,
}

/// An address or a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Address(IpAddr),
    /// Lower case, without a trailing dot.
    Name(String),
}

impl Authority {
    /// Takes a text apart.
    ///
    /// # Errors
    /// Says what is wrong, in a clause that follows a colon.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(format!("leave out \"{scheme}://\""));
        }
        if text.contains('/') {
            return Err("it must not hold a path".to_owned());
        }
        // An IPv6 address without brackets can have no port, so it must be tried before a port is looked for.
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Ok(Self {
                host: Host::Address(address.into()),
                port: None,
            });
        }
        let (host, port) = split_port(text)?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = match bare {
            Some(inner) => inner
                .parse::<Ipv6Addr>()
                .map(|address| Host::Address(address.into()))
                .map_err(|_| format!("\"{inner}\" is not an IPv6 address"))?,
            None => name_or_address(host)?,
        };
        Ok(Self { host, port })
    }
}

fn split_port(text: &str) -> Result<(&str, Option<u16>), String> {
    let Some((host, port)) = text.rsplit_once(':') else {
        return Ok((text, None));
    };
    if port.contains(']') {
        return Ok((text, None));
    }
    match port.parse::<u16>() {
        Ok(number) if number > 0 && port.bytes().all(|b| b.is_ascii_digit()) => Ok((host, Some(number))),
        _ => Err(format!("\"{port}\" is not a port from 1 to 65535")),
    }
}

fn name_or_address(text: &str) -> Result<Host, String> {
    match HostMatch::parse(text) {
        Ok(HostMatch::Exact(name)) => Ok(name
            .parse::<IpAddr>()
            .map_or_else(|_| Host::Name(name.to_string()), Host::Address)),
        Ok(_) | Err(HostMatchError::Star) => Err("it must not hold a \"*\"".to_owned()),
        Err(HostMatchError::Port) => {
            Err("an IPv6 address is written in brackets, as in \"[2001:db8::1]:80\"".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// A name without `.svc` and the cluster's domain, and whether it had them and so can only be a Service.
pub(super) fn without_cluster_domain<'n>(name: &'n str, domain: &str) -> (&'n str, bool) {
    let of_domain = name
        .strip_suffix(domain)
        .and_then(|stem| stem.strip_suffix(".svc."));
    of_domain
        .or_else(|| name.strip_suffix(".svc"))
        .map_or((name, false), |stem| (stem, true))
}

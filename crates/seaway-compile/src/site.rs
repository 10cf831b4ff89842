//! The ports that are listened on, and who asked for each.
//!
//! All dialects share a port's listener. Two of them can only share it where both speak the same on it: else the older
//! object has it, and the other is told. The default gateway, which nobody wrote, gives way to every object.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use seaway_model::{Code, Origin, Protocol};

use crate::Options;
use crate::findings::{Findings, whereabouts};

/// What a listener is bound to. UDP is not among it: its ports are others, even with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Socket {
    /// The port, as configured.
    pub(crate) port: u16,
    /// `None`: every address.
    pub(crate) address: Option<IpAddr>,
}

impl Socket {
    /// A port of every address.
    pub(crate) fn any(port: u16) -> Self {
        Self { port, address: None }
    }
}

/// Which of the default gateway's listeners one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DefaultGateway {
    /// That without TLS.
    Http,
    /// That with TLS.
    Https,
}

/// A port that is listened on.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// Where.
    pub(crate) socket: Socket,
    /// `http-80`
    pub(crate) name: Arc<str>,
    /// What is spoken.
    pub(crate) protocol: Protocol,
    /// The first that asked for it.
    pub(crate) origin: Origin,
    /// Whether the default gateway's routes are served here.
    pub(crate) default: Option<DefaultGateway>,
    /// Whether connections begin with a PROXY protocol header.
    pub(crate) proxy_protocol: bool,
}

impl Site {
    /// `http` or `https`, as in a URL.
    pub(crate) fn scheme(&self) -> &'static str {
        match self.protocol {
            Protocol::Https => "https",
            _ => "http",
        }
    }
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sites(BTreeMap<Socket, Site>);

/// The word for a protocol in a listener's name.
fn word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http => "http",
        Protocol::Https => "https",
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    }
}

/// `http-80`, with the address behind it where there is one.
fn name(protocol: Protocol, socket: Socket) -> Arc<str> {
    let (word, port) = (word(protocol), socket.port);
    match socket.address {
        Some(address) => format!("{word}-{port}-{address}").into(),
        None => format!("{word}-{port}").into(),
    }
}

impl Sites {
    /// In the order of their ports.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Site> {
        self.0.values()
    }

    /// Whether this is spoken there.
    pub(crate) fn speaks(&self, socket: Socket, protocol: Protocol) -> bool {
        self.0.get(&socket).is_some_and(|site| site.protocol == protocol)
    }

    /// Whether nothing is listened on.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The default gateway's listener of this kind.
    pub(crate) fn default_gateway(&self, which: DefaultGateway) -> Option<&Site> {
        self.iter().find(|site| site.default == Some(which))
    }

    /// Asks for a port. Whoever asks first has it; whoever speaks the same on it shares it. Says whether it may be used;
    /// if not, that is reported.
    pub(crate) fn claim(
        &mut self,
        socket: Socket,
        protocol: Protocol,
        origin: &Origin,
        proxy_protocol: bool,
        findings: &mut Findings,
    ) -> bool {
        let site = self.0.entry(socket).or_insert_with(|| Site {
            socket,
            name: name(protocol, socket),
            protocol,
            origin: origin.clone(),
            default: None,
            proxy_protocol: false,
        });
        if site.protocol != protocol {
            report_port(site, protocol, origin, findings);
            return false;
        }
        site.proxy_protocol |= proxy_protocol;
        true
    }

    /// Serves the default gateway's routes on its port, unless an object speaks something else there.
    pub(crate) fn serve_default(
        &mut self,
        which: DefaultGateway,
        options: &Options,
        findings: &mut Findings,
    ) {
        let (port, protocol) = match which {
            DefaultGateway::Http => (options.http_port, Protocol::Http),
            DefaultGateway::Https => (options.https_port, Protocol::Https),
        };
        let socket = Socket::any(port);
        match self.0.get_mut(&socket) {
            Some(site) if site.protocol == protocol => site.default = Some(which),
            Some(site) => report_default(site, protocol, findings),
            None => {
                let site = Site {
                    socket,
                    name: name(protocol, socket),
                    protocol,
                    origin: Origin::default_gateway(),
                    default: Some(which),
                    proxy_protocol: false,
                };
                self.0.insert(socket, site);
            }
        }
    }

    /// The listener at which clients name services by their hosts, unless something else has its port.
    pub(crate) fn serve_mesh(&mut self, port: u16, findings: &mut Findings) -> Option<Socket> {
        let socket = Socket::any(port);
        if let Some(site) = self.0.get(&socket) {
            findings.report(
                Code::PortConflict,
                site.origin.clone(),
                format!("port {port} is asked for by --mesh-port too, which therefore does nothing"),
                "give one of the two another port",
            );
            return None;
        }
        let site = Site {
            socket,
            name: format!("mesh-{port}").into(),
            protocol: Protocol::Http,
            origin: Origin {
                name: "mesh".into(),
                ..Origin::default_gateway()
            },
            default: None,
            proxy_protocol: false,
        };
        self.0.insert(socket, site);
        Some(socket)
    }
}

fn report_port(site: &Site, protocol: Protocol, origin: &Origin, findings: &mut Findings) {
    let message = format!(
        "port {} cannot speak {} here: {}{} has {} on it, and is older",
        site.socket.port,
        said(protocol),
        site.origin,
        whereabouts(&site.origin),
        said(site.protocol),
    );
    findings.report(
        Code::PortConflict,
        origin.clone(),
        message,
        "give one of the two another port, or the same protocol",
    );
}

fn report_default(site: &Site, protocol: Protocol, findings: &mut Findings) {
    let message = format!(
        "port {} has {} on it, so HttpRoutes and Ingresses are not served there by {}",
        site.socket.port,
        said(site.protocol),
        said(protocol),
    );
    findings.report(
        Code::PortConflict,
        site.origin.clone(),
        message,
        "give this server another port, or name the hosts in a Gateway and its VirtualServices only",
    );
}

/// A protocol in a sentence.
fn said(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http => "HTTP",
        Protocol::Https => "TLS",
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    }
}

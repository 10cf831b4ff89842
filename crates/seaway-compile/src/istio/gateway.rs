//! `Gateway`: ports, the hosts that are served at them, and their TLS.
//!
//! Servers of all Gateways are put side by side here, since only together can it be said whose port is whose, which of two
//! server names goes to which server, and which Gateway a VirtualService may name. What cannot be served is left out
//! alone: another server of the same Gateway does not suffer.

mod shared;
mod tls;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use seaway_api::istio::{Gateway, PortProtocol, Server as ApiServer, ServerNamespace};
use seaway_api::{Object, Spanned};
use seaway_model::{
    Action, Code, Conditions, Failure, FailureReason, HeaderMutation, HostMatch, L4Destination, L4Route,
    Match, Origin, Protocol, Redirect, Route, Secret, SecretName, Target,
};

use super::hosts::{covers, intersection};
use crate::Options;
use crate::credential::Credentials;
use crate::draft::{Claim, Connections, Draft, Purpose, Served};
use crate::findings::{Findings, Reporter, origin_of, place};
use crate::order::{ObjectRank, Rank};
use crate::presented::Presented;
use crate::site::{Sites, Socket};

/// Asks for a PROXY protocol header at the beginning of every connection, on a Gateway.
const PROXY_PROTOCOL: &str = "seaway.dev/proxy-protocol";

/// Namespace and name.
pub(crate) type GatewayKey = (Arc<str>, Arc<str>);

/// What becomes of connections to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Requests in clear text.
    Http {
        /// All of them are answered with a redirect to https.
        redirects: bool,
    },
    /// Requests inside TLS that ends here.
    Https,
    /// TLS that goes through untouched.
    Passthrough,
    /// TLS that ends here, around bytes.
    Terminated,
    /// Bytes.
    Tcp,
}

impl Kind {
    fn new(server: &ApiServer) -> Self {
        let tls = server.tls.as_ref();
        let terminates = tls.is_some_and(|tls| tls.mode.terminates());
        match server.port.protocol.value {
            protocol if protocol.is_http() => Self::Http {
                redirects: tls.is_some_and(|tls| tls.https_redirect.value),
            },
            PortProtocol::Https if terminates => Self::Https,
            PortProtocol::Https => Self::Passthrough,
            PortProtocol::Tls if terminates => Self::Terminated,
            PortProtocol::Tls => Self::Passthrough,
            _ if terminates => Self::Terminated,
            _ => Self::Tcp,
        }
    }

    /// What its listener speaks.
    fn protocol(self) -> Protocol {
        match self {
            Self::Http { .. } => Protocol::Http,
            Self::Https | Self::Passthrough | Self::Terminated => Protocol::Https,
            Self::Tcp => Protocol::Tcp,
        }
    }

    /// Whether TLS ends at it.
    fn terminates(self) -> bool {
        matches!(self, Self::Https | Self::Terminated)
    }
}

/// A host of a server.
#[derive(Clone, Debug)]
pub(crate) struct ServerHost {
    /// The host.
    pub(crate) host: HostMatch,
    /// Whose VirtualServices may be bound to it; `None`: everybody's.
    pub(crate) namespace: Option<Arc<str>>,
    /// `spec.servers[0].hosts[0]`
    pub(crate) origin: Origin,
}

/// A server that is served.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// Its Gateway.
    pub(crate) gateway: GatewayKey,
    /// Where it listens.
    pub(crate) socket: Socket,
    /// What becomes of its connections.
    pub(crate) kind: Kind,
    /// What it is for.
    pub(crate) hosts: Vec<ServerHost>,
    /// The Secret with its certificate, where there is one.
    pub(crate) secret: Option<SecretName>,
}

impl Server {
    /// Where a host of a VirtualService in this namespace meets those of the server, with the server's own host.
    pub(crate) fn meets<'s>(
        &'s self,
        host: &'s HostMatch,
        namespace: &'s str,
    ) -> impl Iterator<Item = (HostMatch, &'s ServerHost)> {
        self.hosts
            .iter()
            .filter(move |own| own.namespace.as_deref().is_none_or(|only| only == namespace))
            .filter_map(move |own| Some((intersection(&own.host, host)?, own)))
    }
}

/// All Gateways.
#[derive(Debug, Default)]
pub(crate) struct Gateways {
    /// Every server that is served, the older Gateway's first.
    pub(crate) servers: Vec<Server>,
    /// Every Gateway that is there, and whether it is ours.
    known: HashMap<GatewayKey, bool>,
    /// Certificates that are presented, by listener.
    pub(crate) presented: BTreeMap<Socket, Vec<Presented>>,
    /// What the certificates need.
    pub(crate) secrets: BTreeMap<SecretName, Arc<Secret>>,
    /// Redirects to HTTPS.
    pub(crate) drafts: Vec<Draft>,
    /// Refusals of handshakes that a certificate for a wider host would otherwise answer.
    pub(crate) connections: Vec<Connections>,
}

impl Gateways {
    /// Whether it is ours; `None` if it is not there at all.
    pub(crate) fn is_ours(&self, key: &GatewayKey) -> Option<bool> {
        self.known.get(key).copied()
    }

    /// Those of this name in any namespace, by namespace.
    pub(crate) fn named(&self, name: &str) -> Vec<&GatewayKey> {
        let mut named: Vec<_> = self.known.keys().filter(|key| *key.1 == *name).collect();
        named.sort();
        named
    }

    /// Its servers that are served.
    pub(crate) fn servers_of<'g>(&'g self, key: &'g GatewayKey) -> impl Iterator<Item = &'g Server> {
        self.servers.iter().filter(move |server| server.gateway == *key)
    }

    /// Whether connections for a host that `own` covers go to another server of the same port, whose host is more specific.
    /// Only where the server name decides before any request is seen.
    pub(crate) fn goes_elsewhere(&self, server: &Server, own: &ServerHost, host: &HostMatch) -> bool {
        server.kind.protocol() == Protocol::Https
            && self
                .servers
                .iter()
                .filter(|other| other.socket == server.socket)
                .flat_map(|other| &other.hosts)
                .any(|other| other.host < own.host && covers(&other.host, host))
    }
}

/// Compiles all Gateways.
pub(crate) fn compile(
    objects: &[&Object<Gateway>],
    options: &Options,
    credentials: &mut Credentials<'_>,
    sites: &mut Sites,
    findings: &mut Findings,
) -> Gateways {
    let mut by_age: Vec<(Arc<ObjectRank>, &Object<Gateway>)> = objects
        .iter()
        .map(|object| (Arc::new(ObjectRank::new(&object.meta)), *object))
        .collect();
    by_age.sort_by(|a, b| a.0.cmp(&b.0));
    let mut compiler = Compiler {
        gateways: Gateways::default(),
        refused: Vec::new(),
        credentials,
        sites,
        findings,
    };
    for (rank, object) in &by_age {
        let is_ours = is_ours(&object.spec, options);
        let key = (object.meta.namespace.clone(), object.meta.name.value.clone());
        compiler.gateways.known.insert(key.clone(), is_ours);
        if is_ours {
            compiler.gateway(&key, rank, object);
        } else {
            report_foreign(object, options, compiler.findings);
        }
    }
    compiler.finish()
}

/// A selector finds what has all of its labels; an empty one finds everything.
fn is_ours(gateway: &Gateway, options: &Options) -> bool {
    options.gateway_labels.as_ref().is_none_or(|labels| {
        gateway
            .selector
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
    })
}

/// A host whose handshakes are refused, since its certificate could not be had.
struct Refused {
    socket: Socket,
    rank: Arc<ObjectRank>,
    host: HostMatch,
    origin: Origin,
}

struct Compiler<'c, 'a> {
    gateways: Gateways,
    refused: Vec<Refused>,
    credentials: &'c mut Credentials<'a>,
    sites: &'c mut Sites,
    findings: &'c mut Findings,
}

impl Compiler<'_, '_> {
    fn gateway(&mut self, key: &GatewayKey, rank: &Arc<ObjectRank>, object: &Object<Gateway>) {
        let origin = origin_of(&object.meta);
        let proxy_protocol = self.proxy_protocol(object, &origin);
        for (index, spec) in object.spec.servers.iter().enumerate() {
            let field = format!("spec.servers[{index}]");
            let kind = Kind::new(spec);
            let Some(socket) = socket(spec, &field, &mut Reporter::new(&origin, self.findings)) else {
                continue;
            };
            let at = place(&origin, &format!("{field}.port"), spec.port.pos);
            if !self
                .sites
                .claim(socket, kind.protocol(), &at, proxy_protocol, self.findings)
            {
                continue;
            }
            let server = Server {
                gateway: key.clone(),
                socket,
                kind,
                hosts: hosts(spec, &field, &origin, self.findings),
                secret: None,
            };
            self.server(server, rank, spec, &field, &origin);
        }
    }

    fn server(
        &mut self,
        mut server: Server,
        rank: &Arc<ObjectRank>,
        spec: &Spanned<ApiServer>,
        field: &str,
        origin: &Origin,
    ) {
        if let Some(tls) = spec.tls.as_ref().filter(|_| server.kind.terminates()) {
            let mut reporter = Reporter::new(origin, self.findings);
            let made = tls::compile(
                tls,
                &server,
                &format!("{field}.tls"),
                self.credentials,
                &mut self.gateways.secrets,
                &mut reporter,
            );
            match made {
                Some(certificate) => {
                    server.secret = Some(certificate.secret.clone());
                    let presented = self.gateways.presented.entry(server.socket).or_default();
                    presented.extend(server.hosts.iter().map(|own| Presented {
                        rank: (**rank).clone(),
                        origin: own.origin.clone(),
                        certificate: certificate.clone().for_host(own.host.clone()),
                    }));
                }
                None => self.refused.extend(server.hosts.iter().map(|own| Refused {
                    socket: server.socket,
                    rank: rank.clone(),
                    host: own.host.clone(),
                    origin: own.origin.clone(),
                })),
            }
        }
        if server.kind == (Kind::Http { redirects: true }) {
            self.redirect(&server, rank, spec, field, origin);
        }
        self.gateways.servers.push(server);
    }

    /// Every host of the server, with or without a VirtualService.
    fn redirect(
        &mut self,
        server: &Server,
        rank: &Arc<ObjectRank>,
        spec: &ApiServer,
        field: &str,
        origin: &Origin,
    ) {
        let pos = spec
            .tls
            .as_ref()
            .map(|tls| tls.https_redirect.pos)
            .unwrap_or_default();
        let route = Route {
            origin: place(origin, &format!("{field}.tls.httpsRedirect"), pos),
            rule: 0,
            matches: Match::When(Conditions::default()),
            cors: None,
            fault: None,
            request_headers: HeaderMutation::default(),
            response_headers: HeaderMutation::default(),
            mirrors: Vec::new(),
            action: Action::Redirect(Redirect {
                status: 301,
                scheme: Some("https".into()),
                host: None,
                port: None,
                path: None,
            }),
        };
        self.gateways.drafts.push(Draft {
            rank: Rank::Server(rank.clone()),
            hosts: server
                .hosts
                .iter()
                .map(|own| Claim {
                    host: own.host.clone(),
                    origin: own.origin.clone(),
                })
                .collect(),
            served: Served::On(server.socket, Arc::new(route)),
            purpose: Purpose::Redirect,
            pos,
        });
    }

    fn proxy_protocol(&mut self, object: &Object<Gateway>, origin: &Origin) -> bool {
        let Some(text) = object.meta.annotations.get(PROXY_PROTOCOL) else {
            return false;
        };
        if !matches!(&*text.value, "true" | "false") {
            self.findings.report(
                Code::IgnoredField,
                place(
                    origin,
                    &format!("metadata.annotations[\"{PROXY_PROTOCOL}\"]"),
                    text.pos,
                ),
                format!(
                    "\"{}\" is neither \"true\" nor \"false\", and does nothing",
                    text.value
                ),
                "write \"true\" where a load balancer in front sends PROXY protocol headers",
            );
        }
        &*text.value == "true"
    }

    /// Once all servers are known: who claims the same, where a redirect leads, and which handshakes must be refused.
    fn finish(mut self) -> Gateways {
        shared::report(&self.gateways.servers, self.findings);
        self.send_redirects();
        let refused = std::mem::take(&mut self.refused);
        for refused in refused {
            let presented = self.gateways.presented.get(&refused.socket);
            let is_covered = presented
                .into_iter()
                .flatten()
                .any(|other| covers(&other.certificate.host, &refused.host));
            if is_covered {
                self.gateways.connections.push(refusal(&refused));
            }
        }
        self.gateways
    }

    /// A redirect leads to where its hosts are served with TLS: the common port if it is among them, else the lowest.
    fn send_redirects(&mut self) {
        let servers = &self.gateways.servers;
        for draft in &mut self.gateways.drafts {
            let ports = servers
                .iter()
                .filter(|server| server.kind == Kind::Https)
                .filter(|server| {
                    let mut claims = draft.hosts.iter();
                    claims.any(|claim| {
                        (server.hosts.iter()).any(|own| intersection(&own.host, &claim.host).is_some())
                    })
                })
                .map(|server| server.socket.port);
            let port = ports.min_by_key(|port| (*port != 443, *port));
            if let (Served::On(_, route), Some(port)) = (&mut draft.served, port.filter(|port| *port != 443))
                && let Action::Redirect(redirect) = &mut Arc::make_mut(route).action
            {
                redirect.port = Some(port);
            }
        }
    }
}

/// Connections for the host are closed: the certificate of a wider host would be another site's.
fn refusal(refused: &Refused) -> Connections {
    let failure = Failure {
        status: 503,
        reason: FailureReason::InvalidRule,
        message: "the certificate for this host could not be had".into(),
    };
    Connections {
        socket: refused.socket,
        rank: Rank::Server(refused.rank.clone()),
        server_name: Some((refused.host.clone(), seaway_model::TlsMode::Passthrough)),
        origin: refused.origin.clone(),
        route: Arc::new(L4Route {
            origin: refused.origin.clone(),
            rule: 0,
            destinations: vec![L4Destination {
                target: Target::Fail(failure),
                weight: 1,
            }],
            idle_timeout: None,
            hash_source_ip: false,
        }),
    }
}

/// Where a server listens. `None` if that is nowhere, which is reported.
fn socket(server: &ApiServer, field: &str, reporter: &mut Reporter<'_>) -> Option<Socket> {
    let port = server.port.number.value;
    let Some(bind) = server.bind.as_ref().filter(|bind| !bind.is_empty()) else {
        return Some(Socket::any(port));
    };
    match bind.parse::<IpAddr>() {
        Ok(address) if address.is_unspecified() => Some(Socket::any(port)),
        Ok(address) => Some(Socket {
            port,
            address: Some(address),
        }),
        Err(_) => {
            reporter.report(
                Code::InvalidValue,
                &format!("{field}.bind"),
                bind.pos,
                format!(
                    "\"{}\" is not an IP address, so this server is left out",
                    bind.value
                ),
                "write an IP address of the machine, or remove it to listen on all of them",
            );
            None
        }
    }
}

fn hosts(server: &ApiServer, field: &str, origin: &Origin, findings: &mut Findings) -> Vec<ServerHost> {
    let mut hosts = Vec::with_capacity(server.hosts.len());
    for (index, spec) in server.hosts.iter().enumerate() {
        let field = format!("{field}.hosts[{index}]");
        match HostMatch::parse(&spec.host) {
            Ok(host) => hosts.push(ServerHost {
                host,
                namespace: match &spec.namespace {
                    ServerNamespace::Any => None,
                    ServerNamespace::Own => Some(origin.namespace.clone()),
                    ServerNamespace::Named(name) => Some(name.clone()),
                },
                origin: place(origin, &field, spec.pos),
            }),
            Err(error) => findings.report(
                Code::InvalidValue,
                place(origin, &field, spec.pos),
                format!("\"{}\" is not a host: {error}", spec.host),
                "write a DNS name (\"shop.example.com\"), a wildcard (\"*.example.com\"), an IP address, or \"*\"",
            ),
        }
    }
    hosts
}

fn report_foreign(object: &Object<Gateway>, options: &Options, findings: &mut Findings) {
    let text = |labels: &BTreeMap<Arc<str>, Arc<str>>| {
        let all: Vec<String> = labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        all.join(",")
    };
    let ours = options.gateway_labels.as_ref().map(text).unwrap_or_default();
    let message = format!(
        "its selector asks for {}, and Seaway has {}",
        text(&object.spec.selector),
        if ours.is_empty() { "no labels" } else { &ours }
    );
    findings.report(
        Code::ForeignGateway,
        place(&origin_of(&object.meta), "spec.selector", Default::default()),
        message,
        "if it was meant for Seaway, give it these labels with --gateway-label, or change the selector",
    );
}

/// The name by which a VirtualService is bound to it, in a message.
pub(crate) fn said(key: &GatewayKey) -> String {
    format!("{}/{}", key.0, key.1)
}

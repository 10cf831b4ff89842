//! `Gateway`: ports, the hosts that are served at them, and their TLS.
//!
//! Servers of all Gateways are put side by side here, since only together can it be said whose port is whose, which of two
//! server names goes to which server, and which Gateway a VirtualService may name. What cannot be served is left out
//! alone: another server of the same Gateway does not suffer.

mod redirect;
mod refusal;
mod server;
mod shared;
mod tls;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use seaway_api::istio::{Gateway, Server as ApiServer};
use seaway_api::{Object, Pos, Spanned};
use seaway_model::{Code, HostMatch, Origin, Protocol, Secret, SecretName};

use self::refusal::Refused;
pub(crate) use self::server::{Kind, Server, ServerHost};
use self::server::{hosts, socket};
use super::hosts::covers;
use crate::Options;
use crate::credential::Credentials;
use crate::draft::{Connections, Draft};
use crate::findings::{Findings, Reporter, origin_of, place};
use crate::order::ObjectRank;
use crate::presented::Presented;
use crate::site::{Sites, Socket};

/// Asks for a PROXY protocol header at the beginning of every connection, on a Gateway.
const PROXY_PROTOCOL: &str = "seaway.dev/proxy-protocol";

/// Namespace and name.
pub(crate) type GatewayKey = (Arc<str>, Arc<str>);

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
        for (index, spec) in &object.spec.servers {
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
            let draft = redirect::draft(&server, rank, spec, field, origin);
            self.gateways.drafts.push(draft);
        }
        self.gateways.servers.push(server);
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
        redirect::send(&mut self.gateways.drafts, &self.gateways.servers);
        let refused = std::mem::take(&mut self.refused);
        for refused in refused {
            let presented = self.gateways.presented.get(&refused.socket);
            let is_covered = presented
                .into_iter()
                .flatten()
                .any(|other| covers(&other.certificate.host, &refused.host));
            if is_covered {
                self.gateways.connections.push(refusal::refusal(&refused));
            }
        }
        self.gateways
    }
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
        place(&origin_of(&object.meta), "spec.selector", Pos::default()),
        message,
        "if it was meant for Seaway, give it these labels with --gateway-label, or change the selector",
    );
}

/// The name by which a VirtualService is bound to it, in a message.
pub(crate) fn said(key: &GatewayKey) -> String {
    format!("{}/{}", key.0, key.1)
}

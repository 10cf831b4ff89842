//! Listeners, and the routes of all dialects merged into their virtual hosts.
//!
//! The default gateway always listens for HTTP where it is all there is, so that a gateway without routes answers 404
//! rather than refusing connections; it listens for HTTPS once there is a certificate. Drafts are sorted once, all
//! together, and then dealt out to listeners and hosts: each host's routes come out sorted without sorting each host.

mod connections;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use seaway_model::{HostMatch, Listener, ListenerTls, Protocol, Route, ServerCertificate, VirtualHost};

use crate::draft::{Claim, Connections, Draft};
use crate::presented::Presented;
use crate::site::{Site, Sites, Socket};

/// Everything that wants to be served, in the order of precedence.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Sorted by rank.
    pub(crate) drafts: Vec<Draft>,
    /// Default backends, sorted by rank.
    pub(crate) fallbacks: Vec<Draft>,
    /// Hosts of Ingress rules: a default backend takes what their rules do not.
    pub(crate) ingress_hosts: HashSet<HostMatch>,
    /// Routes of connections that are not HTTP, sorted by rank.
    pub(crate) connections: Vec<Connections>,
    /// Where all of it is served.
    pub(crate) sites: Sites,
    /// What each listener with TLS presents, settled.
    pub(crate) presented: BTreeMap<Socket, Vec<Presented>>,
}

impl Wanted {
    /// Sorts, after which nothing depends on the order of the input.
    pub(crate) fn in_order(mut self) -> Self {
        join_wildcards(&mut self.drafts);
        self.drafts.sort_by(|a, b| a.rank.cmp(&b.rank));
        self.fallbacks.sort_by(|a, b| a.rank.cmp(&b.rank));
        self.connections.sort_by(|a, b| a.rank.cmp(&b.rank));
        self
    }

    /// What is presented there.
    pub(crate) fn presented_on(&self, site: Option<&Site>) -> &[Presented] {
        site.and_then(|site| self.presented.get(&site.socket))
            .map_or(&[], Vec::as_slice)
    }
}

/// `*.example.com` covers one label in an Ingress and many in an HttpRoute, so the two are two virtual hosts, and a request
/// for one label goes to the first. What the second one holds was written for that request too, under the same text, so
/// its routes are in both.
fn join_wildcards(drafts: &mut [Draft]) {
    let one_label: HashSet<Arc<str>> = drafts
        .iter()
        .flat_map(|draft| &*draft.hosts)
        .filter_map(|claim| match &claim.host {
            HostMatch::OneLabel(suffix) => Some(suffix.clone()),
            _ => None,
        })
        .collect();
    if one_label.is_empty() {
        return;
    }
    for draft in drafts {
        let more: Vec<Claim> = draft
            .hosts
            .iter()
            .filter_map(|claim| match &claim.host {
                HostMatch::Suffix(suffix) if one_label.contains(suffix) => Some(Claim {
                    host: HostMatch::OneLabel(suffix.clone()),
                    origin: claim.origin.clone(),
                }),
                _ => None,
            })
            .collect();
        if !more.is_empty() {
            draft.hosts = draft.hosts.iter().cloned().chain(more).collect();
        }
    }
}

/// All listeners, by name.
pub(crate) fn listeners(wanted: &Wanted) -> Vec<Arc<Listener>> {
    let mut listeners: Vec<_> = wanted
        .sites
        .iter()
        .map(|site| Arc::new(listener(site, wanted)))
        .collect();
    listeners.sort_by(|a, b| a.name.cmp(&b.name));
    listeners
}

fn listener(site: &Site, wanted: &Wanted) -> Listener {
    Listener {
        name: site.name.clone(),
        origin: site.origin.clone(),
        address: site.socket.address,
        port: site.socket.port,
        protocol: site.protocol,
        proxy_protocol: site.proxy_protocol,
        tls: (site.protocol == Protocol::Https).then(|| tls(site, wanted)),
        virtual_hosts: if site.protocol.is_http() {
            virtual_hosts(site, wanted)
        } else {
            Vec::new()
        },
        l4: connections::all(site, wanted),
    }
}

fn tls(site: &Site, wanted: &Wanted) -> ListenerTls {
    let presented = wanted.presented_on(Some(site));
    let mut certificates: Vec<ServerCertificate> = presented
        .iter()
        .map(|presented| presented.certificate.clone())
        .collect();
    let routes = connections::by_server_name(site, wanted, &mut certificates);
    ListenerTls { certificates, routes }
}

fn virtual_hosts(site: &Site, wanted: &Wanted) -> Vec<VirtualHost> {
    let mut hosts: BTreeMap<HostMatch, Vec<Arc<Route>>> = BTreeMap::new();
    // A host that an Ingress names is its own, even when none of its rules has a path.
    if site.default.is_some() {
        for host in &wanted.ingress_hosts {
            hosts.entry(host.clone()).or_default();
        }
    }
    for draft in &wanted.drafts {
        if let Some(route) = draft.on(site) {
            for claim in &*draft.hosts {
                hosts.entry(claim.host.clone()).or_default().push(route.clone());
            }
        }
    }
    for (host, draft) in fallbacks(wanted) {
        if let Some(route) = draft.on(site) {
            hosts.entry(host.clone()).or_default().push(route.clone());
        }
    }
    hosts
        .into_iter()
        .map(|(host, mut routes)| {
            // Most of many hosts have a route or two, and a list that grew has room for four.
            routes.shrink_to_fit();
            VirtualHost { host, routes }
        })
        .collect()
}

/// The default backend of each host: the oldest of the Ingresses that name the host, else the oldest of all. One is
/// enough, since it takes everything.
fn fallbacks(wanted: &Wanted) -> BTreeMap<&HostMatch, &Draft> {
    let mut chosen: BTreeMap<&HostMatch, &Draft> = BTreeMap::new();
    let Some(oldest) = wanted.fallbacks.first() else {
        return chosen;
    };
    chosen.insert(&HostMatch::Any, oldest);
    for draft in &wanted.fallbacks {
        for claim in &*draft.hosts {
            chosen.entry(&claim.host).or_insert(draft);
        }
    }
    for host in &wanted.ingress_hosts {
        chosen.entry(host).or_insert(oldest);
    }
    chosen
}

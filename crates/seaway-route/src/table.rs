//! The immutable form of a model's routes that requests are decided against.
//!
//! What listeners have in common is built once: a route is compiled once however many listeners have it, and virtual
//! hosts with the same routes share one index (HTTP and HTTPS usually do).

use std::sync::Arc;

use rustc_hash::FxHashMap;
use seaway_model::{Cluster, ClusterName, Listener, Model, Route, ServerCertificate, ServerNameRoute};

use crate::CompiledRoute;
use crate::expression::Expressions;
use crate::index::{HostIndex, PathIndex};

/// All listeners' routes, indexed. Built off the data path, published by one pointer swap, never changed.
#[derive(Debug)]
pub struct RouteTable {
    model: Arc<Model>,
    listeners: Vec<ListenerTable>,
    routes: Vec<Arc<CompiledRoute>>,
}

/// The routes of one listener, indexed.
#[derive(Debug)]
pub struct ListenerTable {
    listener: Arc<Listener>,
    hosts: HostIndex,
    /// One for each virtual host, in the listener's order.
    pub(crate) virtual_hosts: Vec<HostRoutes>,
    certificates: HostIndex,
    server_names: HostIndex,
}

/// The routes of a virtual host.
#[derive(Clone, Debug)]
pub(crate) enum HostRoutes {
    /// A single one, which is asked itself. Among many hosts each place in memory that a request has to look at is a cold
    /// one, and an index would be some more of them.
    One(Arc<CompiledRoute>),
    /// Any other number.
    Many(Arc<ManyRoutes>),
}

/// The routes of a virtual host, in the model's order, and their index.
#[derive(Debug)]
pub(crate) struct ManyRoutes {
    pub(crate) routes: Box<[Arc<CompiledRoute>]>,
    pub(crate) index: PathIndex,
    /// Whether finding a route by its path is all that is asked. Among many routes each one lies in cold memory, and
    /// looking into it costs more than the whole index.
    settled: Box<[bool]>,
}

impl HostRoutes {
    /// In the model's order.
    pub(crate) fn all(&self) -> &[Arc<CompiledRoute>] {
        match self {
            Self::One(route) => std::slice::from_ref(route),
            Self::Many(many) => &many.routes,
        }
    }
}

impl ManyRoutes {
    fn new(routes: Vec<Arc<CompiledRoute>>) -> Self {
        Self {
            index: PathIndex::build(routes.iter().map(AsRef::as_ref)),
            settled: routes.iter().map(|route| route.is_settled_by_path()).collect(),
            routes: routes.into(),
        }
    }

    /// Whether the route at this position takes every request that the index finds it for.
    pub(crate) fn is_settled(&self, position: u32) -> bool {
        self.settled.get(position as usize).copied().unwrap_or_default()
    }
}

/// A route by number: dense from 0, only meaningful together with the table it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteId(pub u32);

/// A cluster by number: its place among the model's clusters, which are sorted by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClusterId(pub u32);

/// The clusters of a model by name.
pub(crate) type Clusters<'m> = FxHashMap<&'m ClusterName, (ClusterId, &'m Arc<Cluster>)>;

impl RouteTable {
    /// Builds the table. Cannot fail: what could is refused when the model is made.
    #[must_use]
    pub fn build(model: &Arc<Model>) -> Self {
        let mut builder = Builder {
            clusters: (model.clusters.iter().zip((0..).map(ClusterId)))
                .map(|((name, cluster), id)| (name, (id, cluster)))
                .collect(),
            expressions: Expressions::default(),
            routes: Vec::new(),
            by_route: FxHashMap::default(),
            by_routes: FxHashMap::default(),
        };
        let listeners = model.listeners.iter().map(|l| builder.listener(l)).collect();
        let mut routes = builder.routes;
        routes.shrink_to_fit();
        Self {
            model: Arc::clone(model),
            listeners,
            routes,
        }
    }

    /// The model that this is the table of.
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// In the model's order.
    #[must_use]
    pub fn listeners(&self) -> &[ListenerTable] {
        &self.listeners
    }

    /// By name.
    #[must_use]
    pub fn listener(&self, name: &str) -> Option<&ListenerTable> {
        self.listeners.iter().find(|l| *l.listener.name == *name)
    }

    /// All routes, each once; a route's number is its place here.
    #[must_use]
    pub fn routes(&self) -> &[Arc<CompiledRoute>] {
        &self.routes
    }
}

impl ListenerTable {
    /// The listener that this is the table of.
    #[must_use]
    pub fn listener(&self) -> &Arc<Listener> {
        &self.listener
    }

    /// The certificate for a server name (lower case; an IP address in text where the client sent none).
    #[must_use]
    pub fn certificate(&self, server_name: &str) -> Option<&ServerCertificate> {
        let certificates = &self.listener.tls.as_ref()?.certificates;
        certificates.get(self.certificates.find(server_name)?)
    }

    /// The most specific route of a server name, whatever certificates there are.
    pub(crate) fn server_name_route(&self, server_name: &str) -> Option<&ServerNameRoute> {
        let routes = &self.listener.tls.as_ref()?.routes;
        routes.get(self.server_names.find(server_name)?)
    }

    /// The number of the virtual host for a host.
    pub(crate) fn virtual_host(&self, host: &str) -> Option<usize> {
        self.hosts.find(host)
    }
}

/// What is shared while a table is built. Routes are told apart by where they lie in memory, which the model keeps.
struct Builder<'m> {
    clusters: Clusters<'m>,
    expressions: Expressions,
    routes: Vec<Arc<CompiledRoute>>,
    by_route: FxHashMap<*const Route, Arc<CompiledRoute>>,
    by_routes: FxHashMap<Box<[*const Route]>, Arc<ManyRoutes>>,
}

impl Builder<'_> {
    fn listener(&mut self, listener: &Arc<Listener>) -> ListenerTable {
        let certificates = listener.tls.iter().flat_map(|tls| &tls.certificates);
        let server_names = listener.tls.iter().flat_map(|tls| &tls.routes);
        ListenerTable {
            hosts: HostIndex::build(listener.virtual_hosts.iter().map(|v| &v.host)),
            virtual_hosts: listener
                .virtual_hosts
                .iter()
                .map(|v| self.host(&v.routes))
                .collect(),
            certificates: HostIndex::build(certificates.map(|c| &c.host)),
            server_names: HostIndex::build(server_names.map(|r| &r.host)),
            listener: Arc::clone(listener),
        }
    }

    fn host(&mut self, routes: &[Arc<Route>]) -> HostRoutes {
        if let [route] = routes {
            return HostRoutes::One(self.route(route));
        }
        let key: Box<[*const Route]> = routes.iter().map(Arc::as_ptr).collect();
        if let Some(known) = self.by_routes.get(&key) {
            return HostRoutes::Many(Arc::clone(known));
        }
        let host = Arc::new(ManyRoutes::new(
            routes.iter().map(|route| self.route(route)).collect(),
        ));
        self.by_routes.insert(key, Arc::clone(&host));
        HostRoutes::Many(host)
    }

    fn route(&mut self, route: &Arc<Route>) -> Arc<CompiledRoute> {
        if let Some(known) = self.by_route.get(&Arc::as_ptr(route)) {
            return Arc::clone(known);
        }
        let id = RouteId(u32::try_from(self.routes.len()).unwrap_or(u32::MAX));
        let compiled = Arc::new(CompiledRoute::new(
            route,
            id,
            &self.clusters,
            &mut self.expressions,
        ));
        self.routes.push(Arc::clone(&compiled));
        self.by_route.insert(Arc::as_ptr(route), Arc::clone(&compiled));
        compiled
    }
}

#[cfg(test)]
mod tests;

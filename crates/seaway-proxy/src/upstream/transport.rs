//! How connections of a cluster are made and kept: everything that tells two connections to one address apart.
//!
//! Connections belong to an address *and* a transport: two subsets of a Service share idle connections, but not with a
//! cluster that speaks TLS to the same pods, or presents another certificate. A transport is made when a model is
//! applied, off the data path, and kept while what it was made from stays the same. A secret that rotates makes a new
//! one: new connections use it at once, requests under way finish on theirs, and what idles is closed.
//!
//! Some connections are bound even closer ([`Bound`]): to a server name, where it is the request's host, and to a client,
//! where a PROXY protocol header says who it is.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rustc_hash::FxHashMap;
use rustls_pki_types::ServerName;
use seaway_model::{Cluster, ClusterName, ConnectionPool, Model, ProxyProtocolVersion, UpstreamTls};

use super::dial::ClientAddress;
use super::tls::{ClientTls, Secrets};
use crate::error::{Failure, TlsFault};

/// An idle connection is closed after this, where nobody says otherwise.
const IDLE: Duration = Duration::from_secs(60);

/// How connections are made and kept.
#[derive(Debug)]
pub(super) struct Transport {
    /// Unique among those of a registry; 0 is plain.
    pub(super) id: u64,
    made_from: MadeFrom,
    /// `None`: clear text.
    pub(super) tls: Option<ClientTls>,
    /// `None`: a minute of idling and nothing else.
    pub(super) limits: Option<Limits>,
}

/// What a transport depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct MadeFrom {
    tls: Option<(UpstreamTls, Secrets)>,
    proxy_protocol: Option<ProxyProtocolVersion>,
    pool: ConnectionPool,
    /// Of a cluster that must not share connections, since it counts them.
    owner: Option<ClusterName>,
}

/// How long connections are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) idle: Duration,
    pub(super) age: Option<Duration>,
    pub(super) requests: Option<u32>,
}

/// Whom a connection is for, beside its place. `None`: for everybody.
pub(super) type Label = Option<Arc<Bound>>;

/// What a connection is bound to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bound {
    /// The server name that was sent, and checked.
    pub(super) server_name: Option<ServerName<'static>>,
    /// The client that was announced.
    pub(super) client: Option<ClientAddress>,
}

impl Transport {
    fn plain() -> Self {
        Self::new(0, MadeFrom::default())
    }

    fn new(id: u64, made_from: MadeFrom) -> Self {
        let pool = &made_from.pool;
        let says = pool.idle_timeout.is_some()
            || pool.max_connection_duration.is_some()
            || pool.max_requests_per_connection.is_some();
        let limits = says.then(|| Limits {
            idle: pool.idle_timeout.map_or(IDLE, |idle| idle.duration()),
            age: pool.max_connection_duration.map(|age| age.duration()),
            requests: pool.max_requests_per_connection,
        });
        let tls = made_from.tls.as_ref();
        Self {
            id,
            tls: tls.map(|(config, secrets)| ClientTls::new(config, secrets)),
            limits,
            made_from,
        }
    }

    pub(super) fn pool(&self) -> &ConnectionPool {
        &self.made_from.pool
    }

    pub(super) fn proxy_protocol(&self) -> Option<ProxyProtocolVersion> {
        self.made_from.proxy_protocol
    }

    /// Whether its pools are in common for all threads.
    pub(super) fn is_limited(&self) -> bool {
        self.made_from.owner.is_some()
    }

    /// How long a connection may idle.
    pub(super) fn idle(&self) -> Duration {
        self.limits.map_or(IDLE, |limits| limits.idle)
    }

    /// Whether more than the place has to be known of a connection.
    pub(super) fn remembers(&self) -> bool {
        self.limits.is_some() || self.binds()
    }

    fn binds(&self) -> bool {
        self.made_from.proxy_protocol.is_some() || self.tls.as_ref().is_some_and(ClientTls::wants_name)
    }

    /// Whom a connection for this request is for. `host`, which is asked for only where the server name is the
    /// request's, is without a port.
    ///
    /// # Errors
    /// Where the host can be no server name, and where TLS cannot be spoken for want of a secret: never in clear text.
    pub(super) fn label<'h>(
        &self,
        host: impl FnOnce() -> Option<&'h str>,
        client: Option<ClientAddress>,
    ) -> Result<Label, Failure> {
        if let Some(fault) = self.tls.as_ref().and_then(ClientTls::fault) {
            return Err(Failure::UpstreamTls(fault));
        }
        if !self.binds() {
            return Ok(None);
        }
        let named = self.tls.as_ref().is_some_and(ClientTls::wants_name);
        let name = || {
            let name = ServerName::try_from(host()?).ok()?;
            Some(name.to_owned())
        };
        let server_name = match named.then(name) {
            Some(None) => return Err(Failure::UpstreamTls(TlsFault::ServerName)),
            Some(name) => name,
            None => None,
        };
        let client = client.filter(|_| self.made_from.proxy_protocol.is_some());
        Ok(Some(Arc::new(Bound { server_name, client })))
    }
}

/// The transports of a registry.
#[derive(Debug)]
pub(super) struct Transports {
    plain: Arc<Transport>,
    made: Mutex<FxHashMap<MadeFrom, Weak<Transport>>>,
}

impl Default for Transports {
    fn default() -> Self {
        Self {
            plain: Arc::new(Transport::plain()),
            made: Mutex::default(),
        }
    }
}

impl Transports {
    /// What a cluster of a model uses: the same for the same needs.
    pub(super) fn of(&self, cluster: &Cluster, model: &Model) -> Arc<Transport> {
        let limited = cluster.circuit_breakers.max_connections.is_some();
        let made_from = MadeFrom {
            tls: cluster
                .tls
                .as_ref()
                .map(|tls| (tls.clone(), Secrets::of(tls, model))),
            proxy_protocol: cluster.proxy_protocol,
            pool: cluster.connection_pool.clone(),
            owner: limited.then(|| cluster.name.clone()),
        };
        if made_from == MadeFrom::default() {
            return Arc::clone(&self.plain);
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = made.get(&made_from).and_then(Weak::upgrade) {
            return known;
        }
        let transport = Arc::new(Transport::new(next_id(), made_from.clone()));
        made.insert(made_from, Arc::downgrade(&transport));
        transport
    }

    /// Forgets those that nobody uses any more.
    pub(super) fn prune(&self) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|_, transport| transport.strong_count() > 0);
    }
}

fn next_id() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

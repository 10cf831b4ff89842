//! What a request knows of its surroundings: the process it runs in and the connection it came by.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use http::HeaderValue;

use crate::downstream::{Connections, Counters, Presence};
use crate::options::Options;
use crate::overload::{Load, Overload};
use crate::pipeline::proof;
use crate::snapshot::{Published, Snapshot};
use crate::tls::{Certificates, ClientCertificate};
use crate::upstream::Registry;

/// One per process.
#[derive(Debug)]
pub struct Shared {
    /// The newest configuration.
    pub published: Published,
    /// Settings.
    pub options: Options,
    /// Clusters' state that outlives versions of the configuration: health, balancers, names.
    pub registry: Registry,
    /// What listeners with TLS present.
    pub certificates: Certificates,
    /// Downstream connections under way.
    pub connections: Arc<Connections>,
    /// Sessions of datagrams under way.
    pub sessions: Arc<Connections>,
    /// What happened on them.
    pub counters: Counters,
    /// What is done about too much.
    pub overload: Overload,
}

impl Shared {
    /// A process that serves nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            published: Published::default(),
            registry: Registry::default(),
            certificates: Certificates::default(),
            connections: Connections::affordable(options.limits.connections),
            sessions: Connections::new(options.limits.sessions),
            counters: Counters::default(),
            overload: Overload::new(&options.limits, options.workers),
            options,
        }
    }
}

/// One per downstream connection. Whoever works for the connection, tunnels included, holds on to its `Arc`: an HTTP/2
/// connection that nobody holds and that has no streams is idle.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The process.
    pub shared: Arc<Shared>,
    /// Which worker thread it lives on.
    pub worker: usize,
    /// Name of the listener that accepted it.
    pub listener: Arc<str>,
    /// The client.
    pub peer: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// `Some` on TLS.
    pub tls: Option<TlsConnection>,
    /// What is made of the above with the first request that needs it.
    pub made: Made,
}

/// What a connection makes once for all its requests.
#[derive(Clone, Debug, Default)]
pub struct Made {
    pub(crate) presence: Arc<Presence>,
    peer_text: OnceLock<HeaderValue>,
    client_text: OnceLock<Option<HeaderValue>>,
}

/// What the handshake said.
#[derive(Clone, Debug)]
pub struct TlsConnection {
    /// Lower case; `None` if the client sent none.
    pub server_name: Option<Arc<str>>,
    /// Who the client proved to be, where it was asked and did.
    pub client: Option<Arc<ClientCertificate>>,
}

impl Made {
    /// Nothing yet, of a connection that is present.
    pub(crate) fn of(presence: &Arc<Presence>) -> Self {
        Self {
            presence: Arc::clone(presence),
            ..Self::default()
        }
    }
}

impl Connection {
    /// The client's address as `x-forwarded-for` has it.
    pub(crate) fn peer_text(&self) -> &HeaderValue {
        self.made.peer_text.get_or_init(|| {
            let text = HeaderValue::try_from(self.peer.ip().to_canonical().to_string());
            text.unwrap_or(HeaderValue::from_static("unknown"))
        })
    }

    /// The client's certificate as `x-forwarded-client-cert` has it, where it has shown one.
    pub(crate) fn client_text(&self) -> Option<&HeaderValue> {
        let client = self.tls.as_ref()?.client.as_deref()?;
        let text = self.made.client_text.get_or_init(|| proof::element(client));
        text.as_ref()
    }

    /// What its worker has to do.
    pub(crate) fn load(&self) -> Option<&Load> {
        self.shared.overload.worker(self.worker)
    }

    /// The newest configuration; call it once per request.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.published.load()
    }
}

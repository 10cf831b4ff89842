//! The control plane's side of xDS: ADS, state of the world and incremental.
//!
//! Owns what each client is told and when ([`session`], pure), the streams ([`stream`]), and what is known of the clients
//! ([`clients`]). It serves [`snapshot`]s of resources that [`crate::encode`] made, and knows nothing of what is in them but
//! what they refer to.
//!
//! Only the aggregated service is served: the separate ones cannot promise an order between types, and no hole is ever
//! left only where there is an order.

pub mod clients;
mod frame;
mod prepare;
pub mod session;
pub mod snapshot;
mod stream;
mod turns;

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::TcpListenerStream;

use crate::Resources;
use clients::Clients;
use prepare::Prepared;
use snapshot::Snapshot;
use turns::Turns;

/// The server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Server {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    snapshots: watch::Sender<Arc<Snapshot>>,
    prepared: Mutex<Prepared>,
    clients: Clients,
    turns: Turns,
    epoch: Instant,
    /// What we call ourselves in responses.
    identifier: String,
}

impl Server {
    /// A server with nothing to serve yet: clients wait until something is published.
    #[must_use]
    pub fn new(identifier: impl Into<String>) -> Self {
        Self {
            shared: Arc::new(Shared {
                snapshots: watch::Sender::new(Arc::default()),
                prepared: Mutex::default(),
                clients: Clients::default(),
                turns: Turns::default(),
                epoch: Instant::now(),
                identifier: identifier.into(),
            }),
        }
    }

    /// Serves these resources from now on, and no others. Says the number of the snapshot.
    pub fn publish(&self, resources: &Resources) -> u64 {
        let mut prepared = self
            .shared
            .prepared
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let all = prepared.all(resources);
        let next = Arc::new(self.shared.snapshots.borrow().next(all));
        let number = next.number();
        self.shared.snapshots.send_replace(next);
        number
    }

    /// Who is connected, and how far they are.
    #[must_use]
    pub fn clients(&self) -> &Clients {
        &self.shared.clients
    }

    /// Serves clients that connect there until `stop` is done; then their streams end.
    ///
    /// # Errors
    /// When accepting fails for good.
    pub async fn serve(&self, listener: TcpListener, stop: impl Future<Output = ()>) -> io::Result<()> {
        let (stopping, stopped) = watch::channel(());
        let service = stream::Service {
            shared: Arc::clone(&self.shared),
            stopped,
        };
        let router = tonic::transport::Server::builder()
            .tcp_nodelay(true)
            .http2_keepalive_interval(Some(std::time::Duration::from_secs(30)))
            .add_service(service);
        let stop = async {
            stop.await;
            // Streams never end by themselves.
            drop(stopping);
        };
        let serving = router.serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop);
        serving.await.map_err(io::Error::other)
    }
}

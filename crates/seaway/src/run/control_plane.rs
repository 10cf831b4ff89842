//! The port on which data planes ask for their configuration (`--xds`).
//!
//! It has a thread and a runtime of its own: a thousand clients that come at once slow nothing down but each other.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use seaway_model::Model;
use seaway_telemetry::Telemetry;
use seaway_telemetry::catalog::{
    XDS_ANSWERS, XDS_BYTES, XDS_CLIENTS, XDS_RESOURCES, XDS_RESPONSES, XDS_STREAMS,
};
use seaway_xds::server::Server;
use seaway_xds::{Options, Unsupported};
use tokio::sync::oneshot;

use crate::cli::PortMapping;

/// What data planes are told.
pub struct ControlPlane {
    server: Server,
    options: Options,
    unsupported: Vec<Unsupported>,
    port: Option<Port>,
}

/// The open port.
struct Port {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ControlPlane {
    /// Nothing is published and nothing is open yet.
    pub fn new(port_map: &[PortMapping]) -> Self {
        let port_map: BTreeMap<u16, u16> = port_map.iter().map(|m| (m.configured, m.bound)).collect();
        Self {
            server: Server::new(concat!("seaway ", env!("CARGO_PKG_VERSION"))),
            options: Options {
                port_map,
                ..Options::default()
            },
            unsupported: Vec::new(),
            port: None,
        }
    }

    /// Who is connected.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Tells every client. What Envoy cannot do and was not said before is given back.
    pub fn publish(&mut self, model: &Model) -> Vec<Unsupported> {
        let encoded = seaway_xds::encode(model, &self.options);
        self.server.publish(&encoded.resources);
        let known = std::mem::replace(&mut self.unsupported, encoded.unsupported);
        let is_new = |loss: &&Unsupported| !known.contains(*loss);
        self.unsupported.iter().filter(is_new).cloned().collect()
    }

    /// Opens the port. The error is the user's to mend.
    pub fn open(&mut self, address: SocketAddr) -> Result<SocketAddr, String> {
        let port = Port::open(&self.server, address).map_err(|error| {
            format!("data planes cannot be served on {address} ({error}); choose another with --xds")
        })?;
        let bound = port.address;
        self.port = Some(port);
        Ok(bound)
    }

    /// Closes it; the clients' streams end.
    pub fn close(&mut self) {
        self.port = None;
    }

    /// Adds what is known of the clients to every scrape.
    pub fn register(&self, telemetry: &Arc<Telemetry>) {
        let server = self.server.clone();
        telemetry.register(Box::new(move |exposition| {
            let clients = server.clients();
            let counts = clients.counts();
            exposition
                .family(XDS_CLIENTS)
                .sample(&[], clients.connected() as u64);
            exposition.family(XDS_STREAMS).sample(&[], counts.streams);
            exposition.family(XDS_RESPONSES).sample(&[], counts.responses);
            exposition.family(XDS_RESOURCES).sample(&[], counts.resources);
            exposition.family(XDS_BYTES).sample(&[], counts.bytes);
            let mut answers = exposition.family(XDS_ANSWERS);
            answers.sample(&["accepted"], counts.accepted);
            answers.sample(&["rejected"], counts.rejected);
            answers.sample(&["stale"], counts.stale);
        }));
    }
}

impl Port {
    fn open(server: &Server, address: SocketAddr) -> std::io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let server = server.clone();
        let thread = std::thread::Builder::new()
            .name("xds".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                        return;
                    };
                    let stopped = async {
                        // Dropping the sender says it as well.
                        let _: Result<(), oneshot::error::RecvError> = stopped.await;
                    };
                    // What goes wrong with one client is shown with that client; accepting itself goes on.
                    let _: std::io::Result<()> = server.serve(listener, stopped).await;
                });
            })?;
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _: std::thread::Result<()> = thread.join();
        }
    }
}

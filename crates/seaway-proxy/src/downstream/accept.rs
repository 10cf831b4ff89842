//! Accepting connections on one socket of one worker.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use seaway_model::Protocol;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::closing::Closing;
use super::handler::Handler;
use super::site::Site;
use super::stats::Counters;

/// How long accepting rests when the system has no more file descriptors or memory.
const REST: Duration = Duration::from_millis(50);

/// What all sockets of a listener have in common. It outlives changes of the configuration that leave the port alone.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) name: ArcSwap<Arc<str>>,
    pub(crate) protocol: Protocol,
}

/// A socket that is accepted on.
#[derive(Debug)]
pub(crate) struct Acceptor {
    closing: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Acceptor {
    /// Starts on this worker's runtime.
    pub(crate) fn start<H: Handler>(
        socket: std::net::TcpListener,
        slot: Arc<Slot>,
        site: Arc<Site<H>>,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket)?;
        let (sender, closing) = Closing::channel();
        let task = tokio::spawn(accept(socket, slot, site, closing));
        Ok(Self {
            closing: sender,
            task,
        })
    }

    /// Ends accepting and waits until the socket is closed. Connections hear of it, too.
    pub(crate) async fn stop(self) {
        self.closing.send_replace(true);
        let _: Result<(), tokio::task::JoinError> = self.task.await;
    }
}

async fn accept<H: Handler>(socket: TcpListener, slot: Arc<Slot>, site: Arc<Site<H>>, closing: Closing) {
    let mut stop = closing.clone();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.begun() => break,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => admit(stream, peer, &slot, &site, &closing),
            Err(error) if is_of_one_connection(&error) => {}
            Err(_) => {
                Counters::count(&site.shared.counters.accept_errors);
                tokio::select! {
                    () = stop.begun() => break,
                    () = tokio::time::sleep(REST) => {}
                }
            }
        }
    }
    if let Ok(socket) = socket.into_std() {
        empty(&socket, &slot, &site, &closing);
    }
}

/// Whoever is in the kernel's queue has been told that somebody listens. The system is asked directly: what the runtime
/// knows of the socket may be older than the last connection.
fn empty<H: Handler>(
    socket: &std::net::TcpListener,
    slot: &Arc<Slot>,
    site: &Arc<Site<H>>,
    closing: &Closing,
) {
    loop {
        match socket.accept() {
            Ok((stream, peer)) => {
                let stream = stream
                    .set_nonblocking(true)
                    .and_then(|()| TcpStream::from_std(stream));
                if let Ok(stream) = stream {
                    admit(stream, peer, slot, site, closing);
                }
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(_) => return,
        }
    }
}

fn admit<H: Handler>(
    stream: TcpStream,
    peer: SocketAddr,
    slot: &Arc<Slot>,
    site: &Arc<Site<H>>,
    closing: &Closing,
) {
    let counters = &site.shared.counters;
    let Some(permit) = site.shared.connections.admit() else {
        Counters::count(&counters.over_limit);
        return;
    };
    Counters::count(&counters.accepted);
    let site = Arc::clone(site);
    let name = Arc::clone(&**slot.name.load());
    let closing = closing.clone();
    match slot.protocol {
        Protocol::Http => tokio::spawn(site.serve_clear(stream, peer, name, closing, permit)),
        Protocol::Https => tokio::spawn(site.serve_tls(stream, peer, name, closing, permit)),
        Protocol::Tcp | Protocol::Udp => return,
    };
}

/// Errors that say something about a connection that is gone, not about accepting.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

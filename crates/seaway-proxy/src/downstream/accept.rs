//! Accepting connections on one socket of one worker.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use seaway_model::Protocol;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::closing::Closing;
use super::crowd::{Room, Stay};
use super::handler::Handler;
use super::site::{Came, Site};
use super::stats::Counters;

/// How long accepting rests when the system has no more file descriptors or memory.
const REST: Duration = Duration::from_millis(50);

/// How long one waits for the place of another that has yet to say its first word. Others wait in the kernel's queue.
const PATIENCE: Duration = Duration::from_millis(500);

/// Connections that are accepted before everybody else has a turn. New ones must not make those wait that are being
/// served, and under a flood that is what a large number does; the queue is the kernel's meanwhile. With one at a time a
/// burst of connections would pay for a look at the system's event queue each.
const AT_ONCE: u32 = 4;

/// What all sockets of a listener have in common. It outlives changes of the configuration that leave the port alone.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) name: ArcSwap<Arc<str>>,
    pub(crate) protocol: Protocol,
}

/// Why a socket is not accepted on any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// The configuration has no such listener any more.
    Removed,
    /// Another protocol is spoken on the same socket from now on; whoever waits in its queue is for that.
    Replaced,
    /// The process ends.
    Drained,
}

/// A socket that is accepted on.
#[derive(Debug)]
pub(crate) struct Acceptor {
    closing: watch::Sender<bool>,
    /// Whether those in the kernel's queue are somebody else's.
    leaves_queue: Arc<AtomicBool>,
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
        let leaves_queue = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(accept(socket, slot, site, closing, Arc::clone(&leaves_queue)));
        Ok(Self {
            closing: sender,
            leaves_queue,
            task,
        })
    }

    /// Ends accepting and waits until the socket is closed. Connections hear of it, too.
    pub(crate) async fn stop(self, leaving: Leaving) {
        self.leaves_queue
            .store(leaving == Leaving::Replaced, Ordering::Relaxed);
        self.closing.send_replace(true);
        let _: Result<(), tokio::task::JoinError> = self.task.await;
    }
}

async fn accept<H: Handler>(
    socket: TcpListener,
    slot: Arc<Slot>,
    site: Arc<Site<H>>,
    closing: Closing,
    leaves_queue: Arc<AtomicBool>,
) {
    let mut stop = closing.clone();
    // Heard once each: who stops waiting for room must still hear that accepting is over.
    let mut stop_waiting = closing.clone();
    let mut in_a_row = 0;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.begun() => break,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                tokio::select! {
                    biased;
                    () = stop_waiting.begun() => {}
                    () = wait_for_room(&site) => {}
                }
                admit(stream, peer, &slot, &site, &closing);
                in_a_row += 1;
                if in_a_row >= AT_ONCE {
                    in_a_row = 0;
                    tokio::task::yield_now().await;
                }
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(_) => {
                Counters::count(&site.shared.counters.accept_errors);
                make_room(&site);
                tokio::select! {
                    () = stop.begun() => break,
                    () = tokio::time::sleep(REST) => {}
                }
            }
        }
    }
    if !leaves_queue.load(Ordering::Relaxed)
        && let Ok(socket) = socket.into_std()
    {
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
    if let Some(load) = site.shared.overload.worker(site.worker) {
        load.stir();
    }
    if site.shared.overload.is_full() {
        Counters::count(&counters.over_memory);
        return;
    }
    if site.shared.connections.is_nearly_full() {
        make_room(site);
    }
    let Some(permit) = site.shared.connections.admit() else {
        Counters::count(&counters.over_limit);
        return;
    };
    Counters::count(&counters.accepted);
    let stay = Stay::new(&site.crowd);
    let presence = Arc::clone(&stay.presence);
    let came = Came {
        peer,
        listener: Arc::clone(&**slot.name.load()),
        protocol: slot.protocol,
        closing: closing.clone(),
        permit,
        stay,
    };
    let task = tokio::spawn(Arc::clone(site).serve(stream, came));
    site.crowd.join(presence, task.abort_handle());
}

/// Ends a connection that asks for nothing, if there is one.
fn make_room<H: Handler>(site: &Site<H>) -> Room {
    let room = site.crowd.evict(Instant::now(), |count| fastrand::usize(..count));
    if room == Room::Made {
        Counters::count(&site.shared.counters.evicted);
    }
    room
}

/// Returns when there is room for one more, or when waiting a moment would not make any.
async fn wait_for_room<H: Handler>(site: &Site<H>) {
    let deadline = Instant::now() + PATIENCE;
    let connections = &site.shared.connections;
    while connections.is_full() && connections.is_nearly_full() && Instant::now() < deadline {
        match make_room(site) {
            Room::Made => tokio::task::yield_now().await,
            Room::In(moment) if Instant::now() + moment <= deadline => tokio::time::sleep(moment).await,
            Room::In(_) | Room::None => return,
        }
    }
}

/// Errors that say something about a connection that is gone, not about accepting.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

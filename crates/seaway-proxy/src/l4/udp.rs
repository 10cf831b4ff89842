//! Datagrams, relayed in sessions: what one client sends to one of our addresses goes to one endpoint from one socket, and
//! what comes back on that socket goes back to the client, from the address that it wrote to.
//!
//! Each worker has a socket of its own; the kernel gives all datagrams of a client to the same one. A session is begun by
//! the first datagram and ends when nothing has moved for a while, when the endpoint says that nobody listens, or when no
//! cluster lists the endpoint any more; the next datagram begins another. Datagrams may be lost on any way, so nothing is
//! ever queued here: what the kernel does not take at once is dropped and counted.
//!
//! When the process drains, nothing more is read (whoever takes the socket over reads it), and answers are passed on for
//! a moment longer. When only the listener goes, its socket is closed at once, so that the port can be bound again.

mod session;
mod wire;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use seaway_model::Millis;
use seaway_telemetry::Transport;
use socket2::Socket;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::session::Session;
use self::wire::{Datagram, Wire};
use super::account::Account;
use super::tcp::{self, Relayed};
use crate::context::Shared;
use crate::downstream::{Closing, Counters, Leaving, Slot};
use crate::upstream;

/// How long nothing may move, unless the route says otherwise.
const IDLE: Duration = Duration::from_secs(60);

/// How long receiving rests when the system has no memory for it.
const REST: Duration = Duration::from_millis(50);

/// A socket whose datagrams are relayed.
#[derive(Debug)]
pub(crate) struct Datagrams {
    gate: Arc<Gate>,
    closing: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What a socket and its sessions share. They all live on one thread, so no lock is ever waited for.
#[derive(Debug)]
struct Gate {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    /// `None` once it is closed for good.
    wire: Mutex<Option<Arc<Wire>>>,
    sessions: Mutex<HashMap<Client, Arc<Session>>>,
    epoch: Instant,
}

/// Whose session it is: the client, and which of our addresses it wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Client {
    peer: SocketAddr,
    local: Option<IpAddr>,
}

impl Datagrams {
    /// Starts on this worker's runtime.
    pub(crate) fn start(socket: Socket, slot: Arc<Slot>, shared: Arc<Shared>) -> io::Result<Self> {
        let wire = Arc::new(Wire::new(socket)?);
        let gate = Arc::new(Gate {
            shared,
            slot,
            wire: Mutex::new(Some(Arc::clone(&wire))),
            sessions: Mutex::default(),
            epoch: Instant::now(),
        });
        let (sender, closing) = Closing::channel();
        let task = tokio::spawn(receive(wire, Arc::clone(&gate), closing));
        Ok(Self {
            gate,
            closing: sender,
            task,
        })
    }

    /// Ends receiving and waits until that is so.
    pub(crate) async fn stop(self, leaving: Leaving) {
        self.closing.send_replace(true);
        let _: Result<(), tokio::task::JoinError> = self.task.await;
        if leaving == Leaving::Removed {
            drop(lock(&self.gate.wire).take());
        }
    }
}

async fn receive(wire: Arc<Wire>, gate: Arc<Gate>, closing: Closing) {
    let mut stop = closing.clone();
    loop {
        let ready = tokio::select! {
            biased;
            () = stop.begun() => return,
            ready = wire.readable() => ready,
        };
        let received = ready.and_then(|()| wire.receive(|datagram| gate.take(datagram, &closing)));
        if received.is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock) {
            Counters::count(&gate.shared.counters.accept_errors);
            tokio::select! {
                () = stop.begun() => return,
                () = tokio::time::sleep(REST) => {}
            }
        }
    }
}

impl Gate {
    /// Passes a datagram on, in its session.
    fn take(self: &Arc<Self>, datagram: &Datagram<'_>, closing: &Closing) {
        let client = Client {
            peer: datagram.peer,
            local: datagram.local,
        };
        let known = lock(&self.sessions).get(&client).map(Arc::clone);
        let session = known.or_else(|| self.begin(client, closing));
        if !session.is_some_and(|session| session.send(datagram.bytes, self.now())) {
            Counters::count(&self.shared.counters.datagrams_dropped);
        }
    }

    /// `None`: there is nobody to have it with.
    fn begin(self: &Arc<Self>, client: Client, closing: &Closing) -> Option<Arc<Session>> {
        let Some(permit) = self.shared.sessions.admit() else {
            Counters::count(&self.shared.counters.sessions_over_limit);
            return None;
        };
        let name = Arc::clone(&**self.slot.name.load());
        let snapshot = self.shared.published.load();
        let route = snapshot.table.listener(&name)?.listener().l4.clone()?;
        let peer = SocketAddr::new(client.peer.ip().to_canonical(), client.peer.port());
        let hash = tcp::hash(&route, peer.ip());
        // A session has no other end than this.
        let idle = route
            .idle_timeout
            .filter(|idle| idle.0 > 0)
            .map_or(IDLE, Millis::duration);
        let relayed = Relayed {
            snapshot,
            route: Arc::clone(&route),
        };
        let cluster = tcp::cluster(&relayed)?;
        let (endpoint, in_flight) = upstream::pick(&cluster, hash).ok()?;
        let session = Arc::new(Session::connect(endpoint, self.now()).ok()?);
        let mut account = Account::new(Transport::Udp, &name, None, peer, &route);
        account.goes_to(cluster.config());
        account.opened(endpoint);
        Counters::count(&self.shared.counters.sessions);
        lock(&self.sessions).insert(client, Arc::clone(&session));
        let life = session::Life {
            gate: Arc::clone(self),
            client,
            session: Arc::clone(&session),
            idle,
            closing: closing.clone(),
            account,
            in_flight,
            permit,
        };
        tokio::spawn(life.live());
        Some(session)
    }

    /// Sends a client an answer.
    fn answer(&self, client: Client, bytes: &[u8]) {
        let wire = lock(&self.wire).clone();
        let sent = wire.is_some_and(|wire| wire.send(bytes, client.peer, client.local).is_ok());
        if !sent {
            Counters::count(&self.shared.counters.datagrams_dropped);
        }
    }

    /// Since this gate was opened.
    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

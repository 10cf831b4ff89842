//! One client's datagrams, to one endpoint and back.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Client, Gate, lock};
use crate::downstream::{Closing, Permit};
use crate::l4::account::Account;
use crate::l4::relay::Moved;
use crate::l4::space;
use crate::upstream::InFlight;

/// What is read of one session before others have their turn.
const TURN: usize = 32;

/// What whoever receives from the client knows of a session.
#[derive(Debug)]
pub(super) struct Session {
    upstream: UdpSocket,
    received: AtomicU64,
    /// When something moved last, in milliseconds of the gate's clock.
    moved_at: AtomicU64,
    /// The endpoint cannot be sent to.
    broken: Notify,
}

impl Session {
    /// A socket of its own, through which only this endpoint is heard.
    pub(super) fn connect(endpoint: SocketAddr, now: Duration) -> io::Result<Self> {
        let any: IpAddr = match endpoint {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = std::net::UdpSocket::bind((any, 0))?;
        socket.connect(endpoint)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            upstream: UdpSocket::from_std(socket)?,
            received: AtomicU64::new(0),
            moved_at: AtomicU64::new(millis(now)),
            broken: Notify::new(),
        })
    }

    /// Sends the endpoint a datagram. Whether the system took it.
    pub(super) fn send(&self, bytes: &[u8], now: Duration) -> bool {
        // The system is asked directly: the runtime does not know yet that a new socket can be written to.
        match SockRef::from(&self.upstream).send(bytes) {
            Ok(count) => {
                self.received.fetch_add(count as u64, Ordering::Relaxed);
                self.moved_at.store(millis(now), Ordering::Relaxed);
                true
            }
            Err(error) => {
                // Above all: an earlier datagram has met nobody.
                if error.kind() != io::ErrorKind::WouldBlock {
                    self.broken.notify_one();
                }
                false
            }
        }
    }

    fn moved_at(&self) -> Duration {
        Duration::from_millis(self.moved_at.load(Ordering::Relaxed))
    }
}

/// A session as it lives.
pub(super) struct Life {
    pub(super) gate: Arc<Gate>,
    pub(super) client: Client,
    pub(super) session: Arc<Session>,
    pub(super) idle: Duration,
    pub(super) closing: Closing,
    pub(super) account: Account,
    pub(super) in_flight: InFlight,
    pub(super) permit: Permit,
}

impl Life {
    /// Passes answers on until the session is over.
    pub(super) async fn live(mut self) {
        let mut sent = 0;
        self.relay(&mut sent).await;
        let mut sessions = lock(&self.gate.sessions);
        if sessions
            .get(&self.client)
            .is_some_and(|known| Arc::ptr_eq(known, &self.session))
        {
            sessions.remove(&self.client);
        }
        drop(sessions);
        self.account.moved(self.moved(sent), Instant::now());
        drop((self.in_flight, self.permit));
    }

    async fn relay(&mut self, sent: &mut u64) {
        let session = Arc::clone(&self.session);
        let broken = session.broken.notified();
        tokio::pin!(broken);
        let gone = self.in_flight.endpoint_gone();
        tokio::pin!(gone);
        let timer = tokio::time::sleep(self.idle);
        tokio::pin!(timer);
        let mut is_leaving = false;
        loop {
            tokio::select! {
                biased;
                () = &mut broken => return,
                () = &mut gone => return,
                () = self.closing.begun() => {
                    is_leaving = true;
                    timer.as_mut().reset(Instant::now() + self.gate.shared.options.limits.drain_grace);
                }
                () = &mut timer => {
                    let deadline = self.gate.epoch + session.moved_at() + self.idle;
                    if is_leaving || Instant::now() >= deadline {
                        return;
                    }
                    timer.as_mut().reset(deadline);
                }
                ready = session.upstream.readable() => {
                    if ready.and_then(|()| answers(&self.gate, self.client, &session, sent)).is_err() {
                        return;
                    }
                    let moved = Moved { up: session.received.load(Ordering::Relaxed), down: *sent };
                    self.account.moved(moved, Instant::now());
                }
            }
        }
    }

    fn moved(&self, sent: u64) -> Moved {
        Moved {
            up: self.session.received.load(Ordering::Relaxed),
            down: sent,
        }
    }
}

/// Passes on what there is of answers, but not for ever.
fn answers(gate: &Gate, client: Client, session: &Session, sent: &mut u64) -> io::Result<()> {
    space::with(|space| {
        for _ in 0..TURN {
            let count = match session.upstream.try_recv(space) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            gate.answer(client, space.get(..count).unwrap_or_default());
            *sent += count as u64;
            session.moved_at.store(millis(gate.now()), Ordering::Relaxed);
        }
        Ok(())
    })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

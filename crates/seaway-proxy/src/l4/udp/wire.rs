//! A socket that datagrams of clients come to.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::Socket;
use tokio::net::UdpSocket;

use crate::l4::space;

/// What is received before others have their turn.
const TURN: usize = 64;

/// The socket.
#[derive(Debug)]
pub(super) struct Wire(UdpSocket);

/// What a client sent.
#[derive(Debug)]
pub(super) struct Datagram<'d> {
    pub(super) bytes: &'d [u8],
    /// As the socket sees it: an IPv4 client of a socket for both is mapped into IPv6.
    pub(super) peer: SocketAddr,
    /// To which of our addresses, where that is known.
    pub(super) local: Option<IpAddr>,
}

impl Wire {
    pub(super) fn new(socket: Socket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        UdpSocket::from_std(socket.into()).map(Self)
    }

    pub(super) async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
    }

    /// Receives what is there, but not for ever.
    ///
    /// # Errors
    /// `WouldBlock` when all is received, else what the system says.
    pub(super) fn receive(&self, mut take: impl FnMut(&Datagram<'_>)) -> io::Result<()> {
        space::with(|space| {
            for _ in 0..TURN {
                let (count, peer) = self.0.try_recv_from(space)?;
                let bytes = space.get(..count).unwrap_or_default();
                take(&Datagram {
                    bytes,
                    peer,
                    local: None,
                });
            }
            Ok(())
        })
    }

    /// Sends at once or not at all.
    pub(super) fn send(&self, bytes: &[u8], peer: SocketAddr, _local: Option<IpAddr>) -> io::Result<()> {
        socket2::SockRef::from(&self.0).send_to(bytes, &peer.into())?;
        Ok(())
    }
}

//! Ports for programs that must be told theirs.
//!
//! Asking the system for a free port and closing it again leaves a gap in which another test gets the same one. So the
//! port stays bound, without listening: a socket with `SO_REUSEADDR` that does not listen lets a second one with the
//! same option bind and listen, which is what Go's and tokio's listeners are. Until then, and after, whoever connects is
//! refused at once, which also makes it a place where certainly nobody answers.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpSocket};

/// A TCP port on 127.0.0.1 that is ours.
#[derive(Debug)]
pub(super) struct Port {
    _held: Socket,
    address: SocketAddr,
}

impl Port {
    pub(super) fn reserve() -> io::Result<Self> {
        let held = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        held.set_reuse_address(true)?;
        held.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let address = held
            .local_addr()?
            .as_socket()
            .ok_or_else(|| io::Error::other("an address that is not IP"))?;
        Ok(Self { _held: held, address })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens on it, in this process.
    pub(super) fn listen(&self) -> io::Result<TcpListener> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(self.address)?;
        socket.listen(1024)
    }
}

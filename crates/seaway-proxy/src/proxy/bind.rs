//! Making listening sockets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Connections that the kernel keeps for us while all workers are busy.
const BACKLOG: i32 = 4096;

/// What travels through a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Transport {
    Tcp,
    Udp,
}

/// Makes so many sockets that share an address. Port 0 picks a port once, for all of them.
///
/// Sharing a port (`SO_REUSEPORT`) is also open to every other process of the same user, and would divide the traffic
/// with it in silence; so a fixed port is first tried without sharing.
///
/// # Errors
/// When the address is taken, not ours, or forbidden.
pub(super) fn bind(
    transport: Transport,
    address: Option<IpAddr>,
    port: u16,
    count: usize,
) -> io::Result<Vec<Socket>> {
    let address = match address {
        Some(address) => SocketAddr::new(address, port),
        None => every_address(port)?,
    };
    if port != 0 {
        socket(transport, address, false)?;
    }
    let first = listen(transport, address)?;
    let address = local_address(&first)?;
    let mut sockets = vec![first];
    while sockets.len() < count {
        sockets.push(listen(transport, address)?);
    }
    Ok(sockets)
}

/// One more socket on an address that is ours already.
pub(super) fn listen(transport: Transport, address: SocketAddr) -> io::Result<Socket> {
    let socket = socket(transport, address, true)?;
    if transport == Transport::Tcp {
        socket.listen(BACKLOG)?;
    }
    Ok(socket)
}

/// Where a socket is bound.
pub(super) fn local_address(socket: &Socket) -> io::Result<SocketAddr> {
    let address = socket.local_addr()?.as_socket();
    address.ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

/// IPv6 sockets take IPv4 traffic too; where the system has no IPv6, IPv4 must do.
fn every_address(port: u16) -> io::Result<SocketAddr> {
    let six = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    match socket(Transport::Tcp, six, true) {
        Ok(_) => Ok(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))),
        Err(error) if is_without_ipv6(&error) => Ok(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
        Err(error) => Err(error),
    }
}

fn is_without_ipv6(error: &io::Error) -> bool {
    const EAFNOSUPPORT: i32 = 97;
    error.raw_os_error() == Some(EAFNOSUPPORT)
        || matches!(
            error.kind(),
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported
        )
}

fn socket(transport: Transport, address: SocketAddr, is_shared: bool) -> io::Result<Socket> {
    let (kind, protocol) = match transport {
        Transport::Tcp => (Type::STREAM, Protocol::TCP),
        Transport::Udp => (Type::DGRAM, Protocol::UDP),
    };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if transport == Transport::Tcp {
        // Connections of a listener that was closed a moment ago may still be there. For datagrams it would mean
        // something else: to take the port over from whoever has it.
        socket.set_reuse_address(true)?;
    }
    if is_shared {
        socket.set_reuse_port(true)?;
    }
    if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        socket.set_only_v6(false)?;
    }
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::Transport::{Tcp, Udp};
    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn port(socket: &Socket) -> u16 {
        local_address(socket).unwrap().port()
    }

    #[test]
    fn sockets_of_a_picked_port_share_it() {
        for transport in [Tcp, Udp] {
            let sockets = bind(transport, Some(LOOPBACK), 0, 3).unwrap();
            let ports: Vec<u16> = sockets.iter().map(port).collect();
            assert_eq!(ports, [ports[0]; 3]);
        }
    }

    #[test]
    fn a_port_that_someone_else_shares_is_taken() {
        for transport in [Tcp, Udp] {
            let theirs = bind(transport, Some(LOOPBACK), 0, 1).unwrap();
            let port = port(&theirs[0]);
            for address in [Some(LOOPBACK), None] {
                let error = bind(transport, address, port, 1).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{transport:?}");
            }
        }
    }

    #[test]
    fn a_port_can_be_bound_again_while_old_connections_live() {
        let sockets = bind(Tcp, Some(LOOPBACK), 0, 1).unwrap();
        let port = port(&sockets[0]);
        let client = TcpStream::connect((LOOPBACK, port)).unwrap();
        let listeners: Vec<TcpListener> = sockets.into_iter().map(Into::into).collect();
        let (server, _) = listeners[0].accept().unwrap();
        drop(listeners);
        assert!(bind(Tcp, Some(LOOPBACK), port, 2).is_ok());
        drop((client, server));
    }

    #[test]
    fn every_address_takes_ipv4() {
        let sockets = bind(Tcp, None, 0, 1).unwrap();
        assert!(TcpStream::connect((LOOPBACK, port(&sockets[0]))).is_ok());
    }
}

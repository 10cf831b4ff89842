//! Making listening sockets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Connections that the kernel keeps for us while all workers are busy.
const BACKLOG: i32 = 4096;

/// Makes so many sockets that share an address. Port 0 picks a port once, for all of them.
///
/// Sharing a port (`SO_REUSEPORT`) is also open to every other process of the same user, and would divide the traffic
/// with it in silence; so a fixed port is first tried without sharing.
///
/// # Errors
/// When the address is taken, not ours, or forbidden.
pub(super) fn bind(address: Option<IpAddr>, port: u16, count: usize) -> io::Result<Vec<TcpListener>> {
    let address = match address {
        Some(address) => SocketAddr::new(address, port),
        None => every_address(port)?,
    };
    if port != 0 {
        socket(address, false)?;
    }
    let first = listen(address)?;
    let address = first.local_addr()?;
    let mut sockets = vec![first];
    while sockets.len() < count {
        sockets.push(listen(address)?);
    }
    Ok(sockets)
}

/// One more socket on an address that is ours already.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address, true)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// IPv6 sockets take IPv4 connections too; where the system has no IPv6, IPv4 must do.
fn every_address(port: u16) -> io::Result<SocketAddr> {
    let six = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    match socket(six, true) {
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

fn socket(address: SocketAddr, is_shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of a listener that was closed a moment ago may still be there.
    socket.set_reuse_address(true)?;
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
    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn sockets_of_a_picked_port_share_it() {
        let sockets = bind(Some(LOOPBACK), 0, 3).unwrap();
        let ports: Vec<u16> = sockets.iter().map(|s| s.local_addr().unwrap().port()).collect();
        assert_eq!(ports, [ports[0]; 3]);
    }

    #[test]
    fn a_port_that_someone_else_shares_is_taken() {
        let theirs = bind(Some(LOOPBACK), 0, 1).unwrap();
        let port = theirs[0].local_addr().unwrap().port();
        let error = bind(Some(LOOPBACK), port, 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(bind(None, port, 1).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_port_can_be_bound_again_while_old_connections_live() {
        let sockets = bind(Some(LOOPBACK), 0, 1).unwrap();
        let address = sockets[0].local_addr().unwrap();
        let client = std::net::TcpStream::connect(address).unwrap();
        let (server, _) = sockets[0].accept().unwrap();
        drop(sockets);
        assert!(bind(Some(LOOPBACK), address.port(), 2).is_ok());
        drop((client, server));
    }

    #[test]
    fn every_address_takes_ipv4() {
        let sockets = bind(None, 0, 1).unwrap();
        let port = sockets[0].local_addr().unwrap().port();
        assert!(std::net::TcpStream::connect((LOOPBACK, port)).is_ok());
    }
}

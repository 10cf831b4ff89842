//! A socket that says to which of our addresses a datagram came, and sends the answer from there.
//!
//! A socket for all addresses would answer from whichever the routing table likes best, and a client that has connected
//! its socket to another never hears it. Neither the standard library nor tokio have the two control messages it takes
//! (`IP_PKTINFO`, `IPV6_PKTINFO`; RFC 3542, 6.1).

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt, sockopt,
};
use socket2::Socket;
use tokio::io::Interest;
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
    /// To which of our addresses.
    pub(super) local: Option<IpAddr>,
}

impl Wire {
    pub(super) fn new(socket: Socket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        match socket.local_addr()?.as_socket() {
            Some(SocketAddr::V6(_)) => setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?,
            _ => setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?,
        }
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
        let mut control = nix::cmsg_space!(libc::in6_pktinfo, libc::in_pktinfo);
        space::with(|space| {
            for _ in 0..TURN {
                let (count, peer, local) = self.0.try_io(Interest::READABLE, || {
                    let mut parts = [IoSliceMut::new(space)];
                    let fd = self.0.as_raw_fd();
                    let flags = MsgFlags::MSG_DONTWAIT;
                    let message = recvmsg::<SockaddrStorage>(fd, &mut parts, Some(&mut control), flags)?;
                    let local = message.cmsgs()?.find_map(|control| address(&control));
                    Ok((
                        message.bytes,
                        message.address.as_ref().and_then(socket_address),
                        local,
                    ))
                })?;
                if let Some(peer) = peer {
                    let bytes = space.get(..count).unwrap_or_default();
                    take(&Datagram { bytes, peer, local });
                }
            }
            Ok(())
        })
    }

    /// Sends at once or not at all.
    pub(super) fn send(&self, bytes: &[u8], peer: SocketAddr, local: Option<IpAddr>) -> io::Result<()> {
        let four;
        let six;
        let control = match local {
            Some(IpAddr::V4(address)) => {
                four = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: libc::in_addr {
                        s_addr: u32::from_ne_bytes(address.octets()),
                    },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                Some(ControlMessage::Ipv4PacketInfo(&four))
            }
            Some(IpAddr::V6(address)) => {
                six = libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr {
                        s6_addr: address.octets(),
                    },
                    ipi6_ifindex: 0,
                };
                Some(ControlMessage::Ipv6PacketInfo(&six))
            }
            None => None,
        };
        let parts = [IoSlice::new(bytes)];
        let peer = SockaddrStorage::from(peer);
        let flags = MsgFlags::MSG_DONTWAIT;
        sendmsg(self.0.as_raw_fd(), &parts, control.as_slice(), flags, Some(&peer))?;
        Ok(())
    }
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let four = address.as_sockaddr_in().map(|a| SocketAddr::V4((*a).into()));
    four.or_else(|| address.as_sockaddr_in6().map(|a| SocketAddr::V6((*a).into())))
}

fn address(control: &ControlMessageOwned) -> Option<IpAddr> {
    match control {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            Some(Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()).into())
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into()),
        _ => None,
    }
}

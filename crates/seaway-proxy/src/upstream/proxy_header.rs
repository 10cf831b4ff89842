//! The header of the PROXY protocol (the specification of HAProxy, versions 1 and 2), which says who the client is.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use seaway_model::ProxyProtocolVersion;

use super::dial::ClientAddress;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
const TCP_OVER_V4: u8 = 0x11;
const TCP_OVER_V6: u8 = 0x21;

/// The header. Without a client (a copy of a request, say) it says that there is none, and the receiver uses the
/// connection's own addresses.
pub(super) fn header(version: ProxyProtocolVersion, client: Option<ClientAddress>) -> Vec<u8> {
    let client = client.map(of_one_family);
    match version {
        ProxyProtocolVersion::V1 => text(client).into_bytes(),
        ProxyProtocolVersion::V2 => binary(client),
    }
}

fn text(client: Option<ClientAddress>) -> String {
    let Some(ClientAddress { peer, local }) = client else {
        return "PROXY UNKNOWN\r\n".to_owned();
    };
    let family = if peer.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (peer.ip(), local.ip());
    format!("PROXY {family} {from} {to} {} {}\r\n", peer.port(), local.port())
}

fn binary(client: Option<ClientAddress>) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    let Some(ClientAddress { peer, local }) = client else {
        header.extend([LOCAL, 0, 0, 0]);
        return header;
    };
    let mut addresses = Vec::with_capacity(36);
    for address in [peer, local] {
        match address.ip() {
            IpAddr::V4(ip) => addresses.extend(ip.octets()),
            IpAddr::V6(ip) => addresses.extend(ip.octets()),
        }
    }
    addresses.extend(peer.port().to_be_bytes());
    addresses.extend(local.port().to_be_bytes());
    let family = if peer.is_ipv4() { TCP_OVER_V4 } else { TCP_OVER_V6 };
    let length = u16::try_from(addresses.len()).unwrap_or(0);
    header.extend([PROXY, family]);
    header.extend(length.to_be_bytes());
    header.extend(addresses);
    header
}

/// A header has one family for both addresses. An IPv4 client of an IPv6 socket is an IPv4 client.
fn of_one_family(client: ClientAddress) -> ClientAddress {
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let (peer, local) = (canonical(client.peer), canonical(client.local));
    if peer.is_ipv4() == local.is_ipv4() {
        return ClientAddress { peer, local };
    }
    let wide = |address: SocketAddr| {
        let ip: Ipv6Addr = match address.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        SocketAddr::new(ip.into(), address.port())
    };
    ClientAddress {
        peer: wide(peer),
        local: wide(local),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: ProxyProtocolVersion = ProxyProtocolVersion::V1;
    const V2: ProxyProtocolVersion = ProxyProtocolVersion::V2;

    fn client(peer: &str, local: &str) -> Option<ClientAddress> {
        Some(ClientAddress {
            peer: peer.parse().unwrap(),
            local: local.parse().unwrap(),
        })
    }

    fn text_of(peer: &str, local: &str) -> String {
        String::from_utf8(header(V1, client(peer, local))).unwrap()
    }

    #[test]
    fn version_one_is_a_line() {
        assert_eq!(
            text_of("192.0.2.7:4711", "198.51.100.1:443"),
            "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n"
        );
        assert_eq!(
            text_of("[2001:db8::7]:4711", "[2001:db8::1]:443"),
            "PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n"
        );
        assert_eq!(header(V1, None), b"PROXY UNKNOWN\r\n");
    }

    #[test]
    fn an_ipv4_client_of_an_ipv6_socket_is_an_ipv4_client() {
        assert_eq!(
            text_of("[::ffff:192.0.2.7]:1", "[::ffff:198.51.100.1]:2"),
            "PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n"
        );
    }

    #[test]
    fn addresses_of_two_families_are_both_told_as_ipv6() {
        assert_eq!(
            text_of("192.0.2.7:1", "[2001:db8::1]:2"),
            "PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 1 2\r\n"
        );
    }

    #[test]
    fn version_two_is_binary() {
        let header = header(V2, client("192.0.2.7:4711", "198.51.100.1:443"));
        let mut expected = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c".to_vec();
        expected.extend([192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x67, 0x01, 0xbb]);
        assert_eq!(header, expected);
    }

    #[test]
    fn version_two_has_room_for_ipv6() {
        let header = header(V2, client("[2001:db8::7]:1", "[2001:db8::1]:2"));
        assert_eq!((header.len(), header[13], header[15]), (16 + 36, 0x21, 36));
    }

    #[test]
    fn version_two_without_a_client_is_local() {
        assert_eq!(header(V2, None), b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00");
    }
}

//! Reads a header of the PROXY protocol (HAProxy's `proxy-protocol.txt`), version 1 (text) or 2 (binary).
//!
//! Strict where the specification lets a receiver choose: one space between words, numbers without leading zeros, no
//! datagrams on a stream. What it says of itself decides its length and nothing else does, so the answer does not depend
//! on how the bytes came. TLVs of version 2 are skipped. Pure: bytes in, addresses out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What the bytes read so far say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// The header goes on.
    Incomplete,
    /// It is there.
    Complete {
        /// What it says.
        header: Header,
        /// How many bytes it has; what follows is the connection's.
        length: usize,
    },
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// Nothing: the sender speaks for itself (LOCAL), or does not know (UNKNOWN, UNSPEC, sockets of a file system).
    Unnamed,
    /// Who connected, and to what.
    Named {
        source: SocketAddr,
        destination: SocketAddr,
    },
}

/// It is not a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

const SIGNATURE_1: &[u8] = b"PROXY ";
const SIGNATURE_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Of version 1, its end included.
const LONGEST_1: usize = 107;
/// Of what follows the fixed part of version 2. Addresses take 36 bytes of it, or 216; the rest is TLVs.
const LONGEST_2: usize = 4096;

/// Reads the first bytes of a connection.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    if begins(bytes, SIGNATURE_2) {
        version_2(bytes)
    } else if begins(bytes, SIGNATURE_1) {
        version_1(bytes)
    } else {
        Err(Malformed)
    }
}

/// Whether the bytes begin with the signature, as far as they go.
fn begins(bytes: &[u8], signature: &[u8]) -> bool {
    bytes
        .iter()
        .zip(signature)
        .all(|(byte, expected)| byte == expected)
}

fn version_1(bytes: &[u8]) -> Result<Parsed, Malformed> {
    let window = bytes.get(..LONGEST_1).unwrap_or(bytes);
    let Some(end) = window.iter().position(|b| *b == b'\n') else {
        return if bytes.len() < LONGEST_1 {
            Ok(Parsed::Incomplete)
        } else {
            Err(Malformed)
        };
    };
    let line = window.get(..end).and_then(|line| line.strip_suffix(b"\r"));
    let words = line.and_then(|line| line.strip_prefix(SIGNATURE_1));
    let words = words
        .and_then(|words| std::str::from_utf8(words).ok())
        .ok_or(Malformed)?;
    Ok(Parsed::Complete {
        header: named_in_words(words).ok_or(Malformed)?,
        length: end + 1,
    })
}

fn named_in_words(words: &str) -> Option<Header> {
    if words == "UNKNOWN" || words.starts_with("UNKNOWN ") {
        return Some(Header::Unnamed);
    }
    let mut words = words.split(' ');
    let family = words.next()?;
    let (source, destination) = (words.next()?, words.next()?);
    let (source_port, destination_port) = (port(words.next()?)?, port(words.next()?)?);
    if words.next().is_some() {
        return None;
    }
    let read = |word: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => word.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => word.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    Some(Header::Named {
        source: SocketAddr::new(read(source)?, source_port),
        destination: SocketAddr::new(read(destination)?, destination_port),
    })
}

/// Decimal, as short as it can be.
fn port(word: &str) -> Option<u16> {
    let port: u16 = word.parse().ok()?;
    let is_plain = word.bytes().all(|b| b.is_ascii_digit()) && (word.len() == 1 || !word.starts_with('0'));
    is_plain.then_some(port)
}

fn version_2(bytes: &[u8]) -> Result<Parsed, Malformed> {
    const FIXED: usize = 16;
    const LOCAL: u8 = 0x20;
    const PROXY: u8 = 0x21;
    let rest = bytes.get(SIGNATURE_2.len()..).unwrap_or_default();
    if rest
        .first()
        .is_some_and(|command| !matches!(*command, LOCAL | PROXY))
    {
        return Err(Malformed);
    }
    let Some(&[command, family, high, low]) = rest.first_chunk() else {
        return Ok(Parsed::Incomplete);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > LONGEST_2 {
        return Err(Malformed);
    }
    let Some(body) = bytes.get(FIXED..FIXED + length) else {
        return Ok(Parsed::Incomplete);
    };
    let header = match command {
        LOCAL => Header::Unnamed,
        _ => named_in_bytes(family, body).ok_or(Malformed)?,
    };
    Ok(Parsed::Complete {
        header,
        length: FIXED + length,
    })
}

fn named_in_bytes(family: u8, body: &[u8]) -> Option<Header> {
    match family {
        // UNSPEC, and AF_UNIX with a stream.
        0x00 => Some(Header::Unnamed),
        0x31 => (body.len() >= 216).then_some(Header::Unnamed),
        0x11 => named::<4>(body),
        0x21 => named::<16>(body),
        _ => None,
    }
}

/// Two addresses of so many bytes, then two ports.
fn named<const N: usize>(body: &[u8]) -> Option<Header>
where
    IpAddr: From<[u8; N]>,
{
    let (source, body) = body.split_first_chunk::<N>()?;
    let (destination, body) = body.split_first_chunk::<N>()?;
    let (source_port, body) = body.split_first_chunk()?;
    let destination_port = body.first_chunk()?;
    Some(Header::Named {
        source: SocketAddr::new((*source).into(), u16::from_be_bytes(*source_port)),
        destination: SocketAddr::new((*destination).into(), u16::from_be_bytes(*destination_port)),
    })
}

#[cfg(test)]
mod tests;

//! One DNS question over UDP, with as much of RFC 1035 as the answers of [`super::ChallengeDns`] need.
//!
//! Its server never compresses names, so this does not read compressed ones and says so.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::UdpSocket;

use crate::process::DEADLINE;

/// RFC 1035, section 3.2.2.
const CNAME: u16 = 5;
/// The same.
const TXT: u16 = 16;
/// The class of the internet.
const IN: u16 = 1;

/// What a name has.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) cname: Option<String>,
    pub(super) txt: Vec<String>,
}

/// Asks for the TXT records of a name. The answer also has the CNAME that was followed.
///
/// # Errors
/// When nobody listens, the server refuses, or the answer cannot be read.
pub(super) async fn txt(server: SocketAddr, name: &str) -> io::Result<Found> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    socket.connect(server).await?;
    socket.send(&question(name)?).await?;
    let mut buffer = vec![0; 4096];
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "the DNS server did not answer");
    // A port that nobody has answers with ICMP, which is an error of `recv`: no need to wait.
    let length = tokio::time::timeout(DEADLINE, socket.recv(&mut buffer))
        .await
        .map_err(late)??;
    buffer.truncate(length);
    read(&buffer)
}

fn question(name: &str) -> io::Result<Vec<u8>> {
    // Identifier 1, recursion desired, one question.
    let mut bytes = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len())
            .ok()
            .filter(|length| (1..64).contains(length));
        bytes.push(length.ok_or_else(|| io::Error::other(format!("{name:?} is not a DNS name")))?);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend(TXT.to_be_bytes());
    bytes.extend(IN.to_be_bytes());
    Ok(bytes)
}

fn read(message: &[u8]) -> io::Result<Found> {
    let mut rest = Bytes(message);
    rest.take(2)?;
    let flags = rest.number()?;
    if flags & 0xf != 0 {
        return Err(io::Error::other(format!(
            "the DNS server said rcode {}",
            flags & 0xf
        )));
    }
    let (questions, answers) = (rest.number()?, rest.number()?);
    rest.take(4)?;
    for _ in 0..questions {
        rest.name()?;
        rest.take(4)?;
    }
    let mut found = Found::default();
    for _ in 0..answers {
        rest.name()?;
        let kind = rest.number()?;
        // Class and time to live.
        rest.take(6)?;
        let length = rest.number()?;
        let mut data = Bytes(rest.take(length.into())?);
        match kind {
            CNAME => found.cname = Some(data.name()?),
            TXT => found.txt.push(data.strings()?),
            _ => {}
        }
    }
    Ok(found)
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> io::Result<&'a [u8]> {
        let broken = || io::Error::new(io::ErrorKind::UnexpectedEof, "the DNS answer breaks off");
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(broken)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> io::Result<u16> {
        Ok(self
            .take(2)?
            .iter()
            .fold(0, |sum, byte| sum << 8 | u16::from(*byte)))
    }

    /// A length and as many bytes.
    fn string(&mut self) -> io::Result<&'a [u8]> {
        let length = self.take(1)?.first().copied().unwrap_or_default();
        if length >= 0xc0 {
            return Err(io::Error::other("the DNS answer has a compressed name"));
        }
        self.take(length.into())
    }

    fn name(&mut self) -> io::Result<String> {
        let mut labels = Vec::new();
        loop {
            match self.string()? {
                [] => return Ok(labels.join(".")),
                label => labels.push(String::from_utf8_lossy(label).into_owned()),
            }
        }
    }

    /// The character strings of one TXT record are one text.
    fn strings(&mut self) -> io::Result<String> {
        let mut text = Vec::new();
        while !self.0.is_empty() {
            text.extend(self.string()?);
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

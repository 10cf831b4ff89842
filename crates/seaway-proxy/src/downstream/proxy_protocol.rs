//! The PROXY protocol, as a listener hears it: who the client of whoever connects to us is.
//!
//! The header is read from the socket byte by byte exact, by looking before taking: what follows it belongs to TLS or
//! HTTP, which then need not know that anything came before them. A listener that expects a header takes nothing else: were
//! it optional, every client could write one.

mod header;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use header::{Header, Malformed, Parsed};

/// What is looked at at once. Nearly all headers fit.
const LOOK_BYTES: usize = 256;

/// Why there is no header.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeaderError {
    #[error("the header is not that of the PROXY protocol")]
    Malformed,
    #[error("the header took too long")]
    Timeout,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Malformed> for HeaderError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
}

/// Takes the header off. Says which ends it names: those of the socket, if it names none.
pub(super) async fn take(
    stream: &mut TcpStream,
    socket: Ends,
    timeout: Duration,
) -> Result<Ends, HeaderError> {
    let read = tokio::time::timeout(timeout, read(stream)).await;
    Ok(match read.unwrap_or(Err(HeaderError::Timeout))? {
        Header::Unnamed => socket,
        Header::Named { source, destination } => Ends {
            peer: source,
            local: destination,
        },
    })
}

async fn read(stream: &mut TcpStream) -> Result<Header, HeaderError> {
    let mut taken = Vec::new();
    let mut space = [0; LOOK_BYTES];
    loop {
        let count = stream.peek(&mut space).await?;
        if count == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let before = taken.len();
        taken.extend_from_slice(space.get(..count).unwrap_or_default());
        let parsed = header::parse(&taken)?;
        // Of a header that goes on, everything that was seen is part.
        let of_header = match parsed {
            Parsed::Incomplete => count,
            Parsed::Complete { length, .. } => length.saturating_sub(before),
        };
        let seen = space.get_mut(..of_header).unwrap_or_default();
        stream.read_exact(seen).await?;
        if let Parsed::Complete { header, .. } = parsed {
            return Ok(header);
        }
    }
}

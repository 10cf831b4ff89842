//! One handshake, or the decision that it is somebody else's.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::danger::ClientCertVerifier;
use rustls::server::{Accepted, Acceptor, ServerConnection};
use rustls::{HandshakeKind, pki_types::UnixTime};
use seaway_model::{ServerNameRoute, TlsMode};
use seaway_route::{Arrival, ListenerTable};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::StartHandshake;
use tokio_rustls::server::TlsStream;

use super::challenge;
use super::client::ClientCertificate;
use super::hello::{self, Hello, Parsed};
use super::profile::{Profile, Speaks};
use super::store::Accepting;
use crate::context::{Shared, TlsConnection};
use crate::l4::Relayed;
use crate::overload;
use crate::snapshot::Snapshot;

/// A fatal alert `unrecognized_name` (RFC 6066, 3), as a record that needs no keys yet (RFC 8446, 5.1 and 6).
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// Plaintext that rustls may hold before it is sent: several full records, so that large writes stay large.
const BUFFER_BYTES: usize = 128 * 1024;

/// What is read at once of a hello. Most fit.
const READ_BYTES: usize = 4096;

/// What became of a connection.
#[derive(Debug)]
pub(crate) struct Arrived<IO> {
    pub(crate) tls: TlsConnection,
    pub(crate) stream: Opened<IO>,
}

/// What is to be done with a connection.
#[derive(Debug)]
pub(crate) enum Opened<IO> {
    /// HTTP is spoken inside.
    Http {
        /// Boxed, since it is large and moves.
        stream: Box<TlsStream<IO>>,
        /// ALPN chose it.
        is_http2: bool,
        is_resumed: bool,
    },
    /// What is inside is relayed.
    Terminated {
        stream: Box<TlsStream<IO>>,
        is_resumed: bool,
        relayed: Relayed,
    },
    /// Everything is relayed, the bytes that were read first.
    Passthrough { io: IO, read: Vec<u8>, relayed: Relayed },
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("no certificate is for that name")]
    UnknownName,
    #[error("it was an authority's, which has its proof now")]
    Proven,
    #[error("the session's client certificate is not good any more")]
    Unproven,
    #[error("the handshake took too long")]
    Timeout,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Shakes hands on a listener, as the newest configuration says.
pub(crate) async fn accept<IO>(
    io: IO,
    shared: &Shared,
    listener: &str,
    local: IpAddr,
    timeout: Duration,
) -> Result<Arrived<IO>, HandshakeError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let site = Door {
        shared,
        listener,
        local,
    };
    tokio::time::timeout(timeout, site.open(io))
        .await
        .unwrap_or(Err(HandshakeError::Timeout))
}

/// Where the client came to.
#[derive(Clone, Copy)]
struct Door<'d> {
    shared: &'d Shared,
    listener: &'d str,
    local: IpAddr,
}

/// What a finished handshake leads to.
enum Destiny {
    Http,
    Relay(Relayed),
}

impl Door<'_> {
    async fn open<IO>(self, mut io: IO) -> Result<Arrived<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let mut read = Vec::new();
        if self.may_pass_through() {
            let hello = look(&mut io, &mut read).await?;
            let passes = hello.filter(|h| !self.is_pending(h)).and_then(|hello| {
                let relayed = self.passthrough(hello.server_name.as_deref())?;
                Some((relayed, hello.server_name.map(Arc::from)))
            });
            if let Some((relayed, server_name)) = passes {
                return Ok(Arrived {
                    tls: TlsConnection {
                        server_name,
                        client: None,
                    },
                    stream: Opened::Passthrough { io, read, relayed },
                });
            }
        }
        let (accepted, surplus) = start(&mut io, read).await?;
        self.shake(StartHandshake::from_parts(accepted, io), &surplus)
            .await
    }

    async fn shake<IO>(
        self,
        mut start: StartHandshake<IO>,
        surplus: &[u8],
    ) -> Result<Arrived<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        if let Some(challenges) = &self.shared.options.challenges
            && let Some(config) = challenge::config(&**challenges, &start.client_hello())
        {
            start.into_stream(config).await?.shutdown().await?;
            return Err(HandshakeError::Proven);
        }
        let server_name: Option<Arc<str>> = start
            .client_hello()
            .server_name()
            .map(|name| name.to_ascii_lowercase().into());
        let Some((accepting, destiny)) = self.config(server_name.as_deref()) else {
            start.io.write_all(&UNRECOGNIZED_NAME).await?;
            start.io.shutdown().await?;
            return Err(HandshakeError::UnknownName);
        };
        // What costs most comes now.
        overload::turn().await;
        let feed = |session: &mut ServerConnection| feed(session, surplus);
        let mut stream = Box::new(start.into_stream_with(accepting.config, feed).await?);
        let session = stream.get_mut().1;
        session.set_buffer_limit(Some(BUFFER_BYTES));
        let is_http2 = session.alpn_protocol() == Some(b"h2");
        let is_resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
        let client = match &accepting.client {
            Some(verifier) => proven(session, &**verifier, is_resumed)?,
            None => None,
        };
        let tls = TlsConnection { server_name, client };
        let stream = match destiny {
            Destiny::Http => Opened::Http {
                stream,
                is_http2,
                is_resumed,
            },
            Destiny::Relay(relayed) => Opened::Terminated {
                stream,
                is_resumed,
                relayed,
            },
        };
        Ok(Arrived { tls, stream })
    }

    /// Whether a connection may have to be left untouched, so that what is read of it has to be kept.
    fn may_pass_through(self) -> bool {
        self.ask(|listener, _| {
            let tls = listener.listener().tls.as_ref()?;
            let passes = |route: &ServerNameRoute| route.mode == TlsMode::Passthrough;
            tls.routes.iter().any(passes).then_some(())
        })
        .is_some()
    }

    /// Whether it is an authority's, and we have what it wants to see. That comes before everything.
    fn is_pending(self, hello: &Hello) -> bool {
        let challenges = self.shared.options.challenges.as_ref();
        let pending = |name: &String| challenges.is_some_and(|c| c.tls_alpn01(name).is_some());
        hello.is_acme && hello.server_name.as_ref().is_some_and(pending)
    }

    fn passthrough(self, server_name: Option<&str>) -> Option<Relayed> {
        let name = self.name(server_name);
        self.ask(|listener, snapshot| match listener.arrival(Some(&name)) {
            Arrival::Relay(route) if route.mode == TlsMode::Passthrough => Some(relayed(route, snapshot)),
            _ => None,
        })
    }

    /// What presents the certificate for a name, and what follows; or nothing.
    fn config(self, server_name: Option<&str>) -> Option<(Accepting, Destiny)> {
        let name = self.name(server_name);
        let choose = || {
            self.ask(|listener, snapshot| {
                let (speaks, destiny) = match listener.arrival(Some(&name)) {
                    Arrival::Http => (Speaks::Http, Destiny::Http),
                    Arrival::Relay(route) if route.mode == TlsMode::Terminate => {
                        (Speaks::Anything, Destiny::Relay(relayed(route, snapshot)))
                    }
                    Arrival::Relay(_) | Arrival::Refused => return None,
                };
                let profile = Profile::new(listener.certificate(&name)?, speaks);
                Some((self.shared.certificates.get(&profile)?, destiny))
            })
        };
        // Between the look at the configuration and the look at what is ready for it another one may come.
        choose().or_else(choose)
    }

    /// A client without a name is one for our address.
    fn name(self, server_name: Option<&str>) -> String {
        server_name.map_or_else(|| self.local.to_string(), str::to_owned)
    }

    fn ask<T>(self, ask: impl FnOnce(&ListenerTable, &Arc<Snapshot>) -> Option<T>) -> Option<T> {
        let snapshot = self.shared.published.load();
        ask(snapshot.table.listener(self.listener)?, &snapshot)
    }
}

fn relayed(route: &ServerNameRoute, snapshot: &Arc<Snapshot>) -> Relayed {
    Relayed {
        snapshot: Arc::clone(snapshot),
        route: Arc::clone(&route.route),
    }
}

/// Reads a hello, and keeps the bytes. `None`: it is none.
async fn look<IO: AsyncRead + Unpin>(io: &mut IO, read: &mut Vec<u8>) -> io::Result<Option<Hello>> {
    loop {
        more(io, read).await?;
        match hello::parse(read) {
            Parsed::Incomplete => {}
            Parsed::Hello(hello) => return Ok(Some(hello)),
            Parsed::Unintelligible => return Ok(None),
        }
    }
}

/// Begins a handshake with what was read, and reads on. Gives back what was read of what follows the hello.
async fn start<IO>(io: &mut IO, mut read: Vec<u8>) -> io::Result<(Accepted, Vec<u8>)>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let mut acceptor = Acceptor::default();
    loop {
        let mut unread = read.as_slice();
        while !unread.is_empty() {
            acceptor.read_tls(&mut unread)?;
            match acceptor.accept() {
                Ok(Some(accepted)) => return Ok((accepted, unread.to_vec())),
                Ok(None) => {}
                Err((error, mut alert)) => {
                    let mut farewell = Vec::new();
                    alert.write_all(&mut farewell)?;
                    io.write_all(&farewell).await?;
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
            }
        }
        read.clear();
        more(io, &mut read).await?;
    }
}

async fn more<IO: AsyncRead + Unpin>(io: &mut IO, read: &mut Vec<u8>) -> io::Result<()> {
    read.reserve(READ_BYTES);
    match io.take(READ_BYTES as u64).read_buf(read).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// Gives the session what was read of what follows the hello: at most one read, which always fits.
fn feed(session: &mut ServerConnection, mut surplus: &[u8]) {
    while !surplus.is_empty() && session.read_tls(&mut surplus).is_ok_and(|count| count > 0) {}
}

/// Who the client proved to be. A resumed session brings the certificate of its first handshake, which is looked at
/// again: it may have ended since.
fn proven(
    session: &ServerConnection,
    verifier: &dyn ClientCertVerifier,
    is_resumed: bool,
) -> Result<Option<Arc<ClientCertificate>>, HandshakeError> {
    let Some((leaf, chain)) = session.peer_certificates().and_then(<[_]>::split_first) else {
        return match verifier.client_auth_mandatory() {
            true => Err(HandshakeError::Unproven),
            false => Ok(None),
        };
    };
    if is_resumed {
        verifier
            .verify_client_cert(leaf, chain, UnixTime::now())
            .map_err(|_| HandshakeError::Unproven)?;
    }
    Ok(Some(Arc::new(ClientCertificate::read(leaf))))
}

#[cfg(test)]
mod tests;

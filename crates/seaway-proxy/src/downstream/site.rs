//! What a worker's connections share, and the way of a connection through TLS and protocols.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use seaway_model::Protocol;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::clock::Timeouts;
use super::closing::{Closing, Seldom};
use super::connections::Permit;
use super::crowd::{Crowd, Presence, Stay};
use super::guard::HeadLimits;
use super::handler::Handler;
use super::http1::{Http1, Left, Line};
use super::http2;
use super::proxy_protocol::{self, Ends};
use super::socket::Socket;
use super::stats::Counters;
use crate::context::{Connection, Made, Shared, TlsConnection};
use crate::l4::{Relayed, tcp};
use crate::tcp::Tcp;
use crate::tls::{self, Arrived, HandshakeError, Opened};

/// One per worker.
#[derive(Debug)]
pub(crate) struct Site<H> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) worker: usize,
    pub(crate) crowd: Arc<Crowd>,
    handler: H,
    http2: seaway_http2::server::Builder,
    timeouts: Timeouts,
}

/// A connection that was accepted.
pub(crate) struct Came {
    pub(crate) peer: SocketAddr,
    /// The listener's name.
    pub(crate) listener: Arc<str>,
    pub(crate) protocol: Protocol,
    pub(crate) closing: Closing,
    pub(crate) permit: Permit,
    pub(crate) stay: Stay,
}

/// What is spoken inside a connection, as far as that is settled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spoken {
    /// HTTP/1.1, unless it begins with HTTP/2's preface.
    Either,
    Http1,
    Http2,
}

impl<H: Handler> Site<H> {
    pub(crate) fn new(shared: Arc<Shared>, worker: usize, handler: H) -> Self {
        let limits = &shared.options.limits;
        Self {
            worker,
            crowd: Arc::default(),
            handler,
            http2: http2::builder(limits),
            timeouts: Timeouts::new(limits),
            shared,
        }
    }

    /// Serves a connection until it ends.
    pub(crate) async fn serve(self: Arc<Self>, mut stream: TcpStream, came: Came) {
        let Came {
            peer,
            listener,
            protocol,
            closing,
            permit,
            stay,
        } = came;
        let presence = &stay.presence;
        let Some(local) = prepare(&stream) else { return };
        let mut ends = Ends {
            peer: canonical(peer),
            local,
        };
        if self.expects_header(&listener) {
            // Boxed, as everything is that few connections need.
            match Box::pin(self.header(&mut stream, ends)).await {
                Some(named) => ends = named,
                None => return,
            }
        }
        match protocol {
            Protocol::Http => {
                let connection = self.connection(ends, listener, None, presence);
                self.speak(Tcp::new(stream), &connection, Spoken::Either, closing, permit)
                    .await;
            }
            Protocol::Https => {
                self.serve_tls(stream, ends, listener, closing, permit, presence)
                    .await;
            }
            Protocol::Tcp => {
                let Some(relayed) = self.route(&listener) else {
                    return;
                };
                // What is relayed is never idle as far as we can tell.
                presence.begin();
                let connection = self.connection(ends, listener, None, presence);
                Box::pin(tcp::serve(stream, Vec::new(), relayed, connection, permit)).await;
            }
            // Has no connections.
            Protocol::Udp => {}
        }
    }

    async fn serve_tls(
        &self,
        stream: TcpStream,
        ends: Ends,
        listener: Arc<str>,
        closing: Closing,
        permit: Permit,
        presence: &Arc<Presence>,
    ) {
        let Some(arrived) = Box::pin(self.shake_hands(stream, &listener, ends.local)).await else {
            return;
        };
        let connection = self.connection(ends, listener, Some(arrived.tls), presence);
        if !matches!(arrived.stream, Opened::Http { .. }) {
            presence.begin();
        }
        match arrived.stream {
            Opened::Http { stream, is_http2, .. } => {
                let spoken = if is_http2 { Spoken::Http2 } else { Spoken::Http1 };
                self.speak(stream, &connection, spoken, closing, permit).await;
            }
            Opened::Terminated { stream, relayed, .. } => {
                Box::pin(tcp::serve(stream, Vec::new(), relayed, connection, permit)).await;
            }
            Opened::Passthrough { io, read, relayed } => {
                Box::pin(tcp::serve(io, read, relayed, connection, permit)).await;
            }
        }
    }

    fn expects_header(&self, listener: &str) -> bool {
        let snapshot = self.shared.published.load();
        let listener = snapshot.table.listener(listener);
        listener.is_some_and(|l| l.listener().proxy_protocol)
    }

    async fn header(&self, stream: &mut TcpStream, socket: Ends) -> Option<Ends> {
        let timeout = self.shared.options.limits.head_timeout;
        match proxy_protocol::take(stream, socket, timeout).await {
            Ok(ends) => Some(Ends {
                peer: canonical(ends.peer),
                local: canonical(ends.local),
            }),
            Err(_) => {
                Counters::count(&self.shared.counters.proxy_headers_refused);
                None
            }
        }
    }

    /// Where the connections of a listener go that is not read.
    fn route(&self, listener: &str) -> Option<Relayed> {
        let snapshot = self.shared.published.load();
        let route = snapshot.table.listener(listener)?.listener().l4.clone()?;
        Some(Relayed { snapshot, route })
    }

    fn connection(
        &self,
        ends: Ends,
        listener: Arc<str>,
        tls: Option<TlsConnection>,
        presence: &Arc<Presence>,
    ) -> Arc<Connection> {
        Arc::new(Connection {
            shared: Arc::clone(&self.shared),
            worker: self.worker,
            listener,
            peer: ends.peer,
            local: ends.local,
            tls,
            made: Made::of(presence),
        })
    }

    async fn shake_hands(
        &self,
        stream: TcpStream,
        listener: &str,
        local: SocketAddr,
    ) -> Option<Arrived<TcpStream>> {
        let counters = &self.shared.counters;
        let timeout = self.shared.options.limits.handshake_timeout;
        match tls::accept(stream, &self.shared, listener, local.ip(), timeout).await {
            Ok(arrived) => {
                match &arrived.stream {
                    Opened::Http { is_resumed, .. } | Opened::Terminated { is_resumed, .. } => {
                        Counters::count(&counters.handshakes);
                        if *is_resumed {
                            Counters::count(&counters.handshakes_resumed);
                        }
                    }
                    Opened::Passthrough { .. } => Counters::count(&counters.passed_through),
                }
                Some(arrived)
            }
            Err(HandshakeError::Proven) => {
                Counters::count(&counters.handshakes);
                None
            }
            Err(error) => {
                Counters::count(&counters.handshakes_failed);
                if matches!(error, HandshakeError::UnknownName) {
                    Counters::count(&counters.server_names_unknown);
                }
                None
            }
        }
    }

    async fn speak<IO>(
        &self,
        io: IO,
        connection: &Arc<Connection>,
        spoken: Spoken,
        mut closing: Closing,
        permit: Permit,
    ) where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut socket = Socket::new(io, self.timeouts.stall, permit);
        if spoken != Spoken::Http2 {
            let http1 = Http1 {
                handler: &self.handler,
                connection,
            };
            let head = HeadLimits::of(&self.shared.options.limits);
            let look = closing.clone();
            let begun = pin!(closing.begun());
            let closing = Seldom::new(begun, look);
            let mut line = Line::new(socket, closing, &self.timeouts, head, spoken == Spoken::Either);
            match http1.serve(&mut line).await {
                Left::Nothing => return,
                Left::Promise(promise) => return promise.keep(Box::new(line.into_socket())),
                Left::Http2 => socket = line.into_socket(),
            }
        }
        // Boxed, so that the many connections that are not HTTP/2 do not carry the room for it.
        Box::pin(http2::serve(
            &self.http2,
            &self.handler,
            connection,
            socket,
            &closing,
        ))
        .await;
    }
}

/// Sets up a socket; says which of our addresses it is on.
fn prepare(stream: &TcpStream) -> Option<SocketAddr> {
    // Cannot fail in a way that the first read or write would not tell, too.
    let _: std::io::Result<()> = stream.set_nodelay(true);
    stream.local_addr().ok().map(canonical)
}

/// IPv4 clients of a dual-stack socket are IPv4 clients.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};

    use super::*;
    use crate::body::Body;
    use crate::options::Options;

    async fn nothing(_: Arc<Connection>, _: Request<Body>) -> Response<Body> {
        Response::new(Body::Empty)
    }

    /// Most connections are idle most of the time, and each keeps its task's room.
    #[tokio::test]
    async fn a_connection_is_a_small_task() {
        let shared = Arc::new(Shared::new(Options::default()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let site = Arc::new(Site::new(Arc::clone(&shared), 0, nothing));
        let (_sender, closing) = Closing::channel();
        let came = Came {
            peer: address,
            listener: "x".into(),
            protocol: Protocol::Https,
            closing,
            permit: shared.connections.admit().unwrap(),
            stay: Stay::new(&site.crowd),
        };
        let size = size_of_val(&site.serve(stream, came));
        assert!(size <= 2048, "{size} bytes");
    }
}

//! Over what one asks: a version of HTTP, in the clear or inside TLS 1.3.

use std::io;
use std::net::SocketAddr;

use seaway_testkit::client::{Client, ClientTls, Wire};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::HOST;
use crate::support::gateway::Gateway;

/// A version of HTTP, and whether it is inside TLS.
#[derive(Clone, Copy, Debug)]
pub struct Over {
    pub wire: Wire,
    pub is_tls: bool,
}

impl Over {
    pub const fn clear(wire: Wire) -> Self {
        Self { wire, is_tls: false }
    }

    pub const fn tls(wire: Wire) -> Self {
        Self { wire, is_tls: true }
    }
}

/// The same to one gateway.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub over: Over,
    address: SocketAddr,
}

/// Bytes, encrypted or not.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Way {
    pub async fn to(gateway: &Gateway, over: Over) -> Self {
        let address = gateway.bound(if over.is_tls { 443 } else { 80 }).await;
        Self { over, address }
    }

    /// A connection on which nothing has been said.
    pub async fn connect(self) -> io::Result<Box<dyn Stream>> {
        if self.over.is_tls {
            let tls = ClientTls::blind();
            return Ok(Box::new(tls.connect(self.address, HOST, self.over.wire).await?));
        }
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }

    /// A client that behaves.
    pub async fn client(self) -> io::Result<Client> {
        Client::over(self.connect().await?, self.over.wire).await
    }

    /// What a request for `/` names.
    pub fn target(self, host: &str) -> String {
        match (self.over.wire, self.over.is_tls) {
            (Wire::Http1, _) => "/".to_owned(),
            (Wire::Http2, false) => format!("http://{host}/"),
            (Wire::Http2, true) => format!("https://{host}/"),
        }
    }
}

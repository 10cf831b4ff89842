//! What every proxy forwards to: the quickest servers that answer correctly, in this process, on core 1.
//!
//! Whatever they cost does not count, since only the proxies' time does, but the less they cost the closer the proxies
//! come to being busy.

mod echo;
mod grpc;
mod http;

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use tokio::net::{TcpListener, TcpStream};

pub use http::LARGE;

/// All of them.
#[derive(Clone, Copy, Debug)]
pub struct Upstreams {
    /// HTTP/1.1: a few bytes, or 1 MiB where the path ends with `/large`; takes bodies; echoes WebSocket messages.
    pub http: SocketAddr,
    /// The same again, where a job has two versions.
    pub http_v2: SocketAddr,
    /// gRPC without TLS: answers each message with itself.
    pub grpc: SocketAddr,
    /// Sends back what it gets.
    pub echo: SocketAddr,
}

/// Starts them on ports that the system picks.
pub async fn start() -> Result<Upstreams> {
    Ok(Upstreams {
        http: listen(http::serve).await?,
        http_v2: listen(http::serve).await?,
        grpc: listen(grpc::serve).await?,
        echo: listen(echo::serve).await?,
    })
}

async fn listen<F, S>(serve: S) -> Result<SocketAddr>
where
    S: Fn(TcpStream) -> F + Send + 'static,
    F: Future<Output = Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Without it a small answer would wait for an acknowledgement; where it fails the connection is gone.
            let _ = stream.set_nodelay(true);
            tokio::spawn(serve(stream));
        }
    });
    Ok(address)
}

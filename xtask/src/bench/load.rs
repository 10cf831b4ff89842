//! Load and upstream for the comparison, both in this process, which runs on core 1.
//!
//! Plain loops over plain sockets: whatever they cost does not count, since only the gateways' time does, but the less
//! they cost the closer the gateways come to being busy.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world\n";

/// Answers every request with the same few bytes. Requests have no bodies and come one at a time.
pub async fn upstream() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    Ok(address)
}

async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4096);
    while stream.read_buf(&mut buffer).await? > 0 {
        if buffer.ends_with(b"\r\n\r\n") {
            buffer.clear();
            stream.write_all(ANSWER).await?;
        }
    }
    Ok(())
}

/// Asks over so many connections for so long; gives the number of answers.
pub async fn run(
    address: SocketAddr,
    host: &str,
    path: &str,
    connections: usize,
    time: Duration,
) -> Result<u64> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n");
    let end = Instant::now() + time;
    let tasks: Vec<_> = (0..connections)
        .map(|_| tokio::spawn(ask(address, request.clone().into_bytes(), end)))
        .collect();
    let mut answers = 0;
    for task in tasks {
        answers += task.await??;
    }
    Ok(answers)
}

async fn ask(address: SocketAddr, request: Vec<u8>, end: Instant) -> Result<u64> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4096);
    let mut answers = 0;
    while Instant::now() < end {
        stream.write_all(&request).await?;
        buffer.clear();
        while !buffer.ends_with(b"Hello, world\n") {
            let read = stream.read_buf(&mut buffer).await.context("reading an answer")?;
            ensure!(read > 0, "the gateway closed a connection");
            ensure!(
                buffer.starts_with(b"HTTP/1.1 200") || buffer.len() < 12,
                "an answer that is not 200"
            );
        }
        answers += 1;
    }
    Ok(answers)
}

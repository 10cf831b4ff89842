//! HTTP/1.1 on connections that are kept: requests without a body, answers without one.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::{Count, Pod};

const REQUEST: &[u8] = b"GET /cart HTTP/1.1\r\nHost: shop.example.com\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const END: &[u8] = b"\r\n\r\n";

pub async fn pods(count: usize) -> Vec<Pod> {
    let mut pods = Vec::new();
    for _ in 0..count {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let count = Count::default();
        let shared = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&shared)));
            }
        });
        pods.push(Pod { address, count });
    }
    pods
}

/// Until the gateway hangs up.
async fn answer(mut stream: TcpStream, count: Count) -> Option<()> {
    let mut head = Vec::new();
    while read_head(&mut stream, &mut head).await? {
        count.fetch_add(1, Ordering::SeqCst);
        stream.write_all(ANSWER).await.ok()?;
    }
    None
}

/// `parallel` connections share the requests between them.
pub async fn load(address: SocketAddr, requests: u64, parallel: u64) {
    let mut clients = JoinSet::new();
    for _ in 0..parallel {
        clients.spawn(client(address, requests / parallel));
    }
    while let Some(done) = clients.join_next().await {
        assert_eq!(done.expect("no panic"), Some(()), "a connection was closed");
    }
}

async fn client(address: SocketAddr, requests: u64) -> Option<()> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let mut head = Vec::new();
    for _ in 0..requests {
        stream.write_all(REQUEST).await.ok()?;
        if !read_head(&mut stream, &mut head).await? || !head.starts_with(b"HTTP/1.1 200 ") {
            return None;
        }
    }
    Some(())
}

/// Reads one head, since nothing follows before the other side has spoken. False at the end of the connection.
async fn read_head(stream: &mut TcpStream, head: &mut Vec<u8>) -> Option<bool> {
    head.clear();
    while !head.ends_with(END) {
        if stream.read_buf(head).await.ok()? == 0 {
            return Some(false);
        }
    }
    Some(true)
}

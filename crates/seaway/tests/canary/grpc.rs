//! gRPC: unary calls with an empty message, many at once on one connection.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::{Count, Pod};

/// A message of no bytes, with its prefix.
const MESSAGE: &[u8] = &[0; 5];

pub async fn pods(count: usize) -> Vec<Pod> {
    let mut pods = Vec::new();
    for _ in 0..count {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let count = Count::default();
        let shared = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        pods.push(Pod { address, count });
    }
    pods
}

/// Until the gateway hangs up.
async fn serve(stream: TcpStream, count: Count) -> Option<()> {
    let mut connection = h2::server::handshake(stream).await.ok()?;
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(answer(request, respond, Arc::clone(&count)));
    }
    None
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, count: Count) -> Option<()> {
    read(&mut request.into_body()).await?;
    count.fetch_add(1, Ordering::SeqCst);
    let response = Response::builder().header("content-type", "application/grpc");
    let mut stream = respond.send_response(response.body(()).ok()?, false).ok()?;
    stream.send_data(Bytes::from_static(MESSAGE), false).ok()?;
    let status = HeaderValue::from_static("0");
    stream
        .send_trailers(HeaderMap::from_iter([("grpc-status".parse().ok()?, status)]))
        .ok()
}

/// `parallel` callers share one connection, and the calls between them.
pub async fn load(address: SocketAddr, calls: u64, parallel: u64) {
    let stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("an open socket");
    let (sender, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let mut callers = JoinSet::new();
    for _ in 0..parallel {
        callers.spawn(caller(sender.clone(), calls / parallel));
    }
    while let Some(done) = callers.join_next().await {
        assert_eq!(done.expect("no panic"), Some(()), "a call failed");
    }
}

async fn caller(mut sender: SendRequest<Bytes>, calls: u64) -> Option<()> {
    for _ in 0..calls {
        sender = sender.ready().await.ok()?;
        let request = Request::post("http://shop.example.com/shop.Cart/Add")
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        let (response, mut body) = sender.send_request(request.body(()).ok()?, false).ok()?;
        body.send_data(Bytes::from_static(MESSAGE), true).ok()?;
        let mut answer = response.await.ok()?.into_body();
        read(&mut answer).await?;
        let trailers = answer.trailers().await.ok()??;
        if trailers.get("grpc-status")? != "0" {
            return None;
        }
    }
    Some(())
}

/// To the end, giving the room back.
async fn read(body: &mut RecvStream) -> Option<()> {
    while let Some(data) = body.data().await {
        let length = data.ok()?.len();
        body.flow_control().release_capacity(length).ok()?;
    }
    Some(())
}

//! How long a client may keep everybody waiting.

use std::time::Duration;

use seaway_testkit::client::Raw;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{interval, timeout};

use crate::frames::{END_HEADERS, END_STREAM, HEADERS, RST_STREAM, frame, get, hello, window_update};
use crate::support::DEADLINE;
use crate::support::gateway::Gateway;
use crate::{HOST, serving};

/// In half a second somebody who is waited for must take, or give, 500 bytes.
const FLAGS: [&str; 4] = ["--stream-idle-timeout", "500ms", "--min-rate", "1000"];
/// Between two bytes of somebody who is slow, but never silent.
const SLOWLY: Duration = Duration::from_millis(20);

async fn nothing_is_under_way(gateway: &Gateway) {
    gateway.metric("seaway_downstream_requests", 0.0).await;
}

#[tokio::test]
async fn a_body_that_comes_byte_by_byte_is_408() {
    let (_folder, _backend, gateway) = serving(&FLAGS).await;
    let mut stream = TcpStream::connect(gateway.bound(80).await)
        .await
        .expect("a connection");
    let head = format!("POST / HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 100000\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("written");
    let (read, mut write) = stream.into_split();
    let sends = async {
        let mut slowly = interval(SLOWLY);
        while write.write_all(b"x").await.is_ok() {
            slowly.tick().await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    let mut read = read.take(12);
    tokio::select! {
        read = timeout(DEADLINE, read.read_to_end(&mut answer)) => {
            read.expect("an answer in time").expect("an answer");
        }
        () = sends => {}
    }
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 408");
    nothing_is_under_way(&gateway).await;
}

#[tokio::test]
async fn a_body_of_unknown_length_may_come_byte_by_byte() {
    let (_folder, _backend, gateway) = serving(&FLAGS).await;
    let mut raw = Raw::open(gateway.bound(80).await).await.expect("a connection");
    let head = format!("POST / HTTP/1.1\r\nhost: {HOST}\r\ntransfer-encoding: chunked\r\n\r\n");
    raw.write(head.as_bytes()).await.expect("written");
    let mut slowly = interval(5 * SLOWLY);
    // More than two windows.
    for _ in 0..12 {
        slowly.tick().await;
        raw.write(b"1\r\nx\r\n").await.expect("written");
    }
    raw.write(b"0\r\n\r\n").await.expect("written");
    let answer = timeout(DEADLINE, raw.read_answer())
        .await
        .expect("in time")
        .expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.head);
}

#[tokio::test]
async fn a_reader_that_takes_byte_by_byte_is_given_up() {
    let (_folder, _backend, gateway) = serving(&FLAGS).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut stream = socket
        .connect(gateway.bound(80).await)
        .await
        .expect("a connection");
    let request = format!("GET / HTTP/1.1\r\nhost: {HOST}\r\nx-echo-answer: sized=50000000\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("written");
    gateway.metric("seaway_downstream_requests", 1.0).await;
    let reads = async {
        let mut slowly = interval(SLOWLY);
        while stream.read_exact(&mut [0]).await.is_ok() {
            slowly.tick().await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = nothing_is_under_way(&gateway) => {}
        () = reads => {}
    }
}

#[tokio::test]
async fn a_stream_whose_window_opens_byte_by_byte_is_reset_and_its_connection_goes_on() {
    let (_folder, _backend, gateway) = serving(&FLAGS).await;
    let stream = TcpStream::connect(gateway.bound(80).await)
        .await
        .expect("a connection");
    let (mut read, mut write) = stream.into_split();
    let large = get(HOST, "x-echo-answer", "sized=5000000");
    let mut bytes = hello(1);
    bytes.extend(frame(HEADERS, END_STREAM | END_HEADERS, 1, &large));
    write.write_all(&bytes).await.expect("written");
    let opens = async {
        let mut slowly = interval(SLOWLY);
        while write.write_all(&window_update(1, 1)).await.is_ok() {
            slowly.tick().await;
        }
        std::future::pending::<()>().await;
    };
    let is_reset = async {
        loop {
            let (kind, stream) = next(&mut read).await;
            if (kind, stream) == (RST_STREAM, 1) {
                return;
            }
        }
    };
    tokio::select! {
        reset = timeout(DEADLINE, is_reset) => reset.expect("it is reset in time"),
        () = opens => {}
    }
    nothing_is_under_way(&gateway).await;
    let small = get(HOST, "x-echo-answer", "empty");
    let request = frame(HEADERS, END_STREAM | END_HEADERS, 3, &small);
    write.write_all(&request).await.expect("written");
    let answered = async { while next(&mut read).await != (HEADERS, 3) {} };
    timeout(DEADLINE, answered).await.expect("an answer in time");
}

/// Kind and stream of the next frame.
async fn next(read: &mut tokio::net::tcp::OwnedReadHalf) -> (u8, u32) {
    let mut head = [0; 9];
    read.read_exact(&mut head).await.expect("the connection stays");
    let [a, b, c, kind, _, d, e, f, g] = head;
    let length = u32::from_be_bytes([0, a, b, c]);
    let mut payload = vec![0; length as usize];
    read.read_exact(&mut payload).await.expect("the connection stays");
    (kind, u32::from_be_bytes([d, e, f, g]))
}

//! Floods of HTTP/1.1 clients that take their time.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::interval;

use crate::attack::{Attack, Deed, Goal};
use crate::{Allowed, flood};

/// Between two bytes.
const SLOWLY: Duration = Duration::from_millis(100);

/// Sends a first piece, then the rest byte by byte.
async fn dribble(goal: &Goal, stream: &mut TcpStream, first: &str, rest: &[u8]) -> io::Result<()> {
    stream.write_all(first.as_bytes()).await?;
    goal.hit();
    let mut slowly = interval(SLOWLY);
    for byte in rest {
        slowly.tick().await;
        stream.write_all(&[*byte]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn heads_that_come_byte_by_byte() {
    fn slow_head(goal: Goal) -> Deed {
        Box::pin(async move {
            let mut stream = TcpStream::connect(goal.address).await?;
            let first = format!("GET / HTTP/1.1\r\nhost: {}\r\n", goal.host);
            dribble(&goal, &mut stream, &first, "x-slow: 1\r\n".repeat(90).as_bytes()).await
        })
    }
    let attack = Attack {
        port: 80,
        connections: 200,
        times: 3,
        a_second: 400,
        does: slow_head,
    };
    flood("slow heads", &[], attack, Allowed::each(32 * 1024)).await;
}

#[tokio::test]
async fn bodies_that_come_byte_by_byte() {
    fn slow_body(goal: Goal) -> Deed {
        Box::pin(async move {
            let mut stream = TcpStream::connect(goal.address).await?;
            let first = format!(
                "POST / HTTP/1.1\r\nhost: {}\r\ncontent-length: 100000\r\n\r\n",
                goal.host
            );
            dribble(&goal, &mut stream, &first, &[b'x'; 1000]).await
        })
    }
    let attack = Attack {
        port: 80,
        connections: 150,
        times: 3,
        a_second: 300,
        does: slow_body,
    };
    flood("slow bodies", &[], attack, Allowed::each(128 * 1024)).await;
}

#[tokio::test]
async fn readers_that_take_byte_by_byte() {
    fn slow_reader(goal: Goal) -> Deed {
        Box::pin(async move {
            let socket = TcpSocket::new_v4()?;
            socket.set_recv_buffer_size(4096)?;
            let mut stream = socket.connect(goal.address).await?;
            let host = &goal.host;
            let request = format!("GET / HTTP/1.1\r\nhost: {host}\r\nx-echo-answer: sized=4000000\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut slowly = interval(SLOWLY);
            stream.read_exact(&mut [0]).await?;
            goal.hit();
            for _ in 0..1000 {
                slowly.tick().await;
                stream.read_exact(&mut [0]).await?;
            }
            Ok(())
        })
    }
    let attack = Attack {
        port: 80,
        connections: 60,
        times: 3,
        a_second: 100,
        does: slow_reader,
    };
    flood("slow readers", &[], attack, Allowed::each(1024 * 1024)).await;
}

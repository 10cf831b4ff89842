//! TCP traffic shifting.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::world::World;

/// Every connection goes to version 1.
pub const V1: &[&str] = &["tcp/platform.yaml", "tcp/gateway.yaml", "tcp/v1.yaml"];

/// One of five goes to version 2.
pub const SHIFT: &[&str] = &["tcp/platform.yaml", "tcp/gateway.yaml", "tcp/shift.yaml"];

/// Says back each line with a word before it.
async fn tcp_echo(word: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (reader, mut writer) = stream.into_split();
                let mut lines = BufReader::new(reader).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    if writer
                        .write_all(format!("{word} {line}\n").as_bytes())
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// What a new connection is told.
async fn hello(to: SocketAddr) -> String {
    let asked = async {
        let stream = TcpStream::connect(to).await?;
        let (reader, mut writer) = stream.into_split();
        writer.write_all(b"hello\n").await?;
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line).await?;
        Ok::<_, std::io::Error>(line)
    };
    let said = tokio::time::timeout(super::support::DEADLINE, asked).await;
    said.expect("an answer in time")
        .expect("an answer")
        .trim()
        .to_owned()
}

#[tokio::test]
async fn connections_shift_from_version_1_to_version_2() {
    let pods = vec![(7121, tcp_echo("one").await), (7122, tcp_echo("two").await)];
    let world = World::start(V1, pods, &["--map-port", "31400:0"]).await;
    let port = world.gateway.bound(31400).await;
    for _ in 0..10 {
        assert_eq!(hello(port).await, "one hello");
    }

    world.replace("tcp/v1.yaml", "tcp/shift.yaml");
    world
        .gateway
        .until("version 2 has been seen", async || {
            hello(port).await == "two hello"
        })
        .await;
    let mut new = 0_i32;
    for _ in 0..100 {
        new += i32::from(hello(port).await == "two hello");
    }
    // Shares are exact over time on each of the two workers.
    assert!((new - 20).abs() <= 2, "{new} of 100");
}

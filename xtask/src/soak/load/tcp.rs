//! Relayed connections: bytes go, the same bytes come back, and each side says when it has ended.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::{Client, in_time};

/// Between two lines of a connection that lasts.
const PAUSE: Duration = Duration::from_millis(100);
/// Between two connections that do not.
const REST: std::ops::Range<Duration> = Duration::from_millis(40)..Duration::from_millis(60);
/// Lines of one that does not last.
const LINES: u32 = 3;

/// Connections for a few lines each.
pub async fn short(mut client: Client) {
    while !client.stop.is_said() {
        if let Some(mut stream) = open(&client).await {
            let mut told = Ok(());
            for _ in 0..LINES {
                told = told.and(say(&client, &mut stream).await);
            }
            end(&client, stream, told).await;
        }
        client.pause(&REST).await;
    }
}

/// Connections that last.
pub async fn long(mut client: Client) {
    while !client.stop.is_said() {
        let Some(mut stream) = open(&client).await else {
            client.pause(&REST).await;
            continue;
        };
        let end_at = Instant::now() + client.duration();
        let mut told = Ok(());
        while told.is_ok() && Instant::now() < end_at && !client.stop.is_said() {
            told = say(&client, &mut stream).await;
            client.stop.pause(PAUSE).await;
        }
        end(&client, stream, told).await;
    }
}

async fn open(client: &Client) -> Option<TcpStream> {
    let opening = async {
        let stream = TcpStream::connect(client.ports.tcp).await?;
        stream.set_nodelay(true)?;
        Ok::<_, io::Error>(stream)
    };
    match in_time(opening).await {
        Ok(stream) => {
            client.row.opened();
            Some(stream)
        }
        Err(error) => {
            client.row.failed(&format!("no connection: {error}"));
            None
        }
    }
}

async fn say(client: &Client, stream: &mut TcpStream) -> Result<(), String> {
    let line = [fastrand::u8(..); 64];
    in_time(async {
        stream.write_all(&line).await?;
        let mut back = [0; 64];
        stream.read_exact(&mut back).await?;
        if back == line {
            Ok(())
        } else {
            Err(io::Error::other("other bytes than were sent"))
        }
    })
    .await?;
    client.row.answered();
    Ok(())
}

/// Says that all is said, and waits for the other side's end.
async fn end(client: &Client, mut stream: TcpStream, told: Result<(), String>) {
    let farewell = async {
        stream.shutdown().await?;
        match stream.read(&mut [0]).await? {
            0 => Ok(()),
            _ => Err(io::Error::other("bytes that were not sent")),
        }
    };
    let ended = match told {
        Ok(()) => in_time(farewell).await,
        error => error,
    };
    if let Err(error) = ended {
        client.row.closed(&error);
    }
}

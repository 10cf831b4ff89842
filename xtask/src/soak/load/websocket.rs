//! WebSockets that last: a message goes, the same comes back.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use seaway_testkit::client::{WebSocket, websocket};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::{Client, in_time};
use crate::soak::manifests::HOST;

/// Between two messages.
const PAUSE: Duration = Duration::from_millis(100);

/// Opens one after the other until it is told to stop.
pub async fn talk(mut client: Client) {
    let url = format!("ws://{HOST}/socket");
    while !client.stop.is_said() {
        let mut socket = match in_time(websocket(client.ports.http, &url)).await {
            Ok(socket) => socket,
            Err(error) => {
                client.row.failed(&format!("no WebSocket: {error}"));
                client.stop.pause(PAUSE).await;
                continue;
            }
        };
        client.row.opened();
        let end = Instant::now() + client.duration();
        let mut messages = 0_u64;
        let mut told = Ok(());
        while told.is_ok() && Instant::now() < end && !client.stop.is_said() {
            let message = Message::text(format!("message {messages}"));
            told = in_time(echo(&mut socket, message)).await;
            if told.is_ok() {
                messages += 1;
                client.row.answered();
                client.stop.pause(PAUSE).await;
            }
        }
        if told.is_ok() {
            told = in_time(farewell(socket)).await;
        }
        if let Err(error) = told {
            client.row.closed(&format!("after {messages} messages: {error}"));
        }
    }
}

async fn echo(socket: &mut WebSocket, message: Message) -> Result<(), String> {
    socket.send(message.clone()).await.map_err(|e| e.to_string())?;
    match socket.next().await {
        Some(Ok(echo)) if echo == message => Ok(()),
        Some(Ok(other)) => Err(format!("{other:?} instead of {message:?}")),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("the stream ended".to_owned()),
    }
}

/// Closes it, and waits until the other side has, too.
async fn farewell(mut socket: WebSocket) -> Result<(), String> {
    socket.close(None).await.map_err(|e| e.to_string())?;
    while let Some(message) = socket.next().await {
        message.map_err(|e| e.to_string())?;
    }
    Ok(())
}

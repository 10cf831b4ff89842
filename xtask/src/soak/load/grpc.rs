//! gRPC calls that last: a message goes, the same comes back, again and again, until the client has had enough.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::http2::{Fault, Shared, call, message};
use super::{Client, DEADLINE};

/// Calls side by side on a connection.
const CALLS: usize = 2;
/// Between two messages.
const PAUSE: Duration = Duration::from_millis(100);

/// Starts calls that share a connection.
pub fn start(client: Client, tasks: &mut JoinSet<()>) {
    let shared = Shared::new(client);
    for _ in 0..CALLS {
        let shared = Arc::clone(&shared);
        tasks.spawn(async move {
            while !shared.client().stop.is_said() {
                make_call(&shared).await;
            }
        });
    }
}

async fn make_call(shared: &Shared) {
    let mut client = shared.client().clone();
    let (number, mut sender) = match shared.ready().await {
        Ok(ready) => ready,
        Err(error) => {
            client.row.failed(&format!("no connection: {error}"));
            return client.stop.pause(PAUSE).await;
        }
    };
    let end = Instant::now() + client.duration();
    let mut messages = 0;
    match talk(&mut client, &mut sender, end, &mut messages).await {
        Ok(()) => {}
        Err(fault) => {
            shared.forget(number).await;
            match fault {
                Fault::Unsent => return,
                Fault::Unprocessed(error) if messages == 0 => client.row.repeated(&error),
                Fault::Unprocessed(error) | Fault::Other(error) => {
                    client.row.closed(&format!("after {messages} messages: {error}"));
                }
            }
            client.stop.pause(PAUSE).await;
        }
    }
}

async fn talk(
    client: &mut Client,
    sender: &mut SendRequest<Bytes>,
    end: Instant,
    messages: &mut u64,
) -> Result<(), Fault> {
    let (answer, outgoing) = sender
        .send_request(call(), false)
        .map_err(|e| Fault::before(&e))?;
    let mut call = Call {
        outgoing,
        answer: Some(answer),
        incoming: None,
        received: BytesMut::new(),
    };
    while Instant::now() < end && !client.stop.is_said() {
        let sent = message(format!("message {messages}").as_bytes());
        in_time(call.echo(&sent)).await?;
        *messages += 1;
        client.row.answered();
        client.stop.pause(PAUSE).await;
    }
    in_time(call.finish()).await
}

async fn in_time(other: impl Future<Output = Result<(), Fault>>) -> Result<(), Fault> {
    match tokio::time::timeout(DEADLINE, other).await {
        Ok(result) => result,
        Err(_) => Err(Fault::Other(format!("nothing came for {DEADLINE:?}"))),
    }
}

/// One that is under way.
struct Call {
    outgoing: SendStream<Bytes>,
    /// Until its head is there.
    answer: Option<ResponseFuture>,
    incoming: Option<RecvStream>,
    received: BytesMut,
}

impl Call {
    /// Sends a message, and waits until it is back.
    async fn echo(&mut self, sent: &Bytes) -> Result<(), Fault> {
        let of = |error: h2::Error| Fault::of(&error);
        self.outgoing.send_data(sent.clone(), false).map_err(of)?;
        while self.received.len() < sent.len() {
            let incoming = self.incoming().await?;
            let Some(data) = incoming.data().await else {
                return Err(Fault::Other(format!(
                    "the server ended it: {}",
                    self.status().await
                )));
            };
            let data = data.map_err(of)?;
            // Fails only when the stream is gone, which the next look at it tells.
            let _ = incoming.flow_control().release_capacity(data.len());
            self.received.extend_from_slice(&data);
        }
        if self.received != sent {
            return Err(Fault::Other("another message than was sent".to_owned()));
        }
        self.received.clear();
        Ok(())
    }

    async fn incoming(&mut self) -> Result<&mut RecvStream, Fault> {
        if let Some(answer) = self.answer.take() {
            let (head, incoming) = answer.await.map_err(|e| Fault::of(&e))?.into_parts();
            if head.status != 200 {
                return Err(Fault::Other(format!("status {}", head.status)));
            }
            self.incoming = Some(incoming);
        }
        self.incoming
            .as_mut()
            .ok_or_else(|| Fault::Other("no answer".to_owned()))
    }

    /// The client has had enough; the server says how it went.
    async fn finish(&mut self) -> Result<(), Fault> {
        self.outgoing
            .send_data(Bytes::new(), true)
            .map_err(|e| Fault::of(&e))?;
        if let Some(data) = self.incoming().await?.data().await {
            let data = data.map_err(|e| Fault::of(&e))?;
            if !data.is_empty() {
                return Err(Fault::Other("a message that was not sent".to_owned()));
            }
        }
        match self.status().await.as_str() {
            "0" => Ok(()),
            status => Err(Fault::Other(format!("it ended with {status}"))),
        }
    }

    /// `grpc-status`
    async fn status(&mut self) -> String {
        let Some(incoming) = &mut self.incoming else {
            return "no answer".to_owned();
        };
        match incoming.trailers().await {
            Ok(trailers) => {
                let status = trailers.as_ref().and_then(|trailers| trailers.get("grpc-status"));
                status.map_or("no status".to_owned(), |s| {
                    String::from_utf8_lossy(s.as_bytes()).into_owned()
                })
            }
            Err(error) => error.to_string(),
        }
    }
}

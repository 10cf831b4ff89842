//! HTTP/2, and gRPC with one message each way: streams side by side on a connection that is kept until GOAWAY.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::client::SendRequest;
use http::{HeaderMap, Request, Response};
use seaway_testkit::client::Wire;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::{Client, in_time};
use crate::soak::manifests::{HOST, NUMBER};
use crate::soak::tally::Kind;

/// Streams side by side.
const STREAMS: usize = 4;
const PAUSE: std::ops::Range<Duration> = Duration::from_millis(20)..Duration::from_millis(40);

/// A connection that several streams use, and the next one once it takes no more.
pub struct Shared {
    client: Client,
    current: Mutex<Option<(u64, SendRequest<Bytes>)>>,
}

/// Why a stream has no answer.
#[derive(Debug)]
pub enum Fault {
    /// The farewell came before the request went: nothing was asked.
    Unsent,
    /// The server has said that it did nothing with it.
    Unprocessed(String),
    Other(String),
}

impl Fault {
    /// Of a stream that could not be begun.
    pub fn before(error: &h2::Error) -> Self {
        match Self::of(error) {
            Self::Unprocessed(_) => Self::Unsent,
            other => other,
        }
    }

    /// Of one that was.
    pub fn of(error: &h2::Error) -> Self {
        let is_farewell = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
        let is_refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        if error.is_remote() && (is_farewell || is_refused) {
            Self::Unprocessed(error.to_string())
        } else {
            Self::Other(error.to_string())
        }
    }
}

impl Shared {
    pub fn new(client: Client) -> Arc<Self> {
        Arc::new(Self {
            client,
            current: Mutex::new(None),
        })
    }

    /// Whoever uses it.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A handle that may begin a stream, with the number of its connection.
    pub async fn ready(&self) -> Result<(u64, SendRequest<Bytes>), String> {
        let mut current = self.current.lock().await;
        let mut number = 0;
        if let Some((last, sender)) = current.take() {
            match sender.ready().await {
                Ok(sender) => {
                    *current = Some((last, sender.clone()));
                    return Ok((last, sender));
                }
                // It said farewell between two streams: nothing was asked of it.
                Err(error) if matches!(Fault::before(&error), Fault::Unsent) => {}
                Err(error) => self.client.row.closed(&format!("the connection: {error}")),
            }
            number = last + 1;
        }
        let sender = in_time(self.open()).await?;
        self.client.row.opened();
        *current = Some((number, sender.clone()));
        let sender = sender.ready().await.map_err(|error| error.to_string())?;
        Ok((number, sender))
    }

    /// A connection that broke is not used again.
    pub async fn forget(&self, number: u64) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|(current, _)| *current == number) {
            *current = None;
        }
    }

    async fn open(&self) -> Result<SendRequest<Bytes>, String> {
        let client = &self.client;
        if client.row.kind == Kind::Http2Tls {
            let stream = client.trust.connect(client.ports.https, HOST, Wire::Http2).await;
            return converse(stream.map_err(|error| error.to_string())?).await;
        }
        let stream = TcpStream::connect(client.ports.http).await;
        let stream = stream.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        converse(stream).await
    }
}

async fn converse<S>(stream: S) -> Result<SendRequest<Bytes>, String>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = h2::client::handshake(stream)
        .await
        .map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        // Its error is also that of the streams.
        let _ = connection.await;
    });
    Ok(sender)
}

/// Starts streams that share a connection.
pub fn start(client: Client, tasks: &mut JoinSet<()>) {
    let shared = Shared::new(client);
    for _ in 0..STREAMS {
        let shared = Arc::clone(&shared);
        tasks.spawn(async move {
            let mut client = shared.client.clone();
            while !client.stop.is_said() {
                ask(&shared).await;
                client.pause(&PAUSE).await;
            }
        });
    }
}

async fn ask(shared: &Shared) {
    let row = &shared.client.row;
    let is_grpc = row.kind == Kind::Grpc;
    // Again only as often as the server says that it did nothing.
    loop {
        let (number, mut sender) = match shared.ready().await {
            Ok(ready) => ready,
            Err(error) => return row.failed(&format!("no connection: {error}")),
        };
        let path = format!("/{}", fastrand::u32(..));
        let answer = tokio::time::timeout(super::DEADLINE, exchange(&mut sender, &path, is_grpc)).await;
        let fault = match answer {
            Ok(Ok(answer)) => {
                if let Some(number) = answer.number() {
                    shared.client.seen.note(number);
                }
                return match answer.fault(&path, is_grpc) {
                    None => row.answered(),
                    Some(fault) => row.failed(&fault),
                };
            }
            Ok(Err(fault)) => fault,
            Err(_) => Fault::Other(format!("no answer within {:?}", super::DEADLINE)),
        };
        shared.forget(number).await;
        match fault {
            Fault::Unsent => {}
            Fault::Unprocessed(error) => row.repeated(&error),
            Fault::Other(error) => return row.failed(&error),
        }
    }
}

/// A whole answer.
struct Answer {
    head: Response<()>,
    body: BytesMut,
    trailers: Option<HeaderMap>,
}

impl Answer {
    fn number(&self) -> Option<u64> {
        self.head.headers().get(NUMBER)?.to_str().ok()?.parse().ok()
    }

    /// What is wrong with it.
    fn fault(&self, path: &str, is_grpc: bool) -> Option<String> {
        let text = String::from_utf8_lossy(&self.body);
        if self.head.status() != 200 {
            return Some(format!("status {}: {text}", self.head.status()));
        }
        if is_grpc {
            let status = self
                .trailers
                .as_ref()
                .and_then(|trailers| trailers.get("grpc-status"));
            let is_fine = status.is_some_and(|status| status == "0") && self.body == message(path.as_bytes());
            return (!is_fine).then(|| format!("{} bytes with status {status:?}", self.body.len()));
        }
        let is_ours = text.contains(&format!("\"path\":\"{path}\""));
        (!is_ours).then(|| format!("an answer to another request than {path}"))
    }
}

async fn exchange(sender: &mut SendRequest<Bytes>, path: &str, is_grpc: bool) -> Result<Answer, Fault> {
    let of = |error: h2::Error| Fault::of(&error);
    let (answer, mut stream) = if is_grpc {
        sender.send_request(call(), false)
    } else {
        let request = Request::get(format!("http://{HOST}{path}"))
            .header("x-soak-turn", fastrand::u8(..10).to_string());
        sender.send_request(request.body(()).map_err(|e| Fault::Other(e.to_string()))?, true)
    }
    .map_err(|error| Fault::before(&error))?;
    if is_grpc {
        stream.send_data(message(path.as_bytes()), true).map_err(of)?;
    }
    let (head, mut incoming) = answer.await.map_err(of)?.into_parts();
    let mut body = BytesMut::new();
    while let Some(data) = incoming.data().await {
        let data = data.map_err(of)?;
        // Fails only when the stream is gone, which the next look at it tells.
        let _ = incoming.flow_control().release_capacity(data.len());
        body.extend_from_slice(&data);
    }
    let trailers = incoming.trailers().await.map_err(of)?;
    Ok(Answer {
        head: Response::from_parts(head, ()),
        body,
        trailers,
    })
}

/// The head of a call.
pub fn call() -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = http::Uri::from_static("http://soak.example.com/grpc.Soak/Echo");
    let fields = [("content-type", "application/grpc"), ("te", "trailers")];
    for (name, value) in fields {
        let value = http::HeaderValue::from_static(value);
        request.headers_mut().insert(name, value);
    }
    request
}

/// A message as gRPC frames it: whether it is compressed, its length, itself.
pub fn message(content: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(content.len() + 5);
    message.put_u8(0);
    message.put_u32(u32::try_from(content.len()).unwrap_or(u32::MAX));
    message.put_slice(content);
    message.freeze()
}

//! The `h2` crate, on either side.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::server::{self, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use tokio::io::DuplexStream;
use tokio::task::{JoinHandle, JoinSet};

use crate::plan::{Break, Exchange, Message, Net, Seen, Storm, Way};
use crate::{Asker, Requests};

/// More than any storm has. h2 frees the place of a stream when its last frame has left, which is later than a client can
/// know; and of a stream that it has refused it takes trailers, which were under way, for a mistake of the connection. That
/// limits are kept is shown with our server.
const STREAMS: u32 = 1000;
/// More than any storm breaks off: it forgets none.
const RESETS: usize = 1000;

pub async fn connect(io: DuplexStream, net: Net) -> (Asker, JoinHandle<()>) {
    let connected = Builder::new()
        .initial_window_size(net.windows[0])
        .initial_connection_window_size(net.connection_windows[0])
        .max_frame_size(net.frame)
        .header_table_size(net.table)
        .initial_max_send_streams(1)
        .max_concurrent_reset_streams(RESETS)
        .handshake(io);
    let (requests, connection) = connected.await.unwrap();
    let connection = tokio::spawn(async move { connection.await.unwrap() });
    (Asker::Theirs(requests), connection)
}

pub async fn ask(requests: SendRequest<Bytes>, number: usize, exchange: &Exchange) -> Option<Seen> {
    let message = &exchange.request;
    let mut request = Request::post(format!("http://a.test/{number}")).body(()).unwrap();
    *request.headers_mut() = message.headers();
    let mut requests = requests.ready().await.unwrap();
    let is_over = message.is_empty() && exchange.client == Break::Never;
    let (response, stream) = requests.send_request(request, is_over).unwrap();
    drop(requests);
    let mut sending = pin!(send(stream, message, number, exchange.client));
    let mut receiving = pin!(async {
        let (head, body) = response.await.ok()?.into_parts();
        Some(receive(head.headers, body).await)
    });
    let mut is_sent = is_over;
    let seen = loop {
        tokio::select! {
            gave_up = &mut sending, if !is_sent => {
                is_sent = true;
                if gave_up {
                    return None;
                }
            }
            seen = &mut receiving => break seen,
        }
    };
    if !is_sent {
        sending.await;
    }
    seen
}

async fn send(mut stream: SendStream<Bytes>, message: &Message, seed: usize, breaks: Break) -> bool {
    for (sent, piece) in message.pieces(seed).enumerate() {
        if let Some(by_reset) = breaks.is_due(sent) {
            if by_reset {
                stream.send_reset(Reason::CANCEL);
            }
            return true;
        }
        let is_last =
            message.trailers.is_none() && breaks == Break::Never && sent + 1 == message.pieces.len();
        if !send_piece(&mut stream, piece, is_last).await || is_last {
            return false;
        }
    }
    if breaks != Break::Never {
        if matches!(breaks, Break::Reset(_)) {
            stream.send_reset(Reason::CANCEL);
        }
        return true;
    }
    if let Some(trailers) = message.trailers() {
        let _broken = stream.send_trailers(trailers);
    }
    false
}

async fn send_piece(stream: &mut SendStream<Bytes>, mut piece: Bytes, is_last: bool) -> bool {
    if piece.is_empty() {
        return stream.send_data(piece, is_last).is_ok();
    }
    while !piece.is_empty() {
        stream.reserve_capacity(piece.len());
        while stream.capacity() == 0 {
            if !matches!(poll_fn(|cx| stream.poll_capacity(cx)).await, Some(Ok(_))) {
                return false;
            }
        }
        let some = piece.split_to(stream.capacity().min(piece.len()));
        if stream.send_data(some, is_last && piece.is_empty()).is_err() {
            return false;
        }
    }
    true
}

async fn receive(fields: HeaderMap, mut body: RecvStream) -> Seen {
    let mut seen = Seen {
        fields,
        ..Seen::default()
    };
    while let Some(piece) = body.data().await {
        let Ok(piece) = piece else { return seen };
        let _over = body.flow_control().release_capacity(piece.len());
        seen.content.extend_from_slice(&piece);
    }
    if let Ok(trailers) = body.trailers().await {
        seen.trailers = trailers;
        seen.is_whole = true;
    }
    seen
}

pub async fn serve(io: DuplexStream, net: Net, plan: Arc<Storm>, requests: Requests) {
    let connected = server::Builder::new()
        .initial_window_size(net.windows[1])
        .initial_connection_window_size(net.connection_windows[1])
        .max_frame_size(net.frame)
        .header_table_size(net.table)
        .max_concurrent_streams(STREAMS)
        .max_concurrent_reset_streams(RESETS)
        .handshake(io);
    let mut connection = connected.await.unwrap();
    let mut answers = JoinSet::new();
    while let Some(accepted) = connection.accept().await {
        let Ok((request, respond)) = accepted else { break };
        let number: usize = request.uri().path().trim_start_matches('/').parse().unwrap();
        let (plan, requests) = (Arc::clone(&plan), Arc::clone(&requests));
        answers.spawn(async move {
            let seen = answer(request, respond, number, &plan.exchanges[number]).await;
            requests.lock().unwrap()[number] = seen;
        });
    }
    answers.join_all().await;
}

async fn answer(
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    number: usize,
    exchange: &Exchange,
) -> Option<Seen> {
    let (head, body) = request.into_parts();
    match exchange.way {
        Way::After => {
            let seen = receive(head.headers, body).await;
            say(respond, number, exchange).await;
            Some(seen)
        }
        Way::Alongside => {
            let (seen, ()) = tokio::join!(receive(head.headers, body), say(respond, number, exchange));
            Some(seen)
        }
        Way::Instead => {
            drop(body);
            say(respond, number, exchange).await;
            None
        }
    }
}

async fn say(mut respond: SendResponse<Bytes>, number: usize, exchange: &Exchange) {
    let message = &exchange.answer;
    match exchange.server {
        Break::Reset(0) => return respond.send_reset(Reason::CANCEL),
        Break::Drop(0) => return,
        _ => {}
    }
    let mut response = Response::new(());
    *response.headers_mut() = message.headers();
    let is_over = message.is_empty() && exchange.server == Break::Never;
    if let Ok(stream) = respond.send_response(response, is_over)
        && !is_over
    {
        send(stream, message, number + 1000, exchange.server).await;
    }
}

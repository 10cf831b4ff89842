//! Our codec, on either side.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use http::{HeaderMap, Request, Response};
use seaway_http2::client::{Builder, SendRequest};
use seaway_http2::server::{self, SendResponse};
use seaway_http2::{Error, Reason, RecvStream, SendStream};
use tokio::io::DuplexStream;
use tokio::task::{JoinHandle, JoinSet};

use crate::plan::{Break, Exchange, Message, Net, Seen, Storm, Way};
use crate::{Asker, Requests};

pub async fn connect(io: DuplexStream, net: Net) -> (Asker, JoinHandle<()>) {
    let builder = Builder::default()
        .window(net.windows[0])
        .connection_window(net.connection_windows[0])
        .frame(net.frame);
    let (requests, connection) = builder.handshake(io);
    let connection = tokio::spawn(async move { connection.await.unwrap() });
    while requests.most_streams() == 0 {
        tokio::task::yield_now().await;
    }
    (Asker::Ours(requests), connection)
}

pub async fn ask(mut requests: SendRequest, number: usize, exchange: &Exchange) -> Option<Seen> {
    let message = &exchange.request;
    let mut request = Request::post(format!("http://a.test/{number}")).body(()).unwrap();
    *request.headers_mut() = message.headers();
    poll_fn(|cx| requests.poll_ready(cx)).await.unwrap();
    let sent = requests.send_request(&request, message.is_empty() && exchange.client == Break::Never);
    let (response, stream) = sent.unwrap();
    drop(requests);
    let mut sending = pin!(send(stream, message, number, exchange.client));
    let mut receiving = pin!(async {
        match response.await {
            Ok(response) => {
                let (head, body) = response.into_parts();
                Some(receive(head.headers, body).await)
            }
            Err(error) => (error.reason() == Some(Reason::REFUSED_STREAM)).then_some(Seen {
                is_refused: true,
                ..Seen::default()
            }),
        }
    });
    let mut is_sent = message.is_empty() && exchange.client == Break::Never;
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

/// Sends content and trailers as the peer has room for them. True: it was broken off as planned.
async fn send(mut stream: SendStream, message: &Message, seed: usize, breaks: Break) -> bool {
    for (sent, piece) in message.pieces(seed).enumerate() {
        if let Some(by_reset) = breaks.is_due(sent) {
            if by_reset {
                stream.send_reset(Reason::CANCEL);
            }
            return true;
        }
        if !piece.is_empty() && poll_fn(|cx| stream.poll_room(cx)).await.is_err() {
            return false;
        }
        let is_last =
            message.trailers.is_none() && breaks == Break::Never && sent + 1 == message.pieces.len();
        if stream.send_data(piece, is_last).is_err() || is_last {
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
        let _broken: Result<(), Error> = stream.send_trailers(trailers);
    }
    false
}

async fn receive(fields: HeaderMap, mut body: RecvStream) -> Seen {
    let mut seen = Seen {
        fields,
        ..Seen::default()
    };
    while let Some(piece) = poll_fn(|cx| body.poll_data(cx)).await {
        match piece {
            Ok(piece) => seen.content.extend_from_slice(&piece),
            Err(_) => return seen,
        }
    }
    if let Ok(trailers) = poll_fn(|cx| body.poll_trailers(cx)).await {
        seen.trailers = trailers;
        seen.is_whole = true;
    }
    seen
}

pub async fn serve(io: DuplexStream, net: Net, plan: Arc<Storm>, requests: Requests) {
    let builder = server::Builder::default()
        .window(net.windows[1])
        .connection_window(net.connection_windows[1])
        .streams(net.streams);
    let mut connection = builder.serve(io);
    let mut answers = JoinSet::new();
    while let Some(accepted) = poll_fn(|cx| connection.poll_accept(cx)).await {
        // A client may close its side before it hears our farewell.
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
    respond: SendResponse,
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

async fn say(mut respond: SendResponse, number: usize, exchange: &Exchange) {
    let message = &exchange.answer;
    match exchange.server {
        Break::Reset(0) => return respond.send_reset(Reason::CANCEL),
        Break::Drop(0) => return,
        _ => {}
    }
    let mut response = Response::new(());
    *response.headers_mut() = message.headers();
    let is_over = message.is_empty() && exchange.server == Break::Never;
    if let Ok(stream) = respond.send_response(&response, is_over)
        && !is_over
    {
        send(stream, message, number + 1000, exchange.server).await;
    }
}

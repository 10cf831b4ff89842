//! The same bytes to our codec, and to hyper behind the guard: what handlers see and what clients get is the same.
//!
//! Left out is what differs on purpose, in how it is written (the order of fields, dates, `connection`, the text of
//! refusals) and not in what it means.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::super::clock::Timeouts;
use super::super::closing::{Closing, Seldom};
use super::super::guard::{Guard, HeadLimits, Stop};
use super::super::socket::Socket;
use super::{Http1, Left, Line};
use crate::body::{Body, BodyError};
use crate::context::{Connection, Made, Shared};
use crate::options::Options;

const LIMITS: HeadLimits = HeadLimits {
    bytes: 400,
    fields: 8,
};

/// What happened: requests as the handler saw them, and responses as the client read them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    requests: Vec<String>,
    responses: Vec<String>,
}

type Seen = Arc<Mutex<Vec<(Method, String)>>>;

/// Reads the whole body, and answers as the path says.
async fn handle<B>(seen: Seen, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes>,
{
    let (parts, body) = request.into_parts();
    let mut fields: Vec<_> = parts.headers.iter().map(|(n, v)| format!("{n}: {v:?}")).collect();
    fields.sort();
    let (method, uri, version) = (&parts.method, &parts.uri, parts.version);
    let body = match pin!(body).collect().await {
        Ok(body) => {
            let trailers = body.trailers().cloned();
            format!("{:?} {trailers:?}", body.to_bytes())
        }
        Err(_) => "broken".to_owned(),
    };
    let fields = fields.join(", ");
    let text = format!("{method} {uri} {version:?} {fields} {body}");
    let response = answer(method, uri.path(), &text);
    seen.lock().unwrap().push((parts.method, text));
    response
}

fn answer(method: &Method, path: &str, text: &str) -> Response<Body> {
    let length = text.len();
    let pieces = move || {
        let pieces = [
            "a".repeat(length),
            String::new(),
            "b".repeat(5000),
            "c".to_owned(),
        ];
        let frames = pieces.map(|piece| Ok::<_, BodyError>(Frame::data(Bytes::from(piece))));
        Body::boxed(StreamBody::new(futures_util::stream::iter(frames)))
    };
    let mut response = Response::new(Body::Empty);
    if method == Method::CONNECT {
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    }
    match path {
        "/pieces" => *response.body_mut() = pieces(),
        "/length" => {
            *response.body_mut() = pieces();
            let length = HeaderValue::from(length + 5001);
            response.headers_mut().insert(header::CONTENT_LENGTH, length);
        }
        "/nothing" => *response.status_mut() = StatusCode::NO_CONTENT,
        "/last" => {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        _ => *response.body_mut() = Body::Full(Bytes::from(text.to_owned())),
    }
    response
}

/// Sends everything, cut in pieces, then closes, and reads to the end.
async fn client(mut io: DuplexStream, input: &[u8], cuts: &[usize]) -> Vec<u8> {
    let (mut read, mut write) = tokio::io::split(&mut io);
    let mut got = Vec::new();
    let send = async {
        let mut rest = input;
        for cut in cuts.iter().chain([&usize::MAX]) {
            let (piece, tail) = rest.split_at((*cut).min(rest.len()));
            // Whoever has heard enough may have closed.
            let _ = write.write_all(piece).await;
            tokio::task::yield_now().await;
            rest = tail;
        }
        let _ = write.shutdown().await;
    };
    let (_, result) = tokio::join!(send, read.read_to_end(&mut got));
    result.unwrap();
    got
}

async fn ours(input: &[u8], cuts: &[usize]) -> Outcome {
    let seen = Seen::default();
    let (near, far) = tokio::io::duplex(100_000);
    let handler = {
        let seen = Arc::clone(&seen);
        move |_: Arc<Connection>, request: Request<Body>| handle(Arc::clone(&seen), request)
    };
    let shared = Arc::new(Shared::new(Options::default()));
    let permit = shared.connections.admit().unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let timeouts = Timeouts::new(&shared.options.limits);
    let connection = Arc::new(Connection {
        shared,
        worker: 0,
        listener: "x".into(),
        peer: address,
        local: address,
        tls: None,
        made: Made::default(),
    });
    let serve = async {
        let (_sender, closing) = Closing::channel();
        let (mut begun, look) = (closing.clone(), closing);
        let begun = pin!(begun.begun());
        let closing = Seldom::new(begun, look);
        let socket = Socket::new(far, timeouts.stall, permit);
        let mut line = Line::new(socket, closing, &timeouts, LIMITS, false);
        let http1 = Http1 {
            handler: &handler,
            connection: &connection,
        };
        assert!(matches!(http1.serve(&mut line).await, Left::Nothing));
    };
    let ((), got) = tokio::join!(serve, client(near, input, cuts));
    outcome(&seen, &got)
}

/// What the guard lets pass goes to hyper; what it refuses is answered after that.
async fn theirs(input: &[u8]) -> Outcome {
    let mut guard = Guard::new(LIMITS, false);
    let (mut at, mut refusal) = (0, None);
    loop {
        let fed = guard.feed(&input[at..]);
        at += fed.consumed;
        match fed.stop {
            Some(Stop::Held) => guard.resume(),
            Some(Stop::Refused(refused)) => break refusal = Some(refused),
            Some(Stop::Http2) => unreachable!("nothing begins with the preface"),
            None => break,
        }
    }
    let released = &input[..at - guard.unreleased()];
    let seen = Seen::default();
    let (near, far) = tokio::io::duplex(100_000);
    let service = service_fn(|request| {
        let seen = Arc::clone(&seen);
        async {
            let is_connect = request.method() == Method::CONNECT;
            let mut response = handle(seen, request).await;
            if is_connect {
                // hyper goes on after a CONNECT that was refused, and we do not.
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            Ok::<_, Infallible>(response)
        }
    });
    let serve = async {
        Builder::new()
            .half_close(true)
            .serve_connection(TokioIo::new(far), service)
            .await
            .is_ok()
    };
    let (went_well, mut got) = tokio::join!(serve, client(near, released, &[]));
    let is_open = went_well && !says_last(&seen);
    if let Some(refusal) = refusal.filter(|r| !r.in_body && is_open) {
        let status = refusal.reason.status().as_u16();
        got.extend(format!("HTTP/1.1 {status} \r\n\r\n").bytes());
    }
    outcome(&seen, &got)
}

/// Whether the last request, or its answer, ended the connection.
fn says_last(seen: &Seen) -> bool {
    let seen = seen.lock().unwrap();
    seen.last().is_some_and(|(_, text)| {
        let is_old = text.contains(" HTTP/1.0 ");
        let stays = text.contains("connection: \"keep-alive\"");
        let is_endless = is_old && text.contains(" /pieces ") && !text.starts_with("HEAD ");
        text.contains("connection: \"close\"")
            || text.contains(" /last ")
            || text.starts_with("CONNECT ")
            || text.ends_with(" broken")
            || is_old && !stays
            || is_endless
    })
}

fn outcome(seen: &Seen, got: &[u8]) -> Outcome {
    let seen = seen.lock().unwrap();
    let methods: Vec<_> = seen.iter().map(|(method, _)| method.clone()).collect();
    Outcome {
        requests: seen.iter().map(|(_, text)| text.clone()).collect(),
        responses: responses(got, &methods),
    }
}

/// Splits what a client got. Of a response to what no handler saw, only the status is told.
fn responses(got: &[u8], methods: &[Method]) -> Vec<String> {
    let mut responses = Vec::new();
    let mut rest = got;
    while let Some(end) = rest.windows(4).position(|w| w == b"\r\n\r\n") {
        let (head, mut body) = (str::from_utf8(&rest[..end]).unwrap(), &rest[end + 4..]);
        let mut lines = head.lines();
        let status = &lines.next().unwrap()["HTTP/1.1 ".len()..][..3];
        if status == "100" {
            rest = body;
            continue;
        }
        let Some(method) = methods.get(responses.len()) else {
            responses.push(status.to_owned());
            break;
        };
        let mut fields: Vec<_> = lines
            .filter(|l| !l.starts_with("date: ") && !l.starts_with("connection: "))
            .collect();
        fields.sort_unstable();
        let length = fields.iter().find_map(|f| f.strip_prefix("content-length: "));
        let content = if method == Method::HEAD || status == "204" {
            Vec::new()
        } else if fields.contains(&"transfer-encoding: chunked") {
            dechunk(&mut body)
        } else {
            let length = length.map_or(body.len(), |l| l.parse().unwrap());
            let (content, after) = body.split_at(length);
            body = after;
            content.to_vec()
        };
        responses.push(format!(
            "{status} {fields:?} {}",
            String::from_utf8_lossy(&content)
        ));
        rest = body;
    }
    responses
}

fn dechunk(body: &mut &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    loop {
        let end = body.windows(2).position(|w| w == b"\r\n").unwrap();
        let length = usize::from_str_radix(str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        content.extend_from_slice(&body[end + 2..][..length]);
        assert_eq!(&body[end + 2 + length..][..2], b"\r\n");
        *body = &body[end + 4 + length..];
        if length == 0 {
            return content;
        }
    }
}

/// A message that is good, or nearly so.
fn message() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "GET / HTTP/1.1\r\nHost: a\r\n",
        "POST /x?y=z HTTP/1.1\r\nHost: a\r\n",
        "GET /pieces HTTP/1.1\r\nhost: a\r\n",
        "HEAD /pieces HTTP/1.1\r\nhost: a\r\n",
        "HEAD /length HTTP/1.1\r\nhost: a\r\n",
        "POST /length HTTP/1.1\r\nhost: a\r\n",
        "PUT /nothing HTTP/1.1\r\nHost: a\r\n",
        "GET /last HTTP/1.1\r\nHost: a\r\n",
        "GET /x HTTP/1.0\r\n",
        "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n",
        "GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n",
        "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n",
        "GET http://a/x HTTP/1.1\r\nHost: a\r\n",
        "\r\nGET /x HTTP/1.1\r\nHost: a\r\n",
        "GET /<> HTTP/1.1\r\nHost: a\r\n",
        "GET / HTTP/1.1\r\n",
    ]);
    let field = prop::sample::select(vec![
        "X: y\r\n",
        "X: z\t \r\n",
        "x-empty:\r\n",
        "Upgrade: x\r\n",
        "Connection: close\r\n",
        "Expect: 100-continue\r\n",
        "TE: trailers\r\n",
        "X: \u{f6}\r\n",
        "Y: a\r\n b\r\n",
    ]);
    let body = prop::sample::select(vec![
        "\r\n",
        "\r\n",
        "Content-Length: 0\r\n\r\n",
        "Content-Length: 3\r\n\r\nabc",
        "Content-Length: 4\r\n\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc0\r\n\r\n",
        "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    ]);
    (line, prop::collection::vec(field, 0..3), body)
        .prop_map(|(line, fields, body)| [line, &fields.concat(), body].concat())
}

fn input() -> impl Strategy<Value = Vec<u8>> {
    let flaw = prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()));
    (prop::collection::vec(message(), 1..5), flaw).prop_map(|(messages, flaw)| {
        let mut input = messages.concat().into_bytes();
        if let Some((at, byte)) = flaw {
            let at = at.index(input.len());
            input[at] = byte;
        }
        input
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn hyper_behind_the_guard_would_do_the_same(input in input(), cuts in prop::collection::vec(0usize..60, 0..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (ours, theirs) = runtime.block_on(async { (ours(&input, &cuts).await, theirs(&input).await) });
        prop_assert_eq!(ours, theirs, "{}", String::from_utf8_lossy(&input));
    }
}

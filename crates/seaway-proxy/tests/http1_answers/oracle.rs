//! hyper's client, reading the same bytes.

use std::sync::{Arc, Mutex};

use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use seaway_proxy::upstream::http1::{Asked, End, Reading};
use tokio::io::AsyncWriteExt as _;

/// Turns after which everybody has done all that can be done without more bytes.
const TURNS: usize = 40;

/// What hyper makes of an answer in these pieces, after which the connection is closed.
pub fn read(asked: &Asked, pieces: &[&[u8]]) -> Reading {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(exchange(asked, pieces))
}

async fn exchange(asked: &Asked, pieces: &[&[u8]]) -> Reading {
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    let (mut sender, connection) = http1::handshake(TokioIo::new(ours)).await.unwrap();
    tokio::spawn(async move {
        let _ended = connection.with_upgrades().await;
    });
    let mut request = Request::builder().method(asked.method.clone()).uri("/");
    if asked.upgrade {
        request = request.header("connection", "upgrade").header("upgrade", "echo");
    }
    let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
    let seen = Arc::new(Mutex::new(None));
    let note = Arc::clone(&seen);
    let answer = sender.send_request(request);
    tokio::spawn(async move {
        let reading = collect(answer).await;
        *note.lock().unwrap() = Some(reading);
    });
    turns().await;
    for piece in pieces {
        if theirs.write_all(piece).await.is_err() {
            // It has had enough.
            break;
        }
        turns().await;
    }
    if let Some(mut reading) = seen.lock().unwrap().take() {
        if reading.end == End::Closed && sender.is_ready() {
            reading.end = End::Reusable;
        }
        return reading;
    }
    drop(theirs);
    turns().await;
    let reading = seen.lock().unwrap().take();
    reading.expect("it ends with its connection")
}

async fn turns() {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
}

async fn collect(
    answer: impl Future<Output = hyper::Result<http::Response<hyper::body::Incoming>>>,
) -> Reading {
    let mut reading = Reading {
        head: None,
        body: Vec::new(),
        trailers: None,
        end: End::Closed,
    };
    let (parts, mut body) = match answer.await {
        Ok(response) => response.into_parts(),
        Err(error) => {
            reading.end = refused(&error);
            return reading;
        }
    };
    let switched = parts.status == http::StatusCode::SWITCHING_PROTOCOLS;
    reading.head = Some((parts.status, parts.headers));
    if switched {
        reading.end = End::Switched;
        return reading;
    }
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => match frame.into_data() {
                Ok(data) => reading.body.extend_from_slice(&data),
                Err(frame) => reading.trailers = frame.into_trailers().ok(),
            },
            Err(error) => {
                reading.end = refused(&error);
                break;
            }
        }
    }
    reading
}

/// Whether the bytes were bad or ended too early.
fn refused(error: &hyper::Error) -> End {
    if error.is_incomplete_message() {
        return End::CutShort;
    }
    let mut source = std::error::Error::source(error);
    while let Some(here) = source {
        if let Some(io) = here.downcast_ref::<std::io::Error>() {
            return match io.kind() {
                std::io::ErrorKind::UnexpectedEof => End::CutShort,
                _ => End::Refused,
            };
        }
        source = here.source();
    }
    End::Refused
}

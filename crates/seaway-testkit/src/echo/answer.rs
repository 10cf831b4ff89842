//! The bodies of a backend's answers.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, TRAILER};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Body as _, Incoming};
use hyper::{Request, Response};

use super::record::{self, Records};
use super::{Answer, Behaviour, Ending};
use crate::serve::{Body, BoxError};

/// Bodies up to this many bytes are part of the JSON answer.
const SHOWN: usize = 4096;
const CHUNK: usize = 16 * 1024;

pub(super) async fn answer(
    request: Request<Incoming>,
    behaviour: &Behaviour,
    records: &Records,
    id: usize,
) -> Result<Response<Body>, BoxError> {
    if is_grpc(&request) && behaviour.answer == Answer::Report {
        return Ok(grpc(request, behaviour));
    }
    match behaviour.answer {
        Answer::Report => report(request, behaviour, records, id).await,
        Answer::Request => Ok(with_trailers(data_of(request.into_body()), trailers(behaviour))),
        Answer::Chunked(length) => Ok(bytes(length, behaviour)),
        Answer::Sized(length) => {
            let mut response = bytes(length, behaviour);
            response
                .headers_mut()
                .insert(CONTENT_LENGTH, HeaderValue::from(length));
            Ok(response)
        }
        Answer::Empty => {
            drain(request.into_body(), behaviour).await?;
            Ok(Response::new(Empty::new().map_err(never).boxed_unsync()))
        }
    }
}

/// An answer to HEAD. Over HTTP/1.1 hyper leaves the body out by itself, over HTTP/2 it does not.
pub(super) fn without_body(response: Response<Body>) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        head.headers
            .entry(CONTENT_LENGTH)
            .or_insert_with(|| HeaderValue::from(length));
    }
    Response::from_parts(head, Empty::new().map_err(never).boxed_unsync())
}

async fn report(
    request: Request<Incoming>,
    behaviour: &Behaviour,
    records: &Records,
    id: usize,
) -> Result<Response<Body>, BoxError> {
    let read = drain(request.into_body(), behaviour).await?;
    let received = records.finish(id, |received| {
        received.body_bytes = read.length;
        received.trailers = read.trailers.as_ref().map(record::fields).unwrap_or_default();
        received.body = (read.length > 0)
            .then_some(read.start)
            .filter(|start| start.len() == read.length)
            .and_then(|start| String::from_utf8(start).ok());
    });
    let json = serde_json::to_vec(&received)?;
    let mut response = match trailers(behaviour) {
        Some(trailers) => with_trailers(stream::iter([Ok(Bytes::from(json))]), Some(trailers)),
        None => Response::new(Full::from(json).map_err(never).boxed_unsync()),
    };
    let json_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json_type);
    Ok(response)
}

/// What was read of a body.
#[derive(Default)]
struct Read {
    length: usize,
    start: Vec<u8>,
    trailers: Option<HeaderMap>,
}

async fn drain(mut body: Incoming, behaviour: &Behaviour) -> Result<Read, BoxError> {
    let mut read = Read::default();
    if behaviour.unread {
        return Ok(read);
    }
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) => {
                read.length += data.len();
                if read.start.len() < SHOWN {
                    read.start.extend_from_slice(&data);
                }
            }
            Err(frame) => read.trailers = frame.into_trailers().ok(),
        }
    }
    Ok(read)
}

fn is_grpc(request: &Request<Incoming>) -> bool {
    request
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// Sends the messages back as they come; `grpc-status: 0` follows unless the test asked for other trailers.
fn grpc(request: Request<Incoming>, behaviour: &Behaviour) -> Response<Body> {
    let mut trailers = trailers(behaviour).unwrap_or_default();
    trailers
        .entry("grpc-status")
        .or_insert(HeaderValue::from_static("0"));
    let mut response = if request.body().is_end_stream() {
        with_trailers(stream::empty(), Some(trailers))
    } else {
        with_trailers(data_of(request.into_body()), Some(trailers))
    };
    let grpc_type = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, grpc_type);
    response
}

fn trailers(behaviour: &Behaviour) -> Option<HeaderMap> {
    let trailers: HeaderMap = behaviour.trailers.iter().cloned().collect();
    (!trailers.is_empty()).then_some(trailers)
}

fn data_of(body: Incoming) -> impl stream::Stream<Item = Result<Bytes, BoxError>> + Send + 'static {
    body.into_data_stream().map(|data| data.map_err(BoxError::from))
}

fn with_trailers(
    data: impl stream::Stream<Item = Result<Bytes, BoxError>> + Send + 'static,
    trailers: Option<HeaderMap>,
) -> Response<Body> {
    let names = trailers.as_ref().and_then(|trailers| {
        let names: Vec<&str> = trailers.keys().map(http::HeaderName::as_str).collect();
        HeaderValue::from_str(&names.join(", ")).ok()
    });
    let frames = data.map(|data| data.map(Frame::data)).chain(stream::iter(
        trailers.map(|trailers| Ok(Frame::trailers(trailers))),
    ));
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    if let Some(names) = names {
        response.headers_mut().insert(TRAILER, names);
    }
    response
}

/// So many bytes in pieces; half of them and then a failure, if it is to be truncated.
fn bytes(length: usize, behaviour: &Behaviour) -> Response<Body> {
    let truncate = behaviour.ending == Ending::Truncate;
    let end = if truncate { length / 2 } else { length };
    let pieces = stream::unfold(0, move |sent| async move {
        let piece = CHUNK.min(end - sent);
        (piece > 0).then(|| (Ok(Bytes::from(vec![b'x'; piece])), sent + piece))
    });
    let failure = truncate.then(|| Err(BoxError::from("truncated, as the test asked")));
    with_trailers(pieces.chain(stream::iter(failure)), trailers(behaviour))
}

fn never(error: Infallible) -> BoxError {
    match error {}
}

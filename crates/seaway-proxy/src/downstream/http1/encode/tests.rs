use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http::Response;

use super::super::super::guard::Framing;
use super::*;

const GET: Asked = Asked {
    is_http10: false,
    is_head: false,
    is_connect: false,
    keeps_alive: true,
    takes_trailers: false,
    may_switch: false,
    expects_continue: false,
    body: Framing::None,
};

/// Does not know its length.
#[derive(Debug)]
struct Unknown;

impl http_body::Body for Unknown {
    type Data = Bytes;
    type Error = crate::body::BodyError;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Ready(None)
    }
}

fn full() -> Body {
    Body::Full(Bytes::from_static(b"hello"))
}

fn written(
    status: u16,
    fields: &[(&'static str, &'static str)],
    body: &Body,
    asked: &Asked,
) -> (String, Coding) {
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = StatusCode::from_u16(status).unwrap();
    for (name, value) in fields {
        parts
            .headers
            .append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let plan = plan(parts.status, &parts.headers, body, asked, false).unwrap();
    let mut out = Vec::new();
    head(parts.status, &parts.headers, plan, UNIX_EPOCH, &mut out);
    let text = String::from_utf8(out).unwrap();
    (
        text.replace("date: Thu, 01 Jan 1970 00:00:00 GMT\r\n", ""),
        plan.coding,
    )
}

#[test]
fn a_body_of_known_length_says_it_and_another_comes_in_chunks() {
    assert_eq!(
        written(200, &[], &full(), &GET),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n".into(),
            Coding::Length(5)
        )
    );
    assert_eq!(
        written(404, &[("x", "y")], &Body::boxed(Unknown), &GET),
        (
            "HTTP/1.1 404 Not Found\r\nx: y\r\ntransfer-encoding: chunked\r\n\r\n".into(),
            Coding::Chunked
        )
    );
    assert_eq!(
        written(200, &[], &Body::Empty, &GET).0,
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    );
}

#[test]
fn http_1_0_gets_no_chunks_and_is_told_if_the_connection_stays() {
    let old = Asked {
        is_http10: true,
        ..GET
    };
    assert_eq!(
        written(200, &[], &Body::boxed(Unknown), &old),
        (
            "HTTP/1.0 200 OK\r\nconnection: close\r\n\r\n".into(),
            Coding::UntilClose
        )
    );
    assert_eq!(
        written(200, &[], &full(), &old).0,
        "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\n"
    );
}

#[test]
fn what_has_no_body_promises_none() {
    let head = Asked { is_head: true, ..GET };
    let length = [("content-length", "7")];
    assert_eq!(
        written(200, &length, &Body::Empty, &head),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n".into(),
            Coding::Nothing
        )
    );
    assert_eq!(
        written(200, &[], &Body::Empty, &head).0,
        "HTTP/1.1 200 OK\r\n\r\n"
    );
    assert_eq!(
        written(204, &length, &Body::Empty, &GET),
        ("HTTP/1.1 204 No Content\r\n\r\n".into(), Coding::Nothing)
    );
    assert_eq!(
        written(304, &[], &full(), &GET),
        ("HTTP/1.1 304 Not Modified\r\n\r\n".into(), Coding::Nothing)
    );
}

#[test]
fn framing_is_ours_to_say() {
    let fields = [
        ("transfer-encoding", "gzip, chunked"),
        ("content-length", "5"),
        ("content-length", "5"),
        ("trailer", "x"),
        ("connection", "x"),
        ("connection", "close"),
    ];
    assert_eq!(
        written(200, &fields, &full(), &GET).0,
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: x, close\r\n\r\n"
    );
}

#[test]
fn what_cannot_be_promised_cleanly_is_refused() {
    let refused = |status: u16, lengths: &[&'static str]| {
        let (mut parts, ()) = Response::new(()).into_parts();
        parts.status = StatusCode::from_u16(status).unwrap();
        for length in lengths {
            parts
                .headers
                .append(CONTENT_LENGTH, HeaderValue::from_static(length));
        }
        plan(parts.status, &parts.headers, &full(), &GET, false).is_err()
    };
    assert!(refused(200, &["5", "6"]));
    assert!(refused(200, &["five"]));
    assert!(refused(200, &[""]));
    assert!(refused(200, &["18446744073709551616"]));
    assert!(refused(101, &[]));
    assert!(refused(103, &[]));
}

#[test]
fn numbers_are_written_as_they_should_be() {
    for number in [0, 1, 9, 10, 255, 256, 65_535, 1_048_576, usize::MAX] {
        let (mut line, mut text) = (Vec::new(), Vec::new());
        chunk_line(number, &mut line);
        decimal(number as u64, &mut text);
        assert_eq!(String::from_utf8(line).unwrap(), format!("{number:x}\r\n"));
        assert_eq!(String::from_utf8(text).unwrap(), number.to_string());
    }
}

#[test]
fn trailers_cannot_decide_about_what_is_over() {
    let mut trailers = HeaderMap::new();
    trailers.append("grpc-status", HeaderValue::from_static("0"));
    trailers.append(CONTENT_LENGTH, HeaderValue::from_static("5"));
    let mut out = Vec::new();
    last_chunk(Some(&trailers), &mut out);
    assert_eq!(out, b"0\r\ngrpc-status: 0\r\n\r\n");
}

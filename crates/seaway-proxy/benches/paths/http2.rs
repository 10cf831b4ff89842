//! The whole way of a request that comes over HTTP/2.
//!
//! Client and upstream write frames that were made before and look at nothing but the heads of those that come, so that
//! nearly all that is counted is the proxy's. Eight requests are under way at once, as on a client's only connection.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use seaway_model::UpstreamProtocol;

use super::Walk;
use super::request::{serve, upstream};

/// Requests at once.
const LANES: u32 = 8;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Not compressed, 16 bytes, and those.
const MESSAGE: &[u8] = b"\x00\x00\x00\x00\x10sixteen bytes !!";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
/// A window of a connection that no run comes to the end of.
const ROOM: &[u8] = b"\x3f\xff\x00\x00";
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// `:method GET`, `:scheme http`, and two fields that enter the table.
const GET: &[u8] = b"\x82\x86\x44\x0a/api/items\x41\x10shop.example.com";
/// The same from the table.
const GET_AGAIN: &[u8] = b"\x82\x86\xbf\xbe";
/// `:method POST`, `:scheme http`, path, authority, and the fields of gRPC.
const CALL: &[u8] = b"\x83\x86\x44\x11/bench.Echo/Unary\x41\x10shop.example.com\
    \x5f\x10application/grpc\x40\x02te\x08trailers\x7a\x05bench";
const CALL_AGAIN: &[u8] = b"\x83\x86\xc2\xc1\xc0\xbf\xbe";
/// `:status 200` and the content type; then the trailers.
const ANSWER: (&[u8], &[u8]) = (b"\x88\x5f\x10application/grpc", b"\x40\x0bgrpc-status\x010");
const ANSWER_AGAIN: (&[u8], &[u8]) = (b"\x88\xbf", b"\xbe");

/// A call from a client of HTTP/2 to an upstream of HTTP/2: a message each way, and trailers.
pub fn call() -> Walk {
    walk(serve(grpc(), UpstreamProtocol::Http2), |id, is_first| {
        let mut frames = frame(HEADERS, END_HEADERS, id, if is_first { CALL } else { CALL_AGAIN });
        frames.extend(frame(DATA, END_STREAM, id, MESSAGE));
        frames
    })
}

/// A request without a body to an upstream of HTTP/1.1.
pub fn get() -> Walk {
    walk(serve(upstream(), UpstreamProtocol::Http1), |id, is_first| {
        let head = if is_first { GET } else { GET_AGAIN };
        frame(HEADERS, END_HEADERS | END_STREAM, id, head)
    })
}

fn walk(serving: (seaway_proxy::Proxy, SocketAddr), request: fn(u32, bool) -> Vec<u8>) -> Walk {
    let (proxy, address) = serving;
    let mut client = TcpStream::connect(address).unwrap();
    client.set_nodelay(true).unwrap();
    client.write_all(PREFACE).unwrap();
    client.write_all(&frame(SETTINGS, 0, 0, b"")).unwrap();
    client.write_all(&frame(WINDOW_UPDATE, 0, 0, ROOM)).unwrap();
    let (mut heads, mut buffer, mut next) = (Heads::default(), vec![0; 65_536], 1);
    Box::new(move |times| {
        let _serving = &proxy;
        let mut left = times;
        while left > 0 {
            let mut waits = left.min(LANES);
            left -= waits;
            let mut requests = Vec::with_capacity(1024);
            for _ in 0..waits {
                requests.extend(request(next, next == 1));
                next += 2;
            }
            client.write_all(&requests).unwrap();
            while waits > 0 {
                let count = client.read(&mut buffer).unwrap();
                assert!(count > 0);
                heads.feed(&buffer[..count], |head| match head.kind {
                    HEADERS | DATA => waits -= u32::from(head.flags & END_STREAM),
                    kind => assert!(matches!(kind, SETTINGS | WINDOW_UPDATE), "a frame of kind {kind}"),
                });
            }
        }
    })
}

/// Answers each call with its message.
fn grpc() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            std::thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    let mut settings = frame(
        SETTINGS,
        0,
        0,
        b"\x00\x03\x00\x00\x03\xe8\x00\x04\x00\x10\x00\x00",
    );
    settings.extend(frame(WINDOW_UPDATE, 0, 0, ROOM));
    stream.write_all(&settings).unwrap();
    let mut preface = [0; PREFACE.len()];
    stream.read_exact(&mut preface).unwrap();
    let (mut heads, mut buffer, mut is_first) = (Heads::default(), vec![0; 65_536], true);
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        let mut answers = Vec::with_capacity(1024);
        heads.feed(&buffer[..count], |head| match head.kind {
            SETTINGS if head.flags & ACK == 0 => answers.extend(frame(SETTINGS, ACK, 0, b"")),
            HEADERS | DATA if head.flags & END_STREAM != 0 => {
                let (fields, trailers) = if is_first { ANSWER } else { ANSWER_AGAIN };
                is_first = false;
                answers.extend(frame(HEADERS, END_HEADERS, head.stream, fields));
                answers.extend(frame(DATA, 0, head.stream, MESSAGE));
                answers.extend(frame(HEADERS, END_HEADERS | END_STREAM, head.stream, trailers));
            }
            _ => {}
        });
        if stream.write_all(&answers).is_err() {
            return;
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

struct Head {
    kind: u8,
    flags: u8,
    stream: u32,
}

/// Finds the heads of frames in what is read, however it is cut.
#[derive(Default)]
struct Heads(Vec<u8>);

impl Heads {
    fn feed(&mut self, bytes: &[u8], mut found: impl FnMut(Head)) {
        self.0.extend(bytes);
        let mut rest = &self.0[..];
        while let [a, b, c, kind, flags, d, e, f, g, more @ ..] = rest {
            let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            let Some(after) = more.get(length..) else { break };
            found(Head {
                kind: *kind,
                flags: *flags,
                stream: u32::from_be_bytes([*d, *e, *f, *g]),
            });
            rest = after;
        }
        let left = rest.len();
        self.0.drain(..self.0.len() - left);
    }
}

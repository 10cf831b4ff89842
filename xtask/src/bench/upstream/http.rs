//! An HTTP/1.1 server as plain as can be: it believes its proxies, and looks no further than to the next request.

use std::sync::LazyLock;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What a large answer and a large upload hold.
pub const LARGE: usize = 1 << 20;

const SMALL_ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world\n";
/// The answer to the key that RFC 6455 has as its example, which is the one that our client sends.
const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
/// Opcode and length of a short message, and the key that a client masks it with.
const CLIENT_FRAME_HEAD: usize = 6;

/// What a request is.
enum Kind {
    Small,
    Large,
    Upgrade,
}

/// How the body of a request ends.
enum Body {
    Sized(usize),
    Chunked,
}

pub async fn serve(mut stream: TcpStream) -> Result<()> {
    let mut buffer = Vec::with_capacity(256 * 1024);
    loop {
        let Some((length, kind, body)) = head(&buffer)? else {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            continue;
        };
        buffer.drain(..length);
        skip(&mut stream, &mut buffer, &body).await?;
        match kind {
            Kind::Small => stream.write_all(SMALL_ANSWER).await?,
            Kind::Large => stream.write_all(large_answer()).await?,
            Kind::Upgrade => {
                stream.write_all(SWITCH).await?;
                return messages(stream, buffer).await;
            }
        }
    }
}

fn large_answer() -> &'static [u8] {
    static ANSWER: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ";
        let mut answer = format!("{head}{LARGE}\r\n\r\n").into_bytes();
        answer.resize(answer.len() + LARGE, 0);
        answer
    });
    &ANSWER
}

/// The head at the start, if it is complete: its length, and what it asks for.
fn head(bytes: &[u8]) -> Result<Option<(usize, Kind, Body)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    if bytes.is_empty() {
        return Ok(None);
    }
    let httparse::Status::Complete(length) = request.parse(bytes)? else {
        return Ok(None);
    };
    let is_large = request.path.is_some_and(|path| path.ends_with("/large"));
    let (mut kind, mut body) = (if is_large { Kind::Large } else { Kind::Small }, Body::Sized(0));
    for header in request.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            body = Body::Sized(std::str::from_utf8(header.value)?.parse()?);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            body = Body::Chunked;
        } else if header.name.eq_ignore_ascii_case("upgrade") {
            kind = Kind::Upgrade;
        }
    }
    Ok(Some((length, kind, body)))
}

/// Takes a body off the stream. No request follows before it was answered, so a chunked body is all there is until it ends;
/// its bytes are zeros, which cannot look like an end.
async fn skip(stream: &mut TcpStream, buffer: &mut Vec<u8>, body: &Body) -> Result<()> {
    match *body {
        Body::Sized(length) => {
            let mut left = length;
            loop {
                let now = left.min(buffer.len());
                buffer.drain(..now);
                left -= now;
                if left == 0 {
                    return Ok(());
                }
                more(stream, buffer).await?;
            }
        }
        Body::Chunked => {
            const END: &[u8] = b"0\r\n\r\n";
            while !buffer.ends_with(END) {
                let kept = buffer.len().saturating_sub(END.len());
                buffer.drain(..kept);
                more(stream, buffer).await?;
            }
            buffer.clear();
            Ok(())
        }
    }
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
    if stream.read_buf(buffer).await? == 0 {
        bail!("a body that does not end");
    }
    Ok(())
}

/// Echoes short messages. The client masks them with zeros, so there is nothing to be done but to take the key out.
async fn messages(mut stream: TcpStream, mut buffer: Vec<u8>) -> Result<()> {
    let mut answer = Vec::with_capacity(4096);
    loop {
        while let Some(&[opcode, length]) = buffer.first_chunk() {
            let payload = usize::from(length & 0x7f);
            let whole = CLIENT_FRAME_HEAD + payload;
            if buffer.len() < whole {
                break;
            }
            answer.extend_from_slice(&[opcode, length & 0x7f]);
            answer.extend_from_slice(buffer.get(CLIENT_FRAME_HEAD..whole).context("a frame")?);
            buffer.drain(..whole);
        }
        stream.write_all(&answer).await?;
        answer.clear();
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

//! HTTP/2 frames, put together by hand.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// One frame (RFC 9113, 4.1).
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// What a client begins with: the preface, and its window.
pub fn hello(window: u32) -> Vec<u8> {
    let mut settings = vec![0, 4];
    settings.extend(window.to_be_bytes());
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &settings));
    bytes
}

/// `GET http://host/` with a field, as a header block of literals (RFC 7541).
pub fn get(host: &str, name: &str, value: &str) -> Vec<u8> {
    // Of the static table: GET, http, /.
    let mut block = vec![0x82, 0x86, 0x84, 0x01];
    text(&mut block, host);
    block.push(0);
    text(&mut block, name);
    text(&mut block, value);
    block
}

/// A literal of less than 127 bytes.
fn text(block: &mut Vec<u8>, text: &str) {
    block.push(u8::try_from(text.len()).expect("a short text"));
    block.extend(text.as_bytes());
}

pub fn window_update(stream: u32, by: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &by.to_be_bytes())
}

/// Writes, and throws away what comes back meanwhile, so that both sides can go on.
pub async fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    let (mut read, mut write) = stream.split();
    let mut sink = vec![0; 16 * 1024];
    let swallow = async {
        loop {
            match read.read(&mut sink).await {
                Ok(0) => return Err::<(), _>(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
    };
    tokio::select! {
        written = write.write_all(bytes) => written,
        error = swallow => error,
    }
}

/// Throws away what comes until the connection ends.
pub async fn until_closed(stream: &mut TcpStream) {
    let mut sink = vec![0; 16 * 1024];
    while stream.read(&mut sink).await.is_ok_and(|count| count > 0) {}
}

//! One MiB at a time, either way.

use super::connect::Stream;
use super::http1::{Http1, get};
use crate::bench::certificate::HOST;
use crate::bench::upstream::LARGE;

/// Answers of 1 MiB.
pub fn download(stream: Box<dyn Stream>) -> Http1 {
    Http1::new(stream, [get("/large", HOST)].into(), 0).expecting(LARGE)
}

/// Requests of 1 MiB.
pub fn upload(stream: Box<dyn Stream>) -> Http1 {
    let mut request =
        format!("POST /x HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: bench\r\nContent-Length: {LARGE}\r\n\r\n")
            .into_bytes();
    request.resize(request.len() + LARGE, 0);
    Http1::new(stream, [request].into(), 0)
}

//! Reading a head.

use std::hint::black_box;

use seaway_proxy::bench::Parser;

use super::Walk;

pub const SHORT: &[u8] = b"GET /api/items HTTP/1.1\r\nHost: shop.example.com\r\n\r\n";
pub const LONG: &[u8] = b"GET /api/items?page=2&order=price HTTP/1.1\r\nHost: shop.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\nConnection: keep-alive\r\n\r\n";

pub fn head(head: &'static [u8]) -> Walk {
    let mut parser = Parser::default();
    Box::new(move |times| {
        for _ in 0..times {
            assert!(parser.parse(black_box(head)));
        }
    })
}

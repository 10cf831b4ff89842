//! RFC 9113, 4.3, 6.2 and 6.10: header blocks, in one frame or in many.

use crate::server_support::*;
use crate::wire::*;

#[tokio::test(start_paused = true)]
async fn a_head_may_have_padding_and_a_priority() {
    let mut peer = client_of(App::Echoes).await;
    let padded = [&[2][..], &block(REQUEST), &[0, 0]].concat();
    let both = [&[1, 0x80, 0, 0, 1, 255][..], &block(REQUEST), &[0]].concat();
    peer.say(&[
        frame(HEADERS, WHOLE | PADDED, 1, padded),
        frame(HEADERS, WHOLE | PADDED | HAS_PRIORITY, 3, both),
    ])
    .await;
    assert!(peer.content_of(1).await.is_some());
    assert!(peer.content_of(3).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn the_padding_of_a_head_is_not_longer_than_its_frame() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[frame(HEADERS, WHOLE | PADDED, 1, *b"\x04abc")]).await;
    peer.breaks(PROTOCOL_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn a_priority_has_its_size() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[frame(HEADERS, WHOLE | HAS_PRIORITY, 1, [0; 4])]).await;
    peer.breaks(FRAME_SIZE_ERROR).await;
}

/// A head in pieces.
fn pieces(stream: u32, block: &[u8], length: usize) -> Vec<Frame> {
    let chunks: Vec<&[u8]> = block.chunks(length).collect();
    let frames = chunks.iter().enumerate().map(|(at, piece)| {
        let (kind, flags) = if at == 0 {
            (HEADERS, END_STREAM)
        } else {
            (CONTINUATION, 0)
        };
        let end = if at + 1 == chunks.len() { END_HEADERS } else { 0 };
        frame(kind, flags | end, stream, *piece)
    });
    frames.collect()
}

#[tokio::test(start_paused = true)]
async fn a_head_may_come_in_pieces() {
    let mut peer = client_of(App::Echoes).await;
    peer.say(&pieces(1, &block(REQUEST), 10)).await;
    assert!(peer.content_of(1).await.is_some());
    let long = "x".repeat(40_000);
    peer.say(&pieces(3, &request(&[("x-long", &long)]), 1 << 14))
        .await;
    assert!(peer.content_of(3).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn nothing_comes_between_the_pieces_of_a_head() {
    for other in [
        frame(PING, 0, 0, [0; 8]),
        frame(PRIORITY, 0, 1, [0; 5]),
        data(1, 0, b"x"),
        get(3),
        frame(CONTINUATION, END_HEADERS, 3, []),
        frame(0x16, 0, 1, []),
    ] {
        let mut peer = client_of(App::Holds).await;
        peer.say(&[frame(HEADERS, END_STREAM, 1, block(REQUEST)), other])
            .await;
        peer.breaks(PROTOCOL_ERROR).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_continuation_continues_something() {
    for before in [get(1), data(1, END_STREAM, b"")] {
        let mut peer = client_of(App::Holds).await;
        peer.say(&[post(1), frame(CONTINUATION, END_HEADERS, 1, [])])
            .await;
        peer.breaks(PROTOCOL_ERROR).await;
        let mut peer = client_of(App::Holds).await;
        let first = if before.kind == DATA { post(1) } else { get(3) };
        peer.say(&[first, frame(CONTINUATION, END_HEADERS, 1, [])]).await;
        peer.breaks(PROTOCOL_ERROR).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_block_that_cannot_be_decoded_ends_the_connection() {
    let blocks: [&[u8]; 7] = [
        // An index that nothing stands at; the zeroth, which is none.
        b"\xc6",
        b"\x80",
        // It ends within a field, and within an integer.
        b"\x00\x05ab",
        b"\xff\x80",
        // An integer without end.
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        // Padding of Huffman code that is too long, and the end of string in it.
        b"\x00\x81\xff\x01a",
        b"\x00\x84\xff\xff\xff\xff\x01a",
    ];
    for broken in blocks {
        let mut peer = client_of(App::Holds).await;
        let block = [&block(REQUEST)[..], broken].concat();
        peer.say(&[frame(HEADERS, WHOLE, 1, block)]).await;
        peer.breaks(COMPRESSION_ERROR).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_size_of_the_table_changes_at_the_beginning_of_a_block_and_within_what_we_allow() {
    let mut peer = client_of(App::Echoes).await;
    peer.say(&[frame(
        HEADERS,
        WHOLE,
        1,
        [b"\x20\x3f\xe1\x1f", &block(REQUEST)[..]].concat(),
    )])
    .await;
    assert!(peer.content_of(1).await.is_some());
    for block in [
        [&block(REQUEST)[..], b"\x20"].concat(),
        [b"\x3f\xe2\x1f", &block(REQUEST)[..]].concat(),
    ] {
        let mut peer = client_of(App::Holds).await;
        peer.say(&[frame(HEADERS, WHOLE, 1, block)]).await;
        peer.breaks(COMPRESSION_ERROR).await;
    }
}

#[tokio::test(start_paused = true)]
async fn trailers_that_cannot_be_decoded_end_the_connection_too() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[post(1), frame(HEADERS, WHOLE, 1, *b"\x80")]).await;
    peer.breaks(COMPRESSION_ERROR).await;
}

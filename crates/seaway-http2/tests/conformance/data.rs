//! RFC 9113, 6.1 and 8.1.1: content, its padding and its length.

use crate::server_support::*;
use crate::wire::*;

#[tokio::test(start_paused = true)]
async fn content_comes_in_any_pieces() {
    let mut peer = client_of(App::Echoes).await;
    peer.say(&[
        post(1),
        data(1, 0, b"one "),
        data(1, 0, b""),
        data(1, 0, b"two"),
        data(1, END_STREAM, b""),
    ])
    .await;
    assert_eq!(peer.content_of(1).await.as_deref(), Some(&b"one two"[..]));
}

#[tokio::test(start_paused = true)]
async fn padding_is_no_content() {
    let mut peer = client_of(App::Echoes).await;
    peer.say(&[
        post(1),
        data(1, PADDED, b"\x03one\0\0\0"),
        data(1, PADDED, b"\x00two"),
        data(1, PADDED | END_STREAM, b"\x02\0\0"),
    ])
    .await;
    assert_eq!(peer.content_of(1).await.as_deref(), Some(&b"onetwo"[..]));
}

#[tokio::test(start_paused = true)]
async fn padding_is_not_longer_than_its_frame() {
    for payload in [&b"\x01"[..], b"\x04abc", b"\xff"] {
        let mut peer = client_of(App::Holds).await;
        peer.say(&[post(1), data(1, PADDED, payload)]).await;
        peer.breaks(PROTOCOL_ERROR).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_padded_frame_says_how_much_padding_it_has() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[post(1), data(1, PADDED, b"")]).await;
    peer.breaks(FRAME_SIZE_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn padding_uses_windows_and_is_given_back() {
    let mut peer = client_of(App::Holds).await;
    let padded: Vec<u8> = std::iter::once(255).chain([0; 255]).collect();
    let frames: Vec<Frame> = (0..1000).map(|_| data(1, PADDED, &padded)).collect();
    peer.say(&[post(1)]).await;
    for some in frames.chunks(100) {
        peer.say(some).await;
        peer.is_unharmed().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_announced_length_is_kept() {
    let head = |length: &str| request(&[("content-length", length)]);
    let lengths: [(&[&[u8]], &str); 5] = [
        (&[b"abc"], "4"),
        (&[b"abc"], "2"),
        (&[b"ab", b"c"], "2"),
        (&[b"ab", b"c"], "4"),
        (&[b""], "1"),
    ];
    for (pieces, announced) in lengths {
        let mut peer = client_of(App::Holds).await;
        peer.say(&[frame(HEADERS, END_HEADERS, 1, head(announced))]).await;
        for (at, piece) in pieces.iter().enumerate() {
            let flags = if at + 1 == pieces.len() { END_STREAM } else { 0 };
            peer.say(&[data(1, flags, piece)]).await;
        }
        peer.breaks_off(1, PROTOCOL_ERROR).await;
    }
    let mut peer = client_of(App::Echoes).await;
    peer.say(&[
        frame(HEADERS, END_HEADERS, 1, head("3")),
        data(1, 0, b"abc"),
        data(1, END_STREAM, b""),
    ])
    .await;
    assert_eq!(peer.content_of(1).await.as_deref(), Some(&b"abc"[..]));
}

#[tokio::test(start_paused = true)]
async fn an_announced_length_is_kept_by_a_request_without_content() {
    let mut peer = client_of(App::Holds).await;
    let head = request(&[("content-length", "1")]);
    peer.say(&[frame(HEADERS, WHOLE, 1, head.clone())]).await;
    peer.breaks_off(1, PROTOCOL_ERROR).await;
    // And by one that ends with trailers.
    let trailers = frame(HEADERS, WHOLE, 3, block(&[("x-trailer", "y")]));
    peer.say(&[frame(HEADERS, END_HEADERS, 3, head), trailers]).await;
    peer.breaks_off(3, PROTOCOL_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn a_length_is_one_number() {
    let fields: [&[(&str, &str)]; 6] = [
        &[("content-length", "-1")],
        &[("content-length", "+1")],
        &[("content-length", "1, 1")],
        &[("content-length", "")],
        &[("content-length", "1"), ("content-length", "2")],
        &[("content-length", "99999999999999999999")],
    ];
    for fields in fields {
        let mut peer = client_of(App::Holds).await;
        peer.say(&[
            frame(HEADERS, END_HEADERS, 1, request(fields)),
            data(1, END_STREAM, b"x"),
        ])
        .await;
        peer.breaks_off(1, PROTOCOL_ERROR).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_length_may_be_said_twice() {
    let mut peer = client_of(App::Echoes).await;
    let head = request(&[("content-length", "1"), ("content-length", "1")]);
    peer.say(&[frame(HEADERS, END_HEADERS, 1, head), data(1, END_STREAM, b"x")])
        .await;
    assert_eq!(peer.content_of(1).await.as_deref(), Some(&b"x"[..]));
}

//! RFC 9113, 8.1 to 8.3: what makes a message of frames.

use seaway_http2::server::Builder;

use crate::server_support::*;
use crate::wire::*;

/// What breaks a rule costs the stream, with its content and without.
async fn is_malformed(fields: &[(&str, &str)]) {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[frame(HEADERS, WHOLE, 1, block(fields))]).await;
    peer.breaks_off(1, PROTOCOL_ERROR).await;
    peer.say(&[frame(HEADERS, END_HEADERS, 3, block(fields))]).await;
    peer.breaks_off(3, PROTOCOL_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn names_are_in_small_letters() {
    is_malformed(&[REQUEST, &[("X-Test", "y")]].concat()).await;
}

#[tokio::test(start_paused = true)]
async fn names_and_values_have_no_characters_that_divide_them() {
    for field in [
        ("x test", "y"),
        ("x:test", "y"),
        ("", "y"),
        ("x-a", "a\r\nb"),
        ("x-a", "a\0b"),
    ] {
        is_malformed(&[REQUEST, &[field]].concat()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn pseudo_headers_are_those_of_a_request() {
    for field in [(":unknown", "x"), (":status", "200"), (":", "x")] {
        is_malformed(&[&[field], REQUEST].concat()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn pseudo_headers_come_first() {
    is_malformed(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a.test"),
        ("x-test", "y"),
        (":path", "/"),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn pseudo_headers_come_once() {
    for field in REQUEST {
        is_malformed(&[&[*field], REQUEST].concat()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_has_a_method_a_scheme_and_a_path() {
    for without in [":method", ":scheme", ":path"] {
        let fields: Vec<_> = REQUEST
            .iter()
            .copied()
            .filter(|(name, _)| *name != without)
            .collect();
        is_malformed(&fields).await;
    }
    let with = |path| {
        [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a.test"),
            (":path", path),
        ]
    };
    is_malformed(&with("")).await;
    is_malformed(&with("no-slash")).await;
}

#[tokio::test(start_paused = true)]
async fn fields_of_connections_have_no_place() {
    for field in [
        ("connection", "keep-alive"),
        ("keep-alive", "5"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "x"),
        ("te", "gzip"),
        ("te", "trailers, deflate"),
    ] {
        is_malformed(&[REQUEST, &[field]].concat()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn trailers_may_be_accepted() {
    let mut peer = client_of(App::Echoes).await;
    peer.say(&[frame(HEADERS, WHOLE, 1, request(&[("te", "trailers")]))])
        .await;
    assert!(peer.content_of(1).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn connect_names_a_protocol_only_where_we_allow_it() {
    let fields = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":authority", "a.test"),
        (":path", "/"),
    ];
    is_malformed(&fields).await;
    let mut peer = client_with(App::Holds, Builder::default().connect_protocol(), &[]).await;
    peer.say(&[frame(HEADERS, END_HEADERS, 1, block(&fields)), data(1, 0, b"x")])
        .await;
    peer.is_unharmed().await;
}

#[tokio::test(start_paused = true)]
async fn connect_has_an_authority_alone() {
    is_malformed(&[&[(":method", "CONNECT")], &REQUEST[1..]].concat()).await;
    is_malformed(&[(":method", "CONNECT")]).await;
}

#[tokio::test(start_paused = true)]
async fn trailers_arrive_behind_the_content() {
    let mut peer = client_of(App::Echoes).await;
    let trailers = block(&[("x-trailer", "y")]);
    peer.say(&[
        post(1),
        data(1, 0, b"x"),
        frame(HEADERS, WHOLE, 1, trailers.clone()),
    ])
    .await;
    peer.hear_a(HEADERS).await;
    assert_eq!(peer.hear_a(DATA).await, data(1, 0, b"x"));
    assert_eq!(peer.hear_a(HEADERS).await, frame(HEADERS, WHOLE, 1, trailers));
}

#[tokio::test(start_paused = true)]
async fn trailers_end_their_stream() {
    let mut peer = client_of(App::Holds).await;
    let trailers = block(&[("x-trailer", "y")]);
    peer.say(&[
        post(1),
        data(1, 0, b"x"),
        frame(HEADERS, END_HEADERS, 1, trailers),
    ])
    .await;
    peer.breaks_off(1, PROTOCOL_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn trailers_have_no_pseudo_headers_nor_names_in_large_letters() {
    for field in [
        (":path", "/"),
        (":status", "200"),
        ("X-Test", "y"),
        ("connection", "close"),
    ] {
        let mut peer = client_of(App::Holds).await;
        peer.say(&[post(1), frame(HEADERS, WHOLE, 1, block(&[field]))])
            .await;
        peer.breaks_off(1, PROTOCOL_ERROR).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_too_large_is_answered_with_431() {
    let long = "x".repeat(5000);
    for flags in [WHOLE, END_HEADERS] {
        let mut peer = client_with(App::Echoes, Builder::default().header_list(4096), &[]).await;
        peer.say(&[frame(HEADERS, flags, 1, request(&[("x-long", &long)]))])
            .await;
        let answer = peer.hear_a(HEADERS).await;
        assert!(
            answer.ends() && answer.payload.windows(3).any(|text| text == b"431"),
            "{answer:?}"
        );
        let rest = peer.is_alive().await;
        let resets: Vec<_> = rest.iter().map(|frame| (frame.kind, frame.number())).collect();
        let expected: &[_] = if flags == WHOLE {
            &[]
        } else {
            &[(RST_STREAM, NO_ERROR)]
        };
        assert_eq!(resets, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_too_large_and_comes_in_pieces_is_answered_too() {
    let mut peer = client_with(App::Echoes, Builder::default().header_list(20_000), &[]).await;
    let long = request(&[("x-long", &"x".repeat(24_000))]);
    let (first, rest) = long.split_at(1 << 14);
    peer.say(&[
        frame(HEADERS, END_STREAM, 1, first),
        frame(CONTINUATION, END_HEADERS, 1, rest),
        get(3),
    ])
    .await;
    assert_eq!(peer.hear_a(HEADERS).await.stream, 1);
    assert!(peer.content_of(3).await.is_some());
}

//! What our client makes of a server's messages.

use std::future::poll_fn;

use bytes::Bytes;
use http::Method;
use seaway_http2::client::Builder;
use seaway_http2::{Error, Reason};

use crate::client_support::*;
use crate::wire::*;

/// The answer to a request, and that the connection lives on.
async fn answered(method: Method, said: &[Frame]) -> Result<Answer, Error> {
    let (mut peer, mut client) = server().await;
    let (response, _stream) = client.sends(method, true);
    peer.hear_a(HEADERS).await;
    peer.say(said).await;
    peer.is_alive().await;
    answer(response).await
}

async fn is_malformed(said: &[Frame]) {
    let (mut peer, mut client) = server().await;
    let response = client.gets();
    peer.hear_a(HEADERS).await;
    peer.say(said).await;
    peer.breaks_off(1, PROTOCOL_ERROR).await;
    let error = answer(response).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::PROTOCOL_ERROR));
}

#[tokio::test(start_paused = true)]
async fn an_answer_has_a_head_content_and_trailers() {
    let said = [
        head(1, 0, "404", &[("x-test", "y")]),
        data(1, 0, b"one "),
        data(1, PADDED, b"\x01two\0"),
        frame(HEADERS, WHOLE, 1, block(&[("x-trailer", "z")])),
    ];
    let answer = answered(Method::GET, &said).await.unwrap();
    assert_eq!(
        (answer.head.status().as_u16(), &answer.head.headers()["x-test"]),
        (404, &"y".parse().unwrap())
    );
    assert_eq!(answer.content, b"one two");
    assert_eq!(answer.trailers.unwrap()["x-trailer"], "z");
}

#[tokio::test(start_paused = true)]
async fn content_does_not_come_before_the_head() {
    is_malformed(&[data(1, 0, b"x"), head(1, END_STREAM, "200", &[])]).await;
}

#[tokio::test(start_paused = true)]
async fn heads_that_are_only_informational_are_passed_over() {
    let said = [
        head(1, 0, "100", &[]),
        head(1, 0, "103", &[("link", "x")]),
        head(1, END_STREAM, "204", &[]),
    ];
    let answer = answered(Method::GET, &said).await.unwrap();
    assert_eq!(
        (answer.head.status().as_u16(), answer.head.headers().len()),
        (204, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn an_informational_head_ends_nothing() {
    is_malformed(&[head(1, END_STREAM, "100", &[])]).await;
    is_malformed(&[head(1, 0, "100", &[]), data(1, END_STREAM, b"")]).await;
}

#[tokio::test(start_paused = true)]
async fn no_protocols_are_switched() {
    is_malformed(&[head(1, 0, "101", &[])]).await;
}

#[tokio::test(start_paused = true)]
async fn a_head_has_one_status_and_nothing_of_a_request() {
    let heads: [&[(&str, &str)]; 7] = [
        &[],
        &[("x-test", "y")],
        &[(":status", "200"), (":status", "200")],
        &[(":status", "200"), (":path", "/")],
        &[("x-test", "y"), (":status", "200")],
        &[(":status", "20")],
        &[(":status", "abc")],
    ];
    for fields in heads {
        is_malformed(&[frame(HEADERS, WHOLE, 1, block(fields))]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn fields_that_no_message_has_are_malformed() {
    for field in [
        ("X-Test", "y"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("x-a", "a\nb"),
    ] {
        is_malformed(&[head(1, END_STREAM, "200", &[field])]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn trailers_end_the_answer() {
    let trailers = block(&[("x-trailer", "z")]);
    is_malformed(&[head(1, 0, "200", &[]), frame(HEADERS, END_HEADERS, 1, trailers)]).await;
}

#[tokio::test(start_paused = true)]
async fn an_announced_length_is_kept() {
    let head_of = |length| head(1, 0, "200", &[("content-length", length)]);
    is_malformed(&[head_of("3"), data(1, END_STREAM, b"ab")]).await;
    is_malformed(&[head_of("3"), data(1, 0, b"abcd")]).await;
    is_malformed(&[head_of("3"), frame(HEADERS, WHOLE, 1, block(&[("x", "y")]))]).await;
    is_malformed(&[head(1, END_STREAM, "200", &[("content-length", "3")])]).await;
    let answer = answered(Method::GET, &[head_of("2"), data(1, END_STREAM, b"ab")]).await;
    assert_eq!(answer.unwrap().content, b"ab");
}

#[tokio::test(start_paused = true)]
async fn what_has_no_content_may_announce_its_length() {
    let said = |status| [head(1, END_STREAM, status, &[("content-length", "3")])];
    assert_eq!(answered(Method::HEAD, &said("200")).await.unwrap().content, b"");
    assert_eq!(answered(Method::GET, &said("304")).await.unwrap().content, b"");
    let empty = [
        head(1, 0, "200", &[("content-length", "3")]),
        data(1, END_STREAM, b""),
    ];
    assert_eq!(answered(Method::HEAD, &empty).await.unwrap().content, b"");
}

#[tokio::test(start_paused = true)]
async fn what_has_no_content_has_none() {
    let said = [head(1, 0, "200", &[]), data(1, END_STREAM, b"x")];
    let error = answered(Method::HEAD, &said).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::PROTOCOL_ERROR));
    is_malformed(&[head(1, 0, "304", &[]), data(1, END_STREAM, b"x")]).await;
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_too_large_costs_its_stream() {
    let long = "x".repeat(5000);
    let (mut peer, mut client) = server_with(Builder::default().header_list(4096), &[]).await;
    let response = client.gets();
    peer.hear_a(HEADERS).await;
    peer.say(&[head(1, END_STREAM, "200", &[("x-long", &long)])])
        .await;
    peer.is_alive().await;
    answer(response).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_broken_off_is_no_answer() {
    for reason in [NO_ERROR, CANCEL, REFUSED_STREAM] {
        let said = [head(1, 0, "200", &[]), data(1, 0, b"half"), reset(1, reason)];
        let error = answered(Method::GET, &said).await.unwrap_err();
        assert_eq!(error.reason(), Some(Reason::from(reason)));
    }
    let error = answered(Method::GET, &[reset(1, REFUSED_STREAM)])
        .await
        .unwrap_err();
    assert_eq!(error.reason(), Some(Reason::REFUSED_STREAM));
}

#[tokio::test(start_paused = true)]
async fn what_came_before_an_answer_was_broken_off_is_given_out() {
    let (mut peer, mut client) = server().await;
    let response = client.gets();
    peer.hear_a(HEADERS).await;
    peer.say(&[head(1, 0, "200", &[]), data(1, 0, b"half"), reset(1, CANCEL)])
        .await;
    peer.is_alive().await;
    let mut body = response.await.unwrap().into_body();
    let first = poll_fn(|cx| body.poll_data(cx)).await.unwrap().unwrap();
    assert_eq!(first, "half");
    assert!(poll_fn(|cx| body.poll_data(cx)).await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn an_early_answer_is_whole_though_the_request_is_not() {
    let (mut peer, mut client) = server().await;
    let (response, mut stream) = client.sends(Method::POST, false);
    peer.hear_a(HEADERS).await;
    peer.say(&[
        head(1, 0, "200", &[]),
        data(1, END_STREAM, b"early"),
        reset(1, NO_ERROR),
    ])
    .await;
    let error = soon(poll_fn(|cx| stream.poll_reset(cx))).await;
    assert_eq!(error.reason(), Some(Reason::NO_ERROR));
    assert!(stream.send_data(Bytes::from_static(b"late"), true).is_err());
    assert_eq!(answer(response).await.unwrap().content, b"early");
    peer.is_unharmed().await;
}

#[tokio::test(start_paused = true)]
async fn what_follows_the_end_of_an_answer_breaks_off_the_request() {
    let (mut peer, mut client) = server().await;
    let (response, _stream) = client.sends(Method::POST, false);
    peer.hear_a(HEADERS).await;
    peer.say(&[head(1, END_STREAM, "200", &[]), data(1, 0, b"x")])
        .await;
    peer.breaks_off(1, STREAM_CLOSED).await;
    answer(response).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_waits_for_is_broken_off() {
    let (mut peer, mut client) = server().await;
    drop(client.gets());
    peer.breaks_off(1, CANCEL).await;
    // What is still said of it is ignored, and given back.
    peer.say(&[head(1, 0, "200", &[])]).await;
    for _ in 0..20 {
        peer.say(&[data(1, 0, &[0; 1 << 14]), data(1, 0, &[0; 1 << 14])])
            .await;
        peer.is_unharmed().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_takes_leaves_the_window_to_others() {
    let (mut peer, mut client) = server().await;
    // Their requests go on, and their answers are not wanted.
    let (responses, streams): (Vec<_>, Vec<_>) = (0..4).map(|_| client.sends(Method::POST, false)).unzip();
    for (at, response) in responses.into_iter().enumerate() {
        let stream = u32::try_from(2 * at + 1).unwrap();
        peer.say(&[head(stream, 0, "200", &[]), data(stream, 0, &[0; 10_000])])
            .await;
        // Two before it came, two after it was taken.
        if at % 2 == 0 {
            drop(response.await.unwrap());
        } else {
            drop(response);
        }
        peer.say(&[data(stream, 0, &[0; 10_000])]).await;
        peer.is_unharmed().await;
    }
    drop(streams);
}

#[tokio::test(start_paused = true)]
async fn an_end_of_the_connection_is_no_end_of_an_answer() {
    for said in [
        vec![],
        vec![head(1, 0, "200", &[])],
        vec![head(1, 0, "200", &[]), data(1, 0, b"x")],
    ] {
        let (mut peer, mut client) = server().await;
        let response = client.gets();
        peer.hear_a(HEADERS).await;
        peer.say(&said).await;
        peer.close().await;
        let error = answer(response).await.unwrap_err();
        assert!(matches!(error, Error::Io(_)), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_came_before_the_end_of_the_connection_is_whole() {
    let (mut peer, mut client) = server().await;
    let (response, _stream) = client.sends(Method::POST, false);
    peer.hear_a(HEADERS).await;
    peer.say(&[head(1, 0, "200", &[]), data(1, END_STREAM, b"whole")])
        .await;
    peer.close().await;
    assert!(soon(client.connection).await.unwrap().is_err());
    assert_eq!(answer(response).await.unwrap().content, b"whole");
}

//! RFC 9113, 5.1: which frames a stream takes in which state.

use crate::server_support::*;
use crate::wire::*;

/// A stream that was answered to its end, and that nobody knows any more.
async fn after_an_answer() -> Peer {
    let mut peer = client_of(App::Echoes).await;
    peer.say(&[get(1)]).await;
    assert_eq!(peer.content_of(1).await.as_deref(), Some(&[][..]));
    peer
}

#[tokio::test(start_paused = true)]
async fn an_idle_stream_takes_nothing_but_a_head() {
    for first in [
        data(1, 0, b"x"),
        reset(1, CANCEL),
        window_update(1, 1),
        frame(CONTINUATION, END_HEADERS, 1, block(REQUEST)),
    ] {
        let mut peer = client_of(App::Holds).await;
        peer.say(&[first]).await;
        peer.breaks(PROTOCOL_ERROR).await;
    }
}

#[tokio::test(start_paused = true)]
async fn after_its_end_a_request_has_no_content() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[get(1), data(1, END_STREAM, b"x")]).await;
    peer.breaks_off(1, STREAM_CLOSED).await;
}

#[tokio::test(start_paused = true)]
async fn after_its_end_a_request_has_no_second_head() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[get(1), get(1)]).await;
    peer.breaks_off(1, STREAM_CLOSED).await;
}

#[tokio::test(start_paused = true)]
async fn after_its_end_a_request_has_no_continuation() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[get(1), frame(CONTINUATION, END_HEADERS, 1, block(REQUEST))])
        .await;
    peer.breaks(PROTOCOL_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn after_its_end_a_request_may_still_be_taken_back_and_given_room() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[
        get(1),
        window_update(1, 10),
        frame(PRIORITY, 0, 1, [0; 5]),
        reset(1, CANCEL),
    ])
    .await;
    peer.is_unharmed().await;
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_reset_is_a_mistake_whether_the_stream_is_known_or_not() {
    for app in [App::Holds, App::Echoes] {
        for last in [data(1, END_STREAM, b"x"), get(1)] {
            let mut peer = client_of(app).await;
            peer.say(&[post(1)]).await;
            peer.is_alive().await;
            peer.say(&[reset(1, CANCEL)]).await;
            peer.is_alive().await;
            peer.say(&[last]).await;
            peer.breaks(STREAM_CLOSED).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_follows_both_ends_is_a_mistake() {
    for last in [data(1, END_STREAM, b"x"), get(1)] {
        let mut peer = after_an_answer().await;
        peer.say(&[last]).await;
        peer.breaks(STREAM_CLOSED).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_follows_both_ends_is_a_mistake_too_while_the_stream_is_held() {
    for last in [data(1, END_STREAM, b"x"), get(1)] {
        let mut peer = client_of(App::Echoes).await;
        peer.say(&[get(1), last]).await;
        let end = loop {
            let heard = peer.hear().await.unwrap();
            if matches!(heard.kind, GOAWAY | RST_STREAM) {
                break heard;
            }
        };
        let reason = if end.kind == GOAWAY {
            end.reason()
        } else {
            end.number()
        };
        assert_eq!(reason, STREAM_CLOSED);
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_be_under_way_at_the_end_of_a_stream_is_ignored() {
    let mut peer = after_an_answer().await;
    peer.say(&[
        window_update(1, 1),
        reset(1, CANCEL),
        frame(PRIORITY, 0, 1, [0; 5]),
    ])
    .await;
    peer.is_unharmed().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_client_sends_before_it_hears_of_our_reset_is_ignored() {
    let mut peer = client_of(App::Holds).await;
    // The wrong length makes us reset it.
    let head = request(&[("content-length", "1")]);
    peer.say(&[
        frame(HEADERS, END_HEADERS, 1, head),
        data(1, 0, b"too long"),
        data(1, 0, b"on its way"),
        window_update(1, 5),
        frame(HEADERS, WHOLE, 1, block(&[("x-trailer", "y")])),
    ])
    .await;
    peer.breaks_off(1, PROTOCOL_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn the_memory_for_our_resets_does_not_make_mistakes_of_what_is_under_way() {
    let mut peer = client_of(App::Holds).await;
    for number in 0..150 {
        // An early answer, or rather a mistake for each, many more than are remembered.
        let stream = 2 * number + 1;
        let head = request(&[("content-length", "1")]);
        peer.say(&[
            frame(HEADERS, END_HEADERS, stream, head),
            data(stream, 0, b"too long"),
        ])
        .await;
        peer.breaks_off(stream, PROTOCOL_ERROR).await;
    }
    peer.say(&[data(1, END_STREAM, b"late")]).await;
    peer.is_unharmed().await;
}

#[tokio::test(start_paused = true)]
async fn refused_streams_of_a_burst_may_all_have_content_under_way() {
    let builder = seaway_http2::server::Builder::default().streams(1);
    let mut peer = client_with(App::Holds, builder, &[]).await;
    let heads: Vec<Frame> = (0..600).map(|number| post(2 * number + 1)).collect();
    let contents: Vec<Frame> = (0..600)
        .map(|number| data(2 * number + 1, END_STREAM, b"x"))
        .collect();
    peer.say(&heads).await;
    peer.say(&contents).await;
    let heard = peer.is_alive().await;
    let refused = heard.iter().filter(|frame| frame.kind == RST_STREAM);
    assert_eq!(
        refused.map(Frame::number).collect::<Vec<_>>(),
        [REFUSED_STREAM; 599]
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_came_early_is_said_to_its_end() {
    let mut peer = client_of(App::Answers(100_000)).await;
    peer.say(&[post(1)]).await;
    let mut length = 0;
    loop {
        let heard = peer.hear().await.unwrap();
        match heard.kind {
            DATA => {
                length += heard.payload.len();
                let by = u32::try_from(heard.payload.len()).unwrap();
                peer.say(&[window_update(0, by), window_update(1, by)]).await;
            }
            RST_STREAM => {
                // The rest of the request is not needed (8.1).
                assert_eq!(heard.number(), NO_ERROR);
                break;
            }
            _ => {}
        }
    }
    assert_eq!(length, 100_000);
}

//! RFC 9113, 4.1, 4.2, 5.5 and 6: what is wrong with a frame by itself.

use crate::server_support::*;
use crate::wire::*;

async fn breaks(said: &[Frame], reason: u32) {
    let mut peer = client_of(App::Holds).await;
    peer.say(said).await;
    peer.breaks(reason).await;
}

#[tokio::test(start_paused = true)]
async fn a_frame_of_a_kind_that_nobody_knows_is_ignored() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[post(1), frame(0x16, 0xff, 0, [1; 8]), frame(0xff, 0, 1, [])])
        .await;
    peer.is_unharmed().await;
}

#[tokio::test(start_paused = true)]
async fn flags_without_a_meaning_are_ignored() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[frame(PING, 0x16, 0, *b"with a 1"), frame(SETTINGS, 0x16, 0, [])])
        .await;
    let pong = peer.hear_a(PING).await;
    assert_eq!((pong.flags, pong.payload.as_slice()), (ACK, &b"with a 1"[..]));
    peer.is_unharmed().await;
}

#[tokio::test(start_paused = true)]
async fn the_reserved_bit_of_a_streams_number_is_ignored() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[frame(PING, 0, 1 << 31, *b"reserved")]).await;
    let pong = peer.hear_a(PING).await;
    assert_eq!((pong.stream, pong.payload.as_slice()), (0, &b"reserved"[..]));
}

#[tokio::test(start_paused = true)]
async fn data_of_the_largest_size_is_taken() {
    let mut peer = client_of(App::Echoes).await;
    let content = vec![b'x'; 1 << 14];
    peer.say(&[post(1), data(1, END_STREAM, &content)]).await;
    assert_eq!(peer.content_of(1).await, Some(content));
}

#[tokio::test(start_paused = true)]
async fn a_frame_larger_than_we_allow_ends_the_connection() {
    let large = vec![0; (1 << 14) + 1];
    breaks(&[post(1), data(1, 0, &large)], FRAME_SIZE_ERROR).await;
    breaks(&[frame(HEADERS, WHOLE, 1, large.clone())], FRAME_SIZE_ERROR).await;
    breaks(&[frame(0x16, 0, 0, large)], FRAME_SIZE_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn the_size_of_a_frame_is_judged_before_it_has_come() {
    let mut peer = client_of(App::Holds).await;
    peer.write(&[0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1]).await;
    peer.breaks(FRAME_SIZE_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn frames_of_a_stream_need_one() {
    for kind in [DATA, HEADERS] {
        breaks(&[frame(kind, WHOLE, 0, block(REQUEST))], PROTOCOL_ERROR).await;
    }
    breaks(&[frame(PRIORITY, 0, 0, [0, 0, 0, 1, 1])], PROTOCOL_ERROR).await;
    breaks(&[reset(0, CANCEL)], PROTOCOL_ERROR).await;
    breaks(
        &[
            frame(HEADERS, END_STREAM, 1, []),
            frame(CONTINUATION, END_HEADERS, 0, block(REQUEST)),
        ],
        PROTOCOL_ERROR,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn frames_of_the_connection_have_no_stream() {
    breaks(&[frame(SETTINGS, 0, 1, [])], PROTOCOL_ERROR).await;
    breaks(&[frame(PING, 0, 1, [0; 8])], PROTOCOL_ERROR).await;
    breaks(&[frame(GOAWAY, 0, 1, [0; 8])], PROTOCOL_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn frames_of_one_size_have_no_other() {
    for length in [0, 4, 6] {
        let priority = frame(PRIORITY, 0, 1, vec![0; length]);
        breaks(&[priority], FRAME_SIZE_ERROR).await;
    }
    for length in [0, 3, 5] {
        breaks(
            &[post(1), frame(RST_STREAM, 0, 1, vec![0; length])],
            FRAME_SIZE_ERROR,
        )
        .await;
        breaks(&[frame(WINDOW_UPDATE, 0, 0, vec![1; length])], FRAME_SIZE_ERROR).await;
        breaks(
            &[post(1), frame(WINDOW_UPDATE, 0, 1, vec![1; length])],
            FRAME_SIZE_ERROR,
        )
        .await;
    }
    for length in [0, 7, 9] {
        breaks(&[frame(PING, 0, 0, vec![0; length])], FRAME_SIZE_ERROR).await;
    }
    breaks(&[frame(GOAWAY, 0, 0, [0; 7])], FRAME_SIZE_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn a_priority_of_the_wrong_size_on_a_stream_costs_the_stream() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[post(1), frame(PRIORITY, 0, 1, [0; 4])]).await;
    peer.breaks_off(1, FRAME_SIZE_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_depends_on_itself_is_broken_off() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[post(1), frame(PRIORITY, 0, 1, [0, 0, 0, 1, 0])]).await;
    peer.breaks_off(1, PROTOCOL_ERROR).await;
    let payload = [&[0, 0, 0, 3, 0][..], &block(REQUEST)].concat();
    peer.say(&[frame(HEADERS, WHOLE | HAS_PRIORITY, 3, payload)])
        .await;
    peer.breaks_off(3, PROTOCOL_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn priorities_of_streams_that_do_not_exist_are_ignored() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[
        frame(PRIORITY, 0, 101, [0, 0, 0, 1, 0]),
        frame(PRIORITY, 0, 2, [0x80, 0, 0, 1, 0]),
        get(1),
        reset(1, CANCEL),
        frame(PRIORITY, 0, 1, [0, 0, 0, 101, 0]),
    ])
    .await;
    peer.is_unharmed().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_does_not_push() {
    let payload = [&[0, 0, 0, 2][..], &block(REQUEST)].concat();
    breaks(
        &[post(1), frame(PUSH_PROMISE, END_HEADERS, 1, payload)],
        PROTOCOL_ERROR,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_answered_with_what_it_carries() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[frame(PING, 0, 0, *b"12345678")]).await;
    assert_eq!(peer.hear_a(PING).await, frame(PING, ACK, 0, *b"12345678"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_no_ping_is_not_answered() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[frame(PING, ACK, 0, *b"12345678")]).await;
    assert_eq!(peer.is_alive().await, []);
}

//! RFC 9113, 6.5: settings.

use seaway_http2::server::Builder;

use crate::server_support::*;
use crate::wire::*;

async fn breaks(said: Frame, reason: u32) {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[said]).await;
    peer.breaks(reason).await;
}

#[tokio::test(start_paused = true)]
async fn settings_are_acknowledged_each_time() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[settings(&[(MAX_STREAMS, 100)]), settings(&[])]).await;
    let heard = peer.is_alive().await;
    assert_eq!(heard, [frame(SETTINGS, ACK, 0, []), frame(SETTINGS, ACK, 0, [])]);
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_says_nothing_else() {
    breaks(frame(SETTINGS, ACK, 0, [0]), FRAME_SIZE_ERROR).await;
    breaks(frame(SETTINGS, ACK, 0, setting(MAX_STREAMS, 1)), FRAME_SIZE_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn settings_have_six_bytes_each() {
    breaks(frame(SETTINGS, 0, 0, [0; 3]), FRAME_SIZE_ERROR).await;
    breaks(frame(SETTINGS, 0, 0, [0; 7]), FRAME_SIZE_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn values_have_their_bounds() {
    breaks(settings(&[(ENABLE_PUSH, 2)]), PROTOCOL_ERROR).await;
    breaks(settings(&[(WINDOW, 1 << 31)]), FLOW_CONTROL_ERROR).await;
    breaks(settings(&[(MAX_FRAME, (1 << 14) - 1)]), PROTOCOL_ERROR).await;
    breaks(settings(&[(MAX_FRAME, 1 << 24)]), PROTOCOL_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn settings_that_nobody_knows_are_ignored() {
    let mut peer = client_of(App::Echoes).await;
    peer.say(&[settings(&[(99, 1), (0, 7), (0xffff, u32::MAX)]), get(1)])
        .await;
    assert!(peer.content_of(1).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn of_what_is_said_twice_the_last_counts() {
    let mut peer = client_of(App::Answers(10)).await;
    peer.say(&[settings(&[(WINDOW, 100), (WINDOW, 3)]), get(1)]).await;
    assert_eq!(peer.hear_a(DATA).await.payload, b"xxx");
}

#[tokio::test(start_paused = true)]
async fn content_is_cut_to_the_frames_that_a_client_takes() {
    let content = 3 * (1 << 14) + 5;
    let mut peer = client_of(App::Answers(content)).await;
    peer.say(&[get(1)]).await;
    let mut lengths = Vec::new();
    while lengths.iter().sum::<usize>() < content {
        lengths.push(peer.hear_a(DATA).await.payload.len());
    }
    assert_eq!(lengths, [1 << 14, 1 << 14, 1 << 14, 5]);
    let mut peer = client_with(App::Answers(content), Builder::default(), &[(MAX_FRAME, 1 << 15)]).await;
    peer.say(&[get(1)]).await;
    assert_eq!(peer.hear_a(DATA).await.payload.len(), 1 << 15);
}

#[tokio::test(start_paused = true)]
async fn a_head_is_cut_to_the_frames_that_a_client_takes() {
    let mut peer = client_of(App::Greets(40_000)).await;
    peer.say(&[get(1)]).await;
    let mut heads = Vec::new();
    while heads
        .last()
        .is_none_or(|head: &Frame| head.flags & END_HEADERS == 0)
    {
        heads.push(peer.hear().await.unwrap());
    }
    let kinds: Vec<_> = heads
        .iter()
        .map(|head| (head.kind, head.flags, head.stream))
        .collect();
    assert_eq!(
        kinds,
        [
            (HEADERS, END_STREAM, 1),
            (CONTINUATION, 0, 1),
            (CONTINUATION, END_HEADERS, 1)
        ]
    );
    assert!(heads.iter().all(|head| head.payload.len() <= 1 << 14));
}

#[tokio::test(start_paused = true)]
async fn a_client_without_a_table_hears_of_its_size_first() {
    let mut peer = client_with(App::Answers(0), Builder::default(), &[(TABLE_SIZE, 0)]).await;
    peer.say(&[get(1)]).await;
    // A change of the table's size to zero.
    assert_eq!(peer.hear_a(HEADERS).await.payload.first(), Some(&0x20));
}

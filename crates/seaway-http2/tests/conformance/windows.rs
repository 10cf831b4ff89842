//! RFC 9113, 5.2 and 6.9: windows, in both directions.

use seaway_http2::server::Builder;

use crate::server_support::*;
use crate::wire::*;

#[tokio::test(start_paused = true)]
async fn content_is_sent_as_far_as_the_streams_window_goes() {
    let mut peer = client_with(App::Answers(10), Builder::default(), &[(WINDOW, 1)]).await;
    peer.say(&[get(1)]).await;
    assert_eq!(peer.hear_a(DATA).await.payload.len(), 1);
    assert_eq!(peer.is_alive().await, []);
    peer.say(&[window_update(1, 4)]).await;
    assert_eq!(peer.hear_a(DATA).await.payload.len(), 4);
    peer.say(&[settings(&[(WINDOW, 3)])]).await;
    assert_eq!(peer.hear_a(DATA).await.payload.len(), 2);
    peer.say(&[window_update(1, 100)]).await;
    let last = peer.hear_a(DATA).await;
    assert_eq!((last.payload.len(), last.ends()), (3, true));
}

#[tokio::test(start_paused = true)]
async fn content_is_sent_as_far_as_the_connections_window_goes() {
    let mut peer = client_with(App::Answers(50_000), Builder::default(), &[]).await;
    peer.say(&[get(1), get(3)]).await;
    let (mut first, mut second) = (0, 0);
    let count = |frames: &[Frame], stream| {
        let frames = frames
            .iter()
            .filter(|frame| frame.kind == DATA && frame.stream == stream);
        frames.map(|frame| frame.payload.len()).sum::<usize>()
    };
    for more in [0, 1, 100_000] {
        if more > 0 {
            peer.say(&[window_update(0, more)]).await;
        }
        // An application may answer after a ping is.
        let heard = [peer.is_alive().await, peer.is_alive().await].concat();
        first += count(&heard, 1);
        second += count(&heard, 3);
        let most = if more > 1 { 100_000 } else { 65_535 + more as usize };
        assert_eq!(first + second, most);
    }
    assert_eq!(first, second);
}

#[tokio::test(start_paused = true)]
async fn a_window_may_become_negative() {
    let mut peer = client_with(App::Answers(20), Builder::default(), &[(WINDOW, 10)]).await;
    peer.say(&[get(1)]).await;
    assert_eq!(peer.hear_a(DATA).await.payload.len(), 10);
    peer.say(&[settings(&[(WINDOW, 4)]), window_update(1, 6)]).await;
    assert!(peer.is_alive().await.iter().all(|frame| frame.kind != DATA));
    peer.say(&[window_update(1, 1)]).await;
    assert_eq!(peer.hear_a(DATA).await.payload.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_empty_end_needs_no_window() {
    let mut peer = client_with(App::Answers(0), Builder::default(), &[(WINDOW, 0)]).await;
    peer.say(&[get(1)]).await;
    assert_eq!(peer.content_of(1).await, Some(Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_window_does_not_grow_by_nothing() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[get(1), window_update(1, 0)]).await;
    peer.breaks_off(1, PROTOCOL_ERROR).await;
    peer.say(&[window_update(0, 0)]).await;
    peer.breaks(PROTOCOL_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn the_connections_window_does_not_grow_beyond_its_bound() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[window_update(0, MOST - 65_535)]).await;
    peer.is_unharmed().await;
    peer.say(&[window_update(0, 1)]).await;
    peer.breaks(FLOW_CONTROL_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn a_streams_window_does_not_grow_beyond_its_bound() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[get(1), window_update(1, MOST - 65_535)]).await;
    peer.is_unharmed().await;
    peer.say(&[window_update(1, 1)]).await;
    peer.breaks_off(1, FLOW_CONTROL_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn settings_do_not_make_a_window_grow_beyond_its_bound() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[
        get(1),
        window_update(1, MOST - 65_535),
        settings(&[(WINDOW, 65_536)]),
    ])
    .await;
    peer.breaks(FLOW_CONTROL_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn content_beyond_a_streams_window_costs_the_stream() {
    let builder = Builder::default().window(10).connection_window(1 << 20);
    let mut peer = client_with(App::Holds, builder, &[]).await;
    peer.say(&[post(1), data(1, 0, &[0; 10])]).await;
    peer.is_unharmed().await;
    peer.say(&[data(1, 0, b"x")]).await;
    peer.breaks_off(1, FLOW_CONTROL_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn content_beyond_the_connections_window_costs_the_connection() {
    let mut peer = client_with(App::Holds, Builder::default().window(1 << 20), &[]).await;
    peer.say(&[post(1)]).await;
    for _ in 0..4 {
        peer.say(&[data(1, 0, &[0; 1 << 14])]).await;
    }
    peer.breaks(FLOW_CONTROL_ERROR).await;
}

/// Sends this much content in frames of 1000 bytes, as the windows that were said allow.
async fn uploads(peer: &mut Peer, stream: u32, room: &mut [i64; 2], frames: usize) {
    for _ in 0..frames {
        while room.iter().any(|room| *room < 1000) {
            let update = peer.hear_a(WINDOW_UPDATE).await;
            room[usize::from(update.stream != 0)] += i64::from(update.number());
        }
        room.iter_mut().for_each(|room| *room -= 1000);
        peer.say(&[data(stream, 0, &[0; 1000])]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_may_be_sent_again() {
    let mut peer = client_of(App::Echoes).await;
    peer.say(&[post(1)]).await;
    uploads(&mut peer, 1, &mut [65_535, 65_535], 1000).await;
}

#[tokio::test(start_paused = true)]
async fn streams_that_nobody_takes_from_leave_the_rest_of_the_window_to_others() {
    let builder = Builder::default().window(20_000);
    let mut peer = client_with(App::Parks(2), builder, &[]).await;
    for stream in [1, 3] {
        peer.say(&[
            post(stream),
            data(stream, 0, &[0; 9000]),
            data(stream, 0, &[0; 9000]),
        ])
        .await;
    }
    peer.is_unharmed().await;
    peer.say(&[post(5)]).await;
    uploads(&mut peer, 5, &mut [65_535 - 36_000, 20_000], 200).await;
}

#[tokio::test(start_paused = true)]
async fn content_that_is_not_wanted_leaves_the_window_to_others() {
    // The answers came early and go on, and nobody listens any more.
    let mut peer = client_with(App::Answers(1), Builder::default(), &[(WINDOW, 0)]).await;
    let mut room = [65_535; 2];
    for stream in [1, 3, 5] {
        room[1] = 65_535;
        peer.say(&[post(stream)]).await;
        uploads(&mut peer, stream, &mut room, 60).await;
    }
    peer.is_unharmed().await;
}

#[tokio::test(start_paused = true)]
async fn content_of_a_stream_that_was_broken_off_goes_back_to_the_connection() {
    let mut peer = client_with(App::Echoes, Builder::default().early_resets(1000), &[]).await;
    for number in 0..100 {
        let stream = 2 * number + 1;
        peer.say(&[post(stream), data(stream, 0, &[0; 10_000])]).await;
        if number % 2 == 0 {
            peer.is_unharmed().await;
        }
        peer.say(&[reset(stream, CANCEL)]).await;
        peer.is_unharmed().await;
    }
}

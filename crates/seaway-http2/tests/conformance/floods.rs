//! What a client can make us do and hold is bounded (RFC 9113, 10.5).

use std::time::Duration;

use seaway_http2::server::Builder;

use crate::server_support::*;
use crate::wire::*;

/// Says frames to a server whose answers are not read, until it takes no more or has ended the connection. How many it
/// took.
async fn pours(app: App, builder: Builder, frames: impl Iterator<Item = Vec<Frame>>) -> usize {
    let mut peer = stranger(app, builder, 4096);
    peer.write(PREFACE).await;
    peer.say(&[settings(&[(WINDOW, MOST)])]).await;
    let mut taken = 0;
    for some in frames {
        let bytes: Vec<u8> = some.iter().flat_map(Frame::bytes).collect();
        // Time passes when our server does nothing any more.
        let poured = tokio::time::timeout(Duration::from_secs(1), peer.write_all(&bytes)).await;
        if !matches!(poured, Ok(true)) {
            break;
        }
        taken += 1;
    }
    taken
}

const MANY: u32 = 100_000;

fn numbers() -> impl Iterator<Item = u32> {
    (0..MANY).map(|number| 2 * number + 1)
}

#[tokio::test(start_paused = true)]
async fn answers_to_pings_that_nobody_reads_do_not_pile_up() {
    let pings = (0..MANY).map(|_| vec![frame(PING, 0, 0, [0; 8])]);
    assert!(pours(App::Holds, Builder::default(), pings).await < 5000);
}

#[tokio::test(start_paused = true)]
async fn answers_to_settings_that_nobody_reads_do_not_pile_up() {
    let all = (0..MANY).map(|_| vec![settings(&[])]);
    assert!(pours(App::Holds, Builder::default(), all).await < 5000);
}

#[tokio::test(start_paused = true)]
async fn refusals_that_nobody_reads_do_not_pile_up() {
    let requests = numbers().map(|number| vec![get(number)]);
    assert!(pours(App::Holds, Builder::default().streams(1), requests).await < 5000);
}

#[tokio::test(start_paused = true)]
async fn answers_to_requests_that_nobody_reads_do_not_pile_up() {
    for app in [App::Answers(0), App::Greets(100)] {
        let requests = numbers().map(|number| vec![get(number)]);
        assert!(pours(app, Builder::default(), requests).await < 20_000);
    }
}

#[tokio::test(start_paused = true)]
async fn resets_of_requests_that_are_answered_early_do_not_pile_up() {
    let requests = numbers().map(|number| vec![post(number)]);
    assert!(pours(App::Answers(0), Builder::default(), requests).await < 20_000);
}

#[tokio::test(start_paused = true)]
async fn content_that_nobody_reads_is_not_asked_for() {
    // An answer of a mebibyte each; a hundred streams may be open.
    let requests = numbers().map(|number| vec![get(number)]);
    assert!(pours(App::Answers(1 << 20), Builder::default(), requests).await < 5000);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_waited_for_its_client_to_read_goes_on() {
    let mut peer = stranger(App::Greets(1000), Builder::default(), 4096);
    peer.write(PREFACE).await;
    peer.say(&[settings(&[])]).await;
    let mut bytes: Vec<u8> = numbers()
        .take(2000)
        .flat_map(|number| get(number).bytes())
        .collect();
    let mut answers = 0;
    while answers < 2000 {
        // What it does not take now it takes when something was read.
        let taken = tokio::time::timeout(Duration::from_secs(1), peer.write_some(&bytes)).await;
        bytes.drain(..taken.unwrap_or(0));
        let heard = peer.hear().await.unwrap();
        assert!(!matches!(heard.kind, GOAWAY | RST_STREAM), "{heard:?}");
        answers += usize::from(heard.kind == HEADERS);
    }
}

async fn calms_down(said: &[Frame]) {
    let mut peer = client_of(App::Holds).await;
    peer.say(said).await;
    peer.breaks(ENHANCE_YOUR_CALM).await;
}

#[tokio::test(start_paused = true)]
async fn a_head_has_an_end() {
    let mut frames = vec![frame(HEADERS, END_STREAM, 1, block(REQUEST))];
    frames.resize(100, frame(CONTINUATION, 0, 1, []));
    calms_down(&frames).await;
    let mut frames = vec![frame(HEADERS, END_STREAM, 1, block(REQUEST))];
    frames.resize(100, frame(CONTINUATION, 0, 1, [0; 1 << 14]));
    calms_down(&frames).await;
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_taken_back_before_anybody_looked_are_bounded() {
    let frames: Vec<Frame> = numbers()
        .take(30)
        .flat_map(|number| [get(number), reset(number, CANCEL)])
        .collect();
    calms_down(&frames).await;
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_taken_back_are_bounded_also_over_time() {
    let mut peer = client_of(App::Holds).await;
    for number in numbers().take(30) {
        peer.say(&[get(number), reset(number, CANCEL)]).await;
        if number < 40 {
            peer.is_alive().await;
        }
    }
    peer.breaks(ENHANCE_YOUR_CALM).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_back_one_of_two_requests_is_served() {
    let mut peer = client_of(App::Echoes).await;
    for number in (0..200).map(|number| 4 * number + 1) {
        peer.say(&[get(number), reset(number, CANCEL), get(number + 2)])
            .await;
        assert!(peer.content_of(number + 2).await.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn mistakes_that_make_us_reset_streams_are_bounded() {
    // CVE-2025-8671: what the client makes us reset costs it as little as what it resets itself.
    let mistakes: [fn(u32) -> Vec<Frame>; 4] = [
        |stream| vec![get(stream), window_update(stream, 0)],
        |stream| vec![get(stream), data(stream, 0, b"x")],
        |stream| vec![get(stream), frame(PRIORITY, 0, stream, stream.to_be_bytes())],
        |stream| vec![frame(HEADERS, WHOLE, stream, block(&[("x", "y")]))],
    ];
    for mistake in mistakes {
        let mut peer = client_of(App::Holds).await;
        for number in numbers().take(300) {
            peer.say(&mistake(number)).await;
        }
        peer.breaks(ENHANCE_YOUR_CALM).await;
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_wait_for_the_connections_window_are_forgotten_with_their_streams() {
    let mut peer = client_of(App::Answers(70_000)).await;
    peer.say(&[settings(&[(WINDOW, MOST)]), get(1)]).await;
    peer.is_alive().await;
    // The connection's window is used up. These wait for it, and are taken back.
    for number in numbers().skip(1).take(2000) {
        peer.say(&[get(number)]).await;
        peer.is_alive().await;
        peer.say(&[reset(number, CANCEL)]).await;
    }
    peer.say(&[window_update(0, 5000)]).await;
    assert_eq!(
        peer.content_of(1).await.map(|content| content.len()),
        Some(70_000 - 65_535)
    );
}

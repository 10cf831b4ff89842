//! RFC 9113, 5.1.1 and 5.1.2: the numbers of streams, and how many there may be.

use seaway_http2::server::Builder;

use crate::server_support::*;
use crate::wire::*;

#[tokio::test(start_paused = true)]
async fn a_client_does_not_open_even_streams() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[get(2)]).await;
    peer.breaks(PROTOCOL_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_stream_has_a_higher_number() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[get(5), get(3)]).await;
    // It may as well be one that has been.
    peer.breaks(STREAM_CLOSED).await;
}

#[tokio::test(start_paused = true)]
async fn numbers_may_be_left_out() {
    let mut peer = client_of(App::Echoes).await;
    peer.say(&[get(5), get(1001)]).await;
    assert!(peer.content_of(5).await.is_some());
    assert!(peer.content_of(1001).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn the_last_number_is_a_stream_too() {
    let mut peer = client_of(App::Echoes).await;
    peer.say(&[get(MOST)]).await;
    assert!(peer.content_of(MOST).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn streams_beyond_what_we_take_are_refused_until_there_is_a_place() {
    let mut peer = client_with(App::Holds, Builder::default().streams(2), &[]).await;
    peer.say(&[get(1), post(3), get(5)]).await;
    peer.breaks_off(5, REFUSED_STREAM).await;
    peer.say(&[reset(1, CANCEL), get(7)]).await;
    peer.is_unharmed().await;
    peer.say(&[get(9)]).await;
    peer.breaks_off(9, REFUSED_STREAM).await;
}

#[tokio::test(start_paused = true)]
async fn the_head_of_a_refused_stream_still_changes_the_table() {
    let mut peer = client_with(App::Echoes, Builder::default().streams(0), &[]).await;
    // A field that enters the table, and then one that refers to it.
    let enters = [&block(REQUEST)[..], b"\x40\x03x-a\x01y"].concat();
    let refers = [&block(REQUEST)[..], b"\xbe"].concat();
    peer.say(&[frame(HEADERS, WHOLE, 1, enters)]).await;
    peer.breaks_off(1, REFUSED_STREAM).await;
    peer.say(&[frame(HEADERS, WHOLE, 3, refers)]).await;
    peer.breaks_off(3, REFUSED_STREAM).await;
}

//! RFC 9113, 3.4: what each side says first.

use seaway_http2::server::Builder;

use crate::server_support::*;
use crate::wire::*;

#[tokio::test(start_paused = true)]
async fn a_server_says_its_settings_without_being_asked() {
    let mut peer = stranger(App::Holds, Builder::default(), 1 << 20);
    let first = peer.hear().await.unwrap();
    assert_eq!((first.kind, first.flags, first.stream), (SETTINGS, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_preface_may_come_byte_by_byte() {
    let mut peer = stranger(App::Holds, Builder::default(), 1 << 20);
    for byte in PREFACE {
        peer.write(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    peer.say(&[settings(&[])]).await;
    peer.is_unharmed().await;
}

#[tokio::test(start_paused = true)]
async fn another_preface_ends_the_connection() {
    let mut peer = stranger(App::Holds, Builder::default(), 1 << 20);
    peer.write(b"GET / HTTP/1.1\r\nhost: a.test\r\n\r\n").await;
    peer.breaks(PROTOCOL_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn settings_come_before_any_other_frame() {
    for first in [
        get(1),
        frame(PING, 0, 0, [0; 8]),
        frame(99, 0, 0, []),
        frame(SETTINGS, ACK, 0, []),
    ] {
        let mut peer = stranger(App::Holds, Builder::default(), 1 << 20);
        peer.write(PREFACE).await;
        peer.say(&[first]).await;
        peer.breaks(PROTOCOL_ERROR).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_need_not_wait_for_the_servers_settings() {
    let mut peer = stranger(App::Echoes, Builder::default(), 1 << 20);
    peer.write(PREFACE).await;
    peer.say(&[settings(&[]), post(1), data(1, END_STREAM, b"early")])
        .await;
    assert_eq!(peer.content_of(1).await.as_deref(), Some(&b"early"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_know_our_window_may_use_that_of_the_standard() {
    let mut peer = stranger(App::Holds, Builder::default().window(100), 1 << 20);
    peer.write(PREFACE).await;
    peer.say(&[settings(&[]), post(1), data(1, 0, &[0; 1000])]).await;
    peer.is_unharmed().await;
}

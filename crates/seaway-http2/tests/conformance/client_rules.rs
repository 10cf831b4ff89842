//! What our client makes of a server's frames that are of no message.

use http::Method;
use seaway_http2::client::Builder;
use seaway_http2::{By, Error, Reason};

use crate::client_support::*;
use crate::wire::*;

async fn breaks(said: &[Frame], reason: u32) {
    let (mut peer, mut client) = server().await;
    let response = client.gets();
    peer.hear_a(HEADERS).await;
    peer.say(said).await;
    peer.breaks(reason).await;
    let error = answer(response).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::from(reason)));
    assert!(client.ready().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_client_does_not_want_pushes_and_says_so() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (_requests, connection) = Builder::default().handshake(ours);
    tokio::spawn(connection);
    let mut peer = Peer::new(theirs);
    peer.read(PREFACE.len()).await;
    let first = peer.hear().await.unwrap();
    assert_eq!(first.kind, SETTINGS);
    assert!(first.payload.chunks(6).any(|one| one == setting(ENABLE_PUSH, 0)));
    peer.say(&[settings(&[])]).await;
    assert_eq!(peer.hear().await.unwrap(), frame(SETTINGS, ACK, 0, []));
}

#[tokio::test(start_paused = true)]
async fn a_server_says_its_settings_first() {
    for first in [
        frame(PING, 0, 0, [0; 8]),
        go_away(0, NO_ERROR),
        frame(SETTINGS, ACK, 0, []),
    ] {
        let (mut peer, _client) = silent_with(Builder::default()).await;
        peer.say(&[first]).await;
        peer.breaks(PROTOCOL_ERROR).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_does_not_allow_pushes() {
    breaks(&[settings(&[(ENABLE_PUSH, 1)])], PROTOCOL_ERROR).await;
    let (mut peer, _client) = server_with(Builder::default(), &[(ENABLE_PUSH, 0)]).await;
    peer.is_unharmed().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_does_not_push() {
    let payload = [&[0, 0, 0, 2][..], &block(&[(":method", "GET")])].concat();
    breaks(&[frame(PUSH_PROMISE, END_HEADERS, 1, payload)], PROTOCOL_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_opens_no_streams() {
    for stream in [2, 3] {
        breaks(&[head(stream, 0, "200", &[])], PROTOCOL_ERROR).await;
        breaks(&[data(stream, 0, b"x")], PROTOCOL_ERROR).await;
        breaks(&[reset(stream, CANCEL)], PROTOCOL_ERROR).await;
        breaks(&[window_update(stream, 1)], PROTOCOL_ERROR).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rules_that_both_sides_have_are_kept_by_servers_too() {
    breaks(&[frame(PING, 0, 0, [0; 7])], FRAME_SIZE_ERROR).await;
    breaks(&[frame(SETTINGS, 0, 0, [0; 7])], FRAME_SIZE_ERROR).await;
    breaks(&[settings(&[(WINDOW, 1 << 31)])], FLOW_CONTROL_ERROR).await;
    breaks(&[window_update(0, 0)], PROTOCOL_ERROR).await;
    breaks(&[window_update(0, MOST)], FLOW_CONTROL_ERROR).await;
    breaks(&[frame(HEADERS, WHOLE, 1, *b"\x80")], COMPRESSION_ERROR).await;
    breaks(&[frame(HEADERS, 0, 1, *b"\x88"), data(1, 0, b"")], PROTOCOL_ERROR).await;
    breaks(&[data(1, PADDED, b"\x05")], PROTOCOL_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn no_more_streams_are_opened_than_a_server_takes() {
    let (mut peer, mut client) = server_with(Builder::default(), &[(MAX_STREAMS, 1)]).await;
    assert_eq!(client.requests.most_streams(), 1);
    client.ready().await.unwrap();
    let first = client.gets();
    peer.hear_a(HEADERS).await;
    let mut second = client.requests.clone();
    let waits = tokio::spawn(async move { std::future::poll_fn(|cx| second.poll_ready(cx)).await });
    peer.is_unharmed().await;
    assert!(!waits.is_finished());
    peer.say(&[head(1, END_STREAM, "200", &[])]).await;
    soon(waits).await.unwrap().unwrap();
    answer(first).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn requests_that_a_server_does_not_look_at_may_be_tried_elsewhere() {
    let (mut peer, mut client) = server().await;
    let responses = [client.gets(), client.gets(), client.gets()];
    peer.say(&[go_away(3, NO_ERROR)]).await;
    peer.is_unharmed().await;
    peer.say(&[
        head(1, END_STREAM, "200", &[]),
        head(3, 0, "200", &[]),
        data(3, END_STREAM, b"x"),
    ])
    .await;
    let [first, second, third] = responses;
    answer(first).await.unwrap();
    assert_eq!(answer(second).await.unwrap().content, b"x");
    let error = answer(third).await.unwrap_err();
    let is_unseen = matches!(
        error,
        Error::GoAway {
            reason: Reason::NO_ERROR,
            by: By::Peer
        }
    );
    assert!(is_unseen, "{error:?}");
    assert!(client.ready().await.is_err());
    peer.breaks(NO_ERROR).await;
    soon(client.connection).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_farewell_may_be_said_in_two_steps() {
    let (mut peer, mut client) = server().await;
    let (first, second) = (client.gets(), client.gets());
    peer.say(&[go_away(MOST, NO_ERROR)]).await;
    peer.is_unharmed().await;
    assert!(client.ready().await.is_err());
    peer.say(&[go_away(1, NO_ERROR), head(1, END_STREAM, "200", &[])])
        .await;
    answer(first).await.unwrap();
    answer(second).await.unwrap_err();
    peer.breaks(NO_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn a_farewell_takes_nothing_back() {
    breaks(&[go_away(1, NO_ERROR), go_away(3, NO_ERROR)], PROTOCOL_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn a_farewell_with_a_reason_is_the_end_of_what_is_not_looked_at() {
    let (mut peer, mut client) = server().await;
    let response = client.gets();
    peer.say(&[go_away(0, ENHANCE_YOUR_CALM)]).await;
    let error = answer(response).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::ENHANCE_YOUR_CALM));
    peer.breaks(NO_ERROR).await;
    let error = soon(client.connection).await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(Reason::ENHANCE_YOUR_CALM));
}

#[tokio::test(start_paused = true)]
async fn what_comes_on_streams_that_are_over_is_ignored_and_given_back() {
    let (mut peer, mut client) = server().await;
    let response = client.gets();
    peer.hear_a(HEADERS).await;
    peer.say(&[head(1, END_STREAM, "200", &[])]).await;
    answer(response).await.unwrap();
    peer.say(&[
        window_update(1, 7),
        reset(1, CANCEL),
        head(1, END_STREAM, "200", &[]),
    ])
    .await;
    for _ in 0..20 {
        peer.say(&[data(1, 0, &[0; 1 << 14]), data(1, 0, &[0; 1 << 14])])
            .await;
        peer.is_unharmed().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_users_ends_after_its_last_stream() {
    let (mut peer, mut client) = server().await;
    let response = client.gets();
    drop(client.requests);
    peer.is_unharmed().await;
    peer.say(&[head(1, END_STREAM, "200", &[])]).await;
    answer(response).await.unwrap();
    peer.breaks(NO_ERROR).await;
    soon(client.connection).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn requests_do_not_pile_up_for_a_server_that_does_not_read() {
    let (ours, _theirs) = tokio::io::duplex(1000);
    let (requests, connection) = Builder::default().handshake(ours);
    tokio::spawn(connection);
    let mut client = Client {
        requests,
        connection: tokio::spawn(async { Ok(()) }),
    };
    let ready = std::time::Duration::from_secs(1);
    let mut sent = 0;
    while sent < 100_000 && tokio::time::timeout(ready, client.ready()).await.is_ok() {
        // Each is given up at once.
        client.sends(Method::GET, true);
        sent += 1;
        tokio::task::yield_now().await;
    }
    assert!(sent < 20_000);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_makes_a_mistake_and_does_not_read_is_not_waited_for() {
    let (ours, theirs) = tokio::io::duplex(1000);
    let (requests, connection) = Builder::default().handshake(ours);
    let connection = tokio::spawn(connection);
    let mut client = Client {
        requests,
        connection: tokio::spawn(async { Ok(()) }),
    };
    // More than the socket takes.
    let waiting: Vec<_> = (0..100).map(|_| client.gets()).collect();
    let mut peer = Peer::new(theirs);
    peer.say(&[settings(&[]), frame(PING, 0, 1, [0; 8])]).await;
    let error = soon(connection).await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(Reason::PROTOCOL_ERROR));
    drop(waiting);
}

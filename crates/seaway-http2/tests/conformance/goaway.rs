//! RFC 9113, 6.8: how a connection ends.

use std::future::poll_fn;

use http::Response;
use seaway_http2::server::Builder;

use crate::server_support::*;
use crate::wire::*;

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_still_gets_its_answers() {
    let mut peer = client_with(App::Answers(5), Builder::default(), &[(WINDOW, 0)]).await;
    peer.say(&[get(1), go_away(0, NO_ERROR)]).await;
    peer.is_unharmed().await;
    peer.say(&[window_update(1, 5)]).await;
    assert_eq!(peer.content_of(1).await.as_deref(), Some(&b"xxxxx"[..]));
    peer.breaks(NO_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_and_waits_for_nothing_is_let_go() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[go_away(0, NO_ERROR)]).await;
    peer.breaks(NO_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn a_farewell_may_have_words() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[frame(GOAWAY, 0, 0, [&[0; 8][..], b"so long"].concat())])
        .await;
    peer.breaks(NO_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn the_last_stream_of_an_error_is_the_last_that_we_looked_at() {
    let mut peer = client_of(App::Holds).await;
    peer.say(&[get(1), get(7), frame(PING, 0, 1, [0; 8])]).await;
    assert_eq!(peer.hear_a_farewell().await, (7, PROTOCOL_ERROR));
}

impl Peer {
    async fn hear_a_farewell(&mut self) -> (u32, u32) {
        loop {
            let heard = self.hear().await.unwrap();
            if heard.kind == GOAWAY {
                return (heard.number(), heard.reason());
            }
        }
    }
}

/// Our server says farewell as soon as it has its first request, and answers when it is told to.
async fn leaving() -> (Peer, tokio::sync::oneshot::Sender<()>) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (tell, told) = tokio::sync::oneshot::channel();
    let mut connection = Builder::default().serve(ours);
    tokio::spawn(async move {
        let first = poll_fn(|cx| connection.poll_accept(cx)).await;
        let Some(Ok((_request, respond))) = first else {
            return;
        };
        connection.graceful_shutdown();
        tokio::spawn(async move {
            let _asked = told.await;
            let _gone = respond.send_response(&Response::new(()), true);
        });
        while let Some(Ok((_request, respond))) = poll_fn(|cx| connection.poll_accept(cx)).await {
            let _gone = respond.send_response(&Response::new(()), true);
        }
    });
    let mut peer = Peer::new(theirs);
    peer.write(PREFACE).await;
    peer.say(&[settings(&[]), get(1)]).await;
    (peer, tell)
}

#[tokio::test(start_paused = true)]
async fn a_farewell_is_said_when_the_client_has_heard_that_it_will_be() {
    let (mut peer, tell) = leaving().await;
    assert_eq!(peer.hear_a_farewell().await, (MOST, NO_ERROR));
    let ping = peer.hear_a(PING).await;
    // One that was on its way still has its place, and one after that has not.
    peer.say(&[get(3), frame(PING, ACK, 0, ping.payload), get(5)])
        .await;
    assert_eq!(peer.hear_a_farewell().await, (3, NO_ERROR));
    tell.send(()).unwrap();
    let mut answered = Vec::new();
    while let Some(heard) = peer.hear().await {
        assert_ne!(heard.kind, RST_STREAM);
        answered.extend((heard.kind == HEADERS).then_some(heard.stream));
    }
    answered.sort_unstable();
    assert_eq!(answered, [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_on_streams_after_the_farewell_is_ignored_and_still_counts() {
    let (mut peer, tell) = leaving().await;
    peer.hear_a_farewell().await;
    let ping = peer.hear_a(PING).await;
    peer.say(&[frame(PING, ACK, 0, ping.payload)]).await;
    peer.hear_a_farewell().await;
    peer.say(&[post(3)]).await;
    for _ in 0..20 {
        // Twenty times half of the window: it is given back.
        peer.say(&[data(3, 0, &[0; 1 << 14]), data(3, 0, &[0; 1 << 14])])
            .await;
        peer.is_unharmed().await;
    }
    peer.say(&[window_update(3, 1), reset(3, CANCEL)]).await;
    peer.is_unharmed().await;
    tell.send(()).unwrap();
    while peer.hear().await.is_some() {}
}

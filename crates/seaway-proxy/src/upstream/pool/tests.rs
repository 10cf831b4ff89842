use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;

/// A connection to nobody, and what keeps it open.
async fn http1() -> (Http1Sender, tokio::io::DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(64);
    let (mut sender, connection) = http1::handshake(TokioIo::new(ours)).await.unwrap();
    tokio::spawn(connection);
    sender.ready().await.unwrap();
    (sender, theirs)
}

async fn http2() -> (Shared, Arc<Link>, tokio::io::DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(1024);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(ours))
        .await
        .unwrap();
    tokio::spawn(connection);
    let link = Arc::new(Link::default());
    let shared = Shared {
        sender,
        link: Arc::clone(&link),
        used: 0,
    };
    (shared, link, theirs)
}

fn ticks(pool: &mut Pool, times: u64) -> bool {
    (0..times).fold(false, |_, _| pool.tick())
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time_and_not_before() {
    let (sender, _theirs) = http1().await;
    let mut pool = Pool::default();
    pool.http1.push((sender, 0));
    assert!(!ticks(&mut pool, IDLE_TICKS - 1));
    assert!(ticks(&mut pool, 1));
}

#[tokio::test]
async fn an_idle_connection_that_the_peer_closed_is_let_go_at_once() {
    let (mut sender, theirs) = http1().await;
    drop(theirs);
    while sender.ready().await.is_ok() {
        tokio::task::yield_now().await;
    }
    let mut pool = Pool::default();
    pool.http1.push((sender, 0));
    assert!(ticks(&mut pool, 1));
}

#[tokio::test]
async fn a_shared_connection_lives_as_long_as_its_streams_and_then_its_time() {
    let (shared, link, _theirs) = http2().await;
    let mut pool = Pool::default();
    pool.http2.push(shared);
    let stream = Link::queue_stream(&link);
    assert!(!ticks(&mut pool, IDLE_TICKS * 3));
    drop(stream);
    assert!(!ticks(&mut pool, IDLE_TICKS - 1));
    assert!(ticks(&mut pool, 1));
}

#[tokio::test]
async fn a_pool_for_which_a_connection_is_being_made_is_not_empty() {
    let mut pool = Pool::default();
    let connecting = Arc::clone(&pool.connecting);
    assert!(!ticks(&mut pool, 1));
    drop(connecting);
    assert!(ticks(&mut pool, 1));
}

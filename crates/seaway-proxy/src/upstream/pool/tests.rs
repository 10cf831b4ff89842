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
        used: Instant::now(),
    };
    (shared, link, theirs)
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time_and_not_before() {
    let (sender, _theirs) = http1().await;
    let (mut pool, now) = (Pool::default(), Instant::now());
    pool.http1.push((sender, now));
    assert!(!pool.sweep(now + IDLE - TICK));
    assert!(pool.sweep(now + IDLE));
}

#[tokio::test]
async fn an_idle_connection_that_the_peer_closed_is_let_go_at_once() {
    let (mut sender, theirs) = http1().await;
    drop(theirs);
    while sender.ready().await.is_ok() {
        tokio::task::yield_now().await;
    }
    let mut pool = Pool::default();
    pool.http1.push((sender, Instant::now()));
    assert!(pool.sweep(Instant::now()));
}

#[tokio::test]
async fn a_shared_connection_lives_as_long_as_its_streams_and_then_its_time() {
    let (shared, link, _theirs) = http2().await;
    let mut pool = Pool::default();
    pool.http2.push(shared);
    let stream = Link::queue_stream(&link);
    let late = Instant::now() + IDLE * 3;
    assert!(!pool.sweep(late));
    drop(stream);
    assert!(!pool.sweep(late + IDLE - TICK));
    assert!(pool.sweep(late + IDLE));
}

#[tokio::test]
async fn a_pool_for_which_a_connection_is_being_made_is_not_empty() {
    let mut pool = Pool::default();
    let connecting = Arc::clone(&pool.connecting);
    assert!(!pool.sweep(Instant::now()));
    drop(connecting);
    assert!(pool.sweep(Instant::now()));
}

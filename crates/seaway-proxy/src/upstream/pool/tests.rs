use seaway_model::CircuitBreakers;
use tokio::net::{TcpListener, TcpStream};

use super::super::breakers::{Breakers, Turn};
use super::*;

const IDLE: Duration = Duration::from_secs(60);

fn pool() -> Pool {
    Pool {
        http1: Vec::new(),
        http2: Vec::new(),
        gone: Vec::new(),
        idle: IDLE,
        connecting: Arc::default(),
    }
}

fn place() -> Arc<Place> {
    use super::super::endpoint::{Homes, Spot};
    use seaway_model::{Cluster, ClusterName, EndpointSource, Model, Origin};
    let source = EndpointSource::Static(Vec::new());
    let cluster = Cluster::new(ClusterName("pooled".into()), Origin::default(), source);
    let transport = super::super::transport::Transports::default().of(&cluster, &Model::default());
    let spot = Spot::Address(std::net::SocketAddr::from(([127, 0, 0, 1], 80)));
    Arc::clone(&Homes::default().at(&spot, &transport, &Arc::default()).place)
}

/// A connection to nobody, and what keeps it open.
async fn http1() -> (Box<Http1Connection>, TcpStream) {
    http1_counted_by(&Arc::default()).await
}

async fn http1_counted_by(breakers: &Arc<Breakers>) -> (Box<Http1Connection>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (theirs, _) = listener.accept().await.unwrap();
    let permit = breakers.try_connect(None).unwrap();
    let stream = Stream::new(super::super::stream::Bytes::Plain(ours), &place(), permit);
    let connection = Box::new(Http1Connection { stream, about: None });
    (connection, theirs)
}

async fn http2() -> (Shared, tokio::io::DuplexStream) {
    use tokio::io::AsyncWriteExt as _;
    let (ours, mut theirs) = tokio::io::duplex(1024);
    let (requests, mut connection) = seaway_http2::client::Builder::default().handshake(ours);
    // Settings that say nothing allow any number of streams.
    theirs.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    std::future::poll_fn(|cx| {
        assert!(std::pin::Pin::new(&mut connection).poll(cx).is_pending());
        std::task::Poll::Ready(())
    })
    .await;
    tokio::spawn(connection);
    let shared = Shared {
        sender: Http2Sender::new(requests, Arc::default()),
        about: None,
        used: Instant::now(),
    };
    (shared, theirs)
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time_and_not_before() {
    let (connection, _theirs) = http1().await;
    let (mut pool, now) = (pool(), Instant::now());
    pool.http1.push((connection, now));
    assert!(!pool.sweep(now + IDLE - TICK));
    assert!(pool.sweep(now + IDLE));
}

#[tokio::test]
async fn an_idle_connection_that_the_peer_closed_is_let_go_at_once() {
    let (connection, theirs) = http1().await;
    drop(theirs);
    connection.stream.tcp().readable().await.unwrap();
    let mut pool = pool();
    pool.http1.push((connection, Instant::now()));
    assert!(pool.sweep(Instant::now()));
}

#[tokio::test]
async fn a_connection_on_which_something_came_unasked_is_not_used_again() {
    use tokio::io::AsyncWriteExt as _;
    let (mut connection, mut theirs) = http1().await;
    assert!(connection.stream.is_quiet() && connection.stream.is_quiet_now() == Some(true));
    theirs.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    connection.stream.tcp().readable().await.unwrap();
    assert!(!connection.stream.is_quiet() && connection.stream.is_quiet_now() == Some(false));
}

#[tokio::test]
async fn a_shared_connection_lives_as_long_as_its_streams_and_then_its_time() {
    let (shared, _theirs) = http2().await;
    let mut pool = pool();
    let stream = shared.sender.try_stream().unwrap();
    pool.http2.push(shared);
    let late = Instant::now() + IDLE * 3;
    assert!(!pool.sweep(late));
    drop(stream);
    assert!(!pool.sweep(late + IDLE - TICK));
    assert!(pool.sweep(late + IDLE));
}

#[tokio::test]
async fn a_pool_for_which_a_connection_is_being_made_is_not_empty() {
    let mut pool = pool();
    let connecting = Arc::clone(&pool.connecting);
    assert!(!pool.sweep(Instant::now()));
    drop(connecting);
    assert!(pool.sweep(Instant::now()));
}

fn bound(host: &str) -> Label {
    let server_name = rustls_pki_types::ServerName::try_from(host.to_owned()).ok();
    Some(Arc::new(super::super::transport::Bound {
        server_name,
        client: None,
    }))
}

/// A connection for this host that may be used as the limits say.
async fn http1_for(host: &str, limits: Option<Limits>) -> (Box<Http1Connection>, TcpStream) {
    let (mut connection, theirs) = http1().await;
    connection.about = Some(Box::new(About {
        label: bound(host),
        born: Instant::now(),
        served: 1,
        limits,
    }));
    (connection, theirs)
}

#[tokio::test]
async fn a_connection_for_one_host_is_not_used_for_another() {
    let (connection, _theirs) = http1_for("a.example.com", None).await;
    let mut pool = pool();
    pool.http1.push((connection, Instant::now()));
    assert!(pool.pop_http1(&bound("b.example.com")).is_none());
    assert!(pool.pop_http1(&bound("a.example.com")).is_some());
}

#[tokio::test]
async fn a_connection_is_not_used_beyond_its_age_its_requests_or_its_idle_time() {
    let no_limit = Limits {
        idle: IDLE,
        age: None,
        requests: None,
    };
    let too_old = Limits {
        age: Some(Duration::ZERO),
        ..no_limit
    };
    let used_up = Limits {
        requests: Some(1),
        ..no_limit
    };
    for (limits, idle, usable) in [
        (no_limit, IDLE, true),
        (too_old, IDLE, false),
        (used_up, IDLE, false),
        (no_limit, Duration::ZERO, false),
    ] {
        let (connection, _theirs) = http1_for("a.example.com", Some(limits)).await;
        let mut pool = Pool { idle, ..pool() };
        pool.http1.push((connection, Instant::now()));
        assert_eq!(
            pool.pop_http1(&bound("a.example.com")).is_some(),
            usable,
            "{limits:?}"
        );
    }
}

/// Breakers with these connections idle in a pool in common, of which the first so many are too old; and that place.
async fn idle_in_common(count: usize, too_old: usize) -> (Arc<Breakers>, Arc<Place>, Vec<TcpStream>) {
    let (breakers, place) = (Arc::new(Breakers::default()), place());
    let mut kept_open = Vec::new();
    for n in 0..count {
        let (mut connection, theirs) = http1_counted_by(&breakers).await;
        let age = (n < too_old).then_some(Duration::ZERO);
        connection.about = Some(Box::new(About {
            label: None,
            born: Instant::now(),
            served: 1,
            limits: Some(Limits {
                idle: IDLE,
                age,
                requests: None,
            }),
        }));
        breakers.with_pools(|pools| pools.of(&place).http1.push((connection, Instant::now())));
        kept_open.push(theirs);
    }
    (breakers, place, kept_open)
}

fn one_connection_and_nobody_waits() -> CircuitBreakers {
    CircuitBreakers {
        max_connections: Some(1),
        max_pending_requests: Some(0),
        ..CircuitBreakers::default()
    }
}

#[tokio::test]
async fn a_connection_that_is_too_old_makes_room_for_who_finds_it() {
    let (breakers, place, _kept_open) = idle_in_common(1, 1).await;
    let turn = breakers.turn(&place, &None, &one_connection_and_nobody_waits(), seek_http1);
    assert!(matches!(turn, Ok(Turn::Now(Grant::Permit(_)))), "{turn:?}");
}

#[tokio::test]
async fn a_connection_that_is_too_old_is_closed_also_where_another_is_found() {
    let (breakers, place, _kept_open) = idle_in_common(2, 1).await;
    let turn = breakers.turn(&place, &None, &one_connection_and_nobody_waits(), seek_http1);
    assert!(matches!(turn, Ok(Turn::Now(Grant::Http1(_)))), "{turn:?}");
    assert_eq!(breakers.connections(), 1);
}

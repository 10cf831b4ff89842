//! Circuit breakers under many requests at once, from several threads as workers are.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use seaway_model::{CircuitBreakers, Cluster, ConnectionPool, UpstreamProtocol};
use seaway_proxy::error::Failure;
use seaway_proxy::upstream::{ClusterState, Registry, dial};
use tokio::net::TcpListener;
use tokio::sync::{Barrier, Semaphore, watch};

use crate::support::*;

const HTTP1: UpstreamProtocol = UpstreamProtocol::Http1;
const HTTP2: UpstreamProtocol = UpstreamProtocol::Http2;
const WORKERS: usize = 4;
const REQUESTS: usize = 1_000;

/// A server that holds every request until it is told to go on, and knows how much it had at once.
struct Holding {
    address: SocketAddr,
    go: Arc<Semaphore>,
    seen: watch::Receiver<usize>,
    most: Arc<AtomicUsize>,
    most_connections: Arc<AtomicUsize>,
}

impl Holding {
    async fn start(http2: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let go = Arc::new(Semaphore::new(0));
        let (tell, seen) = watch::channel(0);
        let tell = Arc::new(tell);
        let (most, most_connections) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (now, open) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (going, high, wide) = (Arc::clone(&go), Arc::clone(&most), Arc::clone(&most_connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A handshake of HTTP/2 would wait for the system otherwise.
                stream.set_nodelay(true).unwrap();
                wide.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let (going, high, now, tell) = (
                    Arc::clone(&going),
                    Arc::clone(&high),
                    Arc::clone(&now),
                    Arc::clone(&tell),
                );
                let service = service_fn(move |_request: Request<Incoming>| {
                    let (going, now) = (Arc::clone(&going), Arc::clone(&now));
                    high.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tell.send_modify(|seen| *seen += 1);
                    async move {
                        let _go = going.acquire().await.unwrap();
                        now.fetch_sub(1, Ordering::SeqCst);
                        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"held"))))
                    }
                });
                let open = Arc::clone(&open);
                tokio::spawn(async move {
                    let io = TokioIo::new(stream);
                    if http2 {
                        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                        let _ = builder.serve_connection(io, service).await;
                    } else {
                        let builder = hyper::server::conn::http1::Builder::new();
                        let _ = builder.serve_connection(io, service).await;
                    }
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self {
            address,
            go,
            seen,
            most,
            most_connections,
        }
    }

    fn let_go(&self) {
        self.go.add_permits(REQUESTS);
    }
}

/// How requests ended.
#[derive(Debug, Default)]
struct Tally {
    served: AtomicUsize,
    refused: AtomicUsize,
    other: AtomicUsize,
}

impl Tally {
    fn of(&self) -> (usize, usize, usize) {
        let of = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (of(&self.served), of(&self.refused), of(&self.other))
    }
}

/// A thousand requests at once, from threads with a runtime each, as workers have. Returns their tally as it grows.
fn storm(
    cluster: &Arc<ClusterState>,
) -> (
    Arc<Tally>,
    watch::Receiver<usize>,
    Vec<std::thread::JoinHandle<()>>,
) {
    let tally = Arc::<Tally>::default();
    let (tell, over) = watch::channel(0);
    let tell = Arc::new(tell);
    // A connection lives on the thread that made it, whoever uses it: none ends before all are done.
    let done = Arc::new(Barrier::new(WORKERS));
    let thread = |_| {
        let (cluster, tally, tell) = (Arc::clone(cluster), Arc::clone(&tally), Arc::clone(&tell));
        let done = Arc::clone(&done);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let one = || async {
                    match once(&cluster, get("/")).await {
                        Ok(sent) => {
                            assert_eq!(text(sent.response.into_body()).await, "held");
                            drop(sent.in_flight);
                            tally.served.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(error) if error.failure == Failure::Overflow => {
                            tally.refused.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(error) => {
                            tally.other.fetch_add(1, Ordering::SeqCst);
                            assert_eq!(error.failure, Failure::Overflow);
                        }
                    }
                    tell.send_modify(|over| *over += 1);
                };
                futures_util::future::join_all((0..REQUESTS / WORKERS).map(|_| one())).await;
                done.wait().await;
            });
        })
    };
    let threads = (0..WORKERS).map(thread).collect();
    (tally, over, threads)
}

fn limited(
    server: &Holding,
    protocol: UpstreamProtocol,
    circuit_breakers: CircuitBreakers,
) -> Arc<ClusterState> {
    let config = Cluster {
        circuit_breakers,
        ..static_cluster(protocol, &[server.address])
    };
    apply(&Registry::new(), config)
}

async fn joined(threads: Vec<std::thread::JoinHandle<()>>) {
    tokio::task::spawn_blocking(move || threads.into_iter().for_each(|thread| thread.join().unwrap()))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_so_many_requests_are_let_in() {
    for protocol in [HTTP1, HTTP2] {
        let mut server = Holding::start(protocol == HTTP2).await;
        let breakers = CircuitBreakers {
            max_requests: Some(37),
            ..CircuitBreakers::default()
        };
        let cluster = limited(&server, protocol, breakers);
        let (tally, mut over, threads) = storm(&cluster);
        until(&mut over, REQUESTS - 37).await;
        until(&mut server.seen, 37).await;
        assert_eq!(tally.of(), (0, REQUESTS - 37, 0), "{protocol:?}");
        server.let_go();
        joined(threads).await;
        assert_eq!(tally.of(), (37, REQUESTS - 37, 0), "{protocol:?}");
        assert_eq!(server.most.load(Ordering::SeqCst), 37, "{protocol:?}");
        assert_eq!(cluster.in_flight(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_so_many_connections_are_made_and_so_many_requests_wait_for_them() {
    let mut server = Holding::start(false).await;
    let breakers = CircuitBreakers {
        max_connections: Some(11),
        max_pending_requests: Some(23),
        ..CircuitBreakers::default()
    };
    let cluster = limited(&server, HTTP1, breakers);
    let (tally, mut over, threads) = storm(&cluster);
    until(&mut over, REQUESTS - 34).await;
    until(&mut server.seen, 11).await;
    assert_eq!(tally.of(), (0, REQUESTS - 34, 0));
    server.let_go();
    joined(threads).await;
    assert_eq!(tally.of(), (34, REQUESTS - 34, 0));
    assert_eq!(server.most_connections.load(Ordering::SeqCst), 11);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_may_all_wait_are_all_served_by_the_few_connections() {
    for protocol in [HTTP1, HTTP2] {
        let server = Holding::start(protocol == HTTP2).await;
        server.let_go();
        let breakers = CircuitBreakers {
            max_connections: Some(3),
            ..CircuitBreakers::default()
        };
        let cluster = limited(&server, protocol, breakers);
        let (tally, _over, threads) = storm(&cluster);
        joined(threads).await;
        assert_eq!(tally.of(), (REQUESTS, 0, 0), "{protocol:?}");
        let most = server.most_connections.load(Ordering::SeqCst);
        assert!(most <= 3, "{protocol:?}: {most} connections");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_wear_out_leave_their_places_to_those_who_wait() {
    for protocol in [HTTP1, HTTP2] {
        let server = Holding::start(protocol == HTTP2).await;
        server.let_go();
        let config = Cluster {
            circuit_breakers: CircuitBreakers {
                max_connections: Some(3),
                ..CircuitBreakers::default()
            },
            connection_pool: ConnectionPool {
                max_requests_per_connection: Some(7),
                ..ConnectionPool::default()
            },
            ..static_cluster(protocol, &[server.address])
        };
        let cluster = apply(&Registry::new(), config);
        let (tally, _over, threads) = storm(&cluster);
        joined(threads).await;
        assert_eq!(tally.of(), (REQUESTS, 0, 0), "{protocol:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_several_endpoints_share_one_limit_and_nobody_waits_for_ever() {
    let servers = [
        Holding::start(false).await,
        Holding::start(false).await,
        Holding::start(false).await,
    ];
    servers.iter().for_each(Holding::let_go);
    let registry = Registry::new();
    let config = Cluster {
        circuit_breakers: CircuitBreakers {
            max_connections: Some(2),
            ..CircuitBreakers::default()
        },
        ..static_cluster(HTTP1, &servers.each_ref().map(|server| server.address))
    };
    let cluster = apply(&registry, config);
    let (tally, _over, threads) = storm(&cluster);
    joined(threads).await;
    assert_eq!(tally.of(), (REQUESTS, 0, 0));
    let status = &registry.status()[0];
    let breakers = status.circuit_breakers.as_ref().unwrap();
    assert!(breakers.connections.unwrap().now <= 2, "{status:?}");
}

#[tokio::test]
async fn a_relay_above_the_limit_is_refused_and_one_that_ends_makes_room() {
    let server = serve(Kind::http1("a")).await;
    let config = Cluster {
        circuit_breakers: CircuitBreakers {
            max_connections: Some(2),
            ..CircuitBreakers::default()
        },
        ..static_cluster(HTTP1, &[server.address])
    };
    let cluster = apply(&Registry::new(), config);
    let first = dial(&cluster, None, None).await.unwrap();
    let _second = dial(&cluster, None, None).await.unwrap();
    assert_eq!(dial(&cluster, None, None).await.unwrap_err(), Failure::Overflow);
    drop(first);
    dial(&cluster, None, None).await.unwrap();
}

#[tokio::test]
async fn a_request_that_gives_up_waiting_leaves_its_place_to_the_next() {
    let mut server = Holding::start(false).await;
    let breakers = CircuitBreakers {
        max_connections: Some(1),
        max_pending_requests: Some(1),
        ..CircuitBreakers::default()
    };
    let cluster = limited(&server, HTTP1, breakers);
    let held = tokio::spawn({
        let cluster = Arc::clone(&cluster);
        async move { once(&cluster, get("/")).await.map(|sent| sent.response.status()) }
    });
    until(&mut server.seen, 1).await;
    {
        let mut waits = std::pin::pin!(once(&cluster, get("/")));
        assert!(waits.as_mut().now_or_never().is_none());
        assert_eq!(
            once(&cluster, get("/")).await.unwrap_err().failure,
            Failure::Overflow
        );
    }
    let mut waits = std::pin::pin!(once(&cluster, get("/")));
    assert!(waits.as_mut().now_or_never().is_none());
    server.let_go();
    assert!(waits.await.is_ok() && held.await.unwrap().is_ok());
}

#[tokio::test]
async fn two_clients_in_turn_are_always_served_by_one_connection_and_one_place_in_the_queue() {
    let server = Holding::start(false).await;
    server.let_go();
    let breakers = CircuitBreakers {
        max_connections: Some(1),
        max_pending_requests: Some(1),
        ..CircuitBreakers::default()
    };
    let cluster = limited(&server, HTTP1, breakers);
    let client = || async {
        for _ in 0..200 {
            assert_eq!(fetch(&cluster).await.0, "held");
        }
    };
    tokio::join!(client(), client());
    assert_eq!(server.most_connections.load(Ordering::SeqCst), 1);
}

#[test]
fn retries_have_a_limit_of_their_own_instead_of_the_budget() {
    let config = Cluster {
        circuit_breakers: CircuitBreakers {
            max_retries: Some(2),
            ..CircuitBreakers::default()
        },
        ..static_cluster(HTTP1, &[])
    };
    let registry = Registry::new();
    let cluster = apply(&registry, config);
    let permits: Vec<_> = (0..5).filter_map(|_| cluster.try_retry()).collect();
    assert_eq!(permits.len(), 2);
    let retries = registry.status()[0].circuit_breakers.clone().unwrap().retries;
    assert_eq!(retries.map(|taken| (taken.now, taken.most)), Some((2, 2)));
}

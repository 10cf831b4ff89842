//! Much at once: what the system moves without showing it to us, and the changes between that and copying.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::support::*;

/// More than both kernels' buffers together.
const MUCH: usize = 24 << 20;

/// Bytes that tell where they are.
struct Stream(fastrand::Rng);

impl Stream {
    fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    fn next(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.fill(&mut bytes);
        bytes
    }
}

/// Messages of a few bytes, floods, and what lies between, in an order of the seed's.
fn sizes(seed: u64) -> Vec<usize> {
    let mut chance = fastrand::Rng::with_seed(seed);
    let count = chance.usize(5..25);
    let mut size = || match chance.u8(0..4) {
        0 => chance.usize(1..100),
        1 => chance.usize(1..20_000),
        2 => chance.usize(15_000..70_000),
        _ => chance.usize(100_000..600_000),
    };
    (0..count).map(|_| size()).collect()
}

/// Writes it all, then says that this was all.
async fn say(mut to: OwnedWriteHalf, seed: u64) -> OwnedWriteHalf {
    // Small pieces of one message, so that reads do not begin where writes do.
    let mut stream = Stream::new(seed);
    for size in sizes(seed) {
        to.write_all(&stream.next(size)).await.unwrap();
        // Whoever reads has a chance to be faster than we are, so that the relay runs dry in between.
        tokio::task::yield_now().await;
    }
    to.shutdown().await.unwrap();
    to
}

async fn hear(mut from: OwnedReadHalf, seed: u64) -> u64 {
    let mut stream = Stream::new(seed);
    let mut all = 0;
    for size in sizes(seed) {
        let mut got = vec![0; size];
        from.read_exact(&mut got).await.unwrap();
        assert!(got == stream.next(size), "a message of {size} bytes after {all}");
        all += size as u64;
    }
    assert_eq!(from.read(&mut [0]).await.unwrap(), 0);
    all
}

#[tokio::test]
async fn floods_and_short_messages_in_any_order_come_through_both_ways_and_are_counted() {
    let server = Server::start().await;
    let mut gate = Gate::tcp(to("c"), vec![cluster("c", &[server.address])]);
    for seed in 0..24 {
        let (up, down) = (2 * seed, 2 * seed + 1);
        let (client_reads, client_writes) = gate.connect(9000).await.into_split();
        let (server_reads, server_writes) = server.accept().await.into_split();
        let (_first, _second, received, sent) = within(async {
            tokio::join!(
                say(client_writes, up),
                say(server_writes, down),
                hear(server_reads, up),
                hear(client_reads, down),
            )
        })
        .await;
        let seen = gate.closed().await;
        assert_eq!((seen.received, seen.sent), (received, sent), "seed {seed}");
    }
}

#[tokio::test]
async fn whoever_reads_late_gets_all_of_it_and_the_other_direction_is_free_meanwhile() {
    let server = Server::start().await;
    let gate = Gate::tcp(to("c"), vec![cluster("c", &[server.address])]);
    let (mut hears, mut says) = gate.connect(9000).await.into_split();
    let mut upstream = server.accept().await;
    let saying = tokio::spawn(async move {
        says.write_all(&Stream::new(1).next(MUCH)).await.unwrap();
        says.shutdown().await.unwrap();
        says
    });
    for _ in 0..100 {
        write(&mut upstream, b"still here").await;
        assert_eq!(read(&mut hears, 10).await, b"still here");
    }
    assert!(!saying.is_finished(), "there is room for all of it somewhere");
    assert!(rest(&mut upstream).await == Stream::new(1).next(MUCH));
    within(saying).await.unwrap();
}

#[tokio::test]
async fn a_reset_in_the_middle_of_a_flood_is_passed_on_as_a_reset() {
    let server = Server::start().await;
    let mut gate = Gate::tcp(to("c"), vec![cluster("c", &[server.address])]);
    let mut client = gate.connect(9000).await;
    let upstream = server.accept().await;
    let flooding = tokio::spawn(async move {
        loop {
            if let Err(error) = client.write_all(&[7; 64 * 1024]).await {
                return error;
            }
        }
    });
    within(async {
        let (mut upstream, mut bytes) = (upstream, vec![0; 64 * 1024]);
        for _ in 0..64 {
            upstream.read_exact(&mut bytes).await.unwrap();
        }
        upstream.set_zero_linger().unwrap();
    })
    .await;
    let error = within(flooding).await.unwrap();
    assert!(
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
        ),
        "{error}"
    );
    assert_eq!(gate.closed().await.reason.as_deref(), Some("upstream_reset"));
}

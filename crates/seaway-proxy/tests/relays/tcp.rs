//! Connections that are relayed as they are.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use seaway_model::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use twox_hash::XxHash64;

use super::support::*;

/// A mebibyte that is nowhere like itself.
fn block(number: u64) -> Vec<u8> {
    let mut state = number + 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(BLOCK / 8).flatten().collect()
}

const BLOCK: usize = 1 << 20;

#[tokio::test]
async fn a_gibibyte_comes_through_unchanged() {
    const BLOCKS: usize = 1 << 10;
    let server = Server::start().await;
    let mut gate = Gate::tcp(to("c"), vec![cluster("c", &[server.address])]);
    let mut client = gate.connect(9000).await;
    let mut upstream = server.accept().await;
    // An odd number of blocks in turn, so that nothing repeats at a power of two.
    let blocks: Arc<Vec<Vec<u8>>> = Arc::new((0..7).map(block).collect());
    let sums: Vec<u64> = blocks.iter().map(|b| XxHash64::oneshot(0, b)).collect();
    let sending = tokio::spawn(async move {
        for block in blocks.iter().cycle().take(BLOCKS) {
            client.write_all(block).await.unwrap();
        }
        client.shutdown().await.unwrap();
        client
    });
    let mut bytes = vec![0; BLOCK];
    for (number, sum) in sums.iter().cycle().take(BLOCKS).enumerate() {
        within(upstream.read_exact(&mut bytes)).await.unwrap();
        assert_eq!(XxHash64::oneshot(0, &bytes), *sum, "block {number}");
    }
    assert_eq!(within(upstream.read(&mut bytes)).await.unwrap(), 0);
    drop((upstream, sending.await.unwrap()));
    let seen = gate.closed().await;
    assert_eq!((seen.received, seen.sent), (1 << 30, 0));
}

#[tokio::test]
async fn a_client_that_has_said_all_still_hears_the_answer() {
    let server = Server::start().await;
    let mut gate = Gate::tcp(to("c"), vec![cluster("c", &[server.address])]);
    let mut client = gate.connect(9000).await;
    write(&mut client, b"question").await;
    client.shutdown().await.unwrap();
    let mut upstream = server.accept().await;
    assert_eq!(rest(&mut upstream).await, b"question");
    write(&mut upstream, b"answer").await;
    assert_eq!(read(&mut client, 6).await, b"answer");
    drop(upstream);
    assert_eq!(rest(&mut client).await, b"");
    let seen = gate.closed().await;
    assert_eq!((seen.received, seen.sent, seen.reason), (8, 6, None));
}

#[tokio::test]
async fn an_endpoint_that_has_said_all_still_hears_the_client() {
    let server = Server::start().await;
    let gate = Gate::tcp(to("c"), vec![cluster("c", &[server.address])]);
    let mut client = gate.connect(9000).await;
    let mut upstream = server.accept().await;
    write(&mut upstream, b"greeting").await;
    upstream.shutdown().await.unwrap();
    assert_eq!(rest(&mut client).await, b"greeting");
    write(&mut client, b"and more").await;
    assert_eq!(read(&mut upstream, 8).await, b"and more");
    drop(client);
    assert_eq!(rest(&mut upstream).await, b"");
}

#[tokio::test]
async fn a_reset_is_passed_on_as_a_reset_in_both_directions() {
    let server = Server::start().await;
    let mut gate = Gate::tcp(to("c"), vec![cluster("c", &[server.address])]);
    for (is_of_client, reason, flag) in [(true, "client_gone", "DC"), (false, "upstream_reset", "UC")] {
        let mut client = gate.connect(9000).await;
        let mut upstream = server.accept().await;
        // An endpoint that resets before it is known to be there would be tried again.
        write(&mut upstream, b"!").await;
        assert_eq!(read(&mut client, 1).await, b"!");
        let (breaking, mut hearing) = if is_of_client {
            (client, upstream)
        } else {
            (upstream, client)
        };
        breaking.set_zero_linger().unwrap();
        drop(breaking);
        let error = within(hearing.read(&mut [0])).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        let seen = gate.closed().await;
        assert_eq!(
            (seen.reason.as_deref(), seen.flags.as_slice()),
            (Some(reason), &[flag][..])
        );
    }
}

#[tokio::test]
async fn a_connection_on_which_nothing_moves_is_closed() {
    let server = Server::start().await;
    let route = L4Route {
        idle_timeout: Some(Millis(40)),
        ..to("c")
    };
    let mut gate = Gate::tcp(route, vec![cluster("c", &[server.address])]);
    let mut client = gate.connect(9000).await;
    let mut upstream = server.accept().await;
    assert_eq!(rest(&mut client).await, b"");
    assert_eq!(rest(&mut upstream).await, b"");
    let seen = gate.closed().await;
    assert_eq!(
        (seen.reason.as_deref(), seen.flags.as_slice()),
        (Some("stream_idle"), &["SI"][..])
    );
}

#[tokio::test]
async fn a_connection_may_be_let_idle_for_ever() {
    let server = Server::start().await;
    let route = L4Route {
        idle_timeout: Some(Millis(0)),
        ..to("c")
    };
    let gate = Gate::tcp(route, vec![cluster("c", &[server.address])]);
    let mut client = gate.connect(9000).await;
    let mut upstream = server.accept().await;
    for _ in 0..3 {
        write(&mut client, b"?").await;
        assert_eq!(read(&mut upstream, 1).await, b"?");
    }
}

#[tokio::test]
async fn connections_are_divided_exactly_by_weight() {
    let (one, three) = (echo("1").await, echo("3").await);
    let clusters = vec![cluster("one", &[one]), cluster("three", &[three])];
    let gate = Gate::tcp(route(&[("one", 1), ("three", 3)]), clusters);
    let mut words = Vec::new();
    for _ in 0..40 {
        let mut client = gate.connect(9000).await;
        words.extend(read(&mut client, 1).await);
    }
    let ones = words.iter().filter(|word| **word == b'1').count();
    assert_eq!(ones, 10, "{words:?}");
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_reached_is_followed_by_another() {
    let (_bound, refusing) = nobody();
    let good = echo("!").await;
    let gate = Gate::tcp(to("c"), vec![cluster("c", &[refusing, good])]);
    for _ in 0..10 {
        let mut client = gate.connect(9000).await;
        assert_eq!(read(&mut client, 1).await, b"!");
    }
}

#[tokio::test]
async fn what_cannot_be_relayed_is_closed_and_says_why() {
    let (_bound, refusing) = nobody();
    let failing = L4Route {
        destinations: vec![L4Destination {
            target: Target::Fail(Failure {
                status: 503,
                reason: FailureReason::ServiceNotFound,
                message: "there is no Service".into(),
            }),
            weight: 1,
        }],
        ..to("c")
    };
    let clusters = || vec![cluster("none", &[]), cluster("refusing", &[refusing])];
    for (route, reason, flag) in [
        (failing, "service_not_found", "NR"),
        (to("none"), "no_endpoints", "UH"),
        (to("refusing"), "connect_failed", "UF"),
    ] {
        let mut gate = Gate::tcp(route, clusters());
        let mut client = gate.connect(9000).await;
        assert_eq!(rest(&mut client).await, b"");
        assert_eq!(gate.opened().await.upstream, None);
        let seen = gate.closed().await;
        assert_eq!(
            (seen.reason.as_deref(), seen.flags.as_slice()),
            (Some(reason), &[flag][..])
        );
    }
}

#[tokio::test]
async fn a_listener_without_a_route_closes_its_connections() {
    let gate = Gate::new();
    gate.serve(vec![listener(9000, Protocol::Tcp, None)], Vec::new(), Vec::new());
    let mut client = gate.connect(9000).await;
    assert_eq!(rest(&mut client).await, b"");
}

#[tokio::test]
async fn a_connection_keeps_its_endpoint_and_new_ones_go_by_the_new_configuration() {
    let (old, new) = (echo("o").await, echo("n").await);
    let gate = Gate::tcp(to("old"), vec![cluster("old", &[old])]);
    let mut before = gate.connect(9000).await;
    assert_eq!(read(&mut before, 1).await, b"o");
    gate.serve(
        vec![listener(9000, Protocol::Tcp, Some(to("new")))],
        vec![cluster("new", &[new])],
        Vec::new(),
    );
    let mut after = gate.connect(9000).await;
    assert_eq!(read(&mut after, 1).await, b"n");
    write(&mut before, b"still").await;
    assert_eq!(read(&mut before, 5).await, b"still");
}

#[tokio::test]
async fn a_client_comes_back_to_its_endpoint_where_its_address_is_hashed() {
    let endpoints = [echo("a").await, echo("b").await, echo("c").await];
    let route = L4Route {
        hash_source_ip: true,
        ..to("c")
    };
    let hashing = Cluster {
        balancing: Balancing::RingHash,
        ..cluster("c", &endpoints)
    };
    let gate = Gate::tcp(route, vec![hashing]);
    let mut words = Vec::new();
    for _ in 0..12 {
        words.extend(read(&mut gate.connect(9000).await, 1).await);
    }
    assert_eq!(words, [words[0]; 12]);
}

#[tokio::test]
async fn a_drain_waits_for_connections_and_then_cuts_them_off() {
    for (timeout, cut_off) in [(PATIENCE, 0), (Duration::from_millis(10), 1)] {
        let address = echo("").await;
        let gate = Gate::tcp(to("c"), vec![cluster("c", &[address])]);
        let mut client = gate.connect(9000).await;
        write(&mut client, b"1").await;
        assert_eq!(read(&mut client, 1).await, b"1");
        let draining = tokio::task::spawn_blocking(move || gate.proxy.drain(timeout));
        if cut_off == 0 {
            write(&mut client, b"2").await;
            assert_eq!(read(&mut client, 1).await, b"2");
            drop(client);
        }
        assert_eq!(within(draining).await.unwrap().cut_off, cut_off);
    }
}

#[tokio::test]
async fn what_is_counted_is_what_moved() {
    let address = echo("hello").await;
    let mut gate = Gate::tcp(to("c"), vec![cluster("c", &[address])]);
    let mut client = gate.connect(9000).await;
    let peer = client.local_addr().unwrap();
    write(&mut client, b"abc").await;
    assert_eq!(read(&mut client, 8).await, b"helloabc");
    let opened = gate.opened().await;
    assert_eq!((opened.downstream, opened.upstream), (peer, Some(address)));
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut client).await, b"");
    let closed = gate.closed().await;
    assert_eq!(
        (&*closed.listener, closed.received, closed.sent),
        ("tcp-9000", 3, 8)
    );
    assert_eq!(closed.flags, [""; 0]);
}

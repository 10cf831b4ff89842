//! Datagrams, in sessions.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use seaway_model::*;
use seaway_proxy::Options;
use tokio::net::UdpSocket;

use super::support::*;

async fn socket() -> UdpSocket {
    UdpSocket::bind((LOOPBACK, 0)).await.unwrap()
}

/// An endpoint that sends everything back, with a word before it.
async fn echoing(word: &'static str) -> SocketAddr {
    let socket = socket().await;
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut space = vec![0; 65_536];
        while let Ok((count, peer)) = socket.recv_from(&mut space).await {
            let answer = [word.as_bytes(), &space[..count]].concat();
            socket.send_to(&answer, peer).await.ok();
        }
    });
    address
}

fn udp(route: L4Route) -> Listener {
    listener(53, Protocol::Udp, Some(route))
}

fn gate(options: Options, route: L4Route, endpoints: &[SocketAddr]) -> Gate {
    let gate = Gate::with(options);
    gate.serve(vec![udp(route)], vec![cluster("c", endpoints)], Vec::new());
    gate
}

async fn client(gate: &Gate) -> UdpSocket {
    let client = socket().await;
    client.connect(gate.address(53)).await.unwrap();
    client
}

async fn ask(client: &UdpSocket, bytes: &[u8]) -> Vec<u8> {
    client.send(bytes).await.unwrap();
    receive(client).await
}

async fn receive(client: &UdpSocket) -> Vec<u8> {
    let mut space = vec![0; 65_536];
    let count = within(client.recv(&mut space)).await.unwrap();
    space.truncate(count);
    space
}

#[tokio::test]
async fn many_clients_on_many_workers_each_hear_their_own_answers() {
    let endpoints = [echoing("").await, echoing("").await];
    let gate = gate(
        Options {
            workers: 3,
            ..options()
        },
        to("c"),
        &endpoints,
    );
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(client(&gate).await);
    }
    for round in 0..5_u32 {
        for (number, client) in clients.iter().enumerate() {
            let question = format!("{number} {round}");
            assert_eq!(ask(client, question.as_bytes()).await, question.as_bytes());
        }
    }
    assert_eq!(gate.proxy.stats().open_sessions, 100);
}

#[tokio::test]
async fn a_session_stays_with_its_endpoint_and_sessions_are_balanced() {
    let endpoints = [echoing("a").await, echoing("b").await];
    let round = Cluster {
        balancing: Balancing::RoundRobin,
        ..cluster("c", &endpoints)
    };
    let gate = Gate::new();
    gate.serve(vec![udp(to("c"))], vec![round], Vec::new());
    let mut all = Vec::new();
    for _ in 0..6 {
        let client = client(&gate).await;
        let first = ask(&client, b"").await;
        for _ in 0..5 {
            assert_eq!(ask(&client, b"").await, first);
        }
        all.push(first);
    }
    assert_eq!(all.iter().filter(|word| **word == b"a").count(), 3, "{all:?}");
}

#[tokio::test]
async fn datagrams_of_every_size_keep_their_size() {
    let gate = gate(options(), to("c"), &[echoing("").await]);
    let client = client(&gate).await;
    for size in [0, 1, 1_472, 9_000, 65_000] {
        let bytes = vec![7; size];
        assert_eq!(ask(&client, &bytes).await.len(), size);
    }
}

#[tokio::test]
async fn an_answer_comes_from_the_address_that_was_written_to() {
    let everywhere = Options {
        address: None,
        ..options()
    };
    let gate = gate(everywhere, to("c"), &[echoing("").await]);
    let port = gate.address(53).port();
    // The whole of 127.0.0.0/8 is this machine. A connected socket hears nobody but whom it is connected to.
    for address in ["127.0.0.1", "127.0.0.2", "127.1.2.3"] {
        let client = socket().await;
        client.connect((address, port)).await.unwrap();
        assert_eq!(ask(&client, address.as_bytes()).await, address.as_bytes());
    }
    // One client is one session with each of our addresses.
    assert_eq!(gate.proxy.stats().open_sessions, 3);
    let Ok(client) = UdpSocket::bind("[::1]:0").await else {
        return;
    };
    client.connect(("::1", port)).await.unwrap();
    assert_eq!(ask(&client, b"six").await, b"six");
}

#[tokio::test]
async fn several_answers_to_one_question_all_arrive() {
    let endpoint = socket().await;
    let gate = gate(options(), to("c"), &[endpoint.local_addr().unwrap()]);
    let client = client(&gate).await;
    client.send(b"?").await.unwrap();
    let (_, session) = within(endpoint.recv_from(&mut [0; 8])).await.unwrap();
    for number in 0..50_u8 {
        endpoint.send_to(&[number], session).await.unwrap();
        assert_eq!(receive(&client).await, [number]);
    }
}

#[tokio::test]
async fn a_session_in_which_nothing_moves_ends_and_is_counted() {
    let route = L4Route {
        idle_timeout: Some(Millis(40)),
        ..to("c")
    };
    let endpoint = echoing("").await;
    let mut gate = gate(options(), route, &[endpoint]);
    let client = client(&gate).await;
    ask(&client, b"12345").await;
    let closed = gate.closed().await;
    assert_eq!((&*closed.listener, closed.upstream), ("udp-53", Some(endpoint)));
    assert_eq!((closed.received, closed.sent, closed.reason), (5, 5, None));
    assert_eq!(gate.proxy.stats().open_sessions, 0);
    // The next datagram begins another.
    assert_eq!(ask(&client, b"again").await, b"again");
    assert_eq!(gate.proxy.stats().sessions, 2);
}

#[tokio::test]
async fn sessions_above_the_limit_are_not_begun() {
    let mut options = options();
    options.limits.sessions = 2;
    let gate = gate(options, to("c"), &[echoing("").await]);
    let (first, second, third) = (client(&gate).await, client(&gate).await, client(&gate).await);
    ask(&first, b"1").await;
    ask(&second, b"2").await;
    third.send(b"3").await.unwrap();
    // Datagrams to one socket are taken in order.
    ask(&first, b"1").await;
    assert_eq!(gate.proxy.stats().sessions_over_limit, 1);
    assert_eq!(gate.proxy.stats().open_sessions, 2);
}

#[tokio::test]
async fn a_session_whose_endpoint_is_not_there_ends_and_the_next_one_goes_elsewhere() {
    let gone = socket().await;
    let (nobody, good) = (gone.local_addr().unwrap(), echoing("!").await);
    drop(gone);
    let round = Cluster {
        balancing: Balancing::RoundRobin,
        ..cluster("c", &[nobody, good])
    };
    let gate = Gate::new();
    gate.serve(vec![udp(to("c"))], vec![round], Vec::new());
    let client = client(&gate).await;
    let answer = async {
        loop {
            client.send(b"").await.unwrap();
            let mut space = [0; 8];
            let soon = Duration::from_millis(100);
            if let Ok(count) = tokio::time::timeout(soon, client.recv(&mut space)).await {
                return space[..count.unwrap()].to_vec();
            }
        }
    };
    assert_eq!(within(answer).await, b"!");
}

#[tokio::test]
async fn a_session_ends_with_its_endpoint() {
    let (old, new) = (echoing("o").await, echoing("n").await);
    let mut gate = gate(options(), to("c"), &[old]);
    let client = client(&gate).await;
    assert_eq!(ask(&client, b"").await, b"o");
    gate.serve(vec![udp(to("c"))], vec![cluster("c", &[new])], Vec::new());
    assert_eq!(gate.closed().await.upstream, Some(old));
    assert_eq!(ask(&client, b"").await, b"n");
}

#[tokio::test]
async fn a_session_keeps_its_endpoint_while_that_is_listed() {
    let (old, new) = (echoing("o").await, echoing("n").await);
    let gate = gate(options(), to("c"), &[old]);
    let client = client(&gate).await;
    assert_eq!(ask(&client, b"").await, b"o");
    let clusters = vec![cluster("c", &[old]), cluster("d", &[new])];
    gate.serve(vec![udp(to("d"))], clusters, Vec::new());
    assert_eq!(ask(&client, b"").await, b"o");
    let other = self::client(&gate).await;
    assert_eq!(ask(&other, b"").await, b"n");
}

#[tokio::test]
async fn a_listener_that_goes_leaves_its_port_at_once() {
    let gate = gate(options(), to("c"), &[echoing("").await]);
    let address = gate.address(53);
    ask(&client(&gate).await, b"1").await;
    gate.serve(Vec::new(), Vec::new(), Vec::new());
    UdpSocket::bind(address).await.unwrap();
}

#[tokio::test]
async fn a_drain_passes_on_the_answers_that_are_under_way() {
    let endpoint = socket().await;
    let mut options = options();
    options.limits.drain_grace = PATIENCE;
    let gate = gate(options, to("c"), &[endpoint.local_addr().unwrap()]);
    let client = client(&gate).await;
    client.send(b"?").await.unwrap();
    let (_, session) = within(endpoint.recv_from(&mut [0; 8])).await.unwrap();
    let proxy = Arc::clone(&gate.proxy);
    std::thread::spawn(move || proxy.drain(PATIENCE));
    while !gate.proxy.listeners().is_empty() {
        tokio::task::yield_now().await;
    }
    endpoint.send_to(b"answer", session).await.unwrap();
    assert_eq!(receive(&client).await, b"answer");
}

#[tokio::test]
async fn a_drain_does_not_wait_for_more_than_answers() {
    let mut options = options();
    options.limits.drain_grace = Duration::from_millis(1);
    let gate = gate(options, to("c"), &[echoing("").await]);
    ask(&client(&gate).await, b"1").await;
    let proxy = Arc::clone(&gate.proxy);
    let drained = tokio::task::spawn_blocking(move || proxy.drain(PATIENCE));
    assert_eq!(within(drained).await.unwrap().cut_off, 0);
}

#[tokio::test]
async fn a_new_process_takes_over_the_very_socket() {
    let endpoint = echoing("").await;
    let old = gate(options(), to("c"), &[endpoint]);
    let address = old.address(53);
    let client = client(&old).await;
    assert_eq!(ask(&client, b"old").await, b"old");
    let inherited: Vec<_> = old.proxy.listener_fds();
    let names: BTreeSet<&str> = inherited.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, BTreeSet::from(["udp|127.0.0.1|53"]));
    let inherited = inherited
        .iter()
        .map(|(name, fd)| (name.clone(), Arc::new(duplicate(*fd))));
    let new = gate(
        Options {
            inherited: inherited.collect(),
            ..options()
        },
        to("c"),
        &[endpoint],
    );
    assert_eq!(new.address(53), address);
    let proxy = Arc::clone(&old.proxy);
    tokio::task::spawn_blocking(move || proxy.drain(Duration::ZERO))
        .await
        .unwrap();
    assert_eq!(ask(&client, b"new").await, b"new");
    assert_eq!(new.proxy.stats().sessions, 1);
}

/// As a child process would get it.
fn duplicate(fd: std::os::fd::RawFd) -> std::os::fd::OwnedFd {
    #[allow(
        unsafe_code,
        reason = "the proxy that owns the descriptor lives through this call"
    )]
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    borrowed.try_clone_to_owned().unwrap()
}

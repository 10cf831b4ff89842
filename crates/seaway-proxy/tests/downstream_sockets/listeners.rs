//! Listeners that come and go, drains, and sockets that change hands.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use seaway_model::{Model, Protocol};

use super::support::*;

#[test]
fn applying_adds_and_removes_listeners_and_leaves_the_others_alone() {
    let gate = Gate::empty(options());
    gate.apply(vec![listener("http-80", 80)]);
    let first = gate.address("http-80");
    let mut kept = gate.connect();
    kept.send(get("/")).response();

    gate.apply(vec![listener("http-80", 80), listener("http-81", 81)]);
    assert_eq!(gate.address("http-80"), first);
    let second = gate.address("http-81");
    let mut client = Client::connect(second);
    client.send(get("/x"));
    assert_eq!(client.response().1, "http-81 GET /x 0");

    gate.apply(vec![listener("http-80", 80)]);
    assert!(TcpStream::connect(second).is_err());
    kept.send(get("/y"));
    assert_eq!(kept.response().1, "http-80 GET /y 0");
}

#[test]
fn a_removed_listener_lets_its_connections_finish() {
    let gate = Gate::http();
    let mut client = gate.connect();
    client.send(get("/hold"));
    gate.next();
    gate.apply(Vec::new());
    gate.release.add_permits(1);
    let answer = client.rest();
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.contains("connection: close"),
        "{answer}"
    );
}

#[test]
fn a_renamed_listener_keeps_its_socket() {
    let gate = Gate::http();
    let address = gate.address("http-80");
    gate.apply(vec![listener("other", 80)]);
    assert_eq!(gate.address("other"), address);
    let mut client = Client::connect(address);
    client.send(get("/x"));
    assert_eq!(client.response().1, "other GET /x 0");
}

#[test]
fn a_taken_port_is_an_error_that_says_what_to_do_and_is_tried_again() {
    let theirs = TcpListener::bind((LOOPBACK, 0)).unwrap();
    let port = theirs.local_addr().unwrap().port();
    let mut options = options();
    options.port_map.insert(81, port);
    let gate = Gate::empty(options);
    let model = || vec![listener("http-80", 80), listener("http-81", 81)];
    let statuses = gate.apply(model());
    let error = statuses[1].error.clone().unwrap();
    assert!(error.contains("--map-port 81:8080"), "{error}");
    assert_eq!(statuses[1].bound, None);
    gate.connect().send(get("/")).response();

    drop(theirs);
    let statuses = gate.apply(model());
    assert_eq!(statuses[1].bound.map(|b| b.port()), Some(port), "{statuses:?}");
}

#[test]
fn a_port_that_another_gateway_shares_is_taken_too() {
    let first = Gate::http();
    let mut options = options();
    options.port_map.insert(80, first.address("http-80").port());
    let second = Gate::empty(options);
    let statuses = second.apply(vec![listener("http-80", 80)]);
    assert!(statuses[0].error.is_some(), "{statuses:?}");
}

#[test]
fn two_listeners_of_one_port_are_an_error_of_the_second() {
    let gate = Gate::empty(options());
    let mut twin = listener("twin", 80);
    twin.protocol = Protocol::Https;
    let statuses = gate.apply(vec![listener("http-80", 80), twin]);
    assert!(statuses[0].error.is_none());
    assert!(
        statuses[1].error.as_ref().unwrap().contains("http-80"),
        "{statuses:?}"
    );
}

#[test]
fn every_worker_serves_every_listener() {
    let mut options = options();
    options.workers = 3;
    let gate = Gate::with(options);
    let workers = gate.proxy.listener_fds().len();
    assert_eq!(workers, 3);
    let clients: Vec<Client> = (0..30).map(|_| gate.connect()).collect();
    for mut client in clients {
        client.send(get("/x"));
        assert_eq!(client.response().1, "http-80 GET /x 0");
    }
}

#[test]
fn the_pipeline_stands_behind_the_connections_and_the_sink_hears_of_both() {
    let (proxy, records) = with_pipeline(options());
    let model = Model {
        listeners: vec![Arc::new(listener("http-80", 80))],
        ..Model::default()
    };
    let statuses = proxy.apply(&Arc::new(model));
    let address = statuses[0].bound.unwrap();
    assert_eq!(proxy.snapshot().version, 1);
    let mut client = Client::connect(address);
    assert_eq!(
        super::support::statuses(&client.send(get("/x")).response().0),
        [404]
    );
    assert_eq!(super::support::statuses(&client.send("BAD\r\n").rest()), [400]);
    eventually(|| records.lock().unwrap().len() == 2);
    assert_eq!(
        *records.lock().unwrap(),
        [(404, "no_route".to_owned()), (400, "method".to_owned())]
    );
}

#[test]
fn after_a_drain_nothing_is_bound() {
    let gate = Gate::http();
    gate.proxy.drain(PATIENCE);
    assert_eq!(gate.proxy.listeners(), []);
    let statuses = gate.apply(vec![listener("http-80", 80)]);
    assert!(
        statuses[0].error.as_ref().unwrap().contains("drained"),
        "{statuses:?}"
    );
}

/// Runs a drain beside the test.
fn draining(gate: &Gate, timeout: Duration) -> std::thread::JoinHandle<seaway_proxy::Drained> {
    let proxy = Arc::clone(&gate.proxy);
    std::thread::spawn(move || proxy.drain(timeout))
}

#[test]
fn a_drain_finishes_what_is_running_and_what_is_queued() {
    let gate = Gate::http();
    // The only worker is kept busy, so that the next connection stays in the kernel's queue.
    let mut running = gate.connect();
    running.send(get("/block"));
    gate.next();
    let mut queued = gate.connect();
    queued.send(get("/queued"));
    let drain = draining(&gate, PATIENCE);
    gate.release.add_permits(1);
    for client in [&mut running, &mut queued] {
        let answer = client.rest();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    assert_eq!(drain.join().unwrap().cut_off, 0);
}

#[test]
fn an_idle_connection_may_ask_once_more_while_draining() {
    let mut options = options();
    options.limits.drain_grace = PATIENCE;
    let gate = Gate::with(options);
    let mut client = gate.connect();
    client.send(get("/")).response();
    let address = gate.address("http-80");
    let drain = draining(&gate, PATIENCE);
    while TcpStream::connect(address).is_ok() {}
    let answer = client.send(get("/last")).rest();
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.contains("connection: close"),
        "{answer}"
    );
    assert_eq!(drain.join().unwrap().cut_off, 0);
}

#[test]
fn an_idle_connection_does_not_hold_up_a_drain() {
    let mut options = options();
    options.limits.drain_grace = Duration::from_millis(10);
    let gate = Gate::with(options);
    let mut client = gate.connect();
    client.send(get("/")).response();
    assert_eq!(draining(&gate, PATIENCE).join().unwrap().cut_off, 0);
    assert_eq!(client.rest(), "");
}

#[test]
fn a_drain_waits_for_upgraded_connections() {
    let gate = Gate::http();
    let mut client = gate.connect();
    client.send("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    client.until("\r\n\r\n");
    let address = gate.address("http-80");
    let drain = draining(&gate, PATIENCE);
    while TcpStream::connect(address).is_ok() {}
    client.send("still here\n");
    assert_eq!(client.until("\n"), "still here\n");
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(drain.join().unwrap().cut_off, 0);
}

#[test]
fn a_drain_ends_with_its_time() {
    let gate = Gate::http();
    let mut client = gate.connect();
    client.send(get("/hold"));
    gate.next();
    assert_eq!(gate.proxy.drain(Duration::from_millis(10)).cut_off, 1);
    assert_eq!(gate.proxy.connections(), 0);
}

#[test]
fn a_new_process_takes_over_the_very_sockets() {
    let old = Gate::http();
    let address = old.address("http-80");
    let mut options = options();
    options.workers = 2;
    options.inherited = old
        .proxy
        .listener_fds()
        .into_iter()
        .map(|(key, fd)| (key, Arc::new(duplicate(fd))))
        .collect();
    let new = Gate::with(options);
    assert_eq!(new.address("http-80"), address);
    old.proxy.drain(PATIENCE);
    for _ in 0..10 {
        let mut client = Client::connect(address);
        client.send(get("/x"));
        assert_eq!(client.response().1, "http-80 GET /x 0");
    }
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

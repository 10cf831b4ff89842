//! Ports whose protocol changes, and ports of two transports.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use seaway_model::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::support::*;

#[tokio::test]
async fn a_port_keeps_its_sockets_when_its_protocol_changes() {
    let gate = Gate::new();
    let endpoint = echo("!").await;
    let clusters = || vec![cluster("c", &[endpoint])];
    let http = || Listener {
        name: "one".into(),
        ..listener(9000, Protocol::Http, None)
    };
    gate.serve(vec![http()], Vec::new(), Vec::new());
    let address = gate.address(9000);
    let is_over = Arc::new(AtomicBool::new(false));
    // Somebody connects all the time, and is never refused.
    let connecting = tokio::spawn({
        let is_over = Arc::clone(&is_over);
        async move {
            let mut count = 0;
            while !is_over.load(Ordering::SeqCst) {
                let mut client = within(TcpStream::connect(address)).await.unwrap();
                // One after the other: whoever it is that accepted sees it to its end.
                client.shutdown().await.ok();
                within(client.read_to_end(&mut Vec::new())).await.ok();
                count += 1;
            }
            count
        }
    });
    for _ in 0..5 {
        gate.serve(
            vec![listener(9000, Protocol::Tcp, Some(to("c")))],
            clusters(),
            Vec::new(),
        );
        assert_eq!(gate.address(9000), address);
        let mut client = gate.connect(9000).await;
        assert_eq!(read(&mut client, 1).await, b"!");
        gate.serve(vec![http()], Vec::new(), Vec::new());
        let mut client = gate.connect(9000).await;
        write(&mut client, GET).await;
        assert!(introduction(&rest(&mut client).await).starts_with("one "));
    }
    is_over.store(true, Ordering::SeqCst);
    assert!(connecting.await.unwrap() > 0);
}

#[tokio::test]
async fn requests_under_way_are_finished_when_the_protocol_changes() {
    let gate = Gate::new();
    gate.serve(vec![listener(9000, Protocol::Http, None)], Vec::new(), Vec::new());
    let mut before = gate.connect(9000).await;
    write(&mut before, b"GET / HTTP/1.1\r\n").await;
    // Accepted, since a later one is answered.
    let mut later = gate.connect(9000).await;
    write(&mut later, GET).await;
    rest(&mut later).await;
    let clusters = vec![cluster("c", &[echo("!").await])];
    gate.serve(
        vec![listener(9000, Protocol::Tcp, Some(to("c")))],
        clusters,
        Vec::new(),
    );
    write(&mut before, b"Host: a\r\n\r\n").await;
    let answer = String::from_utf8(rest(&mut before).await).unwrap();
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn a_port_may_be_of_both_transports() {
    let gate = Gate::new();
    let statuses = gate.serve(
        vec![
            listener(53, Protocol::Tcp, Some(to("c"))),
            listener(53, Protocol::Udp, Some(to("c"))),
        ],
        vec![cluster("c", &[])],
        Vec::new(),
    );
    let words: Vec<_> = statuses
        .iter()
        .map(|status| serde_json::to_value(status.protocol).unwrap())
        .collect();
    assert_eq!(words, ["tcp", "udp"]);
    let names: Vec<String> = gate
        .proxy
        .listener_fds()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["tcp|127.0.0.1|53", "udp|127.0.0.1|53"]);
}

#[tokio::test]
async fn two_listeners_of_one_port_and_transport_are_an_error_of_the_second() {
    let gate = Gate::new();
    let twins = vec![
        listener(53, Protocol::Http, None),
        listener(53, Protocol::Tcp, None),
    ];
    let statuses = gate.proxy.apply(&Arc::new(model(twins, Vec::new(), Vec::new())));
    assert_eq!(statuses[0].error, None);
    let error = statuses[1].error.as_deref().unwrap();
    assert!(error.contains("http-53"), "{error}");
}

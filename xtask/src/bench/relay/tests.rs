use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;
use std::thread;

use super::*;

/// What does not repeat within a buffer, so that a piece in another place would be seen.
fn bytes(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at / 251 + at % 251).to_le_bytes()[0])
        .collect()
}

/// A relay between a client and an upstream that sends back what it gets; gives what the client got of these messages.
/// Everything has ended when it returns.
fn echoed(messages: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let here = (Ipv4Addr::LOCALHOST, 0);
    let upstream = TcpListener::bind(here).expect("a listener");
    let to = upstream.local_addr().expect("an address");
    let listener = TcpListener::bind(here).expect("a listener");
    let address = listener.local_addr().expect("an address");
    thread::scope(|scope| {
        scope.spawn(move || {
            let (mut stream, _) = upstream.accept().expect("the relay connects");
            let mut reader = stream.try_clone().expect("a second handle");
            io::copy(&mut reader, &mut stream).expect("an echo");
        });
        scope.spawn(move || {
            let mut relay = Relay::new(listener, to).expect("a relay");
            // The only link is free again when both of its sides are done.
            while relay.free.is_empty() {
                relay.turn().expect("a turn");
            }
        });
        let mut client = TcpStream::connect(address).expect("the relay listens");
        let echo = |message: &Vec<u8>| {
            let mut writer = client.try_clone().expect("a second handle");
            let writing = scope.spawn({
                let message = message.clone();
                move || writer.write_all(&message).expect("the relay takes it")
            });
            let mut answer = vec![0; message.len()];
            client.read_exact(&mut answer).expect("it comes back");
            writing.join().expect("written");
            answer
        };
        let answers = messages.iter().map(echo).collect();
        client.shutdown(std::net::Shutdown::Write).expect("an end");
        let mut more = Vec::new();
        client.read_to_end(&mut more).expect("the end comes back");
        assert!(more.is_empty(), "more came back than was sent");
        answers
    })
}

#[test]
fn small_messages_come_through_one_after_the_other() {
    let messages: Vec<_> = (1..200).map(bytes).collect();
    assert_eq!(echoed(&messages), messages);
}

#[test]
fn a_megabyte_comes_through_and_so_does_what_is_small_after_it() {
    let messages = [bytes(1 << 20), bytes(10), bytes(1 << 20), bytes(1 << 16)];
    assert!(
        echoed(&messages) == messages,
        "what came back is not what was sent"
    );
}

//! What is left of streams, and who is called.

mod pair;

use std::sync::Arc;
use std::task::{Wake, Waker};

use bytes::Bytes;
use http::{Request, Response};

use super::*;
use crate::handle::Handle;

fn server() -> Core {
    let allowance = Allowance {
        streams: 100,
        early_resets: 20,
        connect: false,
    };
    let mut core = Core::server(Limits::default(), allowance);
    let mut input = BytesMut::from(frame::PREFACE);
    frame::settings(&mut input, 0, &[]);
    core.receive(&mut input).unwrap();
    core
}

#[test]
fn the_line_for_the_connections_window_forgets_streams_that_are_gone() {
    let mut core = server();
    core.sends = 0;
    for number in 0..10_000 {
        let id = 2 * number + 1;
        let mut input = BytesMut::new();
        // GET http / without an authority, from the static table.
        let head = frame::Head {
            length: 3,
            kind: frame::HEADERS,
            flags: frame::END_STREAM | frame::END_HEADERS,
            stream: id,
        };
        input.extend_from_slice(&head.bytes());
        input.extend_from_slice(&[0x82, 0x86, 0x84]);
        core.receive(&mut input).unwrap();
        let (key, _) = core.accept().unwrap();
        core.respond(key, &Response::new(()), false).unwrap();
        core.send_content(key, Bytes::from_static(b"waits"), true)
            .unwrap();
        (0..2).for_each(|_| drop(core.let_go(key)));
        frame::reset(&mut input, id, Reason::CANCEL);
        core.receive(&mut input).unwrap();
    }
    assert_eq!((core.streams.len(), core.keys.len()), (0, 0));
    assert!(core.queue.len() <= 1000, "{}", core.queue.len());
}

struct Task;

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_task_that_asks_for_a_place_again_and_again_is_called_once() {
    let mut core = Core::client(Limits::default());
    core.allowed.streams = 0;
    let waker = Waker::from(Arc::new(Task));
    (0..100).for_each(|_| assert!(!core.has_place(&waker)));
    assert_eq!(core.openers.len(), 1);
}

/// A task that is gone when nobody can call it any more, and a stream with it.
struct Owner {
    _stream: Handle,
}

impl Wake for Owner {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_task_that_is_dropped_with_its_waker_may_let_go_of_a_stream() {
    let shared = Arc::new(Shared::new(Core::client(Limits::default())));
    let [first, second] = [0, 1].map(|_| {
        let key = shared.with(|core| {
            let key = core.open(&Request::new(()), true).unwrap();
            core.hold(key);
            key
        });
        Handle::hearing(Arc::clone(&shared), key)
    });
    let owner = Waker::from(Arc::new(Owner { _stream: second }));
    // It waits for an error, and the stream ends without one.
    assert!(
        shared
            .with(|core| core.poll_error(first.key(), &owner))
            .is_pending()
    );
    shared.with(|core| core.came_to_end(first.key()));
    drop(owner);
    drop(first);
    assert_eq!(shared.with(|core| core.streams.len()), 0);
}

#[test]
fn a_connection_whose_numbers_are_used_up_ends_with_its_last_stream() {
    let shared = Arc::new(Shared::new(Core::client(Limits::default())));
    let key = shared.with(|core| {
        core.next = crate::settings::MOST_WINDOW;
        let key = core.open(&Request::new(()), true).unwrap();
        core.hold(key);
        key
    });
    let last = Handle::hearing(Arc::clone(&shared), key);
    shared.with(|core| {
        assert!(core.open(&Request::new(()), true).is_err());
        assert!(!core.is_done());
    });
    drop(last);
    assert!(shared.with(|core| core.is_done()));
}

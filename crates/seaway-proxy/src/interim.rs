//! Answers before the answer (1xx; RFC 9110, 15.2), on their way from an endpoint's codec to a client's.
//!
//! A proxy passes them on, but there nearly never are any, so no request carries anything for them. Who polls a handler's
//! future listens on its thread meanwhile; what an endpoint's codec says in that very poll is about that very request.
//! What is said otherwise, to the task of a mirrored copy, is heard by nobody. A channel among a request's extensions was
//! rejected: each request would pay for it.
//!
//! An endpoint's 100 is not passed on as it is: the client is told to go on when its body is asked for, which waits for
//! that ([`Gate`](crate::body::Gate)). 101 is no answer before the answer, but an end.

use std::cell::{Cell, RefCell};

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Response, StatusCode};

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Deaf,
    Listening,
    Heard,
}

thread_local! {
    static STATE: Cell<State> = const { Cell::new(State::Deaf) };
    static HEARD: RefCell<Vec<Response<()>>> = const { RefCell::new(Vec::new()) };
}

/// Listens during a poll. Says whether there is something to [`take`], which must be done before anybody else listens.
pub(crate) fn listen<T>(poll: impl FnOnce() -> T) -> (T, bool) {
    STATE.set(State::Listening);
    let polled = poll();
    (polled, STATE.replace(State::Deaf) == State::Heard)
}

/// What was heard, in its order.
#[cold]
pub(crate) fn take() -> Vec<Response<()>> {
    HEARD.take()
}

/// Says an endpoint's answer, of which the fields are the message's own, not its connection's.
#[cold]
pub(crate) fn say(status: StatusCode, mut headers: HeaderMap) {
    if matches!(status, StatusCode::CONTINUE | StatusCode::SWITCHING_PROTOCOLS) {
        return;
    }
    // There is no content (RFC 9110, 8.6; RFC 9112, 6.1).
    headers.remove(CONTENT_LENGTH);
    headers.remove(TRANSFER_ENCODING);
    hear(status, headers);
}

/// Says that the request's content is wanted. For a codec that does not see it being asked for.
#[cold]
pub(crate) fn go_on() {
    hear(StatusCode::CONTINUE, HeaderMap::new());
}

fn hear(status: StatusCode, headers: HeaderMap) {
    if STATE.get() == State::Deaf {
        return;
    }
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    HEARD.with_borrow_mut(|heard| {
        // After a poll that panicked there may be what nobody took.
        if STATE.replace(State::Heard) == State::Listening {
            heard.clear();
        }
        heard.push(response);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints() -> StatusCode {
        StatusCode::from_u16(103).unwrap()
    }

    #[test]
    fn what_is_said_in_a_poll_is_heard_by_who_polls() {
        let ((), was_heard) = listen(|| {
            say(hints(), HeaderMap::new());
            say(StatusCode::PROCESSING, HeaderMap::new());
        });
        let statuses: Vec<_> = take().iter().map(|head| head.status().as_u16()).collect();
        assert_eq!((was_heard, statuses), (true, vec![103, 102]));
    }

    #[test]
    fn what_is_said_outside_of_a_poll_is_heard_by_nobody() {
        say(hints(), HeaderMap::new());
        let ((), was_heard) = listen(|| ());
        assert!(!was_heard && take().is_empty());
    }

    #[test]
    fn what_nobody_took_is_not_heard_by_the_next() {
        listen(|| say(hints(), HeaderMap::new()));
        let ((), was_heard) = listen(|| say(StatusCode::PROCESSING, HeaderMap::new()));
        assert!(was_heard);
        assert_eq!(take().len(), 1);
    }
}

//! Holds a request body back until the upstream says `100 Continue`.
//!
//! Our HTTP/1.1 tells the client to continue as soon as its body is asked for, and towards the upstream it asks for the body
//! as soon as it has the head. Without a gate a client that asked "may I?" would be told yes by us before the upstream had
//! a say, and an upload that the upstream refuses would cross the network for nothing. An upstream that never answers
//! with 100 is allowed by RFC 9110, 10.1.1, so the gate opens by itself after a second, as curl does.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Sleep;

/// How long an upstream may keep silent before the body is sent anyway.
const PATIENCE: Duration = Duration::from_secs(1);

/// The waiting side.
#[derive(Debug)]
pub(crate) struct Gate {
    state: Arc<State>,
    patience: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug, Default)]
struct State {
    open: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Gate {
    /// A closed gate, and what opens it.
    pub(crate) fn new() -> (Self, impl Fn() + Send + Sync + 'static) {
        let state = Arc::new(State::default());
        let opener = Arc::clone(&state);
        let gate = Self {
            state,
            patience: None,
        };
        (gate, move || {
            opener.open.store(true, Ordering::Release);
            let waker = opener.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        })
    }

    /// Ready once the body may be sent.
    pub(crate) fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        *self.state.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        if self.state.open.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        self.patience
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(PATIENCE)))
            .as_mut()
            .poll(cx)
    }
}

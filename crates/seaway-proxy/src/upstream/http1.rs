//! HTTP/1.1 to an endpoint.
//!
//! No task and no channel: a request owns its connection while it uses it, and drives it from its own task, so that a
//! request costs one write and one read and wakes nobody. hyper's client, which this replaces, hands every request to a
//! task of the connection and its answer back: a prototype lost a quarter of its time there. hyper stays the oracle
//! of a test that shows both the same bytes.
//!
//! ```text
//!  Call: head and first piece of the body in one write (encode, sending) ─▶ the answer's head (head)
//!    ├─ the whole body came with it ─▶ the connection goes back to its pool, before anybody sees the answer
//!    └─ otherwise ─▶ Incoming: reads on as it is polled (framing, chunked), and sends what is left of the request
//! ```
//! Buffers are the thread's ([`scratch`]) while little flows, and the request's own once more does. An idle connection
//! has none.
//!
//! Strict on what comes (RFC 9112): what two readers could read differently is refused, also where other clients are
//! lenient. See [`head`] and [`framing`].

mod call;
mod chunked;
mod encode;
mod framing;
mod head;
mod incoming;
mod reading;
mod scratch;
mod sending;

use std::sync::Arc;

pub(super) use call::Call;
pub use reading::{Asked, End, Reading, read};

/// Among the extensions of a request: hears that the endpoint wants the body (100, Continue).
#[derive(Clone)]
pub(crate) struct OnContinue(pub(crate) Arc<dyn Fn() + Send + Sync>);

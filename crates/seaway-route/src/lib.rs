//! The one implementation of matching.
//!
//! Owns the way from a [`seaway_model::Model`] to an immutable [`RouteTable`], the decision of a request against it, what
//! a decision does to the request (rewrite, redirect, CORS, header changes), and the explanation of all of that. The
//! proxy, `explain`, the tests and the fuzzers call the same functions. Refuses to do I/O, to read a clock, and to
//! roll dice: where chance decides, it says the odds.

mod decide;
mod table;

pub use decide::{Decision, Matched, RequestHead};
pub use table::{CompiledRoute, ListenerTable, RouteId, RouteTable};

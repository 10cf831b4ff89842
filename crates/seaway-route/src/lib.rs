//! The one implementation of matching.
//!
//! Owns the way from a [`seaway_model::Model`] to an immutable [`RouteTable`], the decision of a request against it, what
//! a decision does to the request (rewrite, redirect, CORS, header changes), and the explanation of all of that. The
//! proxy, `explain`, the tests and the fuzzers call the same functions. Refuses to do I/O, to read a clock, and to
//! roll dice: where chance decides, it says the odds.

mod arrival;
mod compiled;
mod conditions;
mod cors;
mod decide;
pub mod effect;
pub mod explain;
mod expression;
#[cfg(test)]
mod fixture;
mod headers;
mod index;
pub mod normalize;
mod table;
mod values;

pub use arrival::Arrival;
pub use compiled::{CompiledDestination, CompiledRoute, Does};
pub use cors::{CompiledCors, PreflightAnswer};
pub use decide::{Decision, Matched, RequestHead};
pub use explain::{ExplainRequest, Explanation, UnusableRequest, explain, explain_json_line};
pub use headers::HeaderEdit;
pub use table::{ClusterId, ListenerTable, RouteId, RouteTable};

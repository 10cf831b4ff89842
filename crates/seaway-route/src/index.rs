//! The indexes: which virtual host, and which of its routes come into question.
//!
//! They only propose. Every candidate is then put to [`crate::conditions`], in the model's order, so the answer is that of
//! a scan over all routes; a property test holds the two together.

mod facets;
mod hosts;
mod paths;

pub(crate) use hosts::HostIndex;
pub(crate) use paths::PathIndex;

/// Numbers of routes, nodes and bytes fit into 32 bits by far; one that did not would be proposed wrongly, never
/// matched wrongly.
fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

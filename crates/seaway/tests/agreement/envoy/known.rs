//! What Envoy does otherwise, as `docs/parity.md` has it.

use seaway_route::Explanation;

use crate::requests::Ask;

/// A heading of that page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// Requests that two readers could read in two ways.
    BadRequest,
}

impl Known {
    /// All of them.
    pub const ALL: &[Self] = &[Self::BadRequest];
}

/// The heading that tells of a difference; none if it is a bug.
pub fn known(_: &Ask, explanation: &Explanation<'_>, _: &[String]) -> Option<Known> {
    let reason = explanation.respond.map(|answer| answer.reason);
    if reason == Some("bad_request") {
        return Some(Known::BadRequest);
    }
    None
}

//! Ways into hot paths that are nobody's business but our benchmarks'.
//!
//! Hidden from the documentation and free to change. It exists so that `benches/` can measure a step alone, and keep
//! its name and its stored figure when what is behind it is replaced.

use http::Request;

use crate::body::Body;
use crate::downstream::guard::HeadLimits;
use crate::downstream::read_head;

pub use crate::upstream::bench::{Checkout, choose};

/// Reads the head of a request that came at once, as connections do: to the request that handlers get. `None` where it
/// is not understood.
#[must_use]
pub fn parse(head: &[u8]) -> Option<Request<Body>> {
    let limits = HeadLimits {
        bytes: 65_536,
        fields: 100,
    };
    read_head(head, limits)
}

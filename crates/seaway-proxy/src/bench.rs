//! Ways into hot paths that are nobody's business but our benchmarks'.
//!
//! Hidden from the documentation and free to change. It exists so that `benches/` can measure a step alone, and keep
//! its name and its stored figure when what is behind it is replaced.

use crate::downstream::guard::{Guard, HeadLimits};

pub use crate::upstream::bench::{Checkout, choose};

/// Reads the heads of requests, one after the other, as a connection does.
#[derive(Debug)]
pub struct Parser(Guard);

impl Default for Parser {
    fn default() -> Self {
        let limits = HeadLimits {
            bytes: 65_536,
            fields: 100,
        };
        Self(Guard::new(limits, false))
    }
}

impl Parser {
    /// Reads one. Whether it was understood to its end.
    pub fn parse(&mut self, head: &[u8]) -> bool {
        let fed = self.0.feed(head);
        fed.consumed == head.len() && fed.stop.is_none()
    }
}

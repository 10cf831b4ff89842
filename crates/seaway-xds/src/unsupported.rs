//! What was said and cannot be carried over.

use std::fmt;
use std::sync::Arc;

use seaway_model::Origin;

/// Something that the model says and Envoy cannot do, or does differently.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unsupported {
    /// Where it was written.
    pub origin: Origin,
    /// What cannot be done, as the model names it: `sources`, `weights of a UDP route`.
    pub what: Arc<str>,
    /// Why not, and what Envoy does instead.
    pub why: Arc<str>,
}

/// `HttpRoute shop/shop, shop.yaml:7:5: sources: …`
impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.origin)?;
        if let Some(position) = &self.origin.position {
            write!(f, ", {position}")?;
        }
        write!(f, ": {}: {}", self.what, self.why)
    }
}

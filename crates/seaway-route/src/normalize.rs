//! The one reading of a host and of a path, and of what a client says of its way here.
//!
//! What is matched here is what is forwarded, so these functions give the only form that later stages see. They refuse
//! whatever two readers could read differently, rather than guess which reading the upstream has; the proxy answers
//! 400. Percent-encodings of what needs none are undone; all others stay as they are: decoding them would change what the
//! upstream gets, and an encoded slash is data, not a separator.

mod claims;
mod host;
mod path;

pub use claims::distrust;
pub use host::{Authority, BadHost, authority, host};
pub use path::{ASTERISK, BadPath, path, query};

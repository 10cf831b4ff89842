//! Where resources come from.
//!
//! Owns finding, reading and watching files, and what to believe of a file that is being written. Refuses to judge what
//! is in them: that is `seaway-api` for one object, and `seaway-compile` for all. No async runtime: a thread that waits
//! is enough, and starts and ends with its owner.

mod discover;
mod files;
mod state;
mod watch;

pub use files::Files;
pub use state::Policy;
pub use watch::{Update, Watcher};

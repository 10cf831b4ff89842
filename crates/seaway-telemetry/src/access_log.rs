//! The access log: one line for each request, and for each relayed connection when it is over.
//!
//! `format` reads what `--access-log` says, once. `value` knows what can be said of them, `json` and `format`
//! write it, `escape` makes sure that no client can write a line of its own. `writer` takes lines from the workers to the
//! output without ever making a worker wait.

mod escape;
mod format;
mod json;
mod time;
mod value;
mod writer;

pub use format::{FormatError, LogFormat};
pub(crate) use format::{OPERATORS, TEXT};
pub(crate) use json::FIELDS;
pub use writer::AccessLog;
pub(crate) use writer::LogLane;

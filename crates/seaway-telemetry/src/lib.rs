//! Metrics and the access log.
//!
//! Owns names, labels, buckets, formats, and the counting itself, which takes no lock on the data path: each worker
//! thread counts in a shard of its own, and shards are summed when they are read.

mod record;

pub use record::{Flag, RequestRecord, RequestSink, Sinks};

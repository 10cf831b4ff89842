//! Metrics and the access log.
//!
//! Owns names, labels, buckets, formats, and the counting itself, which takes no lock on the data path: each worker
//! thread counts in a shard of its own, and shards are summed when they are read.
//!
//! Rooms: `record` and `connection` are the contract with the data plane, `worker` the hot path, `registry` and `series` the shards,
//! `labels` what Istio's labels say, `catalog` every metric, `exposition` the formats of a scrape, `access_log` the log,
//! `reference` the document made from all of it. What happens to connections is counted where it happens; a collector
//! ([`Telemetry::register`]) adds it to a scrape.

mod access_log;
pub mod catalog;
mod connection;
mod exposition;
#[cfg(test)]
mod fixture;
mod labels;
mod process;
mod record;
mod reference;
mod registry;
mod series;
mod status;
mod telemetry;
mod worker;

pub use access_log::{AccessLog, FormatError, LogFormat};
pub use connection::{Bytes, ConnectionRecord, Transport};
pub use exposition::{Exposition, Format, Samples, Value};
pub use labels::Identity;
pub use record::{Flag, RequestRecord, RequestSink, Sinks};
pub use reference::reference_markdown;
pub use status::Reload;
pub use telemetry::{Collector, Config, Telemetry};

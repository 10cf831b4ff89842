//! Finds an endpoint for a request and speaks to it.
//!
//! What must outlive a version of the configuration is kept here, in a [`Registry`], under the name of the cluster:
//! the states of its endpoints, its balancer's turn, its retry budget, its DNS answer. A version holds a
//! [`ClusterMap`] into the registry, so a request finds its cluster without a lock.
//!
//! Decisions are pure cores that are given their randomness and their time: [`balance`], [`outlier`], [`budget`], and
//! the schedule in [`dns`]. Circuit breakers are counts that are taken and given back exactly, over all threads. Connections are pooled per worker thread, in a `thread_local!` that is touched in short
//! closures only: no lock and no hand-over between threads on the way of a request. The price is up to one idle
//! connection per thread where a shared pool needs one; it was measured ten per cent cheaper all the same.
//!
//! What is not done here: retries, mirrors, time-outs of a request, and changes to its head other than those that the
//! wire asks for. They are the pipeline's. Endpoints' counters are single relaxed atomics, shared between threads
//! and each endpoint's on cache lines of its own: a balancer needs one number, and shards would have to be summed per
//! choice.

pub mod balance;
pub(crate) mod bench;
mod breakers;
pub mod budget;
mod classify;
mod cluster;
mod connect;
mod dial;
pub mod dns;
mod endpoint;
pub mod http1;
mod http2;
mod in_flight;
mod kept;
mod members;
pub mod outlier;
mod pool;
mod proxy_header;
mod registry;
mod send;
mod shape;
mod slot;
mod status;
mod stream;
mod tls;
mod transport;

pub use balance::ring::hash_key;
pub use budget::RetryPermit;
pub use cluster::ClusterState;
pub use dial::{ClientAddress, Dialled, dial, pick};
pub(crate) use http1::OnContinue;
pub use in_flight::InFlight;
pub use registry::{ClusterMap, Registry};
pub use send::{Attempt, Client, SendError, Sent, send};
pub(crate) use send::{Trail, Unanswered, send_from};
pub(crate) use slot::Slot;
pub use status::{BreakersStatus, ClusterStatus, DnsState, DnsStatus, EndpointStatus, HealthWord, Taken};
pub use stream::Stream;

//! The upstream half against real sockets on the loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

#[path = "upstream_over_loopback/balancing.rs"]
mod balancing;
#[path = "upstream_over_loopback/connections.rs"]
mod connections;
#[path = "upstream_over_loopback/dns.rs"]
mod dns;
#[path = "upstream_over_loopback/exchanges.rs"]
mod exchanges;
#[path = "upstream_over_loopback/http1.rs"]
mod http1;
#[path = "upstream_over_loopback/http2.rs"]
mod http2;
#[path = "upstream_over_loopback/limits.rs"]
mod limits;
#[path = "upstream_over_loopback/names.rs"]
mod names;
#[path = "upstream_over_loopback/outliers.rs"]
mod outliers;
#[path = "upstream_over_loopback/registry.rs"]
mod registry;
#[path = "upstream_over_loopback/relays.rs"]
mod relays;
#[path = "upstream_over_loopback/support.rs"]
mod support;
#[path = "upstream_over_loopback/tls.rs"]
mod tls;

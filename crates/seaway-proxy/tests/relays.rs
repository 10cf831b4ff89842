//! What is not HTTP, over real loopback sockets: connections and datagrams that are relayed, and what TLS and the PROXY
//! protocol say of who is there.
//!
//! Nothing here sleeps: a test waits for bytes, for the end of a connection, or for the sink to hear of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what goes wrong in a test has to stop it"
)]

#[path = "relays/bulk.rs"]
mod bulk;
#[path = "relays/client_certificates.rs"]
mod client_certificates;
#[path = "relays/listeners.rs"]
mod listeners;
#[path = "relays/proxy_protocol.rs"]
mod proxy_protocol;
#[path = "relays/server_names.rs"]
mod server_names;
#[path = "relays/support.rs"]
mod support;
#[path = "relays/tcp.rs"]
mod tcp;
#[path = "relays/tls_parameters.rs"]
mod tls_parameters;
#[path = "relays/udp.rs"]
mod udp;

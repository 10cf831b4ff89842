//! The side that faces clients: accepting, TLS, HTTP/1.1 and HTTP/2, limits, time-outs, farewells.
//!
//! The way of a connection: `accept` admits it, `site` takes the header of the PROXY protocol off where there is one, takes
//! it through TLS (`crate::tls`) to a protocol, or to `crate::l4` if it is not HTTP; `http1`
//! or `http2` speaks it, and each request goes to a [`Handler`]. What HTTP/1.1 hears is judged by the
//! [`guard`]. This room knows nothing of routes; what it answers itself is what is no request at all.

mod accept;
mod answer;
mod clock;
mod closing;
mod connections;
mod crowd;
mod frames;
pub mod guard;
mod handler;
mod http1;
mod http2;
mod patience;
mod proxy_protocol;
mod resets;
mod site;
mod socket;
mod stats;

pub(crate) use accept::{Acceptor, Leaving, Slot};
pub(crate) use clock::LazyTimer;
pub(crate) use closing::Closing;
pub use connections::{Connections, Permit};
pub(crate) use crowd::Presence;
pub use handler::Handler;
pub use http1::serve as serve_http1;
pub(crate) use site::Site;
pub use stats::{Counters, Stats};

//! Traffic that is not HTTP: connections and datagrams that are relayed as they are.
//!
//! [`tcp`] takes a connection from the downstream side (plain, with TLS taken off, or with TLS that is somebody else's),
//! finds an endpoint and joins the two in a [`relay`]; [`udp`] does the same for datagrams, in sessions of a client's
//! address. [`account`] tells the sink of both. Nothing here reads what it carries.
//!
//! A connection keeps the endpoint that it was given for as long as it lives, whatever becomes of the configuration; new
//! ones go by the new configuration. It holds on to nothing of the version that it began in but its route's origin and
//! its cluster, so that ten thousand connections of last week do not keep last week's routes in memory.
//!
//! Between plain sockets the system moves what flows in bulk, by `splice(2)` through a [`pipe`]: half the cost of copying.
//! For short messages and with TLS it is no use. They go through one buffer of the thread, which costs an idle
//! connection nothing at all.

pub(crate) mod account;
mod pipe;
pub(crate) mod relay;
mod space;
pub(crate) mod tcp;
pub(crate) mod udp;

pub(crate) use relay::{Ended, Moved, Relay};
pub(crate) use tcp::Relayed;
pub(crate) use udp::Datagrams;

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
//! `splice(2)` was considered for plain TCP. It saves the copy, but needs a pipe (two descriptors and 64 KiB of kernel
//! memory) for each direction of a connection that moves something, and TLS cannot use it. Copying through one buffer of
//! the thread costs an idle connection nothing at all, and is fast enough that the loopback is the limit.

pub(crate) mod account;
pub(crate) mod relay;
mod space;
pub(crate) mod tcp;
pub(crate) mod udp;

pub(crate) use tcp::Relayed;
pub(crate) use udp::Datagrams;

//! HTTP/2 (RFC 9113) as a proxy needs it: frames, header compression, streams and windows, on both sides of a connection.
//!
//! Owns what the RFC says of connections and streams, and refuses what it forbids. Refuses to know anything of proxies:
//! what a request means, how long one may take, and how many frames an honest client sends are decided by whoever uses it.
//! Server push, priorities and upgrades from HTTP/1.1 are not there; the RFC has deprecated them.
//!
//! The well-kept crate for this is `h2`. Two thirds of what a gRPC call cost us beyond the kernel was inside of it: it
//! keeps each frame as an object in several queues, and its compressor looks each field up in a table. Here a frame is
//! handled where it is read, and written where it is made; that halved the instructions of a call. `h2` is the oracle of
//! the tests: each side of this crate talks to the other side of that one, and what arrives must be what was sent.
//!
//! [`core`] is the state of a connection, without I/O; [`driver`] moves bytes between it and a socket; [`client`] and
//! [`server`] are what others see of it.

mod content;
mod core;
mod driver;
mod error;
mod frame;
mod handle;
mod hpack;
mod limits;
mod message;
mod output;
mod settings;
mod stream;

pub mod client;
pub mod server;

pub use error::{By, Error, Reason};
pub use handle::{RecvStream, SendStream};
pub use message::Protocol;

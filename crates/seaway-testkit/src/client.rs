//! Clients for tests: well-behaved ones over hyper, and a raw one that sends whatever bytes it is given.

mod http;
mod raw;
mod tls;
mod ws;

pub use self::http::{Answer, Client, Wire};
pub use raw::{Exchange, Raw, RawAnswer, exchange};
pub use tls::{ClientTls, PeerCertificate};
pub use ws::{WebSocket, websocket};

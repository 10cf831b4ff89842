//! Downstream TLS: certificates by server name, sessions that resume, and handshakes that are refused.
//!
//! A certificate's configuration is built once, when a model that uses it is applied, and kept over changes while its
//! content is the same. The handshake reads the client's hello first, asks the *published* snapshot which secret is for
//! that name, and goes on with that secret's configuration: so certificates change without a restart, and no site is
//! ever answered with another's. A `ResolvesServerCert` inside one configuration for all was rejected, because it
//! cannot see our address (for clients that send no name) and can refuse only with the wrong alert.
//!
//! Sessions are resumed by tickets under keys of this process, common to all workers and all versions of the
//! configuration. rustls binds a ticket to the server name that it was issued for, and the hello is judged before
//! any ticket is looked at, so resumption neither crosses to another name nor outlives its certificate.

mod challenge;
mod client;
mod handshake;
mod store;

#[cfg(test)]
mod tests;

pub use client::ClientCertificate;
pub(crate) use handshake::{HandshakeError, accept};
pub use store::{CertificateError, Certificates};

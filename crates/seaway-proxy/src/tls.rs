//! Downstream TLS: certificates by server name, sessions that resume, and handshakes that are refused.
//!
//! A certificate's configuration is built once, when a model that uses it is applied, and kept over changes while its
//! content is the same. The handshake reads the client's hello first, asks the *published* snapshot which secret is for
//! that name, and goes on with that secret's configuration: so certificates change without a restart, and no site is
//! ever answered with another's. A `ResolvesServerCert` inside one configuration for all was rejected, because it
//! cannot see our address (for clients that send no name) and can refuse only with the wrong alert.
//!
//! A listener may also leave connections to others by their server name. Then the hello is read by [`hello`] first, its
//! bytes are kept, and whoever gets the connection gets them too.
//!
//! Sessions are resumed by tickets under keys of this process, common to all workers and all versions of the
//! configuration. rustls binds a ticket to the server name that it was issued for, and the hello is judged before
//! any ticket is looked at, so resumption neither crosses to another name nor outlives its certificate. A host that asks
//! for something out of the ordinary (a client's certificate, above all) has keys of its own, which go when what it asks
//! for changes: whoever resumes there has proven itself there, and to the same authorities.

mod challenge;
mod client;
mod handshake;
mod hello;
mod profile;
mod store;

#[cfg(test)]
mod tests;

pub use client::ClientCertificate;
pub(crate) use handshake::{Arrived, HandshakeError, Opened, accept};
pub use store::{CertificateError, Certificates, Unusable};

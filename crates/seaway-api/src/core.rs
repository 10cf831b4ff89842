//! The kinds of the core group, and EndpointSlice: only the fields that decide where traffic goes.
//!
//! Fields that Kubernetes has and that decide nothing here are listed as known, so that a typing mistake is still
//! found. A Pod's are not: there are hundreds, and nobody writes a Pod for Seaway alone.

mod endpoints;
mod pod;
mod secret;
mod service;

use std::sync::Arc;

pub use endpoints::{
    EndpointAddress, EndpointPort, EndpointSlice, EndpointSubset, Endpoints, PodRef, SliceEndpoint,
};
pub use pod::Pod;
pub use secret::Secret;
pub use service::{IntOrName, Service, ServicePort, ServiceType};

use crate::Spanned;
use crate::decode::{OneOf, object};

type Text = Spanned<Arc<str>>;

/// `protocol` of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as they are written")]
pub enum TransportProtocol {
    #[default]
    Tcp,
    Udp,
    Sctp,
}

const PROTOCOL: OneOf<TransportProtocol> = OneOf(&[
    ("TCP", TransportProtocol::Tcp),
    ("UDP", TransportProtocol::Udp),
    ("SCTP", TransportProtocol::Sctp),
]);

object! {
    /// A Namespace; its labels are in `meta`.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Namespace {}
    known ["apiVersion", "kind", "metadata", "spec", "status"];
}

#[cfg(test)]
mod tests;

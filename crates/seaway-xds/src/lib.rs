//! The wire to other engines: what the model says, in Envoy's words, and back.
//!
//! [`encode`] makes the five kinds of resources of xDS from a model; [`decode`] reads them again, so that our own proxy is
//! driven by the same bytes as Envoy and there is no private protocol. Both are pure. What the model says and Envoy
//! cannot do is never dropped in silence: it is listed as [`Unsupported`], with the place it was written at.
//!
//! The protobuf types come from `envoy-types`, which follows Envoy's releases and holds every message; generating the few
//! that are used was rejected, because it would mean to keep a copy of somebody else's files. JSON is made by reflection
//! ([`json`]) and never by hand.
//!
//! A decoded model equals the one that was encoded. Origins, and whatever Envoy has no word for, travel in the metadata
//! that Envoy keeps and ignores (`filter_metadata["seaway"]`); everything else is read from Envoy's own fields, so the
//! words of another control plane are understood as well.

mod ads_bootstrap;
mod bootstrap;
pub mod client;
mod decode;
mod encode;
pub mod json;
mod notes;
mod resources;
pub mod server;
mod unsupported;
mod words;

pub use ads_bootstrap::{AdsBootstrap, ads_bootstrap};
pub use bootstrap::static_bootstrap;
pub use decode::{Decoded, Rejected, decode};
pub use encode::{Delivery, Encoded, Options, encode};
pub use envoy_types::pb;
pub use resources::{Kind, Resources};
pub use unsupported::Unsupported;

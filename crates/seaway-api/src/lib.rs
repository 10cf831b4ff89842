//! The resource kinds as users write them.
//!
//! Owns parsing (YAML and JSON, several documents, Lists) and validation of one object at a time. Every value keeps the
//! place where it was written, since every later message must name it. Refuses to know what objects mean together:
//! that is `seaway-compile`. Depends on no other crate of ours.
//!
//! serde is not used to decode: it stops at the first mistake, and forgets places and unknown fields. All three matter
//! more here than saving a macro.

pub mod core;
mod decode;
mod escape;
pub mod http_route;
pub mod https_cert;
pub mod ingress;
pub mod istio;
pub mod node;
mod object;
mod parse;
mod problem;
mod reference;
mod resource;
mod spanned;

pub use escape::idle_escape;
pub use object::{Meta, Object};
pub use parse::parse;
pub use problem::{Fate, Problem, ProblemKind};
pub use reference::{
    FieldReference, KindReference, ObjectReference, istio_markdown, istio_reference, reference,
    reference_markdown,
};
pub use resource::{Resource, Resources};
pub use spanned::{Pos, Spanned};

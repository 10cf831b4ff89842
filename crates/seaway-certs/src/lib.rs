//! Certificate issuers: who fills in the secrets that a model awaits.
//!
//! Compiling never waits for a certificate: it leaves [`seaway_model::Material::Awaited`] in the model. [`fulfil`] replaces
//! what an issuer has by key pairs, before the model is handed to an engine; what stays awaited gets no handshake.
//!
//! There are two kinds of issuers: the local test authority ([`TestCa`]), which answers at once, and ACME ([`acme`]), whose manager
//! has certificates made in a thread of its own. While one is being made nothing self-signed stands in for it: that would
//! look like success. Beside them stand files that somebody else renews, which are only read. The time is passed in; keys come from the cryptographic library's own random source.

pub mod acme;
mod disk;
mod error;
mod files;
mod fulfil;
mod inventory;
mod leaf;
mod store;
mod test_ca;

pub use error::CertError;
pub use fulfil::{Problem, ProblemKind, file_problems, fulfil};
pub use inventory::Inventory;
pub use store::{CertStore, Issued, Issuer};
pub use test_ca::TestCa;

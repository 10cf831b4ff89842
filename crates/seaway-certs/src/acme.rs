//! Certificates by ACME (RFC 8555): had, kept and renewed by themselves.
//!
//! Five parts, each alone testable: [`core`] decides and knows no I/O, [`storage`] keeps, [`worker`] does one step at an
//! authority, [`challenges`] answers it, [`manager`] is the thread that puts them together. Nothing waits for a
//! certificate: what is there serves, and a change is told.
//!
//! The protocol itself is `instant-acme`. Its own waiting loops are not used: a wait is a state, on disk, that a restart
//! or a second process finds.

mod challenges;
mod core;
mod dns;
mod failure;
mod manager;
mod status;
mod storage;
mod transport;
mod wanted;
mod worker;

pub use challenges::Challenges;
pub use core::FailureKind;
pub use manager::{Change, Clock, Manager, ManagerOptions};
pub use status::{AliasStatus, CertState, CertStatus, Counters, utc};
pub use wanted::{Wanted, wanted};

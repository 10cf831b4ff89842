//! Everything that issuing a certificate talks to, on loopback: a real ACME server and fakes of the services around it.
//!
//! [`Pebble`] is Let's Encrypt's own test server, run as a program, so that what we believe of RFC 8555 is checked by
//! people who wrote it; [`ChallengeDns`] is the DNS server that it asks. [`AcmeDns`] and [`Cloudflare`] are written here
//! from their documented protocols, because neither can be had as a program; the records they are given go into the
//! [`ChallengeDns`], so Pebble really looks them up. [`Flaky`] stands in front of Pebble and does what a CA on a bad day
//! does, which Pebble cannot be told to do.
//!
//! The programs are parts, which `cargo xtask parts` brings. Every address is on loopback with a port that the system
//! picked, and whatever was started ends when its handle is dropped.

mod acme_dns;
mod calls;
mod challenge_dns;
mod cloudflare;
mod flaky;
mod lookup;
mod pebble;
mod ports;
mod web;

pub use crate::process::Log;
pub use acme_dns::{AcmeDns, AcmeDnsAccount};
pub use calls::{Call, Calls};
pub use challenge_dns::ChallengeDns;
pub use cloudflare::{Cloudflare, CloudflareRecord};
pub use flaky::{Fault, Flaky, Place, SuggestedRenewal};
pub use pebble::{Pebble, PebbleOptions};
pub use web::Scheme;

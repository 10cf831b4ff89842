//! Fuzz targets, as plain functions of bytes.
//!
//! A target panics when a promise is broken, and otherwise gives a [`Trace`]: a hash of what the input made the code
//! do. libFuzzer has coverage and ignores it; the driver on stable keeps inputs with a new trace, which is coverage
//! enough to get past the first error of a document.
#![allow(
    clippy::panic,
    reason = "a target says by a panic that a promise is broken; that is what fuzzers look for"
)]

pub mod answer;
pub mod config;
pub mod decode;
pub mod guard;
pub mod http2;
pub mod proxy;
pub mod requests;
pub mod strict;

use std::hash::{DefaultHasher, Hash, Hasher};

/// What an input made the code do, in one number. 0: nothing worth keeping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trace(pub u64);

impl Trace {
    /// Of anything that describes it.
    #[must_use]
    pub fn of(description: &impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        description.hash(&mut hasher);
        Self(hasher.finish())
    }
}

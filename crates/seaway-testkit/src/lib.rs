//! What tests and the demonstration share. Never published.
//!
//! Owns the things that more than one crate's tests need: backends that say what they received ([`echo`]), the sample
//! shop of `seaway demo` ([`sample`]), the services of the Bookinfo example ([`bookinfo`]), clients that can misbehave
//! ([`client`]), TLS before them ([`tls_front`]), steady load ([`load`]), certificates ([`certs`]), a real Envoy ([`envoy`]) and the runner of
//! `testdata/cases` ([`cases`]). Knows the model and no other crate of ours, so that every
//! crate can use it in its tests; where a test needs the compiler or the proxy, it hands them in.
//!
//! [`echo`] and [`sample`] run inside the binary too, so they report errors. The rest may panic: a helper of a test that
//! cannot do its work is a failed test.

pub mod acme;
pub mod bookinfo;
pub mod cases;
pub mod certs;
pub mod client;
pub mod echo;
pub mod envoy;
pub mod load;
mod process;
pub mod sample;
mod serve;
pub mod tls_front;

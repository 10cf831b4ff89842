//! ACME (RFC 8555).
#![allow(dead_code, unused_imports)]
mod core;

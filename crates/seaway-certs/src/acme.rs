//! ACME (RFC 8555).
#![allow(dead_code, unused_imports)]
mod challenges;
mod config;
mod core;
mod dns;
mod failure;
mod storage;
mod transport;
mod worker;

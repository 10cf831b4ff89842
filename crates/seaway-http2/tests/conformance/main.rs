//! RFC 9113 rule by rule: a peer that says anything, frame by frame, against our server and our client.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod client_messages;
mod client_rules;
mod client_support;
mod data;
mod floods;
mod frames;
mod goaway;
mod headers;
mod identifiers;
mod messages;
mod preface;
mod server_support;
mod settings;
mod states;
mod windows;
mod wire;

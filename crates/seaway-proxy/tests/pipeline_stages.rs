//! The request pipeline over real sockets on loopback, without the listeners in front of it.

#[path = "pipeline/support.rs"]
mod support;

#[path = "pipeline/answers.rs"]
mod answers;
#[path = "pipeline/bodies.rs"]
mod bodies;
#[path = "pipeline/headers.rs"]
mod headers;
#[path = "pipeline/mirrors.rs"]
mod mirrors;
#[path = "pipeline/retries.rs"]
mod retries;
#[path = "pipeline/splits.rs"]
mod splits;
#[path = "pipeline/timeouts.rs"]
mod timeouts;
#[path = "pipeline/tunnels.rs"]
mod tunnels;

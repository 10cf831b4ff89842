//! What clients may cost: the limits of `run`, `demo` and `proxy`, which mean the same in all three.

use std::time::Duration;

use clap::Args;

use super::values::parse_duration;

/// Limits. Their defaults suit a gateway that faces the Internet.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Bytes of a request head; 431 above, or 414 for the target alone.
    #[arg(long, value_name = "BYTES", default_value = "65536")]
    pub max_head_bytes: usize,
    /// Fields of a request head; 431 above.
    #[arg(long, value_name = "N", default_value = "100")]
    pub max_head_fields: usize,
    /// Time for a request head to arrive.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10s")]
    pub head_timeout: Duration,
    /// Time a connection may wait for its next request.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "75s")]
    pub idle_timeout: Duration,
    /// Time a stream may stand still.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "300s")]
    pub stream_idle_timeout: Duration,
    /// Bytes a second a client must take or give while only it is waited for, over the time a stream may stand still.
    #[arg(long, value_name = "BYTES", default_value = "240")]
    pub min_rate: u64,
    /// Connections from clients, all together.
    #[arg(long, value_name = "N", default_value = "50000")]
    pub max_connections: usize,
    /// Requests under way, all together; 503 above.
    #[arg(long, value_name = "N", default_value = "100000")]
    pub max_requests: usize,
    /// How late a worker may be for long before it sheds new requests with 503; 0 for as late as it is.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "50ms")]
    pub max_delay: Duration,
    /// Memory the process may hold before it sheds new requests with 503 [default: 9/10 of what there is].
    #[arg(long, value_name = "BYTES")]
    pub max_memory: Option<u64>,
    /// Sessions of datagrams, all together.
    #[arg(long, value_name = "N", default_value = "10000")]
    pub max_sessions: usize,
    /// HTTP/2 streams a connection may have open.
    #[arg(long, value_name = "N", default_value = "128")]
    pub max_concurrent_streams: u32,
    /// HTTP/2 streams a client may reset unanswered before its connection is closed.
    #[arg(long, value_name = "N", default_value = "50")]
    pub max_reset_streams: usize,
    /// Bytes of a request body that are kept for a retry.
    #[arg(long, value_name = "BYTES", default_value = "65536")]
    pub max_replay_bytes: usize,
}

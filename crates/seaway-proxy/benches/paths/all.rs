//! The hot paths: each step of a request that every request takes, alone, and the whole way.
//!
//! Each is prepared once and then walked as often as wanted, with the same input and the same randomness every time, so
//! that it takes the same instructions every time.

mod balance;
mod headers;
mod http2;
mod matching;
mod model;
mod parse;
mod pool;
mod record;
mod request;

/// A hot path.
pub struct Path {
    /// Unique, and stable: figures are stored under it.
    pub name: &'static str,
    /// How often it is walked where instructions are counted: the cheaper, the more often.
    pub times: u32,
    /// What is needed for it; gives what walks it so many times.
    pub prepare: fn() -> Walk,
}

/// Walks a path so many times.
pub type Walk = Box<dyn FnMut(u32)>;

/// All of them, in the order of a request.
pub const ALL: &[Path] = &[
    path("parse, a short head", 1000, || parse::head(parse::SHORT)),
    path("parse, a browser's head", 1000, || parse::head(parse::LONG)),
    path("normalise a host and a path", 1000, matching::normalise),
    path("match among 10 routes", 1000, || matching::routes(10)),
    path("match among 10,000 routes", 1000, || matching::routes(10_000)),
    path("match among 10,000 hosts", 1000, || matching::hosts(10_000)),
    path("edit headers", 1000, headers::edit),
    path("balance, least request", 1000, || {
        balance::by(Balancing::LeastRequest)
    }),
    path("balance, round robin", 1000, || {
        balance::by(Balancing::RoundRobin)
    }),
    path("balance, random", 1000, || balance::by(Balancing::Random)),
    path("balance, ring hash", 1000, || balance::by(Balancing::RingHash)),
    path("balance, maglev", 1000, || balance::by(Balancing::Maglev)),
    path("balance, localities", 1000, balance::localities),
    path("pool checkout", 1000, pool::checkout),
    path("record a request", 1000, record::metrics),
    path("a request through the pipeline", OFTEN, request::pipeline),
    path("a request over loopback", OFTEN, request::loopback),
    path("an HTTP/2 request over loopback", OFTEN, http2::get),
    path("a gRPC call over loopback", OFTEN, http2::call),
];

/// A gateway makes keys for tickets of TLS when it is prepared. Gathering the randomness for them takes some four hundred
/// million instructions, now one per cent more and now less, which must not be seen.
const OFTEN: u32 = 10_000;

use seaway_model::Balancing;

const fn path(name: &'static str, times: u32, prepare: fn() -> Walk) -> Path {
    Path { name, times, prepare }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Numbers that look random and are the same in every run (splitmix64).
fn numbers() -> impl FnMut() -> u64 {
    let mut state = 0_u64;
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

//! Time and allocations of the hot paths, beside each other: `cargo bench -p seaway-proxy --bench hot_path`, with a
//! part of a name to see only some.
//!
//! Prints; asserts nothing, since a shared machine's clock proves nothing. What CI holds on to is how many instructions
//! the same paths take: `cargo xtask instructions`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark stops at the first surprise"
)]

#[path = "../../seaway/src/allocator.rs"]
mod allocator;
#[path = "paths/all.rs"]
mod paths;

use divan::{AllocProfiler, Bencher};

use self::allocator::Allocator;

/// The program's allocator, watched.
#[global_allocator]
static ALLOCATOR: AllocProfiler<Allocator> = AllocProfiler::new(Allocator);

fn main() {
    divan::main();
}

#[divan::bench(args = paths::ALL)]
fn hot_path(bencher: Bencher<'_, '_>, path: &paths::Path) {
    let mut walk = (path.prepare)();
    // As warm as a server that has been up for a while.
    walk(path.times);
    bencher.bench_local(|| walk(1));
}

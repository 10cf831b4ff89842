//! Walks one hot path so many times, for whoever counts instructions: `cargo xtask instructions`.
//!
//! `instructions` alone says what there is, a line each: the name, and how often it is worth walking.
//! `instructions NAME TIMES` walks.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise"
)]

#[path = "../../seaway/src/allocator.rs"]
mod allocator;
#[path = "paths/all.rs"]
mod paths;

use self::allocator::Allocator;

/// The program's allocator, since what it does is part of a path.
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next().filter(|first| !first.starts_with("--")) else {
        for path in paths::ALL {
            println!("{}\t{}", path.name, path.times);
        }
        return;
    };
    let path = paths::ALL.iter().find(|path| path.name == name).unwrap();
    let times = arguments.next().unwrap().parse().unwrap();
    (path.prepare)()(times);
}

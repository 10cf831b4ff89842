//! The part of xtask that others use: the fuzz targets, which the `fuzz/` crate shares with `cargo xtask fuzz`.

pub mod fuzz;

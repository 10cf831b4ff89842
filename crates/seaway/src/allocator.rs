//! The allocator, and giving back what it keeps.
//!
//! mimalloc: a request costs less with it than with the system's. It keeps what is freed for the next who asks, and looks
//! at what could go back to the system only while it is asked: a process that idles after a change of the configuration
//! would hold the old one's memory for ever. So whoever frees much says so.
//!
//! It is called by its plain functions where they align well enough, as the standard library calls the system's. The usual
//! wrapper, the crate `mimalloc`, always calls those for any alignment: 42 instructions for what is small, and for what is
//! larger than a KiB some two hundred, since that is aligned by hand. A request allocates two dozen times.

#![allow(
    unsafe_code,
    reason = "the allocator is C, and can be told only through its own functions"
)]
#![allow(
    dead_code,
    reason = "benchmarks have the same allocator, by the same file, and give nothing back"
)]

use std::alloc::{GlobalAlloc, Layout};

use libmimalloc_sys as mimalloc;

/// What is aligned for any number and any pointer. C promises that of all memory that has room for one.
const USUAL_ALIGNMENT: usize = 2 * size_of::<usize>();

/// Built with `no_thp`: it would ask for huge pages, and a process that needs 3 MiB would then hold 15. Measured with 100
/// routes, resident memory falls from 23 to below 15 MiB, and the cost of a request stays as it was.
#[derive(Debug)]
pub struct Allocator;

/// Whether a plain allocation of so many bytes is aligned like that.
const fn is_usual(alignment: usize, size: usize) -> bool {
    alignment <= USUAL_ALIGNMENT && alignment <= size
}

// SAFETY: what these functions return is null, or memory of that size that nobody else has, aligned as it was asked: by the
// functions that are told the alignment to any power of two, which a `Layout` has, and by the others as `is_usual` says.
// All of it is freed by one function, whichever made it. None of them unwinds.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (size, alignment) = (layout.size(), layout.align());
        // SAFETY: these ask nothing of their arguments but a power of two.
        let memory = unsafe {
            if is_usual(alignment, size) {
                mimalloc::mi_malloc(size)
            } else {
                mimalloc::mi_malloc_aligned(size, alignment)
            }
        };
        memory.cast()
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let (size, alignment) = (layout.size(), layout.align());
        // SAFETY: as above.
        let memory = unsafe {
            if is_usual(alignment, size) {
                mimalloc::mi_zalloc(size)
            } else {
                mimalloc::mi_zalloc_aligned(size, alignment)
            }
        };
        memory.cast()
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, _: Layout) {
        // SAFETY: the caller promises that it came from here and is not used any more.
        unsafe { mimalloc::mi_free(memory.cast()) }
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that it came from here; what it is moved to is aligned as what is allocated anew.
        let memory = unsafe {
            if is_usual(layout.align(), size) {
                mimalloc::mi_realloc(memory.cast(), size)
            } else {
                mimalloc::mi_realloc_aligned(memory.cast(), size, layout.align())
            }
        };
        memory.cast()
    }
}

/// Gives the system back what this thread has freed and nobody uses, and what other threads have let go of altogether.
/// Takes some milliseconds where there is much of it.
pub fn give_back() {
    // SAFETY: it takes no pointer and frees nothing that is in use. It looks at the heap of the calling thread, which no
    // other thread touches but by lists made for that, and at free memory that all threads have in common, under the
    // allocator's own locks; so any thread may call it at any time.
    unsafe { mimalloc::mi_collect(true) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `f` with memory of each kind: allocated, zeroed, made larger, made smaller.
    fn each(layout: Layout, mut f: impl FnMut(*mut u8, usize)) {
        let (size, allocator) = (layout.size(), Allocator);
        // SAFETY: the sizes are not zero, and each pointer is used up to its size until it is freed once.
        unsafe {
            let zeroed = allocator.alloc_zeroed(layout);
            assert!(
                std::slice::from_raw_parts(zeroed, size)
                    .iter()
                    .all(|byte| *byte == 0)
            );
            f(zeroed, size);
            allocator.dealloc(zeroed, layout);
            let first = allocator.alloc(layout);
            f(first, size);
            first.write_bytes(7, size);
            let larger = allocator.realloc(first, layout, 3 * size);
            assert!(
                std::slice::from_raw_parts(larger, size)
                    .iter()
                    .all(|byte| *byte == 7)
            );
            f(larger, 3 * size);
            let large = Layout::from_size_align_unchecked(3 * size, layout.align());
            let smaller = allocator.realloc(larger, large, size.div_ceil(2));
            f(smaller, size.div_ceil(2));
            let small = Layout::from_size_align_unchecked(size.div_ceil(2), layout.align());
            allocator.dealloc(smaller, small);
        }
    }

    #[test]
    fn memory_of_every_small_size_and_alignment_is_aligned() {
        for power in 0..9 {
            let alignment = 1 << power;
            for size in (1..=600).chain([1000, 1024, 1025, 2600, 4096, 16_384, 70_000, 1 << 20]) {
                let layout = Layout::from_size_align(size, alignment).unwrap();
                each(layout, |memory, size| {
                    assert!(
                        memory.addr() % alignment == 0,
                        "{size} bytes, alignment {alignment}"
                    );
                });
            }
        }
    }

    #[test]
    fn pieces_of_the_same_size_do_not_overlap() {
        let layout = Layout::from_size_align(24, 8).unwrap();
        // SAFETY: as in `each`.
        let pieces: Vec<*mut u8> = (0..200).map(|_| unsafe { Allocator.alloc(layout) }).collect();
        let mut addresses: Vec<usize> = pieces.iter().map(|piece| piece.addr()).collect();
        addresses.sort_unstable();
        assert!(addresses.windows(2).all(|pair| pair[1] - pair[0] >= 24));
        for piece in pieces {
            // SAFETY: as in `each`.
            unsafe { Allocator.dealloc(piece, layout) }
        }
    }
}

//! Buffers that a thread's connections share, since none of them needs one for longer than a system call.
//!
//! A buffer is taken out of its place while it is used, so that whoever asks meanwhile gets an empty one, and nothing
//! is borrowed while foreign code runs.

use std::cell::Cell;

/// What is read at once of an answer whose size is not known yet: most have all of it in there.
const READ: usize = 16 << 10;
/// A head that is larger than this does not leave its buffer behind.
const KEPT: usize = 64 << 10;

thread_local! {
    static WRITING: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static READING: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lends an empty buffer to write into.
pub(super) fn writing<T>(use_it: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let mut buffer = WRITING.try_with(Cell::take).unwrap_or_default();
    buffer.clear();
    let result = use_it(&mut buffer);
    if buffer.capacity() <= KEPT {
        let _torn_down = WRITING.try_with(|place| place.set(buffer));
    }
    result
}

/// Lends a buffer to read into. What is in it means nothing.
pub(super) fn reading<T>(use_it: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut buffer = READING.try_with(Cell::take).unwrap_or_default();
    buffer.resize(READ, 0);
    let result = use_it(&mut buffer);
    let _torn_down = READING.try_with(|place| place.set(buffer));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_is_in_use_is_not_lent_twice() {
        writing(|outer| {
            outer.push(1);
            writing(|inner| assert!(inner.is_empty()));
            assert_eq!(*outer, [1]);
        });
        writing(|again| assert!(again.is_empty()));
    }
}

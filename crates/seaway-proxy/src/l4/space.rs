//! One buffer for each thread, lent for as long as a poll takes. So what is idle has none.

use std::cell::Cell;

/// Large enough for any datagram, and for large writes.
const BYTES: usize = 64 * 1024;

thread_local! {
    static SPACE: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// Calls `f` with the thread's buffer, or with a new one if that is lent already.
pub(super) fn with<T>(f: impl FnOnce(&mut [u8]) -> T) -> T {
    let lent = SPACE.try_with(Cell::take).ok().flatten();
    let mut space = lent.unwrap_or_else(|| vec![0; BYTES].into());
    let result = f(&mut space);
    // On a thread that is being torn down there is no place for it.
    let _torn_down = SPACE.try_with(|place| place.set(Some(space)));
    result
}

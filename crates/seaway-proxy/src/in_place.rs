//! Large values that are made where they stay.
//!
//! `Box::new(value)` makes the value on the stack and then moves it. What is copied right after it was written in small
//! pieces has to wait for them: the moves of a request's future and of its exchange were a tenth of what a request
//! costs outside of the kernel.

/// Allocates first, and then makes the value.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "as a call it would return the value, which is the move that is to be spared"
)]
pub(crate) fn boxed<T>(make: impl FnOnce() -> T) -> Box<T> {
    let room = Box::new_uninit();
    Box::write(room, make())
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_made_is_in_the_box() {
        assert_eq!(*super::boxed(|| [7; 4096]), [7; 4096]);
    }
}

//! Small heads one behind the other, in blocks that a thread's connections share: those of requests, and those of
//! answers with what of a small body came along.
//!
//! The fields of a head are slices of it, so a head that has memory of its own takes two allocations: the bytes, and the
//! count of who uses them. In a block they are shared by all that lie there. A message that lasts keeps its block, so it is
//! a small one; and what is large for it has its own.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};

const BLOCK_BYTES: usize = 4096;
const SMALL_BYTES: usize = 1024;

thread_local! {
    static BLOCK: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// Copies bytes to where they can stay.
pub(crate) fn keep(bytes: &[u8]) -> Bytes {
    if bytes.len() > SMALL_BYTES {
        return Bytes::copy_from_slice(bytes);
    }
    BLOCK.with_borrow_mut(|block| {
        if block.capacity() < bytes.len() {
            *block = BytesMut::with_capacity(BLOCK_BYTES);
        }
        block.extend_from_slice(bytes);
        block.split().freeze()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_was_given_whatever_its_length() {
        let lengths = [
            0,
            1,
            700,
            SMALL_BYTES,
            SMALL_BYTES + 1,
            BLOCK_BYTES * 2,
            900,
            900,
            900,
            900,
        ];
        let pieces = lengths
            .iter()
            .zip(0_u8..)
            .map(|(length, byte)| vec![byte; *length]);
        let kept: Vec<_> = pieces.map(|piece| (keep(&piece), piece)).collect();
        assert!(kept.iter().all(|(kept, piece)| kept == piece));
    }

    #[test]
    fn small_pieces_lie_in_one_block() {
        let (first, second) = (keep(b"first"), keep(b"second"));
        assert_eq!(first.as_ptr().wrapping_add(first.len()), second.as_ptr());
    }
}

//! Where decoded values live until their message is gone.
//!
//! A message has ten or so short values, and one allocation each would be most of the cost of decoding them. They are
//! cut from a shared piece of memory instead. A piece is freed when the last value in it is, and is used again without
//! the allocator when all values in it are gone by the time it is full. The price: a value that lives long, as on a
//! stream of hours, holds a whole piece. So pieces are small, and what is large gets memory of its own.

use bytes::{Bytes, BytesMut};

/// The size of a piece: a few gRPC requests.
const PIECE: usize = 1024;

/// From here on a value is not worth sharing: it would waste the end of a piece.
const LARGE: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Arena {
    piece: BytesMut,
}

impl Arena {
    pub(super) fn put(&mut self, value: &[u8]) -> Bytes {
        if value.is_empty() {
            return Bytes::new();
        }
        if value.len() >= LARGE {
            return Bytes::copy_from_slice(value);
        }
        if self.piece.capacity() < value.len() {
            self.piece.reserve(PIECE);
        }
        self.piece.extend_from_slice(value);
        self.piece.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_values_are_neighbours_in_one_piece() {
        let mut arena = Arena::default();
        let (one, two) = (arena.put(b"one"), arena.put(b"two"));
        assert_eq!(one.as_ptr().wrapping_add(3), two.as_ptr());
        assert_eq!((&one[..], &two[..]), (&b"one"[..], &b"two"[..]));
    }

    #[test]
    fn a_large_value_leaves_the_piece_as_it_is() {
        let mut arena = Arena::default();
        let one = arena.put(b"one");
        let large = arena.put(&[b'x'; LARGE]);
        let two = arena.put(b"two");
        assert_eq!(one.as_ptr().wrapping_add(3), two.as_ptr());
        assert_eq!(large.len(), LARGE);
    }

    #[test]
    fn a_piece_whose_values_are_gone_is_used_again() {
        let mut arena = Arena::default();
        let first = arena.put(&[b'x'; 128]).as_ptr();
        for _ in 1..PIECE / 128 {
            arena.put(&[b'x'; 128]);
        }
        assert_eq!(arena.put(&[b'x'; 128]).as_ptr(), first);
    }
}

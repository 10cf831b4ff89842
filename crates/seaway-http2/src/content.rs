//! Content that came, and waits to be taken.
//!
//! A piece may refer to the memory that it was read into, which may be many times its size. One such piece of a stream is
//! no harm, and spares a copy where content is taken as it comes. Of what waits behind it, all that is small is put
//! together: a peer that sends single bytes would make us keep far more than its window says.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// From here on a piece keeps its memory, which is at most a few times as large.
const LARGE: usize = 16 << 10;

/// The content of one stream.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pieces: VecDeque<Bytes>,
    /// Behind the pieces.
    small: BytesMut,
}

impl Content {
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.small.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum::<usize>() + self.small.len()
    }

    pub(crate) fn push(&mut self, data: Bytes) {
        if self.is_empty() {
            self.pieces.push_back(data);
            return;
        }
        let is_large = data.len() >= LARGE;
        if is_large || self.small.len() + data.len() > LARGE {
            self.close();
        }
        if is_large {
            self.pieces.push_back(data);
        } else {
            self.small.extend_from_slice(&data);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Bytes> {
        if self.pieces.is_empty() {
            self.close();
        }
        self.pieces.pop_front()
    }

    fn close(&mut self) {
        if !self.small.is_empty() {
            self.pieces.push_back(std::mem::take(&mut self.small).freeze());
        }
    }

    #[cfg(test)]
    fn kept(&self) -> usize {
        self.pieces.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_put_in_comes_out_in_its_order(
            lengths in proptest::collection::vec((1_usize..40_000, any::<bool>()), 0..40),
        ) {
            let (mut content, mut expected, mut got) = (Content::default(), Vec::new(), Vec::new());
            for (at, (length, is_taken)) in lengths.into_iter().enumerate() {
                let piece = vec![u8::try_from(at).unwrap(); length];
                expected.extend_from_slice(&piece);
                content.push(piece.into());
                prop_assert_eq!(content.len(), expected.len() - got.len());
                if is_taken {
                    got.extend_from_slice(&content.pop().unwrap());
                }
            }
            while let Some(piece) = content.pop() {
                got.extend_from_slice(&piece);
            }
            prop_assert!(content.is_empty());
            prop_assert!(got == expected);
        }
    }

    #[test]
    fn content_that_is_taken_as_it_comes_is_not_copied() {
        let data = Bytes::from(vec![0; 10]);
        let mut content = Content::default();
        content.push(data.clone());
        assert_eq!(content.pop().unwrap().as_ptr(), data.as_ptr());
    }

    #[test]
    fn single_bytes_are_put_together() {
        let mut content = Content::default();
        (0..100_000).for_each(|_| content.push(Bytes::from_static(b"x")));
        assert!(content.kept() <= 2 + 100_000 / LARGE, "{}", content.kept());
    }
}

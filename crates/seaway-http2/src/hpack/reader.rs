//! Integers and strings of a header block (RFC 7541, 5).

use super::{Broken, huffman};

/// What is left of a header block.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

/// Octets after the first that an integer may have. Four give 28 bits: more than any block has bytes.
const MORE: u32 = 4;

impl<'a> Reader<'a> {
    pub(super) fn new(block: &'a [u8]) -> Self {
        Self { rest: block }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn octet(&mut self) -> Result<u8, Broken> {
        let (first, rest) = self.rest.split_first().ok_or(Broken::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    /// An integer whose first octet has `bits` bits for it.
    pub(super) fn integer(&mut self, bits: u32) -> Result<usize, Broken> {
        let mask = u8::MAX >> (8 - bits);
        let prefix = self.octet()? & mask;
        if prefix < mask {
            return Ok(usize::from(prefix));
        }
        self.long_integer(usize::from(mask))
    }

    #[cold]
    fn long_integer(&mut self, mut value: usize) -> Result<usize, Broken> {
        for place in 0..MORE {
            let octet = self.octet()?;
            value += usize::from(octet & 0x7f) << (7 * place);
            if octet & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Broken::Integer)
    }

    /// A string: a part of the block itself, or decoded into `scratch`.
    pub(super) fn string<'s>(&mut self, scratch: &'s mut Vec<u8>) -> Result<&'s [u8], Broken>
    where
        'a: 's,
    {
        let coded = self.peek().is_some_and(|first| first & 0x80 != 0);
        let length = self.integer(7)?;
        let (text, rest) = self.rest.split_at_checked(length).ok_or(Broken::Truncated)?;
        self.rest = rest;
        if coded {
            huffman::decode(text, scratch)
        } else {
            Ok(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_in_appendix_c1() {
        for (block, bits, value) in [
            (&[0b1110_1010][..], 5, 10),
            (&[0b1111_1111, 0b1001_1010, 0b0000_1010], 5, 1337),
            (&[42], 8, 42),
        ] {
            assert_eq!(Reader::new(block).integer(bits), Ok(value));
        }
    }

    #[test]
    fn the_largest_prefix_needs_a_second_octet() {
        assert_eq!(Reader::new(&[0x7f, 0]).integer(7), Ok(127));
        assert_eq!(Reader::new(&[0x7f]).integer(7), Err(Broken::Truncated));
    }

    #[test]
    fn an_integer_of_more_than_five_octets_is_refused() {
        assert_eq!(
            Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x7f]).integer(7),
            Ok(127 + (1 << 28) - 1)
        );
        assert_eq!(
            Reader::new(&[0xff, 0x80, 0x80, 0x80, 0x80, 0]).integer(7),
            Err(Broken::Integer)
        );
        assert_eq!(Reader::new(&[0xff; 64]).integer(7), Err(Broken::Integer));
    }

    #[test]
    fn a_string_longer_than_its_block_is_refused() {
        assert_eq!(
            Reader::new(b"\x03ab").string(&mut Vec::new()),
            Err(Broken::Truncated)
        );
        assert_eq!(Reader::new(b"\x02ab").string(&mut Vec::new()), Ok(&b"ab"[..]));
    }
}

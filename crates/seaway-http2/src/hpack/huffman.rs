//! The Huffman code of RFC 7541 (5.2 and Appendix B).
//!
//! The code is canonical: codes of one length follow each other in the order of their symbols, and a longer code
//! begins where the shorter ones end. So the lengths say all, and the tables are computed from them when this is
//! compiled. Text has codes of at most eight bits, found with one look at the next eight bits. Longer ones are found
//! by comparing with the end of each length; there are few lengths. A table for more bits at once was not taken: it
//! would fill a good part of the first cache for one connection's sake.

use super::Broken;

#[cfg(test)]
pub(super) mod tests;

/// Ends no string; its code only pads one.
const EOS: usize = 256;

/// The length of each symbol's code, in bits.
const LENGTHS: [u8; EOS + 1] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, // 0x00
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, // 0x10
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, // 0x20
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, // 0x30
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, // 0x40
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, // 0x50
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, // 0x60
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, // 0x70
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, // 0x80
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, // 0x90
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, // 0xa0
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, // 0xb0
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, // 0xc0
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, // 0xd0
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, // 0xe0
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, // 0xf0
    30, // EOS
];

const LONGEST: usize = 30;

/// Codes up to this length are found at once.
const SHORT: usize = 8;

/// The codes of one length.
#[derive(Clone, Copy)]
struct Row {
    length: u32,
    /// The first code, at the left of 32 bits.
    first: u32,
    /// The last code with all bits after it set.
    last: u32,
    /// Where the symbols of these codes begin in `Tables::symbols`.
    offset: usize,
}

struct Tables {
    /// For eight bits the symbol that begins them and its length; length 0 where the code is longer.
    short: [(u8, u8); 1 << SHORT],
    /// A row for each length above `SHORT`.
    rows: [Row; LONGEST - SHORT],
    /// Symbols in the order of their codes, without EOS, which is the last.
    symbols: [u8; EOS],
}

static TABLES: Tables = Tables::new();

impl Tables {
    #[expect(
        clippy::indexing_slicing,
        reason = "it runs in the compiler, which refuses a wrong index"
    )]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "each value has been compared with its bound"
    )]
    const fn new() -> Self {
        let none = Row {
            length: 0,
            first: 1,
            last: 0,
            offset: 0,
        };
        let mut tables = Self {
            short: [(0, 0); 1 << SHORT],
            rows: [none; LONGEST - SHORT],
            symbols: [0; EOS],
        };
        let (mut code, mut order, mut length) = (0u64, 0, 1);
        while length <= LONGEST {
            let (first, offset) = (code, order);
            let mut symbol = 0;
            while symbol < EOS {
                if LENGTHS[symbol] as usize == length {
                    if length <= SHORT {
                        let mut at = (code as usize) << (SHORT - length);
                        while at < (code as usize + 1) << (SHORT - length) {
                            tables.short[at] = (symbol as u8, length as u8);
                            at += 1;
                        }
                    }
                    tables.symbols[order] = symbol as u8;
                    order += 1;
                    code += 1;
                }
                symbol += 1;
            }
            if length > SHORT && code > first {
                let (first, end) = (first << (32 - length), code << (32 - length));
                let length = length as u32;
                tables.rows[length as usize - SHORT - 1] = Row {
                    length,
                    first: first as u32,
                    last: (end - 1) as u32,
                    offset,
                };
            }
            code <<= 1;
            length += 1;
        }
        tables
    }

    /// The symbol whose code begins `bits`, and the length of the code. `None` is the code of EOS.
    fn find(&self, bits: u64) -> Option<(u8, u32)> {
        let [top, ..] = bits.to_be_bytes();
        match self.short.get(usize::from(top)) {
            Some((symbol, length)) if *length != 0 => Some((*symbol, u32::from(*length))),
            _ => self.find_long(u32::try_from(bits >> 32).ok()?),
        }
    }

    #[cold]
    fn find_long(&self, bits: u32) -> Option<(u8, u32)> {
        let row = self
            .rows
            .iter()
            .find(|row| row.first <= bits && bits <= row.last)?;
        let order = row.offset + usize::try_from((bits - row.first) >> (32 - row.length)).ok()?;
        Some((*self.symbols.get(order)?, row.length))
    }
}

/// Decodes `text` into `scratch`, which only ever grows, and returns the part that was filled.
pub(super) fn decode<'s>(text: &[u8], scratch: &'s mut Vec<u8>) -> Result<&'s [u8], Broken> {
    // No code is shorter than five bits.
    let most = text.len() * 8 / 5;
    if scratch.len() < most {
        scratch.resize(most, 0);
    }
    let mut bits = Bits {
        bits: 0,
        have: 0,
        rest: text,
    };
    let mut filled = 0;
    for slot in scratch.iter_mut() {
        bits.fill();
        let found = TABLES.find(bits.bits);
        let Some((symbol, length)) = found.filter(|(_, length)| *length <= bits.have) else {
            break;
        };
        *slot = symbol;
        filled += 1;
        bits.bits <<= length;
        bits.have -= length;
    }
    bits.fill();
    if bits.is_padding() {
        scratch.get(..filled).ok_or(Broken::Huffman)
    } else {
        Err(Broken::Huffman)
    }
}

/// The next bits of a text, at the left of `bits`; what is behind them is zero.
struct Bits<'a> {
    bits: u64,
    have: u32,
    rest: &'a [u8],
}

impl Bits<'_> {
    /// Afterwards there are 32 bits, or all that are left.
    fn fill(&mut self) {
        if self.have >= 32 {
            return;
        }
        if let Some((four, rest)) = self.rest.split_first_chunk::<4>() {
            self.bits |= u64::from(u32::from_be_bytes(*four)) << (32 - self.have);
            self.have += 32;
            self.rest = rest;
            return;
        }
        while let Some((one, rest)) = self.rest.split_first() {
            self.bits |= u64::from(*one) << (56 - self.have);
            self.have += 8;
            self.rest = rest;
        }
    }

    /// Less than an octet, and all ones.
    fn is_padding(&self) -> bool {
        self.have < 8 && self.rest.is_empty() && self.bits | (u64::MAX >> self.have) == u64::MAX
    }
}

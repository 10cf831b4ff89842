use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

/// The codes of all symbols and their lengths, by counting: not the way the tables are made.
static CODES: LazyLock<Vec<(u64, u32)>> = LazyLock::new(|| {
    let mut symbols = (0..=EOS).collect::<Vec<_>>();
    symbols.sort_by_key(|symbol| (LENGTHS[*symbol], *symbol));
    let mut codes = vec![(0, 0); EOS + 1];
    let (mut next, mut before) = (0u64, 0);
    for symbol in symbols {
        let length = u32::from(LENGTHS[symbol]);
        next <<= length - before;
        codes[symbol] = (next, length);
        (next, before) = (next + 1, length);
    }
    codes
});

/// The codes of `symbols`, then ones to the end of the octet.
fn encode_symbols(symbols: impl Iterator<Item = usize>) -> Vec<u8> {
    let mut bits = Vec::new();
    for symbol in symbols {
        let (code, length) = CODES[symbol];
        bits.extend((0..length).rev().map(|at| (code >> at) & 1 == 1));
    }
    bits.chunks(8)
        .map(|octet| {
            (0..8).fold(0, |sum, at| {
                sum << 1 | u8::from(octet.get(at).copied().unwrap_or(true))
            })
        })
        .collect()
}

pub(in crate::hpack) fn encode(text: &[u8]) -> Vec<u8> {
    encode_symbols(text.iter().map(|byte| usize::from(*byte)))
}

#[test]
fn codes_are_those_of_appendix_b() {
    for (symbol, expected) in [
        (0, (0x1ff8, 13)),
        (9, (0xff_ffea, 24)),
        (10, (0x3fff_fffc, 30)),
        (usize::from(b'0'), (0, 5)),
        (usize::from(b'a'), (3, 5)),
        (usize::from(b'&'), (0xf8, 8)),
        (usize::from(b'!'), (0x3f8, 10)),
        (usize::from(b'\\'), (0x7_fff0, 19)),
        (usize::from(b'~'), (0x1ffd, 13)),
        (127, (0xfff_fffc, 28)),
        (128, (0xf_ffe6, 20)),
        (199, (0x1ff_ffec, 25)),
        (249, (0xfff_fffe, 28)),
        (255, (0x3ff_ffee, 26)),
        (EOS, (0x3fff_ffff, 30)),
    ] {
        assert_eq!(CODES[symbol], expected, "symbol {symbol}");
    }
}

#[test]
fn each_symbol_is_decoded() {
    for symbol in 0..=u8::MAX {
        let text = [symbol; 3];
        assert_eq!(
            decode(&encode(&text), &mut Vec::new()),
            Ok(&text[..]),
            "symbol {symbol}"
        );
    }
}

#[test]
fn padding_of_a_whole_octet_is_refused() {
    assert_eq!(decode(&[0xff], &mut Vec::new()), Err(Broken::Huffman));
    let mut text = encode(b"a0");
    text.push(0xff);
    assert_eq!(decode(&text, &mut Vec::new()), Err(Broken::Huffman));
}

#[test]
fn padding_that_is_not_all_ones_is_refused() {
    assert_eq!(decode(&[0b0001_1111], &mut Vec::new()), Ok(&b"a"[..]));
    assert_eq!(decode(&[0b0001_1110], &mut Vec::new()), Err(Broken::Huffman));
    assert_eq!(decode(&[0b0001_1000], &mut Vec::new()), Err(Broken::Huffman));
}

#[test]
fn the_end_of_string_symbol_is_refused() {
    for text in [vec![EOS], vec![97, EOS], vec![97, EOS, 97]] {
        assert_eq!(
            decode(&encode_symbols(text.into_iter()), &mut Vec::new()),
            Err(Broken::Huffman)
        );
    }
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        // What an earlier string left behind does not show.
        let mut scratch = vec![b'x'; 50];
        prop_assert_eq!(decode(&encode(&text), &mut scratch), Ok(&text[..]));
    }

    #[test]
    fn what_is_decoded_had_one_encoding(text in proptest::collection::vec(any::<u8>(), 0..20)) {
        if let Ok(decoded) = decode(&text, &mut Vec::new()) {
            prop_assert_eq!(encode(decoded), text);
        }
    }
}

//! Classes of bytes, looked up in one table.

const TOKEN: u8 = 1;
const TARGET: u8 = 2;
const VALUE: u8 = 4;
const HOST: u8 = 8;

static CLASS: [u8; 256] = table();

const fn table() -> [u8; 256] {
    let mut table = [0u8; 256];
    let mut i = 0usize;
    while i < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 256")]
        let byte = i as u8;
        let mut class = 0;
        if byte.is_ascii_alphanumeric() || in_list(byte, b"!#$%&'*+-.^_`|~") {
            class |= TOKEN;
        }
        if byte.is_ascii_graphic() && byte != b'#' {
            class |= TARGET;
        }
        if byte == b'\t' || byte == b' ' || byte.is_ascii_graphic() || byte >= 0x80 {
            class |= VALUE;
        }
        if byte.is_ascii_alphanumeric() || in_list(byte, b"-._~!$&'()*+,;=%") {
            class |= HOST;
        }
        #[expect(clippy::indexing_slicing, reason = "the loop ends at 256, the table's length")]
        {
            table[i] = class;
        }
        i += 1;
    }
    table
}

const fn in_list(byte: u8, list: &[u8]) -> bool {
    let mut rest = list;
    while let Some((first, tail)) = rest.split_first() {
        if *first == byte {
            return true;
        }
        rest = tail;
    }
    false
}

fn class(byte: u8) -> u8 {
    #[expect(clippy::indexing_slicing, reason = "a u8 cannot exceed a table of 256")]
    CLASS[usize::from(byte)]
}

/// `tchar` of RFC 9110, 5.6.2.
pub(super) fn is_token(byte: u8) -> bool {
    class(byte) & TOKEN != 0
}

/// Visible ASCII without `#`: a fragment is never sent, and parsers that meet one cut it off.
pub(super) fn is_target(byte: u8) -> bool {
    class(byte) & TARGET != 0
}

/// `field-vchar`, space or tab of RFC 9110, 5.5.
pub(super) fn is_value(byte: u8) -> bool {
    class(byte) & VALUE != 0
}

/// What a registered name may consist of (RFC 3986, 3.2.2).
pub(super) fn is_host(byte: u8) -> bool {
    class(byte) & HOST != 0
}

/// How many bytes at the front are of a class.
pub(super) fn run(input: &[u8], is: impl Fn(u8) -> bool) -> usize {
    input.iter().position(|b| !is(*b)).unwrap_or(input.len())
}

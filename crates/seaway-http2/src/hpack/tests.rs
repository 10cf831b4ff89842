//! The examples of RFC 7541 Appendix C, and what a hostile peer may send.

use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::decoder::Outcome;
use super::huffman::tests::encode as huffman;
use super::*;

mod appendix_c;
mod encoding;
mod hostile;

const NO_LIMIT: usize = usize::MAX;

/// What came of a block: its fields and the outcome.
fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<(Vec<Field>, Outcome), Broken> {
    decode_within(decoder, block, NO_LIMIT)
}

fn decode_within(decoder: &mut Decoder, block: &[u8], limit: usize) -> Result<(Vec<Field>, Outcome), Broken> {
    let mut fields = Vec::new();
    let outcome = decoder.decode(block, limit, &mut |field| fields.push(field))?;
    Ok((fields, outcome))
}

/// The fields of a block with which nothing is wrong.
fn fields(decoder: &mut Decoder, block: &[u8]) -> Vec<Field> {
    let (fields, outcome) = decode(decoder, block).unwrap();
    assert_eq!(outcome, Outcome::default());
    fields
}

fn header(name: &'static str, value: &'static str) -> Field {
    Field::Header(HeaderName::from_static(name), HeaderValue::from_static(value))
}

/// A literal of this first octet, with a new name.
fn literal(first: u8, name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut block = vec![first];
    for text in [name, value] {
        string(&mut block, 0, text);
    }
    block
}

fn string(block: &mut Vec<u8>, huffman: u8, text: &[u8]) {
    match u8::try_from(text.len()) {
        Ok(length @ 0..127) => block.push(huffman | length),
        _ => {
            block.push(huffman | 127);
            let [low, high, ..] = (text.len() - 127).to_le_bytes();
            block.extend([0x80 | low, 0x80 | high << 1 | low >> 7, high >> 6]);
        }
    }
    block.extend_from_slice(text);
}

const PLAIN: u8 = 0x00;
const NEVER: u8 = 0x10;
const ADDED: u8 = 0x40;

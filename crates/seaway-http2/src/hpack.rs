//! Header compression (RFC 7541).
//!
//! Owns the way from the bytes of a header block to typed fields and back. Decoding is the side where a peer may be
//! hostile, so each read is checked, the work is linear in the block, and what is kept between blocks is bounded by
//! the size we announced. An entry of a table holds the ready `HeaderName` and `HeaderValue`, so that an indexed field
//! costs a clone and no parsing.
//!
//! Encoding keeps no table and uses no Huffman code. That costs some tens of bytes a message, on networks where bytes
//! are cheap; it saves the memory of a table for each connection, the search in it for each field, and the question
//! which secrets may enter it. Refuses to know what a message is: the order and number of pseudo-headers are judged by
//! [`crate::message`].

mod arena;
mod decoder;
mod dynamic;
mod encoder;
mod field;
mod huffman;
mod reader;
mod static_table;
mod vocabulary;

#[cfg(test)]
mod tests;

pub(crate) use decoder::Decoder;
pub(crate) use encoder::Encoder;
pub(crate) use field::Field;

/// Why a header block cannot be decoded. The state that both sides share is lost, so the connection must end with
/// COMPRESSION_ERROR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("a header block ends within a field")]
    Truncated,
    #[error("an integer in a header block is too large")]
    Integer,
    #[error("a header block refers to a table entry that does not exist")]
    Index,
    #[error("a string in a header block is not valid Huffman code")]
    Huffman,
    #[error("a header block changes the size of the table wrongly")]
    Update,
}

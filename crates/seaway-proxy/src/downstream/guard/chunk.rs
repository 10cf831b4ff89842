//! The line before each chunk (RFC 9112, 7.1): its size, and extensions that nobody uses but smugglers.

use super::bytes;
use super::refusal::Reason;

/// Bytes of extensions in a whole message. Far above honest use.
const EXTENSION_BYTES: usize = 4096;
/// A `u64` has 16 hexadecimal digits; leading zeros count too.
const MAX_DIGITS: u8 = 16;

/// Reads one chunk line after another, byte by byte; they are short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ChunkLine {
    at: At,
    size: u64,
    digits: u8,
    extension_bytes: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Size,
    /// Whitespace before a semicolon, which old senders write (RFC 9110, 5.6.3).
    BeforeSemicolon,
    BeforeName,
    Name,
    AfterName,
    BeforeValue,
    Value,
    Quoted,
    Escaped,
    /// After a quoted value: whitespace, another extension, or the end.
    AfterQuoted,
    Cr,
}

impl ChunkLine {
    /// Takes a byte. `Some(size)` when it was the line's last.
    pub(super) fn push(&mut self, byte: u8) -> Result<Option<u64>, Reason> {
        if self.at == At::Cr {
            return self.finish(byte);
        }
        if byte == b'\n' {
            return Err(Reason::BareLf);
        }
        if self.at != At::Size {
            self.extension_bytes += 1;
            if self.extension_bytes > EXTENSION_BYTES {
                return Err(Reason::ChunkExtensionTooLarge);
            }
        }
        self.at = match self.at {
            At::Size => return self.push_size(byte).map(|()| None),
            at => next_in_extension(at, byte).ok_or(Reason::ChunkExtension)?,
        };
        Ok(None)
    }

    fn push_size(&mut self, byte: u8) -> Result<(), Reason> {
        if let Some(digit) = char::from(byte).to_digit(16) {
            self.digits += 1;
            if self.digits > MAX_DIGITS || self.size > (i64::MAX as u64) >> 4 {
                return Err(Reason::ChunkTooLarge);
            }
            self.size = (self.size << 4) | u64::from(digit);
            return Ok(());
        }
        if self.digits == 0 {
            return Err(Reason::ChunkSize);
        }
        self.at = match byte {
            b'\r' => At::Cr,
            b';' => At::BeforeName,
            b' ' | b'\t' => At::BeforeSemicolon,
            _ => return Err(Reason::ChunkSize),
        };
        Ok(())
    }

    fn finish(&mut self, byte: u8) -> Result<Option<u64>, Reason> {
        if byte != b'\n' {
            return Err(Reason::BareCr);
        }
        let size = self.size;
        *self = Self {
            extension_bytes: self.extension_bytes,
            ..Self::default()
        };
        Ok(Some(size))
    }
}

/// `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`
fn next_in_extension(at: At, byte: u8) -> Option<At> {
    let is_space = byte == b' ' || byte == b'\t';
    Some(match (at, byte) {
        (At::BeforeSemicolon | At::AfterName | At::Name | At::Value | At::AfterQuoted, b';') => {
            At::BeforeName
        }
        (At::AfterName | At::Name | At::Value | At::AfterQuoted, b'\r') => At::Cr,
        (At::AfterName | At::Name, b'=') => At::BeforeValue,
        (At::BeforeValue, b'"') => At::Quoted,
        (At::Quoted, b'"') => At::AfterQuoted,
        (At::Quoted, b'\\') => At::Escaped,
        (At::Quoted, b) if bytes::is_value(b) => At::Quoted,
        (At::Escaped, b) if bytes::is_value(b) => At::Quoted,
        (At::BeforeSemicolon | At::BeforeName | At::BeforeValue, _) if is_space => at,
        (At::Name | At::AfterName, _) if is_space => At::AfterName,
        (At::Value | At::AfterQuoted, _) if is_space => At::BeforeSemicolon,
        (At::BeforeName | At::Name, b) if bytes::is_token(b) => At::Name,
        (At::BeforeValue | At::Value, b) if bytes::is_token(b) => At::Value,
        _ => return None,
    })
}

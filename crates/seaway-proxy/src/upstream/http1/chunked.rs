//! Bodies in chunks (RFC 9112, 7.1), read as they come.
//!
//! A machine of single bytes between the chunks, so that a piece may end anywhere; data is passed on as it is. Strict
//! where readers differ: lines end with CR LF, sizes are hexadecimal digits that fit, extensions are skipped and
//! bounded for a whole message.

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::encode;
use super::framing::{Malformed, Step};
use super::head::MAX_FIELDS;

/// Bytes of extensions and of padding in a whole message.
const MAX_EXTENSIONS: u32 = 16 << 10;
/// Bytes of trailers.
const MAX_TRAILERS: usize = 16 << 10;
/// Leading zeros count.
const MAX_DIGITS: u8 = 16;

/// Where in a body the next byte belongs.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    at: At,
    /// What is left of the chunk, or what its line has said so far.
    size: u64,
    digits: u8,
    extensions: u32,
    /// What has come of the trailers, with the line that ends them.
    trailers: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Size,
    /// Padding after the size; a semicolon or the end of the line follows.
    Padding,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailers,
    End,
}

impl Chunked {
    pub(super) fn is_ended(&self) -> bool {
        self.at == At::End
    }

    /// Takes the next step. What is left of `input` when it wants more is nothing.
    pub(super) fn step(&mut self, input: &mut Bytes) -> Result<Step, Malformed> {
        loop {
            match self.at {
                At::Data => {
                    if input.is_empty() {
                        return Ok(Step::More);
                    }
                    let here = usize::try_from(self.size).unwrap_or(usize::MAX).min(input.len());
                    self.size -= here as u64;
                    if self.size == 0 {
                        self.at = At::DataCr;
                    }
                    return Ok(Step::Data(input.split_to(here)));
                }
                At::End => return Ok(Step::End),
                At::Trailers => {
                    let Some(fields) = self.trailers(input)? else {
                        return Ok(Step::More);
                    };
                    self.at = At::End;
                    return Ok(fields.map_or(Step::End, Step::Trailers));
                }
                _ => {
                    if !self.line(input)? {
                        return Ok(Step::More);
                    }
                }
            }
        }
    }

    /// Reads what is between data and data. Whether its end was reached.
    fn line(&mut self, input: &mut Bytes) -> Result<bool, Malformed> {
        let mut taken = 0;
        let mut done = false;
        for byte in input.iter() {
            taken += 1;
            if self.push(*byte)? {
                done = true;
                break;
            }
        }
        input.advance(taken);
        Ok(done)
    }

    fn push(&mut self, byte: u8) -> Result<bool, Malformed> {
        self.at = match (self.at, byte) {
            (At::Size, _) => return self.push_size(byte).map(|()| false),
            (At::Padding | At::Extension, b'\r') => At::SizeLf,
            (At::Padding | At::Extension, b'\n') => {
                return Err(Malformed("a line of a chunk ends with a bare LF"));
            }
            (At::Padding, b' ' | b'\t') => self.skip(At::Padding)?,
            (At::Padding, b';') => self.skip(At::Extension)?,
            (At::Extension, _) => self.skip(At::Extension)?,
            (At::SizeLf, b'\n') => {
                self.digits = 0;
                self.at = if self.size == 0 { At::Trailers } else { At::Data };
                return Ok(true);
            }
            (At::DataCr, b'\r') => At::DataLf,
            (At::DataLf, b'\n') => At::Size,
            _ => return Err(Malformed("a chunk is not as long as it says")),
        };
        Ok(false)
    }

    fn push_size(&mut self, byte: u8) -> Result<(), Malformed> {
        if let Some(digit) = char::from(byte).to_digit(16) {
            if self.digits == 0 {
                self.size = 0;
            }
            self.digits += 1;
            if self.digits > MAX_DIGITS || self.size > (i64::MAX as u64) >> 4 {
                return Err(Malformed("a chunk is too large"));
            }
            self.size = (self.size << 4) | u64::from(digit);
            return Ok(());
        }
        if self.digits == 0 {
            return Err(Malformed("a chunk has no size"));
        }
        self.at = match byte {
            b'\r' => At::SizeLf,
            b';' => self.skip(At::Extension)?,
            b' ' | b'\t' => self.skip(At::Padding)?,
            _ => return Err(Malformed("the size of a chunk is no number")),
        };
        Ok(())
    }

    fn skip(&mut self, to: At) -> Result<At, Malformed> {
        self.extensions += 1;
        if self.extensions > MAX_EXTENSIONS {
            return Err(Malformed("the extensions of the chunks are too large"));
        }
        Ok(to)
    }

    /// Reads what comes after the last chunk. `None`: more is to come; `Some(None)`: there are no trailers.
    fn trailers(&mut self, input: &mut Bytes) -> Result<Option<Option<HeaderMap>>, Malformed> {
        if self.trailers.is_empty() && input.starts_with(b"\r\n") {
            input.advance(2);
            return Ok(Some(None));
        }
        while let Some(line) = memchr::memchr(b'\n', input) {
            self.keep(input, line + 1)?;
            if self.trailers == b"\r\n" {
                return Ok(Some(None));
            }
            if self.trailers.ends_with(b"\r\n\r\n") {
                return fields(&self.trailers).map(|fields| Some(Some(fields)));
            }
            if !self.trailers.ends_with(b"\r\n") {
                return Err(Malformed("a trailer ends with a bare LF"));
            }
        }
        self.keep(input, input.len())?;
        Ok(None)
    }

    fn keep(&mut self, input: &mut Bytes, length: usize) -> Result<(), Malformed> {
        if self.trailers.len() + length > MAX_TRAILERS {
            return Err(Malformed("the trailers are too large"));
        }
        self.trailers
            .extend_from_slice(input.get(..length).unwrap_or_default());
        input.advance(length);
        Ok(())
    }
}

/// The fields of trailers that have come whole. Those that would change the message are left out.
fn fields(bytes: &[u8]) -> Result<HeaderMap, Malformed> {
    const REFUSED: Malformed = Malformed("the trailers are malformed");
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let Ok(httparse::Status::Complete((length, fields))) = httparse::parse_headers(bytes, &mut fields) else {
        return Err(REFUSED);
    };
    if length != bytes.len() {
        return Err(REFUSED);
    }
    let mut map = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| REFUSED)?;
        let value = HeaderValue::from_bytes(field.value).map_err(|_| REFUSED)?;
        if encode::may_trail(&name) {
            map.append(name, value);
        }
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Data and trailers of a whole body that comes in two pieces, cut at every place.
    fn read(body: &str) -> Result<(String, Option<HeaderMap>), Malformed> {
        let whole = read_cut(body, body.len());
        for cut in 0..body.len() {
            assert_eq!(read_cut(body, cut), whole, "cut at {cut}");
        }
        whole
    }

    fn read_cut(body: &str, cut: usize) -> Result<(String, Option<HeaderMap>), Malformed> {
        let (first, second) = body.split_at(cut);
        let (mut chunked, mut data, mut trailers) = (Chunked::default(), Vec::new(), None);
        for piece in [first, second] {
            let mut input = Bytes::from(piece.to_owned());
            loop {
                match chunked.step(&mut input)? {
                    Step::Data(piece) => data.extend_from_slice(&piece),
                    Step::Trailers(fields) => trailers = Some(fields),
                    Step::More => break,
                    Step::End => {
                        assert!(input.is_empty());
                        break;
                    }
                }
            }
        }
        if chunked.is_ended() {
            Ok((String::from_utf8(data).unwrap(), trailers))
        } else {
            Err(Malformed("cut short"))
        }
    }

    #[test]
    fn chunks_are_joined_wherever_they_are_cut() {
        let body = "5\r\nhello\r\n00006;a=\"b\" \r\n world\r\nA  \r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(read(body), Ok(("hello world0123456789".to_owned(), None)));
    }

    #[test]
    fn trailers_come_after_the_data_without_what_frames_messages() {
        let (data, trailers) = read("1\r\na\r\n0\r\nx-sum: 1\r\ncontent-length: 5\r\n\r\n").unwrap();
        let trailers = trailers.unwrap();
        assert_eq!((data.as_str(), trailers.len()), ("a", 1));
        assert_eq!(trailers["x-sum"], "1");
    }

    #[test]
    fn what_readers_differ_about_is_refused() {
        let long = format!("1;{}\r\na\r\n0\r\n\r\n", "e".repeat(20_000));
        for body in [
            "5\nhello\r\n0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5\r\nhello0\r\n\r\n",
            "5;a\n\r\nhello\r\n0\r\n\r\n",
            "5 5\r\nhello\r\n0\r\n\r\n",
            "\r\n0\r\n\r\n",
            "-5\r\nhello\r\n0\r\n\r\n",
            "0x5\r\nhello\r\n0\r\n\r\n",
            "+5\r\nhello\r\n0\r\n\r\n",
            " 5\r\nhello\r\n0\r\n\r\n",
            "5\r\r\nhello\r\n0\r\n\r\n",
            "ffffffffffffffff\r\na",
            "00000000000000001\r\na\r\n0\r\n\r\n",
            "0\r\nx-sum: 1\n\r\n",
            "0\r\n\n",
            "0\r\nx sum: 1\r\n\r\n",
            "0\r\nx: 1\r\n folded\r\n\r\n",
            long.as_str(),
        ] {
            assert!(read(body).is_err(), "{body:?}");
        }
    }
}

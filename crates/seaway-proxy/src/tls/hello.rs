//! Reads of a ClientHello what decides where a connection goes: the server name, and whether it is an authority's.
//!
//! rustls reads hellos too, but only those that it could answer; what is passed through untouched may well be something
//! else (TLS 1.0, suites of tomorrow) and is nobody's business here. So this parser is strict about the frame (RFC 8446,
//! 4.1.2 and 5.1) and reads of the content nothing but two extensions. It never panics, never allocates more than the
//! hello has bytes, and its answer does not depend on how the bytes were cut into reads.

/// A longer hello is not waited for. Browsers' have under 2 KiB, the longest with post-quantum key shares and tickets 5.
pub(super) const MAXIMUM: usize = 16 * 1024;

/// What the bytes read so far say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// The hello goes on.
    Incomplete,
    /// It is there.
    Hello(Hello),
    /// It is not TLS, or not a hello, or does not keep to its own lengths.
    Unintelligible,
}

/// What decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hello {
    /// Lower case, without a dot at its end. `None` if there is none.
    pub(super) server_name: Option<String>,
    /// Whether `acme-tls/1` is all that the client wants to speak (RFC 8737).
    pub(super) is_acme: bool,
}

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;
const ALPN: u16 = 16;
const LONGEST_RECORD: usize = 1 << 14;

/// Reads the first bytes of a connection.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    match message(bytes) {
        Ok(Some(message)) => hello(&message).map_or(Parsed::Unintelligible, Parsed::Hello),
        Ok(None) if bytes.len() < MAXIMUM => Parsed::Incomplete,
        _ => Parsed::Unintelligible,
    }
}

struct NotTls;

/// The body of the first handshake message, which may lie in several records. `None`: it goes on.
fn message(bytes: &[u8]) -> Result<Option<Vec<u8>>, NotTls> {
    let mut rest = Bytes(bytes);
    let mut message = Vec::new();
    loop {
        if let Some(&[kind, a, b, c]) = message.first_chunk() {
            let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            if kind != CLIENT_HELLO || length > MAXIMUM {
                return Err(NotTls);
            }
            if let Some(body) = message.get(4..4 + length) {
                return Ok(Some(body.to_vec()));
            }
        }
        // What is there of a record's head is judged at once: not everybody who connects sends as much as one.
        for (at, byte) in rest.0.iter().take(2).enumerate() {
            if *byte != [HANDSHAKE, 3].get(at).copied().unwrap_or_default() {
                return Err(NotTls);
            }
        }
        let (Some(_), Some(length)) = (rest.take(3), rest.u16()) else {
            return Ok(None);
        };
        let length = usize::from(length);
        if length == 0 || length > LONGEST_RECORD {
            return Err(NotTls);
        }
        let there = length.min(rest.0.len());
        message.extend_from_slice(rest.take(there).unwrap_or_default());
        if message.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
            return Err(NotTls);
        }
    }
}

/// `None` if it does not keep to its own lengths.
fn hello(body: &[u8]) -> Option<Hello> {
    let mut body = Bytes(body);
    // Version and random; then session id, suites and compression methods.
    body.take(2 + 32)?;
    body.short()?;
    body.long()?;
    body.short()?;
    let mut hello = Hello::default();
    if body.0.is_empty() {
        return Some(hello);
    }
    let mut extensions = body.long().filter(|_| body.0.is_empty())?;
    let mut seen = [false; 2];
    while !extensions.0.is_empty() {
        let kind = extensions.u16()?;
        let content = extensions.long()?;
        let [names, protocols] = &mut seen;
        match kind {
            SERVER_NAME if !std::mem::replace(names, true) => hello.server_name = Some(name(content)?),
            ALPN if !std::mem::replace(protocols, true) => hello.is_acme = is_acme(content)?,
            // Twice the same (RFC 8446, 4.2).
            SERVER_NAME | ALPN => return None,
            _ => {}
        }
    }
    Some(hello)
}

/// RFC 6066, 3.
fn name(mut content: Bytes<'_>) -> Option<String> {
    let mut list = content.long().filter(|_| content.0.is_empty())?;
    let mut name = None;
    while !list.0.is_empty() {
        let kind = list.u8()?;
        let value = list.long()?;
        if kind == HOST_NAME && name.replace(value.0).is_some() {
            return None;
        }
    }
    let name = std::str::from_utf8(name?).ok()?;
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let is_name = (1..=253).contains(&name.len()) && name.bytes().all(is_sound);
    is_name.then(|| name.to_ascii_lowercase())
}

/// RFC 7301, 3.1.
fn is_acme(mut content: Bytes<'_>) -> Option<bool> {
    let mut list = content.long().filter(|_| content.0.is_empty())?;
    let first = list.short()?;
    Some(first.0 == b"acme-tls/1" && list.0.is_empty())
}

/// What is left to read.
struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// What a length of one byte announces.
    fn short(&mut self) -> Option<Self> {
        let length = self.u8()?;
        self.take(usize::from(length)).map(Self)
    }

    /// What a length of two bytes announces.
    fn long(&mut self) -> Option<Self> {
        let length = self.u16()?;
        self.take(usize::from(length)).map(Self)
    }
}

#[cfg(test)]
mod tests;

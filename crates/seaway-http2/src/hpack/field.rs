//! One decoded field, and the name of a field before its value is known.

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::arena::Arena;
use super::vocabulary;

/// A field that HTTP allows. Each value is parsed here and not by the message, so that an entry of the table is parsed
/// once and not with each request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Field {
    Method(Method),
    Scheme(Scheme),
    Authority(Authority),
    Path(PathAndQuery),
    Protocol(Bytes),
    Status(StatusCode),
    Header(HeaderName, HeaderValue),
}

/// What RFC 9113 6.5.2 and RFC 7541 4.1 add to the size of each field.
pub(super) const OVERHEAD: usize = 32;

/// The name of a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Name {
    Method,
    Scheme,
    Authority,
    Path,
    Protocol,
    Status,
    Header(HeaderName),
    /// A name that HTTP does not allow. It still counts in the table, and nothing but its length does.
    Bad(usize),
}

impl Name {
    pub(super) fn parse(name: &[u8]) -> Self {
        if name.first() == Some(&b':') {
            return match name {
                b":method" => Self::Method,
                b":scheme" => Self::Scheme,
                b":authority" => Self::Authority,
                b":path" => Self::Path,
                b":protocol" => Self::Protocol,
                b":status" => Self::Status,
                _ => Self::Bad(name.len()),
            };
        }
        match vocabulary::name(name).map_or_else(|| HeaderName::from_lowercase(name), Ok) {
            Ok(name) => Self::Header(name),
            Err(_) => Self::Bad(name.len()),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Method | Self::Scheme | Self::Status => 7,
            Self::Authority => 10,
            Self::Path => 5,
            Self::Protocol => 9,
            Self::Header(name) => name.as_str().len(),
            Self::Bad(length) => *length,
        }
    }

    /// The field of this name and `value`, or the name alone when HTTP does not allow the field.
    pub(super) fn with(self, value: &[u8], store: Store<'_>) -> Result<Field, Self> {
        match self {
            Self::Header(name) => match header_value(value, store) {
                Some(value) => Ok(Field::Header(name, value)),
                None => Err(Self::Header(name)),
            },
            Self::Method => Method::from_bytes(value)
                .map(Field::Method)
                .map_err(|_| Self::Method),
            Self::Status => StatusCode::from_bytes(value)
                .map(Field::Status)
                .map_err(|_| Self::Status),
            Self::Scheme => scheme(value).map(Field::Scheme).ok_or(Self::Scheme),
            Self::Authority => authority(value, store)
                .map(Field::Authority)
                .ok_or(Self::Authority),
            Self::Path => path(value, store).map(Field::Path).ok_or(Self::Path),
            Self::Protocol => protocol(value, store).map(Field::Protocol).ok_or(Self::Protocol),
            Self::Bad(length) => Err(Self::Bad(length)),
        }
    }
}

impl From<&Field> for Name {
    fn from(field: &Field) -> Self {
        match field {
            Field::Method(_) => Self::Method,
            Field::Scheme(_) => Self::Scheme,
            Field::Authority(_) => Self::Authority,
            Field::Path(_) => Self::Path,
            Field::Protocol(_) => Self::Protocol,
            Field::Status(_) => Self::Status,
            Field::Header(name, _) => Self::Header(name.clone()),
        }
    }
}

/// Where the bytes of a value go.
pub(super) enum Store<'a> {
    /// With the message.
    Arena(&'a mut Arena),
    /// In memory of its own, as for an entry of the table: it lives long and must not hold a piece of the arena.
    Own,
}

impl Store<'_> {
    fn put(self, value: &[u8]) -> Bytes {
        match self {
            Self::Arena(arena) => arena.put(value),
            Self::Own => Bytes::copy_from_slice(value),
        }
    }
}

fn header_value(value: &[u8], store: Store<'_>) -> Option<HeaderValue> {
    if let Some(known) = vocabulary::value(value) {
        return Some(HeaderValue::from_static(known));
    }
    if has_white_edge(value) {
        return None;
    }
    HeaderValue::from_maybe_shared(store.put(value)).ok()
}

/// RFC 9113 8.2.1: no white space around a value.
fn has_white_edge(value: &[u8]) -> bool {
    matches!(value.first(), Some(b' ' | b'\t')) || matches!(value.last(), Some(b' ' | b'\t'))
}

fn scheme(scheme: &[u8]) -> Option<Scheme> {
    match scheme {
        b"http" => Some(Scheme::HTTP),
        b"https" => Some(Scheme::HTTPS),
        // `Scheme` does not look at what a scheme begins with (RFC 3986, 3.1), and takes an empty one.
        [first, ..] if first.is_ascii_alphabetic() => Scheme::try_from(scheme).ok(),
        _ => None,
    }
}

/// Not empty. User information, which RFC 9113 8.3.1 deprecates, is left to whoever reads the request: it can say so.
fn authority(authority: &[u8], store: Store<'_>) -> Option<Authority> {
    Authority::from_maybe_shared(store.put(authority)).ok()
}

/// A path from the root, or `*`; whether the method has a use for that one is for the message to say.
fn path(path: &[u8], store: Store<'_>) -> Option<PathAndQuery> {
    match path {
        b"/" => return Some(const { PathAndQuery::from_static("/") }),
        b"*" | [b'/', ..] => {}
        _ => return None,
    }
    let parsed = PathAndQuery::from_maybe_shared(store.put(path)).ok()?;
    // A fragment would have been cut off: others may read such a path in another way.
    (parsed.as_str().len() == path.len()).then_some(parsed)
}

/// A token, as in an Upgrade field; here only what a text of visible characters is.
fn protocol(protocol: &[u8], store: Store<'_>) -> Option<Bytes> {
    let visible = !protocol.is_empty() && protocol.iter().all(u8::is_ascii_graphic);
    visible.then(|| store.put(protocol))
}

//! The fields of a head, kept for a try that most likely never comes.
//!
//! HTTP/2 consumes a `HeaderMap` when it sends it, and a request that may be sent again needs its fields twice. A clone costs
//! two allocations and, for each field, a reference count up and down; the fields as plain bytes in one buffer cost one
//! allocation. To read them back costs more, for the few requests that are sent again.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The fields of a head, in order.
#[derive(Debug)]
pub(crate) struct Kept {
    fields: usize,
    /// For each: whether it is sensitive, the lengths of name and value, name, value.
    text: Vec<u8>,
}

/// One byte, and two lengths.
const PREFIX: usize = 1 + 2 * size_of::<u32>();

impl Kept {
    /// Copies the fields. `None` for a map that is too large to be one of a request.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let room: usize = headers
            .iter()
            .map(|(name, value)| PREFIX + name.as_str().len() + value.len())
            .sum();
        let mut text = Vec::with_capacity(room);
        for (name, value) in headers {
            text.push(u8::from(value.is_sensitive()));
            text.extend_from_slice(&u32::try_from(name.as_str().len()).ok()?.to_ne_bytes());
            text.extend_from_slice(&u32::try_from(value.len()).ok()?.to_ne_bytes());
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(value.as_bytes());
        }
        Some(Self {
            fields: headers.len(),
            text,
        })
    }

    /// The fields again.
    pub(crate) fn restore(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(self.fields);
        let mut rest = self.text.as_slice();
        while let Some((name, value, after)) = field(rest) {
            headers.append(name, value);
            rest = after;
        }
        headers
    }
}

/// The first field, and what follows it.
fn field(text: &[u8]) -> Option<(HeaderName, HeaderValue, &[u8])> {
    let (sensitive, text) = text.split_first()?;
    let (name_length, text) = text.split_first_chunk()?;
    let (value_length, text) = text.split_first_chunk()?;
    let (name, text) = text.split_at_checked(length(*name_length)?)?;
    let (value, rest) = text.split_at_checked(length(*value_length)?)?;
    let mut value = HeaderValue::from_bytes(value).ok()?;
    value.set_sensitive(*sensitive != 0);
    Some((HeaderName::from_bytes(name).ok()?, value, rest))
}

fn length(bytes: [u8; size_of::<u32>()]) -> Option<usize> {
    usize::try_from(u32::from_ne_bytes(bytes)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_kept_comes_back(
            fields in prop::collection::vec(("[a-z][a-z0-9-]{0,20}", "[ -~\\x80-\u{ff}]{0,30}", any::<bool>()), 0..20),
        ) {
            let mut headers = HeaderMap::new();
            for (name, value, sensitive) in &fields {
                let mut value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
                value.set_sensitive(*sensitive);
                headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
            }
            let restored = Kept::of(&headers).unwrap().restore();
            prop_assert_eq!(&restored, &headers);
            let sensitive = |map: &HeaderMap| map.values().map(HeaderValue::is_sensitive).collect::<Vec<_>>();
            prop_assert_eq!(sensitive(&restored), sensitive(&headers));
        }
    }
}

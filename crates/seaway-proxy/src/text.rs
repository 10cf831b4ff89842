//! Values of fields that are needed in a second place.
//!
//! A clone of a [`HeaderValue`] shares its memory, and counts who does, atomically: once for the clone, once for each of
//! the two when it is dropped, and the first clone allocates the count. To copy the few bytes of a usual value is an
//! allocation as well, and nothing else.

use bytes::Bytes;
use http::HeaderValue;

/// A value with memory of its own.
pub(crate) fn copy(value: &HeaderValue) -> HeaderValue {
    let bytes = Bytes::copy_from_slice(value.as_bytes());
    // What was a value is one.
    HeaderValue::from_maybe_shared(bytes).unwrap_or_else(|_| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_the_same_value_elsewhere() {
        let value = HeaderValue::from_bytes(b"text/plain; \xff").unwrap();
        let copy = copy(&value);
        assert_eq!(copy, value);
        assert_ne!(copy.as_bytes().as_ptr(), value.as_bytes().as_ptr());
    }
}

//! Names and values that traffic repeats and the static table of RFC 7541 lacks.
//!
//! A peer that does not index them sends them as text with each message. Found here they need no memory.

use http::HeaderName;

macro_rules! names {
    ($bytes:expr, $($length:literal: [$($name:literal),+])+) => {
        match $bytes.len() {
            $($length => {
                $(if $bytes == $name.as_bytes() {
                    return Some(const { HeaderName::from_static($name) });
                })+
                None
            })+
            _ => None,
        }
    };
}

pub(super) fn name(bytes: &[u8]) -> Option<HeaderName> {
    names!(bytes,
        10: ["tracestate"]
        11: ["grpc-status", "traceparent"]
        12: ["grpc-message", "grpc-timeout", "x-request-id"]
        13: ["grpc-encoding"]
        15: ["x-forwarded-for"]
        16: ["x-forwarded-host"]
        17: ["x-forwarded-proto"]
        20: ["grpc-accept-encoding"]
        23: ["grpc-status-details-bin"]
    )
}

pub(super) fn value(bytes: &[u8]) -> Option<&'static str> {
    let known = match bytes.len() {
        0 => "",
        1 => match bytes {
            b"0" => "0",
            b"/" => "/",
            _ => return None,
        },
        4 => match bytes {
            b"http" => "http",
            b"gzip" => "gzip",
            _ => return None,
        },
        5 => "https",
        8 => match bytes {
            b"trailers" => "trailers",
            b"identity" => "identity",
            _ => return None,
        },
        16 => "application/grpc",
        _ => return None,
    };
    (bytes == known.as_bytes()).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_returned_as_it_was_asked() {
        for known in [
            "grpc-status",
            "tracestate",
            "x-request-id",
            "grpc-status-details-bin",
        ] {
            assert_eq!(name(known.as_bytes()).unwrap().as_str(), known);
        }
        for known in [
            "",
            "0",
            "/",
            "http",
            "https",
            "gzip",
            "trailers",
            "identity",
            "application/grpc",
        ] {
            assert_eq!(value(known.as_bytes()), Some(known));
        }
    }

    #[test]
    fn what_only_has_the_length_of_a_known_text_is_unknown() {
        assert_eq!(name(b"grpc-statuz"), None);
        assert_eq!(value(b"1"), None);
        assert_eq!(value(b"httpx"), None);
        assert_eq!(value(b"application/json"), None);
    }
}

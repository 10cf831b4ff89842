//! The static table (RFC 7541, Appendix A), with its entries as they are given out.

use http::uri::{PathAndQuery, Scheme};
use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::dynamic::Entry;
use super::field::{Field, Name, OVERHEAD};

const fn header(name: &'static str, value: &'static str) -> Entry {
    Entry {
        size: name.len() + value.len() + OVERHEAD,
        field: Ok(Field::Header(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )),
    }
}

const fn name(name: &'static str) -> Entry {
    header(name, "")
}

const fn method(method: Method, length: usize) -> Entry {
    Entry {
        size: 7 + length + OVERHEAD,
        field: Ok(Field::Method(method)),
    }
}

const fn path(path: &'static str) -> Entry {
    Entry {
        size: 5 + path.len() + OVERHEAD,
        field: Ok(Field::Path(PathAndQuery::from_static(path))),
    }
}

const fn scheme(scheme: Scheme, length: usize) -> Entry {
    Entry {
        size: 7 + length + OVERHEAD,
        field: Ok(Field::Scheme(scheme)),
    }
}

const fn status(status: StatusCode) -> Entry {
    Entry {
        size: 7 + 3 + OVERHEAD,
        field: Ok(Field::Status(status)),
    }
}

/// Index 1 is the first.
pub(super) static ENTRIES: [Entry; 61] = [
    // There for its name: an empty authority is no authority.
    Entry {
        size: 10 + OVERHEAD,
        field: Err(Name::Authority),
    },
    method(Method::GET, 3),
    method(Method::POST, 4),
    path("/"),
    path("/index.html"),
    scheme(Scheme::HTTP, 4),
    scheme(Scheme::HTTPS, 5),
    status(StatusCode::OK),
    status(StatusCode::NO_CONTENT),
    status(StatusCode::PARTIAL_CONTENT),
    status(StatusCode::NOT_MODIFIED),
    status(StatusCode::BAD_REQUEST),
    status(StatusCode::NOT_FOUND),
    status(StatusCode::INTERNAL_SERVER_ERROR),
    name("accept-charset"),
    header("accept-encoding", "gzip, deflate"),
    name("accept-language"),
    name("accept-ranges"),
    name("accept"),
    name("access-control-allow-origin"),
    name("age"),
    name("allow"),
    name("authorization"),
    name("cache-control"),
    name("content-disposition"),
    name("content-encoding"),
    name("content-language"),
    name("content-length"),
    name("content-location"),
    name("content-range"),
    name("content-type"),
    name("cookie"),
    name("date"),
    name("etag"),
    name("expect"),
    name("expires"),
    name("from"),
    name("host"),
    name("if-match"),
    name("if-modified-since"),
    name("if-none-match"),
    name("if-range"),
    name("if-unmodified-since"),
    name("last-modified"),
    name("link"),
    name("location"),
    name("max-forwards"),
    name("proxy-authenticate"),
    name("proxy-authorization"),
    name("range"),
    name("referer"),
    name("refresh"),
    name("retry-after"),
    name("server"),
    name("set-cookie"),
    name("strict-transport-security"),
    name("transfer-encoding"),
    name("user-agent"),
    name("vary"),
    name("via"),
    name("www-authenticate"),
];

pub(super) mod index {
    //! What the encoder refers to.

    use http::{Method, StatusCode};

    pub(in crate::hpack) const AUTHORITY: u8 = 1;
    pub(in crate::hpack) const METHOD: u8 = 2;
    pub(in crate::hpack) const PATH: u8 = 4;
    pub(in crate::hpack) const SCHEME: u8 = 6;
    pub(in crate::hpack) const STATUS: u8 = 8;
    pub(in crate::hpack) const ACCEPT_ENCODING: u8 = 16;

    pub(in crate::hpack) fn method(method: &Method) -> Option<u8> {
        match *method {
            Method::GET => Some(2),
            Method::POST => Some(3),
            _ => None,
        }
    }

    pub(in crate::hpack) fn path(path: &str) -> Option<u8> {
        match path {
            "/" => Some(4),
            "/index.html" => Some(5),
            _ => None,
        }
    }

    pub(in crate::hpack) fn scheme(scheme: &str) -> Option<u8> {
        match scheme {
            "http" => Some(6),
            "https" => Some(7),
            _ => None,
        }
    }

    pub(in crate::hpack) fn status(status: StatusCode) -> Option<u8> {
        Some(match status.as_u16() {
            200 => 8,
            204 => 9,
            206 => 10,
            304 => 11,
            400 => 12,
            404 => 13,
            500 => 14,
            _ => return None,
        })
    }

    macro_rules! names {
        ($text:expr, $($length:literal: [$($name:literal $index:literal),+])+) => {
            match $text.len() {
                $($length => {
                    $(if $text == $name { return Some($index); })+
                    None
                })+
                _ => None,
            }
        };
    }

    /// The index of a field's name. The length leaves few candidates, each compared as a word or two.
    pub(in crate::hpack) fn name(name: &str) -> Option<u8> {
        names!(name,
            3: ["age" 21, "via" 60]
            4: ["date" 33, "host" 38, "vary" 59, "etag" 34, "from" 37, "link" 45]
            5: ["allow" 22, "range" 50]
            6: ["accept" 19, "cookie" 32, "server" 54, "expect" 35]
            7: ["referer" 51, "expires" 36, "refresh" 52]
            8: ["location" 46, "if-match" 39, "if-range" 42]
            10: ["user-agent" 58, "set-cookie" 55]
            11: ["retry-after" 53]
            12: ["content-type" 31, "max-forwards" 47]
            13: ["authorization" 23, "cache-control" 24, "last-modified" 44, "if-none-match" 41, "accept-ranges" 18,
                "content-range" 30]
            14: ["content-length" 28, "accept-charset" 15]
            15: ["accept-encoding" 16, "accept-language" 17]
            16: ["content-encoding" 26, "content-language" 27, "content-location" 29, "www-authenticate" 61]
            17: ["if-modified-since" 40, "transfer-encoding" 57]
            18: ["proxy-authenticate" 48]
            19: ["content-disposition" 25, "if-unmodified-since" 43, "proxy-authorization" 49]
            25: ["strict-transport-security" 56]
            27: ["access-control-allow-origin" 20]
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_at(index: u8) -> Name {
        ENTRIES[usize::from(index) - 1].name()
    }

    #[test]
    fn each_name_is_found_at_the_first_entry_that_has_it() {
        for (at, entry) in ENTRIES.iter().enumerate() {
            if let Ok(Field::Header(name, _)) = &entry.field {
                assert_eq!(
                    index::name(name.as_str()).map(usize::from),
                    Some(at + 1),
                    "{name}"
                );
            }
        }
        assert_eq!(index::name("grpc-status"), None);
        assert_eq!(index::name("agf"), None);
    }

    #[test]
    fn each_exact_match_is_the_entry_itself() {
        for (at, entry) in ENTRIES.iter().enumerate() {
            let found = match &entry.field {
                Ok(Field::Method(method)) => index::method(method),
                Ok(Field::Path(path)) => index::path(path.as_str()),
                Ok(Field::Scheme(scheme)) => index::scheme(scheme.as_str()),
                Ok(Field::Status(status)) => index::status(*status),
                _ => continue,
            };
            assert_eq!(found.map(usize::from), Some(at + 1));
        }
    }

    #[test]
    fn names_of_pseudo_headers_are_where_the_encoder_expects_them() {
        assert_eq!(name_at(index::AUTHORITY), Name::Authority);
        assert_eq!(name_at(index::METHOD), Name::Method);
        assert_eq!(name_at(index::PATH), Name::Path);
        assert_eq!(name_at(index::SCHEME), Name::Scheme);
        assert_eq!(name_at(index::STATUS), Name::Status);
    }

    #[test]
    fn the_size_of_each_entry_is_that_of_its_name_and_value() {
        for entry in &ENTRIES {
            let value = match &entry.field {
                Ok(Field::Method(method)) => method.as_str().len(),
                Ok(Field::Scheme(scheme)) => scheme.as_str().len(),
                Ok(Field::Path(path)) => path.as_str().len(),
                Ok(Field::Status(_)) => 3,
                Ok(Field::Header(_, value)) => value.len(),
                _ => 0,
            };
            assert_eq!(entry.size, entry.name().len() + value + OVERHEAD);
        }
    }
}

//! One look at the names of a head's fields, in place of a search for each question about them.
//!
//! To search a `HeaderMap` costs a hash of the name whether it is there or not, and a proxy asks for a dozen fields that
//! most messages do not have. One pass over the few that there are answers for all of them.

use http::header::HeaderMap;
use http::{HeaderName, HeaderValue};

use crate::error::Failure;

/// The fields that stages look at, and which of them a head has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found(u16);

impl Found {
    pub(crate) const CONNECTION: Self = Self(1);
    pub(crate) const KEEP_ALIVE: Self = Self(1 << 1);
    pub(crate) const PROXY_CONNECTION: Self = Self(1 << 2);
    pub(crate) const TRANSFER_ENCODING: Self = Self(1 << 3);
    pub(crate) const UPGRADE: Self = Self(1 << 4);
    pub(crate) const TE: Self = Self(1 << 5);
    pub(crate) const PROXY_AUTHORIZATION: Self = Self(1 << 6);
    pub(crate) const PROXY_AUTHENTICATE: Self = Self(1 << 7);
    pub(crate) const GRPC_STATUS: Self = Self(1 << 8);
    const HOST: Self = Self(1 << 9);
    const USER_AGENT: Self = Self(1 << 10);
    const CONTENT_TYPE: Self = Self(1 << 11);

    /// Looks.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        headers
            .keys()
            .fold(Self::default(), |found, name| Self(found.0 | Self::kind(name).0))
    }

    /// Whether any of `fields` is there.
    pub(crate) fn has(self, fields: Self) -> bool {
        self.0 & fields.0 != 0
    }

    /// Whether there is a field that belongs to an HTTP/1 connection, which HTTP/2 does not allow (RFC 9113, 8.2.2).
    pub(crate) fn has_of_connection(self) -> bool {
        let of_connection = [
            Self::CONNECTION,
            Self::KEEP_ALIVE,
            Self::PROXY_CONNECTION,
            Self::TRANSFER_ENCODING,
            Self::UPGRADE,
        ];
        of_connection.into_iter().any(|field| self.has(field))
    }

    fn kind(name: &HeaderName) -> Self {
        match name.as_str() {
            "te" => Self::TE,
            "host" => Self::HOST,
            "upgrade" => Self::UPGRADE,
            "connection" => Self::CONNECTION,
            "keep-alive" => Self::KEEP_ALIVE,
            "user-agent" => Self::USER_AGENT,
            "grpc-status" => Self::GRPC_STATUS,
            "content-type" => Self::CONTENT_TYPE,
            "proxy-connection" => Self::PROXY_CONNECTION,
            "transfer-encoding" => Self::TRANSFER_ENCODING,
            "proxy-authenticate" => Self::PROXY_AUTHENTICATE,
            "proxy-authorization" => Self::PROXY_AUTHORIZATION,
            _ => Self::default(),
        }
    }
}

/// What every request is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fields<'a> {
    pub(crate) found: Found,
    /// The first of each.
    pub(crate) host: Option<&'a HeaderValue>,
    pub(crate) user_agent: Option<&'a HeaderValue>,
    pub(crate) content_type: Option<&'a HeaderValue>,
    /// There are several Host fields.
    pub(crate) several_hosts: bool,
}

impl<'a> Fields<'a> {
    /// Looks.
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let mut fields = Self::default();
        for (name, value) in headers {
            let kind = Found::kind(name);
            fields.found.0 |= kind.0;
            match kind {
                Found::HOST if fields.host.is_some() => fields.several_hosts = true,
                Found::HOST => fields.host = Some(value),
                Found::USER_AGENT => {
                    fields.user_agent.get_or_insert(value);
                }
                Found::CONTENT_TYPE => {
                    fields.content_type.get_or_insert(value);
                }
                _ => {}
            }
        }
        fields
    }

    /// The field that names the host, checked to be the only one.
    ///
    /// # Errors
    /// Several of them.
    pub(crate) fn the_host(&self) -> Result<Option<&'a HeaderValue>, Failure> {
        if self.several_hosts {
            return Err(Failure::BadRequest("several Host fields"));
        }
        Ok(self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn what_is_there_is_found_and_nothing_else() {
        let found = Found::of(&headers(&[("Upgrade", "x"), ("x-te", "1"), ("te", "trailers")]));
        assert!(found.has(Found::UPGRADE) && found.has(Found::TE));
        assert!(!found.has(Found::CONNECTION) && !found.has(Found::KEEP_ALIVE));
    }

    #[test]
    fn the_first_of_each_counts_and_a_second_host_is_seen() {
        let map = headers(&[("host", "a"), ("user-agent", "b"), ("user-agent", "c")]);
        let fields = Fields::of(&map);
        assert_eq!(fields.the_host().unwrap().unwrap(), "a");
        assert_eq!(fields.user_agent.unwrap(), "b");
        let map = headers(&[("host", "a"), ("host", "a")]);
        assert!(Fields::of(&map).the_host().is_err());
    }
}

//! Hosts: the `Host` header, `:authority`, the authority of a URL, the TLS server name.

use std::borrow::Cow;
use std::net::Ipv6Addr;

/// Why a text is not a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHost {
    /// A byte that no host has: a space, a control character, `@`, `%`, something that is not ASCII.
    #[error("the host contains a character that is not allowed in a DNS name")]
    Character,
    /// Two dots together, or one at the beginning.
    #[error("the host has an empty label")]
    EmptyLabel,
    /// More than 253 bytes.
    #[error("the host is longer than 253 bytes")]
    TooLong,
    /// What stands after the colon is not a port.
    #[error("the port is not a number from 0 to 65535")]
    Port,
    /// A port without a host.
    #[error("there is a port but no host")]
    Empty,
    /// Brackets without an IPv6 address in them.
    #[error("the brackets do not hold an IPv6 address")]
    Ipv6,
}

/// A host with the port that came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// As [`host`] gives it.
    pub host: Cow<'a, str>,
    /// As written; `None` if none was.
    pub port: Option<u16>,
}

/// The form in which hosts are matched: lower case, without port and without the trailing dot; an IPv6 address in its
/// canonical text (RFC 5952) without brackets. Borrows where nothing but an end was cut off. Empty stays empty.
///
/// # Errors
/// Says what is wrong. User information (`user@host`), zone identifiers and IPv6 addresses without brackets are refused.
pub fn host(text: &str) -> Result<Cow<'_, str>, BadHost> {
    authority(text).map(|a| a.host)
}

/// The same, with the port.
///
/// # Errors
/// As [`host`].
pub fn authority(text: &str) -> Result<Authority<'_>, BadHost> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']').ok_or(BadHost::Ipv6)?;
        let parsed: Ipv6Addr = address.parse().map_err(|_| BadHost::Ipv6)?;
        let port = match rest.strip_prefix(':') {
            Some(port) => port_of(port)?,
            None if rest.is_empty() => None,
            None => return Err(BadHost::Port),
        };
        return Ok(Authority {
            host: canonical(address, parsed),
            port,
        });
    }
    let (name, port) = match text.split_once(':') {
        Some(("", _)) => return Err(BadHost::Empty),
        Some((name, port)) => (name, port_of(port)?),
        None => (text, None),
    };
    Ok(Authority {
        host: name_of(name)?,
        port,
    })
}

/// RFC 3986, 3.2.3 allows a colon with nothing after it.
fn port_of(text: &str) -> Result<Option<u16>, BadHost> {
    if text.is_empty() {
        return Ok(None);
    }
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BadHost::Port);
    }
    text.parse().map(Some).map_err(|_| BadHost::Port)
}

fn canonical(written: &str, address: Ipv6Addr) -> Cow<'_, str> {
    let text = address.to_string();
    if text == written {
        Cow::Borrowed(written)
    } else {
        Cow::Owned(text)
    }
}

fn name_of(name: &str) -> Result<Cow<'_, str>, BadHost> {
    if name.is_empty() {
        return Ok(Cow::Borrowed(""));
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > 253 {
        return Err(BadHost::TooLong);
    }
    let mut before = b'.';
    let mut upper = false;
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => {}
            b'A'..=b'Z' => upper = true,
            b'.' if before == b'.' => return Err(BadHost::EmptyLabel),
            b'.' => {}
            _ => return Err(BadHost::Character),
        }
        before = byte;
    }
    if before == b'.' {
        return Err(BadHost::EmptyLabel);
    }
    Ok(if upper {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        host(text).map_or_else(|e| format!("{e:?}"), Cow::into_owned)
    }

    #[test]
    fn a_normal_host_is_borrowed() {
        assert!(matches!(
            host("shop.example.com:8080"),
            Ok(Cow::Borrowed("shop.example.com"))
        ));
    }

    #[test]
    fn case_port_and_trailing_dot_do_not_count() {
        for text in [
            "Shop.Example.COM",
            "shop.example.com:80",
            "shop.example.com.",
            "shop.example.com.:80",
            "shop.example.com:",
        ] {
            assert_eq!(plain(text), "shop.example.com", "{text}");
        }
    }

    #[test]
    fn an_ipv6_address_becomes_canonical_text() {
        for text in ["[2001:DB8::1]:443", "[2001:db8:0:0:0:0:0:1]", "[2001:db8::1]"] {
            assert_eq!(plain(text), "2001:db8::1", "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for (text, error) in [
            ("a b", BadHost::Character),
            ("user@host", BadHost::Character),
            ("h%6fst", BadHost::Character),
            ("hößt", BadHost::Character),
            ("*.example.com", BadHost::Character),
            ("a/b", BadHost::Character),
            ("a..b", BadHost::EmptyLabel),
            (".a", BadHost::EmptyLabel),
            ("a..", BadHost::EmptyLabel),
            (".", BadHost::EmptyLabel),
            ("a:b", BadHost::Port),
            ("a:+1", BadHost::Port),
            ("a:65536", BadHost::Port),
            ("::1", BadHost::Empty),
            ("fe80::1", BadHost::Port),
            (":80", BadHost::Empty),
            ("[::1", BadHost::Ipv6),
            ("[fe80::1%25eth0]", BadHost::Ipv6),
            ("[1.2.3.4]", BadHost::Ipv6),
            ("[::1]x", BadHost::Port),
        ] {
            assert_eq!(host(text), Err(error), "{text}");
        }
        assert_eq!(host(&"a".repeat(254)), Err(BadHost::TooLong));
    }

    #[test]
    fn no_host_stays_no_host() {
        assert_eq!(plain(""), "");
    }
}

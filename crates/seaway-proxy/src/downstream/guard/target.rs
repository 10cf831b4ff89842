//! Request targets and hosts: which forms are allowed, and whether two say the same (RFC 9112, 3.2; RFC 9110, 7.2).

use std::net::Ipv6Addr;

use super::bytes;
use super::refusal::Reason;

/// The methods whose targets have forms of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Connect,
    Options,
    Other,
}

impl Method {
    pub(super) fn of(token: &[u8]) -> Self {
        match token {
            b"CONNECT" => Self::Connect,
            b"OPTIONS" => Self::Options,
            _ => Self::Other,
        }
    }
}

/// An authority inside a target, with the port that its scheme implies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Authority<'a> {
    pub(super) text: &'a [u8],
    pub(super) default_port: &'static [u8],
}

/// Checks a target that does not begin with a slash. `None`: it has no authority.
pub(super) fn authority(method: Method, target: &[u8]) -> Result<Option<Authority<'_>>, Reason> {
    if method == Method::Connect {
        let valid = is_host(target) && split_port(target).1.is_some_and(|port| !port.is_empty());
        return valid
            .then_some(Some(Authority {
                text: target,
                default_port: b"",
            }))
            .ok_or(Reason::Target);
    }
    if target == b"*" {
        return if method == Method::Options {
            Ok(None)
        } else {
            Err(Reason::Target)
        };
    }
    let (rest, default_port) = strip_scheme(target).ok_or(Reason::Target)?;
    let end = bytes::run(rest, |b| b != b'/' && b != b'?');
    let text = rest.get(..end).unwrap_or_default();
    if text.is_empty() || !is_host(text) {
        return Err(Reason::Target);
    }
    Ok(Some(Authority { text, default_port }))
}

fn strip_scheme(target: &[u8]) -> Option<(&[u8], &'static [u8])> {
    for (scheme, port) in [(&b"http://"[..], &b"80"[..]), (b"https://", b"443")] {
        if let Some((start, rest)) = target.split_at_checked(scheme.len())
            && start.eq_ignore_ascii_case(scheme)
        {
            return Some((rest, port));
        }
    }
    None
}

/// Whether `Host` and the target's authority name the same place: case does not matter, nor does a port that the
/// scheme implies.
pub(super) fn same(authority: Authority<'_>, host: &[u8]) -> bool {
    let (left, left_port) = split_port(authority.text);
    let (right, right_port) = split_port(host);
    let port = |p: Option<&[u8]>| match p {
        None | Some(b"") => authority.default_port.to_vec(),
        Some(p) => p.to_vec(),
    };
    left.eq_ignore_ascii_case(right) && port(left_port) == port(right_port)
}

/// What Host may be. Empty is what a client sends whose target has no authority (RFC 9112, 3.2).
pub(super) fn is_host_field(text: &[u8]) -> bool {
    text.is_empty() || is_host(text)
}

/// `uri-host [ ":" port ]`, without user information.
pub(super) fn is_host(text: &[u8]) -> bool {
    let (host, port) = split_port(text);
    let port_is_fine = port.is_none_or(|p| {
        p.iter().all(u8::is_ascii_digit)
            && (p.is_empty() || str::from_utf8(p).is_ok_and(|p| p.parse::<u16>().is_ok()))
    });
    port_is_fine && (is_ip_literal(host) || is_name(host))
}

fn is_name(host: &[u8]) -> bool {
    !host.is_empty() && bytes::run(host, bytes::is_host) == host.len() && percents_are_whole(host)
}

fn is_ip_literal(host: &[u8]) -> bool {
    host.strip_prefix(b"[")
        .and_then(|h| h.strip_suffix(b"]"))
        .and_then(|h| str::from_utf8(h).ok())
        .is_some_and(|h| h.parse::<Ipv6Addr>().is_ok())
}

fn percents_are_whole(host: &[u8]) -> bool {
    host.split(|b| *b == b'%').skip(1).all(|after| {
        after
            .first_chunk::<2>()
            .is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
    })
}

/// Splits at the colon before a port; an IPv6 literal keeps its own colons.
fn split_port(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let Some(colon) = text.iter().rposition(|b| *b == b':') else {
        return (text, None);
    };
    let (host, port) = text.split_at(colon);
    if port.contains(&b']') {
        return (text, None);
    }
    (host, port.get(1..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_addresses_and_ports_and_nothing_else() {
        for good in [
            "a",
            "a.b",
            "A-b_c.example:80",
            "a:",
            "127.0.0.1:8080",
            "[::1]",
            "[::1]:443",
            "a%20b",
            "x..y",
        ] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            ":80",
            "a b",
            "a/b",
            "a@b",
            "user:pass@host",
            "a:80:90",
            "a:x",
            "a:70000",
            "[::1",
            "::1",
            "[::1]x",
            "a%2",
            "a%zz",
            "a\\b",
            "\"a\"",
            "a?b",
            "[fe80::1%25eth0]",
            "h\u{f6}st",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn an_implied_port_and_a_written_one_are_the_same() {
        let authority = |text: &'static str| Authority {
            text: text.as_bytes(),
            default_port: b"80",
        };
        assert!(same(authority("Example.com"), b"example.COM:80"));
        assert!(same(authority("example.com:"), b"example.com"));
        assert!(!same(authority("example.com:81"), b"example.com"));
        assert!(!same(authority("example.com"), b"example.org"));
        assert!(!same(authority("example.com"), b""));
    }

    #[test]
    fn only_connect_has_an_authority_and_only_options_a_star() {
        assert!(authority(Method::Connect, b"a:443").is_ok());
        assert_eq!(authority(Method::Connect, b"a"), Err(Reason::Target));
        assert_eq!(authority(Method::Other, b"a:443"), Err(Reason::Target));
        assert_eq!(authority(Method::Options, b"*"), Ok(None));
        assert_eq!(authority(Method::Other, b"*"), Err(Reason::Target));
        assert_eq!(authority(Method::Other, b"ftp://a/"), Err(Reason::Target));
        assert_eq!(authority(Method::Other, b"http:///x"), Err(Reason::Target));
    }
}

//! Which hosts a virtual host or a certificate is for.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A host pattern. Text is lower case, without a port and without a trailing dot.
///
/// Two dialects mean two things by `*.example.com`: HttpRoute, Gateway API, Istio and Envoy let it cover any number
/// of labels, Ingress and certificates exactly one. Both are said here, so that no engine has to guess.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostMatch {
    /// This host or IP address and nothing else.
    Exact(Arc<str>),
    /// `*.example.com` for exactly one label more; keeps `.example.com`.
    OneLabel(Arc<str>),
    /// `*.example.com` or `*-v2.example.com` for one or more characters before it, dots included; keeps what follows
    /// the star.
    Suffix(Arc<str>),
    /// `*`: every host, and a request without one.
    Any,
}

/// Why a text is not a host pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostMatchError {
    /// Nothing was written.
    #[error("a host must not be empty")]
    Empty,
    /// A port was written.
    #[error("a host is written without a port; matching ignores the port of the request")]
    Port,
    /// A star stands somewhere else than first.
    #[error("a \"*\" may only be the first character of a host")]
    Star,
    /// A character, or a length, that DNS does not allow.
    #[error("\"{0}\" is neither a DNS name nor an IP address")]
    NotDns(String),
}

impl HostMatch {
    /// Reads a host pattern in which a wildcard covers any number of labels.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, HostMatchError> {
        let text = text.trim_end_matches('.').to_ascii_lowercase();
        if text.is_empty() {
            return Err(HostMatchError::Empty);
        }
        if text == "*" {
            return Ok(Self::Any);
        }
        let bare = text
            .strip_prefix('[')
            .and_then(|t| t.strip_suffix(']'))
            .unwrap_or(&text);
        if let Ok(address) = bare.parse::<std::net::IpAddr>() {
            return Ok(Self::Exact(address.to_string().into()));
        }
        if text.contains(':') {
            return Err(HostMatchError::Port);
        }
        if let Some(rest) = text.strip_prefix('*') {
            if rest.contains('*') {
                return Err(HostMatchError::Star);
            }
            if !rest.starts_with(['.', '-']) || !is_dns_name(&format!("x{rest}")) {
                return Err(HostMatchError::NotDns(text));
            }
            return Ok(Self::Suffix(rest.into()));
        }
        if text.contains('*') {
            return Err(HostMatchError::Star);
        }
        if !is_dns_name(&text) {
            return Err(HostMatchError::NotDns(text));
        }
        Ok(Self::Exact(text.into()))
    }

    /// Reads a host pattern in which a wildcard covers exactly one label (Ingress, certificates).
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse_one_label(text: &str) -> Result<Self, HostMatchError> {
        Ok(match Self::parse(text)? {
            Self::Suffix(suffix) if suffix.starts_with('.') => Self::OneLabel(suffix),
            Self::Suffix(suffix) => return Err(HostMatchError::NotDns(format!("*{suffix}"))),
            other => other,
        })
    }

    /// Whether this pattern covers `host`, which is lower case and without a port.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *host,
            Self::OneLabel(suffix) => host
                .strip_suffix(&**suffix)
                .is_some_and(|label| !label.is_empty() && !label.contains('.')),
            Self::Suffix(suffix) => host.strip_suffix(&**suffix).is_some_and(|rest| !rest.is_empty()),
            Self::Any => true,
        }
    }

    /// Specificity: exact, then longer suffixes before shorter ones (one label before many at equal length), then `*`.
    fn rank(&self) -> (u8, usize, u8) {
        match self {
            Self::Exact(_) => (0, 0, 0),
            Self::OneLabel(suffix) => (1, usize::MAX - suffix.len(), 0),
            Self::Suffix(suffix) => (1, usize::MAX - suffix.len(), 1),
            Self::Any => (2, 0, 0),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Exact(text) | Self::OneLabel(text) | Self::Suffix(text) => text,
            Self::Any => "",
        }
    }
}

/// Most specific first; agrees with equality.
impl Ord for HostMatch {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank()
            .cmp(&other.rank())
            .then_with(|| self.text().cmp(other.text()))
    }
}

impl PartialOrd for HostMatch {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for HostMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => f.write_str(host),
            Self::OneLabel(suffix) | Self::Suffix(suffix) => write!(f, "*{suffix}"),
            Self::Any => f.write_str("*"),
        }
    }
}

/// As text; a wildcard for one label is marked, since its text alone is that of one for many.
impl Serialize for HostMatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::OneLabel(_) => serializer.collect_str(&format_args!("{self} (one label)")),
            _ => serializer.collect_str(self),
        }
    }
}

/// RFC 1123 names, with the underscore that service discovery uses.
fn is_dns_name(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> HostMatch {
        HostMatch::parse(text).expect("a host")
    }

    #[test]
    fn a_wildcard_covers_many_labels_and_never_none() {
        let host = parse("*.Example.com.");
        assert!(host.matches("a.example.com") && host.matches("a.b.example.com"));
        assert!(!host.matches("example.com") && !host.matches(".example.com"));
    }

    #[test]
    fn a_wildcard_of_an_ingress_covers_one_label() {
        let host = HostMatch::parse_one_label("*.foo.com").expect("a host");
        assert!(host.matches("bar.foo.com"));
        assert!(!host.matches("baz.bar.foo.com") && !host.matches("foo.com"));
    }

    #[test]
    fn hosts_sort_from_the_most_specific_to_the_least() {
        let one = HostMatch::parse_one_label("*.b.c").expect("a host");
        let mut hosts = vec![
            parse("*"),
            parse("*.c"),
            one.clone(),
            parse("*.b.c"),
            parse("a.b.c"),
        ];
        hosts.sort();
        assert_eq!(
            hosts,
            [parse("a.b.c"), one, parse("*.b.c"), parse("*.c"), parse("*")]
        );
    }

    #[test]
    fn an_address_is_a_host_and_a_port_is_not_part_of_one() {
        assert_eq!(parse("[::1]"), HostMatch::Exact("::1".into()));
        assert_eq!(HostMatch::parse("example.com:80"), Err(HostMatchError::Port));
    }

    #[test]
    fn a_star_stands_first_or_nowhere() {
        assert_eq!(HostMatch::parse("a.*.com"), Err(HostMatchError::Star));
        assert!(matches!(HostMatch::parse("*com"), Err(HostMatchError::NotDns(_))));
    }
}

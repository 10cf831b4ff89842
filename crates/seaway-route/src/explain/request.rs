//! The request that is to be explained, as a person or a script writes it.

use std::borrow::Cow;
use std::net::IpAddr;

use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use seaway_model::Protocol;

use crate::normalize::{self, Authority, BadHost};

/// A request to explain. Whatever a client could not send was refused when it was made; what a client could send, and
/// the proxy refuses, is explained.
#[derive(Clone, Debug)]
pub struct ExplainRequest<'a> {
    pub(super) method: &'a str,
    pub(super) scheme: Scheme,
    /// Normalised.
    pub(super) url_host: Cow<'a, str>,
    /// As written, empty if nothing was.
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) headers: HeaderMap,
    /// The configured port of the listener.
    pub(super) port: u16,
    /// Canonical.
    pub(super) source: Option<IpAddr>,
}

/// What the URL says is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`, `ws`
    Http,
    /// `https`, `wss`
    Https,
    /// `tls`: TLS with the URL's host as server name, and nobody says what is inside.
    Tls,
    /// `tcp`
    Tcp,
    /// `udp`
    Udp,
}

/// Why a request cannot be explained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableRequest {
    /// The URL has no scheme that we speak.
    #[error("the URL must begin with http://, https://, tls://, tcp:// or udp://")]
    Scheme,
    /// Nothing says which port it goes to.
    #[error("a tcp:// or udp:// URL needs a port, as in tcp://host:5432")]
    Port,
    /// The URL has no host, or a bad one.
    #[error("the URL's host: {0}")]
    Host(BadHost),
    /// The method is no token (RFC 9110, 9.1).
    #[error("{0:?} is not a method")]
    Method(String),
    /// The name of a header is no token (RFC 9110, 5.1).
    #[error("{0:?} is not the name of a header")]
    HeaderName(String),
    /// The value of a header has characters that it must not have (RFC 9110, 5.5).
    #[error("the value of the header {0} contains a character that is not allowed")]
    HeaderValue(String),
}

impl Scheme {
    /// As URLs have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Tls => "tls",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let known = [
            ("http", Self::Http),
            ("https", Self::Https),
            ("ws", Self::Http),
            ("wss", Self::Https),
            ("tls", Self::Tls),
            ("tcp", Self::Tcp),
            ("udp", Self::Udp),
        ];
        let same = |(name, _): &(&str, Self)| text.eq_ignore_ascii_case(name);
        known.into_iter().find(same).map(|(_, scheme)| scheme)
    }

    fn own_port(self) -> Option<u16> {
        match self {
            Self::Http => Some(80),
            Self::Https | Self::Tls => Some(443),
            Self::Tcp | Self::Udp => None,
        }
    }

    pub(super) fn protocol(self) -> Protocol {
        match self {
            Self::Http => Protocol::Http,
            Self::Https | Self::Tls => Protocol::Https,
            Self::Tcp => Protocol::Tcp,
            Self::Udp => Protocol::Udp,
        }
    }
}

impl<'a> ExplainRequest<'a> {
    /// A request by its URL (`scheme://host[:port]/path?query`) and headers, or a connection by `tcp://host:port`,
    /// `udp://host:port` or `tls://name[:port]`. `port` is the configured port of the
    /// listener, by default the URL's. A Host header replaces the URL's host. The client is one that the gateway does not
    /// trust, so what it says of the way it came ([`normalize::distrust`]) is passed over, as the proxy does.
    ///
    /// # Errors
    /// What no client could send.
    pub fn new(
        method: &'a str,
        url: &'a str,
        mut headers: HeaderMap,
        port: Option<u16>,
    ) -> Result<Self, UnusableRequest> {
        // All of these are tokens; parsing only has to look at others.
        if !matches!(
            method,
            "GET" | "POST" | "PUT" | "DELETE" | "HEAD" | "OPTIONS" | "PATCH"
        ) && Method::from_bytes(method.as_bytes()).is_err()
        {
            return Err(UnusableRequest::Method(method.to_owned()));
        }
        let (scheme, rest) = url.split_once("://").ok_or(UnusableRequest::Scheme)?;
        let scheme = Scheme::parse(scheme).ok_or(UnusableRequest::Scheme)?;
        let (written, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let target = target.split_once('#').map_or(target, |(target, _)| target);
        let (path, query) = target
            .split_once('?')
            .map_or((target, None), |(p, q)| (p, Some(q)));
        let authority = normalize::authority(written).map_err(UnusableRequest::Host)?;
        if authority.host.is_empty() {
            return Err(UnusableRequest::Host(BadHost::Empty));
        }
        normalize::distrust(&mut headers);
        let mut request = Self {
            method,
            scheme,
            port: port
                .or(authority.port)
                .or(scheme.own_port())
                .ok_or(UnusableRequest::Port)?,
            url_host: authority.host,
            path,
            query,
            headers,
            source: None,
        };
        request.add_host(authority.port);
        Ok(request)
    }

    /// The same from names and values as text.
    ///
    /// # Errors
    /// What no client could send.
    pub fn parse<N: AsRef<str>, V: AsRef<str>>(
        method: &'a str,
        url: &'a str,
        headers: impl IntoIterator<Item = (N, V)>,
        port: Option<u16>,
    ) -> Result<Self, UnusableRequest> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let (name, value) = field(name.as_ref(), value.as_ref())?;
            map.append(name, value);
        }
        Self::new(method, url, map, port)
    }

    /// The same request from this address. Without one, it is from nobody that a rule could name.
    #[must_use]
    pub fn from_source(mut self, source: Option<IpAddr>) -> Self {
        self.source = source.map(|source| source.to_canonical());
        self
    }

    /// A client writes the URL's host into the Host header, with the port where it is not the scheme's own.
    fn add_host(&mut self, port: Option<u16>) {
        if self.headers.contains_key(HOST) {
            return;
        }
        let port = port.filter(|p| Some(*p) != self.scheme.own_port());
        let value = match port {
            Some(port) => HeaderValue::try_from(format!("{}:{port}", self.bracketed())),
            None => HeaderValue::from_str(&self.bracketed()),
        };
        if let Ok(value) = value {
            self.headers.insert(HOST, value);
        }
    }

    fn bracketed(&self) -> Cow<'_, str> {
        if self.url_host.contains(':') {
            Cow::Owned(format!("[{}]", self.url_host))
        } else {
            Cow::Borrowed(&self.url_host)
        }
    }

    /// The Host header as a client sends it.
    pub(super) fn host_header(&self) -> Cow<'_, str> {
        match self.headers.get(HOST) {
            Some(value) => String::from_utf8_lossy(value.as_bytes()),
            None => self.bracketed(),
        }
    }

    /// The host that the proxy sees, or why it refuses it.
    pub(super) fn authority(&self) -> Result<Authority<'_>, String> {
        let mut sent = self.headers.get_all(HOST).iter();
        let Some(value) = sent.next() else {
            return Ok(Authority {
                host: Cow::Borrowed(&self.url_host),
                port: None,
            });
        };
        if sent.next().is_some() {
            return Err("there are several Host headers".to_owned());
        }
        let text = value.to_str().map_err(|_| BadHost::Character.to_string())?;
        normalize::authority(text).map_err(|e| e.to_string())
    }

    /// Clients send no server name for an address (RFC 6066, 3).
    pub(super) fn server_name(&self) -> Option<&str> {
        (self.scheme == Scheme::Https && self.url_host.parse::<IpAddr>().is_err()).then_some(&*self.url_host)
    }
}

/// Parses a header.
pub(super) fn field(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), UnusableRequest> {
    let parsed = HeaderName::from_bytes(name.trim_ascii().as_bytes())
        .map_err(|_| UnusableRequest::HeaderName(name.to_owned()))?;
    let value = HeaderValue::from_bytes(value.trim_ascii().as_bytes())
        .map_err(|_| UnusableRequest::HeaderValue(name.to_owned()))?;
    Ok((parsed, value))
}

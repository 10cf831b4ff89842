//! A probe's URL, as a client reads it.

/// `scheme://host:port/path?query`
pub(super) struct Url<'a> {
    pub(super) tls: bool,
    /// An IPv6 address in brackets.
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) path: &'a str,
}

impl<'a> Url<'a> {
    pub(super) fn parse(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let tls = matches!(scheme, "https" | "tls");
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
            _ => (authority, if tls { 443 } else { 80 }),
        };
        Some(Self {
            tls,
            host,
            port,
            path: if path.is_empty() { "/" } else { path },
        })
    }

    /// What clients make of a URL: lower case, no trailing dot, the port only where it is not the scheme's own.
    pub(super) fn host_header(&self) -> String {
        let host = self.host.trim_end_matches('.').to_ascii_lowercase();
        match (self.tls, self.port) {
            (false, 80) | (true, 443) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    pub(super) fn server_name(&self) -> &'a str {
        self.host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .trim_end_matches('.')
    }
}

//! What becomes of a connection, before there is any request: by its server name alone.
//!
//! Certificates and server-name routes are two lists of hosts with one order of precedence, so the question is asked
//! here, once, for the proxy and for `explain`. Whether a handshake then succeeds is not known here.

use seaway_model::{Protocol, ServerCertificate, ServerNameRoute};

use crate::ListenerTable;

/// What becomes of a connection to a listener.
#[derive(Clone, Copy, Debug)]
pub enum Arrival<'t> {
    /// HTTP is spoken on it, inside TLS where the listener has that.
    Http,
    /// It is relayed, and nothing of it is read but the server name, unless TLS ends here.
    Relay(&'t ServerNameRoute),
    /// Nobody is there for that name: the handshake is refused.
    Refused,
}

impl ListenerTable {
    /// What becomes of a connection with this server name (lower case; `None` where the client sent none). The rule is
    /// [`seaway_model::ListenerTls`]'s: of all certificates and routes the most specific decides, and of two for the
    /// same host the route.
    ///
    /// A client without a server name may still get a certificate, by the address that it came to, so it is only
    /// refused where there are none at all. A listener of bytes or datagrams has its one route in
    /// [`seaway_model::Listener::l4`] and is not asked here; it refuses.
    #[must_use]
    pub fn arrival(&self, server_name: Option<&str>) -> Arrival<'_> {
        let listener = self.listener();
        let Some(tls) = &listener.tls else {
            return match listener.protocol {
                Protocol::Http => Arrival::Http,
                Protocol::Https | Protocol::Tcp | Protocol::Udp => Arrival::Refused,
            };
        };
        let name = server_name.unwrap_or_default();
        let certificate = self.certificate(name);
        match (self.server_name_route(name), certificate) {
            (Some(route), None) => Arrival::Relay(route),
            (Some(route), Some(certificate)) if route.host <= certificate.host => Arrival::Relay(route),
            (_, Some(_)) => Arrival::Http,
            (None, None) if server_name.is_none() && !tls.certificates.is_empty() => Arrival::Http,
            (None, None) => Arrival::Refused,
        }
    }

    /// The certificate that HTTP for a host is served with; `None` where there is none, or where the connections of
    /// that host are relayed.
    pub(crate) fn http_certificate(&self, host: &str) -> Option<&ServerCertificate> {
        let certificate = self.certificate(host)?;
        match self.server_name_route(host) {
            Some(route) if route.host <= certificate.host => None,
            _ => Some(certificate),
        }
    }
}

#[cfg(test)]
mod tests;

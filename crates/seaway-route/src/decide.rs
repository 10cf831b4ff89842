//! What becomes of a request.

use http::HeaderMap;
use seaway_model::VirtualHost;

use crate::CompiledRoute;

/// What matching needs to know of a request. All of it normalised by [`crate`]'s own functions.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// As sent.
    pub method: &'a str,
    /// Lower case, without port; empty if the request has none.
    pub host: &'a str,
    /// Normalised, without the query.
    pub path: &'a str,
    /// Without the question mark.
    pub query: Option<&'a str>,
    /// Without pseudo-headers.
    pub headers: &'a HeaderMap,
    /// The TLS server name, lower case, where the connection has one.
    pub server_name: Option<&'a str>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub enum Decision<'t> {
    /// A route takes it.
    Route(Matched<'t>),
    /// The connection's certificate is not the one for this host: 421 (RFC 9110, 15.5.20).
    Misdirected,
    /// 404.
    NoRoute {
        /// The host was found, but none of its routes matched.
        virtual_host: Option<&'t VirtualHost>,
    },
}

/// A route that takes a request.
#[derive(Clone, Copy, Debug)]
pub struct Matched<'t> {
    /// Its host.
    pub virtual_host: &'t VirtualHost,
    /// It.
    pub route: &'t CompiledRoute,
    /// How many bytes of the path the route's prefix took; the whole length for exact and regex matches, 0 for any.
    pub matched_path: usize,
}

//! What is done to the head of every response of a route, ours or the upstream's.

use http::header::{ORIGIN, SERVER, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use seaway_route::{CompiledCors, CompiledRoute, HeaderEdit};

/// The changes that a route makes to its responses.
#[derive(Debug)]
pub(crate) struct Finish<'a> {
    destination: Option<&'a HeaderEdit>,
    route: &'a HeaderEdit,
    cookie: Option<Box<HeaderValue>>,
    cors: Option<(&'a CompiledCors, Option<HeaderValue>)>,
}

impl<'a> Finish<'a> {
    /// Keeps what of the request it needs.
    pub(crate) fn new(route: &'a CompiledRoute, request: &HeaderMap) -> Self {
        Self {
            destination: None,
            route: &route.response_headers,
            cookie: None,
            cors: route
                .cors
                .as_deref()
                .map(|cors| (cors, request.get(ORIGIN).cloned())),
        }
    }

    /// With the changes of the destination that was chosen.
    pub(crate) fn with_destination(mut self, edit: &'a HeaderEdit) -> Self {
        self.destination = Some(edit);
        self
    }

    /// With a cookie that brings the client back to where this request goes.
    pub(crate) fn with_cookie(mut self, cookie: Option<HeaderValue>) -> Self {
        self.cookie = cookie.map(Box::new);
        self
    }

    /// Without CORS: a preflight answer has its own.
    pub(crate) fn without_cors(mut self) -> Self {
        self.cors = None;
        self
    }

    /// Changes the head: our name where nobody gave one, the destination's changes, then the route's (which may take the
    /// name away), then our cookie and CORS, which neither may break by accident.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        name_server(headers);
        if let Some(edit) = self.destination {
            edit.apply(headers);
        }
        self.route.apply(headers);
        if let Some(cookie) = &self.cookie {
            headers.append(SET_COOKIE, HeaderValue::clone(cookie));
        }
        if let Some((cors, origin)) = &self.cors {
            cors.apply(origin.as_ref(), headers);
        }
    }
}

/// Says who answers (RFC 9110, 10.2.4), unless the upstream has said so. The conformance tests of Ingress ask for it; an
/// upstream's own name is not replaced, as some proxies do, since it is that which answers.
pub(crate) fn name_server(headers: &mut HeaderMap) {
    if !headers.contains_key(SERVER) {
        headers.insert(SERVER, HeaderValue::from_static("seaway"));
    }
}

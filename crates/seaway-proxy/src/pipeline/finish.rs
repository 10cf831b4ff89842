//! What is done to the head of every response of a route, ours or the upstream's.

use http::header::ORIGIN;
use http::{HeaderMap, HeaderValue};
use seaway_route::{CompiledCors, CompiledRoute, HeaderEdit};

/// The changes that a route makes to its responses.
#[derive(Debug)]
pub(crate) struct Finish<'a> {
    destination: Option<&'a HeaderEdit>,
    route: &'a HeaderEdit,
    cors: Option<(&'a CompiledCors, Option<HeaderValue>)>,
}

impl<'a> Finish<'a> {
    /// Keeps what of the request it needs.
    pub(crate) fn new(route: &'a CompiledRoute, request: &HeaderMap) -> Self {
        Self {
            destination: None,
            route: &route.response_headers,
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

    /// Without CORS: a preflight answer has its own.
    pub(crate) fn without_cors(mut self) -> Self {
        self.cors = None;
        self
    }

    /// Changes the head: the destination's changes, then the route's, then CORS, which neither may break by accident.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        if let Some(edit) = self.destination {
            edit.apply(headers);
        }
        self.route.apply(headers);
        if let Some((cors, origin)) = &self.cors {
            cors.apply(origin.as_ref(), headers);
        }
    }
}

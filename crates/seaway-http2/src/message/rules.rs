//! What a list of fields must be like.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header, uri,
};

use super::Protocol;
use crate::hpack::Field;

/// The fields of a message as they arrive, and whether they can still become one.
pub(super) struct List {
    pseudo: Pseudo,
    fields: HeaderMap,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Pseudo-headers may come.
    Control,
    /// The first field came.
    Fields,
    Malformed,
    /// More fields than a `HeaderMap` can hold.
    Full,
}

#[derive(Default)]
struct Pseudo {
    method: Option<Method>,
    /// `:scheme`, `:authority` and `:path`.
    target: uri::Parts,
    protocol: Option<Bytes>,
    status: Option<StatusCode>,
}

impl List {
    pub(super) fn new(expected: usize) -> Self {
        Self {
            pseudo: Pseudo::default(),
            fields: HeaderMap::with_capacity(expected),
            state: State::Control,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.state == State::Full
    }

    pub(super) fn is_malformed(&self) -> bool {
        self.state == State::Malformed
    }

    pub(super) fn take(&mut self, field: Field) {
        match (self.state, field) {
            (State::Control | State::Fields, Field::Header(name, value)) => {
                self.state = self.header(name, value);
            }
            (State::Control, pseudo) => {
                if !self.pseudo.take(pseudo) {
                    self.state = State::Malformed;
                }
            }
            (State::Fields, _) => self.state = State::Malformed,
            (State::Malformed | State::Full, _) => {}
        }
    }

    fn header(&mut self, name: HeaderName, value: HeaderValue) -> State {
        if is_of_connection(&name, &value) {
            return State::Malformed;
        }
        match self.fields.try_append(name, value) {
            Ok(_) => State::Fields,
            Err(_) => State::Full,
        }
    }

    pub(super) fn into_request(self) -> Option<Request<()>> {
        let Pseudo {
            method,
            target,
            protocol,
            status: None,
        } = self.pseudo
        else {
            return None;
        };
        let method = method?;
        let mut request = Request::new(());
        *request.uri_mut() = uri(target, &method, protocol.is_some())?;
        *request.method_mut() = method;
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = self.fields;
        if let Some(protocol) = protocol {
            request.extensions_mut().insert(Protocol(protocol));
        }
        Some(request)
    }

    pub(super) fn into_response(self) -> Option<Response<()>> {
        let status = self.pseudo.status?;
        if self.pseudo.has_request_part() || status == StatusCode::SWITCHING_PROTOCOLS {
            return None;
        }
        let mut response = Response::new(());
        *response.status_mut() = status;
        *response.version_mut() = Version::HTTP_2;
        *response.headers_mut() = self.fields;
        Some(response)
    }

    pub(super) fn into_trailers(self) -> Option<HeaderMap> {
        (self.pseudo.status.is_none() && !self.pseudo.has_request_part()).then_some(self.fields)
    }
}

impl Pseudo {
    /// Refuses the second of a kind.
    fn take(&mut self, field: Field) -> bool {
        match field {
            Field::Method(value) => self.method.replace(value).is_none(),
            Field::Scheme(value) => self.target.scheme.replace(value).is_none(),
            Field::Authority(value) => self.target.authority.replace(value).is_none(),
            Field::Path(value) => self.target.path_and_query.replace(value).is_none(),
            Field::Protocol(value) => self.protocol.replace(value).is_none(),
            Field::Status(value) => self.status.replace(value).is_none(),
            Field::Header(..) => false,
        }
    }

    fn has_request_part(&self) -> bool {
        self.method.is_some()
            || self.target.scheme.is_some()
            || self.target.authority.is_some()
            || self.target.path_and_query.is_some()
            || self.protocol.is_some()
    }
}

/// Connection-specific fields (RFC 9113, 8.2.2), and `te` unless it only accepts trailers.
fn is_of_connection(name: &HeaderName, value: &HeaderValue) -> bool {
    // The length alone clears most names.
    match name.as_str().len() {
        2 => name == header::TE && value != "trailers" && !value.as_bytes().eq_ignore_ascii_case(b"trailers"),
        7 => name == header::UPGRADE,
        10 => name == header::CONNECTION || name == "keep-alive",
        16 => name == "proxy-connection",
        17 => name == header::TRANSFER_ENCODING,
        _ => false,
    }
}

/// The parts that a method needs (RFC 9113, 8.3.1 and 8.5; RFC 8441, 4) as a URI.
fn uri(mut target: uri::Parts, method: &Method, extended: bool) -> Option<Uri> {
    let connects = method == Method::CONNECT;
    if connects && !extended {
        // The target of a plain CONNECT is an authority alone, which `Uri` sees to.
        target.authority.as_ref()?;
        return if target.path_and_query.is_none() {
            Uri::from_parts(target).ok()
        } else {
            None
        };
    }
    let path = target.path_and_query.as_ref()?;
    target.scheme.as_ref()?;
    if extended && !connects || path == "*" && method != Method::OPTIONS {
        return None;
    }
    if target.authority.is_none() {
        // A `Uri` has no scheme without an authority; the request's `host` takes the place of both.
        if extended {
            return None;
        }
        target.scheme = None;
    }
    Uri::from_parts(target).ok()
}

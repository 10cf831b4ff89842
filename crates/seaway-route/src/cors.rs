//! Cross-origin resource sharing (Fetch standard, 3.2), as pure functions of the request's headers.
//!
//! As in Envoy, an origin that is not allowed is no error: its preflight goes on to the upstream, which may know better,
//! or is answered without a permission, as the route says. An answer to it gets no headers of ours, so the browser
//! refuses it.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use seaway_model::{Cors, OriginMatch};

use crate::conditions::Text;
use crate::expression::Expressions;

/// Six names, so that an upstream's headers are removed without building strings.
const ANSWERS: [HeaderName; 6] = [
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
];

/// A route's CORS rules, made ready.
#[derive(Debug)]
pub struct CompiledCors {
    any: bool,
    origins: Box<[Allowed]>,
    methods: List,
    headers: List,
    expose: Option<HeaderValue>,
    credentials: bool,
    forward_unmatched: bool,
    max_age: Option<HeaderValue>,
}

#[derive(Debug)]
enum Allowed {
    Text(Text),
    Wildcard(std::sync::Arc<str>, std::sync::Arc<str>),
}

/// What a preflight answer lists.
#[derive(Debug)]
enum List {
    Nothing,
    /// Whatever was asked for.
    Any,
    These(HeaderValue),
}

/// The answer to a preflight request: status 200, these headers, no body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreflightAnswer {
    /// All headers of the answer.
    pub headers: HeaderMap,
    /// Whether the origin may ask at all.
    pub is_allowed: bool,
}

impl PreflightAnswer {
    /// Envoy's.
    pub const STATUS: u16 = 200;
}

impl CompiledCors {
    pub(crate) fn new(cors: &Cors, expressions: &mut Expressions) -> Self {
        let origins = cors.allow_origins.iter().filter_map(|origin| {
            Some(match origin {
                OriginMatch::Any => return None,
                OriginMatch::Exact(text) => Allowed::Text(Text::Exact(text.clone())),
                OriginMatch::Prefix(text) => Allowed::Text(Text::Prefix(text.clone())),
                OriginMatch::Wildcard { before, after } => Allowed::Wildcard(before.clone(), after.clone()),
                OriginMatch::Regex(pattern) => Allowed::Text(Text::Regex(expressions.whole(pattern))),
            })
        });
        Self {
            any: cors.allow_origins.contains(&OriginMatch::Any),
            origins: origins.collect(),
            methods: List::new(&cors.allow_methods),
            headers: List::new(&cors.allow_headers),
            expose: joined(&cors.expose_headers),
            credentials: cors.allow_credentials,
            forward_unmatched: cors.forward_unmatched_preflights,
            max_age: cors.max_age_seconds.map(HeaderValue::from),
        }
    }

    /// The answer to a preflight request: `OPTIONS` with `Origin` and `Access-Control-Request-Method`. One from an origin
    /// that is not allowed is answered too, without a permission, unless the route forwards those. `None` for every
    /// other request, which goes on.
    #[must_use]
    pub fn preflight(&self, method: &str, request: &HeaderMap) -> Option<PreflightAnswer> {
        let asked = request
            .get(ACCESS_CONTROL_REQUEST_METHOD)
            .filter(|_| method == "OPTIONS")?;
        let origin = request.get(ORIGIN)?;
        let mut headers = HeaderMap::with_capacity(6);
        if !self.allows(origin) {
            self.add_vary(&mut headers);
            return (!self.forward_unmatched).then_some(PreflightAnswer {
                headers,
                is_allowed: false,
            });
        }
        self.add_origin(origin, &mut headers);
        self.add_vary(&mut headers);
        self.methods
            .add(ACCESS_CONTROL_ALLOW_METHODS, Some(asked), &mut headers);
        let asked = request.get(ACCESS_CONTROL_REQUEST_HEADERS);
        self.headers
            .add(ACCESS_CONTROL_ALLOW_HEADERS, asked, &mut headers);
        if let Some(age) = &self.max_age {
            headers.insert(ACCESS_CONTROL_MAX_AGE, age.clone());
        }
        Some(PreflightAnswer {
            headers,
            is_allowed: true,
        })
    }

    /// Changes the response to an actual request with this `Origin`. Where the origin is allowed, ours replace whatever
    /// the upstream said about access control. Where the answer depends on the origin, caches are told so in any case.
    pub fn apply(&self, origin: Option<&HeaderValue>, response: &mut HeaderMap) {
        if let Some(origin) = origin.filter(|origin| self.allows(origin)) {
            for name in ANSWERS {
                response.remove(name);
            }
            self.add_origin(origin, response);
            if let Some(expose) = &self.expose {
                response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
            }
        }
        self.add_vary(response);
    }

    /// Whether an origin is allowed.
    #[must_use]
    pub fn allows(&self, origin: &HeaderValue) -> bool {
        let value = origin.as_bytes();
        self.any || self.origins.iter().any(|allowed| allowed.takes(value))
    }

    /// With credentials a `*` would not be accepted (Fetch, 3.2.5), so the origin is named.
    fn add_origin(&self, origin: &HeaderValue, headers: &mut HeaderMap) {
        let value = if self.depends_on_origin() {
            origin.clone()
        } else {
            HeaderValue::from_static("*")
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, value);
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }

    fn depends_on_origin(&self) -> bool {
        !self.any || self.credentials
    }

    fn add_vary(&self, headers: &mut HeaderMap) {
        let said = |value: &HeaderValue| {
            value.as_bytes().split(|b| *b == b',').any(|name| {
                let name = name.trim_ascii();
                name == b"*" || name.eq_ignore_ascii_case(b"origin")
            })
        };
        if self.depends_on_origin() && !headers.get_all(VARY).iter().any(said) {
            headers.append(VARY, HeaderValue::from_static("origin"));
        }
    }
}

impl Allowed {
    fn takes(&self, origin: &[u8]) -> bool {
        match self {
            Self::Text(text) => text.holds(origin),
            Self::Wildcard(before, after) => origin
                .strip_prefix(before.as_bytes())
                .and_then(|rest| rest.strip_suffix(after.as_bytes()))
                .is_some_and(|covered| !covered.is_empty()),
        }
    }
}

impl List {
    fn new(names: &[std::sync::Arc<str>]) -> Self {
        if names.iter().any(|n| **n == *"*") {
            return Self::Any;
        }
        joined(names).map_or(Self::Nothing, Self::These)
    }

    /// A `*` does not cover the Authorization header and is no wildcard with credentials, so what was asked for is named.
    fn add(&self, name: HeaderName, asked: Option<&HeaderValue>, headers: &mut HeaderMap) {
        let value = match self {
            Self::Nothing => return,
            Self::Any => asked.cloned().unwrap_or(HeaderValue::from_static("*")),
            Self::These(names) => names.clone(),
        };
        headers.insert(name, value);
    }
}

fn joined(names: &[std::sync::Arc<str>]) -> Option<HeaderValue> {
    let text = names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    HeaderValue::from_str(&text).ok().filter(|_| !text.is_empty())
}

#[cfg(test)]
mod tests;

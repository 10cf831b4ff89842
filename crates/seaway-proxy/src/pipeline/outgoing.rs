//! The request as it goes to the upstream, as often as it goes.

use std::sync::Arc;

use bytes::Bytes;
use http::header::EXPECT;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Uri, Version};
use http_body::Body as _;

use crate::body::{Body, CopyBody, Gate, Recording, Tee, Transfer, Upload};
use crate::upstream::OnContinue;

/// A request that is ready to go.
pub(crate) struct Outgoing {
    method: Method,
    target: Box<str>,
    /// Until it goes a first time. Its body is [`Self::body`].
    head: Option<Box<Request<Body>>>,
    body: Source,
    /// Opens the gate before the body.
    go_on: Option<Arc<dyn Fn() + Send + Sync>>,
}

enum Source {
    Empty,
    /// Can be sent once.
    Stream(Option<Upload>),
    /// Can be sent again while little of it has gone by.
    Recorded(Recording),
}

impl Outgoing {
    /// What is left of the client's request. Its body is not sent unless it is given ([`Self::with_body`]).
    pub(crate) fn new(mut head: Box<Request<Body>>) -> Self {
        *head.version_mut() = Version::HTTP_11;
        head.extensions_mut().clear();
        Self {
            method: head.method().clone(),
            target: head
                .uri()
                .path_and_query()
                .map_or("", |path| path.as_str())
                .into(),
            head: Some(head),
            body: Source::Empty,
            go_on: None,
        }
    }

    /// With the client's body. `transfer` counts it.
    pub(crate) fn with_body(mut self, body: Body, transfer: Arc<Transfer>) -> Self {
        self.body = Source::Stream(Some(Upload::new(body, transfer)));
        self
    }

    /// Lets the upstream say whether it wants the body, if the client asked for that. Only where the connection to the
    /// upstream can tell (HTTP/1.1).
    pub(crate) fn wait_for_continue(&mut self, version: Version) {
        let expects = self.head.as_ref().is_some_and(|head| {
            let field = head.headers().get(EXPECT);
            field.is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"100-continue"))
        });
        if let Source::Stream(Some(upload)) = &mut self.body
            && expects
            && version != Version::HTTP_10
        {
            let (gate, open) = Gate::new();
            upload.hold(gate);
            self.go_on = Some(Arc::new(open));
        }
    }

    /// A copy of the request for a mirror; of the body at most `limit` bytes wait in it. Before the first try only.
    pub(crate) fn copy(&mut self, limit: usize) -> Box<Request<Body>> {
        let body = match &mut self.body {
            Source::Stream(Some(upload)) => {
                let (tee, body): (Tee, CopyBody) = Tee::new(limit, upload.size_hint());
                upload.copy_to(tee);
                Body::boxed(body)
            }
            _ => Body::Empty,
        };
        let mut copy = Box::new(Request::new(body));
        *copy.method_mut() = self.method.clone();
        if let Some(head) = &self.head {
            *copy.uri_mut() = head.uri().clone();
            *copy.headers_mut() = head.headers().clone();
        }
        copy.headers_mut().remove(EXPECT);
        copy
    }

    /// Without fields and body, when the head has gone.
    fn bare(&self) -> Option<Box<Request<Body>>> {
        let mut request = Box::new(Request::new(Body::Empty));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = origin_form(&self.target)?;
        Some(request)
    }

    /// Keeps what goes by of the body, up to `limit` bytes, for another try. Before the first try only.
    pub(crate) fn record(&mut self, limit: usize) {
        if let Source::Stream(upload) = &mut self.body
            && let Some(upload) = upload.take()
        {
            self.body = Source::Recorded(Recording::new(upload, limit));
        }
    }

    /// The client's method.
    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// Whether there is no body.
    pub(crate) fn is_bodiless(&self) -> bool {
        matches!(self.body, Source::Empty)
    }

    /// Whether the next request would have the whole body.
    pub(crate) fn is_whole(&self) -> bool {
        match &self.body {
            Source::Empty => true,
            Source::Stream(upload) => upload.is_some(),
            Source::Recorded(recording) => recording.is_complete(),
        }
    }

    /// The request for one try. `sent`: the fields, where a try before this one has used them. `None` for a target that is
    /// no path, which no head has.
    pub(crate) fn request(&mut self, sent: Option<HeaderMap>) -> Option<Box<Request<Body>>> {
        let mut request = self.head.take().or_else(|| self.bare())?;
        let body = match &mut self.body {
            Source::Empty => Body::Empty,
            Source::Stream(upload) => upload.take().map_or(Body::Empty, Body::boxed),
            Source::Recorded(recording) => Body::boxed(recording.reader()),
        };
        *request.body_mut() = body;
        if let Some(sent) = sent {
            *request.headers_mut() = sent;
        }
        if let Some(go_on) = self.go_on.clone() {
            request.extensions_mut().insert(OnContinue(go_on));
        }
        Some(request)
    }
}

/// A target of a path and perhaps a query (RFC 9112, 3.2.1). Read anew also where it is the client's own: to share that
/// would cost as much ([`crate::text`]).
pub(crate) fn origin_form(target: &str) -> Option<Uri> {
    let path = PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(target.as_bytes()));
    path.ok().map(Uri::from)
}

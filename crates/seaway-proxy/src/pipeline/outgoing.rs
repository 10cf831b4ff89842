//! The request as it goes to the upstream, as often as it goes.

use std::sync::Arc;

use http::header::EXPECT;
use http::{HeaderMap, Method, Request, Uri, Version};
use http_body::Body as _;

use crate::body::{Body, CopyBody, Gate, Recording, Tee, Transfer, Upload};
use crate::upstream::OnContinue;

/// A head that is ready to go, and its body.
pub(crate) struct Outgoing {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
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
    /// With an empty body.
    pub(crate) fn new(method: Method, uri: Uri, headers: HeaderMap) -> Self {
        Self {
            method,
            uri,
            headers,
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
        let expects = self
            .headers
            .get(EXPECT)
            .is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"100-continue"));
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
    pub(crate) fn copy(&mut self, limit: usize) -> Request<Body> {
        let mut copy = Request::new(match &mut self.body {
            Source::Stream(Some(upload)) => {
                let (tee, body): (Tee, CopyBody) = Tee::new(limit, upload.size_hint());
                upload.copy_to(tee);
                Body::boxed(body)
            }
            _ => Body::Empty,
        });
        *copy.method_mut() = self.method.clone();
        *copy.uri_mut() = self.uri.clone();
        *copy.headers_mut() = self.headers.clone();
        copy.headers_mut().remove(EXPECT);
        copy
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

    /// The request for one try. `sent`: the fields, where a try before this one has used them.
    pub(crate) fn request(&mut self, sent: Option<HeaderMap>) -> Request<Body> {
        let body = match &mut self.body {
            Source::Empty => Body::Empty,
            Source::Stream(upload) => upload.take().map_or(Body::Empty, Body::boxed),
            Source::Recorded(recording) => Body::boxed(recording.reader()),
        };
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = sent.unwrap_or_else(|| std::mem::take(&mut self.headers));
        if let Some(go_on) = self.go_on.clone() {
            request.extensions_mut().insert(OnContinue(go_on));
        }
        request
    }
}

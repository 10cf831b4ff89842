//! Sending a request on a connection that is there.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue, Response};
use http_body::Body as _;
use seaway_http2::client::{ResponseFuture, SendRequest};
use tokio::task::JoinHandle;

use super::super::classify;
use super::super::slot::Slot;
use super::{Link, StreamGuard};
use crate::body::Body;
use crate::error::Failure;
use crate::http2::{Pump, Received};
use crate::interim;

/// Sends requests. Copies are of the same connection, which is closed when the last is dropped and its streams are over.
#[derive(Clone, Debug)]
pub(in super::super) struct Sender {
    requests: SendRequest,
    link: Arc<Link>,
}

impl Sender {
    pub(in super::super) fn new(requests: SendRequest, link: Arc<Link>) -> Self {
        Self { requests, link }
    }

    /// A place for one stream, if there is one.
    pub(in super::super) fn try_stream(&self) -> Option<StreamGuard> {
        Link::try_stream(&self.link, self.requests.most_streams())
    }

    /// What is known of the connection.
    pub(in super::super) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Whether the connection has ended. One that may not take more requests says so when it is asked.
    pub(in super::super) fn is_closed(&self) -> bool {
        self.link.is_ended()
    }

    /// Sends a request. Ready when its head has been sent, and what there is of the body. The request is still there
    /// after a failure if nothing of it was sent.
    ///
    /// No `async fn`: the future of a request would keep room for everything that passes through here.
    pub(in super::super) fn poll_sent(
        &mut self,
        cx: &mut Context<'_>,
        slot: &mut Slot,
    ) -> Poll<Result<Sent, Failure>> {
        ready!(self.requests.poll_ready(cx)).map_err(|error| classify::stream(&error))?;
        let Some(mut request) = slot.take() else {
            return Poll::Ready(Err(Failure::UpstreamReset));
        };
        let body = std::mem::take(request.body_mut());
        let is_over = body.is_end_stream();
        if !is_over {
            announce(request.headers_mut(), &body);
        }
        let (response, stream) = self
            .requests
            .send_request(&*request, is_over)
            .map_err(|error| classify::stream(&error))?;
        let uploading = if is_over {
            None
        } else {
            upload(cx, Pump::new(stream, body))
        };
        Poll::Ready(Ok(Sent { response, uploading }))
    }
}

/// A request that was sent. Resolves to its answer; dropped before, it takes the request back.
pub(in super::super) struct Sent {
    response: ResponseFuture,
    /// The rest of a body on its way, in a task of its own.
    uploading: Option<JoinHandle<()>>,
}

impl Drop for Sent {
    fn drop(&mut self) {
        if let Some(task) = &self.uploading {
            task.abort();
        }
    }
}

impl Future for Sent {
    type Output = Result<Box<Response<Body>>, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = Pin::new(&mut self.response).poll(cx);
        for early in self.response.take_informational() {
            let (head, ()) = early.into_parts();
            interim::say(head.status, head.headers);
        }
        let response = ready!(polled).map_err(|error| classify::stream(&error))?;
        // From now on it goes on by itself.
        self.uploading = None;
        let (head, receive) = response.into_parts();
        let body = Received::body(receive, &head.headers);
        Poll::Ready(Ok(Box::new(Response::from_parts(head, body))))
    }
}

/// Says the length of a body that has one.
fn announce(headers: &mut HeaderMap, body: &Body) {
    if let Some(length) = body.size_hint().exact()
        && !headers.contains_key(CONTENT_LENGTH)
    {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// Sends what there is of a body. Most are here as a whole; what is left of others gets a task.
fn upload(cx: &mut Context<'_>, mut pump: Pump) -> Option<JoinHandle<()>> {
    if pump.poll(cx).is_ready() {
        return None;
    }
    Some(tokio::spawn(async move {
        // Whoever waits for the answer hears that the stream is over.
        let _broken = poll_fn(|cx| pump.poll(cx)).await;
    }))
}

//! Sending a request on a connection that is there.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Request, Response};
use http_body::Body as _;
use tokio::task::JoinHandle;

use super::super::classify;
use super::{Link, StreamGuard};
use crate::body::Body;
use crate::error::Failure;
use crate::http2::{Pump, Received};

/// Sends requests. Copies are of the same connection, which is closed when the last is dropped and its streams are over.
#[derive(Clone, Debug)]
pub(in super::super) struct Sender {
    requests: SendRequest<Bytes>,
    link: Arc<Link>,
}

impl Sender {
    pub(in super::super) fn new(requests: SendRequest<Bytes>, link: Arc<Link>) -> Self {
        Self { requests, link }
    }

    /// A place for one stream, if there is one.
    pub(in super::super) fn try_stream(&self) -> Option<StreamGuard> {
        Link::try_stream(&self.link, self.requests.current_max_send_streams())
    }

    /// What is known of the connection.
    pub(in super::super) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Whether the connection has ended. One that may not take more requests says so when it is asked.
    pub(in super::super) fn is_closed(&self) -> bool {
        self.link.is_ended()
    }

    /// Sends a request and waits for the head of its answer. The request is still there after a failure if nothing of it
    /// was sent. Dropping the future takes the request back.
    pub(in super::super) async fn send(
        &mut self,
        slot: &mut Option<Request<Body>>,
    ) -> Result<Response<Body>, Failure> {
        let Sent { response, uploading } = poll_fn(|cx| self.poll_sent(cx, slot)).await?;
        let response = response.await.map_err(|error| classify::stream(&error))?;
        if let Some(uploading) = uploading {
            uploading.go_on();
        }
        let (head, receive) = response.into_parts();
        let body = Received::body(receive, &head.headers);
        Ok(Response::from_parts(head, body))
    }

    /// Ready when the head has been sent, and what there is of the body. No `async fn`: the future of a request would
    /// keep room for everything that passes through here.
    fn poll_sent(
        &mut self,
        cx: &mut Context<'_>,
        slot: &mut Option<Request<Body>>,
    ) -> Poll<Result<Sent, Failure>> {
        ready!(self.requests.poll_ready(cx)).map_err(|error| classify::stream(&error))?;
        let Some(request) = slot.take() else {
            return Poll::Ready(Err(Failure::UpstreamReset));
        };
        let (head, body) = request.into_parts();
        let mut head = Request::from_parts(head, ());
        let is_over = body.is_end_stream();
        if !is_over {
            announce(&mut head, &body);
        }
        let (response, stream) = self
            .requests
            .send_request(head, is_over)
            .map_err(|error| classify::stream(&error))?;
        let uploading = if is_over {
            None
        } else {
            Uploading::begin(cx, Pump::new(stream, body))
        };
        Poll::Ready(Ok(Sent { response, uploading }))
    }
}

/// A request that was sent.
struct Sent {
    response: ResponseFuture,
    uploading: Option<Uploading>,
}

/// Says the length of a body that has one.
fn announce(head: &mut Request<()>, body: &Body) {
    if let Some(length) = body.size_hint().exact()
        && !head.headers().contains_key(CONTENT_LENGTH)
    {
        head.headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// The rest of a body on its way, in a task of its own. It is given up with the request, until that has an answer.
struct Uploading(Option<JoinHandle<()>>);

impl Uploading {
    /// Most bodies are here as a whole, and need no task.
    fn begin(cx: &mut Context<'_>, mut pump: Pump) -> Option<Self> {
        if pump.poll(cx).is_ready() {
            return None;
        }
        let task = tokio::spawn(async move {
            // Whoever waits for the answer hears that the stream is over.
            let _broken = poll_fn(|cx| pump.poll(cx)).await;
        });
        Some(Self(Some(task)))
    }

    fn go_on(mut self) {
        self.0 = None;
    }
}

impl Drop for Uploading {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

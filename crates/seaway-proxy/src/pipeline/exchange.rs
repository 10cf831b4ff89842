//! One request from its head to the end of its response, and the one record that is made of it.
//!
//! Made before anything can go wrong, it goes along through the stages, becomes the response's body, and records itself
//! when it is dropped. So there is exactly one record however the request ends: a future that is dropped because the
//! client went away, a body that is read to its end, a body that breaks.
//!
//! What every record needs of the head is copied, which costs less than to share it ([`crate::text`]); the rest only for
//! a sink that writes it down.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::{Body as _, Frame, SizeHint};
use seaway_model::Cluster;
use seaway_route::CompiledRoute;
use seaway_telemetry::{Flag, RequestRecord};
use smallvec::SmallVec;
use tokio::time::Instant;

use super::clock::Clock;
use super::fields::Fields;
use super::sink;
use crate::body::{Body, BodyError, Transfer};
use crate::context::Connection;
use crate::error::Failure;
use crate::in_place;
use crate::text;
use crate::upstream::InFlight;

static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// A request under way.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// By which it came.
    pub(crate) connection: Arc<Connection>,
    /// Time limits.
    pub(crate) clock: Clock,
    /// As sent.
    pub(crate) method: Method,
    /// As sent, with the query.
    path: Box<str>,
    /// Whether the client speaks gRPC, so that errors are told in its way.
    pub(crate) is_grpc: bool,
    /// The route that took it.
    pub(crate) route: Option<Arc<CompiledRoute>>,
    /// The cluster it went to.
    pub(crate) cluster: Option<Arc<Cluster>>,
    /// The endpoint it went to last.
    pub(crate) upstream: Option<SocketAddr>,
    /// Tries after the first.
    pub(crate) retries: u32,
    /// Names the request in logs.
    pub(crate) request_id: Option<HeaderValue>,
    /// `x-forwarded-for` as it came from a trusted peer.
    pub(crate) forwarded_for: Option<HeaderValue>,
    /// The request's body, where it has one.
    pub(crate) upload: Option<Arc<Transfer>>,
    began: Instant,
    start: Option<SystemTime>,
    version: Version,
    /// As sent, in the first Host field, or else in the target.
    host: Box<str>,
    has_host_field: bool,
    user_agent: Option<HeaderValue>,
    upstream_duration: Option<Duration>,
    flags: SmallVec<[Flag; 4]>,
    reason: Option<&'static str>,
    /// What is wrong with the configuration, for the log alone.
    message: Option<Arc<str>>,
    status: u16,
    grpc_status: Option<u16>,
    response_bytes: u64,
    body: Body,
    state: State,
    /// Kept until the end of the response: the endpoint counts what is under way.
    guard: Option<InFlight>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not over. Dropped like this, the client went away, unless the body needs no more polls.
    Open,
    /// Over, one way or the other.
    Over,
}

impl Exchange {
    /// Begins with the head.
    pub(crate) fn new<B>(
        connection: Arc<Connection>,
        request: &Request<B>,
        fields: &Fields<'_>,
    ) -> Box<Self> {
        if let Some(load) = connection.load() {
            load.enter();
        }
        connection.made.presence.begin();
        let (began, logs) = (Instant::now(), sink::logs());
        let idle = connection.shared.options.limits.stream_idle_timeout;
        let in_target = || request.uri().authority().map(|authority| authority.as_str());
        let host = str_of(fields.host).or_else(in_target);
        in_place::boxed(|| Self {
            connection,
            clock: Clock::new(began, idle),
            method: request.method().clone(),
            path: request.uri().path_and_query().map_or("", |p| p.as_str()).into(),
            is_grpc: fields.content_type.is_some_and(is_grpc),
            route: None,
            cluster: None,
            upstream: None,
            retries: 0,
            request_id: None,
            forwarded_for: None,
            upload: None,
            began,
            start: logs.then(SystemTime::now),
            version: request.version(),
            host: host.unwrap_or("").into(),
            has_host_field: str_of(fields.host).is_some(),
            user_agent: fields.user_agent.filter(|_| logs).map(text::copy),
            upstream_duration: None,
            flags: SmallVec::new(),
            reason: None,
            message: None,
            status: 0,
            grpc_status: None,
            response_bytes: 0,
            body: Body::Empty,
            state: State::Open,
            guard: None,
        })
    }

    /// Adds a flag, once.
    pub(crate) fn flag(&mut self, flag: Flag) {
        if !self.flags.contains(&flag) {
            self.flags.push(flag);
        }
    }

    /// Notes why there is an answer of our own, or why the upstream's broke off.
    pub(crate) fn note(&mut self, failure: Failure) {
        let outcome = failure.outcome();
        if let Some(flag) = outcome.flag {
            self.flag(flag);
        }
        self.reason.get_or_insert(outcome.reason);
    }

    /// Notes why there is an answer of our own that is no failure.
    pub(crate) fn because(&mut self, reason: &'static str) {
        self.reason.get_or_insert(reason);
    }

    /// The configuration is at fault. The client is only told the stable word; the log says what is wrong.
    pub(crate) fn blame(&mut self, failure: &seaway_model::Failure) -> Failure {
        self.message = Some(Arc::clone(&failure.message));
        Failure::Configuration(failure.reason, failure.status)
    }

    /// The upstream's head came.
    pub(crate) fn head_arrived(&mut self) {
        if sink::logs() {
            self.upstream_duration = Some(self.began.elapsed());
        }
        self.clock.stirred();
    }

    /// Keeps something until the end.
    pub(crate) fn keep(&mut self, guard: InFlight) {
        self.guard = Some(guard);
    }

    /// The response that goes to the client. The exchange becomes its body, and ends with it.
    pub(crate) fn respond(mut self: Box<Self>, mut response: Box<Response<Body>>) -> Box<Response<Body>> {
        self.head_sent(response.status(), response.headers());
        self.body = std::mem::replace(response.body_mut(), Body::Empty);
        *response.body_mut() = Body::Boxed(Box::into_pin(self));
        response
    }

    /// The head is decided; the exchange goes on elsewhere (a tunnel).
    pub(crate) fn head_sent(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.status = status.as_u16();
        self.grpc_status = grpc_status(headers);
    }

    /// A tunnel moved bytes.
    pub(crate) fn count_response(&mut self, bytes: u64) {
        self.response_bytes += bytes;
    }

    /// Over: what is dropped from now on is not a client that went away.
    pub(crate) fn end(&mut self) {
        self.state = State::Over;
        self.guard = None;
    }

    fn broke(&mut self, failure: Failure) {
        self.note(failure);
        self.end();
    }

    fn frame(&mut self, frame: &Frame<Bytes>) {
        self.clock.stirred();
        if let Some(data) = frame.data_ref() {
            self.response_bytes += data.len() as u64;
        } else if let Some(trailers) = frame.trailers_ref() {
            self.grpc_status = grpc_status(trailers).or(self.grpc_status);
            if let Some((guard, status)) = self.guard.as_mut().zip(self.grpc_status) {
                guard.grpc_status(status);
            }
        }
    }

    fn record(&self) {
        let record = RequestRecord {
            start: self.start,
            duration: self.began.elapsed(),
            upstream_duration: self.upstream_duration,
            listener: &self.connection.listener,
            protocol: protocol(self.version),
            tls: self.connection.tls.is_some(),
            server_name: self
                .connection
                .tls
                .as_ref()
                .and_then(|t| t.server_name.as_deref()),
            method: self.method.as_str(),
            host: &self.host,
            path: &self.path,
            status: self.status,
            grpc_status: self.grpc_status,
            is_grpc: self.is_grpc,
            flags: &self.flags,
            reason: self.reason,
            message: self.message.as_deref(),
            request_bytes: self.upload.as_ref().map_or(0, |u| u.bytes()),
            response_bytes: self.response_bytes,
            downstream: self.connection.peer,
            request_id: str_of(self.request_id.as_ref()),
            user_agent: str_of(self.user_agent.as_ref()),
            forwarded_for: str_of(self.forwarded_for.as_ref()),
            route: self.route.as_ref().map(|taken| &taken.route),
            cluster: self.cluster.as_ref(),
            upstream: self.upstream,
            retries: self.retries,
        };
        sink::record(&record);
    }

    /// The host as the client sent it, if it did in a field.
    pub(crate) fn host_field(&self) -> Option<&str> {
        self.has_host_field.then_some(&self.host)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.state == State::Open && (self.status == 0 || !self.body.is_end_stream()) {
            self.note(Failure::ClientGone);
        }
        if let Some(load) = self.connection.load() {
            load.leave();
        }
        self.connection.made.presence.end();
        self.record();
    }
}

impl http_body::Body for Exchange {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.frame(&frame);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.broke(match &error {
                    BodyError::Failure(failure) => *failure,
                    _ => Failure::UpstreamReset,
                });
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => {
                this.end();
                Poll::Ready(None)
            }
            Poll::Pending => this.clock.poll_passed(cx, None).map(|failure| {
                this.broke(failure);
                this.body = Body::Empty;
                Some(Err(failure.into()))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

pub(super) fn str_of(value: Option<&HeaderValue>) -> Option<&str> {
    value.and_then(|v| v.to_str().ok())
}

pub(super) fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_11 => "HTTP/1.1",
        Version::HTTP_2 => "HTTP/2",
        _ => "HTTP",
    }
}

/// `application/grpc`, `application/grpc+proto`, `application/grpc-web` excluded: it is not gRPC on the wire.
pub(super) fn is_grpc(content_type: &HeaderValue) -> bool {
    let rest = content_type.as_bytes().strip_prefix(b"application/grpc");
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

fn grpc_status(headers: &HeaderMap) -> Option<u16> {
    // Few heads have it, and to search for it costs more than to look at the names that there are.
    let (_, status) = headers.iter().find(|(name, _)| **name == GRPC_STATUS)?;
    status.to_str().ok()?.parse().ok()
}

//! The HTTP server under the fakes: HTTP/1.1, in the clear or over TLS, with whole bodies and a way to go away.
//!
//! The server under the echo backends knows no TLS and hands out connections; a fake of an API needs neither of its
//! subtleties, but must keep its port while it is away.

use std::collections::VecDeque;
use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::calls::Calls;
use super::ports::Port;
use crate::certs::{Ca, Leaf};

/// How a fake is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Clear text.
    Http,
    /// TLS, with a certificate of an authority made for this one fake.
    Https,
}

/// What a fake does.
pub(super) trait Site: Send + Sync + 'static {
    fn answer(&self, request: Request<Bytes>) -> impl Future<Output = Reply> + Send;
}

/// What a request gets.
#[derive(Debug)]
pub(super) enum Reply {
    Answer(Response<Full<Bytes>>),
    /// The connection ends with a TCP reset.
    Reset,
    /// Nothing, until the client goes away.
    Silence,
}

/// A server on 127.0.0.1, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Web<S> {
    shared: Arc<Shared<S>>,
    port: Port,
    authority: Option<String>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared<S> {
    site: S,
    calls: Calls,
    tls: Option<Acceptor>,
}

#[derive(Clone)]
struct Acceptor(TlsAcceptor);

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acceptor")
    }
}

impl<S: Site> Web<S> {
    pub(super) fn start(scheme: Scheme, site: S) -> io::Result<Self> {
        let port = Port::reserve()?;
        let (mut tls, mut authority) = (None, None);
        if scheme == Scheme::Https {
            let ca = Ca::new("test kit");
            tls = Some(acceptor(&ca.leaf(&["127.0.0.1", "localhost"]))?);
            authority = Some(ca.pem());
        }
        let web = Self {
            shared: Arc::new(Shared {
                site,
                calls: Calls::new(),
                tls,
            }),
            port,
            authority,
            accepting: Mutex::new(None),
        };
        web.up()?;
        Ok(web)
    }

    /// Accepts connections again.
    pub(super) fn up(&self) -> io::Result<()> {
        let mut accepting = self.accepting.lock().unwrap_or_else(PoisonError::into_inner);
        if accepting.is_none() {
            let listener = self.port.listen()?;
            *accepting = Some(tokio::spawn(accept(listener, Arc::clone(&self.shared))));
        }
        Ok(())
    }

    /// Closes every connection; whoever connects is refused when this has returned.
    pub(super) async fn down(&self) {
        let accepting = self
            .accepting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(accepting) = accepting {
            accepting.abort();
            // The listener is closed when the task is gone. Its error says that it was aborted.
            let _ = accepting.await;
        }
    }
}

impl<S> Web<S> {
    pub(super) fn site(&self) -> &S {
        &self.shared.site
    }

    pub(super) fn calls(&self) -> &Calls {
        &self.shared.calls
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Scheme and authority.
    pub(super) fn url(&self) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address())
    }

    /// Whom its clients must trust.
    pub(super) fn root_pem(&self) -> Option<&str> {
        self.authority.as_deref()
    }
}

impl<S> Drop for Web<S> {
    fn drop(&mut self) {
        let accepting = self.accepting.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(accepting) = accepting.take() {
            accepting.abort();
        }
    }
}

fn acceptor(leaf: &Leaf) -> io::Result<Acceptor> {
    let chain = CertificateDer::pem_slice_iter(leaf.certificate.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).map_err(io::Error::other)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Acceptor(TlsAcceptor::from(Arc::new(config))))
}

async fn accept<S: Site>(listener: TcpListener, shared: Arc<Shared<S>>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(connection(stream, Arc::clone(&shared)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection<S: Site>(stream: TcpStream, shared: Arc<Shared<S>>) {
    // A second hold on the socket, since TLS and hyper take the first; closing the last one sends the reset.
    let Ok((stream, second)) = doubled(stream) else {
        return;
    };
    let ended = match &shared.tls {
        None => serve(stream, &shared).await,
        Some(Acceptor(acceptor)) => match acceptor.accept(stream).await {
            Ok(stream) => serve(stream, &shared).await,
            Err(_) => End::Orderly,
        },
    };
    if ended == End::Reset {
        // A linger time of zero makes the kernel send RST instead of FIN.
        let _ = second.set_linger(Some(Duration::ZERO));
    }
}

fn doubled(stream: TcpStream) -> io::Result<(TcpStream, socket2::Socket)> {
    let _ = stream.set_nodelay(true);
    let stream = stream.into_std()?;
    let second = socket2::Socket::from(stream.try_clone()?);
    Ok((TcpStream::from_std(stream)?, second))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Orderly,
    Reset,
}

async fn serve<S: Site>(stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Arc<Shared<S>>) -> End {
    let reset = Arc::new(Notify::new());
    let service = service_fn(|request| answer(Arc::clone(shared), request, Arc::clone(&reset)));
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => End::Orderly,
        () = reset.notified() => End::Reset,
    }
}

async fn answer<S: Site>(
    shared: Arc<Shared<S>>,
    request: Request<Incoming>,
    reset: Arc<Notify>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    // A server does what it was asked to, even when the client has gone meanwhile; a handler inside the connection would
    // be dropped with it.
    let work = tokio::spawn(async move {
        let number = shared.calls.arrived(&head.method, &head.uri);
        let reply = shared.site.answer(Request::from_parts(head, body)).await;
        let status = match &reply {
            Reply::Answer(response) => Some(response.status().as_u16()),
            Reply::Reset | Reply::Silence => None,
        };
        shared.calls.done(number, status);
        reply
    });
    match work.await {
        Ok(Reply::Answer(response)) => return Ok(response),
        // A handler that panicked has said so on standard error.
        Ok(Reply::Reset) | Err(_) => reset.notify_one(),
        Ok(Reply::Silence) => {}
    }
    // Dropped with the connection.
    std::future::pending().await
}

/// An answer with a body of this type.
pub(super) fn respond(
    status: u16,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    // A status that cannot be is the test's mistake, and shows as one.
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The same, with JSON.
pub(super) fn json(status: u16, body: &serde_json::Value) -> Response<Full<Bytes>> {
    respond(status, "application/json", body.to_string())
}

/// Adds `Retry-After`: seconds or an HTTP date.
pub(super) fn retry_after(response: &mut Response<Full<Bytes>>, value: Option<&str>) {
    if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
}

/// Failures that a test has ordered, in the order in which they come.
#[derive(Debug, Default)]
pub(super) struct Failures {
    ordered: Mutex<VecDeque<Failure>>,
}

#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) retry_after: Option<String>,
}

impl Failures {
    pub(super) fn order(&self, times: usize, status: u16, retry_after: Option<&str>) {
        let failure = Failure {
            status,
            retry_after: retry_after.map(str::to_owned),
        };
        self.lock().extend(std::iter::repeat_n(failure, times));
    }

    pub(super) fn next(&self) -> Option<Failure> {
        self.lock().pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Failure>> {
        self.ordered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A random number in hexadecimal, 16 digits: `RandomState` is seeded by the system.
pub(super) fn hex() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

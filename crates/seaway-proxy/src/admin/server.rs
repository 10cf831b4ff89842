//! The I/O of the admin server: a bounded number of connections, one request each, all within a limit of time.
//!
//! Connections are not kept alive. Scrapes and probes are seldom, and so an idle client cannot hold a place.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};

use super::answer::answer;
use super::state::AdminState;

/// Connections at the same time; more wait in the system's queue.
const CONNECTIONS: usize = 64;
/// For the head of the request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// From accept to the last byte of the answer.
const WHOLE_TIMEOUT: Duration = Duration::from_secs(30);
/// After an accept that failed, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stopped` is dropped.
pub(super) async fn serve(
    listener: TcpListener,
    bound: SocketAddr,
    state: Arc<dyn AdminState>,
    stopped: oneshot::Receiver<()>,
) {
    // The socket was made non-blocking and belongs to nobody else, so this fails only if the system is out of means;
    // connections are then refused, which a probe sees.
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    tokio::select! {
        () = accept(&listener, bound, &state) => {}
        _ = stopped => {}
    }
}

async fn accept(listener: &tokio::net::TcpListener, bound: SocketAddr, state: &Arc<dyn AdminState>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let state = Arc::clone(state);
                tokio::spawn(async move {
                    connection(stream, bound, state).await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn connection(stream: TcpStream, bound: SocketAddr, state: Arc<dyn AdminState>) {
    let service = service_fn(|request: Request<Incoming>| {
        let response = answer(&*state, bound, &request);
        async move { Ok::<Response<Full<Bytes>>, Infallible>(response.map(Full::new)) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Whatever went wrong concerns this client alone, and it knows.
    let _ = tokio::time::timeout(WHOLE_TIMEOUT, serving).await;
}

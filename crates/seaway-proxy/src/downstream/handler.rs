//! What a connection hands its requests to.

use std::future::Future;
use std::sync::Arc;

use http::{Request, Response};

use crate::body::Body;
use crate::context::Connection;

/// Answers requests; in the proxy it is the pipeline, in tests a closure. It cannot fail: a failure is an answer.
///
/// Requests and answers are boxed. Each is some 250 bytes, which a future keeps room for wherever it waits with them, and
/// which every function copies that passes them on. To copy what was just written is slow beyond its size, since a
/// processor cannot read at once in large pieces what it wrote in small ones: it was a twentieth of what a request costs.
///
/// To switch protocols it answers 101 (or 2xx to CONNECT) and takes the connection from [`crate::switch::of`]. A request
/// body that the guard refused half way ends in an error in which [`super::guard::Refusal::find`] finds why.
pub trait Handler: Clone + Send + Sync + 'static {
    /// Answers one.
    fn handle(
        &self,
        connection: Arc<Connection>,
        request: Box<Request<Body>>,
    ) -> impl Future<Output = Box<Response<Body>>> + Send + 'static + use<Self>;
}

impl<F, A> Handler for F
where
    F: Fn(Arc<Connection>, Request<Body>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<Body>> + Send + 'static,
{
    fn handle(
        &self,
        connection: Arc<Connection>,
        request: Box<Request<Body>>,
    ) -> impl Future<Output = Box<Response<Body>>> + Send + 'static + use<F, A> {
        let answer = self(connection, *request);
        async { Box::new(answer.await) }
    }
}

//! What a connection hands its requests to.

use std::future::Future;
use std::sync::Arc;

use http::{Request, Response};

use crate::body::Body;
use crate::context::Connection;

/// Answers requests; in the proxy it is the pipeline, in tests a closure. It cannot fail: a failure is an answer.
///
/// To switch protocols it answers 101 (or 2xx to CONNECT) and takes the connection from [`crate::switch::of`]. A request
/// body that the guard refused half way ends in an error in which [`super::guard::Refusal::find`] finds why.
pub trait Handler: Clone + Send + Sync + 'static {
    /// Answers one.
    fn handle(
        &self,
        connection: Arc<Connection>,
        request: Request<Body>,
    ) -> impl Future<Output = Response<Body>> + Send + 'static + use<Self>;
}

impl<F, A> Handler for F
where
    F: Fn(Arc<Connection>, Request<Body>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<Body>> + Send + 'static,
{
    fn handle(
        &self,
        connection: Arc<Connection>,
        request: Request<Body>,
    ) -> impl Future<Output = Response<Body>> + Send + 'static + use<F, A> {
        self(connection, request)
    }
}

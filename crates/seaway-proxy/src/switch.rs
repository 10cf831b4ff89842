//! A connection that leaves HTTP: the way from the message that asked for it to the bytes that follow.
//!
//! A codec puts a [`Switching`] into the extensions of a message, before anybody knows whether the connection will be
//! switched; whoever decides that takes it out ([`of`]) and waits. Our codecs keep their end as a [`Promise`]; hyper, which
//! stands in for them in tests, has a type of its own for the same, which only it can make. So this is one name for both.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::Extensions;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// What a connection that left HTTP is read from and written to.
pub trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {
    /// The socket, if what is read from it next is what is to be read here.
    fn to_read(&self) -> Option<&TcpStream> {
        None
    }
}

impl Bytes for TokioIo<Upgraded> {}
#[cfg(test)]
impl Bytes for tokio::io::Empty {}

/// A connection that left HTTP, together with what was read from it too early.
pub type Switched = Box<dyn Bytes>;

/// The connection was closed, or goes on speaking HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection did not change its protocol")]
pub struct Declined;

/// Resolves to the connection once it has left HTTP.
pub struct Switching(Way);

enum Way {
    /// No codec offered one.
    Nowhere,
    Own(oneshot::Receiver<Switched>),
    Hyper(OnUpgrade),
}

/// A codec's end of a [`Switching`].
pub struct Promise(oneshot::Sender<Switched>);

/// An offer among the extensions of a message, which must be `Clone`; the first who asks gets it.
#[derive(Clone)]
struct Offer(Arc<Mutex<Option<oneshot::Receiver<Switched>>>>);

/// Offers the connection to whoever decides about a message.
pub fn offer(extensions: &mut Extensions) -> Promise {
    let (promise, switching) = oneshot::channel();
    extensions.insert(Offer(Arc::new(Mutex::new(Some(switching)))));
    Promise(promise)
}

/// Takes the connection that a codec offered with a message.
pub fn of(extensions: &mut Extensions) -> Switching {
    let own = extensions
        .remove::<Offer>()
        .and_then(|Offer(offer)| offer.lock().unwrap_or_else(PoisonError::into_inner).take());
    Switching(match own {
        Some(own) => Way::Own(own),
        None => extensions.remove::<OnUpgrade>().map_or(Way::Nowhere, Way::Hyper),
    })
}

impl Promise {
    /// Gives the connection away. Closes it if nobody waits any more.
    pub fn keep(self, connection: Switched) {
        let _closed: Result<(), Switched> = self.0.send(connection);
    }
}

impl std::fmt::Debug for Promise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Promise")
    }
}

impl std::fmt::Debug for Switching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Switching")
    }
}

impl Future for Switching {
    type Output = Result<Switched, Declined>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Way::Nowhere => Poll::Ready(Err(Declined)),
            Way::Own(own) => Pin::new(own).poll(cx).map_err(|_| Declined),
            Way::Hyper(hyper) => Pin::new(hyper).poll(cx).map(|upgraded| {
                upgraded
                    .map(|upgraded| Box::new(TokioIo::new(upgraded)) as Switched)
                    .map_err(|_| Declined)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_promise_that_is_kept_gives_the_connection_to_who_took_the_offer() {
        let mut extensions = Extensions::new();
        let promise = offer(&mut extensions);
        let switching = of(&mut extensions);
        promise.keep(Box::new(tokio::io::empty()));
        assert!(switching.await.is_ok());
    }

    #[tokio::test]
    async fn a_promise_that_is_dropped_declines() {
        let mut extensions = Extensions::new();
        drop(offer(&mut extensions));
        assert_eq!(of(&mut extensions).await.err(), Some(Declined));
    }

    #[tokio::test]
    async fn a_message_without_an_offer_declines() {
        assert_eq!(of(&mut Extensions::new()).await.err(), Some(Declined));
    }
}

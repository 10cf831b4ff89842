//! Backends that answer with what they received.
//!
//! Each listens on a port that the system picks, speaks HTTP/1.1 and clear-text HTTP/2, and answers JSON: who it is,
//! and method, path, host, headers, protocol and body length as they arrived. A test tells it to behave differently
//! by request headers ([`Behaviour::from_headers`]) or, where the request must stay the same (retries), by a script for the
//! next requests ([`Backend::script`]).

mod answer;
mod behaviour;
mod record;
mod upgrade;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Request, Response};

pub use behaviour::{Answer, Behaviour, Ending};
pub use record::Received;

use crate::serve::{Body, BoxError, Handler, Line, Server};
use record::Records;

/// A backend. Dropping it stops accepting; use [`Backend::stop`] or [`Backend::kill`] to also wait for its connections.
#[derive(Debug)]
pub struct Backend {
    echo: Arc<Echo>,
    address: SocketAddr,
    server: Option<Server>,
}

#[derive(Debug)]
struct Echo {
    name: String,
    records: Records,
    script: behaviour::Script,
}

impl Backend {
    /// Starts one on a loopback port that the system picks.
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn start(name: impl Into<String>) -> io::Result<Self> {
        Self::start_at(name, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// Starts one at an address.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn start_at(name: impl Into<String>, address: SocketAddr) -> io::Result<Self> {
        let echo = Arc::new(Echo {
            name: name.into(),
            records: Records::default(),
            script: behaviour::Script::default(),
        });
        let server = Server::start(address, Arc::clone(&echo))?;
        Ok(Self {
            echo,
            address: server.address(),
            server: Some(server),
        })
    }

    /// Its name, as its answers give it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.echo.name
    }

    /// Where it listens, also while it is stopped.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// How many request heads have arrived.
    #[must_use]
    pub fn count(&self) -> usize {
        self.echo.records.count()
    }

    /// The newest requests, oldest first; no more than [`Received::KEPT`].
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.echo.records.newest()
    }

    /// How many different connections its requests came by.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.echo.records.connections()
    }

    /// Waits until `count` request heads have arrived, for at most half a minute.
    ///
    /// # Errors
    /// Says how many there were when the time was over.
    pub async fn wait_for(&self, count: usize) -> io::Result<()> {
        tokio::time::timeout(Duration::from_secs(30), self.echo.records.reached(count))
            .await
            .map_err(|_| {
                let (name, seen) = (self.name(), self.count());
                io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("backend {name} got {seen} of {count} requests"),
                )
            })
    }

    /// The next requests behave so, in turn, whatever their headers say.
    pub fn script(&self, next: impl IntoIterator<Item = Behaviour>) {
        self.echo.script.push(next);
    }

    /// Lets requests go that wait with [`Behaviour::hold`], those to come included.
    pub fn release(&self) {
        self.echo.script.release();
    }

    /// Stops accepting, and returns when every request has its answer. It may be restarted.
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// Stops accepting, and returns when every request has its answer and every WebSocket has been closed by its client: as
    /// a pod does that is given all the time it needs. It may be restarted.
    pub async fn finish(&mut self) {
        if let Some(server) = self.server.take() {
            server.finish().await;
        }
    }

    /// Closes every connection at once. It may be restarted.
    pub async fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill().await;
        }
    }

    /// Listens again on the same port. Does nothing if it is running.
    ///
    /// # Errors
    /// When somebody took the port meanwhile.
    pub fn restart(&mut self) -> io::Result<()> {
        if self.server.is_none() {
            self.server = Some(Server::start(self.address, Arc::clone(&self.echo))?);
        }
        Ok(())
    }
}

impl Handler for Echo {
    async fn handle(&self, request: Request<Incoming>, line: Line) -> Result<Response<Body>, BoxError> {
        let behaviour = match self.script.next() {
            Some(behaviour) => behaviour,
            None => Behaviour::from_headers(request.headers()),
        };
        let id = self.records.arrived(&self.name, &request, line.number);
        if let Some(delay) = behaviour.delay {
            tokio::time::sleep(delay).await;
        }
        if behaviour.hold {
            self.script.released().await;
        }
        match behaviour.ending {
            Ending::Reset => return hang_up(&line, true).await,
            Ending::Close => return hang_up(&line, false).await,
            Ending::Refuse => return Err(h2::Error::from(h2::Reason::REFUSED_STREAM).into()),
            Ending::Normal | Ending::Truncate => {}
        }
        let is_head = request.method() == Method::HEAD;
        let mut response = if upgrade::is_wanted(&request) {
            upgrade::switch(request, line)
        } else {
            answer::answer(request, &behaviour, &self.records, id).await?
        };
        behaviour.decorate(&self.name, &mut response);
        Ok(if is_head {
            answer::without_body(response)
        } else {
            response
        })
    }
}

/// Cuts the connection; the answer never comes, since whoever polls it is dropped with the connection.
async fn hang_up(line: &Line, reset: bool) -> Result<Response<Body>, BoxError> {
    line.cut(reset);
    std::future::pending().await
}

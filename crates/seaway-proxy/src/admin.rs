//! What operators see: readiness, metrics, the configuration that serves, explanations, and a dashboard.
//!
//! A small HTTP/1.1 server on a thread of its own, so that a scrape of ten thousand series never holds up a request, and a
//! busy worker never holds up a probe. It only reads: GET and HEAD, nothing that changes anything. It refuses to guess
//! who asks; it is bound to loopback by default, and there it answers only to names that a stranger's page in the
//! operator's browser cannot have (`guard`).
//!
//! Rooms: `state` is what it asks the process, `answer` turns a request into a response without any I/O, `server` is the
//! I/O, `page` the dashboard.

mod answer;
mod explain;
mod guard;
mod page;
mod server;
mod state;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

pub use state::{AdminState, Readiness};

/// A running admin server. Dropping it stops it.
#[derive(Debug)]
pub struct Admin {
    local_addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Admin {
    /// Binds and serves.
    ///
    /// # Errors
    /// When the address cannot be bound; the message names the flag that changes it.
    pub fn start(address: SocketAddr, state: Arc<dyn AdminState>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).map_err(|error| {
            let text = format!("the admin address {address} cannot be bound: {error}; choose another with --admin, or --admin off");
            io::Error::new(error.kind(), text)
        })?;
        listener.set_nonblocking(true)?;
        let local_addr = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("admin".to_owned())
            .spawn(move || runtime.block_on(server::serve(listener, local_addr, state, stopped)))?;
        Ok(Self {
            local_addr,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it serves.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Stops it, and waits for its thread. Answers under way are cut off.
    pub fn shutdown(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests;

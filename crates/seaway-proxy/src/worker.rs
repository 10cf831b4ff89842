//! A worker: one operating-system thread with a single-threaded runtime, its own accept sockets, its own sink.
//!
//! Threads talk to workers by commands and hear back by acknowledgements; no state is shared but what
//! [`crate::context::Shared`] holds.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use seaway_model::Protocol;
use seaway_telemetry::{RequestRecord, RequestSink, Sinks};
use socket2::Socket;
use tokio::sync::mpsc as commands;

use crate::downstream::{Acceptor, Handler, Leaving, Site, Slot};
use crate::l4::Datagrams;
use crate::overload;
use crate::pipeline::timer;

thread_local! {
    static SINK: RefCell<Option<Rc<dyn RequestSink>>> = const { RefCell::new(None) };
}

/// Calls `f` with this worker's sink. `None` on a thread that is no worker.
pub fn with_sink<R>(f: impl FnOnce(&dyn RequestSink) -> R) -> Option<R> {
    SINK.with_borrow(|sink| sink.as_deref().map(f))
}

/// The sink as the pipeline holds it; the connections' own refusals go to the same one.
struct PipelineSink(Rc<dyn RequestSink>);

impl RequestSink for PipelineSink {
    fn record(&self, record: &RequestRecord<'_>) {
        self.0.record(record);
    }

    fn logs(&self) -> bool {
        self.0.logs()
    }
}

fn install_sink(sink: Box<dyn RequestSink>) {
    let sink: Rc<dyn RequestSink> = Rc::from(sink);
    crate::pipeline::install_sink(Box::new(PipelineSink(Rc::clone(&sink))));
    SINK.set(Some(sink));
}

/// What a worker is told.
enum Command {
    Listen {
        id: u64,
        socket: Socket,
        slot: Arc<Slot>,
        done: mpsc::Sender<io::Result<()>>,
    },
    Unlisten {
        id: u64,
        leaving: Leaving,
        done: mpsc::Sender<()>,
    },
}

/// A running worker. Dropping it ends the thread, and with it every connection that is left.
#[derive(Debug)]
pub(crate) struct Worker {
    commands: Option<commands::UnboundedSender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listen { id, .. } => write!(f, "Listen({id})"),
            Self::Unlisten { id, .. } => write!(f, "Unlisten({id})"),
        }
    }
}

impl Worker {
    /// Starts the thread `seaway-N`.
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub(crate) fn start<H: Handler>(site: Site<H>, sinks: Arc<dyn Sinks>) -> io::Result<Self> {
        let (sender, receiver) = commands::unbounded_channel();
        let (started, has_started) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name(format!("seaway-{}", site.worker))
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                match runtime {
                    Ok(runtime) => {
                        install_sink(sinks.sink(site.worker));
                        timer::keep();
                        runtime.spawn(overload::watch(Arc::clone(&site.shared), site.worker));
                        let _: Result<(), mpsc::SendError<_>> = started.send(Ok(()));
                        runtime.block_on(obey(site, receiver));
                        // Connections that are left end here, while the sink is still there to hear of it.
                        drop(runtime);
                        timer::forget();
                    }
                    Err(error) => {
                        let _: Result<(), mpsc::SendError<_>> = started.send(Err(error));
                    }
                }
            })?;
        has_started
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the worker thread ended while it started")))?;
        Ok(Self {
            commands: Some(sender),
            thread: Some(thread),
        })
    }

    /// Accepts on a socket from now on, or receives on it, as the slot's protocol says.
    ///
    /// # Errors
    /// When the socket cannot be watched, or the worker is gone.
    pub(crate) fn listen(&self, id: u64, socket: Socket, slot: Arc<Slot>) -> io::Result<()> {
        let (done, is_done) = mpsc::channel();
        self.send(Command::Listen {
            id,
            socket,
            slot,
            done,
        });
        is_done
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the worker thread has ended")))
    }

    /// Stops accepting on every socket with that number. What the kernel had queued is accepted first, unless it is the
    /// successor's; connections finish what they are doing. The receiver hears when the sockets are closed.
    pub(crate) fn unlisten(&self, id: u64, leaving: Leaving) -> mpsc::Receiver<()> {
        let (done, is_done) = mpsc::channel();
        self.send(Command::Unlisten { id, leaving, done });
        is_done
    }

    fn send(&self, command: Command) {
        if let Some(commands) = &self.commands {
            let _: Result<(), commands::error::SendError<_>> = commands.send(command);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            let _: std::thread::Result<()> = thread.join();
        }
    }
}

/// What listens on one socket.
enum Ear {
    Connections(Acceptor),
    Datagrams(Datagrams),
}

async fn obey<H: Handler>(site: Site<H>, mut commands: commands::UnboundedReceiver<Command>) {
    let site = Arc::new(site);
    let mut ears: Vec<(u64, Ear)> = Vec::new();
    while let Some(command) = commands.recv().await {
        match command {
            Command::Listen {
                id,
                socket,
                slot,
                done,
            } => {
                let ear = match slot.protocol {
                    Protocol::Udp => {
                        Datagrams::start(socket, slot, Arc::clone(&site.shared)).map(Ear::Datagrams)
                    }
                    _ => Acceptor::start(socket.into(), slot, Arc::clone(&site)).map(Ear::Connections),
                };
                let result = ear.map(|ear| ears.push((id, ear)));
                let _: Result<(), mpsc::SendError<_>> = done.send(result);
            }
            Command::Unlisten { id, leaving, done } => {
                for (_, ear) in ears.extract_if(.., |(i, _)| *i == id) {
                    match ear {
                        Ear::Connections(acceptor) => acceptor.stop(leaving).await,
                        Ear::Datagrams(datagrams) => datagrams.stop(leaving).await,
                    }
                }
                let _: Result<(), mpsc::SendError<()>> = done.send(());
            }
        }
    }
}

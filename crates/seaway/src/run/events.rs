//! What the main thread waits for: manifests that changed, and signals.

use std::sync::mpsc::{Receiver, Sender};

use seaway_api::Resources;
use seaway_source::{Files, Update, Watcher};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR2};
use signal_hook::iterator::{Handle, Signals};

/// Something to act on.
#[derive(Debug)]
pub enum Event {
    /// What the manifests say now.
    Resources(Box<Resources>),
    /// A certificate came, or changed.
    Certificates,
    /// There may be something to say of certificates.
    Announce,
    /// Changes cannot be watched, for this reason.
    NotWatched(String),
    /// The control plane said something.
    ControlPlane,
    /// SIGHUP.
    Reload,
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGUSR2.
    Upgrade,
}

/// The sources of events. Dropping it silences them.
pub struct Events {
    /// Where they arrive.
    pub receiver: Receiver<Event>,
    watcher: Watcher,
    signals: Handle,
}

impl Events {
    /// Starts listening to signals and to the files, of which everything that was read so far is known. The channel may
    /// have other senders.
    ///
    /// # Errors
    /// When the system gives no thread or no signal handler.
    pub fn start(files: Files, channel: (Sender<Event>, Receiver<Event>)) -> anyhow::Result<Self> {
        let (sender, receiver) = channel;
        let signals = signals(sender.clone())?;
        let watcher = Watcher::start(files, move |update| {
            // Nobody receives any more only when the process is about to end.
            let _ = sender.send(match update {
                Update::Resources(resources) => Event::Resources(resources),
                Update::NotWatched(reason) => Event::NotWatched(reason),
            });
        })?;
        Ok(Self {
            receiver,
            watcher,
            signals,
        })
    }

    /// Reads all manifests again; they arrive as an event.
    pub fn reload(&self) {
        self.watcher.reload();
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.signals.close();
    }
}

/// Signals as events, until the handle is closed.
///
/// # Errors
/// When the system gives no thread or no signal handler.
pub fn signals(sender: Sender<Event>) -> anyhow::Result<Handle> {
    let mut signals = Signals::new([SIGHUP, SIGTERM, SIGINT, SIGUSR2])?;
    let handle = signals.handle();
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                let event = match signal {
                    SIGHUP => Event::Reload,
                    SIGUSR2 => Event::Upgrade,
                    _ => Event::Stop,
                };
                if sender.send(event).is_err() {
                    return;
                }
            }
        })?;
    Ok(handle)
}

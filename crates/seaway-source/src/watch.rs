//! Watching files.
//!
//! Folders are watched, never files: a file that is replaced by renaming is another file, and a watch on the old one
//! sees nothing any more. An event only says that something may have changed; what did is found by reading, so an
//! event too many costs little, and several events one reading.

mod debounce;
mod folders;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use seaway_api::Resources;

use self::debounce::Debounce;
use self::folders::Folders;
use crate::Files;

/// Watches files from a thread of its own, until it is dropped.
#[derive(Debug)]
pub struct Watcher {
    commands: Sender<Command>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread waits for.
#[derive(Debug)]
enum Command {
    /// Something may have changed.
    Changed,
    /// Read everything, and say what serves even if it is what served before.
    Reload,
    Stop,
}

/// Something to pass on.
#[derive(Debug)]
pub enum Update {
    /// What serves now, whole.
    Resources(Box<Resources>),
    /// Not all changes can be watched, for this reason. Files are read every [`crate::Policy::poll`] instead.
    NotWatched(String),
}

impl Watcher {
    /// Starts watching. `on_update` is called from the thread, first with what serves at the start if that is not what
    /// `files` gave last, and then with every change.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(files: Files, on_update: impl FnMut(Update) + Send + 'static) -> std::io::Result<Self> {
        let (commands, received) = channel();
        let events = commands.clone();
        let thread = std::thread::Builder::new()
            .name("seaway-files".to_owned())
            .spawn(move || {
                let folders = Folders::new(move || {
                    let _ = events.send(Command::Changed);
                });
                Loop::new(files, folders, on_update).run(&received);
            })?;
        Ok(Self {
            commands,
            thread: Some(thread),
        })
    }

    /// Reads everything now, as SIGHUP asks for, and passes it on even if nothing changed.
    pub fn reload(&self) {
        // The thread ends only when this is dropped, or when `on_update` panicked, which is its owner's to see.
        let _ = self.commands.send(Command::Reload);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Loop<F> {
    files: Files,
    folders: Folders,
    debounce: Debounce,
    on_update: F,
    /// The last reason for not watching that was passed on.
    reported: Option<String>,
}

impl<F: FnMut(Update)> Loop<F> {
    fn new(files: Files, folders: Folders, on_update: F) -> Self {
        Self {
            files,
            folders,
            debounce: Debounce::default(),
            on_update,
            reported: None,
        }
    }

    fn run(mut self, received: &Receiver<Command>) {
        self.load(false);
        loop {
            match received.recv_timeout(self.patience(Instant::now())) {
                Ok(Command::Changed) => self.debounce.note(Instant::now()),
                Ok(Command::Reload) => self.load(true),
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => self.load(false),
            }
            if self.debounce.is_due(Instant::now()) {
                self.load(false);
            }
        }
    }

    /// How long there is nothing to do unless something is received.
    fn patience(&self, now: Instant) -> Duration {
        let poll = self.folders.failure().map(|_| now + self.files.policy().poll);
        [self.debounce.due(), self.files.due(), poll]
            .into_iter()
            .flatten()
            .min()
            .map_or(Duration::from_secs(3600), |due| {
                due.saturating_duration_since(now)
            })
    }

    /// Reads everything, and passes it on if it may have changed.
    fn load(&mut self, always: bool) {
        self.debounce = Debounce::default();
        let before = self.files.generation();
        let mut resources = self.files.load(Instant::now());
        // What was written into a folder before it was watched made no event, so it is looked at once more.
        while self.folders.watch(self.files.directories()) {
            resources = self.files.load(Instant::now());
        }
        let failure = self.folders.failure().map(str::to_owned);
        if failure != self.reported
            && let Some(reason) = &failure
        {
            (self.on_update)(Update::NotWatched(reason.clone()));
        }
        self.reported = failure;
        if always || self.files.generation() != before {
            (self.on_update)(Update::Resources(Box::new(resources)));
        }
    }
}

#[cfg(test)]
mod tests;

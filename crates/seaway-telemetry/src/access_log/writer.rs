//! From the workers to the output.
//!
//! Each worker has a lane: two buffers, of which it takes whichever is free. The flushing thread holds one buffer at a
//! time, and only to swap it for an empty one, so a worker finds a free one without waiting; if it should not, the line
//! is dropped and counted. A buffer that is full, because the output is slower than the requests, drops and counts too.
//! A channel was the alternative: one allocation and one wake-up a line. A ring of bytes would need unsafe code.
//!
//! The thread sleeps until the first line, waits a moment for more, and writes everything at once; without requests it
//! never wakes.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::format::LogFormat;
use super::value::Logged;

/// How long lines wait for others.
const GATHER: Duration = Duration::from_millis(50);
/// Most bytes in one of a lane's two buffers.
const BUFFER_BYTES: usize = 512 * 1024;
/// From here on the thread is asked not to wait any longer.
const URGENT_BYTES: usize = BUFFER_BYTES / 2;
/// An emptied buffer larger than this is given back to the system.
const KEEP_BYTES: usize = 64 * 1024;
/// How long the end waits for an output that takes nothing.
const PATIENCE: Duration = Duration::from_secs(2);

/// A running access log. Dropping it writes what is left and ends its thread.
pub struct AccessLog {
    format: Arc<LogFormat>,
    shared: Arc<Shared>,
    thread: Thread,
    ended: Mutex<Receiver<()>>,
}

struct Shared {
    lanes: Mutex<Vec<Arc<Lane>>>,
    output: Mutex<Box<dyn Write + Send>>,
    /// There are lines, and the thread was told.
    dirty: AtomicBool,
    urgent: AtomicBool,
    stop: AtomicBool,
    dropped_full: AtomicU64,
    dropped_write: AtomicU64,
}

#[derive(Default)]
struct Lane([Mutex<Vec<u8>>; 2]);

/// A worker's way into the log.
pub(crate) struct LogLane {
    format: Arc<LogFormat>,
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    thread: Thread,
    line: RefCell<String>,
}

impl AccessLog {
    /// Starts a log that writes to `output`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(format: LogFormat, output: Box<dyn Write + Send>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            lanes: Mutex::default(),
            output: Mutex::new(output),
            dirty: AtomicBool::new(false),
            urgent: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            dropped_full: AtomicU64::new(0),
            dropped_write: AtomicU64::new(0),
        });
        let (ending, ended) = channel();
        let flushed = Arc::clone(&shared);
        let handle = thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || {
                flushed.run();
                // Nobody listening means that nobody waits.
                let _ = ending.send(());
            })?;
        Ok(Self {
            format: Arc::new(format),
            shared,
            thread: handle.thread().clone(),
            ended: Mutex::new(ended),
        })
    }

    /// Starts a log that writes to standard output.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn stdout(format: LogFormat) -> io::Result<Self> {
        Self::start(format, Box::new(io::stdout()))
    }

    /// Writes what is there, now, on this thread.
    pub fn flush(&self) {
        self.shared.drain();
    }

    /// Writes what is left and ends; lines that come later are dropped and counted. An output that takes nothing is
    /// waited for two seconds.
    pub fn shutdown(&self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.thread.unpark();
        let _ = lock(&self.ended).recv_timeout(PATIENCE);
    }

    /// For a worker.
    pub(crate) fn lane(&self) -> LogLane {
        let lane = Arc::<Lane>::default();
        lock(&self.shared.lanes).push(Arc::clone(&lane));
        LogLane {
            format: Arc::clone(&self.format),
            shared: Arc::clone(&self.shared),
            lane,
            thread: self.thread.clone(),
            line: RefCell::default(),
        }
    }

    /// Lines lost because a buffer was full, and because writing failed.
    pub(crate) fn dropped(&self) -> (u64, u64) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (load(&self.shared.dropped_full), load(&self.shared.dropped_write))
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl fmt::Debug for AccessLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessLog")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl LogLane {
    /// Writes a line into the lane. Never waits.
    pub(crate) fn write<'l, 'r: 'l>(&self, logged: impl Into<Logged<'l, 'r>>) {
        let mut line = self.line.borrow_mut();
        line.clear();
        self.format.write(logged.into(), &mut line);
        match self.lane.push(line.as_bytes()) {
            Some(size) if !self.shared.stop.load(Ordering::SeqCst) => self.tell(size),
            _ => {
                self.shared.dropped_full.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Wakes the thread for the first line, and again when it had better hurry.
    fn tell(&self, size: usize) {
        let first =
            !self.shared.dirty.load(Ordering::SeqCst) && !self.shared.dirty.swap(true, Ordering::SeqCst);
        let hurry = size >= URGENT_BYTES && !self.shared.urgent.swap(true, Ordering::SeqCst);
        if first || hurry {
            self.thread.unpark();
        }
    }
}

impl Lane {
    /// Adds a line to the buffer that is free, and says how full it is then. `None`: no room, or neither is free.
    fn push(&self, line: &[u8]) -> Option<usize> {
        // The thread may go from the first buffer to the second between our looks, so the first is looked at again.
        let [first, second] = &self.0;
        for slot in [first, second, first] {
            let mut buffer = match slot.try_lock() {
                Ok(buffer) => buffer,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => continue,
            };
            if buffer.len() + line.len() <= BUFFER_BYTES {
                buffer.extend_from_slice(line);
                return Some(buffer.len());
            }
        }
        None
    }
}

impl Shared {
    /// The thread.
    fn run(&self) {
        while !self.stop.load(Ordering::SeqCst) {
            if !self.dirty.load(Ordering::SeqCst) {
                thread::park();
                continue;
            }
            self.gather();
            // Before the buffers are taken: a line that comes after that tells again.
            self.dirty.store(false, Ordering::SeqCst);
            self.urgent.store(false, Ordering::SeqCst);
            self.drain();
        }
        self.drain();
    }

    /// Waits for more lines, unless there is a hurry.
    fn gather(&self) {
        let end = Instant::now() + GATHER;
        while !self.urgent.load(Ordering::SeqCst) && !self.stop.load(Ordering::SeqCst) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::park_timeout(left);
        }
    }

    /// Writes what all lanes hold.
    fn drain(&self) {
        let mut output = lock(&self.output);
        let mut lines = Vec::new();
        for lane in self.current_lanes() {
            for slot in &lane.0 {
                std::mem::swap(&mut *lock(slot), &mut lines);
                if !lines.is_empty() && output.write_all(&lines).is_err() {
                    let lost = lines.iter().filter(|b| **b == b'\n').count() as u64;
                    self.dropped_write.fetch_add(lost, Ordering::Relaxed);
                }
                lines.clear();
                if lines.capacity() > KEEP_BYTES {
                    lines = Vec::new();
                }
            }
        }
        // A failure here shows again at the next write, which counts it.
        let _ = output.flush();
    }

    /// All lanes, after forgetting those whose worker is gone and that hold nothing.
    fn current_lanes(&self) -> Vec<Arc<Lane>> {
        let mut lanes = lock(&self.lanes);
        lanes.retain(|lane| Arc::strong_count(lane) > 1 || lane.0.iter().any(|slot| !lock(slot).is_empty()));
        lanes.clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

//! A part that runs: where its program is, what it says, and its end.

use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// No part takes longer to start or to say something, unless it hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// Between two looks at a port that nobody listens on yet. There is no event for the moment in which a foreign program
/// begins to listen.
const LOOK: Duration = Duration::from_millis(2);

/// What a program wrote, line by line, standard output and standard error together. It goes on over restarts.
#[derive(Clone, Debug)]
pub struct Log {
    lines: Arc<watch::Sender<Vec<String>>>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            lines: Arc::new(watch::Sender::new(Vec::new())),
        }
    }

    /// The lines until now.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    /// How many lines contain `part`.
    #[must_use]
    pub fn count(&self, part: &str) -> usize {
        self.lines
            .borrow()
            .iter()
            .filter(|line| line.contains(part))
            .count()
    }

    /// Waits until `times` lines contain `part`.
    ///
    /// # Errors
    /// When they do not within half a minute; the error has what was written instead.
    pub async fn wait_for(&self, part: &str, times: usize) -> io::Result<()> {
        let mut watching = self.lines.subscribe();
        let enough = |lines: &Vec<String>| lines.iter().filter(|line| line.contains(part)).count() >= times;
        let found = tokio::time::timeout(DEADLINE, watching.wait_for(enough)).await;
        match found {
            Ok(Ok(_)) => Ok(()),
            _ => Err(io::Error::other(format!(
                "{part:?} was not said {times} times:\n{}",
                self.lines().join("\n")
            ))),
        }
    }

    fn follow(&self, stream: impl Read + Send + 'static) {
        let log = self.clone();
        // A thread, because the pipe must be emptied even while the test's runtime is busy or gone.
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                log.lines.send_modify(|lines| lines.push(line));
            }
        });
    }
}

/// A running program, which is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Mutex<Child>,
    name: &'static str,
    log: Log,
}

impl Process {
    /// Starts a program of a part; what it writes goes to `log`.
    pub(crate) fn start(name: &'static str, log: &Log, set: impl FnOnce(&mut Command)) -> io::Result<Self> {
        let mut command = Command::new(program(name));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        set(&mut command);
        let mut child = command.spawn().map_err(|error| {
            let hint = "`cargo xtask parts` brings what tests need";
            io::Error::new(
                error.kind(),
                format!("{name} could not be started ({error}): {hint}"),
            )
        })?;
        if let Some(stream) = child.stdout.take() {
            log.follow(stream);
        }
        if let Some(stream) = child.stderr.take() {
            log.follow(stream);
        }
        Ok(Self {
            child: Mutex::new(child),
            name,
            log: log.clone(),
        })
    }

    /// Returns when the program accepts connections at `address`.
    pub(crate) async fn listening(&self, address: SocketAddr) -> io::Result<()> {
        // The clock of the system: a test may have stopped tokio's.
        let start = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            if self.ended()? || start.elapsed() > DEADLINE {
                return Err(self.complaint(&format!("does not listen on {address}")));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    pub(crate) fn complaint(&self, what: &str) -> io::Error {
        io::Error::other(format!("{} {what}:\n{}", self.name, self.log.lines().join("\n")))
    }

    pub(crate) fn ended(&self) -> io::Result<bool> {
        Ok(self.child().try_wait()?.is_some())
    }

    /// Stops it where it is, or lets it go on. Returns once it has stopped: a signal alone is only on its way, and a
    /// busy process answers one more request before it arrives.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        let child = self.child();
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("no process id"))?;
        kill_process(pid, signal)?;
        if signal == Signal::STOP {
            waitpid(Some(pid), WaitOptions::UNTRACED)?;
        }
        Ok(())
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = self.child();
        // Fails only when it is gone already. SIGKILL also ends what was stopped.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Where `cargo xtask parts` puts it; otherwise its bare name, which is looked up in `PATH`.
fn program(name: &str) -> PathBuf {
    let parts = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.cache/parts"));
    ["pebble", "envoy"]
        .iter()
        .map(|part| parts.join(part).join("usr/bin").join(name))
        .find(|path| path.exists())
        .unwrap_or_else(|| name.into())
}

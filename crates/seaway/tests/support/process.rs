//! A process that goes on until it is told to stop.

use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::sync::watch;
use tokio::time::timeout;

use super::DEADLINE;

/// What a process has written to one of its streams, and is writing.
#[derive(Clone)]
pub struct Lines {
    lines: Arc<Mutex<Vec<String>>>,
    count: watch::Receiver<usize>,
}

impl Lines {
    /// Reads a stream on a thread that ends with it.
    fn read(stream: impl Read + Send + 'static) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (sender, count) = watch::channel(0);
        let written = Arc::clone(&lines);
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
                written.push(line);
                sender.send_replace(written.len());
            }
        });
        Self { lines, count }
    }

    /// Everything up to now.
    pub fn all(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything, once the stream has ended.
    pub async fn closed(&self) -> Vec<String> {
        let mut count = self.count.clone();
        let ended = timeout(DEADLINE, async { while count.changed().await.is_ok() {} }).await;
        ended.unwrap_or_else(|_| panic!("the stream does not end: {:?}", self.all()));
        self.all()
    }

    /// How many there are.
    pub fn mark(&self) -> usize {
        *self.count.borrow()
    }

    /// The first line from `mark` on for which `is_it` holds; `None` if the stream ends or the time is over first.
    async fn find(&self, mark: usize, is_it: impl Fn(&str) -> bool) -> Option<String> {
        let mut count = self.count.clone();
        let search = async {
            let mut from = mark;
            loop {
                let lines = self.all();
                let found = lines.iter().skip(from).find(|line| is_it(line));
                if let Some(line) = found {
                    return Some(line.clone());
                }
                from = from.max(lines.len());
                // Whatever the stream said last is looked at once more when it has ended.
                if count.wait_for(|count| *count > from).await.is_err() && self.all().len() == from {
                    return None;
                }
            }
        };
        timeout(DEADLINE, search).await.ok().flatten()
    }
}

/// A running seaway, and whatever it started; killed when it goes.
pub struct Process {
    pid: u32,
    exit: watch::Receiver<Option<i32>>,
    /// Standard error.
    pub err: Lines,
    /// Standard output.
    pub out: Lines,
}

impl Process {
    /// Starts it in a folder, where it also writes what is temporary: who is killed cannot clean up.
    pub fn start<S: AsRef<std::ffi::OsStr>>(folder: &Path, args: &[S]) -> Self {
        let mut command = super::strict::gateway();
        command.args(args).current_dir(folder).env("TMPDIR", folder);
        Self::spawn(command)
    }

    /// Starts this command. It gets a process group of its own, so that what it starts can be found.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("the binary starts");
        let err = Lines::read(child.stderr.take().expect("a pipe"));
        let out = Lines::read(child.stdout.take().expect("a pipe"));
        Self {
            pid: child.id(),
            exit: wait(child),
            err,
            out,
        }
    }

    /// The first line on standard error from `mark` on that contains `part`.
    pub async fn line_from(&self, mark: usize, part: &str) -> String {
        match self.err.find(mark, |line| line.contains(part)).await {
            Some(line) => line,
            None => self.fail(&format!("no line on standard error contains \"{part}\"")),
        }
    }

    /// The first line on standard error that contains `part`.
    pub async fn line(&self, part: &str) -> String {
        self.line_from(0, part).await
    }

    /// Waits for `ready`, said after `mark`.
    pub async fn ready(&self, mark: usize) {
        if self.err.find(mark, |line| line == "ready").await.is_none() {
            self.fail("it does not become ready");
        }
    }

    /// The first line on standard output that contains `part`.
    pub async fn out_line(&self, part: &str) -> String {
        match self.out.find(0, |line| line.contains(part)).await {
            Some(line) => line,
            None => self.fail(&format!("no line on standard output contains \"{part}\"")),
        }
    }

    /// Sends a signal to it alone.
    pub fn signal(&self, signal: Signal) {
        kill_process(pid(self.pid), signal).expect("it is there");
    }

    /// Sends a signal to it and to what it started.
    pub fn signal_all(&self, signal: Signal) {
        kill_process_group(pid(self.pid), signal).expect("one of them is there");
    }

    /// Waits for its exit code; 128 and more for a signal, as in a shell.
    pub async fn exit(&self) -> i32 {
        let mut exit = self.exit.clone();
        match timeout(DEADLINE, exit.wait_for(Option::is_some)).await {
            Ok(Ok(code)) => code.unwrap_or_default(),
            _ => self.fail("it did not end"),
        }
    }

    /// Bytes of memory that it has in use.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        kibibytes.expect("a number") * 1024
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.pid
    }

    /// Whether it still runs.
    pub fn is_running(&self) -> bool {
        self.exit.borrow().is_none()
    }

    /// Waits until standard error is closed: nobody who inherited it runs any more.
    pub async fn silent(&self) {
        self.err.closed().await;
    }

    /// Fails the test with everything that was said.
    pub fn fail(&self, why: &str) -> ! {
        let (err, out) = (self.err.all().join("\n"), self.out.all().join("\n"));
        panic!("{why}\n--- standard error\n{err}\n--- standard output\n{out}\n---");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // All of them may be gone already.
        let _ = kill_process_group(pid(self.pid), Signal::KILL);
    }
}

/// Ends a process that hangs.
pub fn kill(id: u32) {
    // It may have ended this moment.
    let _ = kill_process(pid(id), Signal::KILL);
}

fn pid(id: u32) -> Pid {
    i32::try_from(id)
        .ok()
        .and_then(Pid::from_raw)
        .expect("the number of a process")
}

fn wait(mut child: Child) -> watch::Receiver<Option<i32>> {
    use std::os::unix::process::ExitStatusExt as _;
    let (sender, exit) = watch::channel(None);
    thread::spawn(move || {
        let status = child.wait().expect("its end");
        let code = status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
        sender.send_replace(Some(code));
    });
    exit
}

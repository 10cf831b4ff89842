//! A process that is measured: what it costs, what it holds, and its end.
//!
//! Every proxy is one process here, so the clock of that process is all that it costs. That clock counts nanoseconds
//! and keeps those of threads that have ended; `/proc/PID/stat` counts in ticks of ten milliseconds.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// A process that ends with its owner.
pub struct Process(pub Child);

/// How long a process may take to end by itself.
const FAREWELL: Duration = Duration::from_secs(2);

/// Asks it to end, as a service manager does: a build that counts writes its counts at its end.
impl Drop for Process {
    fn drop(&mut self) {
        let began = Instant::now();
        let asked = i32::try_from(self.id()).is_ok_and(|id| kill(Pid::from_raw(id), Signal::SIGTERM).is_ok());
        while asked && began.elapsed() < FAREWELL {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            rest();
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// The number of the process that does the work. taskset becomes its command, so it is the child's own.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// A field of `/proc/PID/status` that is in KiB, in MiB. `VmRSS` is all that is resident, `RssAnon` what of it is
    /// not the program file.
    pub fn memory(&self, field: &str) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let kib = line.and_then(|line| line.split_whitespace().next());
        let kib: f64 = kib.with_context(|| field.to_owned())?.parse()?;
        Ok(kib / 1024.0)
    }

    /// User and system time of all of its threads up to now.
    pub fn cpu(&self) -> Result<Duration> {
        let pid = Pid::from_raw(i32::try_from(self.id())?);
        let clock = clock_getcpuclockid(pid).context("the process has a clock")?;
        Ok(clock_gettime(clock)
            .context("the clock of the process can be read")?
            .into())
    }
}

/// Rests between two looks at a process that does not listen or answer yet, or has not ended. Programs of others have no
/// event for those moments.
#[expect(
    clippy::disallowed_methods,
    reason = "a foreign program tells nobody when it listens, or will end"
)]
pub fn rest() {
    std::thread::sleep(Duration::from_millis(10));
}

/// The same command on core 0, where what is measured runs; load and upstream are on core 1.
pub fn on_core_0(command: &Command) -> Command {
    let mut pinned = Command::new("taskset");
    pinned.args(["--cpu-list", "0"]).arg(command.get_program());
    pinned.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => pinned.env(name, value),
            None => pinned.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        pinned.current_dir(folder);
    }
    pinned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_process_costs_time_and_an_idle_one_none() {
        let busy = Process(
            Command::new("sh")
                .args(["-c", "while :; do :; done"])
                .spawn()
                .expect("a shell"),
        );
        let idle = Process(Command::new("sleep").arg("60").spawn().expect("sleep"));
        while busy.cpu().expect("a clock") < Duration::from_millis(20) {
            std::thread::yield_now();
        }
        assert!(idle.cpu().expect("a clock") < Duration::from_millis(20));
    }
}

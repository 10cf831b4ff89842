//! Processes as the system knows them: which there are, how old they are, what is resident of them, how they ended.

use std::fs;

use anyhow::{Context, Result};
use rustix::process::{Pid, WaitId, WaitIdOptions, WaitIdStatus, waitid};
use serde::Serialize;

/// The unit in which the kernel tells times, everywhere: hundredths of a second.
const TICKS: f64 = 100.0;

/// One that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: Pid,
    /// Ticks after the start of the machine.
    pub started: u64,
}

/// What is resident, in MiB.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Resident {
    /// Everything.
    pub all: f64,
    /// What of it is not the program file.
    pub anonymous: f64,
}

impl Process {
    /// In seconds.
    pub fn age(&self) -> Result<f64> {
        let uptime = fs::read_to_string("/proc/uptime")?;
        let uptime: f64 = uptime
            .split_whitespace()
            .next()
            .context("/proc/uptime")?
            .parse()?;
        #[expect(clippy::cast_precision_loss, reason = "some months in ticks fit")]
        let started = self.started as f64 / TICKS;
        Ok(uptime - started)
    }

    /// Now.
    pub fn resident(&self) -> Result<Resident> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid.as_raw_nonzero()))?;
        Ok(Resident {
            all: mebibytes(&status, "VmRSS")?,
            anonymous: mebibytes(&status, "RssAnon")?,
        })
    }
}

/// A field of `/proc/PID/status` that is in KiB.
fn mebibytes(status: &str, field: &str) -> Result<f64> {
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kib = value.and_then(|value| value.split_whitespace().next());
    let kib: f64 = kib.with_context(|| field.to_owned())?.parse()?;
    Ok(kib / 1024.0)
}

/// The number of a child.
pub fn pid(id: u32) -> Result<Pid> {
    let id = i32::try_from(id)?;
    Pid::from_raw(id).context("0 is no process")
}

/// From now on, or no more: children of our children become ours when their parents end.
pub fn adopt_orphans(adopt: bool) -> Result<()> {
    let who = adopt.then(rustix::process::getpid);
    rustix::process::set_child_subreaper(who).context("orphans cannot be adopted")
}

/// Every process of a group that has not ended.
pub fn of_group(group: Pid) -> Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let id = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(pid) = id.and_then(Pid::from_raw) else {
            continue;
        };
        // It may have ended this moment.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        if let Some(stat) = Stat::read(&stat)
            && stat.group == group.as_raw_nonzero().get()
            && !stat.has_ended
        {
            found.push(Process {
                pid,
                started: stat.started,
            });
        }
    }
    Ok(found)
}

/// What is of use of `/proc/PID/stat`.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    has_ended: bool,
    group: i32,
    started: u64,
}

impl Stat {
    fn read(text: &str) -> Option<Self> {
        // The second field is the program's name in brackets, which may hold spaces.
        let (_, fields) = text.rsplit_once(") ")?;
        let mut fields = fields.split(' ');
        let state = fields.next()?;
        let group = fields.nth(1)?.parse().ok()?;
        let started = fields.nth(16)?.parse().ok()?;
        Some(Self {
            has_ended: matches!(state, "Z" | "X"),
            group,
            started,
        })
    }
}

/// Lets go of children of a group that have ended; says which ended otherwise than with 0.
pub fn reap(group: Pid) -> Vec<String> {
    let mut troubles = Vec::new();
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    while let Ok(Some(status)) = waitid(WaitId::Pgid(Some(group)), options) {
        troubles.extend(trouble(&status));
    }
    troubles
}

fn trouble(status: &WaitIdStatus) -> Option<String> {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(0), _) => None,
        (Some(code), _) => Some(format!("ended with {code}")),
        (None, signal) => Some(format!("was ended by signal {}", signal.unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_does_not_shift_the_fields() {
        let text = "42 (a (b) c) S 1 77 77 0 -1 0 0 0 0 0 5 6 0 0 20 0 3 0 123456 9 9";
        let stat = Stat {
            has_ended: false,
            group: 77,
            started: 123_456,
        };
        assert_eq!(Stat::read(text), Some(stat));
        assert_eq!(Stat::read("42 (a) Z 1 77"), None);
    }

    #[test]
    fn this_process_is_in_its_group_and_has_memory() {
        let me = rustix::process::getpid();
        let all = of_group(rustix::process::getpgrp()).expect("processes");
        let this = all.iter().find(|process| process.pid == me).expect("this one");
        let resident = this.resident().expect("memory");
        assert!(resident.all > 1.0 && resident.all > resident.anonymous);
        assert!(this.age().expect("an age") >= 0.0);
    }
}

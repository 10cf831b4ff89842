//! How much memory the process holds, and how much it may.
//!
//! Resident memory is what the system kills for, so that is what is read, and not what an allocator believes. The bound is
//! nine tenths of what the control group (version 2 or 1) or the machine has, unless somebody says otherwise.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Between two readings.
const EVERY: Duration = Duration::from_millis(100);
/// Of the bound, where shedding begins; at the bound (nearly) all is shed.
const BEGIN: f64 = 0.95;
/// A trickle passes, for the reason that the controller has for it.
const MOST: f64 = 0.98;

/// One per process. Whichever worker comes by first when a reading is due takes it.
#[derive(Debug)]
pub(super) struct Memory {
    limit: u64,
    resident: AtomicU64,
    /// When the next reading is due, in microseconds.
    due: AtomicU64,
}

impl Memory {
    /// `None` takes what the system allows.
    pub(super) fn new(limit: Option<u64>) -> Self {
        Self {
            limit: limit.or_else(allowed).unwrap_or(u64::MAX),
            resident: AtomicU64::new(0),
            due: AtomicU64::new(0),
        }
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// Whether the bound is reached.
    pub(super) fn is_full(&self) -> bool {
        self.resident.load(Ordering::Relaxed) >= self.limit
    }

    /// What share of new requests is shed for its sake. `now` is since whenever, for all workers alike.
    pub(super) fn share(&self, now: Duration) -> f64 {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let due = self.due.load(Ordering::Relaxed);
        let next = micros(now + EVERY);
        let is_mine = micros(now) >= due
            && self
                .due
                .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if is_mine && let Some(resident) = resident() {
            self.resident.store(resident, Ordering::Relaxed);
        }
        share(self.resident.load(Ordering::Relaxed), self.limit)
    }
}

fn share(resident: u64, limit: u64) -> f64 {
    let full = resident as f64 / limit.max(1) as f64;
    ((full - BEGIN) / (1.0 - BEGIN)).clamp(0.0, MOST)
}

fn resident() -> Option<u64> {
    kilobytes(&std::fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// A line of `/proc/self/status` or `/proc/meminfo`, in bytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// Nine tenths of the least that anybody above us allows.
fn allowed() -> Option<u64> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let machine = read(Path::new("/proc/meminfo")).and_then(|text| kilobytes(&text, "MemTotal:"));
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let bytes = group_files(&groups)
        .iter()
        .filter_map(|path| read(Path::new(path))?.trim().parse::<u64>().ok())
        .chain(machine)
        .min()?;
    Some(bytes / 10 * 9)
}

/// Where the limits of the groups may stand that `/proc/self/cgroup` names, and of the groups above them. In a container
/// the named path is often that of the host, and the root is what counts.
fn group_files(groups: &str) -> Vec<String> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            all if all.split(',').any(|c| c == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let mut path = path.trim_end_matches('/');
        loop {
            files.push(format!("{root}{path}/{file}"));
            match path.rsplit_once('/') {
                Some((above, _)) => path = above,
                None => break,
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_shed_until_it_is_nearly_full_and_nearly_all_when_it_is() {
        assert_eq!(share(94, 100), 0.0);
        assert!(share(97, 100) > 0.3 && share(97, 100) < 0.5);
        assert_eq!([share(100, 100), share(1000, 100)], [MOST; 2]);
        assert_eq!(share(1 << 40, u64::MAX), 0.0);
    }

    #[test]
    fn a_reading_is_taken_when_it_is_due_and_not_before() {
        let memory = Memory::new(Some(1));
        assert!(!memory.is_full());
        assert_eq!(memory.share(Duration::from_secs(1)), MOST);
        assert!(memory.is_full());
        memory.resident.store(0, Ordering::Relaxed);
        assert_eq!(memory.share(Duration::from_secs(1) + EVERY / 2), 0.0);
        assert_eq!(memory.share(Duration::from_secs(1) + EVERY), MOST);
    }

    #[test]
    fn the_groups_of_both_versions_are_asked_up_to_the_root() {
        let files = group_files("4:memory:/a/b\n3:cpuset:/\n0::/c\n");
        assert_eq!(
            files,
            [
                "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                "/sys/fs/cgroup/c/memory.max",
                "/sys/fs/cgroup/memory.max",
            ]
        );
    }

    #[test]
    fn this_system_says_how_much_there_is() {
        assert!(resident().unwrap() > 0);
        assert!(allowed().unwrap() > resident().unwrap());
    }
}

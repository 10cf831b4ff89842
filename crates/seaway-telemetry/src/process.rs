//! What the operating system says of this process, under the names that Prometheus' own libraries use.
//!
//! Read from `/proc` at every scrape; on a system without it these metrics are absent. Parsing is apart from reading.

use crate::catalog::{
    PROCESS_CPU, PROCESS_MAX_FDS, PROCESS_OPEN_FDS, PROCESS_RESIDENT, PROCESS_START, PROCESS_VIRTUAL,
};
use crate::exposition::Exposition;

/// Clock ticks a second in `/proc`. The kernel's interface to user space has been 100 on every architecture that Rust's
/// Linux targets have; asking `sysconf` would need unsafe code for a constant.
const TICKS_PER_SECOND: f64 = 100.0;

/// Adds the process's metrics.
pub(crate) fn collect(exposition: &mut Exposition) {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let stat = read("/proc/self/stat");
    if let Some(seconds) = cpu_seconds(&stat) {
        exposition.family(PROCESS_CPU).sample(&[], seconds);
    }
    if let (Some(start), Some(boot)) = (start_ticks(&stat), boot_seconds(&read("/proc/stat"))) {
        let seconds = boot + start / TICKS_PER_SECOND;
        exposition.family(PROCESS_START).sample(&[], seconds);
    }
    let status = read("/proc/self/status");
    if let Some(bytes) = kilobytes(&status, "VmRSS:") {
        exposition.family(PROCESS_RESIDENT).sample(&[], bytes);
    }
    if let Some(bytes) = kilobytes(&status, "VmSize:") {
        exposition.family(PROCESS_VIRTUAL).sample(&[], bytes);
    }
    if let Ok(entries) = std::fs::read_dir("/proc/self/fd") {
        // The descriptor by which the folder is read is one of them.
        let open = entries.count().saturating_sub(1) as u64;
        exposition.family(PROCESS_OPEN_FDS).sample(&[], open);
    }
    if let Some(limit) = open_files_limit(&read("/proc/self/limits")) {
        exposition.family(PROCESS_MAX_FDS).sample(&[], limit);
    }
}

/// A field of `/proc/self/stat`, numbered from 1 as in proc(5). The name in parentheses may hold anything, so counting
/// starts behind its last parenthesis.
fn stat_field(stat: &str, number: usize) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split_ascii_whitespace()
        .nth(number.checked_sub(3)?)?
        .parse()
        .ok()
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((stat_field(stat, 14)? + stat_field(stat, 15)?) / TICKS_PER_SECOND)
}

fn start_ticks(stat: &str) -> Option<f64> {
    stat_field(stat, 22)
}

fn boot_seconds(stat: &str) -> Option<f64> {
    let line = stat.lines().find_map(|l| l.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

fn open_files_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|l| l.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str =
        "42 (sea) way 9 9) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 7700 1000000 200";

    #[test]
    fn processor_time_is_user_and_system_time_in_seconds() {
        assert_eq!(cpu_seconds(STAT), Some(3.0));
    }

    #[test]
    fn a_process_name_with_parentheses_does_not_shift_the_fields() {
        assert_eq!(start_ticks(STAT), Some(7700.0));
    }

    #[test]
    fn memory_is_turned_into_bytes() {
        assert_eq!(
            kilobytes("VmSize:\t 9 kB\nVmRSS:\t  2048 kB\n", "VmRSS:"),
            Some(2_097_152)
        );
    }

    #[test]
    fn an_unlimited_number_of_files_has_no_limit_to_show() {
        assert_eq!(
            open_files_limit("Max open files            1024       4096       files\n"),
            Some(1024)
        );
        assert_eq!(
            open_files_limit("Max open files            unlimited  unlimited  files\n"),
            None
        );
    }
}
